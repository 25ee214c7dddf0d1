/**
 * A hash table from 32-bit hashes to addresses: the keyspace's index and, inside values, that of fields and
 * members. It never looks at what an address points at; telling equal hashes apart is the caller's part.
 */
import type { AddressList } from './address-list.ts'
import { ADDRESSES, BUCKET_ENTRIES, BUCKET_INTS, COUNT, empty, HASHES, LINK, placeOf } from './bucket.ts'
import { firstSegment, heldBytes, reach, segmentOf, startOf, trim } from './bucket-store.ts'
import { nextCursor } from './scan-cursor.ts'

/*
 * Linear hashing. There are n buckets, 2^L < n ≤ 2^(L+1). A hash belongs to the bucket its low L+1 bits name, or,
 * where there is no such bucket yet, the one its low L bits name. To grow by one bucket, number n takes those
 * entries out of bucket n - 2^L that have bit L set: one bucket is split, with the stored hashes alone, and
 * nothing else moves: no rehash, no second table. (A new 32 MiB segment can still start a garbage collection
 * step of some ms, since V8 counts its bytes.) Shrinking is the same backwards.
 *
 * The price is that buckets not split yet in this round are up to twice as full as the others. What does not fit
 * into seven places goes to overflow buckets, linked behind. With 6 entries a bucket on average the index
 * takes 13.4 to 14.0 bytes an entry over a round (bench/micro/hash-index). Poisson's distribution predicts
 * that, and 1.10 to 1.16 buckets a hit; for 5 it says 14.5–15.2 and 1.05–1.10, for 7 12.8–13.2 and 1.15–1.22.
 *
 * Chains have no gaps: all buckets but the last are full, and an overflow bucket is never empty. The overflow
 * buckets are dense too: when one is given up the last one takes its number. That costs finding who
 * links to the last one, a lookup by the hash of its first entry, and in return the memory shrinks with the
 * index and a random entry is a random place among all buckets, which is uniform.
 */

/** Splits keep the average below this many entries a bucket. */
const FULL = 6
/** Removals merge buckets when the average is below this; the distance to FULL keeps them from alternating. */
const SPARSE = 4
/** This bit in a bucket number, and so in a slot, says that it is an overflow bucket. */
const OVERFLOW = 1 << 27

export class HashIndex {
  /** How many entries there are. */
  count: number
  /** How many buckets there are to walk, overflow not counted; at least 1. */
  bucketCount: number
  /** 2^(L+1) - 1: the low bits of a hash that name its bucket. */
  private mask: number
  private main: Int32Array[]
  private overflow: Int32Array[]
  private overflowCount: number
  /** How many open walks forbid merging; holdShrink() and releaseShrink() count them. */
  holds: number
  /** Rises whenever an address may have ceased to be in it: an address seen since is there still. */
  departures: number

  /** `expected` entries will find their buckets there. */
  constructor(expected: number = 0) {
    this.count = 0
    this.bucketCount = 1
    this.mask = 0
    this.main = [firstSegment()]
    this.overflow = []
    this.overflowCount = 0
    this.holds = 0
    this.departures = 0
    while (this.bucketCount * FULL < expected && this.bucketCount < OVERFLOW) this.split()
  }

  /** Bytes of memory the index holds. */
  get bytes(): number {
    return heldBytes(this.main, this.bucketCount) + heldBytes(this.overflow, this.overflowCount)
  }

  /** The slot of the first entry with this hash, or -1. Slots are good until the next insert or removal. */
  first(hash: number): number {
    const bucket = this.bucketFor(hash)
    const segment = this.main[segmentOf(bucket)]
    const start = startOf(bucket)
    const place = placeOf(segment, start, hash)
    if (place !== -1) return (bucket << 3) | place
    const link = segment[start + LINK]
    return link === 0 ? -1 : this.search((link - 1) | OVERFLOW, 0, hash)
  }

  /** The address of the first entry with this hash, or 0: addressAt(first(hash)), in less time. */
  firstAddress(hash: number): number {
    const bucket = this.bucketFor(hash)
    const segment = this.main[segmentOf(bucket)]
    const start = startOf(bucket)
    const place = placeOf(segment, start, hash)
    if (place !== -1) return segment[start + ADDRESSES + place]
    const link = segment[start + LINK]
    const slot = link === 0 ? -1 : this.search((link - 1) | OVERFLOW, 0, hash)
    return slot === -1 ? 0 : this.addressAt(slot)
  }

  /** The slot of the next entry with the same hash after `slot`, or -1. */
  next(slot: number, hash: number): number {
    return this.search(slot >> 3, (slot & 7) + 1, hash)
  }

  /** A word of the bucket that `hash` belongs to: reading it brings the bucket into the caches. */
  bucketWord(hash: number): number {
    return this.countOf(this.bucketFor(hash))
  }

  /** The address at a slot that first() or next() returned. */
  addressAt(slot: number): number {
    return this.segmentOf(slot >> 3)[startOf((slot >> 3) & ~OVERFLOW) + ADDRESSES + (slot & 7)]
  }

  /** Puts another address in a slot that first() or next() returned: its entry has moved. */
  setAddressAt(slot: number, address: number): void {
    this.departures++
    this.segmentOf(slot >> 3)[startOf((slot >> 3) & ~OVERFLOW) + ADDRESSES + (slot & 7)] = address
  }

  /** Adds an entry that is not in the index; slots become invalid. */
  insert(hash: number, address: number): void {
    this.append(this.bucketFor(hash), hash, address)
    if (++this.count > this.bucketCount * FULL && this.bucketCount < OVERFLOW) this.split()
  }

  /** Removes an entry; slots become invalid. Throws when it is not there. */
  remove(hash: number, address: number): void {
    const slot = this.slotOf(hash, address)
    let bucket = slot >> 3
    let before = -1
    for (let link = this.linkOf(bucket); link !== 0; link = this.linkOf(bucket)) {
      before = bucket
      bucket = (link - 1) | OVERFLOW
    }
    // The last entry of the chain fills the gap.
    const segment = this.segmentOf(bucket)
    const start = startOf(bucket & ~OVERFLOW)
    const left = --segment[start + COUNT]
    const gapSegment = this.segmentOf(slot >> 3)
    const gap = startOf((slot >> 3) & ~OVERFLOW) + (slot & 7)
    gapSegment[gap + HASHES] = segment[start + HASHES + left]
    gapSegment[gap + ADDRESSES] = segment[start + ADDRESSES + left]
    this.count--
    this.departures++
    if (left === 0 && (bucket & OVERFLOW) !== 0) {
      if (before < 0) before = this.beforeInChain(this.bucketFor(hash), bucket)
      this.segmentOf(before)[startOf(before & ~OVERFLOW) + LINK] = 0
      this.giveUp(bucket & ~OVERFLOW)
      trim(this.overflow, this.overflowCount)
    }
    this.shrink(1)
  }

  /** Makes the entry of `from` one of `to`; slots stay good. Throws when it is not there. */
  replace(hash: number, from: number, to: number): void {
    this.setAddressAt(this.slotOf(hash, from), to)
  }

  /** Appends the entries of bucket `bucket` (0 to bucketCount - 1) to `into`. */
  collect(bucket: number, into: AddressList): void {
    let segment = this.main[segmentOf(bucket)]
    let start = startOf(bucket)
    while (true) {
      const count = segment[start + COUNT]
      for (let i = 0; i < count; i++) into.push(segment[start + ADDRESSES + i], segment[start + HASHES + i])
      const link = segment[start + LINK]
      if (link === 0) return
      segment = this.overflow[segmentOf(link - 1)]
      start = startOf(link - 1)
    }
  }

  /**
   * Appends the addresses of one step to `into` and returns the next cursor, 0 at the end (scan-cursor.ts).
   * Starts with 0; any int32 is a valid cursor. What is present from first call to last is visited.
   */
  scan(cursor: number, into: AddressList): number {
    const { mask, bucketCount } = this
    const whole = bucketCount === mask + 1
    const small = whole ? mask : mask >> 1
    const bucket = cursor & small
    this.collect(bucket, into)
    if (!whole && (bucket | (small + 1)) < bucketCount) this.collect(bucket | (small + 1), into)
    return nextCursor(cursor, small)
  }

  /**
   * The address of a random entry, or 0 when there is none. Every entry is equally likely: a place among all
   * buckets' places is drawn until one is taken, 1.5 draws on average. `random` gives numbers in [0, 1).
   */
  random(random: () => number): number {
    if (this.count === 0) return 0
    const total = this.bucketCount + this.overflowCount
    for (let tries = 0; tries < 128; tries++) {
      const place = Math.floor(random() * total * BUCKET_ENTRIES)
      const found = this.addressOfPlace(Math.floor(place / BUCKET_ENTRIES), place % BUCKET_ENTRIES)
      if (found !== 0) return found
    }
    // Nearly empty, which only lasts while a walk forbids merging: take the next entry from a random bucket on.
    let number = Math.floor(random() * total)
    while (this.addressOfPlace(number, 0) === 0) number = (number + 1) % total
    return this.addressOfPlace(number, 0)
  }

  /** Forbids merging until releaseShrink(): a walk over the buckets by number then meets every entry that stays. */
  holdShrink(): void {
    this.holds++
  }

  releaseShrink(): void {
    this.holds--
  }

  /** Merges up to `steps` buckets that are too many; returns whether there are more, to catch up after a hold. */
  shrink(steps: number): boolean {
    if (this.holds > 0) return false
    for (let step = 0; step < steps && this.isSparse(); step++) this.merge()
    return this.isSparse()
  }

  private isSparse(): boolean {
    return this.count < this.bucketCount * SPARSE && this.bucketCount > 1
  }

  private bucketFor(hash: number): number {
    const { mask } = this
    const bucket = hash & mask
    // No branch: which of them it is, is as random as the hash. -1 where the bucket is not there yet, else 0.
    const absent = (this.bucketCount - 1 - bucket) >> 31
    return bucket & ~(absent & (mask ^ (mask >> 1)))
  }

  /** The memory of a bucket, main or overflow; it starts at startOf(bucket & ~OVERFLOW). */
  private segmentOf(bucket: number): Int32Array {
    return (bucket & OVERFLOW) === 0
      ? this.main[segmentOf(bucket)]
      : this.overflow[segmentOf(bucket & ~OVERFLOW)]
  }

  private countOf(bucket: number): number {
    return this.segmentOf(bucket)[startOf(bucket & ~OVERFLOW) + COUNT]
  }

  private linkOf(bucket: number): number {
    return this.segmentOf(bucket)[startOf(bucket & ~OVERFLOW) + LINK]
  }

  /** The slot of the first entry with this hash from entry `i` of `bucket` on in its chain, or -1. */
  private search(bucket: number, i: number, hash: number): number {
    while (true) {
      const segment = this.segmentOf(bucket)
      const start = startOf(bucket & ~OVERFLOW)
      const count = segment[start + COUNT]
      for (; i < count; i++) if (segment[start + HASHES + i] === hash) return (bucket << 3) | i
      const link = segment[start + LINK]
      if (link === 0) return -1
      bucket = (link - 1) | OVERFLOW
      i = 0
    }
  }

  private slotOf(hash: number, address: number): number {
    let slot = this.first(hash)
    while (slot >= 0 && this.addressAt(slot) !== address) slot = this.next(slot, hash)
    if (slot < 0) throw new Error(`no entry with hash ${hash} and address ${address} in the index`)
    return slot
  }

  /** The address in place `i` of bucket `number`, overflow buckets counted after the main ones, or 0. */
  private addressOfPlace(number: number, i: number): number {
    const bucket = number < this.bucketCount ? number : (number - this.bucketCount) | OVERFLOW
    return i < this.countOf(bucket) ? this.addressAt((bucket << 3) | i) : 0
  }

  /** Adds an entry at the end of a bucket's chain. */
  private append(bucket: number, hash: number, address: number): void {
    let segment = this.main[segmentOf(bucket)]
    let start = startOf(bucket)
    while (segment[start + COUNT] === BUCKET_ENTRIES) {
      let link = segment[start + LINK]
      if (link === 0) {
        link = this.addOverflow() + 1
        segment[start + LINK] = link
      }
      segment = this.overflow[segmentOf(link - 1)]
      start = startOf(link - 1)
    }
    const count = segment[start + COUNT]++
    segment[start + HASHES + count] = hash
    segment[start + ADDRESSES + count] = address
  }

  private addOverflow(): number {
    const number = this.overflowCount++
    reach(this.overflow, number)
    empty(this.overflow[segmentOf(number)], startOf(number))
    return number
  }

  /** Adds one bucket and moves the entries to it that now belong there. */
  private split(): void {
    const added = this.bucketCount
    if (added > this.mask) this.mask = this.mask * 2 + 1
    reach(this.main, added)
    this.bucketCount++
    empty(this.main[segmentOf(added)], startOf(added))
    const bit = (this.mask + 1) >> 1
    // Entries are read in order; those that stay are written back from the start of the same chain, so the
    // writing place never overtakes the reading place.
    let segment = this.main[segmentOf(added - bit)]
    let start = startOf(added - bit)
    let keptSegment = segment
    let keptStart = start
    let kept = 0
    while (true) {
      const count = segment[start + COUNT]
      for (let i = 0; i < count; i++) {
        const hash = segment[start + HASHES + i]
        const address = segment[start + ADDRESSES + i]
        if ((hash & bit) !== 0) {
          this.append(added, hash, address)
          continue
        }
        if (kept === BUCKET_ENTRIES) {
          const link = keptSegment[keptStart + LINK]
          keptSegment = this.overflow[segmentOf(link - 1)]
          keptStart = startOf(link - 1)
          kept = 0
        }
        keptSegment[keptStart + HASHES + kept] = hash
        keptSegment[keptStart + ADDRESSES + kept] = address
        kept++
      }
      const link = segment[start + LINK]
      if (link === 0) break
      segment = this.overflow[segmentOf(link - 1)]
      start = startOf(link - 1)
    }
    // Buckets before this one are full, as they were; those after it hold nothing any more.
    keptSegment[keptStart + COUNT] = kept
    const rest = keptSegment[keptStart + LINK]
    keptSegment[keptStart + LINK] = 0
    this.giveUpChain(rest)
  }

  /** Removes the last bucket; its entries go back to the one it was split from. */
  private merge(): void {
    const removed = this.bucketCount - 1
    const target = removed & (this.mask >> 1)
    let segment = this.main[segmentOf(removed)]
    let start = startOf(removed)
    const chain = segment[start + LINK]
    while (true) {
      const count = segment[start + COUNT]
      for (let i = 0; i < count; i++) {
        this.append(target, segment[start + HASHES + i], segment[start + ADDRESSES + i])
      }
      const link = segment[start + LINK]
      if (link === 0) break
      segment = this.overflow[segmentOf(link - 1)]
      start = startOf(link - 1)
    }
    this.bucketCount = removed
    if (removed === (this.mask + 1) >> 1) this.mask >>= 1
    this.giveUpChain(chain)
    trim(this.main, removed)
  }

  /** Gives up a chain of overflow buckets that is unlinked already. */
  private giveUpChain(link: number): void {
    // All are marked empty first, so that none of them is taken for a bucket in use and moved.
    for (let rest = link; rest !== 0; rest = this.linkOf((rest - 1) | OVERFLOW)) {
      this.overflow[segmentOf(rest - 1)][startOf(rest - 1) + COUNT] = 0
    }
    while (link !== 0) {
      const number = link - 1
      link = this.linkOf(number | OVERFLOW)
      this.giveUp(number)
    }
    trim(this.overflow, this.overflowCount)
  }

  /** Gives up an empty, unlinked overflow bucket; the last one in use takes its number. */
  private giveUp(number: number): void {
    while (this.overflowCount > 0 && this.countOf((this.overflowCount - 1) | OVERFLOW) === 0)
      this.overflowCount--
    if (number >= this.overflowCount) return
    const last = --this.overflowCount
    const segment = this.overflow[segmentOf(last)]
    const start = startOf(last)
    const owner = this.beforeInChain(this.bucketFor(segment[start + HASHES]), last | OVERFLOW)
    this.segmentOf(owner)[startOf(owner & ~OVERFLOW) + LINK] = number + 1
    const target = this.overflow[segmentOf(number)]
    const targetStart = startOf(number)
    for (let i = 0; i < BUCKET_INTS; i++) target[targetStart + i] = segment[start + i]
  }

  /** The bucket that links to overflow bucket `bucket` in the chain that starts at `from`. */
  private beforeInChain(from: number, bucket: number): number {
    const link = (bucket & ~OVERFLOW) + 1
    let before = from
    while (this.linkOf(before) !== link) before = (this.linkOf(before) - 1) | OVERFLOW
    return before
  }
}
