/** What SETBIT, GETBIT and BITFIELD share: reading a bit offset, and growing a string to hold a bit. */
import type { Client } from '../engine/client.ts'
import type { Database } from '../keyspace/database.ts'
import { type Entry, RAW_STRING, TYPE_STRING } from '../keyspace/entry.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err } from '../protocol/error-replies.ts'
import type { Block } from '../structures/block.ts'
import { parseInt64, parseInteger } from '../structures/integers.ts'

const NOT_AN_OFFSET = err('bit offset is not an integer or out of range')
const HASH = 0x23

/**
 * Argument `index` as a bit offset. With `width` above 0 the form #n is read too, the n-th field of that
 * many bits. Throws when it is none, or past the longest string allowed.
 */
export function bitOffsetArgument(client: Client, args: Arguments, index: number, width: number): number {
  const { block } = args
  const start = args.offsets[index]
  const length = args.lengths[index]
  const counted = width > 0 && length > 0 && block.bytes[start] === HASH
  const skipped = counted ? 1 : 0
  const unit = counted ? width : 1
  const product = parseInteger(block, start + skipped, length - skipped) * unit
  const bit = Number.isSafeInteger(product)
    ? product
    : wrappedProduct(block, start + skipped, length - skipped, unit)
  if (bit < 0 || bit >= client.engine.settings.protoMaxBulkLen * 8) throw NOT_AN_OFFSET
  return bit
}

/** The integer times `unit`, which wraps at 64 bits as in Redis. Throws NOT_AN_OFFSET when it is none. */
function wrappedProduct(block: Block, offset: number, length: number, unit: number): number {
  const number = parseInt64(block, offset, length)
  if (number === null) throw NOT_AN_OFFSET
  return Number(BigInt.asIntN(64, number * BigInt(unit)))
}

/** Bytes of the shortest string that has a bit at `bit`. */
export function bytesForBit(bit: number): number {
  return (bit - (bit & 7)) / 8 + 1
}

/**
 * The key's entry (as the last lookup found it) with room for a bit at `bit`, new bytes being zero; created
 * if need be. It counts as changed in place even when it needed no growth.
 */
export function growForBit(db: Database, args: Arguments, found: Entry | null, bit: number): Entry {
  const length = bytesForBit(bit)
  const before = found === null ? 0 : found.valueLength
  const entry = found ?? db.create(args, 1, TYPE_STRING, length)
  if (length > before) {
    if (found !== null) db.resizeValue(entry, length)
    entry.block.bytes.fill(0, entry.valueOffset + before, entry.valueOffset + length)
  }
  entry.flags |= RAW_STRING
  return entry
}
