/**
 * Gives memory back after deletes: walks the keys in slices and moves what lies in pages that the arena wants
 * to empty. Only the index (and the list of deadlines) points at an entry, so moving one is two writes.
 *
 * A walk visits every bucket once and costs about 20 ns a key that stays; it starts only when the arena
 * holds clearly more than is used and has found pages worth emptying, so it ends when there is nothing to gain.
 */
import { AddressList } from '../structures/address-list.ts'
import type { Database } from './database.ts'
import { Entry, TYPE_LIST } from './entry.ts'
import type { Keyspace } from './keyspace.ts'

/** Unused bytes below which nothing is done: two segments. */
const SLACK_MIN = 32 * 1024 * 1024
/** Unused share of the used bytes below which nothing is done. */
const SLACK_SHARE = 0.1
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
  /** Entries moved since the start (INFO active_defrag_hits). */
  hits: number

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
    this.entry = new Entry()
    this.found = new AddressList()
    this.running = false
    this.database = 0
    this.bucket = 0
    this.item = 0
    this.hits = 0
  }

  get isRunning(): boolean {
    return this.running
  }

  /** Starts a walk if it is worth one. Returns whether one is under way. */
  begin(): boolean {
    // A snapshot holds addresses, of indexes' entries and of long lists' chunks.
    if (this.running || this.keyspace.snapshot !== null) return this.running
    const { bytesReserved, bytesUsed } = this.keyspace.arena
    const slack = bytesReserved - bytesUsed
    if (slack < SLACK_MIN || slack < bytesUsed * SLACK_SHARE) return false
    if (this.keyspace.arena.beginEvacuation() === 0) return false
    this.running = true
    this.database = 0
    this.bucket = 0
    this.item = 0
    return true
  }

  /** Goes on for about `micros` microseconds. Returns whether there is more to do. */
  run(micros: number): boolean {
    const { clock, databases, snapshot } = this.keyspace
    if (snapshot !== null) return false
    const end = clock.monotonicMicros() + micros
    while (this.running && clock.monotonicMicros() < end) {
      if (this.database < databases.length) this.walk(databases[this.database])
      else {
        this.keyspace.arena.endEvacuation()
        this.running = false
      }
    }
    return this.running
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
      }
      this.item = 0
      this.bucket++
    }
  }

  /** Moves the entry and its value's parts where needed; false when a long list is not done yet. */
  private moveEntry(db: Database, address: number): boolean {
    const { arena, freedList } = this.keyspace
    const { entry } = this
    if (arena.shouldMove(address)) {
      db.move(db.at(address, entry))
      this.hits++
    } else entry.point(arena, address, 0)
    if (entry.type !== TYPE_LIST) return true
    freedList.point(entry.block, entry.valueOffset)
    return freedList.moveSparseChunks(STEP)
  }
}
