/** Listpacks: written as Redis writes them, read back, and every damage found or harmless. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ListpackReader, listpackAppend, listpackBegin, listpackEnd } from '../../src/persistence/listpack.ts'
import { RdbError } from '../../src/persistence/rdb-format.ts'
import { RdbOutput } from '../../src/persistence/rdb-output.ts'
import { Block } from '../../src/structures/block.ts'
import { LISTPACK_OVERHEAD, listpackEntrySize } from '../../src/values/listpack-size.ts'

const reader = new ListpackReader()

function listpackOf(elements: readonly string[]): Buffer {
  const output = new RdbOutput()
  listpackBegin(output)
  for (const element of elements) {
    const from = new Block(Buffer.from(`<${element}>`, 'latin1'))
    listpackAppend(output, from, 1, element.length)
  }
  listpackEnd(output, elements.length)
  return Buffer.from(output.block.bytes.subarray(0, output.length))
}

function read(listpack: Buffer): string[] {
  const block = new Block(Buffer.concat([Buffer.from('xyz'), listpack, Buffer.alloc(20, 0xee)]))
  reader.open(block, 3, listpack.length)
  const elements: string[] = []
  while (reader.next()) {
    const { elementBlock, elementOffset, elementLength } = reader
    elements.push(elementBlock.bytes.toString('latin1', elementOffset, elementOffset + elementLength))
  }
  return elements
}

function hex(...elements: string[]): string {
  return listpackOf(elements).toString('hex')
}

const element = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 140 }),
  fc.integer({ min: -5000, max: 5000 }).map(String),
  fc.maxSafeInteger().map(String),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.constantFrom('', '-', '007', '-0', 'a'.repeat(63), 'b'.repeat(64), 'c'.repeat(4095), 'd'.repeat(4096)),
)

test('what is written is read, and takes the bytes that the size rules say', () => {
  fc.assert(
    fc.property(fc.array(element), (elements) => {
      const listpack = listpackOf(elements)
      expect(read(listpack)).toEqual(elements)
      let size = LISTPACK_OVERHEAD
      for (const text of elements)
        size += listpackEntrySize(new Block(Buffer.from(text, 'latin1')), 0, text.length)
      expect(listpack.length).toBe(size)
    }),
    { numRuns: 300 },
  )
})

test('integers and strings at every border', () => {
  const borders = [0n, 127n, 4095n, 32_767n, 8_388_607n, 2_147_483_647n, 2n ** 53n, 2n ** 63n - 1n]
  const integers = borders.flatMap((border) => [border, border + 1n, -border, -border - 1n, -border - 2n])
  const texts = integers.map(String)
  expect(read(listpackOf(texts))).toEqual(texts)
  for (const length of [63, 64, 125, 126, 127, 4095, 4096, 16_370, 16_380, 16_390, 2_097_140, 2_097_150]) {
    const listpack = listpackOf(['x', 'y'.repeat(length), '1'])
    expect(read(listpack).map((text) => text.length)).toEqual([1, length, 1])
  }
})

test('exact bytes', () => {
  expect(hex()).toBe('070000000000ff')
  expect(hex('a', '1', '300', '-5', '70000', '-40000')).toBe(
    '1c00000006008161020101c12c02dffb02f270110104f2c063ff04ff',
  )
  expect(hex('9999999999')).toBe('110000000100f4ffe30b540200000009ff')
})

test('the count of 65535 elements or more is left open', () => {
  const listpack = listpackOf(Array(70_000).fill('7'))
  expect(listpack.readUInt16LE(4)).toBe(65_535)
  expect(read(listpack)).toHaveLength(70_000)
})

test('names what is wrong', () => {
  const good = listpackOf(['ab', '5', '1000'])
  const broken = (offset: number, value: number): string => {
    const bytes = Buffer.from(good)
    bytes[offset] = value
    return messageOf(() => read(bytes))
  }
  expect(read(good)).toEqual(['ab', '5', '1000'])
  expect(broken(0, 99)).toBe('listpack of 16 bytes says that it has 99')
  expect(broken(4, 4)).toBe('listpack of 3 elements says that it has 4')
  expect(broken(15, 0)).toBe('listpack does not end with its end mark')
  expect(broken(9, 4)).toBe('listpack entry 0 at byte 6 has 3 bytes and another size behind it')
  expect(broken(10, 0xf9)).toBe('listpack entry 1 at byte 10 has the unknown encoding 249')
  expect(broken(12, 0xf4)).toBe('listpack entry 2 at byte 12 ends behind the listpack')
  expect(broken(6, 0xbf)).toBe('listpack entry 0 at byte 6 ends behind the listpack')
  expect(messageOf(() => read(good.subarray(0, 6)))).toBe('listpack of 6 bytes: expected at least 7')
})

test('damaged anywhere: refused, or read within its bounds', () => {
  fc.assert(
    fc.property(
      fc.array(element, { maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      (elements, damages) => {
        const listpack = listpackOf(elements)
        for (const [at, value] of damages) listpack[at % Math.min(listpack.length, 400)] = value
        try {
          expect(read(listpack).join('').length).toBeLessThan(listpack.length * 10)
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
