/**
 * The append-only file as a whole: switched on and off, its parts and their manifest, and the rewrite that makes a
 * new base of the dataset so that the increments before it can go. Writing commands to the open increment is
 * aof-log.ts's, loading aof-loader.ts's.
 *
 * A rewrite begins a new increment and takes a snapshot, both at the same moment between two commands: base and
 * increments together are the dataset at any time, whichever manifest a crash leaves. The new base counts from the
 * moment the manifest that names it is on disk; only then the files it replaces are removed.
 */
import { closeSync, openSync, renameSync, rmSync } from 'node:fs'
import type { Configuration } from '../config/configuration.ts'
import type { Settings } from '../config/settings.ts'
import { reasonOf } from '../config/system-errors.ts'
import type { LatencyMonitor } from '../keyspace/latency-monitor.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { AofDirectory } from './aof-directory.ts'
import { AofLog, systemDisk } from './aof-log.ts'
import type { CommandStream } from './command-stream.ts'
import { newSaveId } from './rdb-identity.ts'

/** After so many failed rewrites in a row the next ones wait: a minute, then twice as long each time. */
const FAILURES_UNLIMITED = 3
const WAIT_MILLIS = 60_000
const WAIT_MAX_MILLIS = 3_600_000

/** Takes a snapshot of the dataset to a file, in slices; the file is synced before `done`. */
export interface BaseWriter {
  /** A snapshot of whatever kind is under way: no other can begin. */
  readonly busy: boolean
  /** Begins at once, at the dataset as it is now, under this save id. Throws the system's error. */
  begin(path: string, saveId: string, done: (error: Error | null, preImageBytes: number) => void): void
  /** The same to the end, while nobody is served. */
  write(path: string, saveId: string): void
  /** Ends the snapshot for a base, if that is what is under way; its `done` is not called. */
  abort(): void
}

export interface AofParts {
  readonly configuration: Configuration
  readonly clock: Clock
  readonly log: Log
  readonly stream: CommandStream
  readonly latency: LatencyMonitor
  readonly base: BaseWriter
  /** Has commands appended to the stream, or not any more. */
  readonly activate: (active: boolean) => void
  /** Ends the server before another reply leaves. */
  readonly halt: (error: Error) => void
  /** Called when `failure` may have changed. */
  readonly onStatus: () => void
}

type State = 'off' | 'on' | 'waiting'

export class Aof {
  readonly writer: AofLog
  /** 'waiting': commands are written, but count only with the base that is being made. */
  state: State
  /** BGREWRITEAOF came while it could not begin. */
  rewriteScheduled: boolean
  /** Milliseconds since the epoch; 0 while none is under way. */
  rewriteStartedAt: number
  /** Seconds the last rewrite took; -1 before the first. */
  lastRewriteSeconds: number
  lastRewriteOk: boolean
  rewrites: number
  failures: number
  /** Bytes written early or copied for the last rewrite that succeeded (INFO aof_last_cow_size). */
  lastPreImageBytes: number
  /** Bytes of all parts after the last rewrite, or of the base loaded: growth is measured against it. */
  rewrittenSize: number
  readonly directory: AofDirectory
  private readonly parts: AofParts
  private readonly settings: Settings
  /** Bytes of the parts before the open one. */
  private closedSize: number
  private nextAttempt: number

  constructor(parts: AofParts) {
    this.parts = parts
    this.settings = parts.configuration.settings
    this.writer = new AofLog({
      settings: this.settings,
      clock: parts.clock,
      log: parts.log,
      stream: parts.stream,
      latency: parts.latency,
      disk: systemDisk,
      halt: parts.halt,
      onStatus: parts.onStatus,
      saving: () => parts.base.busy,
    })
    this.directory = new AofDirectory(this.settings, parts.log)
    this.state = 'off'
    this.rewriteScheduled = false
    this.rewriteStartedAt = 0
    this.lastRewriteSeconds = -1
    this.lastRewriteOk = true
    this.rewrites = 0
    this.failures = 0
    this.lastPreImageBytes = 0
    this.rewrittenSize = 0
    this.closedSize = 0
    this.nextAttempt = 0
  }

  get rewriting(): boolean {
    return this.rewriteStartedAt !== 0
  }

  /** A snapshot of whatever kind is under way. */
  get busy(): boolean {
    return this.parts.base.busy
  }

  /** Bytes of commands not yet written (INFO aof_buffer_length). */
  get bufferedBytes(): number {
    return this.parts.stream.length
  }

  /** Bytes that are taken for them (INFO mem_aof_buffer). */
  get bufferRoom(): number {
    return this.parts.stream.block.bytes.length
  }

  /** Bytes of all parts (INFO aof_current_size). */
  get size(): number {
    return this.closedSize + this.writer.size
  }

  /** Why changes can't be written down now; null when they can. */
  get failure(): string | null {
    return this.state === 'off' ? null : this.writer.failure
  }

  /**
   * Begins to write, at start, after the parts that the directory's manifest names were loaded; when it names none, the
   * dataset as it is becomes the base. Throws an Error in one line.
   */
  start(): void {
    const { settings, directory } = this
    const { log } = this.parts
    try {
      directory.make()
      let next = directory.manifest
      if (next.files.length === 0) {
        const saveId = newSaveId()
        const base = { ...next.nextBase(settings.appendfilename, settings.aofUseRdbPreamble), saveId }
        this.parts.base.write(directory.temporaryBase, saveId)
        renameSync(directory.temporaryBase, directory.at(base.name))
        next = next.withBase(base, 0)
        log.notice(`Creating AOF base file ${base.name} on server start`)
      }
      let last = next.increments.at(-1)
      if (last === undefined) {
        last = next.nextIncrement(settings.appendfilename)
        next = next.withIncrement(last)
        log.notice(`Creating AOF incr file ${last.name} on server start`)
      }
      this.writer.open(directory.at(last.name), directory.sizeOf(last.name))
      directory.save(next)
    } catch (error) {
      throw new Error(`Can't open or create append-only dir ${directory.path}: ${reasonOf(error)}`, {
        cause: error,
      })
    }
    this.closedSize = directory.size - this.writer.size
    // What was written since the last rewrite counts as growth, as in Redis.
    this.rewrittenSize = directory.baseSize
    this.turned('on')
    directory.removeHistory()
  }

  /**
   * CONFIG SET appendonly yes: writes commands at once and has the base made, or made soon when it is `later`. Returns
   * why it can't, or null.
   */
  turnOn(later: boolean): string | null {
    const { parts, directory } = this
    try {
      directory.settle()
      directory.make()
      this.openNew(directory.temporaryIncrement)
    } catch (error) {
      parts.log.warning(`Failed to open the append-only file: ${reasonOf(error)}`)
      return 'Unable to turn on AOF. Check server logs.'
    }
    this.turned('waiting')
    if (parts.base.busy || later) {
      this.rewriteScheduled = true
      parts.log.notice(
        'AOF was enabled but there is already another background operation. An AOF background was scheduled to start when possible.',
      )
    } else if (this.beginSnapshot() !== null) {
      this.abandon()
      return 'Unable to turn on AOF. Check server logs.'
    }
    return null
  }

  /** CONFIG SET appendonly no. */
  turnOff(): void {
    if (this.state === 'waiting') this.abandon()
    else this.end()
    this.rewriteScheduled = false
  }

  /** Writes and syncs everything and ends; at the shutdown of the server too. Returns whether that succeeded. */
  end(): boolean {
    if (this.state === 'off') return true
    if (this.rewriting) this.abortRewrite()
    try {
      this.writer.close()
      return this.parts.stream.length === 0
    } catch (error) {
      this.parts.log.warning(`Fail to fsync the AOF file: ${reasonOf(error)}`)
      return false
    } finally {
      this.turned('off')
    }
  }

  /**
   * Begins a rewrite; the caller has seen that no snapshot is under way. Returns the system's reason when it can't.
   */
  rewrite(): string | null {
    const { directory } = this
    this.rewriteScheduled = false
    try {
      if (this.state === 'on') this.beginIncrement()
      else if (this.state === 'waiting') {
        // What was written since it was turned on is part of the snapshot.
        this.parts.stream.clear()
        this.openNew(directory.temporaryIncrement)
      } else directory.settle()
    } catch (error) {
      return this.failed(`Can't begin to rewrite the append only file: ${reasonOf(error)}`)
    }
    return this.beginSnapshot()
  }

  /** Ends a rewrite that is under way: nothing of it stays. */
  abortRewrite(): void {
    if (!this.rewriting) return
    this.parts.base.abort()
    this.rewriteStartedAt = 0
    rmSync(this.directory.temporaryBase, { force: true })
  }

  /** What is due by time; the cron calls it hz times a second. */
  cron(): void {
    const { parts, settings } = this
    this.writer.flush()
    if (parts.base.busy || this.rewriting) return
    if (this.rewriteScheduled) {
      if (parts.clock.now >= this.nextAttempt) this.rewrite()
      return
    }
    const percentage = settings.autoAofRewritePercentage
    if (this.state !== 'on' || percentage === 0 || this.size <= settings.autoAofRewriteMinSize) return
    const growth = Math.floor((this.size * 100) / Math.max(1, this.rewrittenSize)) - 100
    if (growth < percentage || parts.clock.now < this.nextAttempt) return
    parts.log.notice(`Starting automatic rewriting of AOF on ${growth}% growth`)
    this.rewrite()
  }

  private turned(state: State): void {
    // What was appended while nobody took it.
    if (this.state === 'off') this.parts.stream.clear()
    this.state = state
    this.parts.onStatus()
    this.parts.activate(state !== 'off')
  }

  /** Commands go to a new increment from here on, where a snapshot is about to be taken. */
  private beginIncrement(): void {
    const { directory, writer, settings } = this
    const { manifest } = directory
    directory.checkOwn()
    writer.flush(true)
    // What is not written yet is in the snapshot: behind it, it would be run a second time.
    if (this.bufferedBytes > 0) throw new Error('the commands before it are not written yet')
    const file = manifest.nextIncrement(settings.appendfilename)
    const path = directory.at(file.name)
    directory.make()
    closeSync(openSync(path, 'w'))
    // Only what the manifest names may be written to.
    directory.save(manifest.withIncrement(file))
    this.closedSize += writer.size
    writer.open(path, 0)
  }

  /** Goes on in a new, empty file. */
  private openNew(name: string): void {
    const path = this.directory.at(name)
    closeSync(openSync(path, 'w'))
    this.writer.open(path, 0)
  }

  private beginSnapshot(): string | null {
    const { parts, state } = this
    const saveId = newSaveId()
    try {
      parts.base.begin(this.directory.temporaryBase, saveId, (error, preImageBytes) =>
        this.snapshotTaken(error, preImageBytes, saveId, state),
      )
    } catch (error) {
      return this.failed(`Can't rewrite append only file in background: ${reasonOf(error)}`)
    }
    this.rewriteStartedAt = parts.clock.now
    parts.log.notice('Background append only file rewriting started')
    return null
  }

  private snapshotTaken(error: Error | null, preImageBytes: number, saveId: string, begunAs: State): void {
    const { clock } = this.parts
    this.lastRewriteSeconds = Math.floor(clock.now / 1000) - Math.floor(this.rewriteStartedAt / 1000)
    this.rewriteStartedAt = 0
    if (error === null) {
      try {
        this.adopt(saveId, begunAs)
        this.lastPreImageBytes = preImageBytes
      } catch (adoptError) {
        this.failed(`Background AOF rewrite could not take effect: ${reasonOf(adoptError)}`)
      }
    } else this.failed(`Background AOF rewrite failed: ${reasonOf(error)}`)
    if (this.state === 'waiting') this.rewriteScheduled = true
  }

  /**
   * The snapshot becomes the base. Throws the system's error; then the manifest from before holds. One begun while the
   * file was off is older than whatever was written since it was turned on, and does not go with that.
   */
  private adopt(saveId: string, begunAs: State): void {
    const { directory, settings, writer, parts } = this
    const { manifest } = directory
    directory.checkOwn()
    const begun = parts.latency.begin()
    const base = { ...manifest.nextBase(settings.appendfilename, settings.aofUseRdbPreamble), saveId }
    let next = manifest.withBase(base, begunAs === 'on' ? 1 : 0)
    directory.make()
    renameSync(directory.temporaryBase, directory.at(base.name))
    if (begunAs === 'waiting') {
      writer.flush(true)
      const increment = manifest.nextIncrement(settings.appendfilename)
      renameSync(directory.at(directory.temporaryIncrement), directory.at(increment.name))
      next = next.withIncrement(increment)
    }
    directory.save(next)
    parts.latency.end('aof-rename', begun)
    this.closedSize = directory.size - writer.size
    this.rewrittenSize = this.size
    this.rewrites++
    this.failures = 0
    this.nextAttempt = 0
    this.lastRewriteOk = true
    if (begunAs === 'waiting') this.turned('on')
    parts.log.notice('Background AOF rewrite finished successfully')
    directory.removeHistory()
  }

  private failed(text: string): string {
    const { log, clock } = this.parts
    this.lastRewriteOk = false
    this.failures++
    rmSync(this.directory.temporaryBase, { force: true })
    log.warning(text)
    if (this.failures >= FAILURES_UNLIMITED) {
      const wait = Math.min(WAIT_MAX_MILLIS, WAIT_MILLIS * 2 ** (this.failures - FAILURES_UNLIMITED))
      this.nextAttempt = clock.now + wait
      log.warning(
        `Background AOF rewrite has repeatedly failed and triggered the limit, will retry in ${wait / 60_000} minutes`,
      )
    }
    return text
  }

  /** Turning on has failed, or is taken back: what was written so far counts for nothing. */
  private abandon(): void {
    this.end()
    rmSync(this.directory.at(this.directory.temporaryIncrement), { force: true })
  }
}
