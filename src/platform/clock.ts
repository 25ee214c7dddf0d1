/**
 * Where the server gets the time from: the system's clock, or one that tests and embedders move by hand. Not
 * for scheduling (see timers.ts).
 */
import { performance } from 'node:perf_hooks'
import { holdProcess } from './process.ts'

export interface Clock {
  /** Milliseconds since the epoch as of the last refresh() or tick(); every command of one batch sees the same value. */
  readonly now: number
  /** Reads the clock anew. */
  refresh(): void
  /** The same for a batch of commands, thousands of times in a millisecond. Returns monotonicMicros(). */
  tick(): number
  /** Microseconds since the epoch, read afresh (TIME, LASTSAVE precision). */
  epochMicros(): number
  /** Microseconds from an arbitrary start that never go back; for measuring durations. */
  monotonicMicros(): number
  /** Returns when `milliseconds` have passed: nothing else happens in the process meanwhile. */
  hold(milliseconds: number): void
}

/** Milliseconds since the epoch, or a Date. */
export type Moment = number | Date

/** How far in microseconds the two clocks may part before epochMicros() follows the wall clock again. */
const DRIFT_MAX = 2000
/** The least time in microseconds between two ticks of a wall clock that is slewed: by 0.05 % at most, says adjtime(3). */
const TICK_MIN = 990

export class SystemClock implements Clock {
  now: number
  /** Wall clock minus monotonic clock in microseconds. */
  #offset: number
  /** When tick() has read the wall clock last, and until when it needs not to, on the monotonic clock. */
  #readAt: number
  #steadyUntil: number

  constructor() {
    this.now = Date.now()
    this.#readAt = -1
    this.#steadyUntil = -1
    this.#offset = this.now * 1000 - this.monotonicMicros()
  }

  refresh(): void {
    this.now = Date.now()
  }

  // Date.now() is a call out of the engine's code and leaves a number on the heap. When it has been seen to go on by
  // one, it goes on again no earlier than a millisecond after it was last seen not to have.
  tick(): number {
    const at = this.monotonicMicros()
    if (at < this.#steadyUntil) return at
    const wall = Date.now()
    if (wall === this.now + 1) this.#steadyUntil = this.#readAt + TICK_MIN
    this.#readAt = at
    this.now = wall
    return at
  }

  // Date.now() has milliseconds only; the digits below come from the monotonic clock, re-anchored when the
  // system's time is set or slewed.
  epochMicros(): number {
    const wall = Date.now() * 1000
    const monotonic = this.monotonicMicros()
    if (Math.abs(monotonic + this.#offset - wall) > DRIFT_MAX) this.#offset = wall - monotonic
    return Math.floor(monotonic + this.#offset)
  }

  monotonicMicros(): number {
    return performance.now() * 1000
  }

  hold(milliseconds: number): void {
    holdProcess(milliseconds)
  }
}

/** A clock that stands still until told to move. */
export class ManualClock implements Clock {
  now: number
  #monotonicMs: number

  /** `now` is in milliseconds since the epoch; the default is an arbitrary round moment in 2023. */
  constructor(now: number = 1_700_000_000_000) {
    this.now = now
    this.#monotonicMs = 0
  }

  refresh(): void {}

  tick(): number {
    this.refresh()
    return this.monotonicMicros()
  }

  epochMicros(): number {
    return this.now * 1000
  }

  monotonicMicros(): number {
    return this.#monotonicMs * 1000
  }

  /** Moves both clocks forward by `milliseconds`, which may have a fraction but not be negative. */
  advance(milliseconds: number): void {
    if (!(milliseconds >= 0)) throw new RangeError(`a clock cannot advance by ${milliseconds} ms`)
    this.now += milliseconds
    this.#monotonicMs += milliseconds
  }

  /** Lets them pass, in whole milliseconds, for whoever looks. */
  hold(milliseconds: number): void {
    this.advance(Math.round(milliseconds))
  }

  /** Sets the wall clock; the monotonic clock follows it forward but never back. */
  set(now: number): void {
    if (now > this.now) this.advance(now - this.now)
    this.now = now
  }
}

/** Milliseconds since the epoch of a date in words ("Nov 20 20:26:26 2026 GMT"); NaN when it is none. */
export function parseTime(text: string): number {
  return Date.parse(text)
}
