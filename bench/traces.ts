/** Sequences of keys read from a cache, as numbers: the same for everyone who is to be compared. */
import { SeededRandom } from '../src/platform/random.ts'

/** Zipf-distributed ranks below `items`: rank r comes up in proportion to 1 / (r + 1)^exponent. */
export function zipf(items: number, exponent: number, random: SeededRandom): () => number {
  const sums = new Float64Array(items)
  let sum = 0
  for (let i = 0; i < items; i++) {
    sum += 1 / (i + 1) ** exponent
    sums[i] = sum
  }
  return () => {
    const at = random.fraction() * sum
    let low = 0
    let high = items - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle] < at) low = middle + 1
      else high = middle
    }
    return low
  }
}

export interface Trace {
  readonly title: string
  readonly keys: Int32Array
}

/** The workloads eviction policies are judged by, of `reads` reads of `items` keys each. */
export function evictionTraces(items: number, reads: number): Trace[] {
  const trace = (title: string, next: (i: number) => number): Trace => ({
    title,
    keys: Int32Array.from({ length: reads }, (_, i) => next(i)),
  })
  const draw = (exponent: number): (() => number) => zipf(items, exponent, new SeededRandom(exponent * 10))
  const scanned = draw(0.9)
  const shifting = draw(0.9)
  return [
    ...[0.7, 0.9, 1.1].map((exponent) => trace(`Zipf ${exponent}`, draw(exponent))),
    // Every fifth read is of a key that nobody reads again, as a backup or a crawler does.
    trace('Zipf 0.9 and a scan', (i) => (i % 5 === 0 ? items + i : scanned())),
    // What is popular moves on, by a tenth of the keys over the trace.
    trace('Zipf 0.9, shifting', (i) => (shifting() + Math.floor((i * items) / (reads * 10))) % items),
  ]
}
