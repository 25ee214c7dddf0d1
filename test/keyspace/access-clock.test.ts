/** The access clock: idle times over the wrap-around, and LFU's counter against the table in Redis's manual. */
import { describe, expect, test } from 'vitest'
import { idleMillis, lfuCounter, lfuStart, lfuTouch, lruAccess } from '../../src/keyspace/access-clock.ts'
import { SeededRandom } from '../../src/platform/random.ts'

const NOW = 1_700_000_000_000
const MINUTE = 60_000

/** The counter after `hits` accesses within one minute, averaged over `keys` keys. */
function counterAfter(hits: number, logFactor: number, keys: number): number {
  const random = new SeededRandom(hits, logFactor)
  let sum = 0
  for (let key = 0; key < keys; key++) {
    let access = lfuStart(NOW)
    for (let i = 0; i < hits; i++) access = lfuTouch(access, NOW, 1, logFactor, random)
    sum += lfuCounter(access, NOW, 1)
  }
  return sum / keys
}

describe('LRU', () => {
  test('the idle time is right to the second, over the wrap-around of 194 days too', () => {
    expect(idleMillis(lruAccess(NOW), NOW)).toBe(0)
    expect(idleMillis(lruAccess(NOW), NOW + 59_000)).toBe(59_000)
    const wrap = Math.ceil(NOW / 1000 / 2 ** 24) * 2 ** 24 * 1000
    expect(lruAccess(wrap)).toBe(0)
    expect(idleMillis(lruAccess(wrap - 5000), wrap + 5000)).toBe(10_000)
  })
})

describe('LFU', () => {
  // Hits and what the counter says after them, as Redis's manual and redis.conf print it for each lfu-log-factor.
  test.each([
    [0, 100, 104],
    [0, 1000, 255],
    [1, 100, 18],
    [1, 1000, 49],
    [1, 100_000, 255],
    [10, 100, 10],
    [10, 1000, 18],
    [10, 100_000, 142],
    [10, 1_000_000, 255],
    [100, 100, 8],
    [100, 1000, 11],
    [100, 100_000, 49],
    [100, 1_000_000, 143],
  ])('log factor %i, %i hits: %i', (logFactor, hits, expected) => {
    const counter = counterAfter(hits, logFactor, hits <= 1000 ? 100 : 3)
    expect(Math.abs(counter - expected)).toBeLessThanOrEqual(Math.max(2, expected * 0.06))
  })

  test('the counter loses one for each lfu-decay-time that passes', () => {
    const random = new SeededRandom(1)
    let access = lfuStart(NOW)
    for (let i = 0; i < 100; i++) access = lfuTouch(access, NOW, 1, 0, random)
    const counter = lfuCounter(access, NOW, 1)
    expect(lfuCounter(access, NOW + 10 * MINUTE, 1)).toBe(counter - 10)
    expect(lfuCounter(access, NOW + 10 * MINUTE, 5)).toBe(counter - 2)
    expect(lfuCounter(access, NOW + 10 * MINUTE, 0)).toBe(counter)
    expect(lfuCounter(access, NOW + 1000 * MINUTE, 1)).toBe(0)
  })
})
