/** BITFIELD and BITFIELD_RO: a list of reads and writes of small integers inside one string. */
import type { Client } from '../engine/client.ts'
import type { KeyReference } from '../engine/key-specs.ts'
import { type Entry, TYPE_STRING } from '../keyspace/entry.ts'
import { NOTIFY_STRING } from '../keyspace/notifications.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err, SYNTAX_ERROR } from '../protocol/error-replies.ts'
import { EMPTY_BLOCK } from '../structures/block.ts'
import { parseInteger } from '../structures/integers.ts'
import { fitField, getField, type Overflow, setField } from '../values/bitfield.ts'
import { bitOffsetArgument, bytesForBit, growForBit } from './bit-offset.ts'

const INVALID_TYPE = err(
  'Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.',
)
const INVALID_OVERFLOW = err('Invalid OVERFLOW type specified')
/** Bytes that a field of 64 bits touches at most. */
const FIELD_BYTES_MAX = 9
const GET_ONLY = err('BITFIELD_RO only supports the GET subcommand')

const SIGNED = 0x69
const UNSIGNED = 0x75
const ZERO = 0x30

interface FieldType {
  readonly signed: boolean
  readonly width: number
}

interface FieldOperation extends FieldType {
  readonly action: 'get' | 'set' | 'incrby'
  readonly bit: number
  readonly overflow: Overflow
  /** SET's value or INCRBY's increment: a safe integer as a number, any other int64 as a bigint. */
  readonly operand: number | bigint
}

/** Argument `index` as a field type: "i1" to "i64", "u1" to "u63". Throws INVALID_TYPE. */
function typeArgument(args: Arguments, index: number): FieldType {
  const { view } = args.block
  const start = args.offsets[index]
  const length = args.lengths[index]
  const letter = length === 0 ? 0 : view.getUint8(start)
  const signed = letter === SIGNED
  const max = signed ? 64 : letter === UNSIGNED ? 63 : 0
  let width = 0
  for (let at = 1; at < length; at++) {
    const byte = view.getUint8(start + at)
    // Redis reads the width as a C string.
    if (byte === 0) break
    const digit = byte - ZERO
    if (digit < 0 || digit > 9) throw INVALID_TYPE
    width = width * 10 + digit
    // Also after a leading zero.
    if (width === 0 || width > max) throw INVALID_TYPE
  }
  if (width === 0) throw INVALID_TYPE
  return { signed, width }
}

function overflowArgument(args: Arguments, index: number): Overflow {
  if (args.is(index, 'WRAP')) return 'wrap'
  if (args.is(index, 'SAT')) return 'sat'
  if (args.is(index, 'FAIL')) return 'fail'
  throw INVALID_OVERFLOW
}

/** Argument `index` as an int64 in the form the field arithmetic takes. Throws NOT_AN_INTEGER. */
function operandArgument(args: Arguments, index: number): number | bigint {
  const value = parseInteger(args.block, args.offsets[index], args.lengths[index])
  return Number.isNaN(value) ? args.int64(index) : value
}

function readOperations(client: Client, args: Arguments): FieldOperation[] {
  const operations: FieldOperation[] = []
  let overflow: Overflow = 'wrap'
  for (let i = 2; i < args.count; ) {
    const left = args.count - i - 1
    if (args.is(i, 'OVERFLOW') && left >= 1) {
      overflow = overflowArgument(args, i + 1)
      i += 2
      continue
    }
    const action =
      args.is(i, 'GET') && left >= 2
        ? 'get'
        : args.is(i, 'SET') && left >= 3
          ? 'set'
          : args.is(i, 'INCRBY') && left >= 3
            ? 'incrby'
            : null
    if (action === null) throw SYNTAX_ERROR
    const { signed, width } = typeArgument(args, i + 1)
    const bit = bitOffsetArgument(client, args, i + 2, width)
    const operand = action === 'get' ? 0 : operandArgument(args, i + 3)
    operations.push({ action, signed, width, bit, overflow, operand })
    i += action === 'get' ? 3 : 4
  }
  return operations
}

export function bitfield(client: Client, args: Arguments): void {
  const operations = readOperations(client, args)
  let highest = -1
  for (const { action, bit, width } of operations) {
    if (action !== 'get') highest = Math.max(highest, bit + width - 1)
  }
  if (highest === -1) replyFields(client, args, operations)
  else change(client, args, operations, highest)
}

export function bitfieldRo(client: Client, args: Arguments): void {
  const operations = readOperations(client, args)
  if (operations.some(({ action }) => action !== 'get')) throw GET_ONLY
  replyFields(client, args, operations)
}

/** BITFIELD only reads its key when all its operations are GET; where they do not parse, it may write. */
export function bitfieldKeys(args: Arguments): KeyReference[] {
  let at = 2
  while (at < args.count) {
    if (args.is(at, 'GET') && at + 2 < args.count) at += 3
    else if (args.is(at, 'OVERFLOW') && at + 1 < args.count) at += 2
    else return [{ index: 1, flags: ['RW', 'access', 'update'] }]
  }
  return [{ index: 1, flags: ['RO', 'access'] }]
}

function replyFields(client: Client, args: Arguments, operations: readonly FieldOperation[]): void {
  const entry = client.db.readTyped(args, 1, TYPE_STRING)
  client.reply.arrayHeader(operations.length)
  for (const operation of operations) replyInteger(client, fieldOf(entry, operation))
}

/** Performs the operations on a string that is first made long enough for `highest`, the last bit written. */
function change(
  client: Client,
  args: Arguments,
  operations: readonly FieldOperation[],
  highest: number,
): void {
  const { db, reply } = client
  const found = db.writeTyped(args, 1, TYPE_STRING)
  const grows = found === null || found.valueLength < bytesForBit(highest)
  const entry = growForBit(db, args, found, highest)
  let changes = 0
  reply.arrayHeader(operations.length)
  for (const operation of operations) {
    const before = fieldOf(entry, operation)
    const after = resultOf(operation, before)
    if (after === null) {
      reply.null()
      continue
    }
    if (operation.action !== 'get') {
      db.edit(entry, Math.floor(operation.bit / 8), FIELD_BYTES_MAX)
      setField(entry.block, entry.valueOffset, operation.bit, operation.width, after)
      if (grows || after !== before) changes++
    }
    replyInteger(client, operation.action === 'set' ? before : after)
  }
  if (changes > 0) db.changed(args, 1, NOTIFY_STRING, 'setbit', changes)
}

function fieldOf(entry: Entry | null, { bit, width, signed }: FieldOperation): number | bigint {
  return entry === null
    ? getField(EMPTY_BLOCK, 0, 0, bit, width, signed)
    : getField(entry.block, entry.valueOffset, entry.valueLength, bit, width, signed)
}

/** What the field holds after the operation; null when it overflows and may not. */
function resultOf(operation: FieldOperation, before: number | bigint): number | bigint | null {
  const { action, operand, width, signed, overflow } = operation
  if (action === 'get') return before
  if (action === 'set') return fitField(operand, 0, width, signed, overflow)
  return fitField(before, operand, width, signed, overflow)
}

function replyInteger(client: Client, value: number | bigint): void {
  if (typeof value === 'bigint') client.reply.int64(value)
  else client.reply.integer(value)
}
