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

test('a block is used again for its size, once, and for no other', () => {
  const pool = new BlockPool(64 * KIB, 2048 * KIB, 4096 * KIB)
  const block = pool.take(100_000)
  pool.give(block)
  expect(pool.take(200_000)).not.toBe(block)
  expect(pool.take(99_000)).toBe(block)
  expect(pool.take(99_000)).not.toBe(block)
  const [small, large] = [pool.take(64 * KIB), pool.take(2048 * KIB + 1)]
  pool.give(small)
  pool.give(large)
  expect([pool.take(64 * KIB), pool.take(2048 * KIB + 1)]).not.toContain(small)
  expect(pool.take(2048 * KIB + 1)).not.toBe(large)
})

test('no more is kept than it may, and what is asked for displaces what is not', () => {
  const pool = new BlockPool(64 * KIB, 2048 * KIB, 4096 * KIB)
  const old = [pool.take(2048 * KIB), pool.take(2048 * KIB)]
  for (const block of old) pool.give(block)
  const block = pool.take(1024 * KIB)
  pool.give(block)
  expect(pool.take(1024 * KIB)).toBe(block)
  expect(old).not.toContain(pool.take(2048 * KIB))
})
