/**
 * LATENCY: the spikes of at least latency-monitor-threshold milliseconds, by event, the newest 160 of each. Whoever
 * does something that may hold the event loop measures it and tells; how the reports look is commands/latency.ts's.
 *
 *   const begun = latency.begin()
 *   // … what may take long …
 *   latency.end('expire-cycle', begun)
 */
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../platform/clock.ts'

/** Samples kept of each event: Redis's ring. */
const SAMPLES_MAX = 160

export interface LatencySample {
  /** Seconds since the epoch. */
  readonly time: number
  /** Milliseconds. */
  latency: number
}

/** One event's spikes. */
export interface LatencySeries {
  /** The oldest first; never empty. */
  readonly samples: LatencySample[]
  /** The longest since the event was last reset, milliseconds. */
  max: number
}

/**
 * What is watched, by the name LATENCY gives it: commands (fast-command for those that are always short), work in
 * slices, writing to disk, and whatever held the loop (loop-stall). The names are Redis's where it has the event.
 */
export type LatencyEvent =
  | 'command'
  | 'fast-command'
  | 'command-unblocking'
  | 'expire-cycle'
  | 'eviction-cycle'
  | 'lazyfree-slice'
  | 'active-defrag-cycle'
  | 'snapshot-slice'
  | 'aof-write'
  | 'aof-write-pending-fsync'
  | 'aof-write-active-child'
  | 'aof-write-alone'
  | 'aof-fsync-always'
  | 'aof-rename'
  | 'loop-stall'

export class LatencyMonitor {
  readonly series: Map<string, LatencySeries>
  private readonly settings: Settings
  private readonly clock: Clock

  constructor(settings: Settings, clock: Clock) {
    this.series = new Map()
    this.settings = settings
    this.clock = clock
  }

  /** The moment from which end() measures; -1 when nothing is recorded, and then the clock is not read. */
  begin(): number {
    return this.settings.latencyMonitorThreshold === 0 ? -1 : this.clock.monotonicMicros()
  }

  /** Records what took from `begun`, which begin() gave, until now. */
  end(event: LatencyEvent, begun: number): void {
    if (begun !== -1) this.add(event, (this.clock.monotonicMicros() - begun) / 1000)
  }

  /** Records that `event` took `millis` milliseconds, if that is a spike. Fractions are dropped. */
  add(event: LatencyEvent, millis: number): void {
    const threshold = this.settings.latencyMonitorThreshold
    if (threshold === 0 || millis < threshold) return
    const latency = Math.floor(millis)
    const time = Math.floor(this.clock.now / 1000)
    let series = this.series.get(event)
    if (series === undefined) this.series.set(event, (series = { samples: [], max: 0 }))
    series.max = Math.max(series.max, latency)
    const { samples } = series
    const last = samples.at(-1)
    // Within one second the worst stands for all.
    if (last?.time === time) last.latency = Math.max(last.latency, latency)
    else samples.push({ time, latency })
    if (samples.length > SAMPLES_MAX) samples.shift()
  }

  /** Forgets an event, in any case of its name. Returns whether there was one. */
  forget(event: string): boolean {
    return this.series.delete(event.toLowerCase())
  }
}
