/**
 * One bucket of a hash index: 64 bytes in an Int32Array, a cache line. Which hashes belong to it is the index's matter.
 */

/** Ints in a bucket: head, spare, seven hashes, seven addresses. */
export const BUCKET_INTS = 16
/** Entries a bucket holds. */
export const BUCKET_ENTRIES = 7
/** How many entries are in the bucket, and above these bits the link. */
const HEAD = 0
const LINK_SHIFT = 3
const COUNT_MASK = (1 << LINK_SHIFT) - 1
/** Written by fetch(), never read. */
const SPARE = 1
/** The first hash; the others follow. */
export const HASHES = 2
/** The first address; the others follow in the order of the hashes. */
export const ADDRESSES = 9

/** Takes the bucket at `start` into use, without entries. */
export function empty(segment: Int32Array, start: number): void {
  segment[start + HEAD] = 0
}

/** How many entries are in the bucket. */
export function countIn(segment: Int32Array, start: number): number {
  return segment[start + HEAD] & COUNT_MASK
}

export function setCount(segment: Int32Array, start: number, count: number): void {
  segment[start + HEAD] = (segment[start + HEAD] & ~COUNT_MASK) | count
}

/** Number of the overflow bucket that follows, plus one; 0 when none does. At most 2^28. */
export function linkIn(segment: Int32Array, start: number): number {
  return segment[start + HEAD] >>> LINK_SHIFT
}

export function setLink(segment: Int32Array, start: number, link: number): void {
  segment[start + HEAD] = (segment[start + HEAD] & COUNT_MASK) | (link << LINK_SHIFT)
}

/** Adds an entry to a bucket that has room. */
export function add(segment: Int32Array, start: number, hash: number, address: number): void {
  const count = segment[start + HEAD]++ & COUNT_MASK
  segment[start + HASHES + count] = hash
  segment[start + ADDRESSES + count] = address
}

/**
 * Has the bucket's cache line on its way when it returns. There is no prefetch instruction here; a read holds up what
 * comes behind it until the line is there, a write does not.
 */
export function fetch(segment: Int32Array, start: number): void {
  segment[start + SPARE] = 0
}

/**
 * The place of the first entry with this hash in the bucket at `start`, or -1. It compares all seven: a loop that ends
 * at the right one ends where the processor did not expect it nearly every time (bench/micro/lookahead.ts).
 */
export function placeOf(segment: Int32Array, start: number, hash: number): number {
  const d0 = segment[start + HASHES] ^ hash
  const d1 = segment[start + HASHES + 1] ^ hash
  const d2 = segment[start + HASHES + 2] ^ hash
  const d3 = segment[start + HASHES + 3] ^ hash
  const d4 = segment[start + HASHES + 4] ^ hash
  const d5 = segment[start + HASHES + 5] ^ hash
  const d6 = segment[start + HASHES + 6] ^ hash
  // The highest bit of x | -x says whether x is not 0.
  const unlike =
    ((d0 | (0 - d0)) >>> 31) |
    (((d1 | (0 - d1)) >>> 30) & 2) |
    (((d2 | (0 - d2)) >>> 29) & 4) |
    (((d3 | (0 - d3)) >>> 28) & 8) |
    (((d4 | (0 - d4)) >>> 27) & 16) |
    (((d5 | (0 - d5)) >>> 26) & 32) |
    (((d6 | (0 - d6)) >>> 25) & 64)
  const like = ~unlike & ((1 << countIn(segment, start)) - 1)
  return 31 - Math.clz32(like & -like)
}
