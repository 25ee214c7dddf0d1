/** How long the event loop was last held up: the figure that says whether anyone waited. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** The histogram samples at this interval; a stall shorter than it can go unseen. */
const RESOLUTION_MILLIS = 10

export class LoopDelay {
  private readonly histogram: IntervalHistogram

  constructor() {
    this.histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MILLIS })
    this.histogram.enable()
  }

  /** Longest stall since the last reset, in microseconds; the sampling interval itself is not counted. */
  get maxMicros(): number {
    if (this.histogram.count === 0) return 0
    return Math.max(0, Math.round(this.histogram.max / 1000 - RESOLUTION_MILLIS * 1000))
  }

  reset(): void {
    this.histogram.reset()
  }

  stop(): void {
    this.histogram.disable()
  }
}
