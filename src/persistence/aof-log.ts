/**
 * The open end of the append-only file: takes what the command stream has gathered to the file at the end of every
 * turn, before the replies leave, and has it synced as appendfsync says.
 *
 * One write and at most one sync a turn, however many clients wrote (group commit). `always` syncs before it returns.
 * `everysec` syncs in the background, once a second; while such a sync takes its time a write to the same file could
 * wait for it, so it is put off for up to two seconds, and after that made anyway (Redis's delayed fsync). An error
 * of `always` is the end of the server: no reply may acknowledge what is not on the disk. With the other policies
 * writes are refused until the file takes them again.
 */
import { close, closeSync, fdatasync, fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import type { Settings } from '../config/settings.ts'
import { reasonOf } from '../config/system-errors.ts'
import type { LatencyMonitor } from '../keyspace/latency-monitor.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { CommandStream } from './command-stream.ts'

/** How long a write is put off for a sync that is under way, milliseconds. */
const POSTPONED_MAX = 2000
const SECOND = 1000
/** An error that persists is logged so often, milliseconds. */
const COMPLAINT_INTERVAL = 30_000

/** The system calls, as tests of faults replace them. */
export interface AofDisk {
  write(file: number, bytes: Uint8Array, offset: number, length: number): number
  truncate(file: number, size: number): void
  sync(file: number): void
  syncSoon(file: number, done: (error: Error | null) => void): void
}

export const systemDisk: AofDisk = {
  write: (file, bytes, offset, length) => writeSync(file, bytes, offset, length),
  truncate: ftruncateSync,
  sync: fdatasyncSync,
  syncSoon: fdatasync,
}

export interface AofLogParts {
  readonly settings: Settings
  readonly clock: Clock
  readonly log: Log
  readonly stream: CommandStream
  readonly latency: LatencyMonitor
  readonly disk: AofDisk
  /** Ends the server: replies that wait must not leave. */
  readonly halt: (error: Error) => void
  /** Called when `failure` has changed. */
  readonly onStatus: () => void
  /** Whether a snapshot is being written, for no-appendfsync-on-rewrite. */
  readonly saving: () => boolean
}

export class AofLog {
  /** Bytes in the open file. */
  size: number
  /** Why the last write or background sync failed; null when it did not. */
  failure: string | null
  /** Writes made although a sync was under way (INFO aof_delayed_fsync). */
  delayed: number
  private readonly parts: AofLogParts
  /** The open file; -1 when there is none. */
  private file: number
  /** Files left while a sync of them was under way. */
  private readonly left: number[]
  /** Bytes of the file known to be on the disk, and how many the sync under way covers. */
  synced: number
  private syncing: boolean
  private syncedAt: number
  private postponedSince: number
  private complainedAt: number

  constructor(parts: AofLogParts) {
    this.size = 0
    this.failure = null
    this.delayed = 0
    this.parts = parts
    this.file = -1
    this.left = []
    this.synced = 0
    this.syncing = false
    this.syncedAt = 0
    this.postponedSince = 0
    this.complainedAt = 0
  }

  get isOpen(): boolean {
    return this.file !== -1
  }

  /** Whether a sync is under way in the background (INFO aof_pending_bio_fsync). */
  get isSyncing(): boolean {
    return this.syncing
  }

  /** Goes on in the file at `path`, which has `size` bytes. Throws the system's error; then all is as it was. */
  open(path: string, size: number): void {
    const file = openSync(path, 'a')
    this.leave()
    this.file = file
    this.size = size
    this.synced = size
    this.parts.stream.database = -1
  }

  /** Ends it: everything is written and synced. Throws the system's error. */
  close(): void {
    const { file } = this
    if (file === -1) return
    this.flush(true)
    this.parts.disk.sync(file)
    this.file = -1
    this.size = 0
    closeSync(file)
  }

  /** Writes what the stream has. With `force` nothing is put off. Called at the end of each turn, and by the cron. */
  flush(force: boolean = false): void {
    const { stream, settings } = this.parts
    if (this.file === -1) return
    if (stream.length > 0) {
      if (!force && this.postpones()) return
      this.postponedSince = 0
      if (!this.write()) return
    }
    if (this.synced === this.size) return
    if (settings.noAppendfsyncOnRewrite && this.parts.saving()) return
    if (settings.appendfsync === 'always') this.syncNow()
    else if (settings.appendfsync === 'everysec') this.syncEverySecond()
  }

  private postpones(): boolean {
    const { settings, clock, log } = this.parts
    if (settings.appendfsync !== 'everysec' || !this.syncing) return false
    if (this.postponedSince === 0) this.postponedSince = clock.now
    if (clock.now - this.postponedSince < POSTPONED_MAX) return true
    this.delayed++
    log.notice(
      'Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to complete, this may slow down Respite.',
    )
    return false
  }

  /** Returns whether everything was written. */
  private write(): boolean {
    const { stream, disk, latency } = this.parts
    let written = 0
    const begun = latency.begin()
    try {
      while (written < stream.length) {
        written += disk.write(this.file, stream.block.bytes, written, stream.length - written)
      }
    } catch (error) {
      this.writeFailed(error, written)
      return false
    }
    this.noteWrite(begun)
    this.size += written
    stream.clear()
    this.recovered('AOF write error looks solved, Respite can write again.')
    return true
  }

  /** A write as a whole, and by what may have held it up. */
  private noteWrite(begun: number): void {
    const { latency, saving } = this.parts
    latency.end('aof-write', begun)
    if (this.syncing) latency.end('aof-write-pending-fsync', begun)
    else latency.end(saving() ? 'aof-write-active-child' : 'aof-write-alone', begun)
  }

  private writeFailed(error: unknown, written: number): void {
    const { settings, disk, stream, log } = this.parts
    this.complain(`Error writing to the AOF file: ${reasonOf(error)}`)
    let kept = 0
    if (written > 0) {
      // Half a command in the file is worse than none: what was taken goes again, or else stays for good.
      try {
        disk.truncate(this.file, this.size)
      } catch (truncateError) {
        kept = written
        log.warning(
          `Could not remove short write from the append-only file: ${reasonOf(truncateError)}. It may refuse to load the AOF the next time it starts.`,
        )
      }
    }
    if (kept > 0) {
      this.size += kept
      stream.drop(kept)
    }
    this.fail(error)
    if (settings.appendfsync === 'always') {
      this.giveUp("Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...")
    }
  }

  /** Ends the server. Nothing more is written, also not while it ends: it would be acknowledged to nobody. */
  private giveUp(text: string): void {
    this.leave()
    this.parts.halt(new Error(text))
  }

  private syncNow(): void {
    const { disk, latency } = this.parts
    const begun = latency.begin()
    try {
      disk.sync(this.file)
      latency.end('aof-fsync-always', begun)
    } catch (error) {
      this.giveUp(
        `Can't persist AOF for fsync error when the AOF fsync policy is 'always': ${reasonOf(error)}. Exiting...`,
      )
      return
    }
    this.synced = this.size
    this.syncedAt = this.parts.clock.now
  }

  private syncEverySecond(): void {
    const { clock } = this.parts
    if (this.syncing || Math.floor(clock.now / SECOND) <= Math.floor(this.syncedAt / SECOND)) return
    this.syncedAt = clock.now
    this.syncSoon(this.file, this.size)
  }

  private syncSoon(file: number, size: number): void {
    this.syncing = true
    this.parts.disk.syncSoon(file, (error) => {
      this.syncing = false
      for (const left of this.left.splice(0)) this.closeSoon(left)
      if (error !== null) {
        this.complain(`Fail to fsync the AOF file: ${reasonOf(error)}`)
        this.fail(error)
      } else if (file === this.file) {
        this.synced = Math.max(this.synced, size)
        if (this.parts.stream.length === 0) this.recovered('AOF fsync error looks solved.')
      }
    })
  }

  /** Leaves the open file for another: what is in it is synced before it is closed. */
  private leave(): void {
    const { file } = this
    if (file === -1) return
    this.file = -1
    // Closed under a sync, its number could by then be another file's.
    if (this.syncing) this.left.push(file)
    else this.closeSoon(file)
  }

  private closeSoon(file: number): void {
    this.parts.disk.syncSoon(file, (error) => {
      if (error !== null) this.complain(`Fail to fsync the AOF file: ${reasonOf(error)}`)
      close(file)
    })
  }

  private fail(error: unknown): void {
    this.failure = reasonOf(error)
    this.parts.onStatus()
  }

  private recovered(text: string): void {
    if (this.failure === null) return
    this.failure = null
    this.parts.log.warning(text)
    this.parts.onStatus()
  }

  private complain(text: string): void {
    const { clock, log } = this.parts
    if (this.failure !== null && clock.now - this.complainedAt < COMPLAINT_INTERVAL) return
    this.complainedAt = clock.now
    log.warning(text)
  }
}
