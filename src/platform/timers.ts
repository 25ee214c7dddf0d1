/**
 * The only way to have something run later: the event loop's timers, or ones that fire when a test moves
 * them. What time it is belongs to clock.ts.
 */
import type { ManualClock } from './clock.ts'

export interface Timer {
  /** The callback will not run any more. Harmless when it has run or was cancelled already. */
  cancel(): void
}

export interface Timers {
  /** Runs `callback` after the events at hand, before any later timeout is looked at. */
  immediate(callback: () => void): Timer
  /** Runs `callback` once, `milliseconds` from now. Does not keep the process alive unless `keepAlive`. */
  timeout(callback: () => void, milliseconds: number, keepAlive?: boolean): Timer
  /** Runs `callback` every `milliseconds`. Does not keep the process alive unless `keepAlive`. */
  interval(callback: () => void, milliseconds: number, keepAlive?: boolean): Timer
}

/** What setTimeout holds at most; Node would run a longer timeout at once. */
const TIMEOUT_MAX = 2 ** 31 - 1

class SystemTimeout implements Timer {
  #handle: NodeJS.Timeout | undefined
  readonly #callback: () => void
  readonly #keepAlive: boolean

  constructor(callback: () => void, milliseconds: number, keepAlive: boolean) {
    this.#callback = callback
    this.#keepAlive = keepAlive
    this.#arm(milliseconds)
  }

  #arm(milliseconds: number): void {
    const part = Math.min(milliseconds, TIMEOUT_MAX)
    this.#handle = setTimeout(() => {
      if (part < milliseconds) this.#arm(milliseconds - part)
      else this.#callback()
    }, part)
    if (!this.#keepAlive) this.#handle.unref()
  }

  cancel(): void {
    clearTimeout(this.#handle)
  }
}

export class SystemTimers implements Timers {
  immediate(callback: () => void): Timer {
    const handle = setImmediate(callback)
    return { cancel: () => clearImmediate(handle) }
  }

  timeout(callback: () => void, milliseconds: number, keepAlive = false): Timer {
    return new SystemTimeout(callback, milliseconds, keepAlive)
  }

  interval(callback: () => void, milliseconds: number, keepAlive = false): Timer {
    const handle = setInterval(callback, milliseconds)
    if (!keepAlive) handle.unref()
    return { cancel: () => clearInterval(handle) }
  }
}

interface ManualEntry {
  readonly callback: () => void
  /** When it fires, on the timers' own clock; entries due together fire in the order they were made. */
  due: number
  readonly order: number
  /** 0 for what fires once. */
  readonly period: number
}

/** Immediates that keep queueing immediates are a loop; this many in one go is taken as proof. */
const IMMEDIATES_MAX = 1_000_000

/** Timers that fire only inside run() and advance(), in order of their due time. */
export class ManualTimers implements Timers {
  /** Moved along by advance(), so that a callback sees the moment it was due at. */
  readonly #clock: ManualClock | null
  #now: number = 0
  #order: number = 0
  #immediates: { callback: () => void }[] = []
  #pending: Set<ManualEntry> = new Set()

  constructor(clock: ManualClock | null = null) {
    this.#clock = clock
  }

  /** How many timeouts and intervals wait. */
  get pending(): number {
    return this.#pending.size
  }

  immediate(callback: () => void): Timer {
    const entry = { callback }
    this.#immediates.push(entry)
    return {
      cancel: () => {
        this.#immediates = this.#immediates.filter((other) => other !== entry)
      },
    }
  }

  timeout(callback: () => void, milliseconds: number): Timer {
    return this.#add(callback, milliseconds, 0)
  }

  interval(callback: () => void, milliseconds: number): Timer {
    return this.#add(callback, milliseconds, Math.max(milliseconds, 1))
  }

  #add(callback: () => void, milliseconds: number, period: number): Timer {
    // As in Node, nothing is due sooner than in 1 ms: a timeout that re-arms itself at 0 still ends advance().
    const due = this.#now + Math.max(milliseconds, 1)
    const entry: ManualEntry = { callback, due, order: this.#order++, period }
    this.#pending.add(entry)
    return { cancel: () => this.#pending.delete(entry) }
  }

  /** Runs the immediates, and those they queue, until none is left. */
  run(): void {
    for (let count = 0; ; count++) {
      const entry = this.#immediates.shift()
      if (entry === undefined) return
      if (count === IMMEDIATES_MAX) throw new Error('immediates keep queueing immediates')
      entry.callback()
    }
  }

  /** Lets `milliseconds` pass: immediates run, then each timer at its due time, immediates again after it. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    this.run()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#moveTo(next.due)
      if (next.period === 0) this.#pending.delete(next)
      else next.due += next.period
      next.callback()
      this.run()
    }
    this.#moveTo(end)
  }

  #next(end: number): ManualEntry | undefined {
    let next: ManualEntry | undefined
    for (const entry of this.#pending) {
      if (entry.due > end) continue
      if (
        next === undefined ||
        entry.due < next.due ||
        (entry.due === next.due && entry.order < next.order)
      ) {
        next = entry
      }
    }
    return next
  }

  #moveTo(moment: number): void {
    if (moment <= this.#now) return
    this.#clock?.advance(moment - this.#now)
    this.#now = moment
  }
}
