/** OBJECT ENCODING of lists: Redis 7.2's thresholds up and down, and that counting may stop and resume. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arena } from '../../src/structures/arena.ts'
import { blockOf, newBlock } from '../../src/structures/block.ts'
import { afterShrinking, beforeGrowth, listEncoding } from '../../src/values/list-encoding.ts'
import { UNTRACKED } from '../../src/values/list-ends.ts'
import { LIST_ROOT_SIZE } from '../../src/values/list-root.ts'
import { ListView } from '../../src/values/list-value.ts'
import { listpackEntrySize } from '../../src/values/listpack-size.ts'

function emptyList(): ListView {
  const list = new ListView(new Arena())
  list.point(newBlock(LIST_ROOT_SIZE), 0)
  list.initialize()
  return list
}

/** RPUSH as the command does it. */
function push(list: ListView, limit: number, ...elements: string[]): void {
  let bytes = 0
  for (const element of elements) bytes += element.length
  beforeGrowth(list, limit, elements.length, bytes)
  for (const element of elements) list.pushTail(blockOf(element), 0, element.length)
}

/** LPOP as the command does it. */
function pop(list: ListView, limit: number): void {
  list.dropHead()
  if (list.length > 0) afterShrinking(list, limit)
}

describe('listpack entries', () => {
  test.each([
    ['', 2],
    ['a', 3],
    ['0', 2],
    ['127', 2],
    ['128', 3],
    ['-1', 3],
    ['4095', 3],
    ['-4096', 3],
    ['4096', 4],
    ['-4097', 4],
    ['32767', 4],
    ['32768', 5],
    ['-8388608', 5],
    ['8388608', 6],
    ['-2147483648', 6],
    ['2147483648', 10],
    ['9007199254740993', 10],
    ['9223372036854775807', 10],
    ['-9223372036854775808', 10],
    ['9223372036854775808', 21],
    ['007', 5],
    ['-0', 4],
    ['1.5', 5],
    ['+1', 4],
    ['x'.repeat(63), 65],
    ['x'.repeat(64), 67],
    ['x'.repeat(125), 128],
    ['x'.repeat(126), 130],
    ['x'.repeat(4095), 4099],
    ['x'.repeat(4096), 4103],
    ['x'.repeat(17_000), 17_008],
  ])('%s takes %i bytes', (text, size) => {
    expect(listpackEntrySize(blockOf(text), 0, text.length)).toBe(size)
  })
})

describe('up', () => {
  test.each([
    [-1, 4096],
    [-2, 8192],
    [-3, 16_384],
    [-4, 32_768],
    [-5, 65_536],
    [-9, 65_536],
  ])('%i: a listpack may have %i bytes', (limit, most) => {
    // Entries of 63 bytes behind seven of overhead; the element to come counts with its raw bytes.
    const list = emptyList()
    const element = 'x'.repeat(61)
    while (7 + list.listpackBytes + 63 + 63 <= most) push(list, limit, element)
    const last = most - 7 - list.listpackBytes
    beforeGrowth(list, limit, 1, last)
    expect(listEncoding(list)).toBe('listpack')
    beforeGrowth(list, limit, 1, last + 1)
    expect(listEncoding(list)).toBe('quicklist')
  })

  test('raw bytes to come count, their overhead only afterwards', () => {
    const list = emptyList()
    push(list, -2, 'x'.repeat(8185))
    expect(listEncoding(list)).toBe('listpack')
    push(list, -2, '')
    expect(listEncoding(list)).toBe('quicklist')
  })

  test('a positive limit counts elements, and 8 KiB still holds', () => {
    const list = emptyList()
    push(list, 3, 'a', 'b', 'c')
    expect(listEncoding(list)).toBe('listpack')
    push(list, 3, 'd')
    expect(listEncoding(list)).toBe('quicklist')
    const large = emptyList()
    push(large, 3, 'x'.repeat(9000))
    expect(listEncoding(large)).toBe('quicklist')
    const none = emptyList()
    push(none, 0, 'a')
    expect(listEncoding(none)).toBe('listpack')
    push(none, 0, 'a')
    expect(listEncoding(none)).toBe('quicklist')
  })

  test('integers are packed: 2700 of them still fit', () => {
    const list = emptyList()
    for (let i = 0; i < 2700; i++) push(list, -2, `${1000 + i}`)
    expect(listEncoding(list)).toBe('listpack')
    for (let i = 0; i < 100; i++) push(list, -2, '1000')
    expect(listEncoding(list)).toBe('quicklist')
  })
})

describe('down', () => {
  test('at half the bytes', () => {
    const list = emptyList()
    for (let i = 0; i < 200; i++) push(list, -2, 'x'.repeat(61))
    expect(listEncoding(list)).toBe('quicklist')
    // (4096 - 7) / 63 = 64.9
    while (list.length > 65) pop(list, -2)
    expect(listEncoding(list)).toBe('quicklist')
    pop(list, -2)
    expect(listEncoding(list)).toBe('listpack')
  })

  test('at half the number', () => {
    const list = emptyList()
    push(list, 5, 'a', 'b', 'c', 'd', 'e', 'f')
    while (list.length > 3) pop(list, 5)
    expect(listEncoding(list)).toBe('quicklist')
    pop(list, 5)
    expect(listEncoding(list)).toBe('listpack')
  })

  test('from a long list whose bytes were not counted any more', () => {
    const list = emptyList()
    for (let i = 0; i < 20_000; i++) push(list, -2, `element ${10_000 + i}`)
    expect(list.listpackBytes).toBe(UNTRACKED)
    const entry = 13 + 2
    const most = Math.floor((4096 - 7) / entry)
    while (list.length > most + 1) pop(list, -2)
    expect(listEncoding(list)).toBe('quicklist')
    pop(list, -2)
    expect(listEncoding(list)).toBe('listpack')
  })
})

test('at every moment of a random life, the answer is that of exact counting', () => {
  const anyMove = fc.record({
    pushed: fc.boolean(),
    times: fc.integer({ min: 1, max: 600 }),
    size: fc.integer({ min: 0, max: 80 }),
  })
  const anyLimit = fc.constantFrom(-1, -2, -3, 5, 500)
  fc.assert(
    fc.property(anyLimit, fc.array(anyMove, { minLength: 5, maxLength: 25 }), (limit, moves) => {
      const list = emptyList()
      const sizes: number[] = []
      let bytes = 0
      let quicklist = false
      const byteLimit = limit < 0 ? 2048 << -limit : 8192
      const countLimit = limit < 0 ? Infinity : limit
      for (const { pushed, times, size } of moves) {
        for (let i = 0; i < times; i++) {
          if (pushed) {
            if (7 + bytes + size > byteLimit || sizes.length + 1 > countLimit) quicklist = true
            push(list, limit, 'x'.repeat(size))
            sizes.push(size)
            bytes += size + (size < 64 ? 2 : 3)
          } else if (sizes.length > 1) {
            const gone = sizes.shift() as number
            bytes -= gone + (gone < 64 ? 2 : 3)
            pop(list, limit)
            if (limit < 0 ? 7 + bytes <= byteLimit / 2 : sizes.length <= countLimit >> 1 && 7 + bytes <= 8192)
              quicklist = false
          }
          if (list.isQuicklist !== quicklist) expect(`${i} ${listEncoding(list)}`).toBe(quicklist)
        }
      }
    }),
    { numRuns: 60 },
  )
})
