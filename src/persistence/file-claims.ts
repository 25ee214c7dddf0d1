/** The files this server alone may write: each is claimed before it is written first, and stays so until the server ends. */
import { reasonOf } from '../config/system-errors.ts'
import { FileLock } from '../platform/file-lock.ts'

export class FileClaims {
  private readonly locks: Map<string, FileLock>

  constructor() {
    this.locks = new Map()
  }

  /** Claims the file or directory at `path`. Throws an Error that says in one line that another server has it. */
  claim(path: string): void {
    if (this.locks.has(path)) return
    let lock: FileLock | null
    try {
      lock = FileLock.take(path)
    } catch (error) {
      throw new Error(`Can't lock ${path}: ${reasonOf(error)}`, { cause: error })
    }
    if (lock === null) {
      throw new Error(
        `${path} is in use by another server: stop that one first, or give this one files of its own (dir, dbfilename, appenddirname)`,
      )
    }
    this.locks.set(path, lock)
  }

  /** Lets others have them all. */
  async release(): Promise<void> {
    const locks = [...this.locks.values()]
    this.locks.clear()
    for (const lock of locks) await lock.release()
  }
}
