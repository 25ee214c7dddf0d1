/** Bits of strings against a plain array of bits, at every alignment. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Block, blockOf, newBlock } from '../../src/structures/block.ts'
import {
  type BitOperation,
  combineBits,
  countBitRange,
  countBits,
  findBit,
  getBit,
  type Stretch,
  setBit,
} from '../../src/values/bitmap.ts'

/** Some bytes amid 0xff and 0x55 bytes that must be neither read as theirs nor written. */
interface Sample {
  readonly bytes: Uint8Array
  readonly offset: number
}

const arbitraryBytes = fc.oneof(
  fc.uint8Array({ maxLength: 150 }),
  fc.array(fc.constantFrom(0, 0xff), { maxLength: 150 }).map((bytes) => Uint8Array.from(bytes)),
  fc
    .tuple(fc.nat(150), fc.constantFrom(0, 0xff), fc.nat(149), fc.nat(255))
    .map(([length, fill, at, byte]) => new Uint8Array(length).fill(fill).fill(byte, at, at + 1)),
)
const arbitrarySample = fc.record({ bytes: arbitraryBytes, offset: fc.nat(9) })

function place(sample: Sample): Block {
  const block = newBlock(sample.offset + sample.bytes.length + 9)
  block.bytes.fill(0xff).fill(0x55, 0, sample.offset)
  block.bytes.set(sample.bytes, sample.offset)
  return block
}

function bitsOf(bytes: Uint8Array): number[] {
  return [...bytes].flatMap((byte) => Array.from(byte.toString(2).padStart(8, '0'), Number))
}

/** A non-empty sample and two of its bits in order. */
const arbitraryRange = fc
  .tuple(arbitrarySample, fc.nat(), fc.nat())
  .filter(([sample]) => sample.bytes.length > 0)
  .map(([sample, a, b]) => {
    const bits = sample.bytes.length * 8
    return { sample, first: Math.min(a % bits, b % bits), last: Math.max(a % bits, b % bits) }
  })

describe('single bits', () => {
  test('every bit reads, and past the end reads 0', () => {
    fc.assert(
      fc.property(arbitrarySample, (sample) => {
        const block = place(sample)
        const bits = bitsOf(sample.bytes)
        const read = bits.map((_, bit) => getBit(block, sample.offset, sample.bytes.length, bit))
        expect(read).toEqual(bits)
        for (const past of [0, 1, 8, 2 ** 32 - bits.length]) {
          expect(getBit(block, sample.offset, sample.bytes.length, bits.length + past)).toBe(0)
        }
      }),
    )
  })

  test('setting one changes it alone and returns what it was', () => {
    fc.assert(
      fc.property(arbitraryRange, fc.constantFrom(0, 1), ({ sample, first }, on) => {
        const block = place(sample)
        const bits = bitsOf(block.bytes)
        expect(setBit(block, sample.offset, first, on)).toBe(bits[sample.offset * 8 + first])
        bits[sample.offset * 8 + first] = on
        expect(bitsOf(block.bytes)).toEqual(bits)
      }),
    )
  })
})

describe('counting and searching', () => {
  test('counts all bits', () => {
    fc.assert(
      fc.property(arbitrarySample, (sample) => {
        const ones = bitsOf(sample.bytes).filter((bit) => bit === 1).length
        expect(countBits(place(sample), sample.offset, sample.bytes.length)).toBe(ones)
      }),
      { numRuns: 1000 },
    )
  })

  test('counts many bits of one kind', () => {
    for (const [byte, ones] of [
      [0xff, 8],
      [0x7f, 7],
      [0x00, 0],
    ] as const) {
      expect(countBits(blockOf(Buffer.alloc(65_555, byte)), 5, 65_550)).toBe(ones * 65_550)
    }
  })

  test('counts the bits of a range', () => {
    fc.assert(
      fc.property(arbitraryRange, ({ sample, first, last }) => {
        const ones = bitsOf(sample.bytes)
          .slice(first, last + 1)
          .filter((bit) => bit === 1).length
        expect(countBitRange(place(sample), sample.offset, first, last)).toBe(ones)
      }),
      { numRuns: 2000 },
    )
  })

  test('finds the first bit of either kind in a range', () => {
    fc.assert(
      fc.property(arbitraryRange, fc.constantFrom(0, 1), ({ sample, first, last }, bit) => {
        const found = bitsOf(sample.bytes)
          .slice(0, last + 1)
          .indexOf(bit, first)
        expect(findBit(place(sample), sample.offset, bit, first, last)).toBe(found)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('searching far', () => {
  const arbitraryStretch = fc.record({
    length: fc.integer({ min: 1, max: 13_000 }),
    offset: fc.nat(9),
    bit: fc.constantFrom(0, 1),
    odd: fc.nat(),
    first: fc.nat(200),
    cut: fc.nat(200),
  })

  test('finds the one odd bit of a long stretch, unless it lies outside of the range', () => {
    fc.assert(
      fc.property(arbitraryStretch, ({ length, offset, bit, odd, first, cut }) => {
        const bits = length * 8
        const at = odd % bits
        const block = newBlock(offset + length + 9)
        // What surrounds the stretch is what is searched for.
        block.bytes.fill(bit === 1 ? 0xff : 0).fill(bit === 1 ? 0 : 0xff, offset, offset + length)
        setBit(block, offset, at, bit)
        const from = Math.min(first, bits - 1)
        const last = Math.max(from, bits - 1 - cut)
        expect(findBit(block, offset, bit, from, last)).toBe(at >= from && at <= last ? at : -1)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('combining', () => {
  const combine: Record<BitOperation, (bytes: number[]) => number> = {
    and: (bytes) => bytes.reduce((a, b) => a & b),
    or: (bytes) => bytes.reduce((a, b) => a | b),
    xor: (bytes) => bytes.reduce((a, b) => a ^ b),
    not: ([byte]) => ~byte & 0xff,
  }

  function check(operation: BitOperation, samples: readonly Sample[], offset: number): void {
    const sources: Stretch[] = samples.map((sample) => ({
      block: place(sample),
      offset: sample.offset,
      length: sample.bytes.length,
    }))
    const length = Math.max(...sources.map((source) => source.length))
    const target = newBlock(offset + length + 7)
    target.bytes.fill(0xaa)
    combineBits(operation, sources, target, offset, length)
    const expected = Buffer.alloc(offset + length + 7, 0xaa)
    for (let i = 0; i < length; i++) {
      expected[offset + i] = combine[operation](samples.map((sample) => sample.bytes[i] ?? 0))
    }
    expect(target.bytes.equals(expected)).toBe(true)
  }

  test.each(['and', 'or', 'xor'] as const)('%s over sources of differing length', (operation) => {
    const samples = fc.array(arbitrarySample, { minLength: 1, maxLength: 5 })
    fc.assert(fc.property(samples, fc.nat(5), (samples, offset) => check(operation, samples, offset)))
  })

  /** Lengths around what is combined or skipped at once, and the turns of the loops. */
  const arbitraryLength = fc
    .tuple(fc.constantFrom(0, 4096, 8192, 16_384, 24_576), fc.integer({ min: -40, max: 40 }))
    .map(([whole, more]) => Math.max(0, whole + more))
  const arbitraryLong = fc
    .tuple(arbitraryLength, fc.nat(9), fc.integer())
    .map(([length, offset, seed]): Sample => {
      const bytes = Uint8Array.from({ length }, (_, at) => Math.imul(at ^ seed, 0x9e3779b1) >>> 13)
      return { bytes, offset }
    })

  test.each(['and', 'or', 'xor'] as const)('%s over long sources', (operation) => {
    const samples = fc.array(arbitraryLong, { minLength: 1, maxLength: 4 })
    const property = fc.property(samples, fc.nat(5), (samples, offset) => check(operation, samples, offset))
    fc.assert(property, { numRuns: 40 })
  })

  test('not of a long source', () => {
    const property = fc.property(arbitraryLong, fc.nat(5), (sample, offset) => check('not', [sample], offset))
    fc.assert(property, { numRuns: 40 })
  })

  test('not', () => {
    fc.assert(fc.property(arbitrarySample, fc.nat(5), (sample, offset) => check('not', [sample], offset)))
  })
})
