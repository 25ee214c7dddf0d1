/** Tests of the generators: repeatable, in range, even, and different for different seeds. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomBytes, SeededRandom, systemRandom } from '../../src/platform/random.ts'

const take = (random: SeededRandom, count: number): number[] =>
  Array.from({ length: count }, () => random.uint32())

describe('SeededRandom', () => {
  test('the same seed gives the same sequence, each seed word matters', () => {
    expect(take(new SeededRandom(1, 2, 3), 20)).toEqual(take(new SeededRandom(1, 2, 3), 20))
    const firsts = [
      [1, 2, 3],
      [0, 2, 3],
      [1, 0, 3],
      [1, 2, 0],
    ].map(([a, b, c]) => new SeededRandom(a, b, c).uint32())
    expect(new Set(firsts).size).toBe(4)
  })

  test('below stays below its limit, whatever the limit', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.maxSafeInteger().filter((limit) => limit > 0),
        (seed, limit) => {
          const value = new SeededRandom(seed).below(limit)
          expect(Number.isInteger(value) && value >= 0 && value < limit).toBe(true)
        },
      ),
    )
    expect(new SeededRandom(5).below(1)).toBe(0)
  })

  test.each([3, 10, 1000, 3 * 2 ** 30, 2 ** 32, 2 ** 45])('below(%d) is even', (limit) => {
    const random = new SeededRandom(42)
    const counts = Array.from({ length: 3 }, () => 0)
    const draws = 30_000
    for (let count = 0; count < draws; count++) counts[Math.floor((random.below(limit) / limit) * 3)]++
    // What each third of the range should get: not exactly a third where the limit is not a multiple of 3.
    for (const [index, count] of counts.entries()) {
      const share = Math.ceil(((index + 1) * limit) / 3) - Math.ceil((index * limit) / 3)
      expect(Math.abs(count - (draws * share) / limit)).toBeLessThan(500)
    }
  })

  test('fraction is in [0, 1) and even', () => {
    const random = new SeededRandom(7)
    let sum = 0
    for (let count = 0; count < 10_000; count++) {
      const value = random.fraction()
      expect(value >= 0 && value < 1).toBe(true)
      sum += value
    }
    expect(Math.abs(sum / 10_000 - 0.5)).toBeLessThan(0.02)
  })
})

test('two system generators differ', () => {
  const [one, other] = [systemRandom(), systemRandom()]
  expect([one.uint32(), one.uint32()]).not.toEqual([other.uint32(), other.uint32()])
})

test('randomBytes gives as many as asked, each time others', () => {
  expect(randomBytes(20)).toHaveLength(20)
  expect(randomBytes(20)).not.toEqual(randomBytes(20))
})
