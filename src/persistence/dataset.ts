/**
 * The dataset as it is kept on disk between two lives of the server: loaded at start, saved on request. All of it is
 * synchronous: while it is at work, nobody is served.
 */
import { closeSync, fstatSync, openSync } from 'node:fs'
import type { Configuration } from '../config/configuration.ts'
import { reasonOf } from '../config/system-errors.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { Log } from '../platform/log.ts'
import { PROCESS_ID } from '../platform/process.ts'
import type { LoadProgress } from './load-progress.ts'
import { RdbFileInput, replaceFile } from './rdb-file.ts'
import { RdbError } from './rdb-format.ts'
import { RdbReader } from './rdb-reader.ts'
import { RdbWriter } from './rdb-writer.ts'

export class Dataset {
  /** Seconds since the epoch: of the last save that succeeded, or of the start (LASTSAVE). */
  lastSave: number
  /** How often it was saved since the start (INFO rdb_saves). */
  saves: number
  /** Whether the last attempt to save succeeded (INFO rdb_last_bgsave_status). */
  lastSaveOk: boolean
  /** What the last load found (INFO rdb_last_load_keys_*). */
  lastLoaded: number
  lastExpired: number
  /** Of the load that is going on; null while there is none. */
  loading: LoadProgress | null
  /** False for a server that was started without its file, which it must not write over then. */
  enabled: boolean
  private readonly keyspace: Keyspace
  private readonly configuration: Configuration
  private readonly log: Log

  constructor(keyspace: Keyspace, configuration: Configuration, log: Log) {
    this.lastSave = Math.floor(keyspace.clock.now / 1000)
    this.saves = 0
    this.lastSaveOk = true
    this.lastLoaded = 0
    this.lastExpired = 0
    this.loading = null
    this.enabled = true
    this.keyspace = keyspace
    this.configuration = configuration
    this.log = log
  }

  /** Where it is kept. */
  get path(): string {
    return this.configuration.path('dbfilename')
  }

  /** Saves it. Throws the system's error when that fails; then the file from before is as it was. */
  save(): void {
    const { keyspace, log, path } = this
    if (!this.enabled) throw new Error('this server keeps no file, since no dir was given')
    const { clock } = keyspace
    const from = clock.monotonicMicros()
    try {
      replaceFile(path, `temp-${PROCESS_ID}.rdb`, (write) => new RdbWriter(keyspace, write).run())
    } catch (error) {
      this.lastSaveOk = false
      log.warning(`Error saving the DB to ${path}: ${reasonOf(error)}`)
      throw error
    }
    keyspace.dirty = 0
    this.saves++
    this.lastSaveOk = true
    this.lastSave = Math.floor(clock.now / 1000)
    log.notice(`DB saved on disk: ${seconds(clock.monotonicMicros() - from)} seconds`)
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
   * Loads it into the empty keyspace; false when there is no file. Throws an Error that says in one line what is
   * wrong where; the file is left as it is, and what was loaded by then stays in the keyspace.
   */
  load(): boolean {
    const { keyspace, log, path } = this
    const from = keyspace.clock.monotonicMicros()
    let file: number
    try {
      file = openSync(path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw new Error(`Fatal error loading the DB, ${path}: ${reasonOf(error)}`, { cause: error })
    }
    // What is loaded is news to nobody.
    const { listener, arrivals } = keyspace
    keyspace.listener = null
    keyspace.arrivals = null
    try {
      const reader = new RdbReader(keyspace, new RdbFileInput(file, fstatSync(file).size))
      reader.run()
      this.report(reader)
    } catch (error) {
      const known = error instanceof RdbError || (error as NodeJS.ErrnoException).syscall !== undefined
      if (!known) throw error
      const reason = error instanceof RdbError ? error.message : reasonOf(error)
      throw new Error(`Fatal error loading the DB, ${path}: ${reason}`, { cause: error })
    } finally {
      closeSync(file)
      keyspace.listener = listener
      keyspace.arrivals = arrivals
    }
    keyspace.dirty = 0
    log.notice(`DB loaded from disk: ${seconds(keyspace.clock.monotonicMicros() - from)} seconds`)
    return true
  }

  private report(reader: RdbReader): void {
    const { log, keyspace } = this
    const producer = reader.remarks.get('redis-ver') ?? reader.remarks.get('valkey-ver')
    if (producer !== undefined) log.notice(`Loading RDB produced by version ${producer}`)
    const created = Number(reader.remarks.get('ctime'))
    if (created > 0) log.notice(`RDB age ${Math.floor(keyspace.clock.now / 1000) - created} seconds`)
    log.notice(`Done loading RDB, keys loaded: ${reader.loaded}, keys expired: ${reader.expired}.`)
    if (reader.modules > 0) {
      log.warning(
        `Left out data of ${reader.modules} modules, which this server has not and the next save will not have.`,
      )
    }
    this.lastLoaded = reader.loaded
    this.lastExpired = reader.expired
  }
}

function seconds(micros: number): string {
  return (micros / 1e6).toFixed(3)
}
