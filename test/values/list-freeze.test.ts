/** A frozen list is read as it was, whatever is done to it meanwhile, and leaves nothing behind. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, Arena } from '../../src/structures/arena.ts'
import { blockOf, newBlock } from '../../src/structures/block.ts'
import {
  CHUNK_END,
  CHUNK_START,
  lengthAfter,
  packedSize,
  prefixSize,
} from '../../src/structures/packed-chunk.ts'
import { freeChainSome } from '../../src/values/list-chunks.ts'
import { type ListFreeze, ListFreezes } from '../../src/values/list-freeze.ts'
import { LIST_ROOT_SIZE } from '../../src/values/list-root.ts'
import { ListView } from '../../src/values/list-value.ts'
import { ListModel, type Step } from './list-model.ts'
import { anyStep, patterned } from './list-steps.ts'

/** The elements of one chunk. */
function elementsOf(arena: Arena, chunk: Address): Buffer[] {
  const { view, bytes } = arena.block(chunk)
  const base = arena.offset(chunk)
  const end = base + view.getInt32(base + CHUNK_END, true)
  const found: Buffer[] = []
  for (let at = base + view.getUint16(base + CHUNK_START, true); at < end; ) {
    const length = lengthAfter(view, at)
    found.push(Buffer.from(bytes.subarray(at + prefixSize(length), at + prefixSize(length) + length)))
    at += packedSize(length)
  }
  return found
}

/** Reads up to `chunks` chunks; returns their elements. */
function readSome(arena: Arena, freeze: ListFreeze, chunks: number): Buffer[] {
  const found: Buffer[] = []
  for (let left = chunks; left > 0 && freeze.current !== 0; left--) {
    found.push(...elementsOf(arena, freeze.current))
    freeze.advance()
  }
  return found
}

function finish(arena: Arena, freeze: ListFreeze): void {
  for (const chain of freeze.end()) freeChainSome(arena, chain, Number.POSITIVE_INFINITY)
}

function sameElements(found: readonly Buffer[], expected: readonly Buffer[]): boolean {
  return found.length === expected.length && found.every((element, i) => element.equals(expected[i]))
}

function filled(count: number, size: number): ListModel {
  const model = new ListModel(new Arena())
  for (let i = 0; i < count; i++) model.run(['pushTail', 0, 0, patterned(size, i)])
  return model
}

const anySteps = fc.array(anyStep, { maxLength: 60, size: 'max' })

describe('a frozen list', () => {
  test('is read as it was under random operations', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(anySteps, anySteps, fc.nat(6), fc.boolean(), (before, during, pace, aborted) => {
        const model = new ListModel(new Arena())
        for (const step of before) model.run(step)
        const then = model.elements.slice()
        const freeze = model.list.startFreeze()
        const read: Buffer[] = []
        for (const [i, step] of during.entries()) {
          model.run(step)
          if (i % 8 === 0) model.check(false)
          if (pace > 0 && i % pace === 0) read.push(...readSome(model.arena, freeze, 1))
        }
        if (!aborted) {
          read.push(...readSome(model.arena, freeze, Number.POSITIVE_INFINITY))
          expect(sameElements(read, then)).toBe(true)
        }
        finish(model.arena, freeze)
        model.list.point(model.root, 3)
        model.check()
        // What is left behind must not disturb a second time.
        const again = model.elements.slice()
        const second = model.list.startFreeze()
        for (const step of before) model.run(step)
        expect(sameElements(readSome(model.arena, second, Number.POSITIVE_INFINITY), again)).toBe(true)
        finish(model.arena, second)
        model.list.point(model.root, 3)
        model.check()
        model.list.free()
        expect(model.arena.liveObjects).toBe(0)
      }),
      { numRuns: 150 },
    )
  })

  test('is copied only where it is changed before it was read', () => {
    const model = filled(5000, 100)
    const { arena, list } = model
    const before = arena.bytesUsed
    const freeze = list.startFreeze()
    expect(arena.bytesUsed).toBe(before)
    for (let i = 0; i < 50; i++) model.run(['replace', 2500 + i, 0, patterned(100, 7)])
    expect(arena.bytesUsed - before).toBeLessThan(3 * 8192)
    readSome(arena, freeze, Number.POSITIVE_INFINITY)
    const read = arena.bytesUsed
    expect(read).toBeLessThan(before + 8192)
    for (let i = 0; i < 5000; i += 9) model.run(['replace', i, 0, patterned(100, 8)])
    expect(arena.bytesUsed).toBe(read)
    finish(arena, freeze)
  })

  test('may go as a whole, and its memory goes when it was read', () => {
    const model = filled(3000, 50)
    const { arena, list } = model
    const then = model.elements.slice()
    const freeze = list.startFreeze()
    const read = readSome(arena, freeze, 2)
    model.run(['popTail', 0, 0, Buffer.alloc(0)])
    expect(list.takeChain()).toBe(0)
    expect(list.length).toBe(0)
    for (let i = 0; i < 500; i++) list.pushTail(blockOf('x'.repeat(60)), 0, 60)
    list.free()
    read.push(...readSome(arena, freeze, Number.POSITIVE_INFINITY))
    expect(sameElements(read, then)).toBe(true)
    expect(arena.liveObjects).toBeGreaterThan(0)
    finish(arena, freeze)
    expect(arena.liveObjects).toBe(0)
  })

  test('stays frozen when its root moves, and a copy of it is not', () => {
    const model = filled(2000, 50)
    const { arena, elements } = model
    const freezes = new ListFreezes()
    const view = new ListView(arena, freezes)
    view.point(model.root, 3)
    const freeze = view.startFreeze()
    const moved = newBlock(LIST_ROOT_SIZE)
    model.root.bytes.copy(moved.bytes, 0, 3, 3 + LIST_ROOT_SIZE)
    const copied = newBlock(LIST_ROOT_SIZE)
    view.copyTo(copied, 0)
    view.point(moved, 0)
    for (let i = 0; i < 300; i++) view.dropHead()
    const other = new ListView(arena, freezes)
    other.point(copied, 0)
    for (let i = 0; i < 300; i++) other.dropTail()
    other.free()
    expect(sameElements(readSome(arena, freeze, Number.POSITIVE_INFINITY), elements)).toBe(true)
    finish(arena, freeze)
    expect(freezes.open).toBe(0)
    view.point(moved, 0)
    view.free()
    expect(arena.liveObjects).toBe(0)
  })

  test('an element with a chunk of its own is not copied', () => {
    const model = filled(3, 100_000)
    const { arena } = model
    const then = model.elements.slice()
    const freeze = model.list.startFreeze()
    const steps: Step[] = [
      ['replace', 1, 0, patterned(100_000, 9)],
      ['replace', 0, 0, patterned(30, 9)],
      ['popTail', 0, 0, Buffer.alloc(0)],
    ]
    for (const step of steps) model.run(step)
    expect(arena.bytesUsed).toBeLessThan(4 * 101_000 + 1024)
    expect(sameElements(readSome(arena, freeze, 9), then)).toBe(true)
    finish(arena, freeze)
  })
})
