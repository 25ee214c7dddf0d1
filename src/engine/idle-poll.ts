/**
 * Looks for the next request a moment longer before the event loop sleeps. A process that waits for one reply at a
 * time (`await redis.get(…)`) sends its next request a few microseconds after the last reply; to fall asleep in
 * between and to be woken costs the server more than to look on, and the client waits for both. Measured:
 * bench/round-trips.ts.
 * Of several that ask in one turn one is back before the loop would sleep, and looking takes time from the others. So
 * it looks only after two turns of one client each: of fifty that publish one comes alone in every fifth turn, and not
 * in the next (bench/pubsub.ts: 3 % of the CPU).
 *
 * Looking is of use only where something comes. So each time that nothing came within `idle-poll-time-us`, twice as
 * many turns end without it as before, up to SKIPPED_MAX, and each time that something came half as many do. What a
 * server with rare or irregular requests loses is one such time in SKIPPED_MAX turns; a server without requests
 * sleeps.
 */
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../platform/clock.ts'
import type { Timers } from '../platform/timers.ts'

/** The most turns that end without a look, after so many vain ones. */
const SKIPPED_MAX = 31

export class IdlePoll {
  /** The event loop is ours to keep awake, and there is a second core for who is to send something. */
  enabled: boolean
  private readonly settings: Settings
  private readonly clock: Clock
  private readonly timers: Timers
  private readonly look: () => void
  /** The loop looks until then, microseconds on the monotonic clock; 0: something has come, or nothing is awaited. */
  private until: number
  /** look() is going to be called. */
  private looking: boolean
  /** The last turn in which anybody asked had one client's requests only. */
  private wasAlone: boolean
  /** So many turns end without it, and so many of them have. */
  private skipping: number
  private skipped: number

  constructor(settings: Settings, clock: Clock, timers: Timers) {
    this.enabled = false
    this.settings = settings
    this.clock = clock
    this.timers = timers
    this.until = 0
    this.looking = false
    this.wasAlone = true
    this.skipping = 0
    this.skipped = 0
    this.look = () => this.lookOn()
  }

  /** Call when a turn has answered so many clients, who may go on. */
  answered(clients: number): void {
    if (clients === 0) return
    const alone = clients === 1
    if (alone && this.wasAlone) this.begin()
    this.wasAlone = alone
  }

  private begin(): void {
    const { idlePollTimeUs } = this.settings
    if (!this.enabled || idlePollTimeUs === 0) return
    if (this.skipped < this.skipping) {
      this.skipped++
      return
    }
    this.skipped = 0
    this.until = this.clock.monotonicMicros() + idlePollTimeUs
    if (this.looking) return
    this.looking = true
    this.timers.immediate(this.look)
  }

  /** Call when something has come. */
  end(): void {
    if (this.until === 0) return
    this.until = 0
    this.skipping >>= 1
  }

  /** Call when something has come that is not answered, as a BLPOP that blocks: more may follow all the same. */
  renew(): void {
    this.end()
    this.begin()
  }

  /** An immediate keeps the loop from sleeping: it asks the system for events, and comes back here. */
  private lookOn(): void {
    if (this.until > 0 && this.clock.monotonicMicros() < this.until) {
      this.timers.immediate(this.look)
      return
    }
    this.looking = false
    if (this.until === 0) return
    this.until = 0
    this.skipping = Math.min(SKIPPED_MAX, this.skipping * 2 + 1)
  }
}
