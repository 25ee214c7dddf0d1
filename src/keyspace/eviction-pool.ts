/**
 * The best candidates for eviction seen so far: sixteen keys of any database, ordered by a score that is higher the
 * better a key can be spared. What the score measures, and whether a candidate is still there, is eviction.ts.
 */
import type { Address } from '../structures/arena.ts'
import type { Database } from './database.ts'

export const POOL_SIZE = 16

/** A key as the pool knows it: by where it lies. Hash and address together name one key as long as it lies there. */
interface Candidate {
  db: Database | null
  address: Address
  hash: number
  score: number
}

export class EvictionPool {
  /** How many candidates there are. */
  size: number
  /** By rising score; the first `size` count. */
  private readonly places: Candidate[]

  constructor() {
    this.size = 0
    this.places = []
    for (let i = 0; i < POOL_SIZE; i++) this.places.push({ db: null, address: 0, hash: 0, score: 0 })
  }

  /** Whether a key with this score would get in. */
  wants(score: number): boolean {
    return this.size < POOL_SIZE || score > this.places[0].score
  }

  /** Adds a key that is wanted, in place of the one with the lowest score when there is no room. */
  add(db: Database, address: Address, hash: number, score: number): void {
    const { places } = this
    for (let i = 0; i < this.size; i++) {
      if (places[i].address === address && places[i].hash === hash && places[i].db === db) {
        this.removeAt(i)
        break
      }
    }
    if (this.size === POOL_SIZE) this.removeAt(0)
    // The place behind the last moves to where the new one belongs: before its equals, so that those seen first go first.
    const place = places[this.size]
    place.db = db
    place.address = address
    place.hash = hash
    place.score = score
    let at = this.size++
    for (; at > 0 && places[at - 1].score >= score; at--) places[at] = places[at - 1]
    places[at] = place
  }

  /** Takes out the candidate with the highest score; null when there is none. Valid until the next add(). */
  take(): Readonly<Candidate> | null {
    return this.size === 0 ? null : this.places[--this.size]
  }

  private removeAt(index: number): void {
    const { places } = this
    const removed = places[index]
    for (let i = index; i < this.size - 1; i++) places[i] = places[i + 1]
    places[--this.size] = removed
  }
}
