/**
 * Brings what a batch of pipelined requests will need into the processor's caches, before they run.
 *
 * A lookup in a large keyspace is two reads that miss every cache, one for the index's bucket and one for the
 * entry, and the second depends on the first: some 200 ns in which the processor waits. Requests in a pipeline
 * do not depend on each other, so their reads can wait together: first all hashes, then a loop that reads
 * one word of each bucket, then one that reads one word of each entry. JavaScript has no prefetch instruction,
 * but these loops are short, so the processor runs ahead in them and has many reads under way at once. The
 * hash and what was found are kept with the request, so that the lookup need not repeat them. bench/micro/lookahead.ts shows it.
 */
import type { Arguments } from '../protocol/arguments.ts'
import type { AddressList } from '../structures/address-list.ts'
import type { Address, Arena } from '../structures/arena.ts'
import type { HashIndex } from '../structures/hash-index.ts'
import { sipHash } from '../structures/siphash.ts'
import type { Database } from './database.ts'

/** Requests looked at together: more would push the first ones' lines out of the nearest cache again. */
export const LOOKAHEAD = 16
/** Longer arguments are hashed when they turn out to be keys. */
const KEY_MAX = 128
/** Numbers of looks stay small integers; one comes round when the requests that had it are long gone. */
const LOOK_MASK = 0x3fffffff
/** A database of fewer keys stays in the caches by itself. */
const SMALL_DATABASE = 4096

/** Buckets that whoever walks an index should collect together, for entries(). */
export const WALKED_BUCKETS = 8

export class Lookahead {
  /** What was read, so that no compiler can find the reads useless. */
  read: number
  /** The number of the last look at requests, the index it was at, and what its `departures` were then. */
  looks: number
  private index: HashIndex | null
  private departures: number
  private readonly hashes: Int32Array
  private readonly addresses: Int32Array
  /** The request whose keys are the first `many` in `hashes`: the arguments `first`, `first + step` and so on. */
  private manyOf: Arguments | null
  private many: number
  private first: number
  private step: number

  constructor() {
    this.read = 0
    this.looks = 0
    this.index = null
    this.departures = 0
    this.hashes = new Int32Array(LOOKAHEAD)
    this.addresses = new Int32Array(LOOKAHEAD)
    this.manyOf = null
    this.many = 0
    this.first = 0
    this.step = 1
  }

  /** Hashes argument 1 of each request, where nearly all commands have their first key, and reads ahead. */
  run(db: Database, requests: readonly Arguments[], count: number): void {
    if (db.index.count < SMALL_DATABASE) return
    const { hashKey0, hashKey1 } = db.keyspace
    for (let i = 0; i < count; i++) {
      const args = requests[i]
      const { lengths } = args
      if (args.count > 1 && lengths[1] <= KEY_MAX) {
        args.keyHash = sipHash(args.block, args.offsets[1], lengths[1], hashKey0, hashKey1)
      }
    }
    const { hashes, addresses } = this
    this.manyOf = null
    for (let i = 0; i < count; i++) hashes[i] = requests[i].keyHash
    this.fetch(db, count)
    const look = (this.looks + 1) & LOOK_MASK
    for (let i = 0; i < count; i++) {
      requests[i].keyAddress = addresses[i]
      requests[i].keyLook = look
    }
    this.looks = look
    this.index = db.index
    this.departures = db.index.departures
  }

  /**
   * Where `index` has an entry with the hash of argument 1: what the last look found, if nothing can have left the
   * index since and the look was at these requests and this index; else 0. Whether the keys are equal is not told.
   */
  addressOf(args: Arguments, index: HashIndex): Address {
    return args.keyLook === this.looks && this.index === index && this.departures === index.departures
      ? args.keyAddress
      : 0
  }

  /**
   * The same for the keys of one request that has several: the arguments `first`, `first + step` and so on. hashOf()
   * knows them, if they are not too many, until keysRan().
   */
  keys(db: Database, args: Arguments, first: number, step: number): void {
    if (db.index.count < SMALL_DATABASE) return
    const { hashes } = this
    const { hashKey0, hashKey1 } = db.keyspace
    let all = true
    for (let key = first; key < args.count; ) {
      let count = 0
      for (; count < LOOKAHEAD && key < args.count; key += step) {
        const length = args.lengths[key]
        if (length > KEY_MAX) all = false
        else hashes[count++] = sipHash(args.block, args.offsets[key], length, hashKey0, hashKey1)
      }
      this.fetch(db, count)
      this.many = count
    }
    this.manyOf = all && args.count <= first + LOOKAHEAD * step ? args : null
    this.first = first
    this.step = step
  }

  /** Call when the request that keys() was called for has run, or failed: its arguments will be another's. */
  keysRan(): void {
    this.manyOf = null
  }

  /** The hash of argument `key`, one of its keys, if keys() has computed it; else 0. */
  hashOf(args: Arguments, key: number): number {
    if (args !== this.manyOf) return 0
    const i = this.step === 1 ? key - this.first : (key - this.first) >> 1
    return i >= 0 && i < this.many ? this.hashes[i] : 0
  }

  /** Reads a word of the bucket and of the entry of each of the first `count` hashes. */
  private fetch(db: Database, count: number): void {
    const { index } = db
    const { arena } = db.keyspace
    // Loops apart: each has to be so short that many of its reads are under way at once.
    const { hashes, addresses } = this
    let read = 0
    for (let i = 0; i < count; i++) read ^= index.bucketWord(hashes[i])
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]
      addresses[i] = hash === 0 ? 0 : index.firstAddress(hash)
    }
    for (let i = 0; i < count; i++) read ^= arena.firstByte(addresses[i])
    this.read = read
  }

  /** Reads a byte of each entry listed, for walks over an index. */
  entries(arena: Arena, { items, length }: AddressList): void {
    let read = 0
    for (let i = 0; i < length; i++) read ^= arena.firstByte(items[i])
    this.read = read
  }
}
