/** The checksum of RDB files, eight bytes at a time against one. Run: npx tsx bench/micro/crc64.ts */
import { bench, do_not_optimize, group, run } from 'mitata'
import { type Block, newBlock } from '../../src/structures/block.ts'
import { Crc64 } from '../../src/structures/crc64.ts'

/** The plain method, a byte and a table of 256 at a time, to show what slicing is worth. */
const plain = new Int32Array(512)
for (let byte = 0; byte < 256; byte++) {
  let crc = BigInt(byte)
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n
  plain[byte * 2] = Number(BigInt.asIntN(32, crc))
  plain[byte * 2 + 1] = Number(BigInt.asIntN(32, crc >> 32n))
}

function byteByByte(block: Block, offset: number, length: number): number {
  const { view } = block
  let low = 0
  let high = 0
  for (let at = offset; at < offset + length; at++) {
    const entry = ((low ^ view.getUint8(at)) & 255) * 2
    low = plain[entry] ^ ((low >>> 8) | (high << 24))
    high = plain[entry + 1] ^ (high >>> 8)
  }
  return low ^ high
}

const block = newBlock(65_536)
for (let i = 0; i < 65_536; i++) block.bytes[i] = (i * 2_654_435_761) >>> 24
const crc = new Crc64()
for (const length of [20, 1000, 65_536]) {
  group(`${length} B`, () => {
    bench('Crc64', () => {
      crc.update(block, 0, length)
      do_not_optimize(crc.low)
    })
    bench('byte by byte', () => {
      do_not_optimize(byteByByte(block, 0, length))
    })
  })
}

await run()
