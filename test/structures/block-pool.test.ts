/** The pool of large blocks: who gets which, and how much is kept. */
import { expect, test } from 'vitest'
import { BlockPool } from '../../src/structures/block-pool.ts'
import { seeded } from './seeded.ts'

const KIB = 1024

test('sizes are rounded up by an eighth at most, and only where blocks are kept', () => {
  const pool = new BlockPool(64 * KIB, 2048 * KIB, 4096 * KIB)
  const random = seeded(5)
  for (let i = 0; i < 500; i++) {
    const length = 64 * KIB + 1 + Math.floor(random() * 1984 * KIB)
    const size = pool.take(length).bytes.length
    expect(size).toBeGreaterThanOrEqual(length)
    expect(size).toBeLessThanOrEqual(length * 1.125)
  }
  for (const length of [64, 64 * KIB, 2048 * KIB, 2048 * KIB + 1, 5_000_001]) {
    expect(pool.take(length).bytes.length).toBe(length)
  }
})

// By ===, not by toBe(): of two that are not the same that compares all bytes, for minutes where they are equal.
test('a block is used again for its size, once, and for no other', () => {
  const pool = new BlockPool(64 * KIB, 2048 * KIB, 4096 * KIB)
  const block = pool.take(100_000)
  pool.give(block)
  expect(pool.take(200_000) === block).toBe(false)
  expect(pool.take(99_000) === block).toBe(true)
  expect(pool.take(99_000) === block).toBe(false)
  const [small, large] = [pool.take(64 * KIB), pool.take(2048 * KIB + 1)]
  pool.give(small)
  pool.give(large)
  expect([pool.take(64 * KIB), pool.take(2048 * KIB + 1)].includes(small)).toBe(false)
  expect(pool.take(2048 * KIB + 1) === large).toBe(false)
})

test('no more is kept than it may, and what is asked for displaces what is not', () => {
  const pool = new BlockPool(64 * KIB, 2048 * KIB, 4096 * KIB)
  const old = [pool.take(2048 * KIB), pool.take(2048 * KIB)]
  for (const block of old) pool.give(block)
  const block = pool.take(1024 * KIB)
  pool.give(block)
  expect(pool.take(1024 * KIB) === block).toBe(true)
  expect(old.includes(pool.take(2048 * KIB))).toBe(false)
})
