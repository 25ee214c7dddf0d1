/** The table of objects too large for the arena's pages: each has a buffer of its own under a reusable index. */
import { type Block, EMPTY_BLOCK, newBlock } from './block.ts'

/** Buffers are rounded up to this many bytes, so that small changes of size fit in place. */
const ROUNDING = 1024

/** How many bytes an object of `size` bytes gets. */
export function ownBytes(size: number): number {
  return Math.ceil(size / ROUNDING) * ROUNDING
}

export class OwnBuffers {
  /** The Block under each index; EMPTY_BLOCK where the index is free. */
  readonly blocks: Block[]
  private readonly free: number[]

  constructor() {
    this.blocks = []
    this.free = []
  }

  /** How many buffers there are. */
  get count(): number {
    return this.blocks.length - this.free.length
  }

  /** The index of a new buffer for `size` bytes. */
  add(size: number): number {
    const block = newBlock(ownBytes(size))
    const index = this.free.pop() ?? this.blocks.length
    this.blocks[index] = block
    return index
  }

  /** Gives up the buffer and returns how many bytes it had. Throws when there is none. */
  remove(index: number): number {
    const block = this.blocks[index]
    if (block === undefined || block === EMPTY_BLOCK)
      throw new Error(`free of ${~index}, which is not allocated`)
    this.blocks[index] = EMPTY_BLOCK
    this.free.push(index)
    return block.bytes.length
  }

  /** Gives up all of them. */
  clear(): void {
    this.blocks.length = 0
    this.free.length = 0
  }
}
