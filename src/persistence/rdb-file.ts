/** RDB files on disk: reading one in pieces, and writing one so that it replaces the old one whole or not at all. */
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { newBlock } from '../structures/block.ts'
import { Crc64 } from '../structures/crc64.ts'
import { RdbError } from './rdb-format.ts'
import { RdbInput } from './rdb-input.ts'
import type { ChecksummedInput } from './rdb-reader.ts'

/** Bytes read at once. */
const WINDOW = 256 * 1024

/** The bytes of an open file. */
export class RdbFileInput extends RdbInput implements ChecksummedInput {
  private readonly file: number
  private readonly crc: Crc64
  /** Bytes of the block before this one have been summed up. */
  private summed: number

  /** `file` is a descriptor at its beginning, `size` the file's length. */
  constructor(file: number, size: number) {
    super()
    this.file = file
    this.crc = new Crc64()
    this.summed = 0
    this.unread = size
  }

  checksum(): string {
    this.sum()
    return this.crc.hexadecimal
  }

  protected override fetch(size: number): void {
    this.sum()
    const { block, at } = this
    const kept = this.end - at
    const room = Math.max(size, Math.min(WINDOW, kept + this.unread))
    // A long string got a longer block, which is given back after it.
    const target = block.bytes.length === room ? block : newBlock(room)
    block.bytes.copy(target.bytes, 0, at, this.end)
    this.block = target
    this.base += at
    this.at = 0
    this.end = kept
    this.summed = 0
    while (this.end < size) {
      const most = Math.min(room - this.end, this.unread)
      const count = readSync(this.file, target.bytes, this.end, most, null)
      if (count === 0)
        throw new RdbError(
          `Unexpected EOF reading RDB file: it became shorter than byte ${this.base + this.end}`,
        )
      this.end += count
      this.unread -= count
    }
  }

  /** Sums up what has been read since the last time. */
  private sum(): void {
    this.crc.update(this.block, this.summed, this.at - this.summed)
    this.summed = this.at
  }
}

/**
 * Replaces the file at `path` by what `produce` writes, in this order: a temporary file beside it, synced; the
 * rename; the directory synced. On an error (of the system's, or whatever `produce` throws) the file is as it was.
 */
export function replaceFile(
  path: string,
  temporary: string,
  produce: (write: (piece: Uint8Array) => void) => void,
): void {
  const directory = dirname(path)
  const beside = join(directory, temporary)
  try {
    const file = openSync(beside, 'w', 0o644)
    try {
      produce((piece) => {
        for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at, piece.length - at)
      })
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
  syncDirectory(directory)
}

/** Makes a rename last through a power cut, where the system can be told to. */
export function syncDirectory(directory: string): void {
  let file: number
  try {
    file = openSync(directory, 'r')
  } catch {
    // Windows opens no directories; the rename is done all the same.
    return
  }
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
