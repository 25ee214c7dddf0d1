/** An RDB file's bytes to a dataset: the header, what stands between the values, and the checksum behind all. */
import type { Database } from '../keyspace/database.ts'
import { Entry } from '../keyspace/entry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import { Arguments } from '../protocol/arguments.ts'
import { copyBytes, newBlock } from '../structures/block.ts'
import {
  CHECKSUM_SINCE,
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

/** An input that keeps a checksum of what it has read. */
export interface ChecksummedInput extends RdbInput {
  /** Reads the 8 bytes of a checksum; whether it is right for all that was read before, or zeros. */
  checksum(): boolean
}

export class RdbReader {
  /** Keys loaded, and keys left out because their deadline had passed. */
  loaded: number
  expired: number
  /** Data of modules that is not about a key, skipped. */
  modules: number
  /** The file's remarks about itself: "redis-ver", "ctime" and the like. */
  readonly remarks: Map<string, string>
  private readonly keyspace: Keyspace
  private readonly input: ChecksummedInput
  private readonly keep: boolean
  private readonly values: RdbValueReader
  private readonly key: Arguments
  private readonly entry: Entry
  private db: Database
  // What was said about the key to come.
  private deadline: bigint | null
  private idleTime: number
  private frequency: number

  /** With `keep` false the values are read and dropped: the file is only checked, keys that are there twice excepted. */
  constructor(keyspace: Keyspace, input: ChecksummedInput, keep: boolean = true) {
    this.loaded = 0
    this.expired = 0
    this.modules = 0
    this.remarks = new Map()
    this.keyspace = keyspace
    this.input = input
    this.keep = keep
    this.values = new RdbValueReader(keyspace, input)
    this.key = new Arguments()
    this.key.count = 1
    this.key.block = newBlock(1024)
    this.entry = new Entry()
    this.db = keyspace.databases[0]
    this.deadline = null
    this.idleTime = -1
    this.frequency = -1
  }

  /** Reads the whole file into the keyspace, which has none of its keys. Throws RdbError; what was read by then stays. */
  run(): void {
    const { input } = this
    const version = this.version()
    for (;;) {
      const at = input.position
      const type = input.byte()
      if (type === OPCODE_EOF) break
      if (type >= OPCODE_SLOT_INFO) this.opcode(type, at)
      else this.pair(type, at)
    }
    if (version >= CHECKSUM_SINCE && !input.checksum() && this.keyspace.settings.rdbchecksum) {
      throw new RdbError('wrong checksum: the file was changed or damaged')
    }
    if (input.left > 0) throw new RdbError(`${input.left} bytes at byte ${input.position}, behind the end`)
  }

  /** "REDIS0010", or from Valkey "VALKEY080". */
  private version(): number {
    let magic = ''
    while (magic.length < 9) magic += String.fromCharCode(this.input.byte())
    const digits = /^(?:REDIS(\d{4})|VALKEY(\d{3}))$/.exec(magic)
    if (digits === null) throw new RdbError(`wrong signature ${JSON.stringify(magic)}: not an RDB file`)
    const version = Number(digits[1] ?? digits[2])
    if (!isReadable(version)) throw new RdbError(`RDB version ${version}, which this server can't read`)
    return version
  }

  private opcode(opcode: number, at: number): void {
    const { input } = this
    switch (opcode) {
      case OPCODE_EXPIRETIME:
        this.deadline = BigInt(input.int32()) * 1000n
        break
      case OPCODE_EXPIRETIME_MS:
        this.deadline = input.int64()
        break
      case OPCODE_IDLE:
        this.idleTime = input.size()
        break
      case OPCODE_FREQ:
        this.frequency = input.byte()
        break
      case OPCODE_SELECTDB:
        this.select(input.size(), at)
        break
      case OPCODE_RESIZEDB:
        input.size()
        input.size()
        break
      case OPCODE_SLOT_INFO:
        for (let i = 0; i < 3; i++) input.size()
        break
      case OPCODE_AUX:
        this.remarks.set(this.text(), this.text())
        break
      case OPCODE_MODULE_AUX:
        this.skipModule(at)
        break
      case OPCODE_FUNCTION2:
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
    if (!this.keep) return
    if (id >= databases.length) {
      throw new RdbError(
        `database ${id} at byte ${at}: the file was made by a server with more than ${databases.length} databases`,
      )
    }
    this.db = databases[id]
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

  /** A key and its value. */
  private pair(type: number, at: number): void {
    const { db, input, key, values, keyspace } = this
    input.string()
    const length = input.stringLength
    // The value may come into the block where the key is now.
    if (key.block.bytes.length < length) key.block = newBlock(length * 2)
    copyBytes(input.stringBlock, input.stringOffset, key.block, 0, length)
    key.lengths[0] = length
    if (db.peek(key.block, 0, length, this.entry) !== null) {
      throw new RdbError(`key ${this.keyName()} at byte ${at} is there twice`)
    }
    try {
      values.read(type)
    } catch (error) {
      if (error instanceof RdbError) error.message = `key ${this.keyName()} at byte ${at}: ${error.message}`
      throw error
    }
    if (this.deadline !== null && this.deadline < BigInt(keyspace.clock.now)) {
      values.discard()
      this.expired++
    } else if (!this.keep) {
      values.discard()
      this.loaded++
    } else {
      values.store(db, key, 0, this.entry, this.deadline ?? 0n, this.idleTime, this.frequency)
      this.loaded++
    }
    this.deadline = null
    this.idleTime = -1
    this.frequency = -1
  }

  private keyName(): string {
    return JSON.stringify(this.key.block.bytes.toString('latin1', 0, Math.min(this.key.lengths[0], 100)))
  }
}
