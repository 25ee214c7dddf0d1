/**
 * The entries of one database: where they lie, how they are found, resized, moved and freed. It knows no commands and
 * tells nobody of changes, except a snapshot, which sees everything before it changes; database.ts is the door.
 */
import type { Address } from '../structures/arena.ts'
import { type Block, copyBytes, equalBytes } from '../structures/block.ts'
import { DeadlineList } from '../structures/deadline-list.ts'
import { HashIndex } from '../structures/hash-index.ts'
import { sipHash } from '../structures/siphash.ts'
import { freeChainSome } from '../values/list-chunks.ts'
import {
  alwaysHasField,
  DEADLINE_FIELD,
  Entry,
  entryBytes,
  HALF_SEEN,
  headerWord,
  TYPE_LIST,
  TYPE_STRING,
} from './entry.ts'
import type { Keyspace } from './keyspace.ts'

/** A value with at most this many parts is freed on the spot, a larger one in slices. */
const FREE_AT_ONCE = 64

export class EntryStore {
  readonly keyspace: Keyspace
  index: HashIndex
  /** Entries that have a deadline, in no order. */
  deadlines: DeadlineList
  private readonly moved: Entry

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
    this.index = new HashIndex()
    this.deadlines = new DeadlineList()
    this.moved = new Entry()
  }

  /**
   * Call before anything of the entry but its access clock changes or goes. Returns whether the bytes of its value are
   * still to be read where they are, as those of a long string may be: then edit() comes before they change.
   */
  preserve(entry: Entry): boolean {
    const { keyspace } = this
    return entry.epoch !== keyspace.epoch && keyspace.preserve(this.index, entry)
  }

  /** Call before `length` bytes of a string, from byte `from` of it on, change where they are. */
  edit(entry: Entry, from: number, length: number): void {
    if ((entry.epoch & HALF_SEEN) !== 0) this.keyspace.snapshot?.edit(entry, from, length)
  }

  /**
   * Gives the value `length` bytes and keeps those it has (as many as fit); new bytes are undefined. A value
   * that grows in place step by step (APPEND) gets an eighth more room than asked when it has to move.
   */
  resizeValue(entry: Entry, length: number): void {
    this.preserve(entry)
    const field = (entry.flags & DEADLINE_FIELD) !== 0
    const needed = entryBytes(entry.keyLength, length, field)
    const capacity = this.keyspace.arena.capacity(entry.address)
    if (needed <= capacity && needed >= capacity >> 1) entry.setValueLength(length)
    else {
      const kept = Math.min(length, entry.valueLength)
      const slack = needed > capacity ? needed >> 3 : 0
      this.relocate(entry, length, kept, field || alwaysHasField(entry.keyLength, length), slack)
    }
  }

  /** Sets when the key goes; `milliseconds` since the epoch. */
  setDeadline(entry: Entry, milliseconds: number | bigint): void {
    this.preserve(entry)
    if ((entry.flags & DEADLINE_FIELD) === 0)
      this.relocate(entry, entry.valueLength, entry.valueLength, true, 0)
    if (!entry.hasDeadline) entry.deadlinePosition = this.deadlines.add(entry.address)
    entry.writeDeadline(milliseconds)
  }

  /** Takes the deadline off. Returns whether there was one. */
  clearDeadline(entry: Entry): boolean {
    if (!entry.hasDeadline) return false
    this.preserve(entry)
    this.unlistDeadline(entry)
    return true
  }

  /** Removes the key and its value; large values are freed in slices. */
  remove(entry: Entry): void {
    this.preserve(entry)
    if (entry.type !== TYPE_STRING) this.freeValue(entry)
    this.removeShell(entry)
  }

  /** Removes the key but not what its value owns, which has been moved to another entry. */
  removeShell(entry: Entry): void {
    this.preserve(entry)
    if (entry.hasDeadline) this.unlistDeadline(entry)
    this.index.remove(entry.hash, entry.address)
    this.keyspace.arena.free(entry.address)
  }

  /** Points `into` at an entry known by its address, as walks over the index meet it. */
  at(address: Address, into: Entry): Entry {
    into.point(this.keyspace.arena, address, 0)
    into.hash = this.hash(into.block, into.keyOffset, into.keyLength)
    return into
  }

  /** Moves the entry to another place in the arena, for defragmentation; the view follows. */
  move(entry: Entry): void {
    const { arena } = this.keyspace
    const { address, hash } = entry
    const target = arena.move(address)
    this.index.replace(hash, address, target)
    entry.point(arena, target, hash)
    if (entry.hasDeadline) this.deadlines.set(entry.deadlinePosition, target)
  }

  protected hash(key: Block, offset: number, length: number): number {
    return sipHash(key, offset, length, this.keyspace.hashKey0, this.keyspace.hashKey1)
  }

  protected locate(key: Block, offset: number, length: number, hash: number, into: Entry): Entry | null {
    const { arena } = this.keyspace
    const index = this.index
    for (let slot = index.first(hash); slot !== -1; slot = index.next(slot, hash)) {
      into.point(arena, index.addressAt(slot), hash)
      if (into.keyLength === length && equalBytes(key, offset, into.block, into.keyOffset, length)) {
        return into
      }
    }
    into.hash = hash
    return null
  }

  /** Moves the entry to an allocation of its new size, keeping `kept` bytes of its value. */
  protected relocate(entry: Entry, length: number, kept: number, field: boolean, slack: number): void {
    const { arena } = this.keyspace
    const { hash, address } = entry
    const moved = this.moved
    const target = arena.allocate(entryBytes(entry.keyLength, length, field) + slack)
    const flags = (entry.flags & ~DEADLINE_FIELD) | (field ? DEADLINE_FIELD : 0)
    moved.create(
      arena,
      target,
      hash,
      headerWord(entry.type, flags, this.keyspace.epoch),
      entry.block,
      entry.keyOffset,
      entry.keyLength,
      length,
    )
    moved.access = entry.access
    copyBytes(entry.block, entry.valueOffset, moved.block, moved.valueOffset, kept)
    if (entry.hasDeadline) {
      moved.writeDeadline(entry.deadlineInt64)
      moved.deadlinePosition = entry.deadlinePosition
      this.deadlines.set(entry.deadlinePosition, target)
    }
    this.index.replace(hash, address, target)
    arena.free(address)
    entry.copyFrom(moved)
  }

  protected unlistDeadline(entry: Entry): void {
    const position = entry.deadlinePosition
    const last = this.deadlines.removeAt(position)
    entry.clearDeadline()
    if (last === 0) return
    this.moved.point(this.keyspace.arena, last, 0)
    this.moved.deadlinePosition = position
  }

  /** Frees what the value owns outside its entry. */
  protected freeValue(entry: Entry): void {
    if (entry.type !== TYPE_LIST) return
    const { freedList, arena, lazyFree } = this.keyspace
    freedList.point(entry.block, entry.valueOffset)
    const head = freedList.takeChain()
    if (head === 0) return
    const rest = freeChainSome(arena, head, FREE_AT_ONCE)
    if (rest !== 0) lazyFree.addChain(rest)
  }
}
