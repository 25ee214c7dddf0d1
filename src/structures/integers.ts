/**
 * Reads and prints 64-bit integers as decimal text in place, by Redis's strict rules. Not for lenient
 * number syntax: floating-point text is doubles.ts and long-double.ts.
 */
import type { Block } from './block.ts'

export const INT64_MIN: bigint = -(2n ** 63n)
export const INT64_MAX: bigint = 2n ** 63n - 1n
export const UINT64_MAX: bigint = 2n ** 64n - 1n

const ZERO = 48
const MINUS = 45

/** Digits of 2^63 - 1 and of 2^64 - 1, as text to compare against. */
const INT64_DIGITS = 19
const UINT64_DIGITS = 20

/** Longest text of a safe integer: 16 digits and a sign. */
const SAFE_TEXT_MAX = 17
/** Nine digits always fit an int32, so that many are accumulated without leaving small integers. */
const INT32_DIGITS = 9

/**
 * The integer written at `offset`, if the text is a decimal int64 (no leading zeros, plus sign, spaces or
 * "-0") and within ±(2^53 - 1); NaN for anything else. `parseInt64` tells the two failures apart.
 */
export function parseInteger(block: Block, offset: number, length: number): number {
  if (length === 0 || length > SAFE_TEXT_MAX) return Number.NaN
  const view = block.view
  const end = offset + length
  const negative = view.getUint8(offset) === MINUS
  let at = negative ? offset + 1 : offset
  if (at === end) return Number.NaN
  let small = view.getUint8(at++) - ZERO
  if (small < 0 || small > 9) return Number.NaN
  if (small === 0) return length === 1 ? 0 : Number.NaN
  // Int32 arithmetic for the first nine digits: bench/micro/integers.ts
  const smallEnd = end - at < INT32_DIGITS ? end : at + INT32_DIGITS - 1
  while (at < smallEnd) {
    const digit = view.getUint8(at++) - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    small = (small * 10 + digit) | 0
  }
  if (at === end) return negative ? -small : small
  let value = small
  while (at < end) {
    const digit = view.getUint8(at++) - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  // Rounding is monotonic, so an unsafe value can never round into the safe range.
  if (value > Number.MAX_SAFE_INTEGER) return Number.NaN
  return negative ? -value : value
}

/** The integer written at `offset` by the same rules over all of int64; null for anything else. */
export function parseInt64(block: Block, offset: number, length: number): bigint | null {
  if (!isInt64(block, offset, length)) return null
  const safe = parseInteger(block, offset, length)
  return BigInt(Number.isNaN(safe) ? block.bytes.toString('latin1', offset, offset + length) : safe)
}

/**
 * The unsigned 64-bit integer written at `offset`, digits only; null for anything else. Leading zeros are
 * accepted, as Redis's unsigned reader (cursors, stream ids) does.
 */
export function parseUint64(block: Block, offset: number, length: number): bigint | null {
  if (length === 0 || !areDigits(block, offset, length)) return null
  let at = offset
  const end = offset + length
  while (at < end - 1 && block.view.getUint8(at) === ZERO) at++
  if (end - at > UINT64_DIGITS) return null
  const value = BigInt(block.bytes.toString('latin1', at, end))
  return value <= UINT64_MAX ? value : null
}

/** Whether the text at `offset` is a decimal int64 exactly as Redis would print it. */
export function isInt64(block: Block, offset: number, length: number): boolean {
  if (length === 0 || length > INT64_DIGITS + 1) return false
  const view = block.view
  const negative = view.getUint8(offset) === MINUS
  const start = negative ? offset + 1 : offset
  const digits = negative ? length - 1 : length
  if (digits === 0 || digits > INT64_DIGITS || !areDigits(block, start, digits)) return false
  if (view.getUint8(start) === ZERO) return length === 1
  return digits < INT64_DIGITS || fitsInt64(block, start, negative)
}

/** The decimal digits of 2^63 - 1: nineteen-digit numbers are compared with it digit by digit. */
const INT64_MAX_TEXT = Uint8Array.from(String(INT64_MAX), (digit) => digit.charCodeAt(0))

function fitsInt64(block: Block, start: number, negative: boolean): boolean {
  for (let i = 0; i < INT64_DIGITS; i++) {
    const difference = block.view.getUint8(start + i) - INT64_MAX_TEXT[i]
    if (difference === 0) continue
    // Only the last digit may be larger, by the one that INT64_MIN has over INT64_MAX.
    return difference < 0 || (negative && difference === 1 && i === INT64_DIGITS - 1)
  }
  return true
}

function areDigits(block: Block, offset: number, length: number): boolean {
  const view = block.view
  for (let at = offset; at < offset + length; at++) {
    const digit = view.getUint8(at) - ZERO
    if (digit < 0 || digit > 9) return false
  }
  return true
}

/** Divides a safe integer into two halves that each fit an int32. */
const HALF = 100_000_000
const HALF_DIGITS = 8

/** Number of bytes `writeInteger` writes for the safe integer `n`. */
export function integerLength(n: number): number {
  return n < 0 ? digitCount(-n) + 1 : digitCount(n)
}

function digitCount(n: number): number {
  if (n < 100_000) {
    if (n < 100) return n < 10 ? 1 : 2
    if (n < 1000) return 3
    return n < 10_000 ? 4 : 5
  }
  if (n < 10_000_000) return n < 1_000_000 ? 6 : 7
  if (n < 1_000_000_000) return n < 100_000_000 ? 8 : 9
  return HALF_DIGITS + digitCount(Math.floor(n / HALF))
}

/** Two digits at once, as the 16-bit word that stores them: halves the divisions (bench/micro/integers.ts). */
const PAIRS = Uint16Array.from({ length: 100 }, (_, n) => ((ZERO + ((n / 10) | 0)) << 8) | (ZERO + (n % 10)))

/** Writes the safe integer `n` in decimal at `offset`, where there is room; returns the bytes written. */
export function writeInteger(block: Block, offset: number, n: number): number {
  let at = offset
  let rest = n
  if (rest < 0) {
    block.view.setUint8(at++, MINUS)
    rest = -rest
  }
  if (rest <= 0x7fffffff) {
    const end = at + digitCount(rest)
    writeDigits(block, at, end, rest | 0)
    return end - offset
  }
  const high = Math.floor(rest / HALF)
  const middle = at + digitCount(high)
  writeDigits(block, at, middle, high | 0)
  writeDigits(block, middle, middle + HALF_DIGITS, (rest - high * HALF) | 0)
  return middle + HALF_DIGITS - offset
}

/** Fills the bytes from `start` to `end` with the last digits of `n`, zeros in front. */
function writeDigits(block: Block, start: number, end: number, n: number): void {
  const view = block.view
  let at = end
  let rest = n
  while (at - start >= 2) {
    const next = (rest / 100) | 0
    at -= 2
    view.setUint16(at, PAIRS[rest - next * 100])
    rest = next
  }
  if (at > start) view.setUint8(start, ZERO + rest)
}

/** Writes any int64 in decimal at `offset`, where there is room (20 bytes at most); returns the bytes written. */
export function writeInt64(block: Block, offset: number, n: bigint): number {
  const near = Number(n)
  if (Number.isSafeInteger(near)) return writeInteger(block, offset, near)
  return block.bytes.write(n.toString(), offset, 'latin1')
}
