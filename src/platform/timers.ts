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

/** What falls due beside timers, known only by whoever looks: deadlines of keys. Moments are the clock's. */
export interface Agenda {
  /** When run() has something to do; Infinity for never. */
  next(): number
  /** Does all that is due by now, so that next() is later. */
  run(): void
  /** Until when intervals have nothing to do, so that they need not be gone through one by one. */
  idleUntil(): number
}

/** What a step of ManualTimers came to. */
export type Step = 'done' | 'quiet' | 'event'

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
  /** The event loop runs immediates too, as they come, so that real input and output go on while time stands still. */
  readonly #driven: boolean
  #running: boolean = false
  agenda: Agenda | null = null

  constructor(clock: ManualClock | null = null, driven = false) {
    this.#clock = clock
    this.#driven = driven
  }

  /** How many timeouts and intervals wait. */
  get pending(): number {
    return this.#pending.size
  }

  immediate(callback: () => void): Timer {
    const entry = { callback }
    if (!this.#running && this.#immediates.length === 0) this.#runSoon()
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
    // Moments that others look at, too, are whole.
    const whole = this.#driven ? Math.ceil(milliseconds) : milliseconds
    this.#follow()
    const due = this.#now + Math.max(whole, 1)
    const entry: ManualEntry = { callback, due, order: this.#order++, period }
    this.#pending.add(entry)
    return { cancel: () => this.#pending.delete(entry) }
  }

  /** Runs the immediates, and those they queue, until none is left. */
  run(): void {
    this.#running = true
    try {
      for (let count = 0; ; count++) {
        const entry = this.#immediates.shift()
        if (entry === undefined) return
        if (count === IMMEDIATES_MAX) throw new Error('immediates keep queueing immediates')
        entry.callback()
      }
    } finally {
      this.#running = false
      if (this.#immediates.length > 0) this.#runSoon()
    }
  }

  #runSoon(): void {
    if (this.#driven) setImmediate(() => this.run())
  }

  /** Lets `milliseconds` pass: immediates run, then each timer at its due time, immediates again after it. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    this.run()
    while (this.#step(end) !== 'done');
  }

  /**
   * The same in steps, between which others can do their part: goes on to the next thing that is due, but not beyond
   * the clock's moment `end`, and does it. An 'event' may have made others busy; 'done' is when there is nothing more.
   */
  step(end: number): Step {
    this.#follow()
    return this.#step(this.#momentOf(end))
  }

  /** A command may have let time pass by itself (DEBUG SLEEP). */
  #follow(): void {
    if (this.#driven && this.#clock !== null)
      this.#now = Math.max(this.#now, this.#clock.monotonicMicros() / 1000)
  }

  #step(end: number): Step {
    const due = this.agenda === null ? Number.POSITIVE_INFINITY : this.#momentOf(this.agenda.next())
    this.#skipIdle(Math.min(end, due))
    const next = this.#next(end)
    if (due <= end && (next === undefined || due <= next.due)) {
      this.#moveTo(due)
      this.agenda?.run()
      this.run()
      return 'event'
    }
    if (next === undefined) {
      this.#moveTo(end)
      return 'done'
    }
    this.#moveTo(next.due)
    if (next.period === 0) this.#pending.delete(next)
    else next.due += next.period
    next.callback()
    const quiet = next.period > 0 && this.#immediates.length === 0
    this.run()
    return quiet ? 'quiet' : 'event'
  }

  /** A moment of the clock on the timers' own scale. */
  #momentOf(moment: number): number {
    return this.#now + moment - (this.#clock?.now ?? this.#now)
  }

  /** Leaves out the turns of intervals that would find nothing to do before `end` or the next timeout. */
  #skipIdle(end: number): void {
    if (this.agenda === null) return
    let until = Math.min(end, this.#momentOf(this.agenda.idleUntil()))
    for (const { period, due } of this.#pending) if (period === 0) until = Math.min(until, due)
    for (const entry of this.#pending) {
      const { period, due } = entry
      if (period > 0 && due < until) entry.due += Math.floor((until - due) / period) * period
    }
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
