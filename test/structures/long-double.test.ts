/** INCRBYFLOAT's arithmetic: answers taken from redis-server 7.0 on x86-64, and the rules of the format. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockOf } from '../../src/structures/block.ts'
import {
  addLongDouble,
  formatLongDouble,
  type LongDouble,
  parseLongDouble,
} from '../../src/structures/long-double.ts'

function parse(text: string): LongDouble | null {
  return parseLongDouble(blockOf(`1${text}1`), 1, Buffer.byteLength(text))
}

function sum(a: string, b: string): string | null {
  return formatLongDouble(addLongDouble(parse(a) as LongDouble, parse(b) as LongDouble))
}

describe('known answers', () => {
  test.each([
    ['0.1', '0.2', '0.3'],
    ['3.0e3', '200', '3200'],
    ['10.5', '0.1', '10.6'],
    ['5.0e3', '-4e2', '4600'],
    ['0.3', '-0.1', '0.2'],
    ['0.5', '-0.5', '0'],
    ['-0', '0', '0'],
    ['+5', '.5', '5.5'],
    ['3.', '1', '4'],
    ['0x1.8p1', '0x.8', '3.5'],
    ['1e25', '0.5', '10000000000000000000000000'],
    ['0', '1e-17', '0.00000000000000001'],
    ['0', '5e-18', '0'],
    ['0', '15e-18', '0.00000000000000002'],
    ['0', '-1e-20', '0'],
    ['9007199254740993', '0.1', '9007199254740993.099609375'],
    ['18446744073709551615', '1', '18446744073709551616'],
    ['18446744073709551616', '0.5', '18446744073709551616'],
    ['18446744073709551617', '0.5', '18446744073709551616'],
    ['123456789.123456789', '0.000000001', '123456789.12345678999554366'],
    ['0x1p-18', '0', '0.00000381469726562'],
    ['0x3p-18', '0', '0.00001144409179688'],
    ['18446744073709551617.00000001', '0', '18446744073709551618'],
    ['1e-4940', '0', '0'],
    ['1', '3.6e-4951', '1'],
    ['-1.5', '-0x10', '-17.5'],
  ])('%s + %s = %s', (a, b, answer) => expect(sum(a, b)).toBe(answer))

  test('a huge value prints all its digits', () => {
    const digits = sum('1e300', '1e280') as string
    expect(digits).toHaveLength(301)
    expect(digits.slice(0, 40)).toBe('1000000000000000000008997324079559193870')
  })

  test.each([
    ['1e4932', '1e4932'],
    ['inf', '-1'],
    ['1', '-Infinity'],
    ['inf', '-inf'],
  ])('%s + %s has no text', (a, b) => expect(sum(a, b)).toBe(null))
})

/** Separated by "|", the first being the empty text. */
const NOT_NUMBERS =
  '| 1|1 |\t1|1\n|1\0|.|+|-|--1|1..2|1e|1e+|e5|0x|0x.|0x1p|0xg|nan|-nan|nan(1)|in|infinit|inf1|1,5|1_0'
const OUT_OF_RANGE =
  '1e5000|-1e5000|1e-5000|1.8e-4951|0x1p16384|0x1p-16447|1e99999999999999999999|1e-99999999999999999999'

test.each([...NOT_NUMBERS.split('|'), ...OUT_OF_RANGE.split('|')])('%j is refused', (text) =>
  expect(parse(text)).toBe(null),
)

describe('range', () => {
  const MAX = 2n ** 16384n - 2n ** 16320n
  const DENORMAL = '0x1p-16445'

  test('the largest value, and the first that rounds beyond it', () => {
    expect(formatLongDouble(parse(String(MAX)) as LongDouble)).toBe(String(MAX))
    expect(formatLongDouble(parse(String(MAX + 2n ** 16319n - 1n)) as LongDouble)).toBe(String(MAX))
    expect(parse(String(MAX + 2n ** 16319n))).toBe(null)
  })

  test('the smallest value, and the last that rounds to zero', () => {
    expect(parse(DENORMAL)).toEqual({ negative: false, mantissa: 1n, exponent: -16445 })
    expect(parse('0x1.8p-16445')).toEqual({ negative: false, mantissa: 2n, exponent: -16445 })
    expect(parse('0x1.000001p-16446')).toEqual({ negative: false, mantissa: 1n, exponent: -16445 })
    expect(parse('0x1p-16446')).toBe(null)
  })

  test('as many characters as fit the buffer Redis reads them into', () => {
    expect(parse('1'.padStart(5119, '0'))).not.toBe(null)
    expect(parse('1'.padStart(5120, '0'))).toBe(null)
  })

  test('zero has any exponent', () => {
    for (const zero of ['0', '0e99999', '0e-99999', '-0.000', '0x0p9999999']) {
      expect(formatLongDouble(parse(zero) as LongDouble)).toBe('0')
    }
  })
})

describe('properties', () => {
  test('integers below 2^63 add exactly', () => {
    const int = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n })
    fc.assert(
      fc.property(int, int, (a, b) => {
        expect(sum(`${a}`, `${b}`)).toBe(`${a + b}`)
      }),
    )
  })

  test('decimals of 18 digits read and print unchanged', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 17n - 1n }), fc.nat(9), (fraction, whole) => {
        const text = `${whole}.${fraction.toString().padStart(17, '0')}`.replace(/\.?0+$/, '')
        expect(formatLongDouble(parse(text) as LongDouble)).toBe(text === '' ? '0' : text)
      }),
    )
  })

  test('plain decimals read as the same number in another form', () => {
    const plain = fc.stringMatching(/^-?\d{0,18}\.?\d{0,18}$/)
    fc.assert(
      fc.property(plain, (text) => {
        expect(parse(text)).toEqual(parse(`${text}e0`))
      }),
      { numRuns: 2000 },
    )
  })

  test('the mantissa is the nearest: within half a unit, even on a tie', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 64n, max: 2n ** 80n }), (n) => {
        const { mantissa, exponent } = parse(`${n}`) as LongDouble
        const unit = 1n << BigInt(exponent)
        const error = n - mantissa * unit
        const twice = 2n * (error < 0n ? -error : error)
        expect(mantissa >= 2n ** 63n && mantissa < 2n ** 64n).toBe(true)
        expect(twice < unit || (twice === unit && mantissa % 2n === 0n)).toBe(true)
      }),
    )
  })
})
