/**
 * DUMP payloads: one value in RDB form, then the RDB version (2 bytes) and a CRC-64 of all before it (8 bytes).
 */
import type { Entry } from '../keyspace/entry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { Block } from '../structures/block.ts'
import { Crc64 } from '../structures/crc64.ts'
import { isReadable, RdbError } from './rdb-format.ts'
import { RdbInput } from './rdb-input.ts'
import { RdbOutput } from './rdb-output.ts'
import { RdbValueReader } from './rdb-value-reader.ts'
import { RdbValueWriter } from './rdb-value-writer.ts'

const FOOTER = 10
const CHECKSUM = 8

/** Makes payloads. One long-lived object; what make() wrote is valid until clear() or the next call. */
export class DumpWriter {
  readonly output: RdbOutput
  private readonly keyspace: Keyspace
  private readonly writer: RdbValueWriter
  private readonly crc: Crc64

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
    this.output = new RdbOutput()
    this.writer = new RdbValueWriter(this.output, keyspace.otherList)
    this.crc = new Crc64()
  }

  /** Writes the payload of the entry's value; it is all of `output`. */
  make(entry: Entry): void {
    const { output, crc } = this
    output.clear()
    const { rdbcompression, rdbVersion } = this.keyspace.settings
    output.compress = rdbcompression
    this.writer.lists.version = rdbVersion
    this.writer.type(entry)
    this.writer.value(entry)
    output.reserve(FOOTER)
    output.block.view.setUint16(output.length, rdbVersion, true)
    crc.reset()
    crc.update(output.block, 0, output.length + FOOTER - CHECKSUM)
    crc.write(output.block, output.length + FOOTER - CHECKSUM)
    output.length += FOOTER
  }
}

/** Reads payloads. One long-lived object; `value` shows what read() made of one. */
export class DumpReader {
  readonly value: RdbValueReader
  private readonly input: RdbInput
  private readonly crc: Crc64

  constructor(keyspace: Keyspace) {
    this.input = new RdbInput()
    this.value = new RdbValueReader(keyspace, this.input)
    this.crc = new Crc64()
  }

  /** Whether the payload's version can be read and its checksum is right. */
  verify(block: Block, offset: number, length: number): boolean {
    if (length < FOOTER) return false
    const footer = offset + length - FOOTER
    if (!isReadable(block.view.getUint16(footer, true))) return false
    this.crc.reset()
    this.crc.update(block, offset, length - CHECKSUM)
    return this.crc.isAt(block, offset + length - CHECKSUM)
  }

  /** Reads the value of a verified payload into `value`. Throws RdbError, which leaves nothing behind. */
  read(block: Block, offset: number, length: number): void {
    const { input, value } = this
    input.open(block, offset, length - FOOTER)
    value.read(input.byte())
    if (input.left > 0) {
      value.discard()
      throw new RdbError(`${input.left} bytes behind the value`)
    }
  }
}
