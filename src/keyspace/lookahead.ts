/**
 * Brings what a batch of pipelined requests will need into the processor's caches, before they run.
 *
 * A lookup in a large keyspace is two reads that miss every cache, one for the index's bucket and one for the
 * entry, and the second depends on the first: some 200 ns in which the processor waits. Requests in a pipeline
 * do not depend on each other, so what they need can come together: first each request is hashed and its bucket sent
 * for, then each is looked up and its entry sent for, and by the time the first one runs its entry is there.
 *
 * JavaScript has no prefetch instruction, and a read is none: the processor runs at most some hundred instructions
 * past one that waits for memory. A write is: it waits in a buffer of its own, a few dozen of them at once, while the
 * code goes on. All writes wait there in turn, so the loops that send write next to nothing else (with the hashing
 * between them a GET at depth 64 took 7 % more). So buckets and entries have a few bits that are written and never
 * read; the price is that their lines go back to memory as changed. The hash and what was found are kept with the
 * request, so that the lookup need not repeat them. bench/micro/fetch.ts compares reads and writes,
 * bench/micro/lookahead.ts shows what it saves.
 */
import type { Arguments } from '../protocol/arguments.ts'
import type { Address, Arena } from '../structures/arena.ts'
import type { HashIndex } from '../structures/hash-index.ts'
import { sipHash } from '../structures/siphash.ts'
import type { Database } from './database.ts'
import { fetchEntry } from './entry.ts'

/** Requests looked at together: more would push the first ones' lines out of the nearest cache again. */
export const LOOKAHEAD = 32
/** Longer arguments are hashed when they turn out to be keys. */
const KEY_MAX = 128
/** Numbers of looks stay small integers; one comes round when the requests that had it are long gone. */
const LOOK_MASK = 0x3fffffff
/** A database of fewer keys stays in the caches by itself. */
const SMALL_DATABASE = 4096

/** Buckets that whoever walks an index should collect together, for fetchEntries(). */
export const WALKED_BUCKETS = 8

export class Lookahead {
  /** The number of the last look at requests, the index it was at, and what its `departures` were then. */
  looks: number
  private index: HashIndex | null
  private departures: number
  /** Of the keys of a look, and what is found for each: 0 where nothing has the hash. */
  private readonly hashes: Int32Array
  private readonly addresses: Int32Array
  /** The request whose keys are the first `many` in `hashes`: the arguments `first`, `first + step` and so on. */
  private manyOf: Arguments | null
  private many: number
  private first: number
  private step: number

  constructor() {
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
    const { index } = db
    const { hashes, addresses } = this
    for (let i = 0; i < count; i++) {
      const args = requests[i]
      const { lengths } = args
      hashes[i] = 0
      if (args.count > 1 && lengths[1] <= KEY_MAX) {
        const hash = sipHash(args.block, args.offsets[1], lengths[1], hashKey0, hashKey1)
        args.keyHash = hash
        hashes[i] = hash
      }
    }
    this.send(db, count)
    const look = (this.looks + 1) & LOOK_MASK
    for (let i = 0; i < count; i++) {
      const args = requests[i]
      args.keyLook = look
      args.keyAddress = hashes[i] === 0 ? 0 : addresses[i]
    }
    this.looks = look
    this.manyOf = null
    this.index = index
    this.departures = index.departures
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
      this.send(db, count)
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

  /** Sends for the buckets of the first `count` hashes, then for the entries that they have. */
  private send({ index, keyspace }: Database, count: number): void {
    const { hashes, addresses } = this
    index.fetchBuckets(hashes, count)
    for (let i = 0; i < count; i++) addresses[i] = index.firstAddress(hashes[i])
    fetchEntries(keyspace.arena, addresses, count)
  }
}

/** Sends for the entries at the first `count` addresses; 0 is none. */
export function fetchEntries(arena: Arena, addresses: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) fetchEntry(arena, addresses[i])
}
