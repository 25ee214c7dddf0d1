/**
 * INCRBYFLOAT's arithmetic: the x87 80-bit long double Redis uses on x86-64, in exact integers. Not a
 * general number type: it parses, adds and prints, which is all Redis does with it.
 */
import type { Block } from './block.ts'
import { bitLength, type FloatDigits, readFloatText, roundBinary } from './float-text.ts'

/*
 * A finite value is ±mantissa × 2^exponent with a 64-bit mantissa, kept as a BigInt. Every operation is
 * done exactly on integers as wide as it takes and rounded once, half to even, which is what the FPU does.
 * The widest are about 33,000 bits (the largest exponent against the smallest): microseconds. Numbers
 * people write stay below 128 bits. Printing follows "%.17Lf" of the exact value with trailing zeros cut:
 * the 64-bit mantissa is good for 19 digits, so the 17 printed hide the binary rounding and 0.1 + 0.2
 * is 0.3.
 */

/** Bits of the mantissa, and the exponents of its lowest bit at both ends of the range. */
const PRECISION = 64
const MIN_EXPONENT = -16445
const MAX_EXPONENT = 16320

/** Powers of ten beyond which any number of digits ≥ 1 is infinite, or is zero. */
const OVERFLOW_POWER = 4940
const UNDERFLOW_POWER = -4960

/** Redis's buffer for the text (MAX_LONG_DOUBLE_CHARS): anything as long or longer is no number. */
const TEXT_LIMIT = 5 * 1024

/** Digits that are an exact double, and twice that: what parsePlain() reads. */
const HALF_DIGITS = 15
const PLAIN_LIMIT = 30

const ZERO = 0x30
const MINUS = 0x2d
const POINT = 0x2e

const POWERS_OF_TEN = Array.from({ length: 40 }, (_, n) => 10n ** BigInt(n))

function powerOfTen(n: number): bigint {
  return n < POWERS_OF_TEN.length ? POWERS_OF_TEN[n] : 10n ** BigInt(n)
}

/** ±mantissa × 2^exponent; infinite when the exponent is Infinity, not a number when it is NaN. */
export interface LongDouble {
  readonly negative: boolean
  readonly mantissa: bigint
  readonly exponent: number
}

export const LONG_DOUBLE_ZERO: LongDouble = { negative: false, mantissa: 0n, exponent: MIN_EXPONENT }
const NOT_A_NUMBER: LongDouble = { negative: false, mantissa: 0n, exponent: Number.NaN }

/**
 * The number written at `offset`, with strtold's syntax (decimal, hex, "inf"); null when it is not one, or
 * when it is finite but too large, or not zero but so small that it rounds to zero (Redis: "not a valid float").
 */
export function parseLongDouble(block: Block, offset: number, length: number): LongDouble | null {
  if (length <= PLAIN_LIMIT) {
    const value = parsePlain(block, offset, length)
    if (value !== null) return value
  }
  if (length >= TEXT_LIMIT) return null
  const text = readFloatText(block, offset, length)
  if (text === null) return null
  if ('infinite' in text) return infinity(text.negative)
  const { negative, digits } = text
  if (digits === '') return { negative, mantissa: 0n, exponent: MIN_EXPONENT }
  const value = text.hex ? fromHex(text) : fromDecimal(text)
  return value === null || value.mantissa === 0n || !Number.isFinite(value.exponent) ? null : value
}

/**
 * parseLongDouble() of nothing but digits, a point among them and a minus before, which is how most numbers are
 * written; null for zero and any other text. Reads them in a third of the time (bench/micro/long-double).
 */
function parsePlain(block: Block, offset: number, length: number): LongDouble | null {
  const { view } = block
  const end = offset + length
  const negative = length > 0 && view.getUint8(offset) === MINUS
  let high = 0
  let low = 0
  let digits = 0
  let point = -1
  for (let at = negative ? offset + 1 : offset; at < end; at++) {
    const digit = view.getUint8(at) - ZERO
    if (digit >= 0 && digit <= 9) {
      if (digits < HALF_DIGITS) high = high * 10 + digit
      else low = low * 10 + digit
      digits++
    } else if (digit === POINT - ZERO && point === -1) point = digits
    else return null
  }
  if (high === 0 && low === 0) return null
  const lowDigits = digits - HALF_DIGITS
  const number = lowDigits <= 0 ? BigInt(high) : BigInt(high) * POWERS_OF_TEN[lowDigits] + BigInt(low)
  return scaled(negative, number, point === -1 ? 0 : point - digits)
}

/** a + b, rounded to nearest, ties to even. */
export function addLongDouble(a: LongDouble, b: LongDouble): LongDouble {
  if (!Number.isFinite(a.exponent) || !Number.isFinite(b.exponent)) return addNonFinite(a, b)
  if (a.mantissa === 0n) return b
  if (b.mantissa === 0n) return a
  const exponent = Math.min(a.exponent, b.exponent)
  const sum = signedMantissa(a, exponent) + signedMantissa(b, exponent)
  return sum < 0n ? round(true, -sum, exponent, false) : round(false, sum, exponent, false)
}

/** As Redis prints it for people: 17 decimals, half to even, without trailing zeros; null for inf and nan. */
export function formatLongDouble(x: LongDouble): string | null {
  if (!Number.isFinite(x.exponent)) return null
  const sign = x.negative && x.mantissa !== 0n ? '-' : ''
  if (x.exponent >= 0) return sign + (x.mantissa << BigInt(x.exponent)).toString()
  const decimals = roundShift(x.mantissa * POWERS_OF_TEN[17], -x.exponent)
  if (decimals === 0n) return '0'
  const digits = decimals.toString().padStart(18, '0')
  const point = digits.length - 17
  let end = digits.length
  while (end > point && digits.charCodeAt(end - 1) === ZERO) end--
  const whole = sign + digits.slice(0, point)
  return end === point ? whole : `${whole}.${digits.slice(point, end)}`
}

/** value / 2^shift to the nearest integer, ties to even. */
function roundShift(value: bigint, shift: number): bigint {
  const half = 1n << BigInt(shift - 1)
  const quotient = value >> BigInt(shift)
  const rest = BigInt.asUintN(shift, value)
  return rest > half || (rest === half && (quotient & 1n) === 1n) ? quotient + 1n : quotient
}

function signedMantissa(x: LongDouble, exponent: number): bigint {
  const mantissa = x.mantissa << BigInt(x.exponent - exponent)
  return x.negative ? -mantissa : mantissa
}

function addNonFinite(a: LongDouble, b: LongDouble): LongDouble {
  if (Number.isNaN(a.exponent) || Number.isNaN(b.exponent)) return NOT_A_NUMBER
  if (a.exponent === b.exponent) return a.negative === b.negative ? a : NOT_A_NUMBER
  return Number.isFinite(a.exponent) ? b : a
}

function infinity(negative: boolean): LongDouble {
  return { negative, mantissa: 0n, exponent: Number.POSITIVE_INFINITY }
}

function round(negative: boolean, mantissa: bigint, exponent: number, sticky: boolean): LongDouble {
  const rounded = roundBinary(mantissa, exponent, sticky, PRECISION, MIN_EXPONENT)
  if (rounded.exponent > MAX_EXPONENT) return infinity(negative)
  return { negative, mantissa: rounded.mantissa, exponent: rounded.exponent }
}

/** The value of hex digits × 2^exponent; null when far out of range. */
function fromHex(text: FloatDigits): LongDouble | null {
  const mantissa = BigInt(`0x${text.digits}`)
  const top = text.exponent + bitLength(mantissa)
  if (!(top > MIN_EXPONENT - 2 && top < MAX_EXPONENT + PRECISION + 2)) return null
  return round(text.negative, mantissa, text.exponent, false)
}

/** The value of decimal digits × 10^exponent; null when far out of range. */
function fromDecimal(text: FloatDigits): LongDouble | null {
  const top = text.exponent + text.digits.length
  if (!(top > UNDERFLOW_POWER && top < OVERFLOW_POWER)) return null
  return scaled(text.negative, BigInt(text.digits), text.exponent)
}

/** ±digits × 10^exponent, rounded. */
function scaled(negative: boolean, digits: bigint, exponent: number): LongDouble {
  if (exponent >= 0) return round(negative, digits * powerOfTen(exponent), 0, false)
  const divisor = powerOfTen(-exponent)
  // Enough quotient bits to round from: the precision, one for the half and one for the estimate.
  const shift = Math.max(0, PRECISION + 2 + bitLength(divisor) - bitLength(digits))
  const dividend = digits << BigInt(shift)
  const quotient = dividend / divisor
  return round(negative, quotient, -shift, quotient * divisor !== dividend)
}
