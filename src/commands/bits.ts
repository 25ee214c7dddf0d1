/** The bitmap commands: single bits of a string, counting, searching and combining. BITFIELD is bitfield.ts. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { keyAt, keyRange } from '../engine/key-specs.ts'
import { Entry, RAW_STRING, TYPE_STRING } from '../keyspace/entry.ts'
import { NOTIFY_GENERIC, NOTIFY_STRING } from '../keyspace/notifications.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err, SYNTAX_ERROR } from '../protocol/error-replies.ts'
import { copyBytes, EMPTY_BLOCK, equalBytes, newBlock } from '../structures/block.ts'
import {
  type BitOperation,
  combineBits,
  countBitRange,
  findBit,
  getBit,
  type Stretch,
  setBit,
} from '../values/bitmap.ts'
import { bitOffsetArgument, bytesForBit, growForBit } from './bit-offset.ts'
import { bitfield, bitfieldKeys, bitfieldRo } from './bitfield.ts'

const NOT_A_BIT = err('bit is not an integer or out of range')
const NOT_ONE_OR_ZERO = err('The bit argument must be 1 or 0.')
const NOT_TAKES_ONE_KEY = err('BITOP NOT must be called with a single source key.')

const NO_BITS: Stretch = { block: EMPTY_BLOCK, offset: 0, length: 0 }

const OPERATIONS: readonly (readonly [word: string, operation: BitOperation])[] = [
  ['AND', 'and'],
  ['OR', 'or'],
  ['XOR', 'xor'],
  ['NOT', 'not'],
]

function setbit(client: Client, args: Arguments): void {
  const { db } = client
  const bit = bitOffsetArgument(client, args, 2, 0)
  const on = args.integerOr(3, NOT_A_BIT)
  if (on !== 0 && on !== 1) throw NOT_A_BIT
  const found = db.writeTyped(args, 1, TYPE_STRING)
  const grows = found === null || found.valueLength < bytesForBit(bit)
  const entry = growForBit(db, args, found, bit)
  db.edit(entry, Math.floor(bit / 8), 1)
  const before = setBit(entry.block, entry.valueOffset, bit, on)
  if (grows || before !== on) db.changed(args, 1, NOTIFY_STRING, 'setbit')
  client.reply.integer(before)
}

function getbit(client: Client, args: Arguments): void {
  const bit = bitOffsetArgument(client, args, 2, 0)
  const entry = client.db.readTyped(args, 1, TYPE_STRING)
  const value = entry === null ? 0 : getBit(entry.block, entry.valueOffset, entry.valueLength, bit)
  client.reply.integer(value)
}

/** Whether the range that ends at argument `index` - 1 is in bits. Throws SYNTAX_ERROR on another unit. */
function inBits(args: Arguments, index: number): boolean {
  if (args.count <= index) return false
  if (args.is(index, 'BIT')) return true
  if (args.is(index, 'BYTE')) return false
  throw SYNTAX_ERROR
}

/** An index that may count from the end, as one into `total` units, not below the first. */
function fromStart(index: number, total: number): number {
  return Math.max(0, index < 0 ? index + total : index)
}

function bitcount(client: Client, args: Arguments): void {
  const { reply } = client
  if (args.count === 3 || args.count > 5) throw SYNTAX_ERROR
  const whole = args.count === 2
  const start = whole ? 0 : args.integer(2)
  const end = whole ? -1 : args.integer(3)
  const bits = inBits(args, 4)
  const entry = client.db.readTyped(args, 1, TYPE_STRING)
  if (entry === null || (start < 0 && end < 0 && start > end)) {
    reply.integer(0)
    return
  }
  const total = bits ? entry.valueLength * 8 : entry.valueLength
  const first = fromStart(start, total)
  const last = Math.min(total - 1, fromStart(end, total))
  if (first > last) reply.integer(0)
  else {
    const unit = bits ? 1 : 8
    reply.integer(countBitRange(entry.block, entry.valueOffset, first * unit, last * unit + unit - 1))
  }
}

function bitpos(client: Client, args: Arguments): void {
  const { reply } = client
  const bit = args.integer(2)
  if (bit !== 0 && bit !== 1) throw NOT_ONE_OR_ZERO
  if (args.count > 6) throw SYNTAX_ERROR
  const start = args.count > 3 ? args.integer(3) : 0
  const bits = inBits(args, 5)
  const endGiven = args.count > 4
  const end = endGiven ? args.integer(4) : -1
  const entry = client.db.readTyped(args, 1, TYPE_STRING)
  if (entry === null) {
    // An absent key is an endless row of zeros.
    reply.integer(bit === 1 ? -1 : 0)
    return
  }
  const unit = bits ? 1 : 8
  const total = (entry.valueLength * 8) / unit
  const first = fromStart(start, total)
  const last = Math.min(total - 1, fromStart(end, total))
  if (first > last) {
    reply.integer(-1)
    return
  }
  const lastBit = last * unit + unit - 1
  const found = findBit(entry.block, entry.valueOffset, bit, first * unit, lastBit)
  reply.integer(found === -1 && bit === 0 && !endGiven ? lastBit + 1 : found)
}

/** Whether BITOP's argument `index` is the key it writes. */
function isTarget({ block, offsets, lengths }: Arguments, index: number): boolean {
  return lengths[index] === lengths[2] && equalBytes(block, offsets[index], block, offsets[2], lengths[2])
}

function bitop(client: Client, args: Arguments): void {
  const { db, reply } = client
  const operation = OPERATIONS.find(([word]) => args.is(1, word))?.[1]
  if (operation === undefined) throw SYNTAX_ERROR
  if (operation === 'not' && args.count !== 4) throw NOT_TAKES_ONE_KEY
  const sources: Stretch[] = []
  let length = 0
  let readsTarget = false
  for (let key = 3; key < args.count; key++) {
    const entry = db.readTyped(args, key, TYPE_STRING, new Entry())
    if (entry === null) sources.push(NO_BITS)
    else {
      sources.push({ block: entry.block, offset: entry.valueOffset, length: entry.valueLength })
      length = Math.max(length, entry.valueLength)
      readsTarget ||= isTarget(args, key)
    }
  }
  if (length === 0) {
    const target = db.write(args, 2)
    if (target !== null) {
      db.remove(target)
      db.changed(args, 2, NOTIFY_GENERIC, 'del')
    }
  } else {
    // Giving a source its new length would lose what it holds: then the result is made aside.
    const aside = readsTarget ? newBlock(length) : EMPTY_BLOCK
    if (readsTarget) combineBits(operation, sources, aside, 0, length)
    const target = db.overwrite(args, 2, TYPE_STRING, length, false)
    if (readsTarget) copyBytes(aside, 0, target.block, target.valueOffset, length)
    else combineBits(operation, sources, target.block, target.valueOffset, length)
    target.flags |= RAW_STRING
    db.changed(args, 2, NOTIFY_STRING, 'set')
  }
  reply.integer(length)
}

export const bitmapCommands: Family = family('bitmap', {
  SETBIT: {
    summary: "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist.",
    since: '2.2.0',
    complexity: 'O(1)',
    syntax: 'key offset value',
    flags: ['write', 'denyoom'],
    keys: [keyAt(1, 'RW', 'access', 'update')],
    run: setbit,
  },
  GETBIT: {
    summary: 'Returns a bit value by offset.',
    since: '2.2.0',
    complexity: 'O(1)',
    syntax: 'key offset',
    flags: ['readonly', 'fast'],
    keys: [keyAt(1, 'RO', 'access')],
    run: getbit,
  },
  BITCOUNT: {
    summary: 'Counts the number of set bits (population counting) in a string.',
    since: '2.6.0',
    complexity: 'O(N)',
    syntax: 'key [start end [BYTE | BIT]]',
    flags: ['readonly'],
    keys: [keyAt(1, 'RO', 'access')],
    history: [['7.0.0', 'Added the `BYTE|BIT` option.']],
    run: bitcount,
  },
  BITPOS: {
    summary: 'Finds the first set (1) or clear (0) bit in a string.',
    since: '2.8.7',
    complexity: 'O(N)',
    syntax: 'key bit [start [end [BYTE | BIT]]]',
    flags: ['readonly'],
    keys: [keyAt(1, 'RO', 'access')],
    history: [['7.0.0', 'Added the `BYTE|BIT` option.']],
    run: bitpos,
  },
  BITOP: {
    summary: 'Performs bitwise operations on multiple strings, and stores the result.',
    since: '2.6.0',
    complexity: 'O(N)',
    syntax: '<AND | OR | XOR | NOT> destkey key [key ...]',
    flags: ['write', 'denyoom'],
    keys: [keyAt(2, 'OW', 'update'), keyRange(3, -1, 1, 'RO', 'access')],
    run: bitop,
  },
  BITFIELD: {
    summary: 'Performs arbitrary bitfield integer operations on strings.',
    since: '3.2.0',
    complexity: 'O(1) for each subcommand specified',
    syntax:
      'key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> ...]]',
    flags: ['write', 'denyoom'],
    keys: [
      {
        ...keyAt(1, 'RW', 'access', 'update', 'variable_flags'),
        notes: 'This command allows both access and modification of the key',
      },
    ],
    findKeys: bitfieldKeys,
    run: bitfield,
  },
  BITFIELD_RO: {
    summary: 'Performs arbitrary read-only bitfield integer operations on strings.',
    since: '6.0.0',
    complexity: 'O(1) for each subcommand specified',
    syntax: 'key [GET encoding offset [GET encoding offset ...]]',
    flags: ['readonly', 'fast'],
    keys: [keyAt(1, 'RO', 'access')],
    run: bitfieldRo,
  },
})
