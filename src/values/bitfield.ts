/**
 * Integers of 1 to 64 bits at any bit offset of a string, highest bit first, with BITFIELD's overflow rules.
 * Not the command: it sizes the string and reads the arguments.
 */
import type { Block } from '../structures/block.ts'

/*
 * A field of at most 32 bits spans at most five bytes, whose 40 bits are exact in a double: those fields
 * stay plain numbers. Wider ones are assembled as a BigInt. Callers see `number` for fields of at most 32
 * bits and `bigint` for wider ones. Signed fields go to 64 bits, unsigned ones to 63, as in Redis.
 */
const NUMBER_BITS = 32

/** An operator's power is computed each time, which took a tenth of BITFIELD's time (bench/micro/bitmap). */
const POWERS_OF_TWO = Float64Array.from({ length: NUMBER_BITS + 1 }, (_, n) => 2 ** n)

export type Overflow = 'wrap' | 'sat' | 'fail'

/** The field at `bit`; bits past the stretch's end read as 0. A number up to 32 bits wide, else a bigint. */
export function getField(
  block: Block,
  offset: number,
  length: number,
  bit: number,
  width: number,
  signed: boolean,
): number | bigint {
  const first = (bit - (bit & 7)) / 8
  const skipped = bit & 7
  const spanned = (skipped + width + 7) >> 3
  if (width > NUMBER_BITS) return getWideField(block, offset, length, first, spanned, skipped, width, signed)
  let bits = 0
  for (let i = 0; i < spanned; i++) bits = bits * 256 + byteAt(block, offset, length, first + i)
  const below = 1 << (spanned * 8 - skipped - width)
  const range = POWERS_OF_TWO[width]
  const value = Math.floor(bits / below) % range
  return signed && value >= range / 2 ? value - range : value
}

function getWideField(
  block: Block,
  offset: number,
  length: number,
  first: number,
  spanned: number,
  skipped: number,
  width: number,
  signed: boolean,
): bigint {
  let bits = 0n
  for (let i = 0; i < spanned; i++) bits = (bits << 8n) | BigInt(byteAt(block, offset, length, first + i))
  const value = bits >> BigInt(spanned * 8 - skipped - width)
  return signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value)
}

function byteAt(block: Block, offset: number, length: number, at: number): number {
  return at < length ? block.view.getUint8(offset + at) : 0
}

/** Stores the low `width` bits of `value` at `bit`; all the bytes it touches must be there. */
export function setField(
  block: Block,
  offset: number,
  bit: number,
  width: number,
  value: number | bigint,
): void {
  let at = offset + (bit + width - 1 - ((bit + width - 1) & 7)) / 8
  // Bits below the field in its last byte; then byte by byte from the lowest bits up.
  let shift = 7 - ((bit + width - 1) & 7)
  let left = width
  let high = 0
  let low = 0
  if (typeof value === 'bigint') {
    low = Number(BigInt.asUintN(32, value))
    high = Number(BigInt.asUintN(32, value >> 32n))
  } else {
    low = value >>> 0
    high = Math.floor(value / 2 ** 32) >>> 0
  }
  while (left > 0) {
    const taken = Math.min(8 - shift, left)
    const mask = ((1 << taken) - 1) << shift
    block.view.setUint8(at, (block.view.getUint8(at) & ~mask) | ((low << shift) & mask))
    low = ((low >>> taken) | (high << (32 - taken))) >>> 0
    high >>>= taken
    left -= taken
    shift = 0
    at--
  }
}

/**
 * What a field of that type holds after `value` (SET: `increment` 0; INCRBY: the field's value) is raised
 * by `increment`, under the overflow rule; null when the rule is 'fail' and the sum does not fit. Both are
 * int64 given as safe integers or bigints. A number up to 32 bits wide, else a bigint.
 */
export function fitField(
  value: number | bigint,
  increment: number | bigint,
  width: number,
  signed: boolean,
  overflow: Overflow,
): number | bigint | null {
  if (width <= NUMBER_BITS && typeof value === 'number' && typeof increment === 'number') {
    const sum = value + increment
    const range = POWERS_OF_TWO[width]
    const min = signed ? -range / 2 : 0
    if (sum >= min && sum < min + range) return sum
  }
  const fitted = fitWide(BigInt(value), BigInt(increment), width, signed, overflow)
  return fitted === null || width > NUMBER_BITS ? fitted : Number(fitted)
}

function fitWide(
  value: bigint,
  increment: bigint,
  width: number,
  signed: boolean,
  overflow: Overflow,
): bigint | null {
  const bits = BigInt(width)
  const min = signed ? -(1n << (bits - 1n)) : 0n
  const max = min + (1n << bits) - 1n
  // SET of an unsigned field takes its int64 as unsigned, so a negative one is too large, not too small.
  const start = signed ? value : BigInt.asUintN(64, value)
  const sum = start + increment
  if (sum >= min && sum <= max && start >= min && start <= max) return sum
  if (overflow === 'fail') return null
  if (overflow === 'wrap') return signed ? BigInt.asIntN(width, sum) : BigInt.asUintN(width, sum)
  if (start > max) return max
  // Redis's distance to the maximum wraps in int64: far below the minimum it saturates to the maximum.
  if (signed && width < 64 && BigInt.asIntN(64, max - start) < increment) return max
  return sum > max ? max : min
}
