/** A whole dataset as an RDB file's bytes, in one go. Where the bytes end up is the caller's affair. */
import { Entry } from '../keyspace/entry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import { holdProcess } from '../platform/process.ts'
import { AddressList } from '../structures/address-list.ts'
import { RdbEncoder } from './rdb-encoder.ts'
import { RdbOutput } from './rdb-output.ts'

export class RdbWriter {
  private readonly keyspace: Keyspace
  private readonly output: RdbOutput
  private readonly encoder: RdbEncoder
  private readonly write: (piece: Uint8Array) => void

  /** `write` is handed the bytes in pieces, valid until it returns. */
  constructor(keyspace: Keyspace, write: (piece: Uint8Array) => void) {
    this.keyspace = keyspace
    this.output = new RdbOutput()
    this.encoder = new RdbEncoder(keyspace, false)
    this.write = write
    this.output.spill = () => this.spill()
  }

  /** Writes everything. */
  run(): void {
    const { output, encoder, keyspace } = this
    const { arena, settings } = keyspace
    const entry = new Entry()
    const found = new AddressList()
    encoder.begin(output)
    for (const { id, size, index, deadlines } of keyspace.databases) {
      if (size === 0) continue
      encoder.select(output, { id, keys: size, deadlines: deadlines.count })
      for (let bucket = 0; bucket < index.bucketCount; bucket++) {
        found.clear()
        index.collect(bucket, found)
        for (let i = 0; i < found.length; i++) {
          entry.point(arena, found.items[i], 0)
          encoder.key(output, entry)
          output.spillIfMuch()
          if (settings.rdbKeySaveDelay > 0) holdProcess(settings.rdbKeySaveDelay / 1000)
        }
      }
    }
    encoder.end(output)
    this.spill()
  }

  private spill(): void {
    const { output } = this
    this.encoder.passes(output.block, output.length)
    this.write(output.block.bytes.subarray(0, output.length))
  }
}
