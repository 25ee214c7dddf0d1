/**
 * The chain of packed chunks under a list's root: allocating, growing, splitting, merging, moving and freeing
 * chunks. It deals in bytes and gaps; elements and indexes are list-value.ts.
 *
 * How room is made. A chunk starts just large enough for its first element and grows in steps up to 8 KiB, so
 * that a list of one short element costs some 60 bytes, not 8 KiB. The free bytes of a chunk lie at its ends.
 * A push at an end whose gap is used up slides the elements to the far side if at least a quarter of the
 * chunk is free, so that a slide pays for at least that many bytes of pushes; else the chunk grows; else a
 * new chunk begins. The copy made when a chunk grows leaves all spare room on the side that asked for it.
 *
 * In the middle, an insert into a full chunk splits it where the element goes and moves the smaller part
 * into a chunk of its own size. A removal that leaves a chunk half empty or less merges it with a neighbour
 * if both together fill three quarters of a chunk at most: the quarter that stays free keeps the next
 * insert from splitting it again.
 */
import type { Address, Arena } from '../structures/arena.ts'
import { copyBytes } from '../structures/block.ts'
import {
  CHUNK_COUNT,
  CHUNK_END,
  CHUNK_HEADER,
  CHUNK_LIMIT,
  CHUNK_MAX,
  CHUNK_NEXT,
  CHUNK_PREVIOUS,
  CHUNK_START,
  closeGap,
  copyElements,
  elementsBefore,
  moveApart,
  usedBytes,
  writeChunkHeader,
} from '../structures/packed-chunk.ts'
import type { ListFreezes } from './list-freeze.ts'
import {
  ListRoot,
  QUICKLIST,
  ROOT_CHUNKS,
  ROOT_HEAD,
  ROOT_LENGTH,
  ROOT_LISTPACK,
  ROOT_MARKS,
  ROOT_MEMORY,
  ROOT_MOVE,
  ROOT_TAIL,
} from './list-root.ts'

/** Most elements a list can hold: the root counts them in 32 bits. */
export const LIST_LENGTH_MAX = 0xffff_ffff

/** Later chunks of a list start with this size: three growth steps below the largest. */
const NEXT_CHUNK_SIZE = 1024
/** Below this size chunks grow by half, to be frugal with short lists; above, they double. */
const FRUGAL_SIZE = 1024
/** Two neighbours whose elements fit into this many bytes become one chunk. */
const MERGE_MAX = (CHUNK_MAX * 3) / 4

export class ListChunks extends ListRoot {
  /** Bytes of elements about to be appended, as far as known: new chunks are made for them (expect()). */
  private expected: number

  constructor(arena: Arena, freezes?: ListFreezes) {
    super(arena, freezes)
    this.expected = 0
  }

  /**
   * Says that elements of some `bytes` together, prefixes included, will be appended to this list before anything else
   * is done with this view; 0 ends that. Their chunks need not grow step by step then.
   */
  expect(bytes: number): void {
    this.expected = bytes
  }

  /** Frees every chunk; the list is empty afterwards. */
  free(): void {
    freeChainSome(this.arena, this.takeChain(), Number.POSITIVE_INFINITY)
  }

  /**
   * Moves chunks out of sparse pages: looks at up to `budget` chunks, going on where the last call stopped.
   * Returns whether the end of the list was reached; the next call begins anew.
   */
  moveSparseChunks(budget: number): boolean {
    const arena = this.arena
    const view = this.rootView
    // Chunks of a frozen list stay where they are.
    if (this.freeze !== null) return true
    let chunk = this.takeMove() || view.getInt32(this.root + ROOT_HEAD, true)
    for (let left = budget; left > 0 && chunk !== 0; left--) {
      const next = this.follow(chunk, CHUNK_NEXT)
      if (arena.shouldMove(chunk)) {
        const moved = arena.move(chunk)
        if (moved !== chunk) this.relink(chunk, moved)
      }
      chunk = next
    }
    view.setInt32(this.root + ROOT_MOVE, chunk, true)
    return chunk === 0
  }

  /** Fills this empty list with compact copies of the chunks of `source`. */
  protected copyChunks(source: ListChunks): void {
    const arena = this.arena
    let tail = 0
    let chunk = source.rootView.getInt32(source.root + ROOT_HEAD, true)
    while (chunk !== 0) {
      const view = arena.block(chunk).view
      const base = arena.offset(chunk)
      const copy = this.allocateChunk(CHUNK_HEADER + usedBytes(view, base))
      this.copyElements(chunk, 0, usedBytes(view, base), copy, CHUNK_HEADER)
      arena
        .block(copy)
        .view.setUint16(arena.offset(copy) + CHUNK_COUNT, view.getUint16(base + CHUNK_COUNT, true), true)
      this.link(copy, tail, 0)
      tail = copy
      chunk = view.getInt32(base + CHUNK_NEXT, true)
    }
    for (const field of [ROOT_LENGTH, ROOT_LISTPACK]) {
      this.rootView.setUint32(this.root + field, source.rootView.getUint32(source.root + field, true), true)
    }
    const marks = source.rootView.getUint8(source.root + ROOT_MARKS)
    this.rootView.setUint8(this.root + ROOT_MARKS, marks & QUICKLIST)
  }

  /**
   * The chunk to edit in place of `chunk` (0 may be given too): a copy, where its bytes are still to be read as they
   * are (list-freeze.ts). A lone chunk is never edited but replaced, so it stays. A cursor on it has to stand anew.
   */
  protected writable(chunk: Address): Address {
    const { arena, freeze } = this
    if (freeze === null || chunk === 0 || !freeze.claims(chunk)) return chunk
    const block = arena.block(chunk)
    const base = arena.offset(chunk)
    if (block.view.getUint16(base + CHUNK_LIMIT, true) === 0) return chunk
    const capacity = arena.capacity(chunk)
    const copy = arena.allocate(capacity)
    copyBytes(block, base, arena.block(copy), arena.offset(copy), capacity)
    freeze.add(copy)
    this.account(capacity >> 3)
    this.relink(chunk, copy)
    this.freeChunk(chunk)
    return copy
  }

  /** The neighbour of `chunk` by CHUNK_NEXT or CHUNK_PREVIOUS; 0 if it has none. */
  protected follow(chunk: Address, direction: number): Address {
    return this.arena.block(chunk).view.getInt32(this.arena.offset(chunk) + direction, true)
  }

  /**
   * Links a new chunk between two neighbours (0 at the list's ends) with a gap of `size` bytes where its first
   * element goes, the spare room in front of it if `frontward`. Its count is still 0.
   */
  protected addChunk(previous: Address, next: Address, size: number, frontward: boolean): Address {
    // Checked here, not at each push: what is left below the limit is more than a chunk can hold.
    if (this.length > LIST_LENGTH_MAX - CHUNK_MAX) throw new RangeError('the list is full')
    const first = previous === 0 && next === 0
    let needed = CHUNK_HEADER + size
    if (this.expected > 0) needed = Math.max(needed, this.takeExpected())
    const chunk = this.allocateChunk(first ? needed : Math.max(needed, NEXT_CHUNK_SIZE))
    const view = this.arena.block(chunk).view
    const base = this.arena.offset(chunk)
    const limit = view.getUint16(base + CHUNK_LIMIT, true)
    const start = frontward && limit !== 0 ? limit - size : CHUNK_HEADER
    view.setUint16(base + CHUNK_START, start, true)
    view.setInt32(base + CHUNK_END, start + size, true)
    this.link(chunk, previous, next)
    return chunk
  }

  /** The size of a chunk for what is expected. */
  private takeExpected(): number {
    const size = Math.min(CHUNK_MAX, CHUNK_HEADER + this.expected)
    this.expected -= size - CHUNK_HEADER
    return size
  }

  /**
   * Opens a gap of `size` bytes before byte `at` (0 … used) of the elements of `chunk`, sliding or growing it
   * as the essay says. Returns the chunk, which may have moved, or 0 if it has no room. The count stays.
   */
  protected openGap(chunk: Address, at: number, size: number): Address {
    const block = this.arena.block(chunk)
    const base = this.arena.offset(chunk)
    const view = block.view
    const limit = view.getUint16(base + CHUNK_LIMIT, true)
    if (limit === 0) return 0
    const start = view.getUint16(base + CHUNK_START, true)
    const end = view.getInt32(base + CHUNK_END, true)
    const used = end - start
    const spare = limit - CHUNK_HEADER - used - size
    if (spare < 0) return this.growWithGap(chunk, at, size)
    const frontward = at * 2 < used
    const inFront = start - CHUNK_HEADER >= size
    const behind = limit - end >= size
    const middle = at > 0 && at < used
    let target = frontward ? limit - used - size : CHUNK_HEADER
    if (frontward ? inFront : behind) target = frontward ? start - size : start
    else if (middle && (inFront || behind)) target = inFront ? start - size : start
    else if (!middle && spare * 4 < limit) return this.growWithGap(chunk, at, size)
    moveApart(block, base + start, at, base + end, base + target, size)
    view.setUint16(base + CHUNK_START, target, true)
    view.setInt32(base + CHUNK_END, target + used + size, true)
    return chunk
  }

  /** openGap() by copying to a larger chunk; 0 if `chunk` has the largest size or the gap would exceed it. */
  private growWithGap(chunk: Address, at: number, size: number): Address {
    const view = this.arena.block(chunk).view
    const base = this.arena.offset(chunk)
    const limit = view.getUint16(base + CHUNK_LIMIT, true)
    const used = usedBytes(view, base)
    const needed = CHUNK_HEADER + used + size
    if (limit >= CHUNK_MAX || needed > CHUNK_MAX) return 0
    const wanted = limit < FRUGAL_SIZE ? limit + (limit >> 1) : limit * 2
    const grown = this.allocateChunk(Math.min(CHUNK_MAX, Math.max(needed, wanted)))
    const grownView = this.arena.block(grown).view
    const grownBase = this.arena.offset(grown)
    const frontward = at * 2 < used
    const start = frontward ? grownView.getUint16(grownBase + CHUNK_LIMIT, true) - used - size : CHUNK_HEADER
    this.copyElements(chunk, 0, at, grown, start)
    this.copyElements(chunk, at, used, grown, start + at + size)
    grownView.setUint16(grownBase + CHUNK_START, start, true)
    this.substitute(chunk, grown)
    return grown
  }

  /** Takes out the element of `size` bytes at byte `at` of the elements of `chunk`, which keeps others. */
  protected closeGap(chunk: Address, at: number, size: number): void {
    closeGap(this.arena.block(chunk), this.arena.offset(chunk), at, size)
  }

  /** Splits `chunk` before byte `at` of its elements, moving the smaller part; returns the left chunk. */
  protected split(chunk: Address, at: number): Address {
    const arena = this.arena
    const view = arena.block(chunk).view
    const base = arena.offset(chunk)
    const used = usedBytes(view, base)
    const moveLeft = at * 2 < used
    const from = moveLeft ? 0 : at
    const to = moveLeft ? at : used
    const part = this.allocateChunk(CHUNK_HEADER + to - from)
    this.copyElements(chunk, from, to, part, CHUNK_HEADER)
    const count = view.getUint16(base + CHUNK_COUNT, true)
    const leftCount = elementsBefore(view, base, at)
    const partCount = moveLeft ? leftCount : count - leftCount
    arena.block(part).view.setUint16(arena.offset(part) + CHUNK_COUNT, partCount, true)
    view.setUint16(base + CHUNK_COUNT, count - partCount, true)
    const start = view.getUint16(base + CHUNK_START, true)
    if (moveLeft) {
      view.setUint16(base + CHUNK_START, start + at, true)
      this.link(part, view.getInt32(base + CHUNK_PREVIOUS, true), chunk)
      return part
    }
    view.setInt32(base + CHUNK_END, start + at, true)
    this.link(part, chunk, view.getInt32(base + CHUNK_NEXT, true))
    return chunk
  }

  /** Whether two neighbours (either may be 0) are small enough to become one. */
  protected canMerge(left: Address, right: Address): boolean {
    if (left === 0 || right === 0) return false
    return this.used(left) + this.used(right) <= MERGE_MAX
  }

  /** Bytes of the elements of `chunk`. */
  protected used(chunk: Address): number {
    return usedBytes(this.arena.block(chunk).view, this.arena.offset(chunk))
  }

  /** Makes one chunk of `left` and `right`, its neighbour; returns it. */
  protected merge(left: Address, right: Address): Address {
    const leftUsed = this.used(left)
    const rightUsed = this.used(right)
    const merged = this.allocateChunk(CHUNK_HEADER + leftUsed + rightUsed)
    this.copyElements(left, 0, leftUsed, merged, CHUNK_HEADER)
    this.copyElements(right, 0, rightUsed, merged, CHUNK_HEADER + leftUsed)
    const view = this.arena.block(right).view
    const rightCount = view.getUint16(this.arena.offset(right) + CHUNK_COUNT, true)
    this.removeChunk(right)
    this.substitute(left, merged)
    const mergedView = this.arena.block(merged).view
    const countAt = this.arena.offset(merged) + CHUNK_COUNT
    mergedView.setUint16(countAt, mergedView.getUint16(countAt, true) + rightCount, true)
    return merged
  }

  /** Gives a chunk that is less than an eighth full half as much room again as it needs; returns it. */
  protected shrink(chunk: Address): Address {
    const view = this.arena.block(chunk).view
    const base = this.arena.offset(chunk)
    const needed = CHUNK_HEADER + usedBytes(view, base)
    if (needed * 8 > view.getUint16(base + CHUNK_LIMIT, true)) return chunk
    const shrunk = this.allocateChunk(needed + (needed >> 1))
    this.copyElements(chunk, 0, needed - CHUNK_HEADER, shrunk, CHUNK_HEADER)
    this.substitute(chunk, shrunk)
    return shrunk
  }

  /** Unlinks and frees `chunk`. */
  protected removeChunk(chunk: Address): void {
    const view = this.arena.block(chunk).view
    const base = this.arena.offset(chunk)
    const next = view.getInt32(base + CHUNK_NEXT, true)
    const previous = view.getInt32(base + CHUNK_PREVIOUS, true)
    const root = this.root
    if (this.freeze !== null) this.freeze.claims(chunk)
    else if (this.rootView.getInt32(root + ROOT_MOVE, true) === chunk) {
      this.rootView.setInt32(root + ROOT_MOVE, next, true)
    }
    this.join(previous, next)
    this.rootView.setInt32(root + ROOT_CHUNKS, this.chunkCount - 1, true)
    this.freeChunk(chunk)
  }

  /** Copies bytes `from` … `to` of the elements of `chunk` to byte `at` of `other`, and ends it there. */
  private copyElements(chunk: Address, from: number, to: number, other: Address, at: number): void {
    const arena = this.arena
    const target = arena.block(other)
    copyElements(arena.block(chunk), arena.offset(chunk), from, to, target, arena.offset(other), at)
  }

  /** An unlinked, empty chunk of `size` bytes at least. */
  private allocateChunk(size: number): Address {
    const arena = this.arena
    const chunk = arena.allocate(size)
    const capacity = arena.capacity(chunk)
    const limit = size > CHUNK_MAX ? 0 : Math.min(capacity, CHUNK_MAX)
    writeChunkHeader(arena.block(chunk).view, arena.offset(chunk), CHUNK_HEADER, limit)
    this.account(Math.ceil(capacity / 8))
    this.freeze?.add(chunk)
    return chunk
  }

  private freeChunk(chunk: Address): void {
    this.account(-Math.ceil(this.arena.capacity(chunk) / 8))
    if (this.freeze === null || !this.freeze.keeps(chunk)) this.arena.free(chunk)
  }

  private account(units: number): void {
    const at = this.root + ROOT_MEMORY
    this.rootView.setUint32(at, this.rootView.getUint32(at, true) + units, true)
  }

  /** Links the unlinked `chunk` between two neighbours (0 at the list's ends). */
  private link(chunk: Address, previous: Address, next: Address): void {
    this.join(previous, chunk)
    this.join(chunk, next)
    this.rootView.setInt32(this.root + ROOT_CHUNKS, this.chunkCount + 1, true)
  }

  /** Puts `other` in the place of `chunk`, with its count, and frees `chunk`. */
  private substitute(chunk: Address, other: Address): void {
    const arena = this.arena
    this.freeze?.claims(chunk)
    const from = arena.block(chunk).view
    const base = arena.offset(chunk)
    const to = arena.block(other).view
    const otherBase = arena.offset(other)
    to.setUint16(otherBase + CHUNK_COUNT, from.getUint16(base + CHUNK_COUNT, true), true)
    to.setInt32(otherBase + CHUNK_NEXT, from.getInt32(base + CHUNK_NEXT, true), true)
    to.setInt32(otherBase + CHUNK_PREVIOUS, from.getInt32(base + CHUNK_PREVIOUS, true), true)
    this.relink(chunk, other)
    this.freeChunk(chunk)
  }

  /** Makes everything that points to `chunk` point to `other`, which has the same links already. */
  private relink(chunk: Address, other: Address): void {
    this.join(this.follow(other, CHUNK_PREVIOUS), other)
    this.join(other, this.follow(other, CHUNK_NEXT))
    const at = this.root + ROOT_MOVE
    if (this.freeze === null && this.rootView.getInt32(at, true) === chunk) {
      this.rootView.setInt32(at, other, true)
    }
  }

  /** Makes two chunks neighbours; 0 stands for the list's end. */
  private join(left: Address, right: Address): void {
    const arena = this.arena
    if (left === 0) this.rootView.setInt32(this.root + ROOT_HEAD, right, true)
    else arena.block(left).view.setInt32(arena.offset(left) + CHUNK_NEXT, right, true)
    if (right === 0) this.rootView.setInt32(this.root + ROOT_TAIL, left, true)
    else arena.block(right).view.setInt32(arena.offset(right) + CHUNK_PREVIOUS, left, true)
  }
}

/**
 * Frees up to `maxChunks` chunks of a chain detached by takeChain(). Returns the chunk to go on with, 0 when
 * nothing is left.
 */
export function freeChainSome(arena: Arena, address: Address, maxChunks: number): Address {
  let chunk = address
  for (let left = maxChunks; left > 0 && chunk !== 0; left--) {
    const next = arena.block(chunk).view.getInt32(arena.offset(chunk) + CHUNK_NEXT, true)
    arena.free(chunk)
    chunk = next
  }
  return chunk
}
