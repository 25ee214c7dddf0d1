/**
 * Values too long to be written in one go: read in pieces, as they were when their turn was fixed, while commands go on
 * changing them. Neither kind copies anything until a command wants to edit what was not read yet.
 */
import type { Entry } from '../keyspace/entry.ts'
import type { Arena } from '../structures/arena.ts'
import { type Block, newBlock } from '../structures/block.ts'
import { CHUNK_LIMIT, CHUNK_START, lengthAfter, prefixSize } from '../structures/packed-chunk.ts'
import type { ListFreeze } from '../values/list-freeze.ts'
import type { RdbOutput } from './rdb-output.ts'
import type { LongList, SnapshotPart } from './snapshot-encoder.ts'

/** Bytes written at once: some 20 µs of copying and summing up. */
export const PIECE: number = 64 * 1024

export interface LongValue {
  readonly part: SnapshotPart
  /** What is written before and after the value. */
  readonly head: RdbOutput
  readonly tail: RdbOutput
  /** Writes the next piece. Returns whether there are more. */
  piece(output: RdbOutput): boolean
}

/**
 * The bytes of a string, which has a buffer of its own: when its entry goes, the buffer stays for as long as it
 * is read here. Only pieces that are edited in place before they were read are copied.
 */
export class LongString implements LongValue {
  readonly part: SnapshotPart
  readonly head: RdbOutput
  readonly tail: RdbOutput
  private readonly block: Block
  private readonly offset: number
  private readonly length: number
  /** How many bytes were read: whole pieces. */
  private read: number
  /** Pieces as they were, by their number. */
  private readonly copies: Map<number, Block>

  constructor(part: SnapshotPart, head: RdbOutput, tail: RdbOutput, entry: Entry) {
    this.part = part
    this.head = head
    this.tail = tail
    this.block = entry.block
    this.offset = entry.valueOffset
    this.length = entry.valueLength
    this.read = 0
    this.copies = new Map()
  }

  /** Whether this is what the entry holds. */
  isOf(entry: Entry): boolean {
    return this.block === entry.block
  }

  /** Copies what was not read yet of the `size` bytes from `from` on, which are about to change. Returns how much. */
  copy(from: number, size: number): number {
    let copied = 0
    const end = Math.min(this.length, from + size)
    for (let number = Math.floor(Math.max(from, this.read) / PIECE); number * PIECE < end; number++) {
      if (this.copies.has(number)) continue
      const start = number * PIECE
      const piece = newBlock(Math.min(PIECE, this.length - start))
      this.block.bytes.copy(piece.bytes, 0, this.offset + start)
      this.copies.set(number, piece)
      copied += piece.bytes.length
    }
    return copied
  }

  piece(output: RdbOutput): boolean {
    const size = Math.min(PIECE, this.length - this.read)
    const number = this.read / PIECE
    const copy = this.copies.get(number)
    if (copy === undefined) output.bytes(this.block, this.offset + this.read, size)
    else {
      output.bytes(copy, 0, size)
      this.copies.delete(number)
    }
    this.read += size
    return this.read < this.length
  }
}

/** The elements of a frozen list. */
export class LongListReading implements LongValue {
  readonly part: SnapshotPart
  readonly head: RdbOutput
  readonly tail: RdbOutput
  readonly freeze: ListFreeze
  private readonly arena: Arena
  private readonly form: LongList
  /** Of an element with a chunk of its own: which byte comes next and how many are left; 0 between elements. */
  private offset: number
  private left: number

  constructor(
    part: SnapshotPart,
    head: RdbOutput,
    tail: RdbOutput,
    arena: Arena,
    form: LongList,
    freeze: ListFreeze,
  ) {
    this.part = part
    this.head = head
    this.tail = tail
    this.arena = arena
    this.form = form
    this.freeze = freeze
    this.offset = 0
    this.left = 0
  }

  piece(output: RdbOutput): boolean {
    const { arena, form, freeze } = this
    const chunk = freeze.current
    if (chunk === 0) return false
    const block = arena.block(chunk)
    const base = arena.offset(chunk)
    const { view } = block
    if (view.getUint16(base + CHUNK_LIMIT, true) !== 0) {
      form.chunk(output, block, base)
      freeze.advance()
      return true
    }
    if (this.left === 0) {
      const start = base + view.getUint16(base + CHUNK_START, true)
      this.left = lengthAfter(view, start)
      this.offset = start + prefixSize(this.left) - base
      form.beforeElement(output, this.left)
    }
    const size = Math.min(PIECE, this.left)
    output.bytes(block, base + this.offset, size)
    this.offset += size
    this.left -= size
    if (this.left > 0) return true
    form.afterElement(output)
    freeze.advance()
    return true
  }
}
