/** The list against an array: random operations of all kinds and sizes, and the edge cases of its chunks. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arena } from '../../src/structures/arena.ts'
import { blockOf, newBlock } from '../../src/structures/block.ts'
import { CHUNK_HEADER, CHUNK_MAX } from '../../src/structures/packed-chunk.ts'
import { freeChainSome } from '../../src/values/list-chunks.ts'
import { LIST_ROOT_SIZE } from '../../src/values/list-root.ts'
import { ListView } from '../../src/values/list-value.ts'
import { ListModel } from './list-model.ts'
import { anyStep, patterned } from './list-steps.ts'

function listOf(...elements: (string | Buffer)[]): ListModel {
  const model = new ListModel(new Arena())
  for (const element of elements) model.run(['pushTail', 0, 0, Buffer.from(element as string)])
  return model
}

describe('a list equals an array', () => {
  test('under random operations of all kinds', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 20, maxLength: 250, size: 'max' }), (steps) => {
        const model = new ListModel(new Arena())
        for (const [i, step] of steps.entries()) {
          model.run(step)
          if (i % 8 === 0) model.check()
        }
        model.check()
        model.list.free()
        expect(model.arena.liveObjects).toBe(0)
        expect(model.arena.bytesUsed).toBe(0)
      }),
      { numRuns: 150 },
    )
  })

  test('while it is edited in the middle of many chunks, which stay well filled', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 50, maxLength: 100 }), (steps) => {
        const model = listOf()
        for (let i = 0; i < 3000; i++) model.run(['pushTail', 0, 0, Buffer.from(`element ${i}`)])
        const kinds = ['insertBefore', 'insertAfter', 'remove', 'removeBackwards', 'replace']
        for (const [i, [, position, amount, element]] of steps.entries()) {
          model.run([kinds[i % kinds.length], position, amount % 50, element.subarray(0, 300)])
        }
        model.check()
        let bytes = 0
        for (const element of model.elements) bytes += element.length + 4
        expect(model.list.chunkCount).toBeLessThan((bytes / CHUNK_MAX) * 3 + 2)
      }),
      { numRuns: 20 },
    )
  })

  test('as a queue, a stack, and both ways through', () => {
    const model = listOf()
    for (let i = 0; i < 30_000; i++) {
      const grow = (i >> 12) % 2 === 0
      model.run([i % 3 === 0 ? 'pushHead' : 'pushTail', 0, 0, Buffer.from(`${i}`.repeat((i % 5) + 1))])
      if (!grow) for (const end of ['popHead', 'popTail']) model.run([end, 0, 0, Buffer.alloc(0)])
    }
    model.check()
    model.list.free()
    expect(model.arena.liveObjects).toBe(0)
  })
})

describe('length prefixes', () => {
  const sizes = [0, 1, 127, 128, 129, 8150, 8168, 8169, 8170, 8171, 16_383, 16_384, 16_385, 70_000, 1 << 20]
  test.each(sizes)('%i bytes between two short elements', (size) => {
    const model = listOf('before', patterned(size, 1), 'behind')
    model.check()
    for (const end of ['pushHead', 'pushTail']) model.run([end, 0, 0, patterned(size, 2)])
    model.check()
    for (const end of ['popHead', 'popTail', 'popHead', 'popTail', 'popHead']) {
      model.run([end, 0, 0, Buffer.alloc(0)])
      model.check()
    }
    expect(model.arena.liveObjects).toBe(0)
  })

  test('an element just too large for a shared chunk has one of its own', () => {
    const room = CHUNK_MAX - CHUNK_HEADER - 4
    expect(listOf(patterned(room, 1), '').list.chunkCount).toBe(2)
    expect(listOf(patterned(room - 2, 1), '').list.chunkCount).toBe(1)
    expect(listOf('', patterned(room + 1, 1), '').list.chunkCount).toBe(3)
  })

  test('empty elements fill a chunk to the last byte', () => {
    const model = listOf()
    model.run(['pushMany', 0, 10_000, Buffer.alloc(0)])
    model.check()
    expect(model.list.chunkCount).toBe(3)
  })
})

describe('memory', () => {
  test('a list of one short element takes a chunk of its size', () => {
    expect(listOf('0123456789').list.memoryBytes()).toBe(32)
    expect(LIST_ROOT_SIZE).toBeLessThan(32)
  })

  test.each([
    [10, 12.1],
    [100, 102.8],
  ])('%i-byte elements pushed at either end take at most %d bytes each', (size, most) => {
    for (const end of ['pushHead', 'pushTail'] as const) {
      const model = listOf()
      const element = newBlock(size)
      for (let i = 0; i < 50_000; i++) model.list[end](element, 0, size)
      expect(model.list.memoryBytes() / 50_000).toBeLessThan(most)
    }
  })

  test('popping a long list down to one element gives its chunk back', () => {
    for (const end of ['popHead', 'popTail']) {
      const model = listOf()
      for (let i = 0; i < 2000; i++) model.run(['pushTail', 0, 0, Buffer.from(`element ${i}`)])
      while (model.elements.length > 1) model.run([end, 0, 0, Buffer.alloc(0)])
      expect(model.list.memoryBytes()).toBeLessThan(300)
      model.check()
    }
  })

  test('removing from the middle merges what is left', () => {
    const model = listOf()
    for (let i = 0; i < 20_000; i++) model.run(['pushTail', 0, 0, Buffer.from(`element ${i}`)])
    const before = model.list.chunkCount
    let on = model.list.seek(0)
    for (let i = 0; on; i++) on = i % 10 === 0 ? model.list.advance() : model.list.removeAt()
    model.elements = model.elements.filter((_, i) => i % 10 === 0)
    model.check()
    expect(model.list.chunkCount).toBeLessThan(before / 5)
  })

  test('trim frees whole chunks', () => {
    const model = listOf()
    for (let i = 0; i < 20_000; i++) model.run(['pushTail', 0, 0, Buffer.from(`element ${i}`)])
    model.list.trim(9990, 10_009)
    model.elements = model.elements.slice(9990, 10_010)
    model.check()
    expect(model.list.memoryBytes()).toBeLessThan(1000)
  })

  test('a detached chain is freed in slices, and the list is empty at once', () => {
    const model = listOf()
    model.run(['pushMany', 0, 10_000, patterned(100, 1)])
    const chunks = model.list.chunkCount
    let chain = model.list.takeChain()
    expect(model.list.length).toBe(0)
    expect(model.list.peekHead()).toBe(false)
    let calls = 0
    for (; chain !== 0; calls++) chain = freeChainSome(model.arena, chain, 10)
    expect(calls).toBe(Math.ceil(chunks / 10))
    expect(model.arena.liveObjects).toBe(0)
  })
})

describe('copies and moves', () => {
  test('a copy has the same elements and lives on its own', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
        const model = listOf('first')
        for (const step of steps) model.run(step)
        const copy = new ListModel(model.arena)
        model.list.copyTo(copy.root, 3)
        copy.elements = [...model.elements]
        copy.check(false)
        expect(copy.list.memoryBytes() + model.list.memoryBytes()).toBe(model.arena.bytesUsed)
        model.list.free()
        copy.run(['pushHead', 0, 0, Buffer.from('new')])
        copy.run(['pushTail', 0, 0, Buffer.from('new')])
        copy.check()
      }),
      { numRuns: 50 },
    )
  })

  test('chunks leave sparse pages a few at a time while the list changes', () => {
    const model = sparseList()
    const pages = model.arena.pageCount
    let calls = 1
    for (; !model.list.moveSparseChunks(40); calls++) {
      model.run(['popHead', 0, 0, Buffer.alloc(0)])
      model.run(['remove', 40 * 8 * calls, 20, Buffer.alloc(0)])
      model.run(['insertBefore', 40 * 8 * calls, 1, patterned(500, calls)])
    }
    expect(calls).toBeGreaterThan(10)
    model.arena.endEvacuation()
    expect(model.arena.pageCount).toBeLessThan(pages / 2)
    model.check()
  })

  test('a walk over sparse chunks goes on behind those that were removed meanwhile', () => {
    const model = sparseList()
    expect(model.list.moveSparseChunks(10)).toBe(false)
    const kept = model.list.length - 2000
    model.list.trim(kept, model.list.length - 1)
    model.elements = model.elements.slice(kept)
    const left = model.list.chunkCount
    expect(model.list.moveSparseChunks(left - 1)).toBe(false)
    expect(model.list.moveSparseChunks(1)).toBe(true)
    model.check()
  })
})

/** A list whose chunks lie one or two to a page that is being evacuated. */
function sparseList(): ListModel {
  const arena = new Arena()
  const model = new ListModel(arena)
  const other = new ListView(arena)
  other.point(newBlock(LIST_ROOT_SIZE), 0)
  other.initialize()
  const element = blockOf(patterned(1000, 9))
  for (let i = 0; i < 8000; i++) {
    for (let k = 0; k < 8; k++) other.pushTail(element, 0, 1000)
    if (i % 8 === 0) for (let k = 0; k < 8; k++) model.run(['pushTail', 0, 0, patterned(1000, i + k)])
  }
  other.free()
  expect(arena.beginEvacuation()).toBeGreaterThan(0)
  return model
}

describe('the cursor', () => {
  test('seeks from both ends and rejects what is outside', () => {
    const model = listOf()
    for (let i = 0; i < 5000; i++) model.run(['pushTail', 0, 0, Buffer.from(`${i}`)])
    for (const index of [0, 1, 2499, 2500, 2501, 4998, 4999]) {
      expect(model.list.seek(index)).toBe(true)
      expect(model.current().toString()).toBe(`${index}`)
    }
    for (const index of [-1, 5000, 1e9]) expect(model.list.seek(index)).toBe(false)
  })

  test('comes back from beyond either end', () => {
    const { list, current } = cursorOn(listOf('a', 'b'))
    list.seek(1)
    expect(list.advance()).toBe(false)
    expect(list.advance()).toBe(false)
    expect(list.retreat()).toBe(true)
    expect(current()).toBe('b')
    list.seek(0)
    expect(list.retreat()).toBe(false)
    expect(list.retreat()).toBe(false)
    expect(list.advance()).toBe(true)
    expect(current()).toBe('a')
  })

  test('has nowhere to go when the last element is removed', () => {
    const { list } = cursorOn(listOf('only'))
    list.seek(0)
    expect(list.removeAt()).toBe(false)
    expect(list.advance()).toBe(false)
    expect(list.retreat()).toBe(false)
    expect(list.length).toBe(0)
  })
})

function cursorOn(model: ListModel): { list: ListView; current: () => string } {
  return { list: model.list, current: () => model.current().toString() }
}
