/**
 * Chooses the segments and pages of an arena that should be emptied because their objects fit elsewhere.
 * It only reads page records; the arena marks what is chosen and its owner moves the objects.
 */
import { CLASS, endOfSegment, RECORD_BITS, SEGMENT_PAGE_BITS, UNITS, USED } from './page-record.ts'
import { CLASS_SLOTS, CLASS_UNITS, PAGE_BYTES } from './size-classes.ts'

/*
 * Only a whole segment can be given back to the system, so the emptiest segments are chosen first, one by one, as
 * long as everything in the chosen ones has a place in the others: for each class the free slots of its pages
 * there (supply) must hold the objects that move (demand), or else free pages must cover the rest. A segment more than
 * three quarters full is left alone: too much copying for what it frees. Then, in the segments that stay,
 * a page at most half full goes if the remaining pages of its class can take its objects: that makes
 * room for other classes. Both steps only choose where a page is really gained, so running the plan again
 * right after an evacuation finds nothing and the work ends.
 *
 * Planning reads every page record of the segments it looks at, 0.1 ms for each and more while the code is
 * cold, so the arena shows it a part of a large dataset at a time (bench/micro/arena).
 */
const WORTHWHILE = (0.75 * (PAGE_BYTES >> 3)) << SEGMENT_PAGE_BITS

/** Room and need of the segments that stay. */
interface Balance {
  /** Of each class: free slots in pages that stay. */
  supply: Int32Array
  /** Of each class: objects that have to move. */
  demand: Int32Array
  /** Whole free pages in segments that stay. */
  freePages: number
}

/**
 * The numbers of the pages to empty in segments `first` to `end` - 1. `freePages` counts the free pages of
 * all segments, which may take objects in too. `leaving` is set to 1 for each segment chosen as a whole.
 */
export function planEvacuation(
  pages: Int32Array,
  first: number,
  end: number,
  freePages: Int32Array,
  leaving: Uint8Array,
): number[] {
  const marked: number[] = []
  const balance: Balance = {
    supply: new Int32Array(CLASS_UNITS.length),
    demand: new Int32Array(CLASS_UNITS.length),
    freePages: freePages.reduce((sum, count) => sum + count, 0),
  }
  const candidates: { segment: number; live: number }[] = []
  for (let segment = first; segment < end; segment++) {
    const live = countIn(pages, segment, balance)
    if (segment > 0 && live > 0 && live < WORTHWHILE) candidates.push({ segment, live })
  }
  candidates.sort((a, b) => a.live - b.live)
  for (const { segment } of candidates) {
    leave(pages, segment, 1, balance)
    balance.freePages -= freePages[segment]
    if (pagesNeeded(balance) > balance.freePages) {
      leave(pages, segment, -1, balance)
      balance.freePages += freePages[segment]
      break
    }
    leaving[segment] = 1
    for (let page = segment << SEGMENT_PAGE_BITS; page < endOfSegment(segment); page++) {
      if (pages[(page << RECORD_BITS) + UNITS] !== 0) marked.push(page)
    }
  }
  for (let segment = end - 1; segment >= first; segment--) {
    if (leaving[segment] === 0) markSparsePages(pages, segment, balance, marked)
  }
  return marked
}

/** Adds a segment's free slots to the supply; returns the 8-byte units its objects occupy. */
function countIn(pages: Int32Array, segment: number, balance: Balance): number {
  let live = 0
  for (let page = segment << SEGMENT_PAGE_BITS; page < endOfSegment(segment); page++) {
    const record = page << RECORD_BITS
    const units = pages[record + UNITS]
    if (units === 0) continue
    const sizeClass = pages[record + CLASS]
    live += pages[record + USED] * units
    balance.supply[sizeClass] += CLASS_SLOTS[sizeClass] - pages[record + USED]
  }
  return live
}

/** Turns a segment's objects into demand and withdraws its slots (`sign` 1), or takes that back (-1). */
function leave(pages: Int32Array, segment: number, sign: number, balance: Balance): void {
  for (let page = segment << SEGMENT_PAGE_BITS; page < endOfSegment(segment); page++) {
    if (pages[(page << RECORD_BITS) + UNITS] !== 0) leavePage(pages, page, sign, balance)
  }
}

function leavePage(pages: Int32Array, page: number, sign: number, balance: Balance): void {
  const record = page << RECORD_BITS
  const sizeClass = pages[record + CLASS]
  const used = pages[record + USED]
  balance.supply[sizeClass] -= sign * (CLASS_SLOTS[sizeClass] - used)
  balance.demand[sizeClass] += sign * used
}

/** How many free pages the classes need for the objects their remaining pages cannot take. */
function pagesNeeded({ supply, demand }: Balance): number {
  let needed = 0
  for (let sizeClass = 0; sizeClass < supply.length; sizeClass++) {
    const missing = demand[sizeClass] - supply[sizeClass]
    if (missing > 0) needed += Math.ceil(missing / CLASS_SLOTS[sizeClass])
  }
  return needed
}

/** The second step, in one segment: sparse pages, from the highest down so that the low ones fill up. */
function markSparsePages(
  pages: Int32Array,
  segment: number,
  { supply, demand }: Balance,
  marked: number[],
): void {
  for (let page = endOfSegment(segment) - 1; page >= segment << SEGMENT_PAGE_BITS; page--) {
    const record = page << RECORD_BITS
    if (pages[record + UNITS] === 0) continue
    const sizeClass = pages[record + CLASS]
    const used = pages[record + USED]
    const room = CLASS_SLOTS[sizeClass] - used
    if (used > room || supply[sizeClass] - room < demand[sizeClass] + used) continue
    supply[sizeClass] -= room
    demand[sizeClass] += used
    marked.push(page)
  }
}
