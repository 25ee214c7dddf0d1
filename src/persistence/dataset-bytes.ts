/** A whole dataset as the bytes of an RDB file in memory, made and taken in at once. Files on disk are dataset.ts's. */
import { Keyspace } from '../keyspace/keyspace.ts'
import { Block } from '../structures/block.ts'
import { Crc64 } from '../structures/crc64.ts'
import { DatasetWriter } from './dataset-writer.ts'
import { RdbEncoder } from './rdb-encoder.ts'
import { RdbError } from './rdb-format.ts'
import { RdbInput } from './rdb-input.ts'
import { type ChecksummedInput, type RdbObserver, RdbReader } from './rdb-reader.ts'

/** Buckets of an index that are merged at once where the bytes announced more keys than they had. */
const MERGED_AT_ONCE = 1024

class RdbBytesInput extends RdbInput implements ChecksummedInput {
  constructor(bytes: Buffer) {
    super()
    this.open(new Block(bytes), 0, bytes.length)
  }

  checksum(): string {
    const crc = new Crc64()
    crc.update(this.block, 0, this.at)
    return crc.hexadecimal
  }
}

/** The bytes that SAVE would write now. */
export function datasetBytes(keyspace: Keyspace): Buffer {
  const pieces: Buffer[] = []
  const write = (piece: Uint8Array): void => void pieces.push(Buffer.from(piece))
  new DatasetWriter(keyspace, write, new RdbEncoder(keyspace, false)).run()
  return Buffer.concat(pieces)
}

/** Reads the bytes without keeping anything. Throws RdbError for what could not be loaded. */
export function checkDatasetBytes(keyspace: Keyspace, bytes: Buffer): void {
  const { settings, clock, random, databases } = keyspace
  const nowhere = new Keyspace(settings, clock, random)
  const observer = observing((id) => {
    if (id >= databases.length) throw new RdbError(`database ${id}: this server has ${databases.length}`)
  })
  new RdbReader(nowhere, new RdbBytesInput(bytes), observer, { keep: false }).read(Number.POSITIVE_INFINITY)
}

/** Loads the bytes into the empty keyspace, and tells nobody. Throws RdbError; what was read by then stays. */
export function loadDatasetBytes(keyspace: Keyspace, bytes: Buffer): void {
  const { listener, arrivals } = keyspace
  keyspace.listener = null
  keyspace.arrivals = null
  const reader = new RdbReader(
    keyspace,
    new RdbBytesInput(bytes),
    observing(() => {}),
  )
  try {
    reader.read(Number.POSITIVE_INFINITY)
  } finally {
    reader.abandon()
    keyspace.listener = listener
    keyspace.arrivals = arrivals
  }
  for (const db of keyspace.databases) while (db.index.shrink(MERGED_AT_ONCE));
}

function observing(database: (id: number) => void): RdbObserver {
  return { remark() {}, database, checksum() {}, emptyKey() {} }
}
