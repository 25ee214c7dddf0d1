/**
 * BGSAVE and save points: when the dataset is saved while commands go on, and what becomes of it. The snapshot itself is
 * snapshots.ts; saving while nobody is served is dataset.ts.
 */
import { basename, dirname, join } from 'node:path'
import type { Settings } from '../config/settings.ts'
import { reasonOf } from '../config/system-errors.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { Log } from '../platform/log.ts'
import { PROCESS_ID } from '../platform/process.ts'
import type { Dataset } from './dataset.ts'
import { ReplacedFileError } from './own-file.ts'
import { RdbEncoder } from './rdb-encoder.ts'
import { newSaveId } from './rdb-identity.ts'
import type { SnapshotResult, Snapshots } from './snapshots.ts'

/** Seconds after a failed attempt in which none begins by itself. */
const RETRY_SECONDS = 5

export class BackgroundSave {
  /** BGSAVE SCHEDULE, or one inside a transaction: it begins as soon as it can. */
  scheduled: boolean
  /** Seconds that the last one took, -1 before the first (INFO rdb_last_bgsave_time_sec). */
  lastSeconds: number
  /** Bytes written early or copied for the last one that succeeded (INFO rdb_last_cow_size). */
  lastPreImageBytes: number
  private readonly keyspace: Keyspace
  private readonly settings: Settings
  private readonly dataset: Dataset
  private readonly snapshots: Snapshots
  private readonly log: Log
  /** Temporary files have numbers, so that what is left of one is never taken for the next. */
  private count: number
  /** Milliseconds since the epoch, while one is under way. */
  private startedAt: number
  /** Seconds since the epoch of the last beginning. */
  private lastTry: number
  /** Changes not saved yet when the one under way began. */
  private dirtyBefore: number

  constructor(keyspace: Keyspace, settings: Settings, dataset: Dataset, snapshots: Snapshots, log: Log) {
    this.scheduled = false
    this.lastSeconds = -1
    this.lastPreImageBytes = 0
    this.keyspace = keyspace
    this.settings = settings
    this.dataset = dataset
    this.snapshots = snapshots
    this.log = log
    this.count = 0
    this.startedAt = 0
    this.lastTry = 0
    this.dirtyBefore = 0
  }

  /** Whether one is under way. */
  get isRunning(): boolean {
    return this.snapshots.current?.purpose === 'rdb'
  }

  /** Seconds since the one under way began, -1 when none is. */
  get currentSeconds(): number {
    return this.isRunning ? Math.floor((this.keyspace.clock.now - this.startedAt) / 1000) : -1
  }

  /** Begins one; no snapshot must be under way. Throws when this server keeps no file, or not this one. */
  start(): void {
    const { dataset, keyspace, log } = this
    dataset.claim()
    const { path } = dataset
    this.scheduled = false
    this.dirtyBefore = keyspace.dirty
    this.startedAt = keyspace.clock.now
    this.lastTry = Math.floor(keyspace.clock.now / 1000)
    dataset.saves++
    log.notice(`Background saving started by pid ${PROCESS_ID}`)
    const saveId = newSaveId()
    this.snapshots.start({
      purpose: 'rdb',
      temporary: join(dirname(path), `temp-${PROCESS_ID}.${++this.count}.rdb`),
      path,
      incrementalSync: this.settings.rdbSaveIncrementalFsync,
      encoder: new RdbEncoder(keyspace, false, saveId),
      mayReplace: () => dataset.checkOwn(path),
      onDone: (error, result) => this.done(path, saveId, error, result),
    })
  }

  /** Gives up the one under way, because what it saves is not wanted any more; that is no failure. */
  kill(): void {
    if (!this.isRunning) return
    this.log.warning('There is a child saving an .rdb. Killing it!')
    this.lastSeconds = this.currentSeconds
    this.snapshots.abort()
  }

  /** What is due by time: hz times a second. */
  cron(): void {
    if (this.snapshots.current !== null || !this.dataset.enabled) return
    const { keyspace, dataset, settings, log } = this
    const now = Math.floor(keyspace.clock.now / 1000)
    if (!dataset.lastSaveOk && now - this.lastTry <= RETRY_SECONDS) return
    const since = now - dataset.lastSave
    const due = settings.save.find(({ seconds, changes }) => keyspace.dirty >= changes && since > seconds)
    if (due !== undefined) log.notice(`${due.changes} changes in ${due.seconds} seconds. Saving...`)
    if (due === undefined && !this.scheduled) return
    try {
      this.start()
    } catch (error) {
      this.failed(reasonOf(error))
    }
  }

  /** When cron() may have something to do, milliseconds since the epoch; Infinity if changes have to come first. */
  nextDue(): number {
    const { dataset, keyspace, settings } = this
    if (this.snapshots.current !== null || !dataset.enabled) return Number.POSITIVE_INFINITY
    if (this.scheduled) return keyspace.clock.now
    const waits = settings.save
      .filter(({ changes }) => keyspace.dirty >= changes)
      .map(({ seconds }) => seconds)
    const due = dataset.lastSave + Math.min(...waits)
    return 1000 * (1 + (dataset.lastSaveOk ? due : Math.max(due, this.lastTry + RETRY_SECONDS)))
  }

  private done(path: string, saveId: string, error: Error | null, result: SnapshotResult): void {
    const { dataset, keyspace, log, startedAt } = this
    this.lastSeconds = Math.floor((keyspace.clock.now - startedAt) / 1000)
    if (error !== null) {
      this.failed(failureOf(error, path))
      return
    }
    const megabytes = (result.preImageBytes / 1024 / 1024).toFixed(1)
    log.notice('DB saved on disk')
    log.notice(`Written early because commands were about to change it: ${megabytes} MB`)
    log.notice('Background saving terminated with success')
    this.lastPreImageBytes = result.preImageBytes
    keyspace.dirty -= this.dirtyBefore
    dataset.saved(path, saveId)
  }

  private failed(reason: string): void {
    this.log.warning(reason)
    this.log.warning('Background saving error')
    this.lastTry = Math.floor(this.keyspace.clock.now / 1000)
    this.dataset.notSaved()
  }
}

/** What went wrong, as Redis says it. */
function failureOf(error: NodeJS.ErrnoException, path: string): string {
  if (error instanceof ReplacedFileError) return error.message
  const place = `(in server root dir ${dirname(path)})`
  const reason = reasonOf(error)
  if (error.syscall === 'open') return `Failed opening the temp RDB file ${place} for saving: ${reason}`
  if (error.syscall === 'rename') {
    return `Error moving temp DB file on the final destination ${basename(path)} ${place}: ${reason}`
  }
  return `Write error saving DB on disk: ${reason}`
}
