/**
 * The only door to keys: lookup with expiry on access, access clock and hit counts; creation, overwriting,
 * resizing, deadlines, removal; and changed(), the one call a handler makes after a write.
 */
import type { Arguments } from '../protocol/arguments.ts'
import { WRONG_TYPE } from '../protocol/error-replies.ts'
import type { Address } from '../structures/arena.ts'
import { type Block, copyBytes, equalBytes } from '../structures/block.ts'
import { DeadlineList } from '../structures/deadline-list.ts'
import { HashIndex } from '../structures/hash-index.ts'
import { sipHash } from '../structures/siphash.ts'
import { freeChainSome } from '../values/list-chunks.ts'
import { lfuStart, lfuTouch, lruAccess } from './access-clock.ts'
import { alwaysHasField, DEADLINE_FIELD, Entry, entryBytes, TYPE_LIST, TYPE_STRING } from './entry.ts'
import type { Keyspace } from './keyspace.ts'
import { NOTIFY_EXPIRED, NOTIFY_KEY_MISS, NOTIFY_NEW } from './notifications.ts'

/** A value with at most this many parts is freed on the spot, a larger one in slices. */
const FREE_AT_ONCE = 64

export class Database {
  readonly keyspace: Keyspace
  /** SWAPDB exchanges these, so that every client's `db` stays right. */
  id: number
  index: HashIndex
  /** Entries that have a deadline, in no order. */
  deadlines: DeadlineList
  /** Running average of the remaining time to live of sampled keys, milliseconds (INFO avg_ttl). */
  averageTtl: number
  /** The view that lookups return unless they are given another. */
  private readonly entry: Entry
  /** For commands that look at two keys at once: give it to the second lookup. */
  readonly second: Entry
  private readonly moved: Entry

  constructor(keyspace: Keyspace, id: number) {
    this.keyspace = keyspace
    this.id = id
    this.index = new HashIndex()
    this.deadlines = new DeadlineList()
    this.averageTtl = 0
    this.entry = new Entry()
    this.second = new Entry()
    this.moved = new Entry()
  }

  /** Number of keys, those past their deadline and not yet removed included (as DBSIZE counts). */
  get size(): number {
    return this.index.count
  }

  /** For reading: counts a hit or a miss and touches the key. Null when it is absent or expired. */
  read(args: Arguments, key: number, into: Entry = this.entry): Entry | null {
    const entry = this.find(args, key, into)
    if (entry === null) {
      this.missed(args, key, true)
      return null
    }
    this.keyspace.stats.hits++
    this.touch(entry)
    return entry
  }

  /** For reading about the key (TTL, TYPE, EXISTS): counts, but does not touch. `tell`: "keymiss" is an event. */
  inspect(args: Arguments, key: number, tell: boolean = true): Entry | null {
    const entry = this.find(args, key, this.entry)
    if (entry === null) this.missed(args, key, tell)
    else this.keyspace.stats.hits++
    return entry
  }

  /** For writing: touches the key, counts nothing. */
  write(args: Arguments, key: number, into: Entry = this.entry): Entry | null {
    const entry = this.find(args, key, into)
    if (entry !== null) this.touch(entry)
    return entry
  }

  /** Like read(), for a key that must be of `type` if it is there. Throws WRONG_TYPE. */
  readTyped(args: Arguments, key: number, type: number, into: Entry = this.entry): Entry | null {
    const entry = this.read(args, key, into)
    if (entry !== null && entry.type !== type) throw WRONG_TYPE
    return entry
  }

  /** Like write(), for a key that must be of `type` if it is there. Throws WRONG_TYPE. */
  writeTyped(args: Arguments, key: number, type: number, into: Entry = this.entry): Entry | null {
    const entry = this.write(args, key, into)
    if (entry !== null && entry.type !== type) throw WRONG_TYPE
    return entry
  }

  /** The entry of a key that is there and not past its deadline; an expired one is removed on the way. */
  find(args: Arguments, key: number, into: Entry = this.entry): Entry | null {
    const hash = this.hashOf(args, key)
    const entry = this.locate(args.block, args.offsets[key], args.lengths[key], hash, into)
    if (entry === null) return null
    return this.expireIfDue(entry) ? null : entry
  }

  /**
   * Creates the key, or replaces the value it has, whatever its type. The new value's `length` bytes are the
   * caller's to fill, before anything else happens. Its deadline goes unless `keepDeadline`.
   */
  overwrite(
    args: Arguments,
    key: number,
    type: number,
    length: number,
    keepDeadline: boolean,
    into: Entry = this.entry,
  ): Entry {
    const keyOffset = args.offsets[key]
    const keyLength = args.lengths[key]
    const entry = this.locate(args.block, keyOffset, keyLength, this.hashOf(args, key), into)
    // What SET mostly meets: bench/micro/pipeline.ts.
    if (entry !== null && type === TYPE_STRING && entry.isPlainString && entry.valueLength === length) {
      this.touch(entry)
      return entry
    }
    if (entry === null || this.expireIfDue(entry)) {
      return this.insert(args.block, keyOffset, keyLength, into.hash, type, length, into)
    }
    if (entry.type !== TYPE_STRING) this.freeValue(entry)
    this.touch(entry)
    if (!keepDeadline) this.clearDeadline(entry)
    const field = (entry.flags & DEADLINE_FIELD) !== 0
    if (this.keyspace.arena.fits(entry.address, entryBytes(keyLength, length, field))) {
      entry.setValueLength(length)
      entry.flags = field ? DEADLINE_FIELD : 0
    } else {
      this.relocate(entry, length, 0, entry.hasDeadline || alwaysHasField(keyLength, length), 0)
      entry.clearRaw()
    }
    entry.type = type
    return entry
  }

  /** Creates a key that is known to be absent: the last lookup of it with `into` found nothing. */
  create(args: Arguments, key: number, type: number, length: number, into: Entry = this.entry): Entry {
    const offset = args.offsets[key]
    return this.insert(args.block, offset, args.lengths[key], into.hash, type, length, into)
  }

  /**
   * Gives the value `length` bytes and keeps those it has (as many as fit); new bytes are undefined. A value
   * that grows in place step by step (APPEND) gets an eighth more room than asked when it has to move.
   */
  resizeValue(entry: Entry, length: number): void {
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
    if ((entry.flags & DEADLINE_FIELD) === 0)
      this.relocate(entry, entry.valueLength, entry.valueLength, true, 0)
    if (!entry.hasDeadline) entry.deadlinePosition = this.deadlines.add(entry.address)
    entry.writeDeadline(milliseconds)
  }

  /** Takes the deadline off. Returns whether there was one. */
  clearDeadline(entry: Entry): boolean {
    if (!entry.hasDeadline) return false
    this.unlistDeadline(entry)
    return true
  }

  /** Removes the key and its value; large values are freed in slices. */
  remove(entry: Entry): void {
    if (entry.type !== TYPE_STRING) this.freeValue(entry)
    this.removeShell(entry)
  }

  /** Removes the key but not what its value owns, which has been moved to another entry. */
  removeShell(entry: Entry): void {
    if (entry.hasDeadline) this.unlistDeadline(entry)
    this.index.remove(entry.hash, entry.address)
    this.keyspace.arena.free(entry.address)
  }

  /**
   * Gives the entry the key that argument `key` names, which must be absent by a lookup with `into`. What the
   * value owns moves with it; the bytes in the entry itself are copied.
   */
  rename(entry: Entry, args: Arguments, key: number, into: Entry): void {
    const renamed = this.create(args, key, entry.type, entry.valueLength, into)
    copyBytes(entry.block, entry.valueOffset, renamed.block, renamed.valueOffset, entry.valueLength)
    renamed.flags |= entry.flags & ~DEADLINE_FIELD
    renamed.access = entry.access
    if (entry.hasDeadline) this.setDeadline(renamed, entry.deadlineInt64)
    this.removeShell(entry)
  }

  /** Moves the entry as it is to another database, which must not have its key. */
  moveTo(target: Database, entry: Entry): void {
    const listed = entry.hasDeadline
    if (listed) this.unlistDeadline(entry)
    this.index.remove(entry.hash, entry.address)
    target.index.insert(entry.hash, entry.address)
    if (listed) entry.deadlinePosition = target.deadlines.add(entry.address)
    this.keyspace.listener?.keyEvent(target, entry.keyBytes(), NOTIFY_NEW, 'new')
    if (entry.type === TYPE_LIST) this.keyspace.arrivals?.keyArrived(target, entry)
  }

  /** A random key that is not past its deadline, every one equally likely; null when there is none. */
  random(into: Entry = this.entry): Entry | null {
    const { random } = this.keyspace
    for (;;) {
      const address = this.index.random(() => random.fraction())
      if (address === 0) return null
      if (!this.expireIfDue(this.at(address, into))) return into
    }
  }

  /** Tells everyone concerned that a write changed a key: `event` is Redis's name for what happened. */
  changed(args: Arguments, key: number, type: number, event: string, dirty: number = 1): void {
    this.keyspace.dirty += dirty
    this.notify(args, key, type, event)
  }

  /** The part of changed() for a second event of the same write. */
  notify(args: Arguments, key: number, type: number, event: string): void {
    const listener = this.keyspace.listener
    if (listener !== null) listener.keyChanged(this, args.copy(key), type, event)
  }

  /** Removes the entry if its deadline has passed. Returns whether it did. */
  expireIfDue(entry: Entry): boolean {
    if ((entry.flags & DEADLINE_FIELD) === 0) return false
    if (entry.deadline > this.keyspace.clock.now || this.keyspace.loading) return false
    this.expire(entry)
    return true
  }

  /** Removes an entry because its deadline has passed. */
  expire(entry: Entry): void {
    const { listener, stats } = this.keyspace
    const key = listener === null ? null : entry.keyBytes()
    this.keyspace.removals?.keyExpired(this, entry)
    this.remove(entry)
    stats.expiredKeys++
    if (key !== null) listener?.keyChanged(this, key, NOTIFY_EXPIRED, 'expired')
  }

  /** Records an access in the entry's access clock. */
  touch(entry: Entry): void {
    const { keyspace } = this
    if (keyspace.noTouch) return
    const now = keyspace.clock.now
    if (!keyspace.lfu) entry.access = keyspace.lruClock(now)
    else {
      const { lfuDecayTime, lfuLogFactor } = keyspace.settings
      entry.access = lfuTouch(entry.access, now, lfuDecayTime, lfuLogFactor, keyspace.random)
    }
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

  /** Leaves the database empty; its entries are freed in slices. */
  detach(): void {
    this.keyspace.lazyFree.addIndex(this.index)
    this.index = new HashIndex()
    this.deadlines = new DeadlineList()
    this.averageTtl = 0
  }

  /** Exchanges the content of two databases. */
  swapWith(other: Database): void {
    ;[this.index, other.index] = [other.index, this.index]
    ;[this.deadlines, other.deadlines] = [other.deadlines, this.deadlines]
    ;[this.averageTtl, other.averageTtl] = [other.averageTtl, this.averageTtl]
  }

  /** Points `into` at the key's entry, expired or not; null when there is none. Leaves the hash in `into`. */
  peek(key: Block, offset: number, length: number, into: Entry = this.entry): Entry | null {
    return this.locate(key, offset, length, this.hash(key, offset, length), into)
  }

  private hashOf(args: Arguments, key: number): number {
    if (key === 1 && args.keyHash !== 0) return args.keyHash
    return this.hash(args.block, args.offsets[key], args.lengths[key])
  }

  private hash(key: Block, offset: number, length: number): number {
    return sipHash(key, offset, length, this.keyspace.hashKey0, this.keyspace.hashKey1)
  }

  private locate(key: Block, offset: number, length: number, hash: number, into: Entry): Entry | null {
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

  private insert(
    key: Block,
    keyOffset: number,
    keyLength: number,
    hash: number,
    type: number,
    length: number,
    into: Entry,
  ): Entry {
    const field = alwaysHasField(keyLength, length)
    const { arena, lfu, clock } = this.keyspace
    const address = arena.allocate(entryBytes(keyLength, length, field))
    const flags = field ? DEADLINE_FIELD : 0
    into.create(arena, address, hash, type, flags, key, keyOffset, keyLength, length)
    into.access = lfu ? lfuStart(clock.now) : lruAccess(clock.now)
    this.index.insert(hash, address)
    this.keyspace.listener?.keyEvent(this, into.keyBytes(), NOTIFY_NEW, 'new')
    if (type === TYPE_LIST) this.keyspace.arrivals?.keyArrived(this, into)
    return into
  }

  private missed(args: Arguments, key: number, tell: boolean): void {
    this.keyspace.stats.misses++
    if (tell) this.keyspace.listener?.keyEvent(this, args.copy(key), NOTIFY_KEY_MISS, 'keymiss')
  }

  /** Moves the entry to an allocation of its new size, keeping `kept` bytes of its value. */
  private relocate(entry: Entry, length: number, kept: number, field: boolean, slack: number): void {
    const { arena } = this.keyspace
    const { hash, address } = entry
    const moved = this.moved
    const target = arena.allocate(entryBytes(entry.keyLength, length, field) + slack)
    const flags = (entry.flags & ~DEADLINE_FIELD) | (field ? DEADLINE_FIELD : 0)
    moved.create(
      arena,
      target,
      hash,
      entry.type,
      flags,
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

  private unlistDeadline(entry: Entry): void {
    const position = entry.deadlinePosition
    const last = this.deadlines.removeAt(position)
    entry.clearDeadline()
    if (last === 0) return
    this.moved.point(this.keyspace.arena, last, 0)
    this.moved.deadlinePosition = position
  }

  /** Frees what the value owns outside its entry. */
  private freeValue(entry: Entry): void {
    if (entry.type !== TYPE_LIST) return
    const { freedList, arena, lazyFree } = this.keyspace
    freedList.point(entry.block, entry.valueOffset)
    const head = freedList.takeChain()
    if (head === 0) return
    const rest = freeChainSome(arena, head, FREE_AT_ONCE)
    if (rest !== 0) lazyFree.addChain(rest)
  }
}
