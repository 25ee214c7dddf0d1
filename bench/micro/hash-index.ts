/**
 * The hash index: hits and misses by size, inserting and removing, bytes per entry over a round of splits, and
 * the longest single insert while ten million entries are loaded (pass a number to load another count).
 * On a busy machine the scheduler makes most of the long ones: only those that are long in every run count.
 * Run with `npx tsx bench/micro/hash-index.ts`.
 */
import { bench, do_not_optimize, run } from 'mitata'
import { HashIndex } from '../../src/structures/hash-index.ts'

/** A bijection on int32 whose values are spread like a good hash's. */
function mix(i: number): number {
  let h = Math.imul(i ^ (i >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

function loaded(entries: number): HashIndex {
  const index = new HashIndex()
  for (let i = 1; i <= entries; i++) index.insert(mix(i), i)
  return index
}

for (const entries of [1000, 100_000, 1_000_000]) {
  const index = loaded(entries)
  let i = 0
  bench(`hit among ${entries}`, () => {
    i = (i + 7919) % entries
    do_not_optimize(index.addressAt(index.first(mix(i + 1))))
  })
  bench(`miss among ${entries}`, () => {
    i = (i + 7919) % entries
    do_not_optimize(index.first(mix(i + 1) ^ 0x5a5a5a5a))
  })
  bench(`remove and insert among ${entries}`, () => {
    i = (i + 7919) % entries
    index.remove(mix(i + 1), i + 1)
    index.insert(mix(i + 1), i + 1)
  })
  bench(`random of ${entries}`, () => do_not_optimize(index.random(Math.random)))
}
bench('a new index with one entry', () => {
  const index = new HashIndex()
  index.insert(5, 5)
  do_not_optimize(index)
})

await run()

console.log('\nbytes per entry over a round of splits')
const index = new HashIndex()
let next = 500_000
for (let i = 1; i <= 1_000_000; i++) {
  index.insert(mix(i), i)
  if (i !== next) continue
  console.log(`${i} entries: ${(index.bytes / i).toFixed(2)}`)
  next += 62_500
}

const target = Number(process.argv[2] ?? 10_000_000)
const large = new HashIndex()
const slowest: number[] = []
const start = performance.now()
for (let i = 1; i <= target; i++) {
  const before = performance.now()
  large.insert(mix(i), i)
  const took = performance.now() - before
  if (took > 0.2) slowest.push(took)
}
slowest.sort((a, b) => b - a)
const seconds = (performance.now() - start) / 1000
console.log(
  `\n${target} inserts in ${seconds.toFixed(1)} s; above 0.2 ms: ${slowest.length}; slowest: ${slowest
    .slice(0, 8)
    .map((ms) => ms.toFixed(2))
    .join(' ')} ms; ${(large.bytes / target).toFixed(2)} bytes per entry`,
)
