/**
 * What OBJECT ENCODING answers for a list: "listpack" or "quicklist", by the rules of Redis 7.2. The list's
 * own layout is the same either way.
 *
 * A list starts as a listpack. Before elements are added, Redis turns it into a quicklist if the listpack's
 * bytes plus the raw bytes to come exceed list-max-listpack-size (-1 … -5: 4 KiB … 64 KiB; a positive number:
 * that many elements, and 8 KiB at most). After elements were removed, a quicklist of one node turns back if
 * it is within half the limit. So the answer depends on the list's history, and is kept in its root.
 *
 * To be exact, the root also counts the bytes that all elements would take in a listpack, integers packed.
 * Counting costs a look at every element pushed or popped, so it is done only while it can matter: it ends
 * when a quicklist has more than twice the chunks that half the limit could fill, and begins again, with one
 * walk over what is left, when it has no more than that many. In between lie as many chunks of pushes
 * or pops, which pay for the walk. A list whose bytes are not counted is a quicklist.
 *
 * Where Redis would have cut nodes is not tracked: "one node" is taken as "would fit one". A quicklist that
 * shrank to a few elements around such a border may thus read "listpack" some pops before Redis says so.
 */
import { type ListEnds, UNTRACKED } from './list-ends.ts'
import { LISTPACK_OVERHEAD } from './listpack-size.ts'

/** Byte limits of list-max-listpack-size -1 … -5. */
const BYTE_LIMITS = [4096, 8192, 16_384, 32_768, 65_536]
/** Byte limit of a listpack whose elements are limited by number. */
const SAFE_BYTES = 8192

/** The list's encoding as OBJECT ENCODING prints it. */
export function listEncoding(list: ListEnds): string {
  return list.isQuicklist ? 'quicklist' : 'listpack'
}

/**
 * Call before a command adds `count` elements of `bytes` bytes together, or replaces one by another (LSET:
 * count 1). `limit` is list-max-listpack-size. With 0 and 0 it settles a list that was loaded or built.
 */
export function beforeGrowth(list: ListEnds, limit: number, count: number, bytes: number): void {
  const listpackBytes = list.listpackBytes
  if (listpackBytes === UNTRACKED) return
  if (list.isQuicklist) {
    if (list.chunkCount > 2 * chunksThatMatter(limit)) list.stopCounting()
    return
  }
  const size = LISTPACK_OVERHEAD + listpackBytes + bytes
  if (limit < 0 ? size > byteLimit(limit) : size > SAFE_BYTES || list.length + count > countLimit(limit)) {
    list.isQuicklist = true
  }
}

/** Call after a command removed or replaced elements of a list that is not empty. */
export function afterShrinking(list: ListEnds, limit: number): void {
  if (!list.isQuicklist) return
  if (list.listpackBytes === UNTRACKED) {
    if (list.chunkCount > chunksThatMatter(limit)) return
    list.countListpackBytes()
    if (list.listpackBytes === UNTRACKED) return
  }
  const size = LISTPACK_OVERHEAD + list.listpackBytes
  const count = list.length
  if (limit < 0 ? size <= byteLimit(limit) >> 1 : count <= countLimit(limit) >> 1 && fitsNode(count, size)) {
    list.isQuicklist = false
  }
}

/** An element too large for a node of limited size still has one, of its own. */
function fitsNode(count: number, size: number): boolean {
  return count === 1 || size <= SAFE_BYTES
}

function byteLimit(limit: number): number {
  return BYTE_LIMITS[Math.min(-limit, BYTE_LIMITS.length) - 1]
}

function countLimit(limit: number): number {
  return limit === 0 ? 1 : limit
}

/** Chunks that half the limit can fill: our bytes are at most 2.5 times the listpack's. */
function chunksThatMatter(limit: number): number {
  return ((limit < 0 ? byteLimit(limit) : SAFE_BYTES) >> 12) + 1
}
