/**
 * What an element would take in Redis's listpack: OBJECT ENCODING's thresholds are stated in its bytes.
 * Sizes only; nothing here is stored that way.
 */
import type { Block } from '../structures/block.ts'
import { isInt64, parseInteger } from '../structures/integers.ts'

/** Bytes of an empty listpack: total size, element count, end mark. */
export const LISTPACK_OVERHEAD = 7

const ZERO = 0x30
const NINE = 0x39
const MINUS = 0x2d
/** Longest text of a 64-bit integer. */
const INTEGER_TEXT_MAX = 20
/** An integer that parseInteger() refuses, because a double cannot hold it, has at least so many digits. */
const UNSAFE_TEXT_MIN = 16

/** Bytes of the listpack entry of an element: integers are packed, then come strings by length. */
export function listpackEntrySize(block: Block, offset: number, length: number): number {
  if (length <= INTEGER_TEXT_MAX && length > 0) {
    const first = block.view.getUint8(offset)
    if (first <= NINE && (first >= ZERO || first === MINUS)) {
      const size = integerEntrySize(block, offset, length)
      if (size !== 0) return size
    }
  }
  if (length < 64) return length + 2
  if (length < 4096) return 2 + length + backLength(2 + length)
  return 5 + length + backLength(5 + length)
}

/** Bytes of the entry of an integer, or 0 when the text is not one as Redis would print it. */
function integerEntrySize(block: Block, offset: number, length: number): number {
  const value = parseInteger(block, offset, length)
  if (Number.isNaN(value)) return length >= UNSAFE_TEXT_MIN && isInt64(block, offset, length) ? 10 : 0
  if (value >= 0 && value <= 127) return 2
  if (value >= -4096 && value <= 4095) return 3
  if (value >= -0x8000 && value <= 0x7fff) return 4
  if (value >= -0x80_0000 && value <= 0x7f_ffff) return 5
  return value >= -0x8000_0000 && value <= 0x7fff_ffff ? 6 : 10
}

/** Bytes of the entry's own size, seven bits to the byte, behind the entry. */
function backLength(size: number): number {
  if (size <= 127) return 1
  if (size < 16_383) return 2
  if (size < 2_097_151) return 3
  return size < 268_435_455 ? 4 : 5
}
