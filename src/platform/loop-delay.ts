/** How long the event loop was last held up: the figure that says whether anyone waited. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** The histogram samples at this interval; a stall shorter than it can go unseen. */
const RESOLUTION_MILLIS = 10

export class LoopDelay {
  private readonly histogram: IntervalHistogram

  /** `enabled` false: it measures nothing, for a server whose time is not the loop's. */
  constructor(enabled = true) {
    this.histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MILLIS })
    if (enabled) this.histogram.enable()
  }

  /** Longest stall since the last call, in microseconds; the sampling interval itself is not counted. */
  takeMaxMicros(): number {
    if (this.histogram.count === 0) return 0
    const longest = Math.max(0, Math.round(this.histogram.max / 1000 - RESOLUTION_MILLIS * 1000))
    this.histogram.reset()
    return longest
  }

  stop(): void {
    this.histogram.disable()
  }
}
