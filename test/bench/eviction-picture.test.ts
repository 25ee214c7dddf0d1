/** The picture of evicted keys: each key's cell has the colour of its fate, on a light page and on a dark one. */
import { expect, it } from 'vitest'
import { darkStyle } from '../../bench/chart.ts'
import { drawFates, type Fate } from '../../bench/eviction-picture.ts'

const fates: Fate[] = Array.from({ length: 300 }, (_, i) => (i < 50 ? 'evicted' : i < 200 ? 'kept' : 'added'))
const svg = drawFates([
  { title: 'one', fates },
  { title: 'two', fates: fates.toReversed() },
])

/** Cells of four pixels in the strokes of each colour. */
function cells(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const [, path, colour] of svg.matchAll(/<path d="([^"]*)" fill="none" stroke="([^"]*)"/g)) {
    const runs = [...path.matchAll(/M(\d+) \d+H(\d+)/g)].map(
      ([, from, to]) => (Number(to) + 1 - Number(from)) / 4,
    )
    counts.set(colour, (counts.get(colour) ?? 0) + runs.reduce((sum, run) => sum + run, 0))
  }
  return counts
}

it('draws every key once', () => {
  expect([...cells().values()].sort((a, b) => a - b)).toEqual([100, 200, 300])
})

it('names its panels and colours', () => {
  for (const text of ['one', 'two', 'evicted', 'kept', 'added']) expect(svg).toContain(`>${text}</text>`)
  for (const colour of cells().keys()) expect(darkStyle()).toContain(`[stroke="${colour}"]`)
})
