/** The element format of packed chunks, and finding one's way in a chunk from either end. */
import { describe, expect, test } from 'vitest'
import { blockOf, newBlock } from '../../src/structures/block.ts'
import {
  bytesBefore,
  CHUNK_COUNT,
  CHUNK_END,
  CHUNK_HEADER,
  CHUNK_START,
  closeGap,
  elementsBefore,
  lengthAfter,
  lengthBefore,
  moveApart,
  packedSize,
  prefixSize,
  usedBytes,
  writeChunkHeader,
  writeElement,
} from '../../src/structures/packed-chunk.ts'

describe('elements', () => {
  const sizes = [0, 1, 126, 127, 128, 129, 255, 256, 16_383, 16_384, 65_536, 5_000_000]
  test.each(sizes)('%i bytes read back from both sides', (size) => {
    const block = newBlock(packedSize(size) + 9)
    block.bytes.fill(0xee)
    const element = blockOf(Buffer.alloc(size, 0xab))
    writeElement(block, 3, element, 0, size)
    const end = 3 + packedSize(size)
    expect(lengthAfter(block.view, 3)).toBe(size)
    expect(lengthBefore(block.view, end)).toBe(size)
    const at = 3 + prefixSize(size)
    expect(block.bytes.subarray(at, at + size).equals(element.bytes)).toBe(true)
    expect(packedSize(size)).toBe(size + 2 * prefixSize(size))
    expect([...block.bytes.subarray(0, 3), ...block.bytes.subarray(end)].every((b) => b === 0xee)).toBe(true)
  })

  test('short ones cost two bytes, those below 16 KiB four', () => {
    expect([0, 10, 127].map((size) => packedSize(size) - size)).toEqual([2, 2, 2])
    expect([128, 16_383].map((size) => packedSize(size) - size)).toEqual([4, 4])
    expect(packedSize(16_384)).toBe(16_394)
  })
})

describe('a chunk of a, bb, ccc, dddd', () => {
  const base = 5
  function chunk(): ReturnType<typeof newBlock> {
    const block = newBlock(200)
    const start = CHUNK_HEADER + 7
    writeChunkHeader(block.view, base, start, 100)
    let at = base + start
    for (const text of ['a', 'bb', 'ccc', 'dddd']) {
      writeElement(block, at, blockOf(text), 0, text.length)
      at += packedSize(text.length)
    }
    block.view.setUint16(base + CHUNK_COUNT, 4, true)
    block.view.setInt32(base + CHUNK_END, at - base, true)
    return block
  }

  test('index to bytes and back', () => {
    const { view } = chunk()
    expect(usedBytes(view, base)).toBe(18)
    expect([0, 1, 2, 3, 4].map((index) => bytesBefore(view, base, index))).toEqual([0, 3, 7, 12, 18])
    expect([0, 3, 7, 12, 18].map((bytes) => elementsBefore(view, base, bytes))).toEqual([0, 1, 2, 3, 4])
  })

  test.each([
    [0, 3, 'bb,ccc,dddd'],
    [3, 4, 'a,ccc,dddd'],
    [7, 5, 'a,bb,dddd'],
    [12, 6, 'a,bb,ccc'],
  ])('takes out what is at %i', (at, size, left) => {
    const block = chunk()
    closeGap(block, base, at, size)
    expect(texts(block)).toBe(left)
  })

  test.each([
    [20, 3],
    [27, 3],
    [29, 7],
    [60, 0],
    [21, 18],
    [33, 12],
  ])('moves to %i with a gap before byte %i', (target, at) => {
    const block = chunk()
    const { view } = block
    const start = base + view.getUint16(base + CHUNK_START, true)
    moveApart(block, start, at, base + view.getInt32(base + CHUNK_END, true), base + target, 3)
    view.setUint16(base + CHUNK_START, target, true)
    view.setInt32(base + CHUNK_END, target + 21, true)
    writeElement(block, base + target + at, blockOf('x'), 0, 1)
    view.setUint16(base + CHUNK_COUNT, 5, true)
    const expected = ['a', 'bb', 'ccc', 'dddd']
    expected.splice([0, 3, 7, 12, 18].indexOf(at), 0, 'x')
    expect(texts(block)).toBe(expected.join(','))
  })

  function texts({ view, bytes }: ReturnType<typeof newBlock>): string {
    const found: string[] = []
    let at = base + view.getUint16(base + CHUNK_START, true)
    for (let i = view.getUint16(base + CHUNK_COUNT, true); i > 0; i--) {
      const length = lengthAfter(view, at)
      found.push(bytes.toString('latin1', at + 1, at + 1 + length))
      at += packedSize(length)
    }
    expect(at).toBe(base + view.getInt32(base + CHUNK_END, true))
    return found.join(',')
  }
})
