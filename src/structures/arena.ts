/**
 * The memory the dataset lives in: hands out and takes back stretches of bytes outside the JavaScript heap
 * and knows exactly how many are in use. It does not know what is in them or who points at them.
 */
import { type Block, copyBytes, EMPTY_BLOCK, newBlock } from './block.ts'
import { planEvacuation } from './evacuation-plan.ts'
import { CLASS, FREE, FRESH, LEAVING, NEXT, PREVIOUS, RECORD_BITS, UNITS, USED } from './page-record.ts'
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
 * dataset stayed resident from the second time on; with 32 MiB all of it came back each time.
 * The first segment is small, because most servers in a test suite, and many in life, hold almost nothing.
 *
 * A buffer or segment given up here is returned by the garbage collector when it next looks.
 */
const SEGMENT_BITS = 22
const SEGMENT_MASK = (1 << SEGMENT_BITS) - 1
const SEGMENT_BYTES = 8 << SEGMENT_BITS
const MAX_SEGMENTS = 512
const PAGE_BITS = 13
const SEGMENT_PAGES = 1 << (SEGMENT_BITS - PAGE_BITS)
const FIRST_SEGMENT_PAGES = 16

/** Objects with a buffer of their own are rounded up to this, so that small changes of size fit in place. */
const OWN_ROUNDING = 1024

/** A free slot's second word is its address under this mask: finding it there means a second free, or chance. */
const FREE_MARK = 0x5bd1e995

export class Arena {
  /** How many objects are allocated. */
  liveObjects: number
  /** Pages in use, each of 64 KiB. */
  pageCount: number
  /** Block of each segment; EMPTY_BLOCK where it was given back. */
  private readonly segments: Block[]
  /** Block of each object with a buffer of its own; EMPTY_BLOCK where the index is free. */
  private readonly own: Block[]
  private readonly freeOwn: number[]
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
  /** Bytes in live objects, and bytes held from the system; doubles in place, since fields would be boxed. */
  private readonly totals: Float64Array

  constructor() {
    this.liveObjects = 0
    this.pageCount = 0
    this.segments = []
    this.own = []
    this.freeOwn = []
    this.pages = new Int32Array(FIRST_SEGMENT_PAGES << RECORD_BITS)
    this.pages[CLASS] = -1
    this.roomy = new Int32Array(CLASS_UNITS.length)
    this.freePages = new Int32Array(MAX_SEGMENTS)
    this.firstFree = new Int32Array(MAX_SEGMENTS)
    this.leaving = new Uint8Array(MAX_SEGMENTS)
    this.lowest = 0
    this.spare = 0
    this.totals = new Float64Array(2)
  }

  /** Sum of the capacities of live objects, in bytes. */
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

  /** Objects that have a buffer of their own. */
  get ownBuffers(): number {
    return this.own.length - this.freeOwn.length
  }

  /**
   * Room for `size` ≥ 1 bytes, aligned to 8, content undefined.
   * Throws a RangeError when all 512 segments are in use.
   */
  allocate(size: number): Address {
    if (size > LARGEST_SLOT) return this.allocateOwn(size)
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
      if (next === 0 && pages[record + FRESH] === 0) this.unlink(record)
      return address
    }
    address = pages[record + FRESH]
    // The last unit of the next slot lies in another page exactly when the page is used up.
    if ((address + units * 2 - 1) >> PAGE_BITS !== page) {
      pages[record + FRESH] = 0
      this.unlink(record)
    } else {
      pages[record + FRESH] = address + units
    }
    return address
  }

  /** Takes back what allocate() returned. Throws when `address` is not allocated. */
  free(address: Address): void {
    if (address < 0) {
      this.releaseOwn(~address)
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
      if ((next | pages[record + FRESH]) === 0) this.link(page)
      if (used === 0) this.unlink(record)
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
   * Defragmentation. After many deletes the survivors are strewn over pages and segments that cannot be given back.
   * beginEvacuation() picks segments and pages whose objects all fit into free slots and pages elsewhere
   * (evacuation-plan.ts), and marks them as leaving: nothing is allocated there any more. The owner of the
   * addresses then walks them at its own pace, in slices, among ordinary commands, and moves each one that
   * shouldMove(); a page or segment goes the moment it is empty. What was not reached when
   * endEvacuation() is called simply stays and is used again.
   */

  /** Marks what is worth emptying and returns how many pages that is; 0 means there is nothing to gain. */
  beginEvacuation(): number {
    this.endEvacuation()
    this.trim()
    const { pages, freePages, leaving } = this
    const marked = planEvacuation(pages, this.segments.length, freePages, FIRST_SEGMENT_PAGES, leaving)
    for (const page of marked) {
      const record = page << RECORD_BITS
      if (pages[record + FREE] !== 0 || pages[record + FRESH] !== 0) this.unlink(record)
      pages[record + LEAVING] = 1
    }
    return marked.length
  }

  /** Whether the object should be moved because its page is being emptied. */
  shouldMove(address: Address): boolean {
    return address > 0 && this.pages[((address >> PAGE_BITS) << RECORD_BITS) + LEAVING] !== 0
  }

  /** Moves an object that shouldMove() and returns its new address; the old one is free. */
  move(address: Address): Address {
    const capacity = this.capacity(address)
    const moved = this.allocate(capacity)
    copyBytes(this.block(address), this.offset(address), this.block(moved), this.offset(moved), capacity)
    this.free(address)
    return moved
  }

  /** Ends the evacuation: pages that still hold objects are allocated from again. */
  endEvacuation(): void {
    const { pages } = this
    for (let record = 0; record < pages.length; record += 1 << RECORD_BITS) {
      if (pages[record + LEAVING] === 0) continue
      pages[record + LEAVING] = 0
      if ((pages[record + FREE] | pages[record + FRESH]) !== 0) this.link(record >> RECORD_BITS)
    }
    this.leaving.fill(0)
    this.lowest = 0
  }

  /** Gives the spare segment back too: for a moment without load. */
  trim(): void {
    if (this.spare !== 0) this.dropSegment(this.spare)
    this.spare = 0
  }

  private allocateOwn(size: number): Address {
    const block = newBlock(ownBytes(size))
    const index = this.freeOwn.pop() ?? this.own.length
    this.own[index] = block
    this.liveObjects++
    this.totals[0] += block.bytes.length
    this.totals[1] += block.bytes.length
    return ~index
  }

  private releaseOwn(index: number): void {
    const block = this.own[index]
    if (block === undefined || block === EMPTY_BLOCK)
      throw new Error(`free of ${~index}, which is not allocated`)
    this.own[index] = EMPTY_BLOCK
    this.freeOwn.push(index)
    this.liveObjects--
    this.totals[0] -= block.bytes.length
    this.totals[1] -= block.bytes.length
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

  /** Puts a page in front of its class's list of pages with room. */
  private link(page: number): void {
    const { pages, roomy } = this
    const record = page << RECORD_BITS
    const sizeClass = pages[record + CLASS]
    const next = roomy[sizeClass]
    pages[record + NEXT] = next
    pages[record + PREVIOUS] = 0
    if (next !== 0) pages[(next << RECORD_BITS) + PREVIOUS] = page
    roomy[sizeClass] = page
  }

  /** Takes a page out of its class's list. */
  private unlink(record: number): void {
    const { pages } = this
    const next = pages[record + NEXT]
    const previous = pages[record + PREVIOUS]
    if (previous === 0) this.roomy[pages[record + CLASS]] = next
    else pages[(previous << RECORD_BITS) + NEXT] = next
    if (next !== 0) pages[(next << RECORD_BITS) + PREVIOUS] = previous
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
    this.link(page)
    return page
  }

  /** Returns an empty page to its segment, and perhaps the segment to the system. */
  private closePage(page: number): void {
    const { pages, freePages, firstFree } = this
    const segment = page >> (SEGMENT_BITS - PAGE_BITS)
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
    const pageCount = segment === 0 ? FIRST_SEGMENT_PAGES : SEGMENT_PAGES
    const first = segment * SEGMENT_PAGES
    segments[segment] = newBlock(segment === 0 ? FIRST_SEGMENT_PAGES * PAGE_BYTES : SEGMENT_BYTES)
    this.totals[1] += segments[segment].bytes.length
    this.growPages((first + pageCount) << RECORD_BITS)
    const { pages } = this
    for (let page = first; page < first + pageCount; page++) {
      pages[(page << RECORD_BITS) + NEXT] = page + 1 < first + pageCount ? page + 1 : 0
    }
    // Address 0 means no object, so the very first page is never handed out.
    this.firstFree[segment] = segment === 0 ? 1 : first
    this.freePages[segment] = segment === 0 ? pageCount - 1 : pageCount
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

function ownBytes(size: number): number {
  return Math.ceil(size / OWN_ROUNDING) * OWN_ROUNDING
}
