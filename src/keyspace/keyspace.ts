/**
 * Everything the databases of one server share: the arena, the hash key, time, chance, counters, and what is
 * waiting to be freed in slices.
 */
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../platform/clock.ts'
import type { Random } from '../platform/random.ts'
import { Arena } from '../structures/arena.ts'
import type { HashIndex } from '../structures/hash-index.ts'
import { ListFreezes } from '../values/list-freeze.ts'
import { ListView } from '../values/list-value.ts'
import { lruAccess } from './access-clock.ts'
import { Database } from './database.ts'
import { Defragmentation } from './defragmentation.ts'
import { type Entry, HALF_SEEN, headerWord, TYPE_STRING } from './entry.ts'
import { Eviction } from './eviction.ts'
import { LatencyMonitor } from './latency-monitor.ts'
import { LazyFree } from './lazy-free.ts'
import { Lookahead } from './lookahead.ts'
import { usedBytes } from './memory.ts'

/** What is told of changes in the keyspace. */
export interface KeyspaceListener {
  /**
   * A key was changed; `event` of notification class `type` says how. A write may come as several events.
   * The key's entry may be gone, and it must not be changed from here.
   */
  keyChanged(db: Database, key: Buffer, type: number, event: string): void
  /** Something that is no change happened to a key: "new" beside its first write, "keymiss". */
  keyEvent(db: Database, key: Buffer, type: number, event: string): void
  /** All content of `db` is about to go (`by` null: FLUSHDB) or to be replaced by that of `by` (SWAPDB). */
  databaseReplaced(db: Database, by: Database | null): void
}

/** What is told of keys that clients may be waiting for: far less than every change. */
export interface ArrivalListener {
  /** A list came to be under a key that had none: made, renamed, moved or copied there. It may have no element yet. */
  keyArrived(db: Database, entry: Entry): void
  /** Any key of the two databases may have arrived. */
  databasesSwapped(one: Database, other: Database): void
}

/** What is told of keys that go by themselves, before they do: their removal is no command of anybody's. */
export interface RemovalListener {
  keyExpired(db: Database, entry: Entry): void
  keyEvicted(db: Database, entry: Entry): void
}

/** A snapshot under way: it has to see what was there when it began before that changes. */
export interface PreImages {
  /**
   * An entry of `index` that it has not seen, or not wholly, is about to change or to go. Returns whether it still needs
   * the bytes of the value where they are.
   */
  preserve(index: HashIndex, entry: Entry): boolean
  /** As EntryStore.edit(), for a value whose bytes it needed when last asked. */
  edit(entry: Entry, from: number, length: number): void
}

/** Counters INFO reports; CONFIG RESETSTAT clears them. */
export class KeyspaceStats {
  hits: number = 0
  misses: number = 0
  expiredKeys: number = 0
  /** Estimated share of keys past their deadline that are still there, in percent. */
  expiredStalePercent: number = 0
  expiredTimeCapReached: number = 0
  expireCycleMicros: number = 0
  lazyFreedObjects: number = 0
  evictedKeys: number = 0
  /** Most bytes in use of what counts for maxmemory (Eviction.peakBytes). */
  limitedPeakBytes: number = 0
  /** Microseconds that the use was above maxmemory and stayed so; and since when it is, 0 when it is not. */
  evictionExceededMicros: number = 0
  evictionExceededSince: number = 0
  /** Of defragmentation: objects moved, keys looked at whose entry stayed, keys with and without anything to move. */
  defragHits: number = 0
  defragMisses: number = 0
  defragKeyHits: number = 0
  defragKeyMisses: number = 0
  /** Microseconds from the start to the end of its walks. */
  defragMicros: number = 0

  reset(): void {
    this.hits = 0
    this.misses = 0
    this.expiredKeys = 0
    this.expiredStalePercent = 0
    this.expiredTimeCapReached = 0
    this.lazyFreedObjects = 0
    this.evictedKeys = 0
    this.limitedPeakBytes = 0
    this.evictionExceededMicros = 0
    this.evictionExceededSince = 0
    this.defragHits = 0
    this.defragMisses = 0
    this.defragKeyHits = 0
    this.defragKeyMisses = 0
    this.defragMicros = 0
  }
}

export class Keyspace {
  readonly settings: Settings
  readonly clock: Clock
  readonly random: Random
  readonly arena: Arena
  /** The key of the keyed hash, secret to this server. */
  readonly hashKey0: number
  readonly hashKey1: number
  readonly stats: KeyspaceStats
  readonly latency: LatencyMonitor
  readonly lookahead: Lookahead
  readonly lazyFree: LazyFree
  readonly defragmentation: Defragmentation
  readonly eviction: Eviction
  readonly databases: Database[]
  /** The lists that a snapshot is reading. */
  readonly freezes: ListFreezes
  /** Views for commands on lists: one for most, the other where two lists meet. */
  readonly list: ListView
  readonly otherList: ListView
  /** The view through which values are freed, in the middle of any command. */
  readonly freedList: ListView
  /** Changes since the last save (INFO rdb_changes_since_last_save). */
  dirty: number
  /** Most bytes in use when looked at (INFO used_memory_peak). */
  peakBytes: number
  /** Follows maxmemory-policy: the access clock holds LFU counters instead of the LRU time. */
  lfu: boolean
  private lruMoment: number
  private lruNow: number
  /** Set while the dataset is being loaded: keys past their deadline stay until it is there as it was. */
  loading: boolean
  /** Set while a CLIENT NO-TOUCH client's command runs. */
  noTouch: boolean
  listener: KeyspaceListener | null
  /** The snapshot under way. */
  snapshot: PreImages | null
  /**
   * The number of the latest snapshot, 1 … EPOCH_MAX, or 0 before the first. Entries made since its beginning and those
   * that it has seen carry it; so outside snapshots nearly all do, and whoever changes one pays one comparison.
   */
  epoch: number
  /** The header of a string without flags that the latest snapshot has seen. */
  plainHeader: number
  /** Called once for each flush of one or all databases, before it. */
  onFlush: (() => void) | null
  /** Set while clients wait for keys. */
  arrivals: ArrivalListener | null
  /** Set while changes are written elsewhere too. */
  removals: RemovalListener | null

  constructor(settings: Settings, clock: Clock, random: Random) {
    this.settings = settings
    this.clock = clock
    this.random = random
    this.arena = new Arena()
    this.hashKey0 = random.uint32() | 0
    this.hashKey1 = random.uint32() | 0
    this.stats = new KeyspaceStats()
    this.latency = new LatencyMonitor(settings, clock)
    this.freezes = new ListFreezes()
    this.list = new ListView(this.arena, this.freezes)
    this.otherList = new ListView(this.arena, this.freezes)
    this.freedList = new ListView(this.arena, this.freezes)
    this.lookahead = new Lookahead()
    this.lazyFree = new LazyFree(this)
    this.defragmentation = new Defragmentation(this)
    this.dirty = 0
    this.peakBytes = 0
    this.lfu = settings.maxmemoryPolicy.endsWith('lfu')
    this.lruMoment = 0
    this.lruNow = 0
    this.loading = false
    this.noTouch = false
    this.listener = null
    this.snapshot = null
    this.epoch = 0
    this.plainHeader = headerWord(TYPE_STRING, 0, 0)
    this.onFlush = null
    this.arrivals = null
    this.removals = null
    this.databases = []
    for (let id = 0; id < settings.databases; id++) this.databases.push(new Database(this, id))
    this.eviction = new Eviction(this)
  }

  /** lruAccess(now), computed once for each moment. */
  lruClock(now: number): number {
    if (now !== this.lruMoment) {
      this.lruMoment = now
      this.lruNow = lruAccess(now)
    }
    return this.lruNow
  }

  /** The latest snapshot is number `epoch` now. */
  setEpoch(epoch: number): void {
    this.epoch = epoch
    this.plainHeader = headerWord(TYPE_STRING, 0, epoch)
  }

  /** The slow part of EntryStore.preserve(): the entry was not seen by the latest snapshot, or not wholly. */
  preserve(index: HashIndex, entry: Entry): boolean {
    const stays = this.snapshot !== null && this.snapshot.preserve(index, entry)
    entry.epoch = stays ? this.epoch | HALF_SEEN : this.epoch
    return stays
  }

  /** Number of keys in all databases. */
  get keyCount(): number {
    let count = 0
    for (const db of this.databases) count += db.size
    return count
  }

  /** Bytes in use, but for clients' buffers (memory.ts). */
  get usedBytes(): number {
    return usedBytes(this)
  }

  /** Notes the memory in use; the peak is the largest noted. */
  notePeak(): void {
    this.peakBytes = Math.max(this.peakBytes, this.usedBytes)
  }

  /** Exchanges the content of two databases (SWAPDB). */
  swap(one: Database, other: Database): void {
    this.listener?.databaseReplaced(one, other)
    this.listener?.databaseReplaced(other, one)
    one.swapWith(other)
    this.arrivals?.databasesSwapped(one, other)
  }

  /** Removes every key of `databases`; the memory follows in slices, or at once when nothing is left. */
  flush(databases: readonly Database[]): number {
    let removed = 0
    this.onFlush?.()
    for (const db of databases) {
      this.listener?.databaseReplaced(db, null)
      removed += db.size
      db.detach()
    }
    // Nothing in the arena belongs to anyone any more: dropping its segments beats freeing object by object.
    if (this.keyCount === 0 && this.snapshot === null) {
      this.lazyFree.forget()
      this.arena.clear()
    }
    return removed
  }
}
