/** Tests of the clocks: the manual one moves only by hand, the system's keeps its caching contract. */
import * as fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
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

/** A clock over two mocked ones, at `micros`: what has passed on the monotonic one, and the moment on the other. */
function mocked(micros: { passed: number; epoch: number }): { clock: SystemClock; reads: () => number } {
  const read = vi.spyOn(Date, 'now').mockImplementation(() => Math.floor(micros.epoch / 1000))
  vi.spyOn(performance, 'now').mockImplementation(() => micros.passed / 1000)
  return { clock: new SystemClock(), reads: () => read.mock.calls.length }
}

describe('ticks of SystemClock', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test('tell what the wall clock says, however it is slewed', () => {
    // Mostly short, as between requests.
    const micros = fc.oneof({ weight: 99, arbitrary: fc.nat(20) }, fc.nat(3000))
    const steps = fc.array(fc.record({ micros, slew: fc.integer({ min: -500, max: 500 }) }), {
      minLength: 500,
      maxLength: 1000,
    })
    fc.assert(
      fc.property(fc.nat(999_999), steps, (phase, all) => {
        const time = { passed: 0, epoch: 1_700_000_000_000_000 + phase }
        const { clock } = mocked(time)
        for (const step of all) {
          time.passed += step.micros
          time.epoch += step.micros * (1 + step.slew / 1e6)
          if (Math.abs(clock.tick() - time.passed) > 0.001 || clock.now !== Math.floor(time.epoch / 1000))
            return false
        }
        return true
      }),
    )
  })

  test('read the wall clock a few times a millisecond, not each time', () => {
    const micros = { passed: 0, epoch: 1_700_000_000_000_000 }
    const { clock, reads } = mocked(micros)
    for (let i = 0; i < 10_000; i++) {
      micros.passed += 10
      micros.epoch += 10
      clock.tick()
    }
    // 100 ms; in the first it has yet to see when they begin.
    expect(reads()).toBeLessThan(100 + 5 * 100)
  })

  test('follow within a millisecond when the time is set, and at once by refresh', () => {
    const micros = { passed: 0, epoch: 1_700_000_000_000_000 }
    const { clock } = mocked(micros)
    for (let i = 0; i < 1000; i++) {
      micros.passed += 10
      micros.epoch += 10
      clock.tick()
    }
    micros.epoch -= 3_600_000_000
    clock.refresh()
    expect(clock.now).toBe(Math.floor(micros.epoch / 1000))
    micros.epoch += 7_200_000_000
    micros.passed += 1000
    micros.epoch += 1000
    clock.tick()
    expect(clock.now).toBe(Math.floor(micros.epoch / 1000))
  })
})
