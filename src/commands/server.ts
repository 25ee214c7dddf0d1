/** Small commands about the server itself: TIME, LOLWUT, SHUTDOWN. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { GATE_LOADING } from '../engine/gates.ts'
import { readyToStop } from '../engine/shutdown.ts'
import { REDIS_VERSION } from '../platform/version.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err, SYNTAX_ERROR } from '../protocol/error-replies.ts'

function time(client: Client): void {
  const micros = client.engine.clock.epochMicros()
  client.reply.arrayHeader(2)
  client.reply.bulkText(String(Math.floor(micros / 1e6)))
  client.reply.bulkText(String(micros % 1e6))
}

function lolwut(client: Client, args: Arguments): void {
  if (args.count > 2 && args.is(1, 'VERSION')) {
    // Versions 5 and 6 draw, in a size given by so many numbers. We do not draw, but refuse what they refuse.
    const sizes = { 5: 3, 6: 2 }[args.integer(2)] ?? 0
    for (let i = 3; i < Math.min(args.count, 3 + sizes); i++) args.integer(i)
  }
  client.reply.verbatim('txt', `Redis ver. ${REDIS_VERSION}\n`)
}

function shutdown(client: Client, args: Arguments): void {
  let save = false
  let nosave = false
  let abort = false
  let force = false
  for (let i = 1; i < args.count; i++) {
    if (args.is(i, 'NOSAVE')) nosave = true
    else if (args.is(i, 'SAVE')) save = true
    else if (args.is(i, 'ABORT')) abort = true
    else if (args.is(i, 'FORCE')) force = true
    else if (!args.is(i, 'NOW')) throw SYNTAX_ERROR
  }
  if ((abort && args.count > 2) || (save && nosave)) throw SYNTAX_ERROR
  if (abort) throw err('No shutdown in progress.')
  const { engine } = client
  // Half a dataset must not replace the whole one.
  if ((engine.gates & GATE_LOADING) !== 0) {
    save = false
    nosave = true
  }
  engine.log.warning('User requested shutdown...')
  const saves = save || (!nosave && engine.settings.save.length > 0)
  if (!readyToStop(engine, saves, force)) throw err('Errors trying to SHUTDOWN. Check logs.')
  engine.shutdown()
}

/** Server commands without a file of their own. */
export const serverCommands: Family = family('server', {
  TIME: {
    summary: 'Returns the server time.',
    since: '2.6.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['loading', 'stale', 'fast'],
    tips: ['nondeterministic_output'],
    run: time,
  },
  LOLWUT: {
    summary: 'Displays computer art and the Redis version',
    since: '5.0.0',
    complexity: '',
    syntax: '[VERSION version]',
    flags: ['readonly', 'fast'],
    run: lolwut,
  },
  SHUTDOWN: {
    summary: 'Synchronously saves the database(s) to disk and shuts down the Redis server.',
    since: '1.0.0',
    complexity:
      'O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)',
    syntax: '[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]',
    flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'allow_busy'],
    history: [['7.0.0', 'Added the `NOW`, `FORCE` and `ABORT` modifiers.']],
    run: shutdown,
  },
})
