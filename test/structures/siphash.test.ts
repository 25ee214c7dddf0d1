/** HalfSipHash against a reference written straight from its definition, and that against published vectors. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Block, blockOf } from '../../src/structures/block.ts'
import { sipHash } from '../../src/structures/siphash.ts'

const MASK = 0xffffffffn

function rotate(x: bigint, bits: bigint): bigint {
  return ((x << bits) | (x >> (32n - bits))) & MASK
}

/** HalfSipHash-c-d with 32 bits out, in the terms of its definition, on unbounded integers. */
function reference(message: Uint8Array, k0: bigint, k1: bigint, c: number, d: number): bigint {
  const v = [k0, k1, 0x6c796765n ^ k0, 0x74656462n ^ k1]
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v[0] = (v[0] + v[1]) & MASK
      v[1] = rotate(v[1], 5n) ^ v[0]
      v[0] = rotate(v[0], 16n)
      v[2] = (v[2] + v[3]) & MASK
      v[3] = rotate(v[3], 8n) ^ v[2]
      v[0] = (v[0] + v[3]) & MASK
      v[3] = rotate(v[3], 7n) ^ v[0]
      v[2] = (v[2] + v[1]) & MASK
      v[1] = rotate(v[1], 13n) ^ v[2]
      v[2] = rotate(v[2], 16n)
    }
  }
  const padded = new Uint8Array((Math.floor(message.length / 4) + 1) * 4)
  padded.set(message)
  padded[padded.length - 1] = message.length & 255
  for (let at = 0; at < padded.length; at += 4) {
    let word = 0n
    for (let i = 3; i >= 0; i--) word = (word << 8n) | BigInt(padded[at + i])
    v[3] ^= word
    rounds(c)
    v[0] ^= word
  }
  v[2] ^= 0xffn
  rounds(d)
  return v[1] ^ v[3]
}

test('the reference gives the published values of HalfSipHash-2-4', () => {
  const published = ['a9359f5b', '27475ab8', 'fa62a603', '8afee704', '2a6e4689']
  for (const [length, expected] of published.entries()) {
    const message = Uint8Array.from({ length }, (_, i) => i)
    const hash = Buffer.alloc(4)
    hash.writeUInt32LE(Number(reference(message, 0x03020100n, 0x07060504n, 2, 4)))
    expect(hash.toString('hex')).toBe(expected)
  }
})

test('sipHash is HalfSipHash-1-3 at every length and position', () => {
  const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(9), int32, int32, (message, before, k0, k1) => {
      const block = new Block(Buffer.concat([Buffer.alloc(before, 'x'), message, Buffer.from('yyyyy')]))
      const expected = reference(
        message,
        BigInt.asUintN(32, BigInt(k0)),
        BigInt.asUintN(32, BigInt(k1)),
        1,
        3,
      )
      expect(sipHash(block, before, message.length, k0, k1)).toBe(Number(BigInt.asIntN(32, expected)))
    }),
    { numRuns: 1000 },
  )
})

test('a length above 255 enters by its low byte, as defined', () => {
  const block = blockOf('z'.repeat(1000))
  expect(sipHash(block, 0, 1000, 1, 2)).toBe(Number(BigInt.asIntN(32, reference(block.bytes, 1n, 2n, 1, 3))))
})

test('the low bits, which name buckets, spread evenly', () => {
  const buckets = new Int32Array(64)
  for (let i = 0; i < 64_000; i++) {
    const key = blockOf(`key:${i}`)
    buckets[sipHash(key, 0, key.bytes.length, 123, 456) & 63]++
  }
  // Standard deviation is 31: six of them either way.
  expect(Math.min(...buckets)).toBeGreaterThan(810)
  expect(Math.max(...buckets)).toBeLessThan(1190)
})
