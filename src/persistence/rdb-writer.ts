/** A whole dataset as an RDB file's bytes, in one go. Where the bytes end up is the caller's affair. */
import { idleMillis, lfuCounter } from '../keyspace/access-clock.ts'
import type { Database } from '../keyspace/database.ts'
import { Entry } from '../keyspace/entry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import { REDIS_VERSION } from '../platform/version.ts'
import { AddressList } from '../structures/address-list.ts'
import { blockOf } from '../structures/block.ts'
import { Crc64 } from '../structures/crc64.ts'
import {
  OPCODE_AUX,
  OPCODE_EOF,
  OPCODE_EXPIRETIME_MS,
  OPCODE_FREQ,
  OPCODE_IDLE,
  OPCODE_RESIZEDB,
  OPCODE_SELECTDB,
  RDB_VERSION,
} from './rdb-format.ts'
import { RdbOutput } from './rdb-output.ts'
import { RdbValueWriter } from './rdb-value-writer.ts'

export class RdbWriter {
  private readonly keyspace: Keyspace
  private readonly output: RdbOutput
  private readonly values: RdbValueWriter
  private readonly entry: Entry
  private readonly found: AddressList
  private readonly crc: Crc64
  private readonly write: (piece: Uint8Array) => void

  /** `write` is handed the bytes in pieces, valid until it returns. */
  constructor(keyspace: Keyspace, write: (piece: Uint8Array) => void) {
    this.keyspace = keyspace
    this.output = new RdbOutput()
    this.values = new RdbValueWriter(this.output, keyspace.otherList)
    this.entry = new Entry()
    this.found = new AddressList()
    this.crc = new Crc64()
    this.write = write
    this.output.compress = keyspace.settings.rdbcompression
    this.output.spill = () => this.spill()
  }

  /** Writes everything. Keys past their deadline and not yet removed are written too: whoever loads drops them. */
  run(): void {
    const { output, keyspace } = this
    const magic = blockOf(`REDIS${String(RDB_VERSION).padStart(4, '0')}`)
    output.bytes(magic, 0, magic.bytes.length)
    this.aux('redis-ver', REDIS_VERSION)
    this.aux('redis-bits', '64')
    this.aux('ctime', String(Math.floor(keyspace.clock.now / 1000)))
    this.aux('used-mem', String(keyspace.usedBytes))
    this.aux('aof-base', '0')
    for (const db of keyspace.databases) if (db.size > 0) this.database(db)
    output.byte(OPCODE_EOF)
    this.spill()
    // Without rdbchecksum nothing was summed up, and zeros say so.
    output.clear()
    output.reserve(8)
    this.crc.write(output.block, 0)
    this.write(output.block.bytes.subarray(0, 8))
  }

  private spill(): void {
    const { output } = this
    if (this.keyspace.settings.rdbchecksum) this.crc.update(output.block, 0, output.length)
    this.write(output.block.bytes.subarray(0, output.length))
  }

  private aux(name: string, value: string): void {
    this.output.byte(OPCODE_AUX)
    for (const text of [name, value]) {
      const block = blockOf(text)
      this.output.string(block, 0, block.bytes.length)
    }
  }

  private database(db: Database): void {
    const { output, entry, found, keyspace } = this
    output.byte(OPCODE_SELECTDB)
    output.size(db.id)
    output.byte(OPCODE_RESIZEDB)
    output.size(db.size)
    output.size(db.deadlines.count)
    for (let bucket = 0; bucket < db.index.bucketCount; bucket++) {
      found.clear()
      db.index.collect(bucket, found)
      for (let i = 0; i < found.length; i++) {
        entry.point(keyspace.arena, found.items[i], 0)
        this.key(entry)
      }
    }
  }

  private key(entry: Entry): void {
    const { output, values } = this
    if (entry.hasDeadline) {
      output.byte(OPCODE_EXPIRETIME_MS)
      output.int64(entry.deadlineInt64)
    }
    this.access(entry)
    values.type(entry)
    output.string(entry.block, entry.keyOffset, entry.keyLength)
    values.value(entry)
    output.spillIfMuch()
  }

  /** How lately or often the key was used, as far as the eviction policy cares. */
  private access(entry: Entry): void {
    const { output, keyspace } = this
    const { maxmemoryPolicy, lfuDecayTime } = keyspace.settings
    if (keyspace.lfu) {
      output.byte(OPCODE_FREQ)
      output.byte(lfuCounter(entry.access, keyspace.clock.now, lfuDecayTime))
    } else if (maxmemoryPolicy.endsWith('lru')) {
      output.byte(OPCODE_IDLE)
      output.size(idleMillis(entry.access, keyspace.clock.now) / 1000)
    }
  }
}
