/**
 * The active expire cycle: removes keys past their deadline that nobody asks for. (Keys that are asked for
 * go on access, in database.ts.)
 *
 * Looking at every key with a deadline would cost time proportional to the dataset, and a heap ordered by
 * deadline memory and a cache miss or two per write. Redis's way needs neither: look at a few random keys
 * with a deadline; if many of them had expired there must be many more, so go on; if few, stop. At rest at
 * most the acceptable share of the keys (10 % less active-expire-effort) is dead weight, and the expected
 * cost of getting there is proportional to the keys removed: below that share each key removed costs at most
 * about ten looks. Our keys with a deadline stand in a dense list, so a sample is one random number and one
 * read, and unbiased, where Redis samples hash-table buckets. Keys set together often go together, and stand
 * together in the list and in memory: so the neighbours of an expired key are looked at too, which halves
 * the cost of a mass expiry (it is all cache misses). They do not count as samples.
 *
 * Time: the slow cycle runs hz times a second and may take a quarter of the loop's time. Redis takes it in one
 * piece, 25 ms at hz 10, and then fast cycles of a millisecond between turns; here a piece is short
 * (SLICE_MICROS) and what is left goes on after a pause three times as long, so the share is the same, no
 * client waits longer than a slice, and no fast cycle is needed. The cron drives the slices.
 */

import type { Database } from './database.ts'
import { Entry } from './entry.ts'
import type { Keyspace } from './keyspace.ts'

/** Samples between two looks at the share of expired keys and at the time, at effort 1. */
const SAMPLES_PER_LOOP = 20
/** Acceptable share of expired keys, percent, at effort 1. */
const ACCEPTABLE_STALE_PERCENT = 10
/** Longest time the cycle holds the loop in one piece. */
export const SLICE_MICROS = 4000
/** Most keys removed for one that a sample found expired. */
const SWEEP = 16
/** Weight of a cycle in the running estimate of stale keys. */
const STALE_WEIGHT = 0.05
/** Weight of a sample round in the running average of remaining time to live. */
const TTL_WEIGHT = 1 / 50

export class ExpireCycle {
  /** DEBUG SET-ACTIVE-EXPIRE. */
  enabled: boolean
  private readonly keyspace: Keyspace
  private readonly entry: Entry
  /** Database the next cycle starts with, so that a cycle cut short does not starve the later ones. */
  private nextDatabase: number
  // Of the round just sampled.
  private sampled: number
  private expired: number

  constructor(keyspace: Keyspace) {
    this.enabled = true
    this.keyspace = keyspace
    this.entry = new Entry()
    this.nextDatabase = 0
    this.sampled = 0
    this.expired = 0
  }

  /**
   * Samples all databases in turn for at most `micros` microseconds. Returns true when the time ran out with
   * work left: the caller goes on soon.
   */
  run(micros: number): boolean {
    if (!this.enabled) return false
    const { clock, databases, stats } = this.keyspace
    const start = clock.monotonicMicros()
    let sampled = 0
    let expired = 0
    let timeOut = false
    let more = false
    for (let visited = 0; visited < databases.length && !timeOut; visited++) {
      const db = databases[this.nextDatabase % databases.length]
      this.nextDatabase = (this.nextDatabase + 1) % databases.length
      more = db.deadlines.count > 0
      while (more && !timeOut) {
        this.sampleRound(db)
        sampled += this.sampled
        expired += this.expired
        more = this.expired * 100 > this.sampled * this.acceptableStale
        timeOut = clock.monotonicMicros() - start >= micros
      }
    }
    stats.expireCycleMicros += clock.monotonicMicros() - start
    if (timeOut) stats.expiredTimeCapReached++
    const percent = sampled === 0 ? 0 : (expired * 100) / sampled
    stats.expiredStalePercent = percent * STALE_WEIGHT + stats.expiredStalePercent * (1 - STALE_WEIGHT)
    return timeOut && more
  }

  /** Looks at a few random keys of `db` that have a deadline and removes those past it. */
  private sampleRound(db: Database): void {
    const { random, settings } = this.keyspace
    const samples = Math.min(
      db.deadlines.count,
      SAMPLES_PER_LOOP + (SAMPLES_PER_LOOP / 4) * (settings.activeExpireEffort - 1),
    )
    this.sampled = 0
    this.expired = 0
    let ttlSum = 0
    while (this.sampled < samples && db.deadlines.count > 0) {
      const position = random.below(db.deadlines.count)
      const left = this.timeLeft(db, position)
      this.sampled++
      if (left > 0) ttlSum += left
      else {
        this.expired++
        this.sweep(db, position)
      }
    }
    const alive = this.sampled - this.expired
    if (alive === 0) return
    const average = ttlSum / alive
    db.averageTtl = db.averageTtl === 0 ? average : average * TTL_WEIGHT + db.averageTtl * (1 - TTL_WEIGHT)
  }

  /** Milliseconds until the key at `position` of the deadlines goes; `entry` is left pointing at it, without hash. */
  private timeLeft(db: Database, position: number): number {
    this.entry.point(this.keyspace.arena, db.deadlines.at(position), 0)
    return this.entry.deadline - this.keyspace.clock.now
  }

  /** Removes the key at `position`, at which `entry` points, and those before it as far as they have expired. */
  private sweep(db: Database, position: number): void {
    let at = position
    for (let removed = 0; removed < SWEEP; removed++) {
      db.expire(db.at(this.entry.address, this.entry))
      if (at === 0 || this.timeLeft(db, --at) > 0) return
    }
  }

  private get acceptableStale(): number {
    return ACCEPTABLE_STALE_PERCENT - (this.keyspace.settings.activeExpireEffort - 1)
  }
}
