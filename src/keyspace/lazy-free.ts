/**
 * Frees what is too large to free inside one command: the chunks of long lists and the entries of flushed
 * databases, a slice at a time, so that DEL and FLUSHDB of something huge stall nobody.
 */

import { AddressList } from '../structures/address-list.ts'
import type { Address } from '../structures/arena.ts'
import type { HashIndex } from '../structures/hash-index.ts'
import { freeChainSome } from '../values/list-chunks.ts'
import { Entry, TYPE_LIST } from './entry.ts'
import type { Keyspace } from './keyspace.ts'

/** Chunks or entries freed between two looks at the clock. */
const STEP = 256

interface DetachedIndex {
  readonly index: HashIndex
  /** The next bucket to free, and how many entries those before it had. */
  bucket: number
  freed: number
}

/** Whether no snapshot still walks the index. */
function isFree({ index }: DetachedIndex): boolean {
  return index.holds === 0
}

export class LazyFree {
  private readonly keyspace: Keyspace
  /** First chunks of detached lists. */
  private chains: Address[] = []
  private indexes: DetachedIndex[] = []
  private readonly entry: Entry = new Entry()
  private readonly found: AddressList = new AddressList()

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
  }

  /** Whether something waits that may be freed now. */
  get pending(): boolean {
    return this.chains.length > 0 || this.indexes.some(isFree)
  }

  /** Objects that wait: keys of flushed databases and detached lists (INFO lazyfree_pending_objects). */
  get pendingObjects(): number {
    let count = this.chains.length
    for (const detached of this.indexes) count += detached.index.count - detached.freed
    return count
  }

  addChain(head: Address): void {
    this.chains.push(head)
  }

  addIndex(index: HashIndex): void {
    if (index.count > 0) this.indexes.push({ index, bucket: 0, freed: 0 })
  }

  /** The arena was cleared: there is nothing left to free. */
  forget(): void {
    this.chains = []
    this.indexes = []
  }

  /** Frees for about `micros` microseconds. */
  run(micros: number): void {
    const clock = this.keyspace.clock
    const end = clock.monotonicMicros() + micros
    while (this.pending) {
      this.step()
      if (clock.monotonicMicros() >= end) return
    }
  }

  /** Frees a part of what waits, if something does. */
  step(): void {
    if (this.chains.length > 0) this.freeChunks()
    else this.freeEntries()
  }

  private freeChunks(): void {
    const last = this.chains.length - 1
    const rest = freeChainSome(this.keyspace.arena, this.chains[last], STEP)
    if (rest !== 0) this.chains[last] = rest
    else {
      this.chains.pop()
      this.keyspace.stats.lazyFreedObjects++
    }
  }

  private freeEntries(): void {
    const detached = this.indexes.findLast(isFree)
    if (detached === undefined) return
    const { keyspace, entry } = this
    for (let freed = 0; freed < STEP; ) {
      if (detached.bucket >= detached.index.bucketCount) {
        this.indexes.splice(this.indexes.indexOf(detached), 1)
        return
      }
      this.found.clear()
      detached.index.collect(detached.bucket++, this.found)
      const count = this.found.length
      for (let i = 0; i < count; i++) {
        entry.point(keyspace.arena, this.found.items[i], 0)
        if (entry.type === TYPE_LIST) {
          keyspace.freedList.point(entry.block, entry.valueOffset)
          const chain = keyspace.freedList.takeChain()
          if (chain !== 0) this.chains.push(chain)
        }
        keyspace.arena.free(entry.address)
      }
      detached.freed += count
      keyspace.stats.lazyFreedObjects += count
      freed += count + 1
    }
  }
}
