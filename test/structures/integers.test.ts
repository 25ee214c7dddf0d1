/** Integers read and written in place: Redis's strict rules, and round trips over all of int64. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockOf, newBlock } from '../../src/structures/block.ts'
import {
  INT64_MAX,
  INT64_MIN,
  integerLength,
  isInt64,
  parseInt64,
  parseInteger,
  parseUint64,
  UINT64_MAX,
  writeInt64,
  writeInteger,
} from '../../src/structures/integers.ts'

/** Puts the text amid other digits, which a reader that strays would take in. */
function amid(text: string): [ReturnType<typeof blockOf>, number, number] {
  return [blockOf(`77${text}99`), 2, Buffer.byteLength(text)]
}

/** The rules, slowly: what Redis's string2ll accepts. */
function expected(text: string): bigint | null {
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return null
  const value = BigInt(text)
  return value >= INT64_MIN && value <= INT64_MAX ? value : null
}

function check(text: string): void {
  const value = expected(text)
  expect(parseInt64(...amid(text)), text).toBe(value)
  expect(isInt64(...amid(text)), text).toBe(value !== null)
  const safe = value !== null && Number.isSafeInteger(Number(value))
  expect(parseInteger(...amid(text)), text).toBe(safe ? Number(value) : Number.NaN)
}

const REFUSED = [
  '',
  '-',
  '-0',
  '+1',
  '01',
  '-01',
  ' 1',
  '1 ',
  '1.0',
  '1e3',
  '0x1',
  '1a',
  'a',
  '--1',
  '1-',
  '٣',
]
const EDGES = [
  INT64_MAX,
  INT64_MIN,
  2n ** 53n,
  -(2n ** 53n),
  10n ** 15n,
  10n ** 18n,
  2n ** 31n,
  0n,
  10n ** 9n,
]

describe('reading', () => {
  test.each(REFUSED)('%j is no integer', (text) => {
    expect(expected(text)).toBe(null)
    check(text)
  })

  test.each(EDGES)('around %d', (edge) => {
    for (let step = -3n; step <= 3n; step++) check(String(edge + step))
  })

  test.each([19, 20, 21])('%d characters of one digit', (length) => {
    for (const digit of '19') {
      check(digit.repeat(length))
      check(`-${digit.repeat(length - 1)}`)
    }
  })

  test('any text of the right characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789-'.split('')), maxLength: 21 }), check),
      {
        numRuns: 5000,
      },
    )
  })

  test('one wrong byte anywhere', () => {
    const wrong = fc.tuple(
      fc.bigInt({ min: 0n, max: INT64_MAX }),
      fc.nat(18),
      fc.constantFrom('/', ':', '\0', 'ÿ'),
    )
    fc.assert(
      fc.property(wrong, ([n, at, byte]) => {
        const text = String(n)
        check(text.slice(0, at % text.length) + byte + text.slice((at % text.length) + 1))
      }),
    )
  })

  test('unsigned integers may have leading zeros and reach 2^64 - 1', () => {
    expect(parseUint64(...amid('0'))).toBe(0n)
    expect(parseUint64(...amid('000'))).toBe(0n)
    expect(parseUint64(...amid(`0000000${UINT64_MAX}`))).toBe(UINT64_MAX)
    expect(parseUint64(...amid(String(UINT64_MAX + 1n)))).toBe(null)
    expect(parseUint64(...amid('99999999999999999999999'))).toBe(null)
    for (const text of ['', '-1', '+1', ' 1', '1 ', '1x']) expect(parseUint64(...amid(text)), text).toBe(null)
  })
})

describe('writing', () => {
  const block = newBlock(32)
  const written = (length: number): string => block.bytes.toString('latin1', 3, 3 + length)

  function checkWritten(n: number): void {
    block.bytes.fill(35)
    const length = writeInteger(block, 3, n)
    expect(written(length)).toBe(String(n))
    expect(integerLength(n)).toBe(length)
    expect(block.bytes[2]).toBe(35)
    expect(block.bytes[3 + length]).toBe(35)
  }

  test('around every power of ten and of two', () => {
    for (let digits = 0; digits <= 15; digits++) {
      for (const step of [-1, 0, 1]) {
        checkWritten(10 ** digits + step)
        checkWritten(0 - (10 ** digits + step))
      }
    }
    for (const n of [2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      for (const step of [-1, 0]) {
        checkWritten(n + step)
        checkWritten(0 - (n + step))
      }
    }
  })

  test('any safe integer', () => {
    fc.assert(fc.property(fc.maxSafeInteger(), checkWritten), { numRuns: 5000 })
    fc.assert(fc.property(fc.integer(), checkWritten), { numRuns: 5000 })
  })

  test('any int64, back and forth', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: INT64_MIN, max: INT64_MAX }), (n) => {
        const length = writeInt64(block, 3, n)
        expect(written(length)).toBe(String(n))
        expect(parseInt64(block, 3, length)).toBe(n)
      }),
    )
    expect(written(writeInt64(block, 3, INT64_MIN))).toBe(String(INT64_MIN))
  })
})
