/**
 * Reading RDB bytes: a cursor over a block with the format's two primitives, lengths and strings. Whatever is
 * claimed is checked against the bytes that are there before anything is read or allocated. A subclass may bring
 * the bytes in piece by piece.
 */
import { type Block, EMPTY_BLOCK, newBlock } from '../structures/block.ts'
import { writeInteger } from '../structures/integers.ts'
import { lzfDecompress, lzfSize } from '../structures/lzf.ts'
import {
  ENCODED_INT8,
  ENCODED_INT16,
  ENCODED_INT32,
  ENCODED_LZF,
  LENGTH_6_BITS,
  LENGTH_14_BITS,
  LENGTH_32_BITS,
  LENGTH_64_BITS,
  LENGTH_ENCODED,
  RdbError,
} from './rdb-format.ts'

const SHORT = 'Unexpected EOF reading RDB file'
/** The largest value an entry can hold. */
const STRING_MAX = 0x7fff_ffff
/** A block larger than this for decompressed strings is not kept. */
const KEPT_SCRATCH = 256 * 1024
/** What is passed over is brought in in steps of this many bytes. */
const SKIP_STEP = 4096

export class RdbInput {
  /** Bytes `at` … `end` of it are still to be read. */
  protected block: Block
  protected at: number
  protected end: number
  /** Position of the block's first byte among all that is read; negative if reading began inside the block. */
  protected base: number
  /** Bytes that will come into the block when what is there has been read. */
  protected unread: number
  /** What string() found; valid until the next call. */
  stringBlock: Block
  stringOffset: number
  stringLength: number
  /** The first byte of the last length, when it was LENGTH_ENCODED: which encoding. */
  private encoding: number
  private scratch: Block

  constructor() {
    this.block = EMPTY_BLOCK
    this.at = 0
    this.end = 0
    this.base = 0
    this.unread = 0
    this.stringBlock = EMPTY_BLOCK
    this.stringOffset = 0
    this.stringLength = 0
    this.encoding = 0
    this.scratch = newBlock(64)
  }

  /** Reads the `length` bytes at `offset` of `block`; positions in errors are counted from there. */
  open(block: Block, offset: number, length: number): void {
    this.block = block
    this.at = offset
    this.end = offset + length
    this.base = -offset
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.end - this.at + this.unread
  }

  /** Bytes read. */
  get position(): number {
    return this.base + this.at
  }

  byte(): number {
    const at = this.take(1)
    return this.block.view.getUint8(at)
  }

  /** 4 bytes, the least significant first. */
  int32(): number {
    const at = this.take(4)
    return this.block.view.getInt32(at, true)
  }

  /** 8 bytes, the least significant first. */
  int64(): bigint {
    const at = this.take(8)
    return this.block.view.getBigInt64(at, true)
  }

  /** Passes over `size` bytes. */
  skip(size: number): void {
    for (let rest = size; rest > 0; rest -= SKIP_STEP) this.take(Math.min(rest, SKIP_STEP))
  }

  /** A length or count. Beyond 2^53 it is the nearest double: larger than anything there is. */
  size(): number {
    const size = this.sizeOrEncoding()
    if (size < 0) throw new RdbError(`encoded string at byte ${this.position - 1}: expected a length`)
    return size
  }

  /**
   * Brings in what can be long in pieces: call before string(), which then need not wait for the disk. Returns whether
   * the string that begins `ahead` bytes from here is there, or short; if not, call again. Reads up to position `border`
   * or a little more, but at least a piece.
   */
  bring(_ahead: number, _border: number): boolean {
    return true
  }

  /** Finds a string in any of its forms and shows it in the string fields. */
  string(): void {
    const begin = this.position
    const length = this.sizeOrEncoding()
    if (length >= 0) {
      if (length > this.left) {
        throw new RdbError(
          `${SHORT}: string of ${length} bytes at byte ${begin}, where ${this.left} are left`,
        )
      }
      const at = this.take(length)
      this.show(this.block, at, length)
      return
    }
    switch (this.encoding) {
      case ENCODED_INT8:
        this.showInteger((this.byte() << 24) >> 24)
        break
      case ENCODED_INT16:
        this.showInteger(((this.byte() | (this.byte() << 8)) << 16) >> 16)
        break
      case ENCODED_INT32:
        this.showInteger(this.int32())
        break
      case ENCODED_LZF:
        this.compressedString(begin)
        break
      default:
        throw new RdbError(`unknown string encoding ${this.encoding} at byte ${begin}`)
    }
  }

  /** A length, or -1 for LENGTH_ENCODED. */
  private sizeOrEncoding(): number {
    const first = this.byte()
    switch (first >> 6) {
      case LENGTH_6_BITS:
        return first
      case LENGTH_14_BITS:
        return ((first & 63) << 8) | this.byte()
      case LENGTH_ENCODED:
        this.encoding = first & 63
        return -1
      default:
    }
    if (first === LENGTH_32_BITS) return this.uint32()
    if (first !== LENGTH_64_BITS) {
      throw new RdbError(`unknown form of length ${first} at byte ${this.position - 1}`)
    }
    return this.uint32() * 4294967296 + this.uint32()
  }

  /** Most significant byte first, as lengths are. */
  private uint32(): number {
    const at = this.take(4)
    return this.block.view.getUint32(at)
  }

  private compressedString(begin: number): void {
    const compressed = this.size()
    const length = this.size()
    if (compressed > this.left) {
      throw new RdbError(
        `${SHORT}: compressed string of ${compressed} bytes at byte ${begin}, where ${this.left} are left`,
      )
    }
    const at = this.take(compressed)
    // Before the allocation: a few bytes may claim anything.
    const size = lzfSize(this.block, at, compressed)
    if (size !== length || size > STRING_MAX) {
      const found = size < 0 ? 'is not well-formed' : `decompresses to ${size} bytes, not to ${length}`
      throw new RdbError(`compressed string at byte ${begin} ${found}`)
    }
    const room = this.scratch.bytes.length
    if (room < length || room > KEPT_SCRATCH) this.scratch = newBlock(Math.max(64, length))
    lzfDecompress(this.block, at, compressed, this.scratch, 0)
    this.show(this.scratch, 0, length)
  }

  private showInteger(value: number): void {
    this.show(this.scratch, 0, writeInteger(this.scratch, 0, value))
  }

  private show(block: Block, offset: number, length: number): void {
    this.stringBlock = block
    this.stringOffset = offset
    this.stringLength = length
  }

  /** Passes over `size` bytes and returns the offset of the first in `block`, which may be another afterwards. */
  protected take(size: number): number {
    if (size > this.end - this.at) {
      if (size > this.left) {
        throw new RdbError(
          `${SHORT}: expected ${size} bytes at byte ${this.position}, where ${this.left} are left`,
        )
      }
      this.fetch(size)
    }
    const { at } = this
    this.at = at + size
    return at
  }

  /** Brings at least `size` bytes, which are there to come, into the block. */
  protected fetch(_size: number): void {}
}
