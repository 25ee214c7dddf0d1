/** RDB files on disk: reading one in pieces, and writing one so that it replaces the old one whole or not at all. */
import { closeSync, fchmodSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { newBlock } from '../structures/block.ts'
import { Crc64 } from '../structures/crc64.ts'
import { syncDirectory } from './directory-sync.ts'
import { ENCODED_LZF, LENGTH_32_BITS, LENGTH_64_BITS, LENGTH_ENCODED, RdbError } from './rdb-format.ts'
import { RdbInput } from './rdb-input.ts'
import type { ChecksummedInput } from './rdb-reader.ts'

/** Bytes read at once. */
const WINDOW = 256 * 1024
/** Bytes of a longer string that are read at once. */
const PIECE = 1024 * 1024
/** Most bytes that say how long a string is. */
const HEAD_MAX = 16
/** A compressed string's first byte. */
const LZF_STRING = (LENGTH_ENCODED << 6) | ENCODED_LZF

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
    this.sumUpTo(this.at)
    return this.crc.hexadecimal
  }

  /** Bytes of the file that have been looked at. */
  get reached(): number {
    return this.base + Math.max(this.at, this.summed)
  }

  override bring(ahead: number, border: number): boolean {
    if (this.end - this.at < ahead + HEAD_MAX && this.unread > 0) this.fetch(Math.min(HEAD_MAX, this.left))
    const size = ahead + this.stringSize(this.at + ahead)
    if (size <= this.end - this.at || size <= WINDOW || size > this.left) return true
    if (this.block.bytes.length - this.at < size) this.move(size)
    do {
      this.read(Math.min(PIECE, size - (this.end - this.at)))
      this.sumUpTo(this.end)
    } while (this.end - this.at < size && this.base + this.end < border)
    return this.end - this.at >= size
  }

  protected override fetch(size: number): void {
    const kept = this.end - this.at
    this.move(Math.max(size, Math.min(WINDOW, kept + this.unread)))
    while (this.end < size) this.read(Math.min(this.block.bytes.length - this.end, this.unread))
  }

  /** Bytes of the string at `at` of the block, its length included: exactly, or 0 for one that is short. */
  private stringSize(at: number): number {
    if (this.end - at < HEAD_MAX) return 0
    const { view } = this.block
    const first = view.getUint8(at)
    if (first === LENGTH_32_BITS) return 5 + view.getUint32(at + 1)
    if (first === LENGTH_64_BITS) return 9 + view.getUint32(at + 1) * 4294967296 + view.getUint32(at + 5)
    if (first !== LZF_STRING || view.getUint8(at + 1) !== LENGTH_32_BITS) return 0
    // The length of what is compressed, and another: what it will be.
    const second = view.getUint8(at + 6)
    if (second !== LENGTH_32_BITS && second !== LENGTH_64_BITS) return 0
    return 6 + (second === LENGTH_32_BITS ? 5 : 9) + view.getUint32(at + 2)
  }

  /** Moves what is not read yet to the front of a block of `room` bytes. */
  private move(room: number): void {
    this.sumUpTo(this.at)
    const { block, at } = this
    // A long string got a longer block, which is given back after it.
    const target = block.bytes.length === room ? block : newBlock(room)
    block.bytes.copy(target.bytes, 0, at, this.end)
    this.block = target
    this.base += at
    this.end -= at
    this.summed -= at
    this.at = 0
  }

  /** Reads up to `most` bytes more into the block. */
  private read(most: number): void {
    const count = readSync(this.file, this.block.bytes, this.end, most, null)
    if (count === 0) {
      throw new RdbError(
        `Unexpected EOF reading RDB file: it became shorter than byte ${this.base + this.end}`,
      )
    }
    this.end += count
    this.unread -= count
  }

  /** Sums up what has been read of the block since the last time. */
  private sumUpTo(offset: number): void {
    if (offset <= this.summed) return
    this.crc.update(this.block, this.summed, offset - this.summed)
    this.summed = offset
  }
}

/**
 * Replaces the file at `path` by what `produce` writes, in this order: a temporary file beside it, synced; the
 * rename; the directory synced. On an error (of the system's, or whatever `produce` throws) the file is as it was.
 * `mode` are its permissions, where it is not for the process's umask to say.
 */
export function replaceFile(
  path: string,
  temporary: string,
  produce: (write: (piece: Uint8Array) => void) => void,
  mode?: number,
): void {
  const directory = dirname(path)
  const beside = join(directory, temporary)
  try {
    const file = openSync(beside, 'w', mode ?? 0o644)
    try {
      if (mode !== undefined) fchmodSync(file, mode)
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
