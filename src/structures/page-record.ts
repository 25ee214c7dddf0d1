/**
 * What the arena keeps of each page: eight int32 words, 32 bytes, so that an allocation or free touches
 * one cache line of it. Names of the words only; the arena reads and writes them.
 */

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
