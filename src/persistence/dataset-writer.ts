/** A whole dataset as a file's bytes, in one go. Where the bytes end up is the caller's affair. */
import { Entry } from '../keyspace/entry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import { fetchEntries, WALKED_BUCKETS } from '../keyspace/lookahead.ts'
import { holdProcess } from '../platform/process.ts'
import { AddressList } from '../structures/address-list.ts'
import { RdbOutput } from './rdb-output.ts'
import type { SnapshotEncoder } from './snapshot-encoder.ts'

export class DatasetWriter {
  private readonly keyspace: Keyspace
  private readonly output: RdbOutput
  private readonly encoder: SnapshotEncoder
  private readonly write: (piece: Uint8Array) => void

  /** `write` is handed the bytes in pieces, valid until it returns. */
  constructor(keyspace: Keyspace, write: (piece: Uint8Array) => void, encoder: SnapshotEncoder) {
    this.keyspace = keyspace
    this.output = new RdbOutput()
    this.encoder = encoder
    this.write = write
    this.output.spill = () => this.spill()
  }

  /** Writes everything. */
  run(): void {
    const { output, encoder, keyspace } = this
    const { arena, settings } = keyspace
    const entry = new Entry()
    const found = new AddressList()
    const parts = keyspace.databases
      .filter((db) => db.size > 0)
      .map(({ id, index, size, deadlines }) => ({ id, index, keys: size, deadlines: deadlines.count }))
    encoder.begin(output, parts)
    for (const part of parts) {
      const { index } = part
      encoder.select(output, part)
      for (let bucket = 0; bucket < index.bucketCount; ) {
        found.clear()
        const border = Math.min(bucket + WALKED_BUCKETS, index.bucketCount)
        for (; bucket < border; bucket++) index.collect(bucket, found)
        fetchEntries(arena, found.items, found.length)
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
