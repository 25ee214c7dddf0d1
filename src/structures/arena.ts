/**
 * The memory the dataset lives in: hands out and takes back stretches of bytes outside the JavaScript heap
 * and knows exactly how many are in use. It does not know what is in them or who points at them.
 */
import { type Block, copyBytes, EMPTY_BLOCK, newLinedBlock } from './block.ts'
import { planEvacuation } from './evacuation-plan.ts'
import { OwnBuffers, ownBytes } from './own-buffers.ts'
import {
  CLASS,
  endOfSegment,
  FIRST_SEGMENT_PAGES,
  FREE,
  FRESH,
  LEAVING,
  linkPage,
  NEXT,
  RECORD_BITS,
  SEGMENT_PAGE_BITS,
  SEGMENT_PAGES,
  UNITS,
  USED,
  unlinkPage,
} from './page-record.ts'
import { CLASS_OF, CLASS_UNITS, LARGEST_SLOT, PAGE_BYTES } from './size-classes.ts'

/**
 * Where an object is: an int32, so that it stays in V8's small-integer range. 0 is no object; positive is a
 * segment number above a position in 8-byte units; negative is the complement of an index into the table
 * of objects that have a buffer of their own.
 */
export type Address = number

/*
 * Segments of 32 MiB are cut into pages of 64 KiB, a page into slots of one size class. A class keeps a
 * doubly linked list of its pages that have room, a page a list of its free slots that runs through the
 * slots themselves, so an allocation touches one page record and the slot it returns. Slots never used
 * before are taken in order (FRESH) and not linked up beforehand: an untouched part of a page or segment
 * costs no memory, since the system maps it on first touch. A page whose last slot is freed goes back to
 * its segment and serves any class next; new pages come from the lowest segment that has one, so that high
 * segments run empty; and an empty segment goes back to the system, but for one spare that keeps a load at the
 * border from asking for 32 MiB again and again. Objects above 16 KiB have a buffer of their own.
 *
 * Why 32 MiB: glibc raises its threshold for mapping memory separately when a smaller mapped piece is freed,
 * up to 32 MiB, and what it does not map separately it mostly keeps. With segments of 16 MiB half of a freed
 * dataset stayed resident from the second time on; with 32 MiB all of it came back. The first segment is small:
 * most servers hold almost nothing. What is given up here is returned when the garbage collector next looks.
 */
const SEGMENT_BITS = 22
const SEGMENT_MASK = (1 << SEGMENT_BITS) - 1
const SEGMENT_BYTES = 8 << SEGMENT_BITS
const MAX_SEGMENTS = 512
const PAGE_BITS = 13

/** An evacuation looks at this many segments, 1 GiB, so that planning it takes few milliseconds (bench/micro/arena). */
const EVACUATION_SEGMENTS = 32

/** A free slot's second word is its address under this mask: finding it there means a second free, or chance. */
const FREE_MARK = 0x5bd1e995

export class Arena {
  /** How many objects are allocated. */
  liveObjects: number
  /** Pages in use, each of 64 KiB. */
  pageCount: number
  /** Objects moved since the start. */
  moves: number
  /** Block of each segment; EMPTY_BLOCK where it was given back. */
  private readonly segments: Block[]
  private readonly large: OwnBuffers
  /** The blocks of `large`, one step nearer. */
  private readonly own: Block[]
  /** One record a page (see page-record.ts), indexed by page number; replaced when it grows. */
  private pages: Int32Array
  /** First page with room of each class, or 0. */
  private readonly roomy: Int32Array
  /** Of each segment: how many pages are free, the first of them, and whether it is being evacuated. */
  private readonly freePages: Int32Array
  private readonly firstFree: Int32Array
  private readonly leaving: Uint8Array
  /** No segment below this one has a free page to give. */
  private lowest: number
  /** The empty segment that is kept, or 0. */
  private spare: number
  /** The pages the evacuation under way is to empty, and the segment the next one starts at. */
  private evacuated: number[]
  private nextEvacuated: number
  /** Bytes in live objects, and bytes held from the system; doubles in place, since fields would be boxed. */
  private readonly totals: Float64Array

  constructor() {
    this.liveObjects = this.pageCount = this.moves = 0
    this.segments = []
    this.large = new OwnBuffers()
    this.own = this.large.blocks
    this.pages = new Int32Array(FIRST_SEGMENT_PAGES << RECORD_BITS)
    this.pages[CLASS] = -1
    this.roomy = new Int32Array(CLASS_UNITS.length)
    this.freePages = new Int32Array(MAX_SEGMENTS)
    this.firstFree = new Int32Array(MAX_SEGMENTS)
    this.leaving = new Uint8Array(MAX_SEGMENTS)
    this.lowest = this.spare = this.nextEvacuated = 0
    this.evacuated = []
    this.totals = new Float64Array(2)
  }

  /** Sum of the capacities of live objects. */
  get bytesUsed(): number {
    return this.totals[0]
  }

  /** Bytes of all segments and own buffers; parts never touched cost no physical memory. */
  get bytesReserved(): number {
    return this.totals[1]
  }

  /** Segments held, the spare included. */
  get segmentCount(): number {
    let count = 0
    for (const block of this.segments) if (block !== EMPTY_BLOCK) count++
    return count
  }

  /** Objects above 16 KiB, which have a buffer of their own. */
  get ownBuffers(): number {
    return this.large.count
  }

  /**
   * Room for `size` ≥ 1 bytes, aligned to 8, content undefined.
   * Throws a RangeError when all 512 segments are in use.
   */
  allocate(size: number): Address {
    if (size > LARGEST_SLOT) return this.allocateLarge(size)
    const sizeClass = CLASS_OF[(size + 7) >> 3]
    let page = this.roomy[sizeClass]
    if (page === 0) page = this.openPage(sizeClass)
    const { pages } = this
    const record = page << RECORD_BITS
    const units = pages[record + UNITS]
    pages[record + USED]++
    this.liveObjects++
    this.totals[0] += units << 3
    let address = pages[record + FREE]
    if (address !== 0) {
      const { view } = this.segments[address >> SEGMENT_BITS]
      const offset = (address & SEGMENT_MASK) << 3
      const next = view.getInt32(offset, true)
      view.setInt32(offset + 4, 0, true)
      pages[record + FREE] = next
      if (next === 0 && pages[record + FRESH] === 0) unlinkPage(pages, this.roomy, record)
      return address
    }
    address = pages[record + FRESH]
    // The last unit of the next slot lies in another page exactly when the page is used up.
    if ((address + units * 2 - 1) >> PAGE_BITS !== page) {
      pages[record + FRESH] = 0
      unlinkPage(pages, this.roomy, record)
    } else {
      pages[record + FRESH] = address + units
    }
    return address
  }

  /** Takes back what allocate() returned. Throws when `address` is not allocated. */
  free(address: Address): void {
    if (address < 0) {
      this.freeLarge(~address)
      return
    }
    const { pages } = this
    const page = address >> PAGE_BITS
    const record = page << RECORD_BITS
    const units = pages[record + UNITS]
    if (!(units > 0)) throw new Error(`free of ${address}, which is not allocated`)
    const { view } = this.segments[address >> SEGMENT_BITS]
    const offset = (address & SEGMENT_MASK) << 3
    const mark = address ^ FREE_MARK
    if (view.getInt32(offset + 4, true) === mark) this.refuseSecondFree(record, address)
    const next = pages[record + FREE]
    view.setInt32(offset, next, true)
    view.setInt32(offset + 4, mark, true)
    pages[record + FREE] = address
    this.liveObjects--
    this.totals[0] -= units << 3
    const used = --pages[record + USED]
    if (pages[record + LEAVING] === 0) {
      if ((next | pages[record + FRESH]) === 0) linkPage(pages, this.roomy, page)
      if (used === 0) unlinkPage(pages, this.roomy, record)
    }
    if (used === 0) this.closePage(page)
  }

  /** How many bytes may be used at `address`: its slot's size, or its own buffer's. */
  capacity(address: Address): number {
    if (address < 0) return this.own[~address].bytes.length
    return this.pages[((address >> PAGE_BITS) << RECORD_BITS) + UNITS] << 3
  }

  /** The Block the object's bytes are in; valid until the object is freed or moved. */
  block(address: Address): Block {
    return address < 0 ? this.own[~address] : this.segments[address >> SEGMENT_BITS]
  }

  /** Where in its Block the object starts, in bytes. */
  offset(address: Address): number {
    return address < 0 ? 0 : (address & SEGMENT_MASK) << 3
  }

  /** Whether a new allocation of `size` bytes would get exactly as much room as there is at `address`. */
  fits(address: Address, size: number): boolean {
    if (size > LARGEST_SLOT) return address < 0 && this.own[~address].bytes.length === ownBytes(size)
    if (address < 0) return false
    return this.pages[((address >> PAGE_BITS) << RECORD_BITS) + CLASS] === CLASS_OF[(size + 7) >> 3]
  }

  /*
   * Defragmentation. After many deletes the survivors are strewn over pages and segments that cannot be given
   * back. beginEvacuation() marks those whose objects all fit elsewhere (evacuation-plan.ts) as leaving: nothing is
   * allocated there any more. The owner of the addresses then walks them in slices and moves each one that
   * shouldMove(). What was not reached by endEvacuation() simply stays and is used again.
   */

  /**
   * Marks what is worth emptying and returns how many pages that is, 0 for nothing to gain. A dataset above
   * 1 GiB is looked at in parts, one a call.
   */
  beginEvacuation(): number {
    this.endEvacuation()
    this.trim()
    const { pages, segments } = this
    const first = this.nextEvacuated < segments.length ? this.nextEvacuated : 0
    const end = Math.min(first + EVACUATION_SEGMENTS, segments.length)
    this.nextEvacuated = end
    this.evacuated = planEvacuation(pages, first, end, this.freePages, this.leaving)
    for (const page of this.evacuated) {
      const record = page << RECORD_BITS
      if ((pages[record + FREE] | pages[record + FRESH]) !== 0) unlinkPage(pages, this.roomy, record)
      pages[record + LEAVING] = 1
    }
    return this.evacuated.length
  }

  /** Whether the object should be moved because its page is being emptied. */
  shouldMove(address: Address): boolean {
    return address > 0 && this.pages[((address >> PAGE_BITS) << RECORD_BITS) + LEAVING] !== 0
  }

  /** Moves an object that shouldMove() and returns its new address; the old one is free. */
  move(address: Address): Address {
    const capacity = this.capacity(address)
    const moved = this.allocate(capacity)
    this.moves++
    copyBytes(this.block(address), this.offset(address), this.block(moved), this.offset(moved), capacity)
    this.free(address)
    return moved
  }

  /** Ends the evacuation: pages that still hold objects are allocated from again. */
  endEvacuation(): void {
    const { pages } = this
    for (const page of this.evacuated) {
      const record = page << RECORD_BITS
      if (pages[record + LEAVING] === 0) continue
      pages[record + LEAVING] = 0
      if ((pages[record + FREE] | pages[record + FRESH]) !== 0) linkPage(pages, this.roomy, page)
    }
    this.evacuated = []
    this.leaving.fill(0)
    this.lowest = 0
  }

  /** Frees every object at once and gives all memory back: no address is good any more. */
  clear(): void {
    const { pages, roomy, freePages, firstFree, leaving, totals } = this
    this.segments.length = 0
    this.large.clear()
    for (const words of [pages, roomy, freePages, firstFree, leaving, totals]) words.fill(0)
    pages[CLASS] = -1
    this.liveObjects = this.pageCount = 0
    this.lowest = this.spare = this.nextEvacuated = 0
    this.evacuated = []
  }

  /** Gives the spare segment back too: for a moment without load. */
  trim(): void {
    if (this.spare !== 0) this.dropSegment(this.spare)
    this.spare = 0
  }

  private allocateLarge(size: number): Address {
    const index = this.large.add(size)
    this.liveObjects++
    this.totals[0] += this.own[index].bytes.length
    this.totals[1] += this.own[index].bytes.length
    return ~index
  }

  private freeLarge(index: number): void {
    const bytes = this.large.remove(index)
    this.liveObjects--
    this.totals[0] -= bytes
    this.totals[1] -= bytes
  }

  /** The mark may be a client's bytes by chance or intent, so only the page's list of free slots decides. */
  private refuseSecondFree(record: number, address: Address): void {
    const { view } = this.segments[address >> SEGMENT_BITS]
    let slot = this.pages[record + FREE]
    while (slot !== 0) {
      if (slot === address) throw new Error(`free of ${address}, which is free already`)
      slot = view.getInt32((slot & SEGMENT_MASK) << 3, true)
    }
  }

  /** Gives a free page to a class and returns its number. */
  private openPage(sizeClass: number): number {
    const { freePages, firstFree, leaving } = this
    let segment = this.lowest
    while (segment < this.segments.length && (freePages[segment] === 0 || leaving[segment] !== 0)) segment++
    if (segment === this.segments.length) segment = this.addSegment()
    this.lowest = segment
    if (segment === this.spare) this.spare = 0
    const page = firstFree[segment]
    const record = page << RECORD_BITS
    const { pages } = this
    firstFree[segment] = pages[record + NEXT]
    freePages[segment]--
    this.pageCount++
    pages[record + UNITS] = CLASS_UNITS[sizeClass]
    pages[record + CLASS] = sizeClass
    pages[record + FREE] = 0
    pages[record + FRESH] = page << PAGE_BITS
    linkPage(pages, this.roomy, page)
    return page
  }

  /** Returns an empty page to its segment, and perhaps the segment to the system. */
  private closePage(page: number): void {
    const { pages, freePages, firstFree } = this
    const segment = page >> SEGMENT_PAGE_BITS
    const record = page << RECORD_BITS
    pages[record + UNITS] = 0
    pages[record + LEAVING] = 0
    pages[record + NEXT] = firstFree[segment]
    firstFree[segment] = page
    this.pageCount--
    if (segment < this.lowest) this.lowest = segment
    if (++freePages[segment] < SEGMENT_PAGES) return
    this.leaving[segment] = 0
    if (this.spare === 0) {
      this.spare = segment
      return
    }
    this.dropSegment(Math.max(segment, this.spare))
    this.spare = Math.min(segment, this.spare)
  }

  /** Adds a segment under the lowest unused number, which it returns. */
  private addSegment(): number {
    const { segments } = this
    let segment = segments.indexOf(EMPTY_BLOCK)
    if (segment < 0) segment = segments.length
    if (segment >= MAX_SEGMENTS) {
      throw new RangeError(`the dataset is full: all ${MAX_SEGMENTS} segments of 32 MiB are in use`)
    }
    const block = newLinedBlock(segment === 0 ? FIRST_SEGMENT_PAGES * PAGE_BYTES : SEGMENT_BYTES)
    segments[segment] = block
    this.totals[1] += block.bytes.length
    // Address 0 means no object, so the very first page is never handed out.
    const first = segment === 0 ? 1 : segment << SEGMENT_PAGE_BITS
    const end = endOfSegment(segment)
    this.growPages(end << RECORD_BITS)
    for (let page = first; page < end; page++) {
      this.pages[(page << RECORD_BITS) + NEXT] = page + 1 < end ? page + 1 : 0
    }
    this.firstFree[segment] = first
    this.freePages[segment] = end - first
    return segment
  }

  private dropSegment(segment: number): void {
    this.totals[1] -= this.segments[segment].bytes.length
    this.segments[segment] = EMPTY_BLOCK
    this.freePages[segment] = 0
  }

  private growPages(length: number): void {
    if (length <= this.pages.length) return
    const grown = new Int32Array(Math.max(length, Math.min(this.pages.length * 2, MAX_SEGMENTS << 12)))
    grown.set(this.pages)
    this.pages = grown
  }
}
