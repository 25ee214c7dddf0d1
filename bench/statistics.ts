/** The few figures the bench draws from repeated runs. Knows nothing of servers or of how runs are made. */

/** Several measurements of one thing, in its own unit. */
export interface Spread {
  median: number
  min: number
  max: number
}

/** The middle of `values` (mean of the two middle ones for an even count); NaN for none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle]
  return (sorted[middle - 1] + sorted[middle]) / 2
}

/** Median, least and greatest of `values`; all NaN for none. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) return { median: Number.NaN, min: Number.NaN, max: Number.NaN }
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/**
 * The spread of `ours[i] / theirs[i]`. Neighbours in time are compared with each other, so that a machine
 * that slows down over the minutes of a run does not show as a difference between the servers.
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Spread {
  const count = Math.min(ours.length, theirs.length)
  const ratios: number[] = []
  for (let i = 0; i < count; i++) ratios.push(ours[i] / theirs[i])
  return spread(ratios)
}

/** The value below which `share` (0 to 1) of `values` lie (nearest rank); NaN for none. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const rank = Math.ceil(share * sorted.length) - 1
  return sorted[Math.min(sorted.length - 1, Math.max(0, rank))]
}
