/**
 * The end of an event-loop turn, Redis's beforeSleep: everything read in the poll phase has run, and now its
 * effects leave the process, in an order that must not change: first work that clients wait for, then the
 * replies, so that a reply never precedes what it acknowledges.
 */
import type { Timers } from '../platform/timers.ts'

export interface Flushable {
  flush(): void
}

export class Turn {
  private readonly timers: Timers
  private waiting: Flushable[] = []
  private flushing: Flushable[] = []
  private scheduled = false
  private halted = false
  private readonly run: () => void
  /** Run before the replies leave, in this order: invalidations by prefix, then the AOF. */
  readonly beforeReplies: (() => void)[] = []

  constructor(timers: Timers) {
    this.timers = timers
    this.run = (): void => {
      this.end()
    }
  }

  /** Has `target.flush()` called once at the end of this turn. The caller adds a target once per turn. */
  flushSoon(target: Flushable): void {
    this.waiting.push(target)
    this.endSoon()
  }

  /** Has the turn end although there may be nothing to flush. */
  endSoon(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.timers.immediate(this.run)
  }

  /** Nothing more leaves: what it would acknowledge did not come about. */
  halt(): void {
    this.halted = true
  }

  /** Does what must precede replies that leave now. Returns false when none may. */
  prepare(): boolean {
    for (const step of this.beforeReplies) step()
    return !this.halted
  }

  private end(): void {
    this.scheduled = false
    if (!this.prepare()) return
    const ready = this.waiting
    this.waiting = this.flushing
    this.flushing = ready
    for (let i = 0; i < ready.length; i++) ready[i].flush()
    ready.length = 0
  }
}
