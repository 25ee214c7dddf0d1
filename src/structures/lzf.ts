/**
 * The LZF format, which RDB files use for strings: compression by references to bytes at most 8 KiB back. Fast and
 * modest; the bytes may differ from another compressor's, any decompressor reads them.
 */
import { type Block, copyBytes } from './block.ts'

/*
 * A compressed stream is a row of items, each beginning with a control byte:
 *   000nnnnn                     n + 1 bytes follow as they are
 *   lllooooo oooooooo            copy l + 2 bytes from o + 1 bytes back (l of 1 … 6)
 *   111ooooo llllllll oooooooo   copy l + 9 bytes from o + 1 bytes back
 * A copy may reach into the bytes it is making: a run is a copy from one byte back.
 *
 * The compressor looks at every position once. A table remembers where a hash of three bytes was seen last; if
 * the same three bytes stand there and near enough, that is a match, extended as far as it goes and taken at
 * once (greedy). Positions inside a match enter the table only at its end, which costs little ratio and saves most
 * of the time on data that compresses well.
 */

const LITERALS_MAX = 32
const COPY_MIN = 3
const COPY_MAX = 264
const BACK_MAX = 8192
const HASH_BITS = 14
/** A short string uses only so much of the table, which then stays in the nearest cache (bench/micro/lzf.ts). */
const SHORT_BITS = 10
const SHORT_LENGTH = 1024

/**
 * Where each hash was seen. Each call numbers its positions from `unclaimed` on, so that whatever earlier calls
 * left is below its own, and the table need not be cleared for each short string (bench/micro/lzf.ts).
 */
const seen = new Int32Array(1 << HASH_BITS)
let unclaimed = 1

/** Bytes that `length` bytes take at most. */
export function lzfBound(length: number): number {
  return length + Math.ceil(length / LITERALS_MAX) + 1
}

/**
 * Compresses `length` bytes into `to`, which has room for lzfBound(length) from `at` on. Returns the bytes
 * written, or 0 when they would be more than `most`.
 */
export function lzfCompress(
  from: Block,
  offset: number,
  length: number,
  to: Block,
  at: number,
  most: number,
): number {
  const source = from.view
  const end = offset + length
  const limit = at + most
  const shift = claimPositions(length) - offset
  const unused = 32 - (length <= SHORT_LENGTH ? SHORT_BITS : HASH_BITS)
  let put = at
  let literals = offset
  let position = offset
  while (position + COPY_MIN <= end) {
    const three = source.getUint16(position) | (source.getUint8(position + 2) << 16)
    const slot = Math.imul(three, 0x9e3779b1) >>> unused
    const found = seen[slot] - shift
    seen[slot] = position + shift
    if (
      found < offset ||
      position - found > BACK_MAX ||
      source.getUint16(found) !== (three & 0xffff) ||
      source.getUint8(found + 2) !== three >> 16
    ) {
      position++
      continue
    }
    const longest = end - position < COPY_MAX ? end - position : COPY_MAX
    let size = COPY_MIN
    while (size < longest && source.getUint8(found + size) === source.getUint8(position + size)) size++
    put = writeLiterals(from, literals, position, to, put)
    if (put + 3 > limit) return 0
    put = writeCopy(to, put, position - found - 1, size)
    position += size
    literals = position
    if (position + 1 <= end) remember(source, position - 2, shift, unused)
  }
  put = writeLiterals(from, literals, end, to, put)
  return put > limit ? 0 : put - at
}

/** Numbers for `length` positions, above all that the table holds; returns the first. */
function claimPositions(length: number): number {
  if (unclaimed + length > 0x7fffffff) {
    seen.fill(0)
    unclaimed = 1
  }
  const first = unclaimed
  unclaimed += length
  return first
}

function remember(source: DataView, position: number, shift: number, unused: number): void {
  const three = source.getUint16(position) | (source.getUint8(position + 2) << 16)
  seen[Math.imul(three, 0x9e3779b1) >>> unused] = position + shift
}

function writeLiterals(from: Block, start: number, end: number, to: Block, at: number): number {
  let put = at
  for (let position = start; position < end; ) {
    const run = Math.min(LITERALS_MAX, end - position)
    to.view.setUint8(put, run - 1)
    copyBytes(from, position, to, put + 1, run)
    put += run + 1
    position += run
  }
  return put
}

function writeCopy(to: Block, at: number, back: number, size: number): number {
  const { view } = to
  if (size < 9) {
    view.setUint16(at, ((size - 2) << 13) | back)
    return at + 2
  }
  view.setUint8(at, 0xe0 | (back >> 8))
  view.setUint8(at + 1, size - 9)
  view.setUint8(at + 2, back & 255)
  return at + 3
}

/**
 * How many bytes the stream of `length` bytes at `offset` decompresses to; -1 when it is not well-formed (an item
 * ends behind the stream's end, or refers to before its beginning). Reads control bytes only.
 */
export function lzfSize(from: Block, offset: number, length: number): number {
  const { view } = from
  const end = offset + length
  let size = 0
  let at = offset
  while (at < end) {
    const control = view.getUint8(at++)
    if (control < LITERALS_MAX) {
      at += control + 1
      size += control + 1
      if (at > end) return -1
      continue
    }
    const long = control >= 0xe0
    if (at + (long ? 2 : 1) > end) return -1
    const count = long ? view.getUint8(at++) + 9 : (control >> 5) + 2
    const back = ((control & 31) << 8) + view.getUint8(at++) + 1
    if (back > size) return -1
    size += count
  }
  return size
}

/** Decompresses a stream that lzfSize() found well-formed to `put` of `to`, where there is room for its size. */
export function lzfDecompress(from: Block, offset: number, length: number, to: Block, put: number): void {
  const source = from.view
  const target = to.view
  const end = offset + length
  let at = offset
  let position = put
  while (at < end) {
    const control = source.getUint8(at++)
    if (control < LITERALS_MAX) {
      copyBytes(from, at, to, position, control + 1)
      at += control + 1
      position += control + 1
      continue
    }
    const count = control >= 0xe0 ? source.getUint8(at++) + 9 : (control >> 5) + 2
    const found = position - ((control & 31) << 8) - source.getUint8(at++) - 1
    if (position - found >= count) copyBytes(to, found, to, position, count)
    else repeat(target, found, position, count)
    position += count
  }
}

/**
 * Copies `count` bytes from `from` to `to`, not far behind it, so that the bytes between the two are repeated. Words
 * instead of bytes, from as many periods back as a word needs: less than half the time (bench/micro/lzf).
 */
function repeat(view: DataView, from: number, to: number, count: number): void {
  const period = to - from
  let distance = period
  while (distance < 4) distance += period
  let i = 0
  for (; i < count && i < distance; i++) view.setUint8(to + i, view.getUint8(from + i))
  const back = to - distance
  for (; i + 4 <= count; i += 4) view.setInt32(to + i, view.getInt32(back + i, true), true)
  for (; i < count; i++) view.setUint8(to + i, view.getUint8(back + i))
}
