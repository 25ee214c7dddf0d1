/** Copies and comparisons of Blocks against plain Buffer operations, around every switch of method. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  Block,
  blockOf,
  compareBytes,
  copyBytes,
  EMPTY_BLOCK,
  equalBytes,
  newBlock,
} from '../../src/structures/block.ts'

const ROOM = 700

const stretch = fc.record({
  from: fc.nat(40),
  to: fc.nat(40),
  length: fc.oneof(fc.nat(40), fc.integer({ min: 150, max: 270 }), fc.nat(600)),
  seed: fc.nat(255),
})

function filled(seed: number): Block {
  const block = newBlock(ROOM)
  for (let i = 0; i < ROOM; i++) block.bytes[i] = (i * 31 + seed * 7 + (i >> 3)) & 255
  return block
}

test('copyBytes copies exactly the stretch', () => {
  fc.assert(
    fc.property(stretch, ({ from, to, length, seed }) => {
      const source = filled(seed)
      const target = filled(seed + 1)
      const expected = Buffer.from(target.bytes)
      source.bytes.copy(expected, to, from, from + length)
      copyBytes(source, from, target, to, length)
      expect(target.bytes.equals(expected)).toBe(true)
      expect(source.bytes.equals(filled(seed).bytes)).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('copyBytes keeps every bit of what would be a special double, before and after it is compiled', () => {
  const words = [
    '0000000000000000',
    '8000000000000000',
    '0000000000000001',
    '800fffffffffffff',
    '7ff0000000000000',
    'fff0000000000000',
    '7ff0000000000001',
    'fff4000000000000',
    '7ff8000000000000',
    'fff8000000000000',
    'fff7fffffff7ffff',
    'ffffffffffffffff',
    '3ff0000000000000',
    '43e0000000000000',
  ].map((hex) => Buffer.from(hex, 'hex').toReversed())
  for (let round = 0; round < 200; round++) {
    const offset = round % 9
    for (const [i, first] of words.entries()) {
      const source = blockOf(Buffer.concat([Buffer.alloc(offset), first, words[(i + round) % words.length]]))
      const target = newBlock(20)
      copyBytes(source, offset, target, 3, 16)
      expect(target.bytes.toString('hex', 3, 19)).toBe(source.bytes.toString('hex', offset, offset + 16))
    }
  }
})

test('copyBytes works inside a Block over a part of a larger buffer', () => {
  const whole = Buffer.alloc(1000, 'abcdefg')
  const part = new Block(whole.subarray(100, 600))
  for (const length of [10, 300]) {
    const target = newBlock(400)
    copyBytes(part, 50, target, 7, length)
    expect(target.bytes.subarray(7, 7 + length)).toEqual(whole.subarray(150, 150 + length))
  }
})

test.each([3, 100, 257, 500])('copyBytes never reads or writes outside a Block (%i bytes)', (length) => {
  const whole = Buffer.alloc(2000)
  const part = new Block(whole.subarray(0, length - 1))
  expect(() => copyBytes(part, 0, newBlock(1000), 0, length)).toThrow(RangeError)
  expect(() => copyBytes(newBlock(1000), 0, part, 0, length)).toThrow(RangeError)
})

test('equalBytes sees every single differing byte and nothing outside the stretch', () => {
  for (const length of [0, 1, 3, 4, 7, 32, 160, 200, 201, 300]) {
    const a = filled(1)
    const b = newBlock(ROOM)
    b.bytes.fill(255)
    copyBytes(a, 5, b, 9, length)
    expect(equalBytes(a, 5, b, 9, length)).toBe(true)
    for (let i = 0; i < length; i++) {
      b.bytes[9 + i] ^= 1 << (i & 7)
      expect(equalBytes(a, 5, b, 9, length)).toBe(false)
      b.bytes[9 + i] ^= 1 << (i & 7)
    }
  }
})

test('blockOf encodes text as UTF-8 and copies bytes', () => {
  expect([...blockOf('né').bytes]).toEqual([0x6e, 0xc3, 0xa9])
  const bytes = Uint8Array.of(1, 2, 3)
  const block = blockOf(bytes)
  bytes[0] = 9
  expect([...block.bytes]).toEqual([1, 2, 3])
  expect(EMPTY_BLOCK.bytes.length).toBe(0)
})

test('compareBytes orders as memcmp does, a prefix first, whatever lies around', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.uint8Array({ minLength: 155, maxLength: 170 }),
    fc.constantFrom(0, 5, 161, 300).map((length) => new Uint8Array(length).fill(0x80)),
  )
  fc.assert(
    fc.property(
      bytes,
      bytes,
      fc.nat(20),
      fc.nat(300),
      fc.integer({ min: 1, max: 255 }),
      (head, tail, before, at, bit) => {
        const left = Buffer.concat([head, tail])
        const right = Buffer.from(left)
        // The same bytes, the same but for one, and different lengths.
        if (at < right.length) right[at] ^= bit
        for (const other of [left, right, right.subarray(0, at), tail]) {
          const a = blockOf(Buffer.concat([Buffer.alloc(before, 1), left, Buffer.from([9])]))
          const b = blockOf(Buffer.concat([Buffer.from([7]), other, Buffer.alloc(before, 2)]))
          const order = Math.sign(compareBytes(a, before, left.length, b, 1, other.length))
          expect(order).toBe(Buffer.compare(left, other))
        }
      },
    ),
    { numRuns: 300 },
  )
})
