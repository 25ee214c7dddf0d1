/**
 * The best candidates for eviction seen so far: sixteen keys of any database, each with a score that is higher the
 * better the key can be spared. What the score measures, and whether a candidate is still there, is eviction.ts.
 */
import type { Address } from '../structures/arena.ts'
import type { Database } from './database.ts'

export const POOL_SIZE = 16

/*
 * The candidates are in no order: finding the best or the worst of sixteen numbers costs less than keeping objects
 * sorted, where every move also has to be told to the garbage collector (bench/micro/eviction.ts).
 */
export class EvictionPool {
  /** How many candidates there are. */
  size: number
  /** Where take() left what it took; good until the next add(). Hash and address name one key as long as it lies there. */
  readonly dbs: (Database | null)[]
  readonly addresses: Int32Array
  readonly hashes: Int32Array
  readonly scores: Float64Array
  /** The place with the lowest score; only known while the pool is full. */
  private lowest: number

  constructor() {
    this.size = 0
    this.dbs = Array.from({ length: POOL_SIZE }, () => null)
    this.addresses = new Int32Array(POOL_SIZE)
    this.hashes = new Int32Array(POOL_SIZE)
    this.scores = new Float64Array(POOL_SIZE)
    this.lowest = 0
  }

  /** Whether a key with this score would get in. */
  wants(score: number): boolean {
    return this.size < POOL_SIZE || score > this.scores[this.lowest]
  }

  /** Adds a key that is wanted, in place of the one with the lowest score when there is no room. */
  add(db: Database, address: Address, hash: number, score: number): void {
    let place = this.placeOf(db, address, hash)
    if (place < 0) place = this.size < POOL_SIZE ? this.size++ : this.lowest
    this.dbs[place] = db
    this.addresses[place] = address
    this.hashes[place] = hash
    this.scores[place] = score
    if (this.size === POOL_SIZE) this.findLowest()
  }

  /** Takes out the candidate with the highest score. Returns the place where it still lies, or -1 when there is none. */
  take(): number {
    const { scores, size } = this
    if (size === 0) return -1
    let best = 0
    for (let i = 1; i < size; i++) if (scores[i] > scores[best]) best = i
    this.exchange(best, --this.size)
    return this.size
  }

  private placeOf(db: Database, address: Address, hash: number): number {
    const { addresses, size } = this
    for (let i = 0; i < size; i++) {
      if (addresses[i] === address && this.hashes[i] === hash && this.dbs[i] === db) return i
    }
    return -1
  }

  private findLowest(): void {
    const { scores } = this
    let lowest = 0
    for (let i = 1; i < POOL_SIZE; i++) if (scores[i] < scores[lowest]) lowest = i
    this.lowest = lowest
  }

  private exchange(one: number, other: number): void {
    const { dbs, addresses, hashes, scores } = this
    const db = dbs[one]
    const address = addresses[one]
    const hash = hashes[one]
    const score = scores[one]
    dbs[one] = dbs[other]
    addresses[one] = addresses[other]
    hashes[one] = hashes[other]
    scores[one] = scores[other]
    dbs[other] = db
    addresses[other] = address
    hashes[other] = hash
    scores[other] = score
  }
}
