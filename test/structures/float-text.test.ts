/** Rounding of binary values, which both kinds of floating-point number stand on; their tests cover the syntax. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockOf } from '../../src/structures/block.ts'
import { bitLength, readFloatText, roundBinary } from '../../src/structures/float-text.ts'

const read = (text: string): unknown => readFloatText(blockOf(text), 0, text.length)

test('digits come without point, leading zeros and sign', () => {
  expect(read('-0012.50e3')).toEqual({ negative: true, digits: '1250', hex: false, exponent: 1 })
  expect(read('0X0.8P-4')).toEqual({ negative: false, digits: '8', hex: true, exponent: -8 })
  expect(read('+.000')).toEqual({ negative: false, digits: '', hex: false, exponent: -3 })
  expect(read('-iNf')).toEqual({ negative: true, infinite: true })
  expect(read('nan')).toBe(null)
})

test('bit lengths', () => {
  expect(bitLength(0n)).toBe(0)
  for (let bits = 1; bits < 1100; bits++) {
    expect(bitLength(2n ** BigInt(bits) - 1n)).toBe(bits)
    expect(bitLength(2n ** BigInt(bits - 1))).toBe(bits)
  }
})

/** The mantissa after rounding to three bits, times its power of two. */
function rounded(mantissa: bigint, sticky = false, minExponent = -100): number {
  const result = roundBinary(mantissa, 0, sticky, 3, minExponent)
  return Number(result.mantissa) * 2 ** result.exponent
}

describe('rounding', () => {
  test.each([
    [0b1000n, 8],
    [0b1001n, 8],
    [0b1010n, 10],
    [0b1011n, 12],
    [0b1101n, 12],
    [0b1111n, 16],
    [0b10010n, 16],
    [0b10011n, 20],
    [0b1n, 1],
    [0n, 0],
  ])('%d to three bits is %d', (mantissa, value) => expect(rounded(mantissa)).toBe(value))

  test('a cut-off rest breaks a tie upwards', () => {
    expect(rounded(0b1001n, true)).toBe(10)
    expect(rounded(0b1000n, true)).toBe(8)
  })

  test('denormals keep the smallest exponent and fewer bits', () => {
    expect(rounded(0b1011n, false, 3)).toBe(8)
    expect(rounded(0b1100n, false, 3)).toBe(16)
    expect(rounded(0b11n, false, 3)).toBe(0)
  })

  test('to 53 bits it is what Number() does', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 120n }), (n) => {
        const { mantissa, exponent } = roundBinary(n, 0, false, 53, -1074)
        expect(Number(mantissa) * 2 ** exponent).toBe(Number(n))
      }),
    )
  })
})
