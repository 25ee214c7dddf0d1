/**
 * Doubles as Redis reads them from arguments and prints them in replies. Not INCRBYFLOAT, whose numbers
 * are wider: long-double.ts.
 */
import type { Block } from './block.ts'
import { bitLength, readFloatText, roundBinary } from './float-text.ts'
import { parseInteger } from './integers.ts'

/**
 * Redis 7.2's text of a double: integers up to ±2^62 in full, otherwise the shortest digits that read back
 * as the same value, plain or scientific by fpconv's rules; "inf", "-inf", "nan", "-0".
 */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  if (Number.isInteger(value) && Math.abs(value) <= 2 ** 62) {
    return Number.isSafeInteger(value) ? String(value) : BigInt(value).toString()
  }
  return value < 0 ? `-${formatShortest(-value)}` : formatShortest(value)
}

/** fpconv's layout of a positive double's shortest digits. */
function formatShortest(value: number): string {
  const [mantissa, power] = value.toExponential().split('e') as [string, string]
  const digits = mantissa.replace('.', '')
  const exponent = Number(power)
  // value = digits × 10^scale
  const scale = exponent - digits.length + 1
  if (scale >= 0 && Math.abs(exponent) < digits.length + 7) return digits + '0'.repeat(scale)
  if (scale < 0 && (scale > -7 || Math.abs(exponent) < 4)) {
    const point = digits.length + scale
    if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`
    return `${digits.slice(0, point)}.${digits.slice(point)}`
  }
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
  return `${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`
}

/**
 * The double written at `offset`, with strtod's syntax (decimal, hex, "inf"); NaN when it is not one, or
 * when it is finite but too large, or not zero but so small that it rounds to zero (Redis: "not a valid float").
 */
export function parseDouble(block: Block, offset: number, length: number): number {
  const integer = parseInteger(block, offset, length)
  if (!Number.isNaN(integer)) return integer
  const text = readFloatText(block, offset, length)
  if (text === null) return Number.NaN
  const sign = text.negative ? -1 : 1
  if ('infinite' in text) return sign * Number.POSITIVE_INFINITY
  if (text.digits === '') return text.negative ? -0 : 0
  // An exponent past JavaScript's own digits gives NaN here, which is the answer: out of range.
  const value = text.hex ? hexDouble(text.digits, text.exponent) : Number(`${text.digits}e${text.exponent}`)
  return value === 0 || value === Number.POSITIVE_INFINITY ? Number.NaN : sign * value
}

/** Bits of a double's mantissa, and the exponents of its lowest bit at both ends of the range. */
const PRECISION = 53
const MIN_EXPONENT = -1074
const MAX_EXPONENT = 971

/** Hex digits × 2^exponent rounded to a double; 0 or Infinity when out of range. */
function hexDouble(digits: string, exponent: number): number {
  const mantissa = BigInt(`0x${digits}`)
  const top = exponent + bitLength(mantissa)
  if (top < MIN_EXPONENT) return 0
  if (top > MAX_EXPONENT + PRECISION) return Number.POSITIVE_INFINITY
  const rounded = roundBinary(mantissa, exponent, false, PRECISION, MIN_EXPONENT)
  if (rounded.exponent > MAX_EXPONENT) return Number.POSITIVE_INFINITY
  return Number(rounded.mantissa) * 2 ** rounded.exponent
}
