/**
 * A list used from its ends: pushes, pops, trimming, and the count of its elements and of the bytes they
 * would take in a listpack. Walking and editing the middle is list-value.ts.
 */

import type { Address, Arena } from '../structures/arena.ts'
import { type Block, copyBytes, EMPTY_BLOCK, newBlock } from '../structures/block.ts'
import {
  bytesBefore,
  CHUNK_COUNT,
  CHUNK_END,
  CHUNK_HEADER,
  CHUNK_LIMIT,
  CHUNK_NEXT,
  CHUNK_START,
  lengthAfter,
  lengthBefore,
  packedSize,
  prefixSize,
  writeElement,
} from '../structures/packed-chunk.ts'
import { ListChunks } from './list-chunks.ts'
import type { ListFreezes } from './list-freeze.ts'
import { ROOT_HEAD, ROOT_LENGTH, ROOT_LISTPACK, ROOT_TAIL } from './list-root.ts'
import { listpackEntrySize } from './listpack-size.ts'

/** In place of the listpack bytes: too many to be a listpack, so nobody counts them (list-encoding.ts). */
export const UNTRACKED = -1
/** Listpack bytes beyond which counting stops: sixteen times the largest limit Redis knows. */
const TRACKED_MAX = 1 << 20

/** An element on its way from one end of a list to the other lies here while its chunk may move. */
const scratch = newBlock(16 * 1024)

export class ListEnds extends ListChunks {
  /** The element a peek or the cursor found; valid until the next change of any list. */
  elementBlock: Block
  elementOffset: number
  elementLength: number

  constructor(arena: Arena, freezes?: ListFreezes) {
    super(arena, freezes)
    this.elementBlock = EMPTY_BLOCK
    this.elementOffset = 0
    this.elementLength = 0
  }

  /** Prepends an element; its bytes must not lie in this list (rotate() is for that). */
  pushHead(from: Block, offset: number, length: number): void {
    const size = packedSize(length)
    let chunk = this.rootView.getInt32(this.root + ROOT_HEAD, true)
    if (this.freeze !== null) chunk = this.writable(chunk)
    if (chunk !== 0) {
      const block = this.arena.block(chunk)
      const base = this.arena.offset(chunk)
      const view = block.view
      const start = view.getUint16(base + CHUNK_START, true) - size
      if (start >= CHUNK_HEADER) {
        view.setUint16(base + CHUNK_START, start, true)
        view.setUint16(base + CHUNK_COUNT, view.getUint16(base + CHUNK_COUNT, true) + 1, true)
        writeElement(block, base + start, from, offset, length)
        this.added(from, offset, length)
        return
      }
    }
    const roomy = (chunk !== 0 && this.openGap(chunk, 0, size)) || this.addChunk(0, chunk, size, true)
    this.fill(roomy, 0, from, offset, length)
  }

  /** Appends an element; its bytes must not lie in this list. */
  pushTail(from: Block, offset: number, length: number): void {
    const size = packedSize(length)
    let chunk = this.rootView.getInt32(this.root + ROOT_TAIL, true)
    if (this.freeze !== null) chunk = this.writable(chunk)
    if (chunk !== 0) {
      const block = this.arena.block(chunk)
      const base = this.arena.offset(chunk)
      const view = block.view
      const end = view.getInt32(base + CHUNK_END, true)
      if (view.getUint16(base + CHUNK_LIMIT, true) - end >= size) {
        view.setInt32(base + CHUNK_END, end + size, true)
        view.setUint16(base + CHUNK_COUNT, view.getUint16(base + CHUNK_COUNT, true) + 1, true)
        writeElement(block, base + end, from, offset, length)
        this.added(from, offset, length)
        return
      }
    }
    let roomy = chunk === 0 ? 0 : this.openGap(chunk, this.used(chunk), size)
    if (roomy === 0) roomy = this.addChunk(chunk, 0, size, false)
    this.fill(roomy, this.used(roomy) - size, from, offset, length)
  }

  /** Shows the first element in the element fields; false if the list is empty. */
  peekHead(): boolean {
    const chunk = this.rootView.getInt32(this.root + ROOT_HEAD, true)
    if (chunk === 0) return false
    const block = this.arena.block(chunk)
    const base = this.arena.offset(chunk)
    const at = base + block.view.getUint16(base + CHUNK_START, true)
    const length = lengthAfter(block.view, at)
    this.elementBlock = block
    this.elementOffset = at + prefixSize(length)
    this.elementLength = length
    return true
  }

  /** Shows the last element in the element fields; false if the list is empty. */
  peekTail(): boolean {
    const chunk = this.rootView.getInt32(this.root + ROOT_TAIL, true)
    if (chunk === 0) return false
    const block = this.arena.block(chunk)
    const base = this.arena.offset(chunk)
    const end = base + block.view.getInt32(base + CHUNK_END, true)
    const length = lengthBefore(block.view, end)
    this.elementBlock = block
    this.elementOffset = end - prefixSize(length) - length
    this.elementLength = length
    return true
  }

  /** Removes the first element of a list that is not empty. */
  dropHead(): void {
    let chunk = this.rootView.getInt32(this.root + ROOT_HEAD, true)
    if (this.freeze !== null) chunk = this.writable(chunk)
    const block = this.arena.block(chunk)
    const base = this.arena.offset(chunk)
    const view = block.view
    const start = view.getUint16(base + CHUNK_START, true)
    const length = lengthAfter(view, base + start)
    this.removed(block, base + start + prefixSize(length), length)
    const count = view.getUint16(base + CHUNK_COUNT, true) - 1
    if (count === 0) {
      this.removeChunk(chunk)
      return
    }
    view.setUint16(base + CHUNK_START, start + packedSize(length), true)
    view.setUint16(base + CHUNK_COUNT, count, true)
    if (this.chunkCount === 1) this.shrink(chunk)
  }

  /** Removes the last element of a list that is not empty. */
  dropTail(): void {
    let chunk = this.rootView.getInt32(this.root + ROOT_TAIL, true)
    if (this.freeze !== null) chunk = this.writable(chunk)
    const block = this.arena.block(chunk)
    const base = this.arena.offset(chunk)
    const view = block.view
    const end = view.getInt32(base + CHUNK_END, true)
    const length = lengthBefore(view, base + end)
    this.removed(block, base + end - prefixSize(length) - length, length)
    const count = view.getUint16(base + CHUNK_COUNT, true) - 1
    if (count === 0) {
      this.removeChunk(chunk)
      return
    }
    view.setInt32(base + CHUNK_END, end - packedSize(length), true)
    view.setUint16(base + CHUNK_COUNT, count, true)
    if (this.chunkCount === 1) this.shrink(chunk)
  }

  /**
   * Moves the last element to the front, or with `fromTail` false the first to the end. The element fields
   * show it afterwards, where it now lies. The list must not be empty.
   */
  rotate(fromTail: boolean): void {
    if (fromTail) this.peekTail()
    else this.peekHead()
    const length = this.elementLength
    if (this.length === 1) return
    const copy = length <= scratch.bytes.length ? scratch : newBlock(length)
    copyBytes(this.elementBlock, this.elementOffset, copy, 0, length)
    if (fromTail) {
      this.dropTail()
      this.pushHead(copy, 0, length)
      this.peekHead()
    } else {
      this.dropHead()
      this.pushTail(copy, 0, length)
      this.peekTail()
    }
  }

  /** Keeps elements `start` … `stop` (0 ≤ start, both inclusive); an empty range empties the list. */
  trim(start: number, stop: number): void {
    const length = this.length
    if (start > stop || start >= length) {
      this.free()
      return
    }
    if (stop < length - 1) this.cut(length - 1 - stop, false)
    if (start > 0) this.cut(start, true)
    const head = this.rootView.getInt32(this.root + ROOT_HEAD, true)
    const next = this.follow(head, CHUNK_NEXT)
    if (this.canMerge(head, next)) this.merge(head, next)
    else if (next === 0) this.shrink(head)
  }

  /** Bytes of all elements as listpack entries, or UNTRACKED. */
  get listpackBytes(): number {
    return this.rootView.getInt32(this.root + ROOT_LISTPACK, true)
  }

  /** Stops counting listpack bytes; the list is a quicklist now. */
  stopCounting(): void {
    this.isQuicklist = true
    this.rootView.setInt32(this.root + ROOT_LISTPACK, UNTRACKED, true)
  }

  /** Counts the listpack bytes by walking every element; they are kept from here on. */
  countListpackBytes(): void {
    const arena = this.arena
    let bytes = 0
    let chunk = this.rootView.getInt32(this.root + ROOT_HEAD, true)
    while (chunk !== 0) {
      const block = arena.block(chunk)
      const base = arena.offset(chunk)
      const start = base + block.view.getUint16(base + CHUNK_START, true)
      bytes += entrySizes(block, start, base + block.view.getInt32(base + CHUNK_END, true))
      chunk = block.view.getInt32(base + CHUNK_NEXT, true)
    }
    this.track(bytes)
  }

  /** Writes an element into the gap at byte `at` of the elements of `chunk`. */
  protected fill(chunk: Address, at: number, from: Block, offset: number, length: number): void {
    const block = this.arena.block(chunk)
    const base = this.arena.offset(chunk)
    const view = block.view
    view.setUint16(base + CHUNK_COUNT, view.getUint16(base + CHUNK_COUNT, true) + 1, true)
    writeElement(block, base + view.getUint16(base + CHUNK_START, true) + at, from, offset, length)
    this.added(from, offset, length)
  }

  /** Removes `count` elements, fewer than all, from one end: whole chunks where possible. */
  private cut(count: number, front: boolean): void {
    const arena = this.arena
    const rootView = this.rootView
    const root = this.root
    let left = count
    while (left > 0) {
      const chunk = rootView.getInt32(root + (front ? ROOT_HEAD : ROOT_TAIL), true)
      const inChunk = arena.block(chunk).view.getUint16(arena.offset(chunk) + CHUNK_COUNT, true)
      const gone = Math.min(left, inChunk)
      this.cutChunk(gone < inChunk ? this.writable(chunk) : chunk, gone, front)
      left -= gone
    }
  }

  /** Removes `gone` elements from one end of the list's first or last chunk, or all of it. */
  private cutChunk(chunk: Address, gone: number, front: boolean): void {
    const block = this.arena.block(chunk)
    const base = this.arena.offset(chunk)
    const view = block.view
    const start = view.getUint16(base + CHUNK_START, true)
    const end = view.getInt32(base + CHUNK_END, true)
    const inChunk = view.getUint16(base + CHUNK_COUNT, true)
    const edge = start + bytesBefore(view, base, front ? gone : inChunk - gone)
    if (this.listpackBytes !== UNTRACKED) {
      const bytes = entrySizes(block, base + (front ? start : edge), base + (front ? edge : end))
      this.track(this.listpackBytes - bytes)
    }
    this.rootView.setUint32(this.root + ROOT_LENGTH, this.length - gone, true)
    if (gone === inChunk) {
      this.removeChunk(chunk)
      return
    }
    view.setUint16(base + CHUNK_COUNT, inChunk - gone, true)
    if (front) view.setUint16(base + CHUNK_START, edge, true)
    else view.setInt32(base + CHUNK_END, edge, true)
  }

  /** Counts an element that came. */
  protected added(block: Block, offset: number, length: number): void {
    const view = this.rootView
    const root = this.root
    view.setUint32(root + ROOT_LENGTH, view.getUint32(root + ROOT_LENGTH, true) + 1, true)
    const tracked = view.getInt32(root + ROOT_LISTPACK, true)
    if (tracked !== UNTRACKED) this.track(tracked + listpackEntrySize(block, offset, length))
  }

  /** Counts an element that goes. */
  protected removed(block: Block, offset: number, length: number): void {
    const view = this.rootView
    const root = this.root
    view.setUint32(root + ROOT_LENGTH, view.getUint32(root + ROOT_LENGTH, true) - 1, true)
    const tracked = view.getInt32(root + ROOT_LISTPACK, true)
    if (tracked !== UNTRACKED) {
      view.setInt32(root + ROOT_LISTPACK, tracked - listpackEntrySize(block, offset, length), true)
    }
  }

  private track(bytes: number): void {
    if (bytes > TRACKED_MAX) this.stopCounting()
    else this.rootView.setInt32(this.root + ROOT_LISTPACK, bytes, true)
  }
}

/** Listpack bytes of the packed elements from `from` to `to`. */
function entrySizes(block: Block, from: number, to: number): number {
  let bytes = 0
  for (let at = from; at < to; ) {
    const length = lengthAfter(block.view, at)
    bytes += listpackEntrySize(block, at + prefixSize(length), length)
    at += packedSize(length)
  }
  return bytes
}
