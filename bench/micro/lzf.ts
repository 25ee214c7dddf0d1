/** LZF on what values look like. Run: npx tsx bench/micro/lzf.ts */
import { bench, do_not_optimize, group, run } from 'mitata'
import { blockOf, newBlock } from '../../src/structures/block.ts'
import { lzfBound, lzfCompress, lzfDecompress, lzfSize } from '../../src/structures/lzf.ts'

const SIZE = 4096
const noise = Array.from({ length: SIZE }, () => Math.random() * 256)
const json = JSON.stringify(
  Array.from({ length: 60 }, (_, i) => ({
    id: i * 7919,
    name: `user ${i}`,
    active: i % 3 === 0,
    score: i / 7,
  })),
)
const samples = {
  noise: Buffer.from(noise),
  json: Buffer.from(json).subarray(0, SIZE),
  'one byte': Buffer.alloc(SIZE, 'a'),
  'json, 64 bytes': Buffer.from(json).subarray(100, 164),
}

/** What clearing the table before each string would cost, which the numbering of positions avoids. */
const table = new Int32Array(1 << 14)
bench('clearing a table of 16384', () => {
  table.fill(0)
  do_not_optimize(table)
})

for (const [name, bytes] of Object.entries(samples)) {
  const block = blockOf(bytes)
  const target = newBlock(lzfBound(bytes.length))
  const stream = newBlock(lzfBound(bytes.length))
  const size = lzfCompress(block, 0, bytes.length, stream, 0, lzfBound(bytes.length))
  const back = newBlock(bytes.length)
  group(`${name}: ${bytes.length} B, ${size} compressed`, () => {
    bench('compress', () => {
      do_not_optimize(lzfCompress(block, 0, bytes.length, target, 0, bytes.length - 4))
    })
    bench('measure', () => {
      do_not_optimize(lzfSize(stream, 0, size))
    })
    bench('decompress', () => {
      lzfDecompress(stream, 0, size, back, 0)
      do_not_optimize(back)
    })
  })
}

await run()
