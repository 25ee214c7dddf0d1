/** The bench's figures: median, spread, ratios run by run, percentiles. */
import { describe, expect, it } from 'vitest'
import { median, pairedRatio, percentile, spread } from '../../bench/statistics.ts'

describe('median', () => {
  it('is the middle by value, not by text or by position', () => {
    expect(median([100, 9, 20])).toBe(20)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([])).toBeNaN()
  })

  it('leaves its argument in order', () => {
    const values = [3, 1, 2]
    median(values)
    expect(values).toEqual([3, 1, 2])
  })
})

it('spread holds median, least and greatest', () => {
  expect(spread([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9 })
})

it('pairedRatio compares neighbours, so a slow stretch of the machine cancels out', () => {
  expect(pairedRatio([100, 50, 100], [50, 25, 50])).toEqual({ median: 2, min: 2, max: 2 })
  expect(pairedRatio([100, 100, 100], [50, 100, 200])).toEqual({ median: 1, min: 0.5, max: 2 })
})

it('percentile is the nearest rank', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i)
  expect(percentile(values, 0.5)).toBe(50)
  expect(percentile(values, 0.99)).toBe(99)
  expect(percentile(values, 1)).toBe(100)
  expect(percentile([7], 0)).toBe(7)
  expect(percentile([], 0.5)).toBeNaN()
})
