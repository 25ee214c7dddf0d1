/**
 * The syntax of floating-point text as C's strtod and strtold read it, and rounding of exact binary values.
 * Not tied to a precision: doubles.ts and long-double.ts are the two that exist.
 */
import type { Block } from './block.ts'

/** Digits without their point: the value is digits × 10^exponent, or digits × 2^exponent when `hex`. */
export interface FloatDigits {
  readonly negative: boolean
  /** Significant digits without leading zeros; empty for zero. */
  readonly digits: string
  readonly hex: boolean
  readonly exponent: number
}

/** What a piece of text says: a number, or an infinity. */
export type FloatText = FloatDigits | { readonly negative: boolean; readonly infinite: true }

/** Sign, then one of: infinity; hex digits and binary exponent; decimal digits and decimal exponent. */
const FLOAT =
  /^([+-]?)(?:(inf(?:inity)?)|0x([\da-f]*)(?:\.([\da-f]*))?(?:p([+-]?\d+))?|(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?)$/i

/**
 * Reads the whole stretch as one floating-point number; null when it is not one. NaN in any form, spaces
 * and the empty text are refused, as Redis does after calling strtod.
 */
export function readFloatText(block: Block, offset: number, length: number): FloatText | null {
  const match = FLOAT.exec(block.bytes.toString('latin1', offset, offset + length))
  if (match === null) return null
  const [, sign, infinity, hexWhole, hexFraction, hexExponent, whole, fraction, exponent] = match
  const negative = sign === '-'
  if (infinity !== undefined) return { negative, infinite: true }
  if (hexWhole !== undefined) {
    return floatDigits(negative, true, hexWhole, hexFraction ?? '', hexExponent ?? '0')
  }
  return floatDigits(negative, false, whole ?? '', fraction ?? '', exponent ?? '0')
}

function floatDigits(
  negative: boolean,
  hex: boolean,
  whole: string,
  fraction: string,
  exponent: string,
): FloatDigits | null {
  const written = whole + fraction
  if (written === '') return null
  const digits = written.slice(leadingZeros(written))
  return { negative, digits, hex, exponent: Number(exponent) - fraction.length * (hex ? 4 : 1) }
}

function leadingZeros(text: string): number {
  let zeros = 0
  while (zeros < text.length && text.charCodeAt(zeros) === 48) zeros++
  return zeros
}

/** mantissa × 2^exponent. */
export interface Binary {
  readonly mantissa: bigint
  readonly exponent: number
}

/** The exponent field of an infinite double. */
const INFINITE = 0x7ff

/** A double's words. */
const double = new DataView(new ArrayBuffer(8))

/** Number of bits of a positive or zero `value`. */
export function bitLength(value: bigint): number {
  // The exponent of the nearest double tells it, unless that is a power of two and may be above the value: without
  // the hex digits in a third of the time (bench/micro/long-double).
  double.setFloat64(0, Number(value))
  const high = double.getInt32(0)
  const exponent = high >> 20
  if (exponent !== INFINITE && ((high & 0xfffff) !== 0 || double.getInt32(4) !== 0)) return exponent - 1022
  const hex = value.toString(16)
  return value === 0n ? 0 : hex.length * 4 - Math.clz32(Number.parseInt(hex[0], 16)) + 28
}

/**
 * Rounds mantissa × 2^exponent (mantissa ≥ 0) to `precision` bits, ties to even, with an exponent no
 * smaller than `minExponent` (denormals). `sticky` says that a non-zero rest below the mantissa was cut
 * off; the mantissa must then have more than `precision` bits.
 */
export function roundBinary(
  mantissa: bigint,
  exponent: number,
  sticky: boolean,
  precision: number,
  minExponent: number,
): Binary {
  if (mantissa === 0n) return { mantissa, exponent: minExponent }
  const target = Math.max(exponent + bitLength(mantissa) - precision, minExponent)
  const shift = target - exponent
  if (shift <= 0) return { mantissa: mantissa << BigInt(-shift), exponent: target }
  const half = 1n << BigInt(shift - 1)
  const rest = BigInt.asUintN(shift, mantissa)
  const cut = mantissa >> BigInt(shift)
  const up = rest > half || (rest === half && (sticky || (cut & 1n) === 1n))
  if (!up) return { mantissa: cut, exponent: target }
  const rounded = cut + 1n
  // All ones rounded up: one bit too many, and that bit is the only one set.
  if (bitLength(rounded) > precision) return { mantissa: rounded >> 1n, exponent: target + 1 }
  return { mantissa: rounded, exponent: target }
}
