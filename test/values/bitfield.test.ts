/** Integer fields at bit offsets against one big integer holding the whole string; overflow by definition. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Block, newBlock } from '../../src/structures/block.ts'
import { fitField, getField, type Overflow, setField } from '../../src/values/bitfield.ts'

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

interface Type {
  readonly width: number
  readonly signed: boolean
}

const arbitraryType: fc.Arbitrary<Type> = fc
  .tuple(fc.boolean(), fc.integer({ min: 1, max: 64 }))
  .map(([signed, width]) => ({ signed, width: signed ? width : Math.min(width, 63) }))

const arbitraryInt64 = fc.oneof(
  fc.bigInt({ min: INT64_MIN, max: INT64_MAX }),
  fc.bigInt({ min: -300n, max: 300n }),
  fc
    .tuple(fc.nat(63), fc.integer({ min: -2, max: 2 }), fc.boolean())
    .map(([power, step, negative]) =>
      BigInt.asIntN(64, (negative ? -(2n ** BigInt(power)) : 2n ** BigInt(power)) + BigInt(step)),
    ),
)

/** As callers hold them: small integers as numbers, others as bigints. */
function held(n: bigint): number | bigint {
  return Number.isSafeInteger(Number(n)) ? Number(n) : n
}

function cut(value: bigint, { width, signed }: Type): bigint {
  return signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value)
}

function whole(bytes: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(bytes).toString('hex')}`)
}

function place(bytes: Uint8Array): Block {
  const block = newBlock(bytes.length + 12)
  block.bytes.fill(0xff)
  block.bytes.set(bytes, 3)
  return block
}

describe('fields in place', () => {
  test('read at any bit, with zeros past the end', () => {
    const bytes = fc.uint8Array({ maxLength: 24 })
    fc.assert(
      fc.property(bytes, arbitraryType, fc.nat(220), (bytes, type, bit) => {
        const zeros = BigInt(bit + type.width)
        const expected = cut(
          (whole(bytes) << zeros) >> (BigInt(bytes.length * 8) + zeros - BigInt(bit + type.width)),
          type,
        )
        const value = getField(place(bytes), 3, bytes.length, bit, type.width, type.signed)
        expect(BigInt(value)).toBe(expected)
        expect(typeof value).toBe(type.width <= 32 ? 'number' : 'bigint')
        expect(Object.is(value, -0)).toBe(false)
      }),
      { numRuns: 3000 },
    )
  })

  test('written at any bit, leaving every other bit alone', () => {
    const bytes = fc.uint8Array({ minLength: 24, maxLength: 24 })
    fc.assert(
      fc.property(bytes, arbitraryType, fc.nat(191), arbitraryInt64, (bytes, type, at, value) => {
        const bit = Math.min(at, 192 - type.width)
        const block = place(bytes)
        const below = BigInt(192 - bit - type.width)
        const mask = (2n ** BigInt(type.width) - 1n) << below
        setField(block, 3, bit, type.width, held(value))
        const expected = (whole(bytes) & ~mask) | ((value << below) & mask)
        expect(whole(block.bytes.subarray(3, 27))).toBe(expected)
        expect([...block.bytes.subarray(0, 3), ...block.bytes.subarray(27)]).toEqual(Array(12).fill(0xff))
        expect(BigInt(getField(block, 3, 24, bit, type.width, type.signed))).toBe(cut(value, type))
      }),
      { numRuns: 3000 },
    )
  })

  test('at a bit beyond 2^32', () => {
    const block = newBlock(8)
    block.bytes.write('0123456789abcdef', 'hex')
    // The stretch begins 2^29 bytes before the block: only the bytes that exist are touched.
    const bit = 2 ** 32 + 4
    expect(getField(block, -(2 ** 29), 2 ** 29 + 8, bit, 12, false)).toBe(0x123)
    setField(block, -(2 ** 29), bit, 12, 0xfed)
    expect(block.bytes.toString('hex')).toBe('0fed456789abcdef')
  })
})

function fit(value: bigint, increment: bigint, type: Type, overflow: Overflow): bigint | null {
  const fitted = fitField(held(value), held(increment), type.width, type.signed, overflow)
  if (fitted !== null) expect(typeof fitted).toBe(type.width <= 32 ? 'number' : 'bigint')
  return fitted === null ? null : BigInt(fitted)
}

describe('overflow', () => {
  test('increments: exact when the sum fits, else wrapped, saturated or refused', () => {
    fc.assert(
      fc.property(arbitraryType, arbitraryInt64, arbitraryInt64, (type, start, increment) => {
        const value = cut(start, type)
        const sum = value + increment
        const min = type.signed ? -(2n ** BigInt(type.width - 1)) : 0n
        const max = min + 2n ** BigInt(type.width) - 1n
        const fits = sum >= min && sum <= max
        expect(fit(value, increment, type, 'wrap')).toBe(cut(sum, type))
        expect(fit(value, increment, type, 'fail')).toBe(fits ? sum : null)
        expect(fit(value, increment, type, 'sat')).toBe(fits ? sum : sum > max ? max : min)
      }),
      { numRuns: 5000 },
    )
  })

  test('SET of values out of range, as redis-server answers', () => {
    const i8 = { width: 8, signed: true }
    const u8 = { width: 8, signed: false }
    const i63 = { width: 63, signed: true }
    expect(fit(300n, 0n, i8, 'sat')).toBe(127n)
    expect(fit(-300n, 0n, i8, 'sat')).toBe(-128n)
    expect(fit(-300n, 0n, i8, 'wrap')).toBe(-44n)
    expect(fit(-300n, 0n, i8, 'fail')).toBe(null)
    expect(fit(-1n, 0n, u8, 'sat')).toBe(255n)
    expect(fit(-1n, 0n, u8, 'wrap')).toBe(255n)
    expect(fit(256n, 0n, u8, 'fail')).toBe(null)
    // So far below the minimum that Redis's own arithmetic wraps and saturates upwards.
    expect(fit(INT64_MIN, 0n, i8, 'sat')).toBe(127n)
    expect(fit(-5_000_000_000_000_000_000n, 0n, i63, 'sat')).toBe(2n ** 62n - 1n)
    expect(fit(INT64_MIN, 0n, i63, 'wrap')).toBe(0n)
  })
})
