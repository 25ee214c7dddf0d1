/**
 * The key hash at the lengths keys have, and what the slower member of its family would cost.
 * Run with `npx tsx bench/micro/siphash.ts`.
 */
import { bench, do_not_optimize, run, summary } from 'mitata'
import { blockOf } from '../../src/structures/block.ts'
import { sipHash } from '../../src/structures/siphash.ts'

const block = blockOf('key:000000012345'.repeat(100))
const { view } = block

/** HalfSipHash-2-4 of whole words, for the comparison only. */
function halfSipHash24(offset: number, length: number, k0: number, k1: number): number {
  let v0 = k0 | 0
  let v1 = k1 | 0
  let v2 = k0 ^ 0x6c796765
  let v3 = k1 ^ 0x74656462
  const words = (length >> 2) + 1
  for (let i = 0; i < words + 2; i++) {
    const word = i < words - 1 ? view.getInt32(offset + i * 4, true) : i === words - 1 ? length << 24 : 0
    v3 ^= word
    for (let round = 0; round < 2; round++) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    v0 ^= word
    if (i === words - 1) v2 ^= 0xff
  }
  return v1 ^ v3
}

let turn = 0
for (const length of [4, 8, 16, 32, 64, 200]) {
  summary(() => {
    bench(`sipHash ${length} B`, () => {
      turn = (turn + 1) & 511
      do_not_optimize(sipHash(block, turn, length, 0x12345678, -559038737))
    })
    bench(`HalfSipHash-2-4 ${length} B`, () => {
      turn = (turn + 1) & 511
      do_not_optimize(halfSipHash24(turn, length, 0x12345678, -559038737))
    })
  })
}

await run()
