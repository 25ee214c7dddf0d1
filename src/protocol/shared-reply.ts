/**
 * Reply bytes that many clients wait for together: what a channel's subscribers are sent lies in memory once,
 * and each of them knows how far it goes. Which clients those are it does not know.
 *
 * It only grows. A client's reply is the first so many bytes, so appending harms nobody: those who get the
 * addition too move on, for the others their length stays. When it has to move to a larger block, whoever does
 * not move on keeps the old one.
 */
import { type Block, copyBytes, newBlock } from '../structures/block.ts'

/** A turn of one short message needs no more. */
const START_SIZE = 512

export class SharedReply {
  block: Block
  length: number
  /** What `length` was before the last append, and the number its caller gave that. */
  previous: number
  stamp: number

  constructor(from: Block, length: number, stamp: number) {
    this.block = newBlock(Math.max(length, START_SIZE))
    this.length = length
    this.previous = 0
    this.stamp = stamp
    copyBytes(from, 0, this.block, 0, length)
  }

  /** Appends the first `length` bytes of `from`. */
  append(from: Block, length: number, stamp: number): void {
    const needed = this.length + length
    if (needed > this.block.bytes.length) {
      const larger = newBlock(needed * 2)
      copyBytes(this.block, 0, larger, 0, this.length)
      this.block = larger
    }
    copyBytes(from, 0, this.block, this.length, length)
    this.previous = this.length
    this.length = needed
    this.stamp = stamp
  }
}
