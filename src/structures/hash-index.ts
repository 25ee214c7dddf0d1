/**
 * A hash table from 32-bit hashes to addresses: the keyspace's index and, inside values, that of fields and
 * members. It never looks at what an address points at; telling equal hashes apart is the caller's part.
 */
import { AddressList } from './address-list.ts'
import {
  ADDRESSES,
  add,
  BUCKET_ENTRIES,
  BUCKET_INTS,
  countIn,
  empty,
  fetch,
  HASHES,
  linkIn,
  placeOf,
  setCount,
  setLink,
} from './bucket.ts'
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

/** Entries on their way from one bucket to another. */
const taken = new AddressList()

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
    return place !== -1 ? (bucket << 3) | place : this.searchBehind(segment, start, hash)
  }

  /** The address of the first entry with this hash, or 0: addressAt(first(hash)), in less time. */
  firstAddress(hash: number): number {
    const bucket = this.bucketFor(hash)
    const segment = this.main[segmentOf(bucket)]
    const start = startOf(bucket)
    const place = placeOf(segment, start, hash)
    if (place !== -1) return segment[start + ADDRESSES + place]
    const slot = this.searchBehind(segment, start, hash)
    return slot === -1 ? 0 : this.addressAt(slot)
  }

  /** The slot of the next entry with the same hash after `slot`, or -1. */
  next(slot: number, hash: number): number {
    return this.search(slot >> 3, (slot & 7) + 1, hash)
  }

  /** Has the buckets that the first `count` hashes belong to brought into the caches, and does not wait for them. */
  fetchBuckets(hashes: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const bucket = this.bucketFor(hashes[i])
      fetch(this.main[segmentOf(bucket)], startOf(bucket))
    }
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
    const left = countIn(segment, start) - 1
    setCount(segment, start, left)
    const gapSegment = this.segmentOf(slot >> 3)
    const gap = startOf((slot >> 3) & ~OVERFLOW) + (slot & 7)
    gapSegment[gap + HASHES] = segment[start + HASHES + left]
    gapSegment[gap + ADDRESSES] = segment[start + ADDRESSES + left]
    this.count--
    this.departures++
    if (left === 0 && (bucket & OVERFLOW) !== 0) {
      if (before < 0) before = this.beforeInChain(this.bucketFor(hash), bucket)
      setLink(this.segmentOf(before), startOf(before & ~OVERFLOW), 0)
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
      const count = countIn(segment, start)
      for (let i = 0; i < count; i++) into.push(segment[start + ADDRESSES + i], segment[start + HASHES + i])
      const link = linkIn(segment, start)
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
    return countIn(this.segmentOf(bucket), startOf(bucket & ~OVERFLOW))
  }

  private linkOf(bucket: number): number {
    return linkIn(this.segmentOf(bucket), startOf(bucket & ~OVERFLOW))
  }

  /** The slot of the first entry with this hash from entry `i` of `bucket` on in its chain, or -1. */
  private search(bucket: number, i: number, hash: number): number {
    while (true) {
      const segment = this.segmentOf(bucket)
      const start = startOf(bucket & ~OVERFLOW)
      const count = countIn(segment, start)
      for (; i < count; i++) if (segment[start + HASHES + i] === hash) return (bucket << 3) | i
      const link = linkIn(segment, start)
      if (link === 0) return -1
      bucket = (link - 1) | OVERFLOW
      i = 0
    }
  }

  /** The same in the overflow buckets behind the main one at `start`. */
  private searchBehind(segment: Int32Array, start: number, hash: number): number {
    const link = linkIn(segment, start)
    return link === 0 ? -1 : this.search((link - 1) | OVERFLOW, 0, hash)
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
    while (countIn(segment, start) === BUCKET_ENTRIES) {
      let link = linkIn(segment, start)
      if (link === 0) {
        link = this.addOverflow() + 1
        setLink(segment, start, link)
      }
      segment = this.overflow[segmentOf(link - 1)]
      start = startOf(link - 1)
    }
    add(segment, start, hash, address)
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
    reach(this.main, added)
    empty(this.main[segmentOf(added)], startOf(added))
    if (added > this.mask) this.mask = this.mask * 2 + 1
    this.takeOut(added & (this.mask >> 1))
    this.bucketCount++
    this.putBack()
  }

  /** Removes the last bucket; its entries go back to the one it was split from. */
  private merge(): void {
    const removed = this.bucketCount - 1
    this.takeOut(removed)
    this.bucketCount = removed
    if (removed === (this.mask + 1) >> 1) this.mask >>= 1
    this.putBack()
    trim(this.main, removed)
  }

  /** Empties a bucket; its entries are in `taken`. */
  private takeOut(bucket: number): void {
    taken.clear()
    this.collect(bucket, taken)
    const segment = this.main[segmentOf(bucket)]
    const chain = linkIn(segment, startOf(bucket))
    empty(segment, startOf(bucket))
    this.giveUpChain(chain)
  }

  /** Adds what takeOut() took to the buckets where it belongs now. */
  private putBack(): void {
    const { items, hashes, length } = taken
    for (let i = 0; i < length; i++) this.append(this.bucketFor(hashes[i]), hashes[i], items[i])
  }

  /** Gives up a chain of overflow buckets that is unlinked already. */
  private giveUpChain(link: number): void {
    // All are marked empty first, so that none of them is taken for a bucket in use and moved.
    for (let rest = link; rest !== 0; rest = this.linkOf((rest - 1) | OVERFLOW)) {
      setCount(this.overflow[segmentOf(rest - 1)], startOf(rest - 1), 0)
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
    setLink(this.segmentOf(owner), startOf(owner & ~OVERFLOW), number + 1)
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
