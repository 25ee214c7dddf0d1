/**
 * The patterns of SORT's BY and GET: a key name with a star in it, for which each element is put in turn, or
 * "#", the element itself. Behind "->" stands a hash field.
 */
import type { Database } from '../keyspace/database.ts'
import { Entry, TYPE_STRING } from '../keyspace/entry.ts'
import { Arguments } from '../protocol/arguments.ts'
import { type Block, copyBytes, newBlock } from '../structures/block.ts'

/** Room for the key names made, before the first that is longer. */
const KEY_ROOM = 256

/** The key name being looked up, as the argument of a command that nobody sent. */
const made = new Arguments()
made.block = newBlock(KEY_ROOM)
made.count = 1

const entry = new Entry()

export class SortPattern {
  /** "#": no key, but the element. */
  readonly isElement: boolean
  /** Without a star it names no key: BY then does not sort, and GET finds nothing. */
  readonly hasStar: boolean
  /** The bytes before and behind the star, with room for the element between them. */
  private readonly before: Buffer
  private readonly behind: Buffer
  /** Whether the value is that of a hash's field. */
  private readonly ofField: boolean

  /** `text` is the pattern byte for byte (latin1). */
  constructor(text: string) {
    const star = text.indexOf('*')
    this.isElement = text === '#'
    this.hasStar = star !== -1
    const arrow = text.indexOf('->', star + 1)
    // With nothing behind it the arrow is part of the key's name.
    this.ofField = arrow !== -1 && arrow + 2 < text.length
    this.before = Buffer.from(text.slice(0, Math.max(0, star)), 'latin1')
    this.behind = Buffer.from(text.slice(star + 1, this.ofField ? arrow : text.length), 'latin1')
  }

  /**
   * Looks up the string that the element at `offset` of `block` leads to; null when there is none. The entry
   * is good until the next lookup.
   */
  lookup(db: Database, block: Block, offset: number, length: number): Entry | null {
    if (!this.hasStar) return null
    const { before, behind } = this
    const size = before.length + length + behind.length
    if (size > made.block.bytes.length) made.block = newBlock(size + KEY_ROOM)
    before.copy(made.block.bytes)
    copyBytes(block, offset, made.block, before.length, length)
    behind.copy(made.block.bytes, before.length + length)
    made.lengths[0] = size
    const found = db.read(made, 0, entry)
    // A hash's field would be looked up here; there is no hash type yet.
    return found === null || this.ofField || found.type !== TYPE_STRING ? null : found
  }
}
