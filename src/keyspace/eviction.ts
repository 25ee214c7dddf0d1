/**
 * Eviction: removes keys when the dataset is above maxmemory, those first that the policy thinks can be spared.
 * When it is called for, and what a client is told if it does not help, is engine/memory-limit.ts.
 *
 * True LRU needs a list through all keys, two more words a key and two cache misses a read, to know exactly
 * what is only a guess at the future anyway. Redis's way needs 24 bits: look at a few random keys
 * (maxmemory-samples) and evict the one idle longest. Five samples alone are a poor guess, so the best seen so far
 * stay in a pool of sixteen: every eviction takes the best of the pool, and every round of samples only improves
 * what is left there. Over the databases there is one pool, so the best key of all goes first. The score is the idle
 * time for LRU, 255 less the decayed counter for LFU, the nearness of the deadline for volatile-ttl.
 *
 * Here a sample costs less. A bucket of the index holds up to seven keys that nothing but their hash brought together:
 * a random bucket is a random set of keys for one cache miss, and the reads of their access clocks do not depend on
 * each other, so they wait for memory together. Whole buckets are taken, so that every key is as likely as any other:
 * as many as hold maxmemory-samples keys on average. A key with a deadline is sampled from the list of deadlines, one
 * by one, since neighbours there are of the same age. And samples are drawn for eight evictions at once: some seven
 * buckets, then the clocks of forty keys, each in a loop short enough that the processor has many reads under way. The
 * choice is none the worse: the eight best of eight rounds go, instead of the best of each. What is left of the cost is
 * those reads, some 60 ns each with a million keys, half of what a SET that evicts takes (bench/micro/eviction.ts).
 *
 * A write also has room made for the seven that may follow it, if they are of its size, unless that is more than
 * 1/4096 of maxmemory. In a pipeline only every eighth SET evicts then, and the others need one comparison.
 *
 * The pool remembers scores of a moment ago. A candidate that was used since, has moved or is gone is dropped when
 * its turn comes (Redis evicts it if it is still there); what another policy left there has low scores or is dropped
 * the same way. test/keyspace/eviction.test.ts measures the distance to true LRU in hits: on a Zipf trace less than
 * a point at five samples. Of the keys evicted at 3, 5 and 10 samples 75, 84 and 94 % are those that true LRU would
 * evict too (redis-server: 71, 82 and 92 %), and on Zipf, scan-polluted and shifting traces the hits of every policy
 * are from 0.03 points less than redis-server's to 0.7 more (bench/eviction.ts, bench/results/eviction.md).
 *
 * Memory on its way out comes first: while parts of large values or of flushed databases wait to be freed
 * (lazy-free.ts), no key goes, so that a list of a million elements counts as what it is.
 *
 * Time: a call that finds much too much in use, after CONFIG SET maxmemory, stops after a time that
 * maxmemory-eviction-tenacity sets, 0.5 ms by default, and the rest goes on between turns. Redis spends that
 * time again before every command meanwhile; here a command then only frees twice what it may add, so that the
 * excess shrinks and a pipeline is not held up for half a millisecond a command.
 */
import type { AddressList } from '../structures/address-list.ts'
import type { Address } from '../structures/arena.ts'
import type { HashIndex } from '../structures/hash-index.ts'
import type { Database } from './database.ts'
import { Entry } from './entry.ts'
import { EvictionPool } from './eviction-pool.ts'
import { BY_CHANCE, BY_NOTHING, EvictionScore } from './eviction-score.ts'
import { KeySampler } from './key-sampler.ts'
import type { Keyspace } from './keyspace.ts'
import { fetchEntries } from './lookahead.ts'
import { overheadBytes, STARTUP_BYTES } from './memory.ts'
import { NOTIFY_EVICTED } from './notifications.ts'

/** Keys evicted between two looks at the time. */
const STEP = 16
/** What may pass before the indexes are counted anew: checks of the limit, and bytes that the arena grows by. */
const CHECKS = 256
const GROWTH = 256 * 1024
/** Evictions that samples are drawn for at once, so that their reads wait for memory together; of a pool of 16. */
const ROUNDS = 8
/** Room is made for so many writes of one size; those that are yet to come get at most this part of maxmemory. */
const COMMANDS_AHEAD = 8
const AHEAD_OF_LIMIT = 1 / 4096
/** About as many keys as a bucket has. */
const STRIDE = 6
/** Keys the random policies draw at once. */
const DRAWN = 8

/** Whether the use is below the limit, or on its way there, or cannot be brought there. */
export const WITHIN_LIMIT = 0
export const EVICTING = 1
export const OUT_OF_ROOM = 2

/** How long one call may take, microseconds; `tenacity` is maxmemory-eviction-tenacity, 0 to 100 (never stop). */
export function evictionMicros(tenacity: number): number {
  if (tenacity <= 10) return 50 * tenacity
  return tenacity < 100 ? Math.floor(500 * 1.15 ** (tenacity - 10)) : Number.POSITIVE_INFINITY
}

export class Eviction {
  private readonly keyspace: Keyspace
  private readonly pool: EvictionPool
  private readonly entry: Entry
  private readonly sampler: KeySampler
  /** What the sampler found. */
  private readonly found: AddressList
  private scores: Float64Array
  /** Evictions that the last samples are still good for. */
  private roundsLeft: number
  /** Where the keys in `found` are from, under the random policies. */
  private drawnFrom: Database | null
  /** The policy. */
  private readonly score: EvictionScore
  /** Bytes the arena may have in use: maxmemory less what the indexes take. */
  private limit: number
  /** From here on run() has to look: the limit, or nearer when the indexes have to be counted, or -1 when above. */
  private tightLimit: number
  private checksLeft: number
  /** The most the arena had in use at a check since the indexes were counted. */
  private mostInUse: number
  /** An earlier call ran out of time. */
  private unfinished: boolean
  /** Bytes that somebody waits for: they count as used, so that no other writer takes the room meanwhile. */
  reserved: number
  /** The database to begin with. */
  private nextDatabase: number

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
    this.pool = new EvictionPool()
    this.entry = new Entry()
    this.sampler = new KeySampler(keyspace)
    this.found = this.sampler.found
    this.scores = new Float64Array(32)
    this.roundsLeft = 0
    this.drawnFrom = null
    this.score = new EvictionScore(keyspace)
    this.limit = Number.POSITIVE_INFINITY
    this.tightLimit = Number.POSITIVE_INFINITY
    this.checksLeft = 0
    this.mostInUse = 0
    this.unfinished = false
    this.reserved = 0
    this.nextDatabase = 0
    this.configure()
  }

  /** Takes over maxmemory and maxmemory-policy from the settings. */
  configure(): void {
    this.score.configure()
    this.drawnFrom = null
    this.checksLeft = 0
  }

  /** Whether `bytes` more may be above the limit: run() knows for certain. For every command, so it only compares. */
  isTight(bytes: number): boolean {
    if (--this.checksLeft < 0) this.countOverhead()
    const { bytesUsed } = this.keyspace.arena
    if (bytesUsed > this.mostInUse) this.mostInUse = bytesUsed
    return bytesUsed + bytes + this.reserved > this.tightLimit
  }

  /**
   * Evicts until `bytes` more are within the limit, or time is up (EVICTING), or nothing is left that may go
   * (OUT_OF_ROOM). For more than the limit as a whole nothing is evicted.
   */
  run(bytes: number): number {
    // Asked for without an excess in sight: the indexes are due, or the excess may be over.
    if (this.checksLeft <= 0 || this.excess(bytes) <= 0) this.countOverhead()
    let result = this.excess(bytes) <= 0 ? WITHIN_LIMIT : this.evict(bytes)
    // There is room for these bytes, if not for those of whoever waits too.
    if (result === OUT_OF_ROOM && this.excess(bytes) <= this.reserved) result = WITHIN_LIMIT
    this.note(result)
    return result
  }

  /**
   * The most that was in use of what counts for the limit (INFO mem_counted_for_evict_peak), by a look before every
   * command; since RESETSTAT. 0 without a limit.
   */
  get peakBytes(): number {
    this.countOverhead()
    return this.keyspace.settings.maxmemory === 0 ? 0 : this.keyspace.stats.limitedPeakBytes
  }

  /** Whether it is these bytes that the limit would be exceeded by, what is reserved aside. */
  wouldExceed(bytes: number): boolean {
    const free = this.limit - this.keyspace.arena.bytesUsed
    return free >= 0 && bytes > free
  }

  /** Goes on with what run() left unfinished, for as long as one call may take. Returns as run() does. */
  goOn(): number {
    this.unfinished = false
    this.countOverhead()
    return this.run(0)
  }

  private evict(bytes: number): number {
    const { keyspace } = this
    const { clock, lazyFree, settings } = keyspace
    if (bytes > 0 && bytes > settings.maxmemory - STARTUP_BYTES) return OUT_OF_ROOM
    // Most calls evict one key and never look at the clock; the first look starts the time.
    let end = 0
    const enough = this.unfinished ? keyspace.arena.bytesUsed - bytes * 2 : -1
    const ahead = Math.min(bytes * (COMMANDS_AHEAD - 1), settings.maxmemory * AHEAD_OF_LIMIT)
    for (let evicted = 1; this.excess(bytes + ahead) > 0; evicted++) {
      const lazy = lazyFree.pending
      if (lazy) lazyFree.step()
      else if (!this.evictOne()) {
        if (this.excess(bytes) > 0) return OUT_OF_ROOM
        break
      }
      if (!lazy && evicted % STEP !== 0) continue
      this.countOverhead()
      const now = clock.monotonicMicros()
      if (end === 0) end = now + evictionMicros(settings.maxmemoryEvictionTenacity)
      if (now > end || keyspace.arena.bytesUsed < enough) {
        if (this.excess(bytes) <= 0) break
        this.unfinished = true
        return EVICTING
      }
    }
    this.unfinished = false
    return WITHIN_LIMIT
  }

  /** Removes one key. Returns whether there was one that may go. */
  private evictOne(): boolean {
    const db = this.score.rule === BY_CHANCE ? this.drawKey() : this.chooseKey()
    if (db === null) return false
    const { listener, stats } = this.keyspace
    const key = listener === null ? null : this.entry.keyBytes()
    this.keyspace.removals?.keyEvicted(db, this.entry)
    db.remove(this.entry)
    stats.evictedKeys++
    if (key !== null) listener?.keyChanged(db, key, NOTIFY_EVICTED, 'evicted')
    return true
  }

  /** Points `entry` at the best candidate there is and returns its database; null when no key may go. */
  private chooseKey(): Database | null {
    const { pool } = this
    if (this.score.rule === BY_NOTHING) return null
    for (;;) {
      if (this.roundsLeft === 0 && !this.sampleAll()) return null
      this.roundsLeft--
      for (let place = pool.take(); place >= 0; place = pool.take()) {
        const db = pool.dbs[place]
        const address = pool.addresses[place]
        const hash = pool.hashes[place]
        if (db !== null && isThere(db.index, hash, address)) {
          this.entry.point(this.keyspace.arena, address, hash)
          if (this.score.of(this.entry) >= pool.scores[place]) return db
        }
      }
      this.roundsLeft = 0
    }
  }

  /** Puts the best of so many random keys into the pool that ROUNDS evictions may follow; false when none may go. */
  private sampleAll(): boolean {
    let keys = 0
    const { databases } = this.keyspace
    const start = this.nextDatabase
    for (let i = 0; i < databases.length; i++) {
      const db = databases[(start + i) % databases.length]
      const count = this.eligible(db)
      if (count === 0) continue
      // Among equal scores the first seen gets into the pool, so another database begins each time.
      if (keys === 0) this.nextDatabase = start + i + 1
      keys += count
      this.sample(db, count)
    }
    this.roundsLeft = ROUNDS
    return keys > 0
  }

  /** Points `entry` at a random key, of the databases in turn, and returns its database. */
  private drawKey(): Database | null {
    const { found } = this
    const { arena } = this.keyspace
    for (;;) {
      if ((this.drawnFrom === null || found.length === 0) && !this.drawSome()) return null
      const db = this.drawnFrom
      const at = --found.length
      const address = found.items[at]
      const hash = found.hashes[at]
      if (db === null || !isThere(db.index, hash, address)) continue
      this.entry.point(arena, address, hash)
      if (!this.score.volatileOnly || this.entry.hasDeadline) return db
    }
  }

  /** Draws random keys of the next database for some evictions, their reads under way together; false for none. */
  private drawSome(): boolean {
    const { found } = this
    const { databases } = this.keyspace
    for (let tries = 0; tries < databases.length; tries++) {
      this.nextDatabase = (this.nextDatabase + 1) % databases.length
      const db = databases[this.nextDatabase]
      const count = this.eligible(db)
      if (count === 0) continue
      found.clear()
      if (this.score.volatileOnly) this.sampler.fromDeadlines(db, Math.min(DRAWN, count))
      else this.sampler.apart(db.index, Math.min(DRAWN, count))
      fetchEntries(this.keyspace.arena, found.items, found.length)
      // Who came from elsewhere than the index has no hash yet.
      for (let i = 0; i < found.length; i++) {
        if (found.hashes[i] === 0) found.hashes[i] = db.at(found.items[i], this.entry).hash
      }
      this.drawnFrom = db
      return true
    }
    return false
  }

  /** How many keys of the database may go. */
  private eligible(db: Database): number {
    return this.score.volatileOnly ? db.deadlines.count : db.index.count
  }

  /** Looks at random keys of `db`, which has `count` that may go, and puts the best into the pool. */
  private sample(db: Database, count: number): void {
    const { found, pool } = this
    const samples = Math.min(this.keyspace.settings.maxmemorySamples * ROUNDS, count)
    found.clear()
    if (this.score.volatileOnly) this.sampler.fromDeadlines(db, samples)
    else this.sampler.fromBuckets(db.index, samples)
    if (this.scores.length < found.length) this.scores = new Float64Array(found.items.length)
    const { scores } = this
    this.score.ofAll(found, scores)
    // Among equal scores the first seen gets into the pool: not all of one bucket, for apart()'s reason.
    for (let first = 0; first < STRIDE; first++) {
      for (let i = first; i < found.length; i += STRIDE) {
        if (!pool.wants(scores[i])) continue
        const address = found.items[i]
        const hash = found.hashes[i] === 0 ? db.at(address, this.entry).hash : found.hashes[i]
        pool.add(db, address, hash, scores[i])
      }
    }
  }

  /** Bytes above the limit when `bytes` more come, as of the last counting of the indexes. */
  private excess(bytes: number): number {
    return this.keyspace.arena.bytesUsed + bytes + this.reserved - this.limit
  }

  private countOverhead(): void {
    const { arena, databases, settings, stats } = this.keyspace
    const { maxmemory } = settings
    const overhead = overheadBytes(databases)
    this.limit = maxmemory === 0 ? Number.POSITIVE_INFINITY : maxmemory - overhead
    stats.limitedPeakBytes = Math.max(stats.limitedPeakBytes, this.mostInUse + overhead)
    this.mostInUse = arena.bytesUsed
    this.checksLeft = CHECKS
    this.tighten()
  }

  private tighten(): void {
    const { arena, stats } = this.keyspace
    if (stats.evictionExceededSince !== 0) this.tightLimit = -1
    else this.tightLimit = Math.min(this.limit, arena.bytesUsed + GROWTH)
  }

  /** Keeps the times that the use was above the limit and stayed so (INFO total_eviction_exceeded_time). */
  private note(result: number): void {
    const { stats, clock } = this.keyspace
    const since = stats.evictionExceededSince
    if (result === WITHIN_LIMIT) {
      if (since !== 0) stats.evictionExceededMicros += clock.monotonicMicros() - since
      stats.evictionExceededSince = 0
    } else if (since === 0) stats.evictionExceededSince = Math.max(1, clock.monotonicMicros())
    this.tighten()
  }
}

/** Whether the entry with this hash still lies at `address`. */
function isThere(index: HashIndex, hash: number, address: Address): boolean {
  let slot = index.first(hash)
  while (slot !== -1 && index.addressAt(slot) !== address) slot = index.next(slot, hash)
  return slot !== -1
}
