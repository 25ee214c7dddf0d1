/**
 * What a snapshot needs to know of a file's format: how the beginning, each key and the end are written. Which keys
 * come when, and where the bytes go, is the snapshot's affair.
 */
import type { Entry } from '../keyspace/entry.ts'
import type { Block } from '../structures/block.ts'
import type { RdbOutput } from './rdb-output.ts'

/** The database `id` as it is when the snapshot begins. */
export interface SnapshotPart {
  readonly id: number
  readonly keys: number
  /** How many of them have a deadline. */
  readonly deadlines: number
}

/** A long list being written in pieces, between other keys' writes. */
export interface LongList {
  /** A whole chunk, which several elements share. */
  chunk(output: RdbOutput, block: Block, base: number): void
  /** What comes before the `length` bytes of an element with a chunk of its own, and after them. */
  beforeElement(output: RdbOutput, length: number): void
  afterElement(output: RdbOutput): void
}

export interface SnapshotEncoder {
  /** Writes the beginning of the file. */
  begin(output: RdbOutput, parts: readonly SnapshotPart[]): void
  /** The keys from here on are of the database `part`. It may have been selected before. */
  select(output: RdbOutput, part: SnapshotPart): void
  /** Writes a key whole. */
  key(output: RdbOutput, entry: Entry): void
  /**
   * Begins a key whose value is written later: `head` gets all that comes before the bytes of a string or the chunks
   * of a list, `tail` what comes after them. Returns how a list's chunks are written. The entry may change afterwards.
   */
  longString(head: RdbOutput, tail: RdbOutput, entry: Entry): void
  longList(head: RdbOutput, tail: RdbOutput, entry: Entry): LongList
  /** The first `length` bytes of `block` go to the file; told of all bytes, in their order there. */
  passes(block: Block, length: number): void
  /** Writes the end of the file. All but what is in `output` has passed. */
  end(output: RdbOutput): void
}
