/** Makes a rename last through a power cut, by syncing the directory it was in, where the system can be told to. */
import { closeSync, fsyncSync, openSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** What systems that sync no directories say: Windows, and some network file systems. */
const UNABLE: ReadonlySet<string | undefined> = new Set(['EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EBADF'])

/** Throws the system's error when the disk could not do it. */
export function syncDirectory(directory: string): void {
  let file: number
  try {
    file = openSync(directory, 'r')
  } catch {
    // The rename is done all the same.
    return
  }
  try {
    fsyncSync(file)
  } catch (error) {
    if (!isUnable(error)) throw error
  } finally {
    closeSync(file)
  }
}

/** The same without waiting for the disk. Rejects with the system's error. */
export async function syncDirectoryLater(directory: string): Promise<void> {
  let file: FileHandle
  try {
    file = await open(directory, 'r')
  } catch {
    return
  }
  try {
    await file.sync()
  } catch (error) {
    if (!isUnable(error)) throw error
  } finally {
    await file.close()
  }
}

function isUnable(error: unknown): boolean {
  return UNABLE.has((error as NodeJS.ErrnoException).code)
}
