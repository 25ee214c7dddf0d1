/**
 * Counts durations by size with two significant digits, as Redis's HdrHistogram does: values below 256 ns exactly,
 * above that in 128 steps per power of two, up to a second. A pure structure: what is measured is the caller's.
 */

/** Longest duration told apart, nanoseconds; a longer one counts as this. */
export const LONGEST_NANOS = 1_000_000_000

/** Steps per power of two, and the exponent of the first range of them. */
const STEPS = 128
const STEP_BITS = 7
/** Where the list of bounds for people starts, nanoseconds; each next one is twice as large. */
const FIRST_BOUND_NANOS = 1024

export class LatencyHistogram {
  /** How many durations have been counted. */
  total: number
  /** Grows with the longest duration seen. Doubles, since a busy command is called 2^32 times within the hour. */
  private counts: Float64Array

  constructor() {
    this.total = 0
    this.counts = new Float64Array(8 * STEPS)
  }

  /** Counts `times` durations of `nanos` nanoseconds each, which are 1 at least. */
  record(nanos: number, times: number): void {
    const index = indexOf(nanos < 1 ? 1 : nanos > LONGEST_NANOS ? LONGEST_NANOS : nanos | 0)
    if (index >= this.counts.length) this.grow(index)
    this.counts[index] += times
    this.total += times
  }

  /** The duration in nanoseconds that `percent` of all do not exceed: the upper end of its step; for 0 the lower end. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.floor((Math.min(percent, 100) / 100) * this.total + 0.5))
    let seen = 0
    for (let index = 0; index < this.counts.length; index++) {
      seen += this.counts[index]
      if (seen >= wanted) return percent === 0 ? upperEnd(index - 1) + 1 : upperEnd(index)
    }
    return 0
  }

  /** Pairs [bound in microseconds, durations up to it], for those powers of two at which the count grows. */
  cumulative(): [micros: number, count: number][] {
    const bounds: [number, number][] = []
    let bound = FIRST_BOUND_NANOS
    let seen = 0
    let index = 0
    while (seen < this.total) {
      const before = seen
      const last = indexOf(bound)
      for (; index < this.counts.length && index <= last; index++) seen += this.counts[index]
      if (seen > before) bounds.push([Math.floor(upperEnd(last) / 1000), seen])
      bound *= 2
    }
    return bounds
  }

  private grow(index: number): void {
    const grown = new Float64Array(Math.ceil((index + 1) / STEPS) * STEPS)
    grown.set(this.counts)
    this.counts = grown
  }
}

/** The step that the integer `nanos` belongs to. */
function indexOf(nanos: number): number {
  // The exponent of the range: 0 up to 255, which are counted one by one, then one for each power of two.
  const range = 31 - Math.clz32(nanos | (2 * STEPS - 1)) - STEP_BITS
  return (range << STEP_BITS) + (nanos >> range)
}

/** The longest duration, in nanoseconds, that belongs to the step at `index`. */
function upperEnd(index: number): number {
  if (index < 2 * STEPS) return index
  const range = (index >> STEP_BITS) - 1
  return (((index & (STEPS - 1)) + STEPS + 1) << range) - 1
}
