/** Tests of the clocks: the manual one moves only by hand, the system's keeps its caching contract. */
import { describe, expect, test } from 'vitest'
import { ManualClock, SystemClock } from '../../src/platform/clock.ts'

describe('ManualClock', () => {
  test('stands still until it is moved', () => {
    const clock = new ManualClock(1000)
    clock.refresh()
    expect([clock.now, clock.monotonicMicros(), clock.epochMicros()]).toEqual([1000, 0, 1_000_000])
    clock.advance(0.5)
    expect([clock.now, clock.monotonicMicros(), clock.epochMicros()]).toEqual([1000.5, 500, 1_000_500])
  })

  test('the monotonic clock follows forward and never back', () => {
    const clock = new ManualClock(1000)
    clock.set(1010)
    expect([clock.now, clock.monotonicMicros()]).toEqual([1010, 10_000])
    clock.set(500)
    expect([clock.now, clock.monotonicMicros()]).toEqual([500, 10_000])
    expect(() => clock.advance(-1)).toThrow(RangeError)
    expect(() => clock.advance(Number.NaN)).toThrow(RangeError)
  })
})

describe('SystemClock', () => {
  test('now changes only by refresh', () => {
    const clock = new SystemClock()
    const before = clock.now
    while (Date.now() === before) {}
    expect(clock.now).toBe(before)
    clock.refresh()
    expect(clock.now).toBeGreaterThan(before)
  })

  test('microseconds are whole, follow the wall clock, and durations never run back', () => {
    const clock = new SystemClock()
    let previous = clock.monotonicMicros()
    for (let count = 0; count < 1000; count++) {
      const next = clock.monotonicMicros()
      expect(next).toBeGreaterThanOrEqual(previous)
      previous = next
      const epoch = clock.epochMicros()
      expect(Number.isSafeInteger(epoch)).toBe(true)
      expect(Math.abs(epoch / 1000 - Date.now())).toBeLessThan(1000)
    }
  })
})
