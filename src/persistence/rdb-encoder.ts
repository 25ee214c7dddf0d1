/** The keyspace in RDB form: what stands at the beginning, before and in each key, and at the end of a file. */
import { idleMillis, lfuCounter } from '../keyspace/access-clock.ts'
import type { Entry } from '../keyspace/entry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import { REDIS_VERSION } from '../platform/version.ts'
import { type Block, blockOf } from '../structures/block.ts'
import { Crc64 } from '../structures/crc64.ts'
import { ListView } from '../values/list-value.ts'
import {
  OPCODE_AUX,
  OPCODE_EOF,
  OPCODE_EXPIRETIME_MS,
  OPCODE_FREQ,
  OPCODE_IDLE,
  OPCODE_RESIZEDB,
  OPCODE_SELECTDB,
  RDB_STRING,
} from './rdb-format.ts'
import { SAVE_ID_REMARK } from './rdb-identity.ts'
import { RdbOutput } from './rdb-output.ts'
import { RdbValueWriter } from './rdb-value-writer.ts'
import type { LongList, SnapshotEncoder, SnapshotPart } from './snapshot-encoder.ts'

/** The first versions with remarks and sizes, and with what an eviction policy remembers. */
const AUX_SINCE = 7
const ACCESS_SINCE = 9

export class RdbEncoder implements SnapshotEncoder {
  private readonly keyspace: Keyspace
  private readonly aofBase: boolean
  private readonly saveId: string
  private readonly version: number
  private readonly compress: boolean
  private readonly values: RdbValueWriter
  private readonly list: ListView
  private readonly crc: Crc64
  /** Databases whose sizes were told. */
  private readonly sized: Set<number>
  /** Whether what passes is summed up; without rdbchecksum zeros at the end say that nothing was. */
  private summing: boolean

  /**
   * `aofBase`: the file begins an append-only dataset. `saveId` is written into it, unless it is ''. Settings are as
   * they are now for the whole file.
   */
  constructor(keyspace: Keyspace, aofBase: boolean, saveId: string = '') {
    const { rdbVersion, rdbcompression, rdbchecksum } = keyspace.settings
    this.keyspace = keyspace
    this.aofBase = aofBase
    this.saveId = saveId
    this.version = rdbVersion
    this.compress = rdbcompression
    // A view of its own: it writes in the middle of commands that are using theirs.
    this.list = new ListView(keyspace.arena, keyspace.freezes)
    this.values = new RdbValueWriter(new RdbOutput(), this.list)
    this.values.lists.version = rdbVersion
    this.crc = new Crc64()
    this.sized = new Set()
    this.summing = rdbchecksum
  }

  begin(output: RdbOutput): void {
    const { keyspace } = this
    const magic = blockOf(`REDIS${String(this.version).padStart(4, '0')}`)
    output.bytes(magic, 0, magic.bytes.length)
    if (this.version < AUX_SINCE) return
    aux(output, 'redis-ver', REDIS_VERSION)
    aux(output, 'redis-bits', '64')
    aux(output, 'ctime', String(Math.floor(keyspace.clock.now / 1000)))
    aux(output, 'used-mem', String(keyspace.usedBytes))
    aux(output, 'aof-base', this.aofBase ? '1' : '0')
    if (this.saveId !== '') aux(output, SAVE_ID_REMARK, this.saveId)
  }

  select(output: RdbOutput, part: SnapshotPart): void {
    output.byte(OPCODE_SELECTDB)
    output.size(part.id)
    if (this.version < AUX_SINCE || this.sized.has(part.id)) return
    this.sized.add(part.id)
    output.byte(OPCODE_RESIZEDB)
    output.size(part.keys)
    output.size(part.deadlines)
  }

  /** A key past its deadline and not yet removed is written too: whoever loads drops it. */
  key(output: RdbOutput, entry: Entry): void {
    const { values } = this
    output.compress = this.compress
    this.attributes(output, entry)
    values.output = output
    values.type(entry)
    output.string(entry.block, entry.keyOffset, entry.keyLength)
    values.value(entry)
  }

  longString(head: RdbOutput, _tail: RdbOutput, entry: Entry): void {
    this.attributes(head, entry)
    head.byte(RDB_STRING)
    head.string(entry.block, entry.keyOffset, entry.keyLength)
    head.size(entry.valueLength)
  }

  longList(head: RdbOutput, _tail: RdbOutput, entry: Entry): LongList {
    const { list } = this
    const { lists } = this.values
    this.attributes(head, entry)
    head.byte(lists.type)
    head.string(entry.block, entry.keyOffset, entry.keyLength)
    list.point(entry.block, entry.valueOffset)
    lists.begin(head, list.chunkCount, list.length)
    return lists
  }

  passes(block: Block, length: number): void {
    if (this.summing) this.crc.update(block, 0, length)
  }

  end(output: RdbOutput): void {
    output.byte(OPCODE_EOF)
    this.passes(output.block, output.length)
    output.reserve(8)
    this.crc.write(output.block, output.length)
    output.length += 8
    this.summing = false
  }

  /** Deadline, and how lately or often the key was used as far as the eviction policy cares. */
  private attributes(output: RdbOutput, entry: Entry): void {
    const { keyspace } = this
    if (entry.hasDeadline) {
      output.byte(OPCODE_EXPIRETIME_MS)
      output.int64(entry.deadlineInt64)
    }
    if (this.version < ACCESS_SINCE) return
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

function aux(output: RdbOutput, name: string, value: string): void {
  output.byte(OPCODE_AUX)
  for (const text of [name, value]) {
    const block = blockOf(text)
    output.string(block, 0, block.bytes.length)
  }
}
