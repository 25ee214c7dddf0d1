/** Takes the snapshot that becomes the base of the append-only file. */
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { BaseWriter } from './aof.ts'
import { replaceFile } from './rdb-file.ts'
import { RdbWriter } from './rdb-writer.ts'

export class AofBase implements BaseWriter {
  busy: boolean
  private readonly keyspace: Keyspace

  constructor(keyspace: Keyspace) {
    this.busy = false
    this.keyspace = keyspace
  }

  begin(path: string, done: (error: Error | null) => void): void {
    this.write(path)
    queueMicrotask(() => done(null))
  }

  write(path: string): void {
    replaceFile(path, `${path.split('/').at(-1)}.part`, (write) => new RdbWriter(this.keyspace, write).run())
  }

  abort(): void {}
}
