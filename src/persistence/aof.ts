/**
 * The append-only file as a whole: switched on and off, its parts and their manifest, and the rewrite that makes a
 * new base of the dataset so that the increments before it can go. Writing commands to the open increment is
 * aof-log.ts's, loading aof-loader.ts's.
 *
 * A rewrite begins a new increment and takes a snapshot, both at the same moment between two commands: base and
 * increments together are the dataset at any time, whichever manifest a crash leaves. The new base counts from the
 * moment the manifest that names it is on disk; only then the files it replaces are removed.
 */
import { closeSync, mkdirSync, openSync, renameSync, rm, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Configuration } from '../config/configuration.ts'
import type { Settings } from '../config/settings.ts'
import { reasonOf } from '../config/system-errors.ts'
import type { LatencyMonitor } from '../keyspace/latency-monitor.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { PROCESS_ID } from '../platform/process.ts'
import { AofLog, systemDisk } from './aof-log.ts'
import { type AofFile, AofManifest, loadManifest, saveManifest } from './aof-manifest.ts'
import { upgradeSingleFile } from './aof-upgrade.ts'
import type { CommandStream } from './command-stream.ts'

/** After so many failed rewrites in a row the next ones wait: a minute, then twice as long each time. */
const FAILURES_UNLIMITED = 3
const WAIT_MILLIS = 60_000
const WAIT_MAX_MILLIS = 3_600_000

/** Takes a snapshot of the dataset to a file, in slices; the file is synced before `done`. */
export interface BaseWriter {
  /** A snapshot of whatever kind is under way: no other can begin. */
  readonly busy: boolean
  /** Begins at once, at the dataset as it is now. Throws the system's error. */
  begin(path: string, done: (error: Error | null, preImageBytes: number) => void): void
  /** The same to the end, while nobody is served. */
  write(path: string): void
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

export class Aof {
  readonly writer: AofLog
  /** 'waiting': commands are written, but count only with the base that is being made. */
  state: 'off' | 'on' | 'waiting'
  manifest: AofManifest
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
  /** Where the parts lie: it stays there while it is on, whatever becomes of `dir`. */
  directory: string
  private temporaryBase: string
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
    this.directory = ''
    this.temporaryBase = ''
    this.state = 'off'
    this.manifest = AofManifest.empty
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

  /** Bytes of all parts (INFO aof_current_size). */
  get size(): number {
    return this.closedSize + this.writer.size
  }

  /** Why changes can't be written down now; null when they can. */
  get failure(): string | null {
    return this.state === 'off' ? null : this.writer.failure
  }

  /** The parts there are, at start; a single file of a server before Redis 7 becomes one. Throws an Error in one line. */
  find(): AofManifest {
    const { appendfilename } = this.settings
    const { directory } = this.settle()
    return upgradeSingleFile(
      directory,
      appendfilename,
      loadManifest(directory, appendfilename),
      this.parts.log,
    )
  }

  /**
   * Begins to write, after find(): `manifest` names the parts that were loaded, and is empty when there were none; then the
   * dataset as it is becomes the base. Throws an Error in one line.
   */
  start(manifest: AofManifest): void {
    const { settings, directory } = this
    try {
      mkdirSync(directory, { recursive: true })
      let next = manifest
      if (next.files.length === 0) {
        const base = next.nextBase(settings.appendfilename, settings.aofUseRdbPreamble)
        this.writeBase(base)
        next = next.withBase(base, 0)
        this.parts.log.notice(`Creating AOF base file ${base.name} on server start`)
      }
      let last = next.increments.at(-1)
      if (last === undefined) {
        last = next.nextIncrement(settings.appendfilename)
        next = next.withIncrement(last)
        this.parts.log.notice(`Creating AOF incr file ${last.name} on server start`)
      }
      this.openIncrement(last)
      this.closedSize = this.sizeOf(next) - this.writer.size
      if (next !== manifest) saveManifest(directory, settings.appendfilename, next)
      this.manifest = next
    } catch (error) {
      throw new Error(`Can't open or create append-only dir ${directory}: ${reasonOf(error)}`, {
        cause: error,
      })
    }
    // What was written since the last rewrite counts as growth, as in Redis.
    this.rewrittenSize = this.sizeOf(new AofManifest(this.manifest.base, [], []))
    this.turned('on')
    this.removeHistory()
  }

  /**
   * CONFIG SET appendonly yes: writes commands at once and has the base made, or made soon when it is `later`. Returns
   * why it can't, or null.
   */
  turnOn(later: boolean): string | null {
    const { parts, settings } = this
    const { directory } = this.settle()
    try {
      this.manifest = loadManifest(directory, settings.appendfilename)
      mkdirSync(directory, { recursive: true })
      this.openNew(this.temporaryIncrement)
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
    const { manifest, settings, writer } = this
    this.rewriteScheduled = false
    if (this.state === 'on') {
      // The increment begins where the snapshot is taken.
      writer.flush(true)
      const file = manifest.nextIncrement(settings.appendfilename)
      const next = manifest.withIncrement(file)
      const before = writer.size
      try {
        mkdirSync(this.directory, { recursive: true })
        this.openNew(file.name)
        saveManifest(this.directory, settings.appendfilename, next)
      } catch (error) {
        return this.failed(`Can't begin a new AOF increment: ${reasonOf(error)}`)
      }
      this.manifest = next
      this.closedSize += before
    } else if (this.state === 'waiting') {
      // What was written since it was turned on is part of the snapshot.
      this.parts.stream.clear()
      try {
        this.openNew(this.temporaryIncrement)
      } catch (error) {
        return this.failed(`Can't begin a new AOF increment: ${reasonOf(error)}`)
      }
    } else {
      this.settle()
      try {
        this.manifest = loadManifest(this.directory, settings.appendfilename)
      } catch (error) {
        return this.failed(reasonOf(error))
      }
    }
    return this.beginSnapshot()
  }

  /** Ends a rewrite that is under way: nothing of it stays. */
  abortRewrite(): void {
    if (!this.rewriting) return
    this.parts.base.abort()
    this.rewriteStartedAt = 0
    rmSync(this.temporaryBase, { force: true })
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

  private get temporaryIncrement(): string {
    return `temp-${this.settings.appendfilename}.incr`
  }

  private settle(): Aof {
    const { dir, appenddirname } = this.settings
    this.directory = join(dir, appenddirname)
    this.temporaryBase = join(dir, `temp-rewriteaof-bg-${PROCESS_ID}.aof`)
    return this
  }

  private turned(state: 'off' | 'on' | 'waiting'): void {
    // What was appended while nobody took it.
    if (this.state === 'off') this.parts.stream.clear()
    this.state = state
    this.parts.onStatus()
    this.parts.activate(state !== 'off')
  }

  private sizeOf({ files }: AofManifest): number {
    let size = 0
    for (const { name } of files)
      size += statSync(join(this.directory, name), { throwIfNoEntry: false })?.size ?? 0
    return size
  }

  private writeBase({ name }: AofFile): void {
    this.parts.base.write(this.temporaryBase)
    renameSync(this.temporaryBase, join(this.directory, name))
  }

  private openIncrement({ name }: AofFile): void {
    const path = join(this.directory, name)
    this.writer.open(path, statSync(path, { throwIfNoEntry: false })?.size ?? 0)
  }

  /** Goes on in a new, empty file. */
  private openNew(name: string): void {
    const path = join(this.directory, name)
    closeSync(openSync(path, 'w'))
    this.writer.open(path, 0)
  }

  private beginSnapshot(): string | null {
    const { parts } = this
    try {
      parts.base.begin(this.temporaryBase, (error, preImageBytes) =>
        this.snapshotTaken(error, preImageBytes),
      )
    } catch (error) {
      return this.failed(`Can't rewrite append only file in background: ${reasonOf(error)}`)
    }
    this.rewriteStartedAt = parts.clock.now
    parts.log.notice('Background append only file rewriting started')
    return null
  }

  private snapshotTaken(error: Error | null, preImageBytes: number): void {
    const { clock } = this.parts
    this.lastRewriteSeconds = Math.floor(clock.now / 1000) - Math.floor(this.rewriteStartedAt / 1000)
    this.rewriteStartedAt = 0
    if (error === null) {
      try {
        this.adopt()
        this.lastPreImageBytes = preImageBytes
      } catch (adoptError) {
        this.failed(`Background AOF rewrite could not take effect: ${reasonOf(adoptError)}`)
      }
    } else this.failed(`Background AOF rewrite failed: ${reasonOf(error)}`)
    if (this.state === 'waiting') this.rewriteScheduled = true
  }

  /** The snapshot becomes the base. Throws the system's error; then the manifest from before holds. */
  private adopt(): void {
    const { directory, settings, manifest } = this
    const { log } = this.parts
    const base = manifest.nextBase(settings.appendfilename, settings.aofUseRdbPreamble)
    let next = manifest.withBase(base, this.state === 'on' ? 1 : 0)
    mkdirSync(directory, { recursive: true })
    const begun = this.parts.latency.begin()
    renameSync(this.temporaryBase, join(directory, base.name))
    this.parts.latency.end('aof-rename', begun)
    if (this.state === 'waiting') {
      this.writer.flush(true)
      const increment = manifest.nextIncrement(settings.appendfilename)
      renameSync(join(directory, this.temporaryIncrement), join(directory, increment.name))
      next = next.withIncrement(increment)
    }
    saveManifest(directory, settings.appendfilename, next)
    this.manifest = next
    this.closedSize = this.sizeOf(next) - this.writer.size
    this.rewrittenSize = this.size
    this.rewrites++
    this.failures = 0
    this.nextAttempt = 0
    this.lastRewriteOk = true
    if (this.state === 'waiting') this.turned('on')
    log.notice('Background AOF rewrite finished successfully')
    this.removeHistory()
  }

  /** Removes the files that no manifest needs any more; those that stay, after a crash or an error, go the next time. */
  private removeHistory(): void {
    const { directory, settings, manifest } = this
    if (settings.aofDisableAutoGc || manifest.history.length === 0) return
    for (const { name } of manifest.history) rm(join(directory, name), { force: true }, () => {})
    const next = manifest.withoutHistory()
    try {
      saveManifest(directory, settings.appendfilename, next)
      this.manifest = next
    } catch (error) {
      this.parts.log.warning(`Can't save the AOF manifest: ${reasonOf(error)}`)
    }
  }

  private failed(text: string): string {
    const { log, clock } = this.parts
    this.lastRewriteOk = false
    this.failures++
    rmSync(this.temporaryBase, { force: true })
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
    rmSync(join(this.directory, this.temporaryIncrement), { force: true })
  }
}
