/** An embedded server's time as its owner sees it: the system's, or one to be moved. What follows is moved-time.ts's. */
import type { Clock, Moment } from '../platform/clock.ts'
import type { MovedTime } from './moved-time.ts'

export class ServerClock {
  private readonly clock: Clock
  private readonly moved: MovedTime | null
  /** Moves follow one another, whoever asked for them. */
  private last: Promise<void>

  /** @internal */
  constructor(clock: Clock, moved: MovedTime | null) {
    this.clock = clock
    this.moved = moved
    this.last = Promise.resolve()
  }

  /** Milliseconds since the epoch, as the server's commands see it. */
  get now(): number {
    if (this.moved === null) this.clock.refresh()
    return this.clock.now
  }

  /**
   * Lets `milliseconds` pass, a whole number: keys expire with their notifications, waits end, points of saving are
   * reached, each at its moment. Resolves when all of it has happened. Rejects on a server with the real clock.
   */
  advance(milliseconds: number): Promise<void> {
    if (!Number.isInteger(milliseconds) || milliseconds < 0) {
      return Promise.reject(new RangeError(`time cannot advance by ${milliseconds} ms`))
    }
    return this.move((moved) => moved.advance(milliseconds))
  }

  /** Sets the time: to a later moment by advance(); back without anything else, as when a system's clock is set. */
  set(moment: Moment): Promise<void> {
    const target = Math.floor(Number(moment))
    if (!Number.isFinite(target)) return Promise.reject(new RangeError(`${String(moment)} is no time`))
    return this.move((moved) => moved.set(target))
  }

  private move(how: (moved: MovedTime) => Promise<void>): Promise<void> {
    const { moved } = this
    if (moved === null) {
      return Promise.reject(new Error("the server has the real clock: start it with { clock: 'manual' }"))
    }
    const move = this.last.then(() => how(moved))
    // One that fails is its caller's to hear of; the next is made all the same.
    this.last = move.catch(() => {})
    return move
  }
}
