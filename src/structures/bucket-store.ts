/**
 * Growable memory for the buckets of a hash index (bucket.ts): where bucket number n is. It knows nothing of hashing.
 */

import { newLinedBlock } from './block.ts'
import { BUCKET_INTS, empty } from './bucket.ts'

/*
 * Segments double in size, 8 buckets in the first, 8 in the second, then 16, 32, up to 32 MiB, and stay at that.
 * Growing therefore never copies, a small index is small, and the large segments are mapped by the system
 * one by one and touched as buckets come into use (arena.ts says why 32 MiB). The memory is not cleared;
 * whoever takes a bucket into use calls empty().
 */
const LARGEST_BITS = 19
const LARGEST_MASK = (1 << LARGEST_BITS) - 1

/** Which segment bucket `number` is in. */
export function segmentOf(number: number): number {
  return number <= LARGEST_MASK ? 29 - Math.clz32(number | 7) : 16 + (number >> LARGEST_BITS)
}

/** Where in its segment the bucket starts, in ints. */
export function startOf(number: number): number {
  if (number > LARGEST_MASK) return (number & LARGEST_MASK) * BUCKET_INTS
  return (number & ((0x7fffffff >> Math.clz32(number | 7)) | 7)) * BUCKET_INTS
}

/** The memory of an index without entries: bucket 0 is in use and empty. */
export function firstSegment(): Int32Array {
  const segments: Int32Array[] = []
  reach(segments, 0)
  empty(segments[0], 0)
  return segments[0]
}

/** Makes sure that bucket `number`, the one after those there are room for at most, has memory. */
export function reach(segments: Int32Array[], number: number): void {
  const segment = segmentOf(number)
  if (segment < segments.length) return
  const buckets = segment === 0 ? 8 : 1 << Math.min(segment + 2, LARGEST_BITS)
  const { bytes } = newLinedBlock(buckets * BUCKET_INTS * 4)
  segments.push(new Int32Array(bytes.buffer, bytes.byteOffset, buckets * BUCKET_INTS))
}

/** Gives back the segments above `count` buckets, but for one spare that saves a border case from flapping. */
export function trim(segments: Int32Array[], count: number): void {
  const needed = count === 0 ? 0 : segmentOf(count - 1) + 1
  if (segments.length > needed + 1) segments.length = needed + 1
}

/** Physical memory of `count` buckets in use: small segments count whole, large ones as far as they are touched. */
export function heldBytes(segments: Int32Array[], count: number): number {
  let allocated = 0
  for (const segment of segments) allocated += segment.byteLength
  return Math.min(allocated, Math.ceil((count * BUCKET_INTS * 4) / 4096) * 4096)
}
