/**
 * A list with a cursor to walk and edit it, on top of its ends (list-ends.ts) and chunks (list-chunks.ts).
 * One long-lived object is pointed at a list's root; it knows no keys, replies or clients, and nothing of it
 * outlives a command.
 */
import type { Address, Arena } from '../structures/arena.ts'
import { type Block, EMPTY_BLOCK } from '../structures/block.ts'
import {
  bytesBefore,
  CHUNK_COUNT,
  CHUNK_END,
  CHUNK_LIMIT,
  CHUNK_NEXT,
  CHUNK_PREVIOUS,
  CHUNK_START,
  lengthAfter,
  lengthBefore,
  packedSize,
  prefixSize,
  SHORT_LENGTH,
  writeElement,
} from '../structures/packed-chunk.ts'
import { ListEnds } from './list-ends.ts'
import type { ListFreezes } from './list-freeze.ts'
import { ROOT_HEAD, ROOT_TAIL } from './list-root.ts'

/**
 * The cursor stands on an element, or before the first, or past the last one, and the element fields show
 * what it stands on. Pushes, pops, trim and peeks leave it nowhere: seek again.
 */
export class ListView extends ListEnds {
  /** The cursor's chunk, 0 in an empty list. */
  private chunk: Address
  /** Where the cursor's element begins and ends with its prefixes; equal when it stands beside the ends. */
  private before: number
  private after: number
  /** Where the elements of the cursor's chunk begin and end. */
  private chunkStart: number
  private chunkEnd: number

  constructor(arena: Arena, freezes?: ListFreezes) {
    super(arena, freezes)
    this.chunk = 0
    this.before = 0
    this.after = 0
    this.chunkStart = 0
    this.chunkEnd = 0
  }

  /** Puts the cursor on element `index`, skipping whole chunks from the nearer end; false if there is none. */
  seek(index: number): boolean {
    const length = this.length
    if (index < 0 || index >= length) return false
    const arena = this.arena
    const forward = index * 2 < length
    let left = forward ? index : length - 1 - index
    let chunk = this.rootView.getInt32(this.root + (forward ? ROOT_HEAD : ROOT_TAIL), true)
    for (;;) {
      const view = arena.block(chunk).view
      const base = arena.offset(chunk)
      const count = view.getUint16(base + CHUNK_COUNT, true)
      if (left < count) {
        this.stand(chunk, bytesBefore(view, base, forward ? left : count - 1 - left))
        return true
      }
      left -= count
      chunk = view.getInt32(base + (forward ? CHUNK_NEXT : CHUNK_PREVIOUS), true)
    }
  }

  /** Steps to the next element; false past the last one, from where retreat() leads back to it. */
  advance(): boolean {
    const at = this.after
    if (at === this.chunkEnd) return this.advanceChunk()
    const view = this.elementBlock.view
    const first = view.getUint8(at)
    this.before = at
    // One-byte prefixes without a call: bench/micro/list.ts, range of 100.
    if (first < SHORT_LENGTH) {
      this.elementOffset = at + 1
      this.elementLength = first
      this.after = at + first + 2
      return true
    }
    const length = lengthAfter(view, at)
    this.elementOffset = at + prefixSize(length)
    this.elementLength = length
    this.after = at + packedSize(length)
    return true
  }

  /** Steps to the previous element; false before the first one, from where advance() leads back to it. */
  retreat(): boolean {
    const at = this.before
    if (at === this.chunkStart) return this.retreatChunk()
    const length = lengthBefore(this.elementBlock.view, at)
    this.after = at
    this.before = at - packedSize(length)
    this.elementOffset = this.before + prefixSize(length)
    this.elementLength = length
    return true
  }

  /** Replaces the element under the cursor, which stays on it. The bytes must not lie in this list. */
  replace(from: Block, offset: number, length: number): void {
    const size = packedSize(length)
    if (this.freeze !== null) this.standWritable()
    const chunk = this.chunk
    const at = this.before - this.chunkStart
    const oldSize = this.after - this.before
    this.removed(this.elementBlock, this.elementOffset, this.elementLength)
    if (size === oldSize && !(this.freeze !== null && this.isLoneChunk)) {
      writeElement(this.elementBlock, this.before, from, offset, length)
      this.added(from, offset, length)
      this.stand(chunk, at)
    } else if (oldSize === this.chunkEnd - this.chunkStart) {
      const previous = this.follow(chunk, CHUNK_PREVIOUS)
      const next = this.follow(chunk, CHUNK_NEXT)
      this.removeChunk(chunk)
      const fresh = this.addChunk(previous, next, size, false)
      this.fill(fresh, 0, from, offset, length)
      this.stand(fresh, 0)
    } else {
      this.closeGap(chunk, at, oldSize)
      this.insert(chunk, at, from, offset, length)
      if (size < oldSize) this.tidy(this.chunk, this.before - this.chunkStart)
    }
  }

  /** Inserts before the cursor and stands on the new element. The bytes must not lie in this list. */
  insertBefore(from: Block, offset: number, length: number): void {
    this.insert(this.chunk, this.before - this.chunkStart, from, offset, length)
  }

  /** Inserts behind the cursor and stands on the new element. The bytes must not lie in this list. */
  insertAfter(from: Block, offset: number, length: number): void {
    this.insert(this.chunk, this.after - this.chunkStart, from, offset, length)
  }

  /**
   * Removes the element under the cursor, which then stands on the following one (true) or past the end of
   * the list (false); retreat() leads to the one before in either case.
   */
  removeAt(): boolean {
    if (this.freeze !== null) this.standWritable()
    const chunk = this.chunk
    const at = this.before - this.chunkStart
    const size = this.after - this.before
    this.removed(this.elementBlock, this.elementOffset, this.elementLength)
    if (size < this.chunkEnd - this.chunkStart) {
      this.closeGap(chunk, at, size)
      return this.tidy(chunk, at)
    }
    const next = this.follow(chunk, CHUNK_NEXT)
    this.removeChunk(chunk)
    if (next !== 0) return this.stand(next, 0)
    const tail = this.rootView.getInt32(this.root + ROOT_TAIL, true)
    return this.stand(tail, tail === 0 ? 0 : this.used(tail))
  }

  /** How many elements the cursor's chunk has; the cursor stands on an element. */
  get chunkElements(): number {
    return this.elementBlock.view.getUint16(this.arena.offset(this.chunk) + CHUNK_COUNT, true)
  }

  /** Whether the element under the cursor has a chunk of its own because no other would have room beside it. */
  get isLoneChunk(): boolean {
    return this.elementBlock.view.getUint16(this.arena.offset(this.chunk) + CHUNK_LIMIT, true) === 0
  }

  /** Writes the root of an independent copy of this list at `offset` of `block`. */
  copyTo(block: Block, offset: number): void {
    const copy = new ListView(this.arena, this.freezes)
    copy.point(block, offset)
    copy.initialize()
    copy.copyChunks(this)
  }

  /** Inserts before byte `at` of the elements of `chunk`, or near it, and stands on the new element. */
  private insert(place: Address, at: number, from: Block, offset: number, length: number): void {
    const size = packedSize(length)
    const chunk = this.writable(place)
    let target = chunk === 0 ? 0 : this.openGap(chunk, at, size)
    let position = at
    if (target === 0) {
      let left = chunk
      if (at === 0) left = chunk === 0 ? 0 : this.writable(this.follow(chunk, CHUNK_PREVIOUS))
      else if (at < this.used(chunk)) left = this.split(chunk, at)
      const first = this.rootView.getInt32(this.root + ROOT_HEAD, true)
      const right = this.writable(left === 0 ? first : this.follow(left, CHUNK_NEXT))
      position = left === 0 ? 0 : this.used(left)
      target = left === 0 ? 0 : this.openGap(left, position, size)
      if (target === 0) {
        position = 0
        target = (right !== 0 && this.openGap(right, 0, size)) || this.addChunk(left, right, size, false)
      }
    }
    this.fill(target, position, from, offset, length)
    this.stand(target, position)
  }

  /** Makes the chunk under the cursor one that may be edited. */
  private standWritable(): void {
    const at = this.before - this.chunkStart
    const chunk = this.writable(this.chunk)
    if (chunk !== this.chunk) this.stand(chunk, at)
  }

  /** Merges `chunk` with a small neighbour, or shrinks it; stands before byte `at` of its elements. */
  private tidy(chunk: Address, at: number): boolean {
    const next = this.follow(chunk, CHUNK_NEXT)
    if (this.canMerge(chunk, next)) return this.stand(this.merge(chunk, next), at)
    const previous = this.follow(chunk, CHUNK_PREVIOUS)
    if (!this.canMerge(previous, chunk)) return this.stand(this.shrink(chunk), at)
    const previousUsed = this.used(previous)
    return this.stand(this.merge(previous, chunk), previousUsed + at)
  }

  /** Puts the cursor on what follows byte `at` of the elements of `chunk`; false if it is the list's end. */
  private stand(chunk: Address, at: number): boolean {
    this.enter(chunk)
    this.before = this.chunkStart + at
    this.after = this.before
    return this.advance()
  }

  private enter(chunk: Address): void {
    this.chunk = chunk
    this.elementLength = 0
    if (chunk === 0) {
      this.elementBlock = EMPTY_BLOCK
      this.chunkStart = 0
      this.chunkEnd = 0
      return
    }
    const block = this.arena.block(chunk)
    const base = this.arena.offset(chunk)
    this.elementBlock = block
    this.chunkStart = base + block.view.getUint16(base + CHUNK_START, true)
    this.chunkEnd = base + block.view.getInt32(base + CHUNK_END, true)
  }

  private advanceChunk(): boolean {
    const next = this.chunk === 0 ? 0 : this.follow(this.chunk, CHUNK_NEXT)
    if (next !== 0) return this.stand(next, 0)
    this.before = this.chunkEnd
    this.after = this.chunkEnd
    return false
  }

  private retreatChunk(): boolean {
    const previous = this.chunk === 0 ? 0 : this.follow(this.chunk, CHUNK_PREVIOUS)
    if (previous === 0) {
      this.after = this.chunkStart
      return false
    }
    this.enter(previous)
    this.before = this.chunkEnd
    return this.retreat()
  }
}
