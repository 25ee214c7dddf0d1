/**
 * Where RDB bytes are put together: a block that grows, with the format's two primitives, lengths and strings. It
 * knows no types of value and no files.
 */
import { type Block, copyBytes, newBlock } from '../structures/block.ts'
import { parseInteger } from '../structures/integers.ts'
import { lzfBound, lzfCompress } from '../structures/lzf.ts'
import {
  ENCODED_INT8,
  ENCODED_INT16,
  ENCODED_INT32,
  ENCODED_LZF,
  LENGTH_14_BITS,
  LENGTH_32_BITS,
  LENGTH_ENCODED,
} from './rdb-format.ts'

const INITIAL_ROOM = 1024
/** A block larger than this is not kept by clear(). */
const KEPT_ROOM = 256 * 1024
/** What is spilled, is spilled in pieces of at least this many bytes. */
const SPILL_FROM = 128 * 1024
/** Longest text of a 32-bit integer. */
const INT32_TEXT_MAX = 11
/** Shorter strings are not worth compressing, and less gain than this is none. */
const COMPRESS_MIN = 21
const COMPRESS_GAIN = 4
/** Bytes of the largest length. */
const LENGTH_MAX = 5

export class RdbOutput {
  /** The first `length` bytes of it are what was written. It is another one after each growth. */
  block: Block
  length: number
  /** Whether strings may be compressed (rdbcompression). */
  compress: boolean
  /** Takes what was written so far, when it is to go somewhere else piece by piece. */
  spill: (() => void) | null

  constructor() {
    this.block = newBlock(INITIAL_ROOM)
    this.length = 0
    this.compress = false
    this.spill = null
  }

  /** Hands what was written to `spill` if it has become much. Only between one thing and the next. */
  spillIfMuch(): void {
    if (this.spill === null || this.length < SPILL_FROM) return
    this.spill()
    this.clear()
  }

  /** Forgets what was written. */
  clear(): void {
    this.length = 0
    if (this.block.bytes.length > KEPT_ROOM) this.block = newBlock(INITIAL_ROOM)
  }

  /** Makes room for `size` bytes more. */
  reserve(size: number): void {
    const needed = this.length + size
    if (needed <= this.block.bytes.length) return
    const grown = newBlock(Math.max(needed, this.block.bytes.length * 2))
    this.block.bytes.copy(grown.bytes, 0, 0, this.length)
    this.block = grown
  }

  byte(value: number): void {
    this.reserve(1)
    this.block.view.setUint8(this.length++, value)
  }

  /** 8 bytes, the least significant first. */
  int64(value: bigint): void {
    this.reserve(8)
    this.block.view.setBigInt64(this.length, value, true)
    this.length += 8
  }

  bytes(from: Block, offset: number, length: number): void {
    this.reserve(length)
    copyBytes(from, offset, this.block, this.length, length)
    this.length += length
  }

  /** A length or count, 0 … 2^32 - 1. */
  size(value: number): void {
    this.reserve(LENGTH_MAX)
    const { view } = this.block
    const at = this.length
    if (value < 1 << 6) {
      view.setUint8(at, value)
      this.length = at + 1
    } else if (value < 1 << 14) {
      view.setUint16(at, (LENGTH_14_BITS << 14) | value)
      this.length = at + 2
    } else {
      view.setUint8(at, LENGTH_32_BITS)
      view.setUint32(at + 1, value)
      this.length = at + 5
    }
  }

  /** A string in the shortest of its forms: as an integer, compressed, or as it is. */
  string(from: Block, offset: number, length: number): void {
    if (length <= INT32_TEXT_MAX && this.integerString(parseInteger(from, offset, length))) return
    if (this.compress && length >= COMPRESS_MIN && this.compressedString(from, offset, length)) return
    this.size(length)
    this.bytes(from, offset, length)
  }

  /** Writes an integer in 1, 2 or 4 bytes; false when it does not fit or is NaN. */
  private integerString(value: number): boolean {
    if (!(value >= -0x8000_0000 && value <= 0x7fff_ffff)) return false
    this.reserve(LENGTH_MAX)
    const { view } = this.block
    const at = this.length
    if (value >= -0x80 && value <= 0x7f) {
      view.setUint8(at, (LENGTH_ENCODED << 6) | ENCODED_INT8)
      view.setInt8(at + 1, value)
      this.length = at + 2
    } else if (value >= -0x8000 && value <= 0x7fff) {
      view.setUint8(at, (LENGTH_ENCODED << 6) | ENCODED_INT16)
      view.setInt16(at + 1, value, true)
      this.length = at + 3
    } else {
      view.setUint8(at, (LENGTH_ENCODED << 6) | ENCODED_INT32)
      view.setInt32(at + 1, value, true)
      this.length = at + 5
    }
    return true
  }

  /** Writes a string compressed; false when that does not make it smaller. */
  private compressedString(from: Block, offset: number, length: number): boolean {
    const header = 1 + 2 * LENGTH_MAX
    this.reserve(header + lzfBound(length))
    // Its size is known last and comes first: it is compressed behind the largest header and moved up.
    const start = this.length
    const at = start + header
    const size = lzfCompress(from, offset, length, this.block, at, length - COMPRESS_GAIN)
    if (size === 0) return false
    this.byte((LENGTH_ENCODED << 6) | ENCODED_LZF)
    this.size(size)
    this.size(length)
    this.block.bytes.copyWithin(this.length, at, at + size)
    this.length += size
    return true
  }
}
