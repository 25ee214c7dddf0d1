/** Ziplists made by hand: every encoding is read, every damage is found or changes an element only. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { RdbError } from '../../src/persistence/rdb-format.ts'
import { ZiplistReader } from '../../src/persistence/ziplist.ts'
import { Block } from '../../src/structures/block.ts'
import { type Element, textsOf, ziplistOf } from './payloads.ts'

const reader = new ZiplistReader()

function read(ziplist: Buffer): string[] {
  const block = new Block(Buffer.concat([Buffer.from('xyz'), ziplist, Buffer.alloc(20, 0xee)]))
  reader.open(block, 3, ziplist.length)
  const elements: string[] = []
  while (reader.next()) {
    const { elementBlock, elementOffset, elementLength } = reader
    elements.push(elementBlock.bytes.toString('latin1', elementOffset, elementOffset + elementLength))
  }
  return elements
}

const element: fc.Arbitrary<Element> = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 100 }),
  fc.integer({ min: -300, max: 300 }),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom('', 'a'.repeat(250), 'b'.repeat(64), 'c'.repeat(16_383), 'd'.repeat(16_384)),
)

test('reads every encoding', () => {
  fc.assert(
    fc.property(fc.array(element), fc.boolean(), (elements, longPrevious) => {
      expect(read(ziplistOf(elements, { longPrevious }))).toEqual(textsOf(elements))
    }),
    { numRuns: 300 },
  )
})

test('reads one that cannot say how many elements it has', () => {
  const ziplist = ziplistOf(['a', 'b', 3])
  ziplist.writeUInt16LE(65_535, 8)
  expect(read(ziplist)).toEqual(['a', 'b', '3'])
})

test('names what is wrong', () => {
  const good = ziplistOf(['ab', 5, 1000])
  const broken = (offset: number, value: number): string => {
    const bytes = Buffer.from(good)
    bytes[offset] = value
    return messageOf(() => read(bytes))
  }
  expect(read(good)).toEqual(['ab', '5', '1000'])
  expect(broken(0, 99)).toBe('ziplist of 21 bytes says that it has 99')
  expect(broken(4, 11)).toBe('ziplist whose last entry is at byte 16 says that it is at 11')
  expect(broken(8, 4)).toBe('ziplist of 3 elements says that it has 4')
  expect(broken(20, 0)).toBe('ziplist does not end with its end mark')
  expect(broken(14, 3)).toBe('ziplist entry 1 at byte 14 follows 4 bytes and says that it follows 3')
  expect(broken(14, 255)).toBe('ziplist entry 1 at byte 14 follows 4 bytes and says that it follows 255')
  expect(broken(15, 0xff)).toBe('ziplist entry 1 at byte 14 has the unknown encoding 255')
  expect(broken(15, 0x81)).toBe('ziplist entry 1 at byte 14 has the unknown encoding 129')
  expect(broken(17, 0xe0)).toBe('ziplist entry 2 at byte 16 ends behind the ziplist')
  expect(broken(11, 63)).toBe('ziplist entry 0 at byte 10 ends behind the ziplist')
  expect(messageOf(() => read(good.subarray(0, 10)))).toBe('ziplist of 10 bytes: expected at least 11')
})

test('damaged anywhere: refused, or read within its bounds', () => {
  fc.assert(
    fc.property(
      fc.array(element, { maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      (elements, damages) => {
        const ziplist = ziplistOf(elements)
        for (const [at, value] of damages) ziplist[at % Math.min(ziplist.length, 400)] = value
        try {
          const texts = read(ziplist)
          expect(texts.join('').length).toBeLessThan(ziplist.length * 10)
        } catch (error) {
          if (!(error instanceof RdbError)) throw error
        }
      },
    ),
    { numRuns: 1000 },
  )
})

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof RdbError) return error.message
    throw error
  }
  return 'nothing'
}
