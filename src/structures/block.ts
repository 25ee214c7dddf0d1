/**
 * A stretch of raw memory with the two views hot code reads it through, and the copies and comparisons
 * between stretches. Every byte the server handles (requests, replies, the dataset) lives in a Block.
 */
import { platform } from 'node:os'

export class Block {
  readonly bytes: Buffer
  readonly view: DataView
  /** What first() returned last. */
  private head: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.head = bytes
  }

  /** A view of its first `length` bytes. Making one costs a tenth of a write, and mostly the last one will do. */
  first(length: number): Buffer {
    if (this.head.length !== length) this.head = this.bytes.subarray(0, length)
    return this.head
  }
}

/** A Block over `size` fresh, unpooled bytes whose content is not cleared. */
export function newBlock(size: number): Block {
  return new Block(Buffer.allocUnsafeSlow(size))
}

/** Where a large mapping is most likely to begin in a cache line: glibc and musl put 16 bytes of their own before it. */
const LINE_START = platform() === 'linux' ? 48 : 0

/**
 * Like newBlock(), for large stretches that hold records of 64 bytes: they begin at the beginning of a cache line, as
 * far as can be known here. A record in two lines costs two waits for memory (bench/micro/block).
 */
export function newLinedBlock(size: number): Block {
  return new Block(Buffer.allocUnsafeSlow(size + LINE_START).subarray(LINE_START))
}

/** A Block holding `text` encoded as UTF-8, or a copy of `text` when it is bytes. */
export function blockOf(text: string | Uint8Array): Block {
  return new Block(Buffer.from(text as string))
}

/** The Block of zero bytes: a placeholder that always has too little room. */
export const EMPTY_BLOCK: Block = newBlock(0)

/** Up to this many bytes a loop over words beats the fixed cost of a typed-array call (bench/micro/block). */
const WORD_COPY_MAX = 256

/** The same for comparing. */
const WORD_EQUAL_MAX = 160

/** Copies `length` bytes; the stretches may lie in the same Block only if they do not overlap. */
export function copyBytes(
  from: Block,
  fromOffset: number,
  to: Block,
  toOffset: number,
  length: number,
): void {
  if (length > WORD_COPY_MAX) {
    copyLong(from, fromOffset, to, toOffset, length)
    return
  }
  const source = from.view
  const target = to.view
  const end = fromOffset + length
  let at = fromOffset
  let put = toOffset
  // Two words at once, as doubles: a quarter off from 32 bytes on (bench/micro/block). A number keeps the bits it was
  // read from; not so NaN, whose bits go as integers.
  for (; at + 16 <= end; at += 16, put += 16) {
    const first = source.getFloat64(at, true)
    const second = source.getFloat64(at + 8, true)
    if (first === first && second === second) {
      target.setFloat64(put, first, true)
      target.setFloat64(put + 8, second, true)
    } else {
      for (let i = 0; i < 16; i += 4) target.setInt32(put + i, source.getInt32(at + i, true), true)
    }
  }
  for (; at + 4 <= end; at += 4, put += 4) target.setInt32(put, source.getInt32(at, true), true)
  for (; at < end; at++, put++) target.setUint8(put, source.getUint8(at))
}

/** `set` from a bare view skips the argument checks of `Buffer.copy`, a third of its cost (bench/micro/block). */
function copyLong(from: Block, fromOffset: number, to: Block, toOffset: number, length: number): void {
  const { bytes } = from
  // A view on the raw buffer could reach past the Block: refuse what Buffer.copy would have clipped.
  if (fromOffset < 0 || fromOffset + length > bytes.length)
    throw new RangeError('copy past the end of a block')
  to.bytes.set(new Uint8Array(bytes.buffer, bytes.byteOffset + fromOffset, length), toOffset)
}

/** Whether two stretches of `length` bytes hold the same bytes. */
export function equalBytes(a: Block, aOffset: number, b: Block, bOffset: number, length: number): boolean {
  if (length > WORD_EQUAL_MAX) {
    return a.bytes.compare(b.bytes, bOffset, bOffset + length, aOffset, aOffset + length) === 0
  }
  const left = a.view
  const right = b.view
  let at = 0
  for (; at + 4 <= length; at += 4) {
    if (left.getInt32(aOffset + at, true) !== right.getInt32(bOffset + at, true)) return false
  }
  for (; at < length; at++) if (left.getUint8(aOffset + at) !== right.getUint8(bOffset + at)) return false
  return true
}

/** The order of two stretches of bytes: negative, 0 or positive as memcmp tells; a prefix comes first. */
export function compareBytes(
  a: Block,
  aOffset: number,
  aLength: number,
  b: Block,
  bOffset: number,
  bLength: number,
): number {
  const common = aLength < bLength ? aLength : bLength
  if (common > WORD_EQUAL_MAX) {
    return a.bytes.compare(b.bytes, bOffset, bOffset + bLength, aOffset, aOffset + aLength)
  }
  const left = a.view
  const right = b.view
  let at = 0
  // Big-endian words order as their bytes do.
  for (; at + 4 <= common; at += 4) {
    const difference = left.getUint32(aOffset + at) - right.getUint32(bOffset + at)
    if (difference !== 0) return difference
  }
  for (; at < common; at++) {
    const difference = left.getUint8(aOffset + at) - right.getUint8(bOffset + at)
    if (difference !== 0) return difference
  }
  return aLength - bLength
}
