/** The axes: where a figure stands on a logarithmic one, and what is written there. */
import { expect, it } from 'vitest'
import {
  doublingRateAxis,
  inDoublings,
  inRateDoublings,
  latencyAxis,
  ninesOf,
  plainShort,
  quantileAxis,
  timesAxis,
} from '../../bench/axes.ts'

const spread = (median: number, min: number, max: number) => ({ median, min, max })

it('timesAxis encloses all factors and 1', () => {
  expect(timesAxis([spread(3, 2.5, 4.1)])).toMatchObject({ min: -1, max: 3 })
  const { min, max, label } = timesAxis([spread(0.3, 0.2, 0.4)])
  expect([min, max]).toEqual([-3, 1])
  expect([-3, 0, 1].map((at) => label?.(at))).toEqual(['1/8', '1', '2'])
  expect(inDoublings(spread(2, 1, 4))).toEqual(spread(1, 0, 2))
})

it('doublingRateAxis has round rates as its lines', () => {
  const { min = 0, max = 0, label } = doublingRateAxis([30_000, 900_000])
  expect([label?.(min), label?.(max)]).toEqual(['25 k', '1.6 M'])
  expect(inRateDoublings(spread(200_000, 100_000, 400_000))).toEqual(spread(1, 0, 2))
})

it('latencyAxis goes from a power of ten to another', () => {
  expect(latencyAxis([0.03, 25])).toMatchObject({ min: 0.01, max: 100 })
})

it('quantileAxis has 99 % where ninesOf puts it', () => {
  expect(quantileAxis.label?.(Math.round(ninesOf(0.99)))).toBe('99 %')
  expect(ninesOf(0.9999)).toBeCloseTo(quantileAxis.max ?? 0)
  expect(ninesOf(0)).toBe(-0)
})

it.each([
  [0, '0'],
  [10_000, '10 k'],
  [12_500, '12.5 k'],
  [1_600_000, '1.6 M'],
])('plainShort(%d) is %s', (value, text) => {
  expect(plainShort(value)).toBe(text)
})
