/**
 * Where copying and comparing by words stops paying: copyBytes and equalBytes beside the native calls, by
 * length. Run with `npx tsx bench/micro/block.ts`.
 */
import { bench, do_not_optimize, run, summary } from 'mitata'
import { type Block, copyBytes, equalBytes, newBlock, newLinedBlock } from '../../src/structures/block.ts'

const sources = [newBlock(65536), newBlock(1 << 20)]
const target = newBlock(1 << 18)
for (const block of [...sources, target]) block.bytes.fill(7)
let turn = 0

/** The word loop one word at a time, without the switch to native calls. */
function copyByWord(from: Block, fromOffset: number, to: Block, toOffset: number, length: number): void {
  const source = from.view
  const target = to.view
  let at = 0
  for (; at + 4 <= length; at += 4) {
    target.setInt32(toOffset + at, source.getInt32(fromOffset + at, true), true)
  }
  for (; at < length; at++) target.setUint8(toOffset + at, source.getUint8(fromOffset + at))
}

function copyNative(from: Block, fromOffset: number, to: Block, toOffset: number, length: number): void {
  from.bytes.copy(to.bytes, toOffset, fromOffset, fromOffset + length)
}

function equalNative(a: Block, aOffset: number, b: Block, bOffset: number, length: number): boolean {
  return a.bytes.compare(b.bytes, bOffset, bOffset + length, aOffset, aOffset + length) === 0
}

for (const length of [8, 16, 32, 64, 100, 128, 160, 161, 200, 256, 1024]) {
  summary(() => {
    for (const copy of [copyBytes, copyByWord, copyNative]) {
      bench(`${copy.name} ${length}`, () => {
        turn = (turn + 72) & 0x3fff
        copy(sources[turn & 8 ? 1 : 0], turn, target, turn * 3, length)
      })
    }
  })
}
for (const length of [8, 16, 32, 100, 160, 200, 201, 256]) {
  summary(() => {
    for (const equal of [equalBytes, equalNative]) {
      bench(`${equal.name} ${length}`, () => {
        turn = (turn + 72) & 0x3fff
        do_not_optimize(equal(sources[turn & 8 ? 1 : 0], turn, target, turn * 3, length))
      })
    }
  })
}

// Two words at the two ends of records of 64 bytes, at random: what a record that lies in two cache lines costs.
const RECORDS = 1 << 19
const { buffer } = newLinedBlock(RECORDS * 64 + 64).bytes
const order = Int32Array.from({ length: 4096 }, () => Math.floor(Math.random() * RECORDS))
summary(() => {
  for (const shift of [0, 16, 32, 48]) {
    const words = new Int32Array(buffer, shift, RECORDS * 16).fill(1)
    bench(`both ends of 4096 records, ${shift} bytes into the mapping`, () => {
      let sum = 0
      for (let i = 0; i < order.length; i++) {
        const at = order[i] << 4
        sum += words[at] + words[at + 15]
        // Another order every time, or they would all be in the cache.
        order[i] = (order[i] * 5 + 1) & (RECORDS - 1)
      }
      do_not_optimize(sum)
    })
  }
})

await run()
