/** LZF: round trips, streams another compressor might write, and streams that nobody writes. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Block, newBlock } from '../../src/structures/block.ts'
import { lzfBound, lzfCompress, lzfDecompress, lzfSize } from '../../src/structures/lzf.ts'
import { seeded } from './seeded.ts'

function compress(data: Uint8Array, most = lzfBound(data.length)): Buffer {
  const from = new Block(Buffer.concat([Buffer.from('abcabcabc'), data, Buffer.from('abcabcabc')]))
  const to = newBlock(lzfBound(data.length) + 5)
  const size = lzfCompress(from, 9, data.length, to, 5, most)
  return to.bytes.subarray(5, 5 + size)
}

/** The decompressed bytes; null for a stream that is refused. */
function decompress(stream: Uint8Array): Buffer | null {
  const from = new Block(Buffer.concat([Buffer.from('xx'), stream, Buffer.from('yy')]))
  const size = lzfSize(from, 2, stream.length)
  if (size < 0) return null
  const to = newBlock(size + 7)
  to.bytes.fill(0xaa)
  lzfDecompress(from, 2, stream.length, to, 3)
  expect(to.bytes.subarray(0, 3).toString('hex') + to.bytes.subarray(size + 3).toString('hex')).toBe(
    'aaaaaaaaaaaaaa',
  )
  return to.bytes.subarray(3, size + 3)
}

/** The format read off its definition, byte by byte. */
function reference(stream: Uint8Array): Buffer | null {
  const out: number[] = []
  const bytes = [...stream]
  while (bytes.length > 0) {
    const control = bytes.shift() as number
    if (control < 32) {
      if (bytes.length < control + 1) return null
      out.push(...bytes.splice(0, control + 1))
      continue
    }
    let length = (control >> 5) + 2
    if (length === 9) {
      if (bytes.length === 0) return null
      length += bytes.shift() as number
    }
    if (bytes.length === 0) return null
    const back = ((control & 31) << 8) + (bytes.shift() as number) + 1
    if (back > out.length) return null
    for (let i = 0; i < length; i++) out.push(out[out.length - back])
  }
  return Buffer.from(out)
}

const repetitive = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 60 })), {
    maxLength: 12,
  })
  .map((parts) => Buffer.concat(parts.flatMap(([bytes, times]) => Array(times).fill(Buffer.from(bytes)))))

test('what is compressed decompresses to the same, in the room that was promised', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), repetitive), (data) => {
      const stream = compress(data)
      expect(decompress(stream)).toEqual(Buffer.from(data))
      expect(reference(stream)).toEqual(Buffer.from(data))
    }),
    { numRuns: 400 },
  )
})

test('long inputs: runs, references at every distance, noise', () => {
  const random = seeded(7)
  const noise = Buffer.from(Array.from({ length: 40_000 }, () => Math.floor(random() * 256)))
  const text = Buffer.from(Array.from({ length: 40_000 }, () => 97 + Math.floor(random() * 3)))
  const far = Buffer.concat([noise.subarray(0, 8192), noise.subarray(0, 9000), noise.subarray(0, 100)])
  const further = Buffer.concat([noise.subarray(0, 8193), noise.subarray(0, 9000)])
  for (const data of [noise, text, far, further, Buffer.alloc(100_000), Buffer.concat([text, noise, text])]) {
    const stream = compress(data)
    expect(decompress(stream)?.equals(data)).toBe(true)
  }
  expect(compress(Buffer.alloc(100_000)).length).toBeLessThan(1200)
  expect(compress(text).length).toBeLessThan(24_000)
})

test('a limit too small gives 0, the exact size is enough', () => {
  const data = Buffer.from('the same again, the same again, the same again')
  const { length } = compress(data)
  expect(length).toBeGreaterThan(0)
  expect(length).toBeLessThan(data.length - 4)
  expect(compress(data, length).length).toBe(length)
  expect(compress(data, length - 1).length).toBe(0)
})

test('the table of positions is cleared before its numbers run out', () => {
  const block = newBlock(1 << 20)
  block.bytes.fill('ab')
  const to = newBlock(lzfBound(1 << 20))
  for (let i = 0; i < 2100; i++) {
    // Given up after 10 bytes, so that the numbers are used up without the time.
    const size = lzfCompress(block, 0, 1 << 20, to, 0, 10)
    expect(size).toBe(0)
  }
  expect(decompress(compress(Buffer.from('abababababababababab')))?.toString()).toBe('abababababababababab')
})

test('any bytes as a stream: the definition and the bounds decide', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (stream) => {
      expect(decompress(stream)).toEqual(reference(stream))
    }),
    { numRuns: 2000 },
  )
  const likely = fc.array(
    fc.oneof(
      fc
        .uint8Array({ minLength: 1, maxLength: 32 })
        .map((bytes) => Buffer.concat([Buffer.from([bytes.length - 1]), bytes])),
      fc.tuple(fc.integer({ min: 32, max: 255 }), fc.nat(255), fc.nat(255)),
    ),
  )
  fc.assert(
    fc.property(likely, (items) => {
      const stream = Buffer.concat(items.map((item) => Buffer.from(item)))
      expect(decompress(stream)).toEqual(reference(stream))
    }),
    { numRuns: 1000 },
  )
})
