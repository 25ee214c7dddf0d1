/**
 * The bytes of a packed chunk: a run of byte strings stored end to end that can be walked from both ends.
 * Layout and walking only: where chunks lie and how they are linked is their owner's affair.
 *
 *   next 4 | previous 4 | end 4 | start 2 | limit 2 | count 2 | spare 2 | gap | elements | gap
 *
 * `start` and `end` bound the elements, `limit` is the room that may be filled, all counted from the
 * chunk's first byte. A chunk whose limit is 0 holds one element too large to share (a lone chunk): it has
 * room at neither end, so no path needs to ask what it is before it asks for room.
 *
 * An element is `length | bytes | length`, so that both its neighbours can be found from it. Lengths below
 * 128 take one byte (10-byte elements cost 12), below 16384 two, others five; the copy behind the bytes is
 * written mirrored, its tag last, so that it can be read backwards.
 */
import { type Block, copyBytes } from './block.ts'

export const CHUNK_NEXT = 0
export const CHUNK_PREVIOUS = 4
export const CHUNK_END = 8
export const CHUNK_START = 12
export const CHUNK_LIMIT = 14
export const CHUNK_COUNT = 16
/** Bytes before the first element. */
export const CHUNK_HEADER = 20
/** Largest chunk that more than one element shares; `limit` and `count` fit 16 bits because of it. */
export const CHUNK_MAX = 8192

/** Lengths below this have a one-byte prefix, which hot code reads and writes itself. */
export const SHORT_LENGTH = 0x80
/** Lengths below this have a two-byte prefix: the tag 10 and 14 bits. */
const MEDIUM_LENGTH = 0x4000
const MEDIUM_TAG = 0x8000
/** Tag of the five-byte prefix. */
const LONG_TAG = 0xc0

/** Bytes of one length prefix. */
export function prefixSize(length: number): number {
  if (length < SHORT_LENGTH) return 1
  return length < MEDIUM_LENGTH ? 2 : 5
}

/** Bytes an element of `length` bytes occupies in a chunk. */
export function packedSize(length: number): number {
  if (length < SHORT_LENGTH) return length + 2
  return length < MEDIUM_LENGTH ? length + 4 : length + 10
}

/** Length of the element that begins at `at`. */
export function lengthAfter(view: DataView, at: number): number {
  const first = view.getUint8(at)
  if (first < SHORT_LENGTH) return first
  if (first < LONG_TAG) return view.getUint16(at) - MEDIUM_TAG
  return view.getInt32(at + 1, true)
}

/** Length of the element that ends just before `at`. */
export function lengthBefore(view: DataView, at: number): number {
  const last = view.getUint8(at - 1)
  if (last < SHORT_LENGTH) return last
  if (last < LONG_TAG) return view.getUint16(at - 2, true) - MEDIUM_TAG
  return view.getInt32(at - 5, true)
}

/** Writes an element at `at`, where packedSize(length) bytes are free; the source must not overlap them. */
export function writeElement(to: Block, at: number, from: Block, offset: number, length: number): void {
  const view = to.view
  if (length < SHORT_LENGTH) {
    view.setUint8(at, length)
    copyBytes(from, offset, to, at + 1, length)
    view.setUint8(at + 1 + length, length)
  } else if (length < MEDIUM_LENGTH) {
    view.setUint16(at, MEDIUM_TAG + length)
    copyBytes(from, offset, to, at + 2, length)
    view.setUint16(at + 2 + length, MEDIUM_TAG + length, true)
  } else {
    view.setUint8(at, LONG_TAG)
    view.setInt32(at + 1, length, true)
    copyBytes(from, offset, to, at + 5, length)
    view.setInt32(at + 5 + length, length, true)
    view.setUint8(at + 9 + length, LONG_TAG)
  }
}

/** Writes the header of an empty, unlinked chunk at `base`; its first element will begin at `start`. */
export function writeChunkHeader(view: DataView, base: number, start: number, limit: number): void {
  view.setInt32(base + CHUNK_NEXT, 0, true)
  view.setInt32(base + CHUNK_PREVIOUS, 0, true)
  view.setInt32(base + CHUNK_END, start, true)
  view.setUint16(base + CHUNK_START, start, true)
  view.setUint16(base + CHUNK_LIMIT, limit, true)
  view.setUint16(base + CHUNK_COUNT, 0, true)
}

/** Bytes of all elements of the chunk at `base`. */
export function usedBytes(view: DataView, base: number): number {
  return view.getInt32(base + CHUNK_END, true) - view.getUint16(base + CHUNK_START, true)
}

/** Bytes before element `index` (0 … count) of the chunk at `base`, walked from the nearer end. */
export function bytesBefore(view: DataView, base: number, index: number): number {
  const count = view.getUint16(base + CHUNK_COUNT, true)
  const start = base + view.getUint16(base + CHUNK_START, true)
  let at = start
  if (index * 2 <= count) {
    for (let i = 0; i < index; i++) at += packedSize(lengthAfter(view, at))
  } else {
    at = base + view.getInt32(base + CHUNK_END, true)
    for (let i = count; i > index; i--) at -= packedSize(lengthBefore(view, at))
  }
  return at - start
}

/** Number of elements in the first `bytes` bytes of the chunk at `base`; `bytes` ends on an element. */
export function elementsBefore(view: DataView, base: number, bytes: number): number {
  let at = base + view.getUint16(base + CHUNK_START, true)
  const end = at + bytes
  let count = 0
  for (; at < end; count++) at += packedSize(lengthAfter(view, at))
  return count
}

/** Takes out the element of `size` bytes at byte `at` of the elements of the chunk at `base`. */
export function closeGap(block: Block, base: number, at: number, size: number): void {
  const view = block.view
  const start = view.getUint16(base + CHUNK_START, true)
  const end = view.getInt32(base + CHUNK_END, true)
  const from = base + start
  if (at * 2 < end - start) {
    block.bytes.copyWithin(from + size, from, from + at)
    view.setUint16(base + CHUNK_START, start + size, true)
  } else {
    block.bytes.copyWithin(from + at, from + at + size, base + end)
    view.setInt32(base + CHUNK_END, end - size, true)
  }
  view.setUint16(base + CHUNK_COUNT, view.getUint16(base + CHUNK_COUNT, true) - 1, true)
}

/**
 * Moves the bytes `start` … `end` of `block` so that they begin at `target`, with `size` bytes of gap after
 * the first `at` of them. The part that moves towards the other goes second, so that neither is overwritten.
 */
export function moveApart(
  block: Block,
  start: number,
  at: number,
  end: number,
  target: number,
  size: number,
): void {
  const bytes = block.bytes
  const right = target + at + size
  if (target < start) bytes.copyWithin(target, start, start + at)
  if (right !== start + at) bytes.copyWithin(right, start + at, end)
  if (target > start) bytes.copyWithin(target, start, start + at)
}

/**
 * Copies bytes `from` … `to` of the elements of the chunk at `base` to byte `at` of the chunk at `targetBase`,
 * which then ends there. Start, count and links of the target stay.
 */
export function copyElements(
  source: Block,
  base: number,
  from: number,
  to: number,
  target: Block,
  targetBase: number,
  at: number,
): void {
  const start = base + source.view.getUint16(base + CHUNK_START, true)
  source.bytes.copy(target.bytes, targetBase + at, start + from, start + to)
  target.view.setInt32(targetBase + CHUNK_END, at + to - from, true)
}
