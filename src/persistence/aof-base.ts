/** Takes the snapshot that becomes the base of the append-only file, in the form that aof-use-rdb-preamble asks for. */
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { BaseWriter } from './aof.ts'
import { CommandEncoder } from './command-encoder.ts'
import { DatasetWriter } from './dataset-writer.ts'
import { RdbEncoder } from './rdb-encoder.ts'
import { replaceFile } from './rdb-file.ts'
import type { SnapshotEncoder } from './snapshot-encoder.ts'
import type { Snapshots } from './snapshots.ts'

export class AofBase implements BaseWriter {
  private readonly keyspace: Keyspace
  private readonly snapshots: Snapshots

  constructor(keyspace: Keyspace, snapshots: Snapshots) {
    this.keyspace = keyspace
    this.snapshots = snapshots
  }

  get busy(): boolean {
    return this.snapshots.current !== null
  }

  begin(path: string, saveId: string, done: (error: Error | null, preImageBytes: number) => void): void {
    this.snapshots.start({
      purpose: 'aof',
      temporary: path,
      path: null,
      incrementalSync: this.keyspace.settings.aofRewriteIncrementalFsync,
      encoder: this.encoder(saveId),
      onDone: (error, { preImageBytes }) => done(error, preImageBytes),
    })
  }

  write(path: string, saveId: string): void {
    replaceFile(path, 'temp-aof-base', (write) =>
      new DatasetWriter(this.keyspace, write, this.encoder(saveId)).run(),
    )
  }

  abort(): void {
    if (this.snapshots.current?.purpose === 'aof') this.snapshots.abort()
  }

  /** One of commands has no place for its save id; the manifest has it. */
  private encoder(saveId: string): SnapshotEncoder {
    const { keyspace } = this
    const asRdb = keyspace.settings.aofUseRdbPreamble
    return asRdb ? new RdbEncoder(keyspace, true, saveId) : new CommandEncoder(keyspace)
  }
}
