/** Doubles as arguments and replies: strtod's syntax under Redis's rules, and Redis 7.2's shortest text. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockOf } from '../../src/structures/block.ts'
import { formatDouble, parseDouble } from '../../src/structures/doubles.ts'

function parse(text: string): number {
  return parseDouble(blockOf(`1${text}1`), 1, Buffer.byteLength(text))
}

describe('reading', () => {
  test.each([
    ['1', 1],
    ['-0', -0],
    ['0', 0],
    ['+1.5', 1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['1e3', 1000],
    ['1E-3', 0.001],
    ['00012', 12],
    ['0e999999', 0],
    ['9007199254740993', 9007199254740992],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['5e-324', Number.MIN_VALUE],
    ['3e-324', Number.MIN_VALUE],
    ['0x10', 16],
    ['-0X1.8P1', -3],
    ['0x.1', 0.0625],
    ['0x1p-1074', Number.MIN_VALUE],
    ['0x1.8p-1075', Number.MIN_VALUE],
    ['0x20000000000001', 2 ** 53],
    ['0x20000000000003', 2 ** 53 + 4],
    ['0x1.fffffffffffffp1023', Number.MAX_VALUE],
    ['inf', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['+INF', Number.POSITIVE_INFINITY],
  ])('%j is %d', (text, value) => expect(parse(text)).toBe(value))

  /** Separated by "|", the first being the empty text. */
  const NOT_NUMBERS = '| 1|1 |1\0|.|-|e5|1e|1e+|0x|0x.|0x1p|nan|-NaN|nan(1)|1,5|1_0|infx'
  const OUT_OF_RANGE =
    '1e400|-1e400|2e-324|1e-400|0x1p1024|0x1.fffffffffffff8p1023|0x1p-1075|1e99999999999999999999999|' +
    '0x1p99999999999999999999999|0x1p-99999999999999999999999'

  test.each([...NOT_NUMBERS.split('|'), ...OUT_OF_RANGE.split('|')])('%j is refused', (text) =>
    expect(parse(text)).toBe(Number.NaN),
  )
})

describe('writing', () => {
  test.each([
    [0, '0'],
    [-0, '-0'],
    [3, '3'],
    [-3, '-3'],
    [0.1, '0.1'],
    [-1.5, '-1.5'],
    [3.3, '3.3'],
    [1234.5678, '1234.5678'],
    [2 ** 53, '9007199254740992'],
    [2 ** 62, '4611686018427387904'],
    [-(2 ** 60), '-1152921504606846976'],
    [1e18, '1000000000000000000'],
    [2 ** 63, '9223372036854776000'],
    [1e19, '1e+19'],
    [1e21, '1e+21'],
    [5.12345678912e18, '5123456789120000000'],
    [5.1234567891e18, '5.1234567891e+18'],
    [1234.123456789, '1234.123456789'],
    [12345.123456789, '1.2345123456789e+4'],
    [12345.123456, '12345.123456'],
    [1.5e300, '1.5e+300'],
    [1e-5, '0.00001'],
    [1e-6, '0.000001'],
    [1e-7, '1e-7'],
    [1.25e-7, '1.25e-7'],
    [1.5e-5, '0.000015'],
    [123456.789e-10, '1.23456789e-5'],
    [Number.MIN_VALUE, '5e-324'],
    [Number.MAX_VALUE, '1.7976931348623157e+308'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
    [Number.NaN, 'nan'],
  ])('%d is %s', (value, text) => expect(formatDouble(value)).toBe(text))
})

test('every double reads back as it was written', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (value) => {
      expect(parse(formatDouble(value))).toBe(value)
    }),
    { numRuns: 2000 },
  )
})
