/**
 * LATENCY: the spikes of at least latency-monitor-threshold milliseconds, by event, the newest 160 of each. Those
 * who do something that may hold the event loop measure it and tell; how the reports look is commands/latency.ts's.
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
 * slices (expire-cycle, eviction-cycle and in it eviction-del, snapshot-slice), writing to disk (aof-…, rdb-…), and
 * whatever else held the loop (loop-stall).
 */
export type LatencyEvent =
  | 'command'
  | 'fast-command'
  | 'command-unblocking'
  | 'expire-cycle'
  | 'expire-del'
  | 'eviction-cycle'
  | 'eviction-del'
  | 'eviction-lazyfree'
  | 'active-defrag-cycle'
  | 'aof-write'
  | 'aof-write-pending-fsync'
  | 'aof-write-active-child'
  | 'aof-write-alone'
  | 'aof-fsync-always'
  | 'aof-fstat'
  | 'aof-rename'
  | 'aof-rewrite-diff-write'
  | 'rdb-unlink-temp-file'
  | 'rdb-save'
  | 'snapshot-slice'
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

  /** Whether anything is recorded: whoever would read the clock only for this asks first. */
  get enabled(): boolean {
    return this.settings.latencyMonitorThreshold > 0
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
