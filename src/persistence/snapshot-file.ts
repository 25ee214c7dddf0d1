/**
 * The file a snapshot is written to, asynchronously: a temporary file, synced, then renamed to its place, then the
 * directory synced. Until the rename, whatever was in that place is as it was; a failure leaves nothing behind.
 */
import { rmSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Block, newBlock } from '../structures/block.ts'
import { syncDirectoryLater } from './directory-sync.ts'
import type { SnapshotSink } from './snapshot.ts'

/** Bytes of a block to fill: what an output spills at, and a piece of a long value more. */
const BLOCK_BYTES = 192 * 1024
/** So many bytes may wait for the disk before the walk waits; the blocks that many need are used again. */
const WAITING_MAX = 4 * 1024 * 1024
const KEPT_BLOCKS = 24
/** With incremental syncing, a sync follows each so many bytes, so that the last one has little to do. */
const SYNC_BYTES = 4 * 1024 * 1024

export interface SnapshotFileOptions {
  /** Where the bytes are written; the file is made anew. */
  readonly temporary: string
  /** Where the file goes when it is complete and synced; null leaves it where it is. */
  readonly path: string | null
  readonly incrementalSync: boolean
  /** Called right before the file goes to its place; what it throws is what went wrong. */
  readonly mayReplace?: () => void
  /** There is room again. */
  readonly onRoom: () => void
  /** It is over: null when the file is in its place, else the system's error, when nothing is left of it. */
  readonly onDone: (error: Error | null) => void
}

interface Piece {
  readonly block: Block
  readonly length: number
}

export class SnapshotFile implements SnapshotSink {
  /** Bytes given to the system. */
  written: number
  private readonly options: SnapshotFileOptions
  private waiting: Piece[]
  private waitingBytes: number
  private kept: Block[]
  /** No more is to come. */
  private ended: boolean
  private aborted: boolean
  /** Lets work() go on, while it waits for something to do. */
  private wake: (() => void) | null

  constructor(options: SnapshotFileOptions) {
    this.written = 0
    this.options = options
    this.waiting = []
    this.waitingBytes = 0
    this.kept = []
    this.ended = false
    this.aborted = false
    this.wake = null
    void this.run()
  }

  get isFull(): boolean {
    return this.waitingBytes >= WAITING_MAX
  }

  fresh(): Block {
    return this.kept.pop() ?? newBlock(BLOCK_BYTES)
  }

  put(block: Block, length: number): void {
    this.waiting.push({ block, length })
    this.waitingBytes += length
    this.goOn()
  }

  /** No more bytes are to come. */
  end(): void {
    this.ended = true
    this.goOn()
  }

  /** Gives it up: onDone is not called any more, and the temporary file is gone when this returns. */
  abort(): void {
    this.aborted = true
    this.remove()
    this.goOn()
  }

  private goOn(): void {
    const { wake } = this
    this.wake = null
    wake?.()
  }

  private async run(): Promise<void> {
    let failure: Error | null = null
    try {
      await this.work()
    } catch (error) {
      failure = error as Error
      this.remove()
    }
    // What an open() under way at abort() made, goes too.
    if (this.aborted) this.remove()
    else this.options.onDone(failure)
  }

  private async work(): Promise<void> {
    const { temporary, path, mayReplace } = this.options
    const file = await open(temporary, 'w', 0o644)
    try {
      await this.writeAll(file)
      if (!this.aborted) await file.sync()
    } finally {
      await file.close()
    }
    if (path === null || this.aborted) return
    mayReplace?.()
    await rename(temporary, path)
    await syncDirectoryLater(dirname(path))
  }

  private async writeAll(file: FileHandle): Promise<void> {
    let unsynced = 0
    while (!this.aborted) {
      const piece = this.waiting.shift()
      if (piece === undefined) {
        if (this.ended) return
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
        continue
      }
      await this.write(file, piece)
      unsynced += piece.length
      if (unsynced < SYNC_BYTES || !this.options.incrementalSync) continue
      unsynced = 0
      await file.datasync()
    }
  }

  private async write(file: FileHandle, { block, length }: Piece): Promise<void> {
    for (let at = 0; at < length && !this.aborted; ) {
      const { bytesWritten } = await file.write(block.bytes, at, length - at)
      at += bytesWritten
      this.written += bytesWritten
    }
    const wasFull = this.isFull
    this.waitingBytes -= length
    if (block.bytes.length === BLOCK_BYTES && this.kept.length < KEPT_BLOCKS) this.kept.push(block)
    if (wasFull && !this.isFull && !this.aborted) this.options.onRoom()
  }

  private remove(): void {
    rmSync(this.options.temporary, { force: true })
  }
}
