/**
 * Runs snapshots, one at a time: begins one, gives it its slices of the event loop, ends it. For whom it is and what
 * follows from its success or failure is its starter's affair.
 */

import { Entry, EPOCH_MAX } from '../keyspace/entry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { Timers } from '../platform/timers.ts'
import { AddressList } from '../structures/address-list.ts'
import { RdbEncoder } from './rdb-encoder.ts'
import { Snapshot } from './snapshot.ts'
import type { SnapshotEncoder } from './snapshot-encoder.ts'
import { SnapshotFile } from './snapshot-file.ts'

/** Microseconds of a slice while clients keep the server busy, and while they do not or much is waiting. */
const BUSY_SLICE = 200
const IDLE_SLICE = 1000
/** So many bytes of keys written early, kept behind a long value, and slices are long. */
const WAITING_MUCH = 32 * 1024 * 1024

/** A snapshot to be taken. */
export interface SnapshotOrder {
  /** Who it is for. */
  readonly purpose: 'rdb' | 'aof'
  /** The temporary file, and where it goes when it is complete; null leaves it where it is, synced. */
  readonly temporary: string
  readonly path: string | null
  /** Whether the disk is to be synced all along (rdb-save-incremental-fsync, aof-rewrite-incremental-fsync). */
  readonly incrementalSync: boolean
  /** The form of the file; an RDB file where it is left out. */
  readonly encoder?: SnapshotEncoder
  /** Called right before the file goes to its place; what it throws is what went wrong. */
  readonly mayReplace?: () => void
  /** Called once unless it is aborted: with null and the file in its place, or with what went wrong and no file. */
  readonly onDone: (error: Error | null, result: SnapshotResult) => void
}

export interface SnapshotResult {
  readonly keys: number
  /** Bytes of the file. */
  readonly bytes: number
  /** Bytes that had to be written early or copied because commands were about to change them. */
  readonly preImageBytes: number
}

/** The snapshot under way. */
export interface RunningSnapshot {
  readonly purpose: 'rdb' | 'aof'
  /** Monotonic microseconds. */
  readonly startedMicros: number
  readonly keysProcessed: number
  readonly keysTotal: number
  readonly preImageBytes: number
}

class Running implements RunningSnapshot {
  readonly order: SnapshotOrder
  readonly startedMicros: number
  readonly snapshot: Snapshot
  readonly file: SnapshotFile
  /** Bytes of chunks kept for readers before this snapshot began. */
  readonly keptBefore: number
  private readonly keyspace: Keyspace

  constructor(keyspace: Keyspace, order: SnapshotOrder, file: SnapshotFile) {
    this.keyspace = keyspace
    this.order = order
    this.file = file
    this.startedMicros = keyspace.clock.monotonicMicros()
    this.keptBefore = keyspace.freezes.keptBytes
    const encoder = order.encoder ?? new RdbEncoder(keyspace, order.purpose === 'aof')
    this.snapshot = new Snapshot(keyspace, encoder, file)
  }

  get purpose(): 'rdb' | 'aof' {
    return this.order.purpose
  }

  get keysProcessed(): number {
    return this.snapshot.keysProcessed
  }

  get keysTotal(): number {
    return this.snapshot.keysTotal
  }

  get preImageBytes(): number {
    return this.snapshot.preImageBytes + this.keyspace.freezes.keptBytes - this.keptBefore
  }
}

export class Snapshots {
  private readonly keyspace: Keyspace
  private readonly timers: Timers
  /** A number that rises with what clients have done. */
  private readonly activity: () => number
  private running: Running | null
  private lastActivity: number
  /** A slice is scheduled. */
  private scheduled: boolean
  /** Snapshots since the last one that saw every entry. */
  private incomplete: number

  constructor(keyspace: Keyspace, timers: Timers, activity: () => number) {
    this.keyspace = keyspace
    this.timers = timers
    this.activity = activity
    this.running = null
    this.lastActivity = 0
    this.scheduled = false
    this.incomplete = 0
  }

  /** The snapshot under way, its file included, or null. */
  get current(): RunningSnapshot | null {
    return this.running
  }

  /**
   * Begins a snapshot of the keyspace as it is now; there must be none under way, and no command in the middle of its
   * changes. Whether it can be written is found out later: onDone tells, in a turn of its own.
   */
  start(order: SnapshotOrder): void {
    if (this.running !== null) throw new Error('a snapshot is under way already')
    this.nextEpoch()
    const file = new SnapshotFile({
      temporary: order.temporary,
      path: order.path,
      incrementalSync: order.incrementalSync,
      ...(order.mayReplace === undefined ? {} : { mayReplace: order.mayReplace }),
      onRoom: () => this.sliceSoon(),
      onDone: (error) => this.done(file, error),
    })
    this.running = new Running(this.keyspace, order, file)
    this.lastActivity = this.activity()
    this.sliceSoon()
  }

  /** Gives up the snapshot under way, if there is one: its temporary file is gone, and its onDone is not called. */
  abort(): void {
    const { running } = this
    if (running === null) return
    this.running = null
    this.leave(running)
    running.file.abort()
  }

  private done(file: SnapshotFile, error: Error | null): void {
    const { running } = this
    if (running === null || running.file !== file) return
    this.running = null
    this.leave(running)
    this.tell(running, error)
  }

  private tell({ keysProcessed: keys, preImageBytes, order, file }: Running, error: Error | null): void {
    this.keyspace.clock.refresh()
    order.onDone(error, { keys, bytes: file.written, preImageBytes })
  }

  private leave({ snapshot }: Running): void {
    if (!snapshot.isComplete) snapshot.abort()
  }

  private sliceSoon(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.timers.immediate(() => this.slice())
  }

  private slice(): void {
    this.scheduled = false
    const { running, keyspace } = this
    if (running === null || running.snapshot.isComplete) return
    const { snapshot, file } = running
    const { clock, settings } = keyspace
    clock.refresh()
    const activity = this.activity()
    const long = activity === this.lastActivity || snapshot.waitingBytes > WAITING_MUCH
    this.lastActivity = activity
    const delay = settings.rdbKeySaveDelay
    const end = clock.monotonicMicros() + (long ? IDLE_SLICE : BUSY_SLICE)
    const begun = keyspace.latency.begin()
    try {
      snapshot.run(end, delay > 0 ? Math.max(1, Math.floor(1000 / delay)) : undefined)
    } catch (error) {
      // No memory for a buffer, or a fault of ours: a save less, not a server less.
      this.abort()
      this.tell(running, error as Error)
      return
    }
    keyspace.latency.end('snapshot-slice', begun)
    if (snapshot.isComplete) {
      this.incomplete = 0
      file.end()
    } else if (file.isFull) return
    else if (delay > 0) this.timers.timeout(() => this.sliceSoon(), Math.max(1, delay / 1000))
    else this.sliceSoon()
  }

  /**
   * Takes a number that no entry carries. A snapshot that sees all entries leaves none with an older one, so only after
   * as many unfinished ones as there are numbers, entries have to be given a fresh one first, all at once.
   */
  private nextEpoch(): void {
    const { keyspace } = this
    if (this.incomplete >= EPOCH_MAX - 2) {
      this.stampAll()
      this.incomplete = 0
    }
    this.incomplete++
    keyspace.setEpoch((keyspace.epoch % EPOCH_MAX) + 1)
  }

  private stampAll(): void {
    const { arena, databases, epoch } = this.keyspace
    const entry = new Entry()
    const found = new AddressList()
    for (const { index } of databases) {
      for (let bucket = 0; bucket < index.bucketCount; bucket++) {
        found.clear()
        index.collect(bucket, found)
        for (let i = 0; i < found.length; i++) {
          entry.point(arena, found.items[i], 0)
          entry.epoch = epoch
        }
      }
    }
  }
}
