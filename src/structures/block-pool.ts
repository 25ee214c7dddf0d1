/** Large blocks that nobody uses, kept for the next who need their size. */
import { type Block, newBlock } from './block.ts'

/*
 * A fresh block for each large request or reply would have V8 collect garbage all the time: it starts a collection of
 * the whole heap for every 64 MB or so of buffers, new or old. Half of the CPU of SETs of 16 B to 1 MB was that, and
 * two thirds of the CPU of GETs of 1 MB were that and the zeroing of fresh pages.
 */
export class BlockPool {
  private readonly least: number
  private readonly most: number
  private readonly keep: number
  /** Blocks by their size. */
  private readonly idle: Map<number, Block[]>
  private idleBytes: number

  /** For blocks of more than `least` (64 or more) and up to `most` bytes (a power of two); keeps `keep` bytes of them. */
  constructor(least: number, most: number, keep: number) {
    this.least = least
    this.most = most
    this.keep = keep
    this.idle = new Map()
    this.idleBytes = 0
  }

  /** A block of `length` bytes, or up to an eighth more where blocks of that size are kept; its bytes are anything. */
  take(length: number): Block {
    if (length <= this.least || length > this.most) return newBlock(length)
    const size = roundedSize(length)
    const block = this.idle.get(size)?.pop()
    if (block === undefined) return newBlock(size)
    this.idleBytes -= size
    return block
  }

  /** Keeps a block that nobody uses any more, if it is of a size that take() may give. */
  give(block: Block): void {
    const { length } = block.bytes
    if (length <= this.least || length > this.most || length !== roundedSize(length)) return
    if (this.idleBytes + length > this.keep) {
      // Sizes that nobody asks for any more must not keep out those that are.
      this.idle.clear()
      this.idleBytes = 0
    }
    const blocks = this.idle.get(length)
    if (blocks === undefined) this.idle.set(length, [block])
    else blocks.push(block)
    this.idleBytes += length
  }
}

/** Eight sizes between a power of two and the next: few enough to meet again, near enough not to waste memory. */
function roundedSize(length: number): number {
  const step = 1 << (28 - Math.clz32(length - 1))
  return Math.ceil(length / step) * step
}
