/**
 * An RDB file on its way from disk into the keyspace, step by step: the file, the reader, and what the log says of it.
 * Who takes the steps, and what happens between them, is the caller's affair.
 */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { reasonOf } from '../config/system-errors.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { Log } from '../platform/log.ts'
import { RdbFileInput } from './rdb-file.ts'
import { RdbError } from './rdb-format.ts'
import { identityOfRdb, SAVE_ID_REMARK } from './rdb-identity.ts'
import { type RdbObserver, RdbReader, type RdbReaderOptions } from './rdb-reader.ts'

/** So many keys without elements are named in the log. */
const EMPTY_NAMED = 10
/** Buckets of an index that are merged at once where the file announced more keys than it had. */
const MERGED_AT_ONCE = 1024

export class RdbLoad implements RdbObserver {
  /** Bytes of the file. */
  readonly size: number
  /** rdbIdentity() of it. */
  readonly identity: string
  /** What the file says that its server used, bytes; 0 while it has not said. */
  usedMemory: number
  private readonly keyspace: Keyspace
  private readonly log: Log
  private readonly file: number
  private readonly input: RdbFileInput
  private readonly reader: RdbReader
  private emptyKeys: number

  /** Opens the file. Throws the system's error when that fails. */
  constructor(keyspace: Keyspace, log: Log, path: string, options: RdbReaderOptions = {}) {
    this.keyspace = keyspace
    this.log = log
    this.file = openSync(path, 'r')
    this.size = fstatSync(this.file).size
    this.identity = identityOfRdb(this.file)
    this.usedMemory = 0
    this.input = new RdbFileInput(this.file, this.size)
    this.reader = new RdbReader(keyspace, this.input, this, options)
    this.emptyKeys = 0
  }

  /** Bytes of the file that have been read. */
  get position(): number {
    return this.input.reached
  }

  /** Keys loaded so far, and keys left out because their deadline had passed. */
  get loaded(): number {
    return this.reader.loaded
  }

  get expired(): number {
    return this.reader.expired
  }

  /**
   * Reads on until `border` bytes have been read, or a little more, or everything. Returns whether there is more. Throws
   * RdbError for what is wrong with the file (loadFault() says it in a line), the system's error when it can't be read.
   */
  step(border: number): boolean {
    const { keyspace, reader } = this
    // What is loaded is news to nobody.
    const { listener, arrivals } = keyspace
    keyspace.listener = null
    keyspace.arrivals = null
    try {
      if (reader.read(border)) return true
    } finally {
      keyspace.listener = listener
      keyspace.arrivals = arrivals
    }
    for (const db of keyspace.databases) while (db.index.shrink(MERGED_AT_ONCE));
    this.report()
    return false
  }

  /** Closes the file; what was read of a value without its end is dropped. */
  close(): void {
    this.reader.abandon()
    closeSync(this.file)
  }

  remark(name: string, value: string): void {
    const { log, keyspace } = this
    if (name === 'redis-ver') log.notice(`Loading RDB produced by version ${value}`)
    else if (name === 'valkey-ver') log.notice(`Loading RDB produced by valkey version ${value}`)
    else if (name === 'ctime') {
      const age = Math.floor(keyspace.clock.now / 1000) - Number(value)
      log.notice(`RDB age ${Math.max(0, age)} seconds`)
    } else if (name === 'used-mem') {
      this.usedMemory = Number(value) || 0
      log.notice(`RDB memory usage when created ${(this.usedMemory / (1024 * 1024)).toFixed(2)} Mb`)
    } else if (name === 'aof-base' && value !== '0') log.notice('RDB is base AOF')
    else if (name === SAVE_ID_REMARK) log.verbose(`RDB save id ${value}`)
  }

  database(): void {}

  checksum(state: 'right' | 'absent'): void {
    if (state === 'absent') {
      this.log.notice('RDB file was saved with checksum disabled: no check performed.')
    }
  }

  emptyKey(name: string): void {
    if (this.emptyKeys++ < EMPTY_NAMED) this.log.notice(`rdbLoadObject skipping empty key: ${name}`)
  }

  private report(): void {
    const { log, loaded, expired, emptyKeys, reader } = this
    const empty = emptyKeys === 0 ? '' : `, empty keys skipped: ${emptyKeys}`
    log.notice(`Done loading RDB, keys loaded: ${loaded}, keys expired: ${expired}${empty}.`)
    if (reader.modules > 0) {
      log.warning(
        `Left out data of ${reader.modules} modules, which this server has not and the next save will not have.`,
      )
    }
  }
}

/** What is wrong with a file that step() threw about, or that can't be opened; null for an error of ours. */
export function loadFault(error: unknown): string | null {
  if (error instanceof RdbError) return error.message
  return (error as NodeJS.ErrnoException).syscall === undefined ? null : reasonOf(error)
}
