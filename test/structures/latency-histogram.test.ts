/** The histogram's steps against their definition: two significant digits, and no duration lost. */
import { assert, integer, property } from 'fast-check'
import { expect, test } from 'vitest'
import { LatencyHistogram, LONGEST_NANOS } from '../../src/structures/latency-histogram.ts'

test.each([
  [1000, 1003],
  [13_000, 13_055],
  [223_000, 223_231],
  [995_000, 995_327],
  [255, 255],
  [256, 257],
])('%i ns counts up to %i', (nanos, upper) => {
  const histogram = new LatencyHistogram()
  histogram.record(nanos, 1)
  expect(histogram.percentile(50)).toBe(upper)
})

test('every duration lies in a step less than 1 % wide that ends at or above it', () => {
  assert(
    property(integer({ min: 1, max: LONGEST_NANOS }), (nanos) => {
      const histogram = new LatencyHistogram()
      histogram.record(nanos, 3)
      const upper = histogram.percentile(100)
      expect(upper).toBeGreaterThanOrEqual(nanos)
      expect(upper - nanos).toBeLessThanOrEqual(nanos / 128)
      expect(histogram.total).toBe(3)
      expect(histogram.cumulative().map(([, count]) => count)).toEqual([3])
    }),
  )
})

test('percentiles of many durations', () => {
  const histogram = new LatencyHistogram()
  for (let micros = 1; micros <= 100; micros++) histogram.record(micros * 1000, 1)
  expect(histogram.percentile(0)).toBe(1000)
  expect(histogram.percentile(50) / 1000).toBeCloseTo(50, 0)
  expect(histogram.percentile(99) / 1000).toBeCloseTo(99, 0)
  expect(histogram.percentile(100) / 1000).toBeCloseTo(100, 0)
  expect(histogram.cumulative()).toEqual([
    [1, 1],
    [2, 2],
    [4, 4],
    [8, 8],
    [16, 16],
    [33, 33],
    [66, 66],
    [132, 100],
  ])
})

test('what is shorter than a nanosecond or longer than a second counts at the end', () => {
  const histogram = new LatencyHistogram()
  histogram.record(0, 1)
  histogram.record(0.4, 1)
  histogram.record(5e9, 1)
  expect(histogram.total).toBe(3)
  expect(histogram.percentile(50)).toBe(1)
  expect(histogram.percentile(100)).toBeGreaterThanOrEqual(LONGEST_NANOS)
})
