/** The commands that find keys without being given their names: KEYS, SCAN, RANDOMKEY. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import type { Database } from '../keyspace/database.ts'
import { Entry, TYPE_NAMES } from '../keyspace/entry.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { INVALID_CURSOR, SYNTAX_ERROR } from '../protocol/error-replies.ts'
import { AddressList } from '../structures/address-list.ts'
import { globMatches } from '../structures/glob.ts'
import { parseInteger, parseUint64 } from '../structures/integers.ts'

const DEFAULT_COUNT = 10
/** Buckets one SCAN visits at most for each key asked for: a sparse index must not make it long. */
const STEPS_PER_KEY = 10
/** An address list that grew beyond this is not kept for the next command. */
const KEPT_ADDRESSES = 64 * 1024
/** Type filter for a name that no type has: nothing matches. */
const NO_TYPE = -2
const ANY_TYPE = -1
const PLUS = 0x2b
const MINUS = 0x2d

const entry = new Entry()
let found = new AddressList()

function keys(client: Client, args: Arguments): void {
  const { db, reply } = client
  const pattern = patternArgument(args, 1)
  const mark = reply.beginArray()
  let count = 0
  for (let bucket = 0; bucket < db.index.bucketCount; bucket++) {
    found.clear()
    db.index.collect(bucket, found)
    count += replyMatching(client, args, pattern, ANY_TYPE, false)
  }
  reply.endArray(mark, count)
}

function scan(client: Client, args: Arguments): void {
  const { db, reply } = client
  let cursor = cursorArgument(args, 1)
  let count = DEFAULT_COUNT
  let pattern = 0
  let type = ANY_TYPE
  for (let i = 2; i < args.count; i += 2) {
    if (i + 1 === args.count) throw SYNTAX_ERROR
    if (args.is(i, 'COUNT')) {
      count = args.integer(i + 1)
      if (count < 1) throw SYNTAX_ERROR
    } else if (args.is(i, 'MATCH')) pattern = patternArgument(args, i + 1)
    else if (args.is(i, 'TYPE')) type = typeArgument(args, i + 1)
    else throw SYNTAX_ERROR
  }
  cursor = collect(db, cursor, count)
  reply.arrayHeader(2)
  reply.bulkInteger(cursor)
  const mark = reply.beginArray()
  reply.endArray(mark, replyMatching(client, args, pattern, type, true))
  if (found.items.length > KEPT_ADDRESSES) found = new AddressList()
}

/** Fills `found` with at least `count` keys, if the steps allowed for suffice, and returns the next cursor. */
function collect(db: Database, from: number, count: number): number {
  let cursor = from
  found.clear()
  for (let steps = count * STEPS_PER_KEY; steps > 0; steps--) {
    cursor = db.index.scan(cursor, found)
    if (cursor === 0 || found.length >= count) break
  }
  return cursor
}

/**
 * Replies with the keys among `found` that match argument `pattern` (0: any) and `type`, and returns their
 * number. Keys past their deadline are left out; with `expire` those that match the pattern are removed, as in Redis.
 */
function replyMatching(
  client: Client,
  args: Arguments,
  pattern: number,
  type: number,
  expire: boolean,
): number {
  const { db, reply } = client
  const { arena, clock } = db.keyspace
  const patternBytes = args.block.bytes
  const offset = args.offsets[pattern]
  const length = args.lengths[pattern]
  let count = 0
  for (let i = 0; i < found.length; i++) {
    entry.point(arena, found.items[i], 0)
    const { block, keyOffset, keyLength } = entry
    if (pattern !== 0 && !globMatches(patternBytes, offset, length, block.bytes, keyOffset, keyLength, false))
      continue
    if (entry.deadline <= clock.now) {
      if (expire) db.expire(db.at(entry.address, entry))
      continue
    }
    if (type !== ANY_TYPE && entry.type !== type) continue
    reply.bulk(block, keyOffset, keyLength)
    count++
  }
  return count
}

/** The pattern's argument index, or 0 when it is "*" and everything matches. */
function patternArgument(args: Arguments, index: number): number {
  return args.is(index, '*') ? 0 : index
}

function typeArgument(args: Arguments, index: number): number {
  const type = TYPE_NAMES.findIndex((name) => args.is(index, name.toUpperCase()))
  return type === -1 ? NO_TYPE : type
}

/**
 * Argument `index` as a cursor. Redis reads it with strtoul, so a sign, leading zeros and no digits at all are
 * accepted, and what follows a NUL is not seen; of the value our cursors need the low 32 bits.
 */
function cursorArgument(args: Arguments, index: number): number {
  const start = args.offsets[index]
  const plain = parseInteger(args.block, start, args.lengths[index])
  if (plain >= 0) return plain | 0
  const { bytes } = args.block
  let end = start
  while (end < start + args.lengths[index] && bytes[end] !== 0) end++
  if (end === start) return 0
  const signed = bytes[start] === MINUS || bytes[start] === PLUS ? 1 : 0
  const value = parseUint64(args.block, start + signed, end - start - signed)
  if (value === null) throw INVALID_CURSOR
  return Number(BigInt.asIntN(32, bytes[start] === MINUS ? -value : value))
}

function randomkey(client: Client): void {
  const { reply } = client
  const key = client.db.random(entry)
  if (key === null) reply.null()
  else reply.bulk(key.block, key.keyOffset, key.keyLength)
}

export const scanCommands: Family = family('generic', {
  KEYS: {
    summary: 'Returns all key names that match a pattern.',
    since: '1.0.0',
    complexity:
      'O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.',
    syntax: 'pattern',
    flags: ['readonly'],
    categories: ['keyspace', 'dangerous'],
    tips: ['request_policy:all_shards', 'nondeterministic_output_order'],
    run: keys,
  },
  SCAN: {
    summary: 'Iterates over the key names in the database.',
    since: '2.8.0',
    complexity:
      'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.',
    syntax: 'cursor [MATCH pattern] [COUNT count] [TYPE type]',
    flags: ['readonly'],
    categories: ['keyspace'],
    tips: ['nondeterministic_output', 'request_policy:special'],
    history: [['6.0.0', 'Added the `TYPE` subcommand.']],
    run: scan,
  },
  RANDOMKEY: {
    summary: 'Returns a random key name from the database.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['readonly'],
    categories: ['keyspace'],
    tips: ['request_policy:all_shards', 'nondeterministic_output'],
    run: randomkey,
  },
})
