/**
 * The only door to keys: lookup with expiry on access, access clock and hit counts; creation, overwriting,
 * resizing, deadlines, removal; and changed(), the one call a handler makes after a write.
 */
import type { Arguments } from '../protocol/arguments.ts'
import { WRONG_TYPE } from '../protocol/error-replies.ts'
import { type Block, copyBytes, equalBytes } from '../structures/block.ts'
import { DeadlineList } from '../structures/deadline-list.ts'
import { HashIndex } from '../structures/hash-index.ts'
import { lfuStart, lfuTouch, lruAccess } from './access-clock.ts'
import {
  alwaysHasField,
  DEADLINE_FIELD,
  Entry,
  entryBytes,
  headerWord,
  TYPE_LIST,
  TYPE_STRING,
} from './entry.ts'
import { EntryStore } from './entry-store.ts'
import type { Keyspace } from './keyspace.ts'
import { NOTIFY_EXPIRED, NOTIFY_KEY_MISS, NOTIFY_NEW } from './notifications.ts'

export class Database extends EntryStore {
  /** SWAPDB exchanges these, so that every client's `db` stays right. */
  id: number
  /** Running average of the remaining time to live of sampled keys, milliseconds (INFO avg_ttl). */
  averageTtl: number
  /** The view that lookups return unless they are given another. */
  private readonly entry: Entry
  /** For commands that look at two keys at once: give it to the second lookup. */
  readonly second: Entry

  constructor(keyspace: Keyspace, id: number) {
    super(keyspace)
    this.id = id
    this.averageTtl = 0
    this.entry = new Entry()
    this.second = new Entry()
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

  /** For writing: touches the key, counts nothing. edit() comes before bytes of a string change where they are. */
  write(args: Arguments, key: number, into: Entry = this.entry): Entry | null {
    const entry = this.find(args, key, into)
    if (entry !== null) {
      this.preserve(entry)
      this.touch(entry)
    }
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
    const entry = this.locateArgument(args, key, into)
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
    const entry = this.locateArgument(args, key, into)
    // What SET mostly meets, told by one comparison (bench/micro/pipeline.ts): a string without a flag that no
    // snapshot waits for.
    const isPlain = entry !== null && entry.header === this.keyspace.plainHeader
    if (isPlain && type === TYPE_STRING && entry.valueLength === length) {
      this.touch(entry)
      return entry
    }
    if (entry === null || this.expireIfDue(entry)) {
      return this.insert(args.block, keyOffset, keyLength, into.hash, type, length, into)
    }
    const stays = this.preserve(entry)
    if (entry.type !== TYPE_STRING) this.freeValue(entry)
    this.touch(entry)
    if (!keepDeadline) this.clearDeadline(entry)
    const field = (entry.flags & DEADLINE_FIELD) !== 0
    if (!stays && this.keyspace.arena.fits(entry.address, entryBytes(keyLength, length, field))) {
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
   * Gives the entry the key that argument `key` names, which must be absent by a lookup with `into`. What the
   * value owns moves with it; the bytes in the entry itself are copied.
   */
  rename(entry: Entry, args: Arguments, key: number, into: Entry): void {
    this.preserve(entry)
    const renamed = this.create(args, key, entry.type, entry.valueLength, into)
    copyBytes(entry.block, entry.valueOffset, renamed.block, renamed.valueOffset, entry.valueLength)
    renamed.flags |= entry.flags & ~DEADLINE_FIELD
    renamed.access = entry.access
    if (entry.hasDeadline) this.setDeadline(renamed, entry.deadlineInt64)
    this.removeShell(entry)
  }

  /** Moves the entry as it is to another database, which must not have its key. */
  moveTo(target: Database, entry: Entry): void {
    this.preserve(entry)
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

  /** The keyed hash of the key that argument `key` names, which is or would be its entry's. */
  hashOf(args: Arguments, key: number): number {
    if (key === 1 && args.keyHash !== 0) return args.keyHash
    const known = this.keyspace.lookahead.hashOf(args, key)
    return known === 0 ? this.hash(args.block, args.offsets[key], args.lengths[key]) : known
  }

  private locateArgument(args: Arguments, key: number, into: Entry): Entry | null {
    const { block } = args
    const offset = args.offsets[key]
    const length = args.lengths[key]
    const hash = args.keyHash
    if (key !== 1 || hash === 0) return this.locate(block, offset, length, this.hashOf(args, key), into)
    const { arena, lookahead } = this.keyspace
    // Found when it was read ahead, and still there: bench/micro/lookahead.ts.
    const address = lookahead.addressOf(args, this.index)
    if (address !== 0) {
      into.point(arena, address, hash)
      if (into.keyLength === length && equalBytes(block, offset, into.block, into.keyOffset, length)) {
        return into
      }
    }
    return this.locate(block, offset, length, hash, into)
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
    const header = headerWord(type, field ? DEADLINE_FIELD : 0, this.keyspace.epoch)
    into.create(arena, address, hash, header, key, keyOffset, keyLength, length)
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
}
