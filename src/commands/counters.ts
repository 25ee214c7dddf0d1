/** The string commands that do arithmetic: exact 64-bit integers, and Redis's long doubles. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { keyAt } from '../engine/key-specs.ts'
import type { Database } from '../keyspace/database.ts'
import { type Entry, TEXT_STRING, TYPE_STRING } from '../keyspace/entry.ts'
import { NOTIFY_STRING } from '../keyspace/notifications.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err, INCR_NAN, INCR_OVERFLOW, NOT_A_FLOAT, NOT_AN_INTEGER } from '../protocol/error-replies.ts'
import {
  INT64_MAX,
  INT64_MIN,
  integerLength,
  parseInt64,
  parseInteger,
  writeInteger,
} from '../structures/integers.ts'
import {
  addLongDouble,
  formatLongDouble,
  LONG_DOUBLE_ZERO,
  parseLongDouble,
} from '../structures/long-double.ts'

/** Adds `delta`, a safe integer, to the key's value. */
function increment(client: Client, args: Arguments, delta: number): void {
  const { db, reply } = client
  const entry = db.writeTyped(args, 1, TYPE_STRING)
  const value = entry === null ? 0 : parseInteger(entry.block, entry.valueOffset, entry.valueLength)
  const sum = value + delta
  if (!Number.isSafeInteger(sum)) {
    incrementInt64(client, args, BigInt(delta))
    return
  }
  const length = integerLength(sum)
  const target = resized(db, args, entry, length)
  writeInteger(target.block, target.valueOffset, sum)
  db.changed(args, 1, NOTIFY_STRING, 'incrby')
  reply.integer(sum)
}

/** increment() where a number would round: values near the 64-bit limits. */
function incrementInt64(client: Client, args: Arguments, delta: bigint): void {
  const { db, reply } = client
  const entry = db.writeTyped(args, 1, TYPE_STRING)
  const value = entry === null ? 0n : parseInt64(entry.block, entry.valueOffset, entry.valueLength)
  if (value === null) throw NOT_AN_INTEGER
  const sum = value + delta
  if (sum > INT64_MAX || sum < INT64_MIN) throw INCR_OVERFLOW
  const digits = sum.toString()
  const target = resized(db, args, entry, digits.length)
  writeDigits(target, digits)
  db.changed(args, 1, NOTIFY_STRING, 'incrby')
  reply.int64(sum)
}

/** The key's entry with `length` bytes of value and its deadline kept, created if need be. */
function resized(db: Database, args: Arguments, entry: Entry | null, length: number): Entry {
  if (entry === null) return db.create(args, 1, TYPE_STRING, length)
  if (entry.valueLength !== length) db.resizeValue(entry, length)
  entry.clearRaw()
  return entry
}

/** Makes `digits`, as long as the value, the value. A Buffer of them would cost more than all the arithmetic. */
function writeDigits({ block, valueOffset }: Entry, digits: string): void {
  for (let i = 0; i < digits.length; i++) block.view.setUint8(valueOffset + i, digits.charCodeAt(i))
}

function incrby(client: Client, args: Arguments, sign: 1 | -1): void {
  const delta = args.integer(2)
  if (Number.isSafeInteger(delta)) {
    increment(client, args, sign * delta)
    return
  }
  const exact = args.int64(2)
  if (sign === -1 && exact === INT64_MIN) throw err('decrement would overflow')
  incrementInt64(client, args, sign === 1 ? exact : -exact)
}

function incrbyfloat(client: Client, args: Arguments): void {
  const { db, reply } = client
  const entry = db.writeTyped(args, 1, TYPE_STRING)
  const value =
    entry === null ? LONG_DOUBLE_ZERO : parseLongDouble(entry.block, entry.valueOffset, entry.valueLength)
  const delta = parseLongDouble(args.block, args.offsets[2], args.lengths[2])
  if (value === null || delta === null) throw NOT_A_FLOAT
  const text = formatLongDouble(addLongDouble(value, delta))
  if (text === null) throw INCR_NAN
  const target = resized(db, args, entry, text.length)
  writeDigits(target, text)
  target.flags |= TEXT_STRING
  db.changed(args, 1, NOTIFY_STRING, 'incrbyfloat')
  client.engine.propagation.replace(client, args, 'SET', 1, text, 'KEEPTTL')
  reply.bulkText(text)
}

export const counterCommands: Family = family('string', {
  INCR: {
    summary:
      "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'RW', 'access', 'update')],
    run: (client, args) => increment(client, args, 1),
  },
  DECR: {
    summary:
      "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'RW', 'access', 'update')],
    run: (client, args) => increment(client, args, -1),
  },
  INCRBY: {
    summary:
      "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key increment',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'RW', 'access', 'update')],
    run: (client, args) => incrby(client, args, 1),
  },
  DECRBY: {
    summary:
      "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.",
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key decrement',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'RW', 'access', 'update')],
    run: (client, args) => incrby(client, args, -1),
  },
  INCRBYFLOAT: {
    summary:
      "Increments the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
    since: '2.6.0',
    complexity: 'O(1)',
    syntax: 'key increment',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'RW', 'access', 'update')],
    run: incrbyfloat,
  },
})
