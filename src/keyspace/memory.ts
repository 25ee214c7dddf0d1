/**
 * How much memory the dataset takes, exactly: what used_memory, maxmemory and MEMORY USAGE count. What clients
 * take is counted in engine/memory-report.ts.
 *
 * Counted are the arena's live objects (by the size of their slots or buffers), the indexes, the lists of deadlines,
 * and STARTUP_BYTES. All of them are known at any time without a walk. Not counted, as Redis does not count its
 * code and libraries, is what Node takes to run at all, 45 to 50 MB of resident memory: with it, a `maxmemory 50mb`
 * that works on Redis would refuse every write here. Free slots and pages are not counted either; defragmentation.ts
 * keeps them few.
 */
import type { Database } from './database.ts'
import { type Entry, TYPE_LIST } from './entry.ts'
import type { Keyspace } from './keyspace.ts'

/** What the server's own tables count for: about what Redis's do, so that a `maxmemory 1mb` leaves as much room. */
export const STARTUP_BYTES: number = 896 * 1024
/** An index's share for one key, on average (structures/hash-index.ts). */
const INDEX_BYTES = 14
/** A place in the list of deadlines. */
const DEADLINE_BYTES = 4

/** What is not the dataset itself: the server's own tables, indexes and lists of deadlines. */
export function overheadBytes(databases: readonly Database[]): number {
  let bytes = STARTUP_BYTES
  for (const { index, deadlines } of databases) bytes += index.bytes + deadlines.bytes
  return bytes
}

/** Bytes in use, but for clients' buffers: what maxmemory limits. */
export function usedBytes({ arena, databases }: Keyspace): number {
  return arena.bytesUsed + overheadBytes(databases)
}

/** What one key takes with its value and its places in the index and the list of deadlines. */
export function keyBytes({ arena, list }: Keyspace, entry: Entry): number {
  let bytes = arena.capacity(entry.address) + INDEX_BYTES + (entry.hasDeadline ? DEADLINE_BYTES : 0)
  if (entry.type === TYPE_LIST) {
    list.point(entry.block, entry.valueOffset)
    bytes += list.memoryBytes()
  }
  return bytes
}
