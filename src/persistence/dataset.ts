/**
 * The dataset as it is kept on disk between two lives of the server: loaded at start, saved on request. While it saves,
 * nobody is served.
 */
import type { Configuration } from '../config/configuration.ts'
import { reasonOf } from '../config/system-errors.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { Log } from '../platform/log.ts'
import { PROCESS_ID } from '../platform/process.ts'
import type { Timers } from '../platform/timers.ts'
import { DatasetWriter } from './dataset-writer.ts'
import type { FileClaims } from './file-claims.ts'
import { LoadProgress, seconds } from './load-progress.ts'
import { OwnFile, stampOf } from './own-file.ts'
import { RdbEncoder } from './rdb-encoder.ts'
import { replaceFile } from './rdb-file.ts'
import { newSaveId, rdbIdentity, saveIdOf } from './rdb-identity.ts'
import { loadFault, RdbLoad } from './rdb-load.ts'

export class Dataset {
  /** Seconds since the epoch: of the last save that succeeded, or of the start (LASTSAVE). */
  lastSave: number
  /** How often SAVE, BGSAVE or a save point began to save it (INFO rdb_saves). */
  saves: number
  /** False after a save in the background failed, until one succeeds (INFO rdb_last_bgsave_status). */
  lastSaveOk: boolean
  /** What the last load found (INFO rdb_last_load_keys_*). */
  lastLoaded: number
  lastExpired: number
  /** Of the load that is going on; null while there is none. */
  loading: LoadProgress | null
  /** False for a server that was started without its file, which it must not write over then. */
  enabled: boolean
  /** What this server has to itself; null where nobody else can be (tests without a server). */
  claims: FileClaims | null
  /** rdbIdentity() of the file when it was last loaded or saved; null before. */
  identity: string | null
  /** Milliseconds since the epoch of that. */
  identifiedAt: number
  /** Called when `lastSaveOk` may have changed. */
  onStatus: (() => void) | null
  private readonly own: OwnFile
  private readonly keyspace: Keyspace
  private readonly configuration: Configuration
  private readonly log: Log
  private readonly timers: Timers

  constructor(keyspace: Keyspace, configuration: Configuration, log: Log, timers: Timers) {
    this.lastSave = Math.floor(keyspace.clock.now / 1000)
    this.saves = 0
    this.lastSaveOk = true
    this.lastLoaded = 0
    this.lastExpired = 0
    this.loading = null
    this.enabled = true
    this.claims = null
    this.identity = null
    this.identifiedAt = 0
    this.onStatus = null
    this.own = new OwnFile(rdbIdentity)
    this.keyspace = keyspace
    this.configuration = configuration
    this.log = log
    this.timers = timers
  }

  /** Where it is kept. */
  get path(): string {
    return this.configuration.path('dbfilename')
  }

  /** Saves it. Throws the system's error when that fails; then the file from before is as it was. */
  save(): void {
    const { keyspace, log, path } = this
    const { clock } = keyspace
    const from = clock.monotonicMicros()
    const saveId = newSaveId()
    try {
      this.claim()
      const encoder = new RdbEncoder(keyspace, false, saveId)
      replaceFile(path, `temp-${PROCESS_ID}.rdb`, (write) => {
        new DatasetWriter(keyspace, write, encoder).run()
        this.checkOwn(path)
      })
    } catch (error) {
      log.warning(`Error saving the DB to ${path}: ${reasonOf(error)}`)
      throw error
    }
    keyspace.dirty = 0
    this.saved(path, saveId)
    log.notice(`DB saved on disk: ${seconds(clock.monotonicMicros() - from)} seconds`)
  }

  /** Makes sure that the file may be written. Throws an Error in one line when it may not. */
  claim(): void {
    if (!this.enabled) throw new Error('this server keeps no file, since no dir was given')
    this.claims?.claim(this.path)
    this.checkOwn(this.path)
  }

  /** Throws a ReplacedFileError if somebody has put another file at `path`, and that is not to be written over. */
  checkOwn(path: string): void {
    if (!this.configuration.settings.saveOverReplaced) this.own.check(path)
  }

  /** A save to `path` has succeeded just now, under this save id. */
  saved(path: string, saveId: string): void {
    const { now } = this.keyspace.clock
    this.lastSave = Math.floor(now / 1000)
    this.lastSaveOk = true
    const stamp = stampOf(path)
    const identity = rdbIdentity(path)
    const found = saveIdOf(identity ?? '')
    // It is not in there before version 7 of the format, and another one is if somebody was faster.
    const ours = identity !== null && (found === saveId || found === '')
    this.identity = ours ? identity : `${saveId}-replaced`
    this.identifiedAt = now
    if (ours) this.own.know(path, stamp, identity)
    else this.own.know(path, '', null)
    this.onStatus?.()
  }

  /** The file is there, or not, and is not loaded: what is in it now may be written over, and no other. */
  pass(): void {
    const { path } = this
    this.own.know(path, stampOf(path), rdbIdentity(path))
  }

  /** A save in the background has failed. */
  notSaved(): void {
    this.lastSaveOk = false
    this.onStatus?.()
  }

  /** save() whose error is in the log only. Returns whether it succeeded. */
  trySave(): boolean {
    try {
      this.save()
      return true
    } catch {
      return false
    }
  }

  /**
   * Loads it into the empty keyspace, in slices between which the event loop turns; resolves to false when there is no
   * file. Rejects with an Error that says in one line what is wrong where, or with LoadStopped; the file is left as it
   * is, and what was loaded by then stays in the keyspace.
   */
  async load(): Promise<boolean> {
    const from = this.keyspace.clock.monotonicMicros()
    const load = this.open()
    if (load === null) return false
    const progress = this.beginLoading(load.size)
    try {
      while (this.step(load, progress.nextPause)) {
        progress.usedMemory = load.usedMemory
        await progress.pause(load.position)
      }
    } finally {
      load.close()
      this.endLoading()
    }
    this.loadedSince(from, load)
    return true
  }

  /** load() without a turn of the loop: DEBUG RELOAD. Throws what load() rejects with. */
  loadAtOnce(): boolean {
    const from = this.keyspace.clock.monotonicMicros()
    const load = this.open()
    if (load === null) return false
    try {
      this.step(load, Number.POSITIVE_INFINITY)
    } finally {
      load.close()
    }
    this.loadedSince(from, load)
    return true
  }

  /** Loading begins, of files of `total` bytes together: `loading` tells how far it is until endLoading(). */
  beginLoading(total: number): LoadProgress {
    const { keyspace, configuration, log, timers } = this
    const { clock, random } = keyspace
    const { settings } = configuration
    const progress = new LoadProgress(total, { settings, clock, timers, random, log })
    this.loading = progress
    keyspace.loading = true
    return progress
  }

  endLoading(): void {
    this.loading = null
    this.keyspace.loading = false
  }

  private open(): RdbLoad | null {
    const { path } = this
    this.lastLoaded = 0
    this.lastExpired = 0
    try {
      const stamp = stampOf(path)
      const load = new RdbLoad(this.keyspace, this.log, path)
      this.own.know(path, stamp, load.identity)
      return load
    } catch (error) {
      this.own.know(path, '', null)
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw this.fatal(error)
    }
  }

  private step(load: RdbLoad, border: number): boolean {
    try {
      return load.step(border)
    } catch (error) {
      throw this.fatal(error)
    } finally {
      this.lastLoaded = load.loaded
      this.lastExpired = load.expired
    }
  }

  private fatal(error: unknown): unknown {
    const fault = loadFault(error)
    if (fault === null) return error
    return new Error(`Fatal error loading the DB, ${this.path}: ${fault}`, { cause: error })
  }

  private loadedSince(from: number, { identity }: RdbLoad): void {
    const { keyspace, log } = this
    keyspace.dirty = 0
    this.identity = identity
    this.identifiedAt = keyspace.clock.now
    log.notice(`DB loaded from disk: ${seconds(keyspace.clock.monotonicMicros() - from)} seconds`)
  }
}
