/** Where the memory is, for INFO and MEMORY: the figures of keyspace/memory.ts and those of the clients. */
import { overheadBytes, STARTUP_BYTES } from '../keyspace/memory.ts'
import { residentBytes } from '../platform/process.ts'
import { clientBytes } from './client-line.ts'
import type { Engine } from './engine.ts'

/** All in bytes, but for keys. */
export interface MemoryReport {
  /** All of it: used_memory. */
  readonly used: number
  /** The most it was, as far as it was looked at. */
  readonly peak: number
  readonly startup: number
  /** Buffers and bookkeeping of the clients. */
  readonly clients: number
  /** Commands on their way to the append-only file, and the room for them. */
  readonly aofBuffer: number
  /** What is not the data itself: startup, clients, the append-only file's buffer, indexes. */
  readonly overhead: number
  readonly dataset: number
  readonly keys: number
  /** What the arena's live objects take, and what it holds for them; parts never touched are not resident. */
  readonly allocated: number
  readonly active: number
  readonly resident: number
}

/** Takes stock; the peak is noted with it. */
export function memoryReport({ keyspace, clients: connected, aof }: Engine): MemoryReport {
  let clients = 0
  for (const client of connected.values()) clients += clientBytes(client)
  const { arena } = keyspace
  const aofBuffer = aof.bufferRoom
  const overhead = overheadBytes(keyspace.databases) + clients + aofBuffer
  const used = overhead + arena.bytesUsed
  keyspace.peakBytes = Math.max(keyspace.peakBytes, used)
  return {
    used,
    peak: keyspace.peakBytes,
    startup: STARTUP_BYTES,
    clients,
    aofBuffer,
    overhead,
    dataset: arena.bytesUsed,
    keys: keyspace.keyCount,
    allocated: arena.bytesUsed,
    active: arena.bytesReserved,
    resident: residentBytes(),
  }
}

/** The dataset's share of what was added since the start, in percent. */
export function datasetPercent({ used, startup, dataset }: MemoryReport): number {
  return (dataset * 100) / Math.max(1, used - startup)
}

/** `part` of `whole`, 0 where there is no whole. */
export function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
