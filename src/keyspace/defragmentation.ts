/**
 * Gives memory back after deletes: walks the keys in slices and moves what lies in pages that the arena wants
 * to empty. Only the index (and the list of deadlines) points at an entry, so moving one is two writes.
 *
 * A walk visits every bucket once and costs about 20 ns a key that stays; it starts only when the arena
 * holds clearly more than is used and has found pages worth emptying, so it ends when there is nothing to gain.
 *
 * When is it worth it, and how much of the time may it take? With `activedefrag yes` the settings say it: from
 * active-defrag-ignore-bytes and active-defrag-threshold-lower percent on; for active-defrag-cycle-min percent of the
 * time there, rising to active-defrag-cycle-max at threshold-upper. With `no`, the default, fixed rules do: 32 MiB and
 * 10 %, a quarter of the time. Redis does nothing then, and leaves it to jemalloc to return single pages of 4 KiB;
 * the arena can only return segments of 32 MiB, for which something always has to move. It stops nobody for longer
 * than a slice of 4 ms; `activedefrag yes` with a threshold-lower of 1000 turns it off. At a constant 256 MiB of values
 * of random sizes it keeps the resident memory within 15 % for as long as one likes (bench/steady-memory.ts).
 */
import { AddressList } from '../structures/address-list.ts'
import type { Database } from './database.ts'
import { Entry, TYPE_LIST } from './entry.ts'
import type { Keyspace } from './keyspace.ts'

/** The fixed rules: unused bytes, and their share of the used ones in percent, below which nothing is done. */
const SLACK_MIN = 32 * 1024 * 1024
const SLACK_PERCENT = 10
/** Percent of the time it may take by these rules. */
const EFFORT = 25
/** Buckets, or chunks of one list, looked at between two readings of the time. */
const STEP = 64

export class Defragmentation {
  private readonly keyspace: Keyspace
  private readonly entry: Entry
  private readonly found: AddressList
  private running: boolean
  // Where the walk is: database, bucket, and entry of that bucket.
  private database: number
  private bucket: number
  private item: number
  /** When the walk began, in microseconds, and how many objects had been moved when its present key's turn came. */
  private since: number
  private movesBefore: number

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
    this.entry = new Entry()
    this.found = new AddressList()
    this.running = false
    this.database = 0
    this.bucket = 0
    this.item = 0
    this.since = 0
    this.movesBefore = 0
  }

  get isRunning(): boolean {
    return this.running
  }

  /** Percent of the time that a walk may take now. */
  get effort(): number {
    const { activedefrag, activeDefragCycleMin: least, activeDefragCycleMax: most } = this.keyspace.settings
    if (!activedefrag) return EFFORT
    const { activeDefragThresholdLower: lower, activeDefragThresholdUpper: upper } = this.keyspace.settings
    const rise = upper > lower ? (this.slackPercent - lower) / (upper - lower) : 1
    // As in Redis the one limit may be above the other; then the higher counts.
    return Math.max(least, Math.min(most, least + rise * (most - least)))
  }

  /** Microseconds that the walk under way has taken so far, pauses included. */
  get currentMicros(): number {
    return this.running ? this.keyspace.clock.monotonicMicros() - this.since : 0
  }

  /** Starts a walk if it is worth one, or because it was `asked` for. Returns whether one is under way. */
  begin(asked: boolean = false): boolean {
    // A snapshot holds addresses, of indexes' entries and of long lists' chunks.
    if (this.running || this.keyspace.snapshot !== null) return this.running
    if (!asked && !this.worthIt) return false
    if (this.keyspace.arena.beginEvacuation() === 0) return false
    this.running = true
    this.database = 0
    this.bucket = 0
    this.item = 0
    this.since = this.keyspace.clock.monotonicMicros()
    this.movesBefore = this.keyspace.arena.moves
    return true
  }

  /** Goes on for about `micros` microseconds. Returns whether there is more to do. */
  run(micros: number): boolean {
    const { arena, clock, databases, snapshot, stats } = this.keyspace
    if (snapshot !== null) return false
    const end = clock.monotonicMicros() + micros
    const { moves } = arena
    while (this.running && clock.monotonicMicros() < end) {
      if (this.database < databases.length) this.walk(databases[this.database])
      else {
        arena.endEvacuation()
        stats.defragMicros += this.currentMicros
        this.running = false
      }
    }
    stats.defragHits += arena.moves - moves
    return this.running
  }

  private get slackPercent(): number {
    const { bytesReserved, bytesUsed } = this.keyspace.arena
    return bytesUsed === 0 ? 0 : ((bytesReserved - bytesUsed) * 100) / bytesUsed
  }

  private get worthIt(): boolean {
    const { arena, settings } = this.keyspace
    const slack = arena.bytesReserved - arena.bytesUsed
    if (!settings.activedefrag) return slack >= SLACK_MIN && this.slackPercent >= SLACK_PERCENT
    return (
      slack >= settings.activeDefragIgnoreBytes && this.slackPercent >= settings.activeDefragThresholdLower
    )
  }

  private walk(db: Database): void {
    for (let step = 0; step < STEP; step++) {
      if (this.bucket >= db.index.bucketCount) {
        this.database++
        this.bucket = 0
        return
      }
      this.found.clear()
      db.index.collect(this.bucket, this.found)
      for (; this.item < this.found.length; this.item++) {
        if (!this.moveEntry(db, this.found.items[this.item])) return
        this.count()
      }
      this.item = 0
      this.bucket++
    }
  }

  /** Moves the entry and its value's parts where needed; false when a long list is not done yet. */
  private moveEntry(db: Database, address: number): boolean {
    const { arena, freedList, settings, stats } = this.keyspace
    const { entry } = this
    if (arena.shouldMove(address)) db.move(db.at(address, entry))
    else {
      entry.point(arena, address, 0)
      stats.defragMisses++
    }
    if (entry.type !== TYPE_LIST) return true
    freedList.point(entry.block, entry.valueOffset)
    return freedList.moveSparseChunks(Math.min(STEP, settings.activeDefragMaxScanFields))
  }

  /** One key is done with. */
  private count(): void {
    const { arena, stats } = this.keyspace
    if (arena.moves === this.movesBefore) stats.defragKeyMisses++
    else stats.defragKeyHits++
    this.movesBefore = arena.moves
  }
}
