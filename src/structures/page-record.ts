/**
 * What the arena keeps of each page: eight int32 words, 32 bytes, so that an allocation or free touches
 * one cache line of it; and the lists of pages with room that run through the records.
 */

/** A segment's first page has the segment's number shifted by this. */
export const SEGMENT_PAGE_BITS = 9

/** Pages in a segment of 32 MiB. */
export const SEGMENT_PAGES: number = 1 << SEGMENT_PAGE_BITS

/** Pages in segment 0, which is small. */
export const FIRST_SEGMENT_PAGES = 16

/** The number after a segment's last page. */
export function endOfSegment(segment: number): number {
  return segment === 0 ? FIRST_SEGMENT_PAGES : (segment + 1) << SEGMENT_PAGE_BITS
}

/** A page's record starts at its number shifted by this. */
export const RECORD_BITS = 3

/** Slot size in 8-byte units; 0 when the page is free. */
export const UNITS = 0
/** How many slots are allocated. */
export const USED = 1
/** Address of the first slot in the page's list of freed slots, or 0. */
export const FREE = 2
/** Address of the first slot that was never allocated, or 0 when there is none. */
export const FRESH = 3
/** The following page in the class's list of pages with room, or in the segment's list of free pages; or 0. */
export const NEXT = 4
/** The page before in the class's list, or 0. */
export const PREVIOUS = 5
/** Size class, an index into the tables of size-classes.ts. */
export const CLASS = 6
/** 1 while the page is being emptied; it is in no list then. */
export const LEAVING = 7

/** Puts a page in front of the list of its class; `roomy` has the first page of each class's list, or 0. */
export function linkPage(pages: Int32Array, roomy: Int32Array, page: number): void {
  const record = page << RECORD_BITS
  const sizeClass = pages[record + CLASS]
  const next = roomy[sizeClass]
  pages[record + NEXT] = next
  pages[record + PREVIOUS] = 0
  if (next !== 0) pages[(next << RECORD_BITS) + PREVIOUS] = page
  roomy[sizeClass] = page
}

/** Takes the page whose record starts at `record` out of the list of its class. */
export function unlinkPage(pages: Int32Array, roomy: Int32Array, record: number): void {
  const next = pages[record + NEXT]
  const previous = pages[record + PREVIOUS]
  if (previous === 0) roomy[pages[record + CLASS]] = next
  else pages[(previous << RECORD_BITS) + NEXT] = next
  if (next !== 0) pages[(next << RECORD_BITS) + PREVIOUS] = previous
}
