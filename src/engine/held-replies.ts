/**
 * The replies of one client on their way out while faults are set: some wait, some leave in pieces, one may be the last.
 * It decides nothing; each comes with what is to become of it.
 *
 * They form one queue, since nothing on a connection may overtake anything else. Each reply's delay begins when it
 * joins, as on a long line: three replies that are late by 10 ms each are all there after 10 ms. Pieces leave one for
 * every turn of the event loop, so that a client in this process reads each by itself; that is the loop's pace, whatever
 * the server takes for time.
 */
import { SystemTimers, type Timer, type Timers } from '../platform/timers.ts'
import type { Fault } from './fault.ts'

const loop: Timers = new SystemTimers()

/** Where the bytes leave. */
export interface Outlet {
  /** Takes bytes that are nobody else's. */
  deliver(bytes: Buffer): void
  /** Closes once what was delivered has left; with `reset` at once. */
  end(reset: boolean): void
  /** Bytes can leave in pieces, and a part of a reply means something. */
  readonly inPieces: boolean
}

/** What is to become of some bytes. */
export interface Treatment {
  /** Milliseconds; Infinity: until the fault is removed. */
  readonly delay: number
  readonly delayedBy: Fault | null
  /** The size of the next piece; null: all in one. */
  readonly size: (() => number) | null
  readonly splitBy: Fault | null
  /** Bytes after which the connection ends; Infinity: it goes on. */
  readonly endsAfter: number
  readonly reset: boolean
}

export const UNTREATED: Treatment = {
  delay: 0,
  delayedBy: null,
  size: null,
  splitBy: null,
  endsAfter: Number.POSITIVE_INFINITY,
  reset: false,
}

interface Held {
  readonly bytes: Buffer
  readonly treatment: Treatment
  /** Bytes that have left. */
  sent: number
  size: (() => number) | null
  /** It may leave as soon as it is the first. */
  due: boolean
  timer: Timer | null
}

export class HeldReplies {
  private readonly timers: Timers
  private readonly outlet: Outlet
  private readonly onEmpty: () => void
  private readonly held: Held[]
  /** What is to happen in the next turn; nothing leaves before. */
  private pace: Timer | null

  /** `onEmpty` is called each time run() has had the last of it leave. */
  constructor(timers: Timers, outlet: Outlet, onEmpty: () => void) {
    this.timers = timers
    this.outlet = outlet
    this.onEmpty = onEmpty
    this.held = []
    this.pace = null
  }

  get empty(): boolean {
    return this.held.length === 0 && this.pace === null
  }

  /** Pieces leave by themselves, without time having to pass. */
  get leaving(): boolean {
    return this.pace !== null
  }

  /** Appends what is to leave; run() has it leave. */
  add(bytes: Buffer, treatment: Treatment): void {
    const { delay, size, endsAfter } = treatment
    if (bytes.length === 0 && endsAfter === Number.POSITIVE_INFINITY) return
    const { inPieces } = this.outlet
    const held: Held = {
      bytes: bytes.subarray(0, inPieces || endsAfter >= bytes.length ? endsAfter : 0),
      treatment,
      sent: 0,
      size: inPieces ? size : null,
      due: delay === 0,
      timer: null,
    }
    this.held.push(held)
    if (delay === 0 || delay === Number.POSITIVE_INFINITY) return
    held.timer = this.timers.timeout(() => {
      held.due = true
      this.run()
    }, delay)
  }

  /** Has all leave that may. */
  run(): void {
    while (this.pace === null && this.held.length > 0 && this.held[0].due) this.send(this.held[0])
    if (this.empty) this.onEmpty()
  }

  /** A fault is gone, or with null all are: what it did to replies that have not left ends. */
  release(fault: Fault | null): void {
    for (const held of this.held) {
      const { delayedBy, splitBy } = held.treatment
      if (fault === null || delayedBy === fault) {
        held.timer?.cancel()
        held.due = true
      }
      if (fault === null || splitBy === fault) held.size = null
    }
    this.run()
  }

  /** Nothing of it will leave. */
  drop(): void {
    for (const { timer } of this.held.splice(0)) timer?.cancel()
    this.pace?.cancel()
    this.pace = null
  }

  private send(held: Held): void {
    const { outlet } = this
    const { bytes, sent, size, treatment } = held
    const until = size === null ? bytes.length : Math.min(bytes.length, sent + size())
    if (until > sent) outlet.deliver(bytes.subarray(sent, until))
    held.sent = until
    if (until === bytes.length) {
      this.held.shift()
      if (treatment.endsAfter !== Number.POSITIVE_INFINITY) {
        this.end(treatment.reset)
        return
      }
    }
    // Before the first piece and after the last, too: what else there is is not to be read with them.
    const splitting = size !== null || (this.held.length > 0 && this.held[0].size !== null)
    if (splitting) this.nextTurn(() => this.run())
  }

  private end(reset: boolean): void {
    this.drop()
    if (!reset) this.outlet.end(false)
    // A reset that comes with bytes is taken for an end by those who read them.
    else this.nextTurn(() => this.outlet.end(true))
  }

  private nextTurn(callback: () => void): void {
    this.pace = loop.immediate(() => {
      this.pace = null
      callback()
    })
  }
}
