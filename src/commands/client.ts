/** CLIENT: what a connection can ask and say about itself, and about the others. */
import type { Client } from '../engine/client.ts'
import { clientLine, clientType } from '../engine/client-line.ts'
import { type Family, family } from '../engine/command.ts'
import { GATE_NO_TOUCH, GATE_REPLY } from '../engine/gates.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err, SYNTAX_ERROR } from '../protocol/error-replies.ts'
import { nameArgument } from './connection.ts'
import { replyHelp } from './help.ts'
import { millisecondsArgument } from './timeout-argument.ts'
import { CACHING_HELP, TRACKING_HELP, trackingSubcommands } from './tracking.ts'

const NOT_A_CLIENT_ID = err('client-id should be greater than 0')
const CLIENT_TYPES: ReadonlySet<string> = new Set(['normal', 'master', 'replica', 'slave', 'pubsub'])

function clientInfo(client: Client): void {
  client.reply.verbatim('txt', `${clientLine(client)}\n`)
}

function clientList(client: Client, args: Arguments): void {
  const all = [...client.engine.clients.values()]
  let shown = all
  if (args.count > 2) {
    if (args.is(2, 'TYPE') && args.count === 4) {
      const type = typeArgument(args, 3)
      shown = all.filter((other) => clientType(other) === type)
    } else if (args.is(2, 'ID') && args.count > 3) {
      shown = []
      for (let i = 3; i < args.count; i++) {
        const id = args.integerOr(i, err('Invalid client ID'))
        const other = client.engine.clients.get(id)
        if (other !== undefined) shown.push(other)
      }
    } else throw SYNTAX_ERROR
  }
  client.reply.verbatim('txt', shown.map((other) => `${clientLine(other)}\n`).join(''))
}

/** Argument `index` as a client type. Throws the error for an unknown one. */
function typeArgument(args: Arguments, index: number): string {
  const type = args.text(index).toLowerCase()
  if (!CLIENT_TYPES.has(type)) throw err(`Unknown client type '${args.text(index)}'`)
  return type === 'slave' ? 'replica' : type
}

function clientKill(client: Client, args: Arguments): void {
  const clients = [...client.engine.clients.values()]
  if (args.count === 3) {
    const address = args.text(2)
    const found = clients.find((other) => other.link.remoteAddress === address)
    if (found === undefined) throw err('No such client')
    kill(client, found)
    client.reply.ok()
    return
  }
  const matches = readKillFilters(client, args)
  const found = clients.filter(matches)
  for (const other of found) kill(client, other)
  client.reply.integer(found.length)
}

/** Closes `victim`; a client that kills itself still gets its reply. */
function kill(client: Client, victim: Client): void {
  if (victim === client) client.closeAfterReply = true
  else victim.link.destroy()
}

type Filter = (other: Client) => boolean

function readKillFilters(client: Client, args: Arguments): Filter {
  const filters: Filter[] = []
  let skipMe = true
  for (let i = 2; i < args.count; i += 2) {
    if (i + 1 >= args.count) throw SYNTAX_ERROR
    const value = args.text(i + 1)
    if (args.is(i, 'ID')) {
      const id = args.integerOr(i + 1, NOT_A_CLIENT_ID)
      if (id < 1) throw NOT_A_CLIENT_ID
      filters.push((other) => other.id === id)
    } else if (args.is(i, 'TYPE')) {
      const type = typeArgument(args, i + 1)
      filters.push((other) => clientType(other) === type)
    } else if (args.is(i, 'ADDR')) filters.push((other) => other.link.remoteAddress === value)
    else if (args.is(i, 'LADDR')) filters.push((other) => other.link.localAddress === value)
    else if (args.is(i, 'USER')) {
      if (client.engine.acl.user(value) === undefined) throw err(`No such user '${value}'`)
      filters.push((other) => other.user.name === value)
    } else if (args.is(i, 'SKIPME') && args.is(i + 1, 'YES')) skipMe = true
    else if (args.is(i, 'SKIPME') && args.is(i + 1, 'NO')) skipMe = false
    else throw SYNTAX_ERROR
  }
  return (other) => !(skipMe && other === client) && filters.every((filter) => filter(other))
}

function getname(client: Client): void {
  if (client.name === '') client.reply.null()
  else client.reply.bulkText(client.name)
}

function setname(client: Client, args: Arguments): void {
  client.name = nameArgument(args, 2)
  client.reply.ok()
}

function setinfo(client: Client, args: Arguments): void {
  const option = args.text(2).toLowerCase()
  const value = args.text(3)
  if (option !== 'lib-name' && option !== 'lib-ver') throw err(`Unrecognized option '${args.text(2)}'`)
  if (/[^!-~]/.test(value)) throw err(`${option} cannot contain spaces, newlines or special characters.`)
  if (option === 'lib-name') client.libName = value
  else client.libVersion = value
  client.reply.ok()
}

/** Argument 2 as ON or OFF. Throws SYNTAX_ERROR. */
function switchArgument(args: Arguments): boolean {
  if (args.is(2, 'ON')) return true
  if (args.is(2, 'OFF')) return false
  throw SYNTAX_ERROR
}

function noEvict(client: Client, args: Arguments): void {
  client.noEvict = switchArgument(args)
  client.engine.clientEviction.touched(client)
  client.reply.ok()
}

function noTouch(client: Client, args: Arguments): void {
  client.noTouch = switchArgument(args)
  if (client.noTouch) client.gates |= GATE_NO_TOUCH
  else client.gates &= ~GATE_NO_TOUCH
  client.reply.ok()
}

function replyMode(client: Client, args: Arguments): void {
  const silent = (client.gates & GATE_REPLY) !== 0
  if (args.is(2, 'ON')) {
    client.gates &= ~GATE_REPLY
    client.skippedReplies = 0
    client.reply.ok()
  } else if (args.is(2, 'OFF')) {
    client.gates |= GATE_REPLY
    client.skippedReplies = 0
  } else if (args.is(2, 'SKIP')) {
    const off = silent && client.skippedReplies === 0
    client.gates |= GATE_REPLY
    // Under SKIP this command's own reply is one of those dropped; under OFF all are.
    if (!off) client.skippedReplies = silent ? 2 : 1
  } else throw SYNTAX_ERROR
}

function pause(client: Client, args: Arguments): void {
  const kind = args.count === 3 || args.is(3, 'ALL') ? 'all' : args.is(3, 'WRITE') ? 'write' : null
  if (kind === null || args.count > 4) throw err('CLIENT PAUSE mode must be WRITE or ALL')
  const timeout = millisecondsArgument(client, args, 2)
  client.engine.pause.start(kind, client.engine.clock.now + timeout)
  client.reply.ok()
}

function unpause(client: Client): void {
  client.engine.pause.stop()
  client.reply.ok()
}

function unblock(client: Client, args: Arguments): void {
  if (args.count > 4) {
    throw err(`unknown subcommand or wrong number of arguments for '${args.text(1)}'. Try CLIENT HELP.`)
  }
  const withError = args.count === 4 && args.is(3, 'ERROR')
  if (args.count === 4 && !withError && !args.is(3, 'TIMEOUT')) {
    throw err('CLIENT UNBLOCK reason should be TIMEOUT or ERROR')
  }
  const target = client.engine.clients.get(args.integer(2))
  const unblocked = target !== undefined && client.engine.blocking.unblock(target, withError)
  client.reply.integer(unblocked ? 1 : 0)
}

const HELP: readonly string[] = [
  ...CACHING_HELP,
  'GETNAME',
  '    Return the name of the current connection.',
  'ID',
  '    Return the ID of the current connection.',
  'INFO',
  '    Return information about the current client connection.',
  'KILL <ip:port>',
  '    Kill connection made from <ip:port>.',
  'KILL <option> <value> [<option> <value> [...]]',
  '    Kill connections. Options are:',
  '    * ADDR (<ip:port>|<unixsocket>:0)',
  '      Kill connections made from the specified address',
  '    * LADDR (<ip:port>|<unixsocket>:0)',
  '      Kill connections made to specified local address',
  '    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)',
  '      Kill connections by type.',
  '    * USER <username>',
  '      Kill connections authenticated by <username>.',
  '    * SKIPME (YES|NO)',
  '      Skip killing current connection (default: yes).',
  'LIST [options ...]',
  '    Return information about client connections. Options:',
  '    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)',
  '      Return clients of specified type.',
  'UNPAUSE',
  '    Stop the current client pause, resuming traffic.',
  'PAUSE <timeout> [WRITE|ALL]',
  '    Suspend all, or just write, clients for <timeout> milliseconds.',
  'REPLY (ON|OFF|SKIP)',
  '    Control the replies sent to the current connection.',
  'SETNAME <name>',
  '    Assign the name <name> to the current connection.',
  'SETINFO <option> <value>',
  '    Set client meta attr. Options are:',
  '    * LIB-NAME: the client lib name.',
  '    * LIB-VER: the client lib version.',
  'UNBLOCK <clientid> [TIMEOUT|ERROR]',
  '    Unblock the specified blocked client.',
  ...TRACKING_HELP,
  'NO-EVICT (ON|OFF)',
  '    Protect current client connection from eviction.',
  'NO-TOUCH (ON|OFF)',
  '    Will not touch LRU/LFU stats when this mode is on.',
]

function help(client: Client): void {
  replyHelp(client, 'CLIENT', HELP)
}

/** CLIENT and its subcommands. */
export const clientCommands: Family = family('connection', {
  CLIENT: {
    summary: 'A container for client connection commands.',
    since: '2.4.0',
    complexity: 'Depends on subcommand.',
    syntax: '',
    flags: [],
    subcommands: {
      ...trackingSubcommands,
      ID: {
        summary: 'Returns the unique client ID of the connection.',
        since: '5.0.0',
        complexity: 'O(1)',
        syntax: '',
        flags: ['noscript', 'loading', 'stale'],
        run: (client) => client.reply.integer(client.id),
      },
      INFO: {
        summary: 'Returns information about the connection.',
        since: '6.2.0',
        complexity: 'O(1)',
        syntax: '',
        flags: ['noscript', 'loading', 'stale'],
        tips: ['nondeterministic_output'],
        run: clientInfo,
      },
      LIST: {
        summary: 'Lists open connections.',
        since: '2.4.0',
        complexity: 'O(N) where N is the number of client connections',
        syntax: '[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        tips: ['nondeterministic_output'],
        history: [
          ['2.8.12', 'Added unique client `id` field.'],
          ['5.0.0', 'Added optional `TYPE` filter.'],
          ['6.0.0', 'Added `user` field.'],
          ['6.2.0', 'Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.'],
          ['7.0.0', 'Added `resp`, `multi-mem`, `rbs` and `rbp` fields.'],
          ['7.0.3', 'Added `ssub` field.'],
        ],
        run: clientList,
      },
      KILL: {
        summary: 'Terminates open connections.',
        since: '2.4.0',
        complexity: 'O(N) where N is the number of client connections',
        syntax:
          '<ip:port | [ID client-id] [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] [USER username] [ADDR ip:port] [LADDR ip:port] [SKIPME <YES | NO>]>',
        arity: -3,
        flags: ['admin', 'noscript', 'loading', 'stale'],
        history: [
          ['2.8.12', 'Added new filter format.'],
          ['2.8.12', '`ID` option.'],
          ['3.2.0', 'Added `master` type in for `TYPE` option.'],
          [
            '5.0.0',
            'Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility.',
          ],
          ['6.2.0', '`LADDR` option.'],
        ],
        run: clientKill,
      },
      GETNAME: {
        summary: 'Returns the name of the connection.',
        since: '2.6.9',
        complexity: 'O(1)',
        syntax: '',
        flags: ['noscript', 'loading', 'stale'],
        run: getname,
      },
      SETNAME: {
        summary: 'Sets the connection name.',
        since: '2.6.9',
        complexity: 'O(1)',
        syntax: 'connection-name',
        flags: ['noscript', 'loading', 'stale'],
        run: setname,
      },
      SETINFO: {
        summary: 'Sets information specific to the client or connection.',
        since: '7.2.0',
        complexity: 'O(1)',
        syntax: '<LIB-NAME libname | LIB-VER libver>',
        flags: ['noscript', 'loading', 'stale'],
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        run: setinfo,
      },
      'NO-EVICT': {
        summary: 'Sets the client eviction mode of the connection.',
        since: '7.0.0',
        complexity: 'O(1)',
        syntax: '<ON | OFF>',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        run: noEvict,
      },
      'NO-TOUCH': {
        summary: 'Controls whether commands sent by the client affect the LRU/LFU of accessed keys.',
        since: '7.2.0',
        complexity: 'O(1)',
        syntax: '<ON | OFF>',
        flags: ['noscript', 'loading', 'stale'],
        run: noTouch,
      },
      REPLY: {
        summary: 'Instructs the server whether to reply to commands.',
        since: '3.2.0',
        complexity: 'O(1)',
        syntax: '<ON | OFF | SKIP>',
        flags: ['noscript', 'loading', 'stale'],
        run: replyMode,
      },
      PAUSE: {
        summary: 'Suspends commands processing.',
        since: '2.9.50',
        complexity: 'O(1)',
        syntax: 'timeout [WRITE | ALL]',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        history: [['6.2.0', '`CLIENT PAUSE WRITE` mode added along with the `mode` option.']],
        run: pause,
      },
      UNPAUSE: {
        summary: 'Resumes processing commands from paused clients.',
        since: '6.2.0',
        complexity: 'O(N) Where N is the number of paused clients',
        syntax: '',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        run: unpause,
      },
      UNBLOCK: {
        summary: 'Unblocks a client blocked by a blocking command from a different connection.',
        since: '5.0.0',
        complexity: 'O(log N) where N is the number of client connections',
        syntax: 'client-id [TIMEOUT | ERROR]',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        run: unblock,
      },
      HELP: {
        summary: 'Returns helpful text about the different subcommands.',
        since: '5.0.0',
        complexity: 'O(1)',
        syntax: '',
        flags: ['loading', 'stale'],
        run: help,
      },
    },
  },
})
