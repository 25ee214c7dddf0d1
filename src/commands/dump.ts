/** DUMP and RESTORE: a key's value as bytes that other servers read, and back. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { keyAt } from '../engine/key-specs.ts'
import { wordsFrom } from '../engine/propagation.ts'
import { Entry } from '../keyspace/entry.ts'
import { NOTIFY_GENERIC } from '../keyspace/notifications.ts'
import { RdbError, UnsupportedTypeError } from '../persistence/rdb-format.ts'
import type { Arguments } from '../protocol/arguments.ts'
import {
  BAD_DUMP,
  BUSY_KEY,
  err,
  INVALID_FREQ,
  INVALID_IDLETIME,
  INVALID_TTL,
  SYNTAX_ERROR,
  WRONG_DUMP,
} from '../protocol/error-replies.ts'

function dump(client: Client, args: Arguments): void {
  const entry = client.db.read(args, 1)
  if (entry === null) {
    client.reply.null()
    return
  }
  const { dumpWriter } = client.engine
  dumpWriter.make(entry)
  const { output } = dumpWriter
  client.reply.bulk(output.block, 0, output.length)
  output.clear()
}

interface RestoreOptions {
  replace: boolean
  absolute: boolean
  /** Seconds, -1 when not given. */
  idleTime: number
  /** 0 … 255, -1 when not given. */
  frequency: number
}

/** Throws SYNTAX_ERROR, NOT_AN_INTEGER or what is wrong with a value. */
function readOptions(args: Arguments): RestoreOptions {
  const options: RestoreOptions = { replace: false, absolute: false, idleTime: -1, frequency: -1 }
  for (let i = 4; i < args.count; i++) {
    const more = i + 1 < args.count
    if (args.is(i, 'REPLACE')) options.replace = true
    else if (args.is(i, 'ABSTTL')) options.absolute = true
    else if (args.is(i, 'IDLETIME') && more && options.frequency === -1) {
      options.idleTime = args.integer(++i)
      if (options.idleTime < 0) throw INVALID_IDLETIME
    } else if (args.is(i, 'FREQ') && more && options.idleTime === -1) {
      options.frequency = args.integer(++i)
      if (options.frequency < 0 || options.frequency > 255) throw INVALID_FREQ
    } else throw SYNTAX_ERROR
  }
  return options
}

/** The key's entry from before; the new one. */
const restored = new Entry()

function restore(client: Client, args: Arguments): void {
  const { db, engine, reply } = client
  const { replace, absolute, idleTime, frequency } = readOptions(args)
  if (!replace && db.write(args, 1, restored) !== null) throw BUSY_KEY
  const ttl = args.int64(2)
  if (ttl < 0n) throw INVALID_TTL
  readPayload(client, args)
  const { value } = engine.dumpReader
  const { now } = engine.clock
  const deadline = ttl === 0n || absolute ? ttl : BigInt.asIntN(64, ttl + BigInt(now))

  const old = db.peek(args.block, args.offsets[1], args.lengths[1], restored)
  if (old !== null) db.remove(old)
  if (ttl !== 0n && deadline <= BigInt(now) && !engine.keyspace.loading) {
    value.discard()
    if (old !== null) {
      db.changed(args, 1, NOTIFY_GENERIC, 'del')
      const del = engine.settings.lazyfreeLazyServerDel ? 'UNLINK' : 'DEL'
      engine.propagation.replace(client, args, del, 1)
    }
    reply.ok()
    return
  }
  value.store(db, args, 1, restored, deadline, idleTime, frequency)
  db.changed(args, 1, NOTIFY_GENERIC, 'restore')
  if (ttl !== 0n && !absolute) propagateAbsolute(client, args, deadline)
  reply.ok()
}

/** The command with its options and the time to live as a moment. */
function propagateAbsolute(client: Client, args: Arguments, deadline: bigint): void {
  client.engine.propagation.replace(client, args, 0, 1, String(deadline), 3, ...wordsFrom(args, 4), 'ABSTTL')
}

/** Reads the payload, argument 3, into the engine's dumpReader. Throws WRONG_DUMP or BAD_DUMP. */
function readPayload(client: Client, args: Arguments): void {
  const { dumpReader, log } = client.engine
  const offset = args.offsets[3]
  const length = args.lengths[3]
  if (!dumpReader.verify(args.block, offset, length)) throw WRONG_DUMP
  try {
    dumpReader.read(args.block, offset, length)
  } catch (error) {
    if (!(error instanceof RdbError)) throw error
    log.warning(`Bad data format in RESTORE: ${error.message}`)
    throw error instanceof UnsupportedTypeError ? err(`Bad data format: ${error.message}`) : BAD_DUMP
  }
}

const SERIALIZE_COMPLEXITY =
  'O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).'

export const dumpCommands: Family = family('generic', {
  DUMP: {
    summary: 'Returns a serialized representation of the value stored at a key.',
    since: '2.6.0',
    complexity:
      'O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).',
    syntax: 'key',
    flags: ['readonly'],
    categories: ['keyspace'],
    tips: ['nondeterministic_output'],
    keys: [keyAt(1, 'RO', 'access')],
    run: dump,
  },
  RESTORE: {
    summary: 'Creates a key from the serialized representation of a value.',
    since: '2.6.0',
    complexity: SERIALIZE_COMPLEXITY,
    syntax: 'key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]',
    flags: ['write', 'denyoom'],
    categories: ['keyspace', 'dangerous'],
    keys: [keyAt(1, 'OW', 'update')],
    history: [
      ['3.0.0', 'Added the `REPLACE` modifier.'],
      ['5.0.0', 'Added the `ABSTTL` modifier.'],
      ['5.0.0', 'Added the `IDLETIME` and `FREQ` options.'],
    ],
    run: restore,
  },
})
