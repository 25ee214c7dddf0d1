/** A list beside the array it should equal: runs one operation on both, and compares everything visible. */
import { expect } from 'vitest'
import type { Arena } from '../../src/structures/arena.ts'
import { type Block, blockOf, newBlock } from '../../src/structures/block.ts'
import { UNTRACKED } from '../../src/values/list-ends.ts'
import { LIST_ROOT_SIZE } from '../../src/values/list-root.ts'
import { ListView } from '../../src/values/list-value.ts'
import { listpackEntrySize } from '../../src/values/listpack-size.ts'

/** One operation: a name and three numbers that it reads as it likes (positions modulo the length). */
export type Step = [operation: string, position: number, amount: number, element: Buffer]

/** The root lies at an odd offset, between bytes that must not change. */
const ROOT_OFFSET = 3
const GUARD = 0xa5

export class ListModel {
  readonly arena: Arena
  readonly list: ListView
  readonly root: Block
  elements: Buffer[]

  constructor(arena: Arena) {
    this.arena = arena
    this.list = new ListView(arena)
    this.root = newBlock(ROOT_OFFSET + LIST_ROOT_SIZE + 4)
    this.root.bytes.fill(GUARD)
    this.list.point(this.root, ROOT_OFFSET)
    this.list.initialize()
    this.elements = []
  }

  run([operation, position, amount, element]: Step): void {
    const { list, elements } = this
    const block = blockOf(element)
    const index = elements.length === 0 ? 0 : position % elements.length
    const present = elements.length > 0
    const cursor = present && list.seek(index)
    expect(cursor).toBe(present)
    if (cursor) this.expectCurrent(elements[index])
    if (operation === 'pushHead') {
      list.pushHead(block, 0, element.length)
      elements.unshift(element)
    } else if (operation === 'pushTail') {
      list.pushTail(block, 0, element.length)
      elements.push(element)
    } else if (operation === 'pushMany') {
      for (let i = 0; i < amount; i++) {
        if (position % 2 === 0) list.pushTail(block, 0, element.length)
        else list.pushHead(block, 0, element.length)
      }
      const many = Array.from({ length: amount }, () => element)
      this.elements = position % 2 === 0 ? [...elements, ...many] : [...many, ...elements]
    } else if (!present) {
      expect(list.peekHead() || list.peekTail()).toBe(false)
    } else this.edit(operation, index, amount, block)
  }

  private edit(operation: string, index: number, amount: number, block: Block): void {
    const { list, elements } = this
    const element = block.bytes
    if (operation === 'popHead') {
      expect(list.peekHead()).toBe(true)
      this.expectCurrent(elements.shift())
      list.dropHead()
    } else if (operation === 'popTail') {
      expect(list.peekTail()).toBe(true)
      this.expectCurrent(elements.pop())
      list.dropTail()
    } else if (operation === 'popMany') {
      for (let i = Math.min(amount, elements.length); i > 0; i--) {
        if (index % 2 === 0) list.dropHead()
        else list.dropTail()
      }
      if (index % 2 === 0) elements.splice(0, amount)
      else elements.splice(Math.max(0, elements.length - amount))
    } else if (operation === 'rotate') {
      list.rotate(index % 2 === 0)
      if (index % 2 === 0) elements.unshift(elements.pop() as Buffer)
      else elements.push(elements.shift() as Buffer)
      this.expectCurrent(elements.at(index % 2 === 0 ? 0 : -1))
    } else if (operation === 'replace') {
      list.replace(block, 0, element.length)
      elements[index] = element
      this.expectCurrent(element)
    } else if (operation === 'insertBefore') {
      list.insertBefore(block, 0, element.length)
      elements.splice(index, 0, element)
      this.expectCurrent(element)
    } else if (operation === 'insertAfter') {
      list.insertAfter(block, 0, element.length)
      elements.splice(index + 1, 0, element)
      this.expectCurrent(element)
    } else if (operation === 'trim') {
      const stop = elements.length - 1 - (amount % elements.length)
      list.trim(index >> 2, stop)
      this.elements = elements.slice(index >> 2, stop + 1)
    } else this.remove(operation, index, amount)
  }

  /** Removes up to `amount` elements from `index` on, or backwards from it, as LREM does. */
  private remove(operation: string, index: number, amount: number): void {
    const { list, elements } = this
    const backwards = operation === 'removeBackwards'
    let at = index
    for (let i = 0; i < amount; i++) {
      elements.splice(at, 1)
      expect(list.removeAt()).toBe(at < elements.length)
      if (at < elements.length) this.expectCurrent(elements[at])
      if (backwards) {
        expect(list.retreat()).toBe(at > 0)
        at--
        if (at < 0) return
        this.expectCurrent(elements[at])
      } else if (at === elements.length) return
    }
  }

  private expectCurrent(expected: Buffer | undefined): void {
    expectSame([this.current()], [expected as Buffer])
  }

  current(): Buffer {
    const { elementBlock, elementOffset, elementLength } = this.list
    return Buffer.from(elementBlock.bytes.subarray(elementOffset, elementOffset + elementLength))
  }

  /** Both directions, the counts, and the accounting; `alone`: nothing else lives in the arena. */
  check(alone = true): void {
    const { list, elements, arena, root } = this
    expect(list.length).toBe(elements.length)
    const forward: Buffer[] = []
    for (let on = list.seek(0); on; on = list.advance()) forward.push(this.current())
    expectSame(forward, elements)
    if (elements.length > 0) expect(list.retreat()).toBe(true)
    const backward: Buffer[] = []
    for (let on = list.seek(elements.length - 1); on; on = list.retreat()) backward.push(this.current())
    expectSame(backward.toReversed(), elements)
    if (alone) {
      expect(list.memoryBytes()).toBe(arena.bytesUsed)
      expect(list.chunkCount).toBe(arena.liveObjects)
    }
    if (list.listpackBytes !== UNTRACKED) {
      let bytes = 0
      for (const element of elements) bytes += listpackEntrySize(blockOf(element), 0, element.length)
      expect(list.listpackBytes).toBe(bytes)
    }
    expect(root.bytes.subarray(0, ROOT_OFFSET).every((byte) => byte === GUARD)).toBe(true)
    expect(root.bytes.subarray(ROOT_OFFSET + LIST_ROOT_SIZE).every((byte) => byte === GUARD)).toBe(true)
  }
}

/** toEqual() on buffers takes a microsecond a byte; this names the first that differs. */
function expectSame(actual: Buffer[], expected: Buffer[]): void {
  expect(actual.length).toBe(expected.length)
  const wrong = actual.findIndex((element, i) => !element.equals(expected[i]))
  if (wrong >= 0) expect(`${wrong}: ${excerpt(actual[wrong])}`).toBe(`${wrong}: ${excerpt(expected[wrong])}`)
}

function excerpt(element: Buffer | undefined): string {
  return `${element?.length} bytes ${element?.toString('hex', 0, 40)}`
}
