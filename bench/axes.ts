/** The axes of the report's charts: what is where on them, and how it is written. Logarithms are taken here, not by echarts. */
import type { Axis } from './chart.ts'
import type { Spread } from './statistics.ts'

/** `spread` in doublings of `base`: 0 for `base`, 1 for twice that, −1 for a half. */
export function inDoublings({ median, min, max }: Spread, base: number = 1): Spread {
  return { median: Math.log2(median / base), min: Math.log2(min / base), max: Math.log2(max / base) }
}

/** Factors, of which 1 is in view, with at least a half and the double; values on it are inDoublings(). */
export function timesAxis(factors: readonly Spread[]): Omit<Axis, 'name'> {
  const spreads = factors.map((factor) => inDoublings(factor))
  const min = Math.floor(Math.min(-1, ...spreads.map((one) => one.min)))
  const max = Math.ceil(Math.max(1, ...spreads.map((one) => one.max)))
  return { type: 'value', min, max, interval: 1, label: timesLabel }
}

function timesLabel(doubled: number): string {
  return doubled < 0 ? `1/${2 ** -doubled}` : `${2 ** doubled}`
}

/** Requests a second. */
export const rateAxis: Axis = { name: 'requests a second', type: 'value', min: 0, label: plainShort }

/** So that round numbers are on the axis. */
const RATE_BASE = 100_000

/**
 * Rates where each line is twice the one below: a factor looks the same at every depth and size, and servers can be told
 * apart where they are slow. Values on it are inRateDoublings().
 */
export function doublingRateAxis(rates: readonly number[]): Axis {
  const min = Math.floor(Math.log2(Math.min(...rates) / RATE_BASE))
  const max = Math.ceil(Math.log2(Math.max(...rates) / RATE_BASE))
  const name = 'requests a second (each line is twice the one below)'
  return { name, type: 'value', min, max, interval: 1, label: rateLabel }
}

/** Where on a doublingRateAxis() rates stand. */
export function inRateDoublings(rates: Spread): Spread {
  return inDoublings(rates, RATE_BASE)
}

function rateLabel(doubled: number): string {
  return plainShort(RATE_BASE * 2 ** doubled)
}

/** From the power of ten below the least of `values` (ms) to that above the greatest. */
export function latencyAxis(values: readonly number[]): Axis {
  const min = 10 ** Math.floor(Math.log10(Math.min(...values)))
  const max = 10 ** Math.ceil(Math.log10(Math.max(...values)))
  return { name: 'ms (less is better)', type: 'log', min, max, label: String }
}

/** Shares of requests; each step leaves a tenth of those that the one before leaves. Values on it are ninesOf(). */
export const quantileAxis: Axis = {
  name: 'share of requests answered in that time',
  type: 'value',
  min: 0,
  max: 4,
  interval: 1,
  label: (nines) => ['0', '90 %', '99 %', '99.9 %', '99.99 %'][nines] ?? '',
}

/** Where on the quantileAxis a quantile (0 to 1) stands. */
export function ninesOf(quantile: number): number {
  return -Math.log10(1 - quantile)
}

/** A rate without the decimals of a round number: 10000 → "10 k", 12500 → "12.5 k". */
export function plainShort(value: number): string {
  if (value === 0) return '0'
  return value >= 1e6 ? `${Math.round(value / 1e4) / 100} M` : `${Math.round(value / 100) / 10} k`
}
