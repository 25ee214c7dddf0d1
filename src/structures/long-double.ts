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

/** ±mantissa × 2^exponent; infinite when the exponent is Infinity, not a number when it is NaN. */
export interface LongDouble {
  readonly negative: boolean
  readonly mantissa: bigint
  readonly exponent: number
}

const NOT_A_NUMBER: LongDouble = { negative: false, mantissa: 0n, exponent: Number.NaN }

/**
 * The number written at `offset`, with strtold's syntax (decimal, hex, "inf"); null when it is not one, or
 * when it is finite but too large, or not zero but so small that it rounds to zero (Redis: "not a valid float").
 */
export function parseLongDouble(block: Block, offset: number, length: number): LongDouble | null {
  if (length >= TEXT_LIMIT) return null
  const text = readFloatText(block, offset, length)
  if (text === null) return null
  if ('infinite' in text) return infinity(text.negative)
  const { negative, digits } = text
  if (digits === '') return { negative, mantissa: 0n, exponent: MIN_EXPONENT }
  const value = text.hex ? fromHex(text) : fromDecimal(text)
  return value === null || value.mantissa === 0n || !Number.isFinite(value.exponent) ? null : value
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
  const scaled = roundShift(x.mantissa * 10n ** 17n, BigInt(-x.exponent))
  if (scaled === 0n) return '0'
  const digits = scaled.toString().padStart(18, '0')
  const fraction = digits.slice(-17).replace(/0+$/, '')
  const whole = digits.slice(0, -17)
  return fraction === '' ? sign + whole : `${sign}${whole}.${fraction}`
}

/** value / 2^shift to the nearest integer, ties to even. */
function roundShift(value: bigint, shift: bigint): bigint {
  const half = 1n << (shift - 1n)
  const quotient = value >> shift
  const rest = value - (quotient << shift)
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
  const digits = BigInt(text.digits)
  if (text.exponent >= 0) return round(text.negative, digits * 10n ** BigInt(text.exponent), 0, false)
  const divisor = 10n ** BigInt(-text.exponent)
  // Enough quotient bits to round from: the precision, one for the half and one for the estimate.
  const shift = Math.max(0, PRECISION + 2 + bitLength(divisor) - bitLength(digits))
  const scaled = digits << BigInt(shift)
  const quotient = scaled / divisor
  return round(text.negative, quotient, -shift, quotient * divisor !== scaled)
}
