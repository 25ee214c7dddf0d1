/**
 * Which clients have read which keys since the keys' last change: what client-side caching in its default mode
 * has to remember. It keeps bytes and client ids and knows nothing of clients or messages.
 *
 * There may be a million keys, so they lie off the heap as the dataset does: an index from the key's hash to
 * a record of its own arena, `key length 4 | ids 4 | key | ids, 8 bytes each, rising`. As in Redis a key is
 * its name in whatever database, so that two of the same name are invalidated together.
 */
import type { Random } from '../platform/random.ts'
import { type Address, Arena } from '../structures/arena.ts'
import { Block, copyBytes, equalBytes } from '../structures/block.ts'
import { HashIndex } from '../structures/hash-index.ts'
import { sipHash } from '../structures/siphash.ts'

const HEADER = 8
const ID = 8

/** A key that has been forgotten, and the ids of the clients to tell. */
export interface ForgottenKey {
  readonly key: Buffer
  readonly readers: readonly number[]
}

export class TrackingTable {
  /** Pairs of a key and a client that has read it. */
  itemCount: number
  private readonly random: Random
  private readonly hashKey0: number
  private readonly hashKey1: number
  private readonly arena: Arena
  private index: HashIndex

  constructor(random: Random) {
    this.itemCount = 0
    this.random = random
    this.hashKey0 = random.uint32() | 0
    this.hashKey1 = random.uint32() | 0
    this.arena = new Arena()
    this.index = new HashIndex()
  }

  get keyCount(): number {
    return this.index.count
  }

  /** Remembers that client `id` has read the key of `length` bytes at `offset`. */
  remember(bytes: Block, offset: number, length: number, id: number): void {
    const hash = sipHash(bytes, offset, length, this.hashKey0, this.hashKey1)
    const address = this.find(bytes, offset, length, hash)
    if (address === 0) this.create(bytes, offset, length, hash, id)
    else this.addReader(address, hash, id)
  }

  /** Forgets the key; null when nobody has read it. */
  take(key: Buffer): ForgottenKey | null {
    const bytes = new Block(key)
    const hash = sipHash(bytes, 0, key.length, this.hashKey0, this.hashKey1)
    const address = this.find(bytes, 0, key.length, hash)
    return address === 0 ? null : this.remove(address, hash, key)
  }

  /** Forgets a random key, every one equally likely; null when there is none. */
  takeRandom(): ForgottenKey | null {
    const address = this.index.random(() => this.random.fraction())
    if (address === 0) return null
    const block = this.arena.block(address)
    const start = this.arena.offset(address)
    const length = block.view.getInt32(start, true)
    const key = Buffer.from(block.bytes.subarray(start + HEADER, start + HEADER + length))
    return this.remove(address, sipHash(block, start + HEADER, length, this.hashKey0, this.hashKey1), key)
  }

  clear(): void {
    this.index = new HashIndex()
    this.arena.clear()
    this.itemCount = 0
  }

  private find(bytes: Block, offset: number, length: number, hash: number): Address {
    const { arena, index } = this
    for (let slot = index.first(hash); slot !== -1; slot = index.next(slot, hash)) {
      const address = index.addressAt(slot)
      const block = arena.block(address)
      const start = arena.offset(address)
      if (block.view.getInt32(start, true) !== length) continue
      if (equalBytes(bytes, offset, block, start + HEADER, length)) return address
    }
    return 0
  }

  private create(bytes: Block, offset: number, length: number, hash: number, id: number): void {
    const { arena } = this
    const address = arena.allocate(HEADER + length + ID)
    const block = arena.block(address)
    const start = arena.offset(address)
    block.view.setInt32(start, length, true)
    block.view.setInt32(start + 4, 1, true)
    copyBytes(bytes, offset, block, start + HEADER, length)
    block.view.setFloat64(start + HEADER + length, id, true)
    this.index.insert(hash, address)
    this.itemCount++
  }

  private addReader(address: Address, hash: number, id: number): void {
    const block = this.arena.block(address)
    const start = this.arena.offset(address)
    const count = block.view.getInt32(start + 4, true)
    const ids = start + HEADER + block.view.getInt32(start, true)
    const place = placeOf(block, ids, count, id)
    if (place < count && block.view.getFloat64(ids + place * ID, true) === id) return
    const size = ids - start + count * ID
    const target = this.withRoom(address, hash, size, size + ID)
    const moved = this.arena.block(target)
    const at = this.arena.offset(target)
    const gap = at + (ids - start) + place * ID
    moved.bytes.copyWithin(gap + ID, gap, at + size)
    moved.view.setFloat64(gap, id, true)
    moved.view.setInt32(at + 4, count + 1, true)
    this.itemCount++
  }

  /** The address of the record, moved if need be to where it has room for `needed` bytes. */
  private withRoom(address: Address, hash: number, size: number, needed: number): Address {
    const { arena } = this
    if (arena.capacity(address) >= needed) return address
    const target = arena.allocate(needed + (needed >> 1))
    copyBytes(arena.block(address), arena.offset(address), arena.block(target), arena.offset(target), size)
    this.index.replace(hash, address, target)
    arena.free(address)
    return target
  }

  private remove(address: Address, hash: number, key: Buffer): ForgottenKey {
    const block = this.arena.block(address)
    const start = this.arena.offset(address)
    const count = block.view.getInt32(start + 4, true)
    const ids = start + HEADER + key.length
    const readers: number[] = []
    for (let i = 0; i < count; i++) readers.push(block.view.getFloat64(ids + i * ID, true))
    this.index.remove(hash, address)
    this.arena.free(address)
    this.itemCount -= count
    return { key, readers }
  }
}

/** How many of the `count` rising ids at `ids` are below `id`. */
function placeOf(block: Block, ids: number, count: number, id: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if (block.view.getFloat64(ids + middle * ID, true) < id) low = middle + 1
    else high = middle
  }
  return low
}
