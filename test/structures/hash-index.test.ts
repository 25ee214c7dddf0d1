/** The hash index against a Map, its SCAN guarantee under growth and shrinking, and its random choice. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AddressList } from '../../src/structures/address-list.ts'
import { reach, segmentOf, startOf } from '../../src/structures/bucket-store.ts'
import { HashIndex } from '../../src/structures/hash-index.ts'
import { seeded } from './seeded.ts'

/** The entries of an index by address, beside the index. */
class Model {
  readonly index = new HashIndex()
  readonly hashes = new Map<number, number>()
  readonly addresses: number[] = []
  private nextAddress = 1

  insert(hash: number): number {
    // Addresses of both signs, as the arena gives them.
    const address = this.nextAddress % 10 === 0 ? -this.nextAddress : this.nextAddress
    this.nextAddress++
    this.index.insert(hash, address)
    this.hashes.set(address, hash)
    this.addresses.push(address)
    return address
  }

  remove(position: number): number {
    const address = this.addresses[position]
    this.index.remove(this.hashes.get(address)!, address)
    this.hashes.delete(address)
    this.addresses[position] = this.addresses.at(-1)!
    this.addresses.pop()
    return address
  }

  replace(position: number): void {
    const from = this.addresses[position]
    const hash = this.hashes.get(from)!
    const to = this.nextAddress++
    this.index.replace(hash, from, to)
    this.hashes.delete(from)
    this.hashes.set(to, hash)
    this.addresses[position] = to
  }

  has(hash: number, address: number): boolean {
    for (let slot = this.index.first(hash); slot >= 0; slot = this.index.next(slot, hash)) {
      if (this.index.addressAt(slot) === address) return true
    }
    return false
  }

  verifyAll(): void {
    expect(this.index.count).toBe(this.addresses.length)
    const missing = this.addresses.filter((address) => !this.has(this.hashes.get(address)!, address))
    expect(missing).toEqual([])
    expect(walk(this.index).sort((a, b) => a - b)).toEqual([...this.addresses].sort((a, b) => a - b))
  }
}

function walk(index: HashIndex): number[] {
  const list = new AddressList()
  for (let bucket = 0; bucket < index.bucketCount; bucket++) index.collect(bucket, list)
  return [...list.items.subarray(0, list.length)]
}

function randomHash(random: () => number): number {
  return Math.floor(random() * 2 ** 32) | 0
}

/** Scans to the end, running `between` after each step; the addresses that came. */
function scanAll(index: HashIndex, between: () => void): Set<number> {
  const seen = new Set<number>()
  const list = new AddressList()
  let cursor = 0
  let steps = 0
  do {
    list.clear()
    cursor = index.scan(cursor, list)
    for (let i = 0; i < list.length; i++) seen.add(list.items[i])
    between()
    if (++steps > 1_000_000) throw new Error('the scan does not end')
  } while (cursor !== 0)
  return seen
}

describe('the model', () => {
  test.each([
    ['well spread hashes', (random: () => number) => randomHash(random)],
    ['hashes of only 500 values', (random: () => number) => Math.floor(random() * 500) * 0x9e3779b1],
    ['hashes that agree in their low bits', (random: () => number) => randomHash(random) << 4],
  ])('150 k insertions, removals and replacements: %s', (_, hashOf) => {
    const random = seeded(3)
    const model = new Model()
    for (let step = 0; step < 150_000; step++) {
      const growing = Math.floor(step / 25_000) % 2 === 0
      const choice = random()
      if (model.addresses.length === 0 || choice < (growing ? 0.75 : 0.15)) model.insert(hashOf(random) | 0)
      else if (choice < 0.95) model.remove(Math.floor(random() * model.addresses.length))
      else model.replace(Math.floor(random() * model.addresses.length))
      if (step % 12_500 === 0) model.verifyAll()
    }
    model.verifyAll()
    while (model.addresses.length > 0) model.remove(0)
    expect(walk(model.index)).toEqual([])
    expect(model.index.bucketCount).toBe(1)
    expect(model.index.bytes).toBeLessThan(3000)
  })

  test('short histories with colliding hashes', () => {
    const step = fc.record({ insert: fc.boolean(), hash: fc.integer({ min: -3, max: 12 }), at: fc.nat() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const model = new Model()
        for (const { insert, hash, at } of steps) {
          if (insert || model.addresses.length === 0) model.insert(hash)
          else model.remove(at % model.addresses.length)
        }
        model.verifyAll()
      }),
      { numRuns: 150 },
    )
  })

  test('what is not there is not found, and cannot be removed or replaced', () => {
    const index = new HashIndex()
    expect(index.first(5)).toBe(-1)
    index.insert(5, 100)
    expect(index.addressAt(index.first(5))).toBe(100)
    expect(index.next(index.first(5), 5)).toBe(-1)
    expect(index.first(6)).toBe(-1)
    expect(() => index.remove(5, 101)).toThrow('no entry')
    expect(() => index.remove(6, 100)).toThrow('no entry')
    expect(() => index.replace(5, 101, 102)).toThrow('no entry')
    index.setAddressAt(index.first(5), 103)
    expect(index.addressAt(index.first(5))).toBe(103)
  })
})

describe('memory', () => {
  test('an empty index is small', () => {
    expect(new HashIndex().bytes).toBeLessThan(1000)
  })

  test('a million entries take at most 14 bytes each, and what they took is given back', () => {
    const random = seeded(5)
    const index = new HashIndex()
    const hashes: number[] = []
    for (let i = 1; i <= 1_000_000; i++) {
      const hash = randomHash(random)
      hashes.push(hash)
      index.insert(hash, i)
    }
    expect(index.bytes / 1_000_000).toBeLessThan(14)
    for (let i = 1; i <= 999_000; i++) index.remove(hashes[i - 1], i)
    expect(index.bytes).toBeLessThan(30_000)
    expect(walk(index).length).toBe(1000)
  })

  test('every bucket number has a place of its own', () => {
    const segments: Int32Array[] = []
    let total = 0
    for (let number = 0; number < 2 ** 20 + 2 ** 19 + 5; number++) {
      if (segmentOf(number) !== segments.length - 1 || startOf(number) !== total) {
        // A new segment begins exactly when the last one is full.
        expect(startOf(number)).toBe(0)
        expect(segments.length === 0 || total === segments.at(-1)!.length).toBe(true)
        reach(segments, number)
        expect(segmentOf(number)).toBe(segments.length - 1)
        total = 0
      }
      total += 16
    }
    expect(segments.at(-1)!.byteLength).toBe(2 ** 25)
    expect(segments.at(-2)!.byteLength).toBe(2 ** 25)
  })
})

describe('scan', () => {
  test('an index at rest is visited once, exactly', () => {
    const random = seeded(1)
    const model = new Model()
    for (let size = 0; size < 700; size++) {
      const list = new AddressList()
      let cursor = 0
      do cursor = model.index.scan(cursor, list)
      while (cursor !== 0)
      expect([...list.items.subarray(0, list.length)].sort((a, b) => a - b)).toEqual(
        [...model.addresses].sort((a, b) => a - b),
      )
      model.insert(randomHash(random))
    }
  })

  test('what is present throughout is returned, under any mix of insertions and removals', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.nat(1500),
        fc.array(fc.integer({ min: -60, max: 60 }), { minLength: 1, maxLength: 12 }),
        (seed, initial, changes) => {
          const random = seeded(seed)
          const model = new Model()
          for (let i = 0; i < initial; i++) model.insert(randomHash(random))
          const throughout = new Set(model.addresses)
          let step = 0
          const seen = scanAll(model.index, () => {
            // Each entry of `changes` is a trend: that many insertions or removals after each of twenty steps.
            let change = changes[Math.floor(step++ / 20) % changes.length]
            if (step > 2000) change = 0
            for (; change > 0; change--) model.insert(randomHash(random))
            for (; change < 0 && model.addresses.length > 0; change++) {
              throughout.delete(model.remove(Math.floor(random() * model.addresses.length)))
            }
          })
          const missed = [...throughout].filter((address) => !seen.has(address))
          expect(missed).toEqual([])
        },
      ),
      { numRuns: 300 },
    )
  })

  test.each([0, 1, 5, 77, 12345, -1, 2 ** 31 - 1])('ends from the arbitrary cursor %i', (start) => {
    const random = seeded(9)
    const index = new HashIndex()
    for (let i = 1; i <= 3000; i++) index.insert(randomHash(random), i)
    const list = new AddressList()
    let cursor = start
    let steps = 0
    do {
      cursor = index.scan(cursor, list)
      expect(cursor).toBeGreaterThanOrEqual(0)
      steps++
    } while (cursor !== 0)
    expect(steps).toBeLessThanOrEqual(index.bucketCount)
  })
})

describe('walk by bucket number', () => {
  test('while shrinking is held, a walk meets everything that stays; afterwards the index catches up', () => {
    const random = seeded(21)
    const model = new Model()
    for (let i = 0; i < 20_000; i++) model.insert(randomHash(random))
    const buckets = model.index.bucketCount
    model.index.holdShrink()
    const throughout = new Set(model.addresses)
    const seen = new Set<number>()
    const list = new AddressList()
    for (let bucket = 0; bucket < model.index.bucketCount; bucket++) {
      list.clear()
      model.index.collect(bucket, list)
      for (let i = 0; i < list.length; i++) seen.add(list.items[i])
      for (let i = 0; i < 8; i++) {
        if (bucket < 1000) model.insert(randomHash(random))
        else if (model.addresses.length > 10)
          throughout.delete(model.remove(Math.floor(random() * model.addresses.length)))
      }
    }
    expect([...throughout].filter((address) => !seen.has(address))).toEqual([])
    expect(model.index.bucketCount).toBeGreaterThanOrEqual(buckets)
    expect(model.index.shrink(10)).toBe(false)
    model.index.releaseShrink()
    while (model.index.shrink(100));
    expect(model.index.bucketCount).toBeLessThanOrEqual(Math.max(1, model.addresses.length / 4 + 1))
    model.verifyAll()
  })
})

describe('random', () => {
  test('every entry is equally likely, in overflow buckets and out of them', () => {
    const random = seeded(77)
    const index = new HashIndex()
    expect(index.random(random)).toBe(0)
    const entries = 200
    for (let i = 1; i <= entries; i++) index.insert(randomHash(random), i)
    // And twenty with one hash, which fill a chain of their own.
    for (let i = entries + 1; i <= entries + 20; i++) index.insert(1234, i)
    const hits = new Map<number, number>()
    const draws = 220_000
    for (let i = 0; i < draws; i++) {
      const address = index.random(random)
      hits.set(address, (hits.get(address) ?? 0) + 1)
    }
    expect(hits.size).toBe(entries + 20)
    const expected = draws / (entries + 20)
    let chiSquare = 0
    for (const count of hits.values()) chiSquare += (count - expected) ** 2 / expected
    // 219 degrees of freedom: mean 219, standard deviation 21.
    expect(chiSquare).toBeLessThan(219 + 5 * 21)
  })

  test('still finds the few that are left while shrinking is held', () => {
    const random = seeded(8)
    const model = new Model()
    for (let i = 0; i < 50_000; i++) model.insert(randomHash(random))
    model.index.holdShrink()
    while (model.addresses.length > 1) model.remove(Math.floor(random() * model.addresses.length))
    expect(model.index.random(random)).toBe(model.addresses[0])
    expect(model.index.random(() => 0)).toBe(model.addresses[0])
  })
})
