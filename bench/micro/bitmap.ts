/** Counting, searching and combining bits, and fields of them, against the plain loops. Run: npx tsx bench/micro/bitmap.ts */
import { bench, do_not_optimize, group, run } from 'mitata'
import { type Block, copyBytes, newBlock } from '../../src/structures/block.ts'
import { getField } from '../../src/values/bitfield.ts'
import { combineBits, countBits, findBit } from '../../src/values/bitmap.ts'

/** The sum of each word's bits, to show what the carry-save adders are worth. */
function countByWords(block: Block, length: number): number {
  let count = 0
  for (let at = 0; at < length; at += 4) {
    const word = block.view.getInt32(at, true)
    const pairs = word - ((word >>> 1) & 0x55555555)
    const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
    count += Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
  }
  return count
}

const BYTE_COUNTS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

function countByTable(block: Block, length: number): number {
  let count = 0
  for (let at = 0; at < length; at++) count += BYTE_COUNTS[block.view.getUint8(at)]
  return count
}

/** What combineBits() does for each source after the first, without its chunks of aligned words. */
function xorByWords(from: Block, to: Block, offset: number, length: number): void {
  for (let at = 0; at < length; at += 4) {
    to.view.setInt32(at, to.view.getInt32(at, true) ^ from.view.getInt32(offset + at, true), true)
  }
}

/** The search without the comparisons that skip 4096 bytes. */
function findByWords(block: Block, length: number): number {
  let at = 0
  while (at < length && block.view.getInt32(at, true) === 0) at += 4
  return at
}

const field = newBlock(64)
field.bytes.fill(0xa5)
const POWERS_OF_TWO = Float64Array.from({ length: 33 }, (_, n) => 2 ** n)
let turn = 0

group('fields', () => {
  bench('getField i16, aligned', () => do_not_optimize(getField(field, 0, 64, 32, 16, true)))
  bench('getField u29, across bytes', () => do_not_optimize(getField(field, 0, 64, 35, 29, false)))
  bench('a power of two, computed', () => do_not_optimize(2 ** (turn++ & 31)))
  bench('a power of two, from a table', () => do_not_optimize(POWERS_OF_TWO[turn++ & 31]))
})

for (const size of [16, 256, 4096, 100_000, 1 << 20]) {
  const block = newBlock(size + 1)
  const zeros = newBlock(size)
  const target = newBlock(size)
  for (let at = 0; at <= size; at++) block.bytes[at] = (at * 0x9e3779b1) >>> 13
  zeros.bytes.fill(0)
  // As mostly in the dataset, the operands are not aligned.
  const sources = [block, block].map((block) => ({ block, offset: 1, length: size }))

  group(`${size} bytes`, () => {
    bench('countBits', () => do_not_optimize(countBits(block, 0, size)))
    bench('count word by word', () => do_not_optimize(countByWords(block, size)))
    bench('count by a table of bytes', () => do_not_optimize(countByTable(block, size)))
    bench('findBit, none there', () => do_not_optimize(findBit(zeros, 0, 1, 0, size * 8 - 1)))
    bench('find word by word', () => do_not_optimize(findByWords(zeros, size)))
    bench('combineBits xor, 2 sources', () => combineBits('xor', sources, target, 0, size))
    bench('copy, then xor word by word', () => {
      copyBytes(block, 1, target, 0, size)
      xorByWords(block, target, 1, size)
    })
  })
}

await run()
