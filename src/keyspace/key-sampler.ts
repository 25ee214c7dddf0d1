/**
 * Draws random keys for eviction, several at once, so that what misses the caches comes together.
 * What is made of them is eviction.ts's.
 */
import { AddressList } from '../structures/address-list.ts'
import type { HashIndex } from '../structures/hash-index.ts'
import type { Database } from './database.ts'
import type { Keyspace } from './keyspace.ts'

/** Of so many keys in whole buckets apart() takes one. */
const THINNED = 6
/** Random buckets looked at in vain before a key is drawn by itself: an index nearly empty while a walk holds it. */
const TRIES = 64

export class KeySampler {
  /** The keys drawn; those that do not come from buckets are without their hash. Cleared by whoever draws. */
  readonly found: AddressList
  private readonly keyspace: Keyspace
  private buckets: Int32Array
  /** The part of a bucket that is due and was not drawn. */
  private owed: number

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
    this.found = new AddressList()
    this.buckets = new Int32Array(32)
    this.owed = 0
  }

  /** Appends `samples` keys that have a deadline, the same perhaps twice. There must be one. */
  fromDeadlines({ deadlines }: Database, samples: number): void {
    const { random } = this.keyspace
    const { count } = deadlines
    for (let i = 0; i < samples; i++) this.found.push(deadlines.at(Math.floor(random.fraction() * count)))
  }

  /** Appends all keys of as many buckets as hold `samples` on average. There must be a key. */
  fromBuckets(index: HashIndex, samples: number): void {
    const { found } = this
    const { random } = this.keyspace
    const wanted = (samples * index.bucketCount) / index.count + this.owed
    const count = Math.min(Math.max(1, Math.floor(wanted)), samples + TRIES)
    this.owed = Math.max(0, Math.min(wanted - count, 1))
    if (this.buckets.length < count) this.buckets = new Int32Array(count)
    const { buckets } = this
    for (let i = 0; i < count; i++) buckets[i] = Math.floor(random.fraction() * index.bucketCount)
    // A bucket's number is a hash that belongs to it.
    index.fetchBuckets(buckets, count)
    for (let i = 0; i < count; i++) index.collect(buckets[i], found)
    if (found.length === 0) found.push(index.random(() => random.fraction()))
  }

  /**
   * Leaves about `samples` keys in `found`, few of the same bucket: were whole buckets evicted, full ones would come
   * beside empty ones, which makes the index a tenth larger (2 % fewer keys).
   */
  apart(index: HashIndex, samples: number): void {
    const { found } = this
    const { random } = this.keyspace
    found.clear()
    this.fromBuckets(index, Math.min(samples * THINNED, index.count))
    const { items, hashes, length } = found
    found.clear()
    while (found.length === 0) {
      for (let i = 0; i < length; i++) {
        if (random.fraction() * THINNED < 1) found.push(items[i], hashes[i])
      }
    }
  }
}
