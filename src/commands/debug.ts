/** DEBUG: the subcommands that test suites of clients and servers use, behind enable-debug-command. */
import { type Client, HELD_BY_BLOCK } from '../engine/client.ts'
import { type Family, family, type Handler } from '../engine/command.ts'
import { hexId } from '../engine/engine.ts'
import { GATE_LOADING } from '../engine/gates.ts'
import { loadAppendOnlyFile } from '../engine/replay.ts'
import { datasetDigest, valueDigest } from '../keyspace/digest.ts'
import { TYPE_LIST, TYPE_STRING } from '../keyspace/entry.ts'
import { Arguments } from '../protocol/arguments.ts'
import {
  DEBUG_NOT_ALLOWED,
  type ErrorReply,
  err,
  LOADING,
  MUST_BE_POSITIVE,
  NO_SUCH_KEY,
} from '../protocol/error-replies.ts'
import { blockOf } from '../structures/block.ts'
import { globMatches } from '../structures/glob.ts'
import { replyProtocolSample } from './debug-protocol.ts'
import { replyHelp } from './help.ts'
import { encodingOf, idleSeconds } from './object.ts'

interface Subcommand {
  /** Argument count, DEBUG and the name included: exact, or from … to. */
  readonly least: number
  readonly most: number
  readonly run: Handler
}

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  'CHANGE-REPL-ID': { least: 2, most: 2, run: changeReplicationId },
  DIGEST: { least: 2, most: 2, run: digest },
  'DIGEST-VALUE': { least: 2, most: Number.POSITIVE_INFINITY, run: digestValue },
  HELP: { least: 2, most: 2, run: help },
  HTSTATS: { least: 3, most: 3, run: htstats },
  LOG: { least: 3, most: 3, run: log },
  OBJECT: { least: 3, most: 4, run: object },
  'PAUSE-CRON': { least: 3, most: 3, run: pauseCron },
  POPULATE: { least: 3, most: 5, run: populate },
  PROTOCOL: { least: 3, most: 3, run: (client, args) => replyProtocolSample(client.reply, args) },
  RELOAD: { least: 2, most: 3, run: reload },
  LOADAOF: { least: 2, most: 2, run: loadaof },
  'SET-ACTIVE-EXPIRE': { least: 3, most: 3, run: setActiveExpire },
  SLEEP: { least: 3, most: 3, run: sleep },
  'STRINGMATCH-LEN': { least: 4, most: 4, run: stringMatch },
}

/** What Redis has and this server has nothing for: no such structure here. */
const WITHOUT_MEANING: Readonly<Record<string, string>> = {
  'DICT-RESIZING': 'the index grows by one bucket at a time and never resizes',
  'HTSTATS-KEY': 'no value is a hash table yet',
  LISTPACK: 'lists are chunks in the arena, whatever OBJECT ENCODING says',
  'QUICKLIST-PACKED-THRESHOLD': 'a large element always has a chunk of its own',
  REPLYBUFFER: 'reply blocks are shared and returned after each write',
}

function barred(client: Client): ErrorReply | null {
  const { enableDebugCommand } = client.engine.settings
  const allowed = enableDebugCommand === 'yes' || (enableDebugCommand === 'local' && client.isLocal)
  return allowed ? null : DEBUG_NOT_ALLOWED
}

function debug(client: Client, args: Arguments): void {
  const refusal = barred(client)
  if (refusal !== null) throw refusal
  const name = args.text(1).toUpperCase()
  if (Object.hasOwn(WITHOUT_MEANING, name))
    throw err(`DEBUG ${name} is not supported: ${WITHOUT_MEANING[name]}`)
  const subcommand = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined
  if (subcommand === undefined || args.count < subcommand.least || args.count > subcommand.most) {
    throw err(`unknown subcommand or wrong number of arguments for '${args.text(1)}'. Try DEBUG HELP.`)
  }
  subcommand.run(client, args)
}

function changeReplicationId(client: Client): void {
  client.engine.replicationId = hexId(client.engine.random)
  client.reply.ok()
}

function digest(client: Client): void {
  client.reply.simple(datasetDigest(client.engine.keyspace))
}

function digestValue(client: Client, args: Arguments): void {
  client.reply.arrayHeader(args.count - 2)
  for (let i = 2; i < args.count; i++) client.reply.simple(valueDigest(client.db, client.db.find(args, i)))
}

function htstats(client: Client, args: Arguments): void {
  const { databases } = client.engine.keyspace
  const id = args.integer(2)
  if (id < 0 || id >= databases.length) throw err('Out of range database')
  const { index, deadlines } = databases[id]
  const text = [
    '[Dictionary HT]',
    'Linear hashing index stats:',
    ` buckets: ${index.bucketCount}`,
    ` number of elements: ${index.count}`,
    ` bytes: ${index.bytes}`,
    '[Expires HT]',
    'Deadline list stats:',
    ` number of elements: ${deadlines.count}`,
    ` bytes: ${deadlines.bytes}`,
    '',
  ].join('\n')
  client.reply.verbatim('txt', text)
}

function log(client: Client, args: Arguments): void {
  client.engine.log.warning(`DEBUG LOG: ${args.text(2)}`)
  client.reply.ok()
}

function object(client: Client, args: Arguments): void {
  const entry = client.db.find(args, 2)
  if (entry === null) throw NO_SUCH_KEY
  const { keyspace } = client.engine
  let text = `Value at:0x${(entry.address >>> 0).toString(16)} refcount:1 encoding:${encodingOf(keyspace, entry)}`
  text += ` serializedlength:${entry.valueLength} lru:${entry.access} lru_seconds_idle:${idleSeconds(keyspace, entry)}`
  if (entry.type === TYPE_LIST) {
    keyspace.list.point(entry.block, entry.valueOffset)
    text += ` ql_nodes:${keyspace.list.chunkCount}`
  }
  client.reply.simple(text)
}

function pauseCron(client: Client, args: Arguments): void {
  client.engine.cronPaused = args.text(2) !== '0'
  client.reply.ok()
}

/** Creates `count` strings "prefix:0" …, of `size` bytes if that is given, skipping those that exist. */
function populate(client: Client, args: Arguments): void {
  refuseWhileLoading(client)
  const count = args.integerOr(2, MUST_BE_POSITIVE)
  const size = args.count > 4 ? args.integerOr(4, MUST_BE_POSITIVE) : 0
  if (count < 0 || size < 0) throw MUST_BE_POSITIVE
  const prefix = args.count > 3 ? args.copy(3).toString('latin1') : 'key'
  const key = new Arguments()
  key.count = 1
  for (let i = 0; i < count; i++) {
    key.block = blockOf(Buffer.from(`${prefix}:${i}`, 'latin1'))
    key.lengths[0] = key.block.bytes.length
    if (client.db.find(key, 0) !== null) continue
    const value = Buffer.from(`value:${i}`)
    const entry = client.db.create(key, 0, TYPE_STRING, size === 0 ? value.length : size)
    const { bytes } = entry.block
    bytes.fill(0, entry.valueOffset, entry.valueOffset + entry.valueLength)
    value.copy(bytes, entry.valueOffset, 0, Math.min(value.length, entry.valueLength))
  }
  client.reply.ok()
}

/** Saves, forgets everything and loads it again; with NOSAVE loads what was saved before. */
function reload(client: Client, args: Arguments): void {
  refuseWhileLoading(client)
  const { backgroundSave, dataset, keyspace, log } = client.engine
  if (args.count > 2 && !args.is(2, 'NOSAVE')) throw err('DEBUG RELOAD only supports the NOSAVE option.')
  if (args.count === 2) {
    // What it saves is older than what the file gets now, and must not come after it.
    backgroundSave.kill()
    if (!dataset.trySave()) throw err('Error trying to save the RDB dump, check server logs.')
  }
  keyspace.flush(keyspace.databases)
  try {
    dataset.loadAtOnce()
  } catch (error) {
    log.warning((error as Error).message)
    throw err('Error trying to load the RDB dump, check server logs.')
  }
  log.warning('DB reloaded by DEBUG RELOAD')
  client.reply.ok()
}

/** Forgets everything and loads the append-only file; until that is done the others are told that it is loading. */
function loadaof(client: Client): void {
  refuseWhileLoading(client)
  const { engine, lastCommand } = client
  const { aof, keyspace, propagation, dispatcher } = engine
  if (aof.state !== 'on' || aof.busy || lastCommand === null || client.inTransaction) {
    throw err('DEBUG LOADAOF needs appendonly yes, no snapshot under way, and no MULTI')
  }
  aof.writer.flush(true)
  keyspace.flush(keyspace.databases)
  propagation.activate(false)
  engine.gates |= GATE_LOADING
  client.held |= HELD_BY_BLOCK
  const loaded = (): void => {
    engine.gates &= ~GATE_LOADING
    propagation.activate(true)
    keyspace.dirty = 0
    engine.log.warning('Append Only File loaded by DEBUG LOADAOF')
    client.held &= ~HELD_BY_BLOCK
    if (!engine.clients.has(client.id)) return
    dispatcher.finishBlocked(client, lastCommand, () => client.reply.ok())
    client.link.flushSoon()
    client.link.resume()
  }
  // Half a dataset is not to be served.
  void loadAppendOnlyFile(engine).then(loaded, (error: Error) => engine.halt(error))
}

/** DEBUG runs while the dataset is loaded, but what is loaded expects its keys not to be there. */
function refuseWhileLoading({ engine }: Client): void {
  if ((engine.gates & GATE_LOADING) !== 0) throw LOADING
}

function setActiveExpire(client: Client, args: Arguments): void {
  client.engine.expireCycle.enabled = args.text(2) !== '0'
  client.reply.ok()
}

function sleep(client: Client, args: Arguments): void {
  const seconds = Number.parseFloat(args.text(2))
  if (seconds > 0) client.engine.clock.hold(seconds * 1000)
  client.reply.ok()
}

function stringMatch(client: Client, args: Arguments): void {
  const { bytes } = args.block
  const [, , pattern, text] = args.offsets
  const matches = globMatches(bytes, pattern, args.lengths[2], bytes, text, args.lengths[3], false)
  client.reply.integer(matches ? 1 : 0)
}

const HELP: readonly string[] = [
  'CHANGE-REPL-ID',
  '    Change the replication IDs of the instance.',
  'DIGEST',
  '    Output a hex signature representing the current DB content.',
  'DIGEST-VALUE <key> [<key> ...]',
  '    Output a hex signature of the values of all the specified keys.',
  'HTSTATS <dbid>',
  '    Return index statistics of the specified database.',
  'LOADAOF',
  '    Flush the append-only file and load it back from disk.',
  'LOG <message>',
  '    Write <message> to the server log.',
  'OBJECT <key>',
  '    Show low level info about `key` and associated value.',
  'PAUSE-CRON <0|1>',
  '    Stop periodic cron job processing.',
  'POPULATE <count> [<prefix>] [<size>]',
  '    Create <count> string keys named key:<num>. If <prefix> is specified then',
  "    it is used instead of the 'key' prefix.",
  'PROTOCOL <type>',
  '    Reply with a test value of the specified type. <type> can be: string,',
  '    integer, double, bignum, null, array, set, map, attrib, push, verbatim,',
  '    true, false.',
  'RELOAD [NOSAVE]',
  '    Save the dataset, remove all keys and load it back from disk.',
  'SET-ACTIVE-EXPIRE <0|1>',
  '    Setting it to 0 disables expiring keys in background when they are not',
  '    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the',
  '    default.',
  'SLEEP <seconds>',
  '    Stop the server for <seconds>. Decimals allowed.',
  'STRINGMATCH-LEN <pattern> <string>',
  '    Whether <string> matches the glob <pattern>.',
]

function help(client: Client): void {
  replyHelp(client, 'DEBUG', HELP)
}

/** DEBUG. */
export const debugCommands: Family = family('server', {
  DEBUG: {
    summary: 'A container for debugging commands.',
    since: '1.0.0',
    complexity: 'Depends on subcommand.',
    syntax: '',
    arity: -2,
    system: true,
    flags: ['admin', 'noscript', 'loading', 'stale'],
    barred,
    run: debug,
  },
})
