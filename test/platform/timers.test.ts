/** Tests of the timers: the manual ones' order and bounds, and that the system's can be cancelled. */
import { describe, expect, test, vi } from 'vitest'
import { ManualClock } from '../../src/platform/clock.ts'
import { ManualTimers, SystemTimers, type Timers } from '../../src/platform/timers.ts'

describe('ManualTimers', () => {
  test('fires in order of due time, then of creation, each at its moment', () => {
    const clock = new ManualClock(0)
    const timers = new ManualTimers(clock)
    const fired: string[] = []
    const note = (name: string) => () => void fired.push(`${name}@${clock.now}`)
    timers.timeout(note('late'), 30)
    timers.timeout(note('first'), 10)
    timers.timeout(note('second'), 10)
    timers.interval(note('tick'), 8)
    timers.immediate(note('now'))
    timers.advance(25)
    expect(fired).toEqual(['now@0', 'tick@8', 'first@10', 'second@10', 'tick@16', 'tick@24'])
    expect([clock.now, timers.pending]).toEqual([25, 2])
    timers.advance(5)
    expect(fired.at(-1)).toBe('late@30')
  })

  test('what is cancelled does not fire, also when cancelled by another timer of the same moment', () => {
    const timers = new ManualTimers()
    const fired: string[] = []
    const immediate = timers.immediate(() => fired.push('immediate'))
    const first = timers.timeout(() => {
      fired.push('first')
      second.cancel()
      tick.cancel()
    }, 5)
    const second = timers.timeout(() => fired.push('second'), 5)
    const tick = timers.interval(() => fired.push('tick'), 5)
    immediate.cancel()
    timers.advance(20)
    first.cancel()
    expect(fired).toEqual(['first'])
    expect(timers.pending).toBe(0)
  })

  test('a timer set by a timer counts from the moment it was set', () => {
    const clock = new ManualClock(0)
    const timers = new ManualTimers(clock)
    const at: number[] = []
    timers.timeout(() => timers.timeout(() => at.push(clock.now), 10), 10)
    timers.advance(19)
    expect(at).toEqual([])
    timers.advance(1)
    expect(at).toEqual([20])
  })

  test('immediates queued by immediates run too, and an endless chain is an error', () => {
    const timers = new ManualTimers()
    const ran: number[] = []
    timers.immediate(() => timers.immediate(() => ran.push(1)))
    timers.run()
    expect(ran).toEqual([1])
    const again = (): void => void timers.immediate(again)
    again()
    expect(() => timers.run()).toThrow('keep queueing')
  })

  test('a timeout that re-arms itself at once still lets time pass', () => {
    const timers = new ManualTimers()
    let count = 0
    const again = (): void => {
      count++
      timers.timeout(again, 0)
    }
    again()
    timers.advance(100)
    expect(count).toBe(101)
  })
})

describe('ManualTimers with an agenda', () => {
  test('what falls due beside timers comes in its turn, and idle turns of intervals are left out', () => {
    const clock = new ManualClock(1000)
    const timers = new ManualTimers(clock)
    const fired: string[] = []
    const note = (name: string): void => void fired.push(`${name}@${clock.now}`)
    const moments = [1250, 1500]
    timers.agenda = {
      next: () => moments[0] ?? Number.POSITIVE_INFINITY,
      run: () => {
        note('due')
        moments.shift()
      },
      idleUntil: () => 1400,
    }
    timers.interval(() => note('tick'), 100)
    timers.timeout(() => note('late'), 550)
    timers.advance(600)
    expect(fired).toEqual([
      'tick@1200',
      'due@1250',
      'tick@1400',
      'due@1500',
      'tick@1500',
      'late@1550',
      'tick@1600',
    ])
    expect(clock.now).toBe(1600)
  })

  test('a day of an idle interval is a few steps', () => {
    const clock = new ManualClock(0)
    const timers = new ManualTimers(clock)
    timers.agenda = { next: () => Infinity, run: () => {}, idleUntil: () => Infinity }
    let ticks = 0
    timers.interval(() => ticks++, 100)
    timers.advance(86_400_000)
    expect([ticks, clock.now]).toEqual([1, 86_400_000])
    timers.advance(99)
    expect(ticks).toBe(1)
    timers.advance(1)
    expect(ticks).toBe(2)
  })

  test('steps tell what they came to', () => {
    const clock = new ManualClock(0)
    const timers = new ManualTimers(clock)
    timers.interval(() => {}, 10)
    timers.timeout(() => {}, 15)
    expect([timers.step(18), timers.step(18), timers.step(18), clock.now]).toEqual([
      'quiet',
      'event',
      'done',
      18,
    ])
  })

  test('the event loop runs immediates of driven ones', async () => {
    const timers = new ManualTimers(null, true)
    const ran: string[] = []
    timers.immediate(() => {
      ran.push('first')
      timers.immediate(() => ran.push('second'))
    })
    expect(ran).toEqual([])
    await new Promise(setImmediate)
    expect(ran).toEqual(['first', 'second'])
  })
})

describe('SystemTimers', () => {
  test('run and can be cancelled', async () => {
    const timers: Timers = new SystemTimers()
    const ran: string[] = []
    timers.immediate(() => ran.push('cancelled')).cancel()
    timers.timeout(() => ran.push('cancelled'), 1).cancel()
    timers.timeout(() => ran.push('cancelled'), 2 ** 33).cancel()
    // Node would run a timeout beyond 2^31 ms at once.
    const far = timers.timeout(() => ran.push('far'), 2 ** 33)
    await new Promise<void>((resolve) => {
      const interval = timers.interval(() => {
        ran.push('tick')
        if (ran.length < 3) return
        interval.cancel()
        timers.timeout(() => timers.immediate(resolve), 1, true)
      }, 1)
    })
    far.cancel()
    expect(ran).toEqual(['tick', 'tick', 'tick'])
  })

  test('a timeout longer than Node can hold fires at its time', () => {
    vi.useFakeTimers()
    try {
      let fired = 0
      new SystemTimers().timeout(() => fired++, 2 ** 32)
      vi.advanceTimersByTime(2 ** 32 - 1)
      expect(fired).toBe(0)
      vi.advanceTimersByTime(1)
      expect(fired).toBe(1)
    } finally {
      vi.useRealTimers()
    }
  })
})
