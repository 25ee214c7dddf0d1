/**
 * An RDB file's bytes to a dataset: the header, what stands between the values, and the checksum behind all. It reads in
 * steps as long as it is told, so that whoever loads can do other things in between.
 */
import type { Database } from '../keyspace/database.ts'
import { Entry } from '../keyspace/entry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import { Arguments } from '../protocol/arguments.ts'
import { copyBytes, newBlock } from '../structures/block.ts'
import { hexadecimal64 } from '../structures/crc64.ts'
import { HashIndex } from '../structures/hash-index.ts'
import { delayKey } from './load-progress.ts'
import {
  CHECKSUM_SINCE,
  EmptyValueError,
  isReadable,
  OPCODE_AUX,
  OPCODE_EOF,
  OPCODE_EXPIRETIME,
  OPCODE_EXPIRETIME_MS,
  OPCODE_FREQ,
  OPCODE_FUNCTION_PRE_GA,
  OPCODE_FUNCTION2,
  OPCODE_IDLE,
  OPCODE_MODULE_AUX,
  OPCODE_RESIZEDB,
  OPCODE_SELECTDB,
  OPCODE_SLOT_INFO,
  RdbError,
} from './rdb-format.ts'
import type { RdbInput } from './rdb-input.ts'
import { RdbValueReader } from './rdb-value-reader.ts'

// What follows in a module's data, each a number in front of it.
const MODULE_EOF = 0
const MODULE_SIGNED = 1
const MODULE_UNSIGNED = 2
const MODULE_FLOAT = 3
const MODULE_DOUBLE = 4
const MODULE_STRING = 5

/** Longest part of a key that is shown. */
const KEY_SHOWN = 100
/** An index is made for so many keys at most, since that is done in one go; a larger one grows from there. */
const EXPECTED_MAX = 8_000_000
/** Bytes that a key and its value take at least. */
const PAIR_MIN = 3

/** An input that keeps a checksum of what it has read. */
export interface ChecksummedInput extends RdbInput {
  /** The sum over all that was read, sixteen hexadecimal digits. */
  checksum(): string
}

/** What is told of what is found between the values, after it has been read. */
export interface RdbObserver {
  /** The file says something about itself: "redis-ver", "ctime" and the like. */
  remark(name: string, value: string): void
  database(id: number): void
  /** The checksum was right, or the file has none ('absent') although its version has. */
  checksum(state: 'right' | 'absent'): void
  /** A key whose value has no elements, which some servers left behind: it is left out. */
  emptyKey(name: string): void
}

export interface RdbReaderOptions {
  /** False: values are read and dropped, the file is only checked, but for keys that are there twice. */
  readonly keep?: boolean
  /** Keys past their deadline are loaded too: commands that change them may follow. */
  readonly keepExpired?: boolean
  /** More may follow behind the end. */
  readonly open?: boolean
}

/** What a reader is at, in redis-check-rdb's words. */
export type RdbStage =
  | 'start'
  | 'read-type'
  | 'read-expire'
  | 'read-key'
  | 'read-object-value'
  | 'check-sum'
  | 'read-len'
  | 'read-aux'
  | 'read-module-aux'
  | 'read-function'

export class RdbReader {
  /** Keys loaded, and keys left out because their deadline had passed. */
  loaded: number
  expired: number
  /** Keys begun, and how many of them have a deadline. */
  keys: number
  deadlines: number
  /** Data of modules that is not about a key, skipped. */
  modules: number
  stage: RdbStage
  /** RDB type of the value being read; 0 before the first, as redis-check-rdb has it, and -1 between values. */
  type: number
  private readonly keyspace: Keyspace
  private readonly input: ChecksummedInput
  private readonly observer: RdbObserver
  private readonly keep: boolean
  private readonly keepExpired: boolean
  private readonly open: boolean
  private readonly values: RdbValueReader
  private readonly key: Arguments
  private readonly entry: Entry
  private db: Database
  private version: number
  /** Where the pair being read begins. */
  private pairAt: number
  /** The value of `key` has been read in part. */
  private inValue: boolean
  // What was said about the key to come.
  private deadline: bigint | null
  private idleTime: number
  private frequency: number

  constructor(
    keyspace: Keyspace,
    input: ChecksummedInput,
    observer: RdbObserver,
    options: RdbReaderOptions = {},
  ) {
    this.loaded = 0
    this.expired = 0
    this.keys = 0
    this.deadlines = 0
    this.modules = 0
    this.stage = 'start'
    this.type = 0
    this.keyspace = keyspace
    this.input = input
    this.observer = observer
    this.keep = options.keep ?? true
    this.keepExpired = options.keepExpired ?? false
    this.open = options.open ?? false
    this.values = new RdbValueReader(keyspace, input)
    this.key = new Arguments()
    this.key.count = 1
    this.key.block = newBlock(1024)
    this.entry = new Entry()
    this.db = keyspace.databases[0]
    this.version = 0
    this.pairAt = 0
    this.inValue = false
    this.deadline = null
    this.idleTime = -1
    this.frequency = -1
  }

  /**
   * Reads on until `border` bytes of the input have been read, or a little more, or everything. Returns whether there
   * is more. What is read goes into the keyspace, which has none of its keys. Throws RdbError; what was read by then
   * stays.
   */
  read(border: number): boolean {
    const { input } = this
    if (this.version === 0) this.version = this.header()
    if (this.inValue && !this.value(border)) return true
    while (input.position < border) {
      const at = input.position
      this.stage = 'read-type'
      const type = input.byte()
      if (type === OPCODE_EOF) {
        this.end()
        return false
      }
      if (type >= OPCODE_SLOT_INFO) this.opcode(type, at)
      else {
        this.beginPair(type, at)
        if (!this.value(border)) return true
      }
    }
    return true
  }

  /** Name of the key whose value is being read, or '' in between. */
  get keyBeingRead(): string {
    return this.stage === 'read-object-value' ? this.keyText() : ''
  }

  /** Frees what has been read of a value: there will be no more. */
  abandon(): void {
    if (this.inValue) this.values.discard()
    this.inValue = false
  }

  /** "REDIS0010", or from Valkey "VALKEY080". Returns the version. */
  private header(): number {
    const { input } = this
    let magic = ''
    while (magic.length < 9) magic += String.fromCharCode(input.byte())
    const digits = /^(?:REDIS(\d{4})|VALKEY(\d{3}))$/.exec(magic)
    if (digits === null) {
      throw new RdbError(`Wrong signature trying to load DB from file: ${JSON.stringify(magic)}`)
    }
    const version = Number(digits[1] ?? digits[2])
    if (!isReadable(version)) throw new RdbError(`Can't handle RDB format version ${version}`)
    return version
  }

  private end(): void {
    const { input, observer } = this
    this.stage = 'check-sum'
    if (this.version >= CHECKSUM_SINCE) {
      const found = input.checksum()
      const low = input.int32()
      const high = input.int32()
      const expected = hexadecimal64(high, low)
      if (low === 0 && high === 0) observer.checksum('absent')
      else if (this.keyspace.settings.rdbchecksum) {
        if (expected !== found) {
          throw new RdbError(`RDB CRC error: Wrong RDB checksum expected: (${expected}) but got (${found})`)
        }
        observer.checksum('right')
      }
    }
    if (!this.open && input.left > 0) {
      throw new RdbError(`${input.left} bytes at byte ${input.position}, behind the end`)
    }
  }

  private opcode(opcode: number, at: number): void {
    const { input } = this
    switch (opcode) {
      case OPCODE_EXPIRETIME:
        this.stage = 'read-expire'
        this.deadline = BigInt(input.int32()) * 1000n
        break
      case OPCODE_EXPIRETIME_MS:
        this.stage = 'read-expire'
        this.deadline = input.int64()
        break
      case OPCODE_IDLE:
        this.idleTime = input.size()
        break
      case OPCODE_FREQ:
        this.frequency = input.byte()
        break
      case OPCODE_SELECTDB:
        this.stage = 'read-len'
        this.select(input.size(), at)
        break
      case OPCODE_RESIZEDB:
        this.stage = 'read-len'
        this.expect(input.size())
        input.size()
        break
      case OPCODE_SLOT_INFO:
        for (let i = 0; i < 3; i++) input.size()
        break
      case OPCODE_AUX:
        this.stage = 'read-aux'
        this.observer.remark(this.text(), this.text())
        break
      case OPCODE_MODULE_AUX:
        this.stage = 'read-module-aux'
        this.skipModule(at)
        break
      case OPCODE_FUNCTION2:
        this.stage = 'read-function'
        throw new RdbError(
          `function library ${this.library()} at byte ${at}: functions are not supported yet`,
        )
      case OPCODE_FUNCTION_PRE_GA:
        throw new RdbError(`function of a Redis 7.0 release candidate at byte ${at}, which no server reads`)
      default:
        throw new RdbError(`unknown opcode ${opcode} at byte ${at}`)
    }
  }

  private select(id: number, at: number): void {
    const { databases } = this.keyspace
    this.observer.database(id)
    if (!this.keep) return
    if (id >= databases.length) {
      throw new RdbError(
        `database ${id} at byte ${at}: the file was created with a server configured to handle more than ${databases.length} databases`,
      )
    }
    this.db = databases[id]
  }

  /** So many keys are said to come: believed as far as the bytes that are left can hold them. */
  private expect(keys: number): void {
    const { db, input } = this
    const believed = Math.min(keys, input.left / PAIR_MIN, EXPECTED_MAX)
    if (this.keep && db.size === 0) db.index = new HashIndex(believed)
  }

  private text(): string {
    const { input } = this
    input.string()
    const { stringBlock, stringOffset, stringLength } = input
    return stringBlock.bytes.toString('latin1', stringOffset, stringOffset + stringLength)
  }

  /** The name in the first line of a library, "#!lua name=…". */
  private library(): string {
    return JSON.stringify(/^#!.*\bname=([^\s]*)/.exec(this.text())?.[1] ?? '')
  }

  /** Data of a module that is not about a key: no module could be missing it here. */
  private skipModule(at: number): void {
    const { input } = this
    this.modules++
    input.size()
    for (let opcode = input.size(); opcode !== MODULE_EOF; opcode = input.size()) {
      if (opcode === MODULE_SIGNED || opcode === MODULE_UNSIGNED) input.size()
      else if (opcode === MODULE_FLOAT) input.skip(4)
      else if (opcode === MODULE_DOUBLE) input.skip(8)
      else if (opcode === MODULE_STRING) input.string()
      else throw new RdbError(`unknown module opcode ${opcode} in the module data at byte ${at}`)
    }
  }

  /** A key and the beginning of its value. */
  private beginPair(type: number, at: number): void {
    const { db, input, key, values } = this
    this.stage = 'read-key'
    this.type = type
    this.pairAt = at
    input.string()
    const length = input.stringLength
    // The value may come into the block where the key is now.
    if (key.block.bytes.length < length) key.block = newBlock(length * 2)
    copyBytes(input.stringBlock, input.stringOffset, key.block, 0, length)
    key.lengths[0] = length
    this.stage = 'read-object-value'
    this.keys++
    if (this.deadline !== null) this.deadlines++
    if (db.peek(key.block, 0, length, this.entry) !== null) {
      throw new RdbError(
        `RDB has duplicated key ${JSON.stringify(this.keyText())} in DB ${db.id} at byte ${at}`,
      )
    }
    this.inValue = true
    try {
      values.begin(type)
    } catch (error) {
      throw this.failed(error)
    }
  }

  /** The rest of the value, as far as `border` allows. Returns whether the pair is done. */
  private value(border: number): boolean {
    const { values, keyspace } = this
    try {
      if (!values.readOn(border)) return false
    } catch (error) {
      if (!(error instanceof EmptyValueError)) throw this.failed(error)
      this.inValue = false
      this.observer.emptyKey(this.keyText())
      this.forget()
      return true
    }
    this.inValue = false
    const late = this.deadline !== null && !this.keepExpired && this.deadline < BigInt(keyspace.clock.now)
    if (late || !this.keep) values.discard()
    else values.store(this.db, this.key, 0, this.entry, this.deadline ?? 0n, this.idleTime, this.frequency)
    if (late) this.expired++
    else this.loaded++
    this.forget()
    if (keyspace.settings.keyLoadDelay !== 0) delayKey(keyspace.settings, keyspace.random)
    return true
  }

  /** What was said about a key holds for that key only. */
  private forget(): void {
    this.type = -1
    this.deadline = null
    this.idleTime = -1
    this.frequency = -1
  }

  /** The error, which says in which key it happened if it is one of the format. */
  private failed(error: unknown): unknown {
    this.inValue = false
    if (error instanceof RdbError) {
      error.message = `key ${JSON.stringify(this.keyText())} at byte ${this.pairAt}: ${error.message}`
    }
    return error
  }

  private keyText(): string {
    const { block, lengths } = this.key
    return block.bytes.toString('latin1', 0, Math.min(lengths[0], KEY_SHOWN))
  }
}
