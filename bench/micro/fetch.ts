/**
 * What sending for a cache line by a write saves (src/structures/bucket.ts): batches of random lines of a large
 * stretch of memory, each with some work of its own, used after nothing, a read or a write of each has gone ahead.
 * Run with `npx tsx bench/micro/fetch.ts`.
 */
import { bench, do_not_optimize, group, run, summary } from 'mitata'
import { newLinedBlock } from '../../src/structures/block.ts'
import { BUCKET_INTS, fetch, HASHES } from '../../src/structures/bucket.ts'

const BATCH = 32
/** Batches drawn beforehand: enough for their lines to be forgotten before they come again. */
const BATCHES = 1 << 15
/** Rounds of work an item: about what hashing a key takes. */
const WORK = 16

function work(value: number): number {
  let mixed = value
  for (let i = 0; i < WORK; i++) mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
  return mixed
}

for (const mebibytes of [1, 8, 64, 256]) {
  const { bytes } = newLinedBlock(mebibytes * 1024 * 1024)
  const lines = new Int32Array(bytes.buffer, bytes.byteOffset, mebibytes * 256 * 1024).fill(1)
  const starts = Int32Array.from(
    { length: BATCH * BATCHES },
    () => Math.floor((Math.random() * lines.length) / BUCKET_INTS) * BUCKET_INTS,
  )
  let batch = 0
  const use = (from: number, sum: number): void => {
    let found = sum
    for (let i = from; i < from + BATCH; i++) found = work(found ^ lines[starts[i] + HASHES])
    do_not_optimize(found)
  }
  const next = (): number => {
    batch = (batch + 1) % BATCHES
    return batch * BATCH
  }
  group(`${BATCH} lines of ${mebibytes} MiB`, () => {
    summary(() => {
      bench(`used as they come, ${mebibytes} MiB`, () => {
        const from = next()
        let sum = 0
        for (let i = from; i < from + BATCH; i++) sum ^= work(i)
        use(from, sum)
      })
      bench(`read ahead, ${mebibytes} MiB`, () => {
        const from = next()
        let sum = 0
        for (let i = from; i < from + BATCH; i++) sum ^= work(i) ^ lines[starts[i] + HASHES]
        use(from, sum)
      })
      bench(`written ahead, ${mebibytes} MiB`, () => {
        const from = next()
        let sum = 0
        for (let i = from; i < from + BATCH; i++) {
          sum ^= work(i)
          fetch(lines, starts[i])
        }
        use(from, sum)
      })
    })
  })
}

await run()
