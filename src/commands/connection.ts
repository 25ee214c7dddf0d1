/** The connection commands: greeting, authentication, selection of a database, and the ways to leave. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { GATE_NO_TOUCH, GATE_REPLY, GATE_SUBSCRIBED } from '../engine/gates.ts'
import { discardTransaction } from '../engine/transaction.ts'
import { REDIS_VERSION } from '../platform/version.ts'
import type { Arguments } from '../protocol/arguments.ts'
import {
  ErrorReply,
  err,
  INVALID_CLIENT_NAME,
  NO_PASSWORD_SET,
  WRONG_PASS,
} from '../protocol/error-replies.ts'
import { databaseArgument } from './database-argument.ts'

const NOT_A_PROTOCOL = err('Protocol version is not an integer or out of range')

function ping(client: Client, args: Arguments): void {
  const { reply } = client
  if (args.count > 2) throw err("wrong number of arguments for 'ping' command")
  // Where a RESP2 client expects messages only, the answer has a message's form.
  if ((client.gates & GATE_SUBSCRIBED) !== 0) {
    reply.arrayHeader(2)
    reply.bulkText('pong')
    if (args.count === 1) reply.bulkText('')
  } else if (args.count === 1) reply.simple('PONG')
  if (args.count > 1) reply.bulk(args.block, args.offsets[1], args.lengths[1])
}

function echo(client: Client, args: Arguments): void {
  client.reply.bulk(args.block, args.offsets[1], args.lengths[1])
}

function quit(client: Client): void {
  client.reply.ok()
  client.closeAfterReply = true
}

function select(client: Client, args: Arguments): void {
  client.db = databaseArgument(client, args, 1)
  client.reply.ok()
}

/** Back to the state of a fresh connection. */
function reset(client: Client): void {
  discardTransaction(client)
  client.engine.pubsub.unsubscribeAll(client)
  client.engine.tracking.disable(client)
  client.engine.monitor.stop(client)
  client.reply.resp = 2
  client.skippedReplies = 0
  client.gates &= ~(GATE_REPLY | GATE_NO_TOUCH)
  client.name = ''
  client.noEvict = false
  client.noTouch = false
  client.db = client.engine.keyspace.databases[0]
  client.engine.acl.greet(client)
  client.reply.simple('RESET')
}

function auth(client: Client, args: Arguments): void {
  if (args.count > 3) throw err('syntax error')
  if (args.count === 2) {
    if (client.engine.acl.defaultUser.nopass) throw NO_PASSWORD_SET
    logIn(client, args, 'default', args.copy(1))
  } else logIn(client, args, args.text(1), args.copy(2))
  client.reply.ok()
}

/** Logs the client in, or throws WRONG_PASS. */
function logIn(client: Client, args: Arguments, user: string, password: Buffer): void {
  if (!client.engine.acl.logIn(client, user, password, args.text(0))) throw WRONG_PASS
}

/** Also of one that is refused for its number of arguments: Redis shows those, and the password is among them. */
function authSecrets(args: Arguments): number[] {
  return Array.from({ length: args.count - 1 }, (_, i) => i + 1)
}

/** Two behind each AUTH, wherever it stands: a request that is refused is shown as well. */
function helloSecrets(args: Arguments): number[] {
  const secrets: number[] = []
  for (let i = 1; i < args.count; i++) if (args.is(i, 'AUTH')) secrets.push(++i, ++i)
  return secrets
}

function hello(client: Client, args: Arguments): void {
  const { reply } = client
  let version = reply.resp
  if (args.count > 1) {
    version = args.integerOr(1, NOT_A_PROTOCOL)
    if (version < 2 || version > 3) throw new ErrorReply('NOPROTO unsupported protocol version')
  }
  const options = readHello(args)
  if (options.user !== null && options.password !== null) logIn(client, args, options.user, options.password)
  if (!client.authenticated) {
    throw new ErrorReply(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    )
  }
  if (options.name !== null) client.name = options.name
  reply.resp = version
  client.engine.pubsub.updateGates(client)
  reply.mapHeader(7)
  reply.bulkText('server')
  reply.bulkText('redis')
  reply.bulkText('version')
  reply.bulkText(REDIS_VERSION)
  reply.bulkText('proto')
  reply.integer(version)
  reply.bulkText('id')
  reply.integer(client.id)
  reply.bulkText('mode')
  reply.bulkText('standalone')
  reply.bulkText('role')
  reply.bulkText('master')
  reply.bulkText('modules')
  reply.arrayHeader(0)
}

interface HelloOptions {
  user: string | null
  password: Buffer | null
  name: string | null
}

function readHello(args: Arguments): HelloOptions {
  const options: HelloOptions = { user: null, password: null, name: null }
  for (let i = 2; i < args.count; i++) {
    if (args.is(i, 'AUTH') && i + 2 < args.count) {
      options.user = args.text(i + 1)
      options.password = args.copy(i + 2)
      i += 2
    } else if (args.is(i, 'SETNAME') && i + 1 < args.count) options.name = nameArgument(args, ++i)
    else throw err(`Syntax error in HELLO option '${args.text(i)}'`)
  }
  return options
}

/** Argument `index` as a client's name: printable ASCII without spaces. Throws INVALID_CLIENT_NAME. */
export function nameArgument(args: Arguments, index: number): string {
  const name = args.text(index)
  if (/[^!-~]/.test(name)) throw INVALID_CLIENT_NAME
  return name
}

/** The connection commands that are not CLIENT's. */
export const connectionCommands: Family = family('connection', {
  PING: {
    summary: 'Ping the server',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: '[message]',
    flags: ['fast'],
    tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
    whileSubscribed: true,
    healthCheck: true,
    run: ping,
  },
  ECHO: {
    summary: 'Echo the given string',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'message',
    flags: ['loading', 'stale', 'fast'],
    run: echo,
  },
  QUIT: {
    summary: 'Close the connection',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: '',
    arity: -1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'],
    whileSubscribed: true,
    unqueued: true,
    leavesMulti: true,
    run: quit,
  },
  RESET: {
    summary: 'Reset the connection',
    since: '6.2.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'],
    whileSubscribed: true,
    unqueued: true,
    leavesMulti: true,
    run: reset,
  },
  SELECT: {
    summary: 'Change the selected database for the current connection',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'index',
    flags: ['loading', 'stale', 'fast'],
    run: select,
  },
  HELLO: {
    summary: 'Handshake with Redis',
    since: '6.0.0',
    complexity: 'O(1)',
    syntax: '[protover [AUTH username password] [SETNAME clientname]]',
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'],
    history: [
      [
        '6.2.0',
        "`protover` made optional; when called without arguments the command reports the current connection's context.",
      ],
    ],
    secrets: helloSecrets,
    run: hello,
  },
  AUTH: {
    summary: 'Authenticate to the server',
    since: '1.0.0',
    complexity: 'O(N) where N is the number of passwords defined for the user',
    syntax: '[username] password',
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'],
    history: [['6.0.0', 'Added ACL style (username and password).']],
    secrets: authSecrets,
    run: auth,
  },
})
