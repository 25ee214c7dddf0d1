/** SLOWLOG: the command; what it holds is engine/slow-log.ts's. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err, wrongSubcommandArguments } from '../protocol/error-replies.ts'
import { replyHelp } from './help.ts'

/** Entries GET shows when it is not told how many. */
const SHOWN = 10
const BAD_COUNT = err('count should be greater than or equal to -1')

function get(client: Client, args: Arguments): void {
  if (args.count > 3) throw wrongSubcommandArguments('SLOWLOG', args.text(1))
  const count = args.count === 3 ? args.integerOr(2, BAD_COUNT) : SHOWN
  if (count < -1) throw BAD_COUNT
  const { slowLog } = client.engine
  const shown = slowLog.latest(count === -1 ? slowLog.length : count)
  const { reply } = client
  reply.arrayHeader(shown.length)
  for (const entry of shown) {
    reply.arrayHeader(6)
    reply.integer(entry.id)
    reply.integer(entry.time)
    reply.integer(entry.micros)
    reply.arrayHeader(entry.args.length)
    for (const arg of entry.args) reply.bulkBytes(arg)
    reply.bulkText(entry.address)
    reply.bulkText(entry.clientName)
  }
}

function len(client: Client): void {
  client.reply.integer(client.engine.slowLog.length)
}

function reset(client: Client): void {
  client.engine.slowLog.clear()
  client.reply.ok()
}

const HELP: readonly string[] = [
  'GET [<count>]',
  '    Return top <count> entries from the slowlog (default: 10, -1 mean all).',
  '    Entries are made of:',
  '    id, timestamp, time in microseconds, arguments array, client IP and port,',
  '    client name',
  'LEN',
  '    Return the length of the slowlog.',
  'RESET',
  '    Reset the slowlog.',
]

export const slowlogCommands: Family = family('server', {
  SLOWLOG: {
    summary: 'A container for slow log commands.',
    since: '2.2.12',
    complexity: 'Depends on subcommand.',
    syntax: '',
    flags: [],
    subcommands: {
      GET: {
        summary: "Returns the slow log's entries.",
        since: '2.2.12',
        complexity: 'O(N) where N is the number of entries returned',
        syntax: '[count]',
        flags: ['admin', 'loading', 'stale'],
        tips: ['request_policy:all_nodes', 'nondeterministic_output'],
        history: [['4.0.0', 'Added client IP address, port and name to the reply.']],
        run: get,
      },
      LEN: {
        summary: 'Returns the number of entries in the slow log.',
        since: '2.2.12',
        complexity: 'O(1)',
        syntax: '',
        flags: ['admin', 'loading', 'stale'],
        tips: ['request_policy:all_nodes', 'response_policy:agg_sum', 'nondeterministic_output'],
        run: len,
      },
      RESET: {
        summary: 'Clears all entries from the slow log.',
        since: '2.2.12',
        complexity: 'O(N) where N is the number of entries in the slowlog',
        syntax: '',
        flags: ['admin', 'loading', 'stale'],
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        run: reset,
      },
      HELP: {
        summary: 'Show helpful text about the different subcommands',
        since: '6.2.0',
        complexity: 'O(1)',
        syntax: '',
        flags: ['loading', 'stale'],
        run: (client) => replyHelp(client, 'SLOWLOG', HELP),
      },
    },
  },
})
