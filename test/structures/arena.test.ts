/** The arena against a model that knows every live object and fills each with a pattern of its own. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, Arena } from '../../src/structures/arena.ts'
import { CLASS_OF, CLASS_UNITS, LARGEST_SLOT } from '../../src/structures/size-classes.ts'
import { seeded } from './seeded.ts'

interface Live {
  address: Address
  capacity: number
  seed: number
}

/** What the arena must hold, beside the arena. */
class Model {
  readonly arena = new Arena()
  readonly live: Live[] = []
  bytes = 0
  private nextSeed = 1

  allocate(size: number): void {
    const address = this.arena.allocate(size)
    const capacity = this.arena.capacity(address)
    if (capacity < size) throw new Error(`${capacity} bytes for ${size}`)
    const object = { address, capacity, seed: this.nextSeed++ }
    this.bytes += capacity
    this.live.push(object)
    this.paint(object)
  }

  free(index: number): void {
    const object = this.live[index]
    this.verify(object)
    this.arena.free(object.address)
    this.bytes -= object.capacity
    this.live[index] = this.live[this.live.length - 1]
    this.live.pop()
  }

  /** Moves what the evacuation wants moved among the objects from `from` on; returns how many. */
  moveSome(from: number, count: number): number {
    let moved = 0
    for (const object of this.live.slice(from, from + count)) {
      if (!this.arena.shouldMove(object.address)) continue
      object.address = this.arena.move(object.address)
      if (this.arena.shouldMove(object.address)) throw new Error('moved into a page that is leaving')
      this.verify(object)
      moved++
    }
    return moved
  }

  verifyAll(): void {
    for (const object of this.live) this.verify(object)
    expect(this.arena.bytesUsed).toBe(this.bytes)
    expect(this.arena.liveObjects).toBe(this.live.length)
  }

  /** First word, last word and, of small objects, everything between: enough to see any overlap. */
  private paint({ address, capacity, seed }: Live): void {
    const { bytes } = this.arena.block(address)
    const offset = this.arena.offset(address)
    if (capacity <= 256) bytes.fill(seed & 255, offset, offset + capacity)
    bytes.writeInt32LE(seed, offset)
    bytes.writeInt32LE(~seed, offset + capacity - 4)
  }

  private verify({ address, capacity, seed }: Live): void {
    const { bytes } = this.arena.block(address)
    const offset = this.arena.offset(address)
    let intact = bytes.readInt32LE(offset) === seed && bytes.readInt32LE(offset + capacity - 4) === ~seed
    if (capacity <= 256) {
      for (let i = offset + 4; i < offset + capacity - 4; i++) if (bytes[i] !== (seed & 255)) intact = false
    }
    if (!intact) throw new Error(`object at ${address} (${capacity} bytes) was overwritten`)
  }
}

/** Sizes as a dataset has them: mostly small, some medium, few with a buffer of their own. */
function someSize(random: () => number): number {
  const kind = random()
  if (kind < 0.7) return 1 + Math.floor(random() * 200)
  if (kind < 0.98) return 1 + Math.floor(random() * 4000)
  return 1 + Math.floor(random() * 40_000)
}

describe('the model', () => {
  test('300 k allocations, frees and moves: no overlap, exact accounting', () => {
    const random = seeded(42)
    const model = new Model()
    for (let phase = 0; phase < 12; phase++) {
      const growing = phase % 2 === 0
      for (let i = 0; i < 25_000; i++) {
        if (model.live.length === 0 || random() < (growing ? 0.8 : 0.25)) model.allocate(someSize(random))
        else model.free(Math.floor(random() * model.live.length))
        if (i % 5000 === 2500) model.arena.beginEvacuation()
        if (i % 50 === 0) model.moveSome(Math.floor(random() * model.live.length), 100)
        if (i % 5000 === 4500) model.arena.endEvacuation()
      }
      model.verifyAll()
    }
    while (model.live.length > 0) model.free(model.live.length - 1)
    expect(model.arena.bytesUsed).toBe(0)
    expect(model.arena.liveObjects).toBe(0)
    expect(model.arena.pageCount).toBe(0)
    expect(model.arena.ownBuffers).toBe(0)
    model.arena.trim()
    expect(model.arena.bytesReserved).toBe(1 << 20)
  })

  test('short random histories', () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          size: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 20_000 })),
        }),
      },
      { weight: 3, arbitrary: fc.record({ free: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ evacuate: fc.boolean() }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const model = new Model()
        for (const one of steps) {
          if ('size' in one) model.allocate(one.size)
          else if ('free' in one) {
            if (model.live.length > 0) model.free(one.free % model.live.length)
          } else if (one.evacuate) {
            model.arena.beginEvacuation()
            model.moveSome(0, model.live.length)
          } else model.arena.endEvacuation()
        }
        model.verifyAll()
      }),
      { numRuns: 200 },
    )
  })
})

describe('sizes', () => {
  test('every size gets a class with at most an eighth too much, or a stretched one', () => {
    for (let size = 1; size <= LARGEST_SLOT; size += size < 600 ? 1 : 7) {
      const capacity = CLASS_UNITS[CLASS_OF[(size + 7) >> 3]] * 8
      expect(capacity).toBeGreaterThanOrEqual(size)
      const perPage = Math.floor(65536 / capacity)
      const tight = capacity - size < Math.max(8, size / 8 + 8)
      // A larger class is fine where no more objects of this size would fit into a page anyway.
      if (!tight) expect(Math.floor(65536 / (size + size / 8))).toBeLessThanOrEqual(perPage)
    }
    expect(CLASS_UNITS.length).toBeLessThan(80)
  })

  test('small sizes are multiples of 8, exactly', () => {
    const arena = new Arena()
    for (let size = 1; size <= 128; size++)
      expect(arena.capacity(arena.allocate(size))).toBe(Math.ceil(size / 8) * 8)
  })

  test('fits says whether a new allocation would have the same capacity', () => {
    const arena = new Arena()
    const sizes = [1, 8, 9, 100, 129, 144, 145, 5000, 16_384, 16_385, 17_000, 17_408, 17_409, 100_000]
    for (const a of sizes) {
      for (const b of sizes) {
        const address = arena.allocate(a)
        expect(arena.fits(address, b)).toBe(arena.capacity(arena.allocate(b)) === arena.capacity(address))
      }
    }
    expect(arena.fits(0, 8)).toBe(false)
  })

  test('addresses are int32, aligned to 8, never 0; large objects have a block of their own', () => {
    const arena = new Arena()
    for (const size of [1, 50, 16_384]) {
      const address = arena.allocate(size)
      expect(address).toBeGreaterThan(0)
      expect(address | 0).toBe(address)
      expect(arena.offset(address) % 8).toBe(0)
    }
    const large = arena.allocate(16_385)
    expect(large).toBeLessThan(0)
    expect(arena.offset(large)).toBe(0)
    expect(arena.capacity(large)).toBe(17_408)
    const other = arena.allocate(20_000)
    expect(arena.block(other)).not.toBe(arena.block(large))
    arena.free(large)
    expect(arena.allocate(20_000)).toBe(large)
  })
})

describe('memory given back', () => {
  test('an arena that was never used holds nothing, a small one a small segment', () => {
    const arena = new Arena()
    expect(arena.bytesReserved).toBe(0)
    for (let i = 0; i < 100; i++) arena.allocate(60)
    expect(arena.bytesReserved).toBe(1 << 20)
    expect(arena.pageCount).toBe(1)
  })

  test('segments go when they empty, but for one spare, which trim() gives back', () => {
    const arena = new Arena()
    const addresses = Array.from({ length: 10_000 }, () => arena.allocate(16_000))
    const segments = arena.segmentCount
    expect(segments).toBe(Math.ceil((10_000 / 4 - 15) / 512) + 1)
    for (const address of addresses) arena.free(address)
    expect(arena.segmentCount).toBe(2)
    arena.trim()
    expect(arena.segmentCount).toBe(1)
    expect(arena.bytesReserved).toBe(1 << 20)
    // Numbers of segments that were given back are used again.
    const again = Array.from({ length: 10_000 }, () => arena.allocate(16_000))
    expect(arena.segmentCount).toBe(segments)
    expect(new Set(again).size).toBe(10_000)
  })

  test('pages freed in a low segment are used before a new segment is asked for', () => {
    const arena = new Arena()
    const addresses = Array.from({ length: 6000 }, () => arena.allocate(16_000))
    const { segmentCount, bytesReserved } = arena
    for (const address of addresses.slice(0, 1500)) arena.free(address)
    expect(arena.segmentCount).toBe(segmentCount)
    // Other classes, so that only whole free pages can serve them.
    for (let i = 0; i < 1500; i++) arena.allocate(13_000)
    expect(arena.bytesReserved).toBe(bytesReserved)
  })

  test('own buffers count in what is reserved', () => {
    const arena = new Arena()
    const address = arena.allocate(1_000_000)
    expect(arena.bytesReserved).toBe(arena.capacity(address))
    expect(arena.bytesUsed).toBe(arena.capacity(address))
    arena.free(address)
    expect(arena.bytesReserved).toBe(0)
  })

  test('a full arena says so, with the limit', () => {
    const arena = new Arena()
    // Pages of the smallest objects per page; untouched memory costs nothing, but 512 segments are mapped.
    const internals = arena as unknown as { segments: unknown[] }
    arena.allocate(8)
    for (let i = 1; i < 512; i++) internals.segments[i] = internals.segments[0]
    expect(() => {
      for (let i = 0; i < 100; i++) arena.allocate(16_000)
    }).toThrow(new RangeError('the dataset is full: all 512 segments of 32 MiB are in use'))
  })
})

describe('freeing what is not allocated', () => {
  test('is refused for a free slot, a free page, nothing, and own buffers', () => {
    const arena = new Arena()
    const [a, b] = [arena.allocate(24), arena.allocate(24)]
    arena.free(a)
    expect(() => arena.free(a)).toThrow('free already')
    arena.free(b)
    expect(() => arena.free(b)).toThrow('not allocated')
    expect(() => arena.free(0)).toThrow('not allocated')
    expect(() => arena.free(1 << 30)).toThrow('not allocated')
    const large = arena.allocate(50_000)
    arena.free(large)
    expect(() => arena.free(large)).toThrow('not allocated')
    expect(() => arena.free(~77)).toThrow('not allocated')
  })

  test('bytes that look like the mark of a free slot do no harm', () => {
    const arena = new Arena()
    const [keep, marked, other] = [arena.allocate(16), arena.allocate(16), arena.allocate(16)]
    arena.free(other)
    const view = arena.block(marked).view
    view.setInt32(arena.offset(marked) + 4, marked ^ 0x5bd1e995, true)
    arena.free(marked)
    expect(() => arena.free(marked)).toThrow('free already')
    arena.free(keep)
    expect(arena.bytesUsed).toBe(0)
  })
})

describe('evacuation', () => {
  test('after nine of ten objects are deleted, moving the rest gives the segments back', () => {
    const random = seeded(7)
    const model = new Model()
    for (let i = 0; i < 400_000; i++) model.allocate(i % 3 === 0 ? 72 : 300)
    const before = model.arena.segmentCount
    expect(before).toBeGreaterThan(3)
    while (model.live.length > 40_000) model.free(Math.floor(random() * model.live.length))
    expect(model.arena.segmentCount).toBe(before)
    const pages = model.arena.beginEvacuation()
    expect(pages).toBeGreaterThan(0)
    const pagesBefore = model.arena.pageCount
    model.moveSome(0, model.live.length)
    model.arena.endEvacuation()
    model.arena.trim()
    model.verifyAll()
    expect(model.arena.pageCount).toBeLessThan(pagesBefore * 0.2)
    expect(model.arena.segmentCount).toBe(2)
    expect(model.arena.beginEvacuation()).toBe(0)
  })

  test('pages with one object each are brought together within a segment', () => {
    const model = new Model()
    for (let i = 0; i < 400; i++) model.allocate(8000)
    for (let i = model.live.length - 1; i >= 0; i--) if (i % 8 !== 0) model.free(i)
    const pages = model.arena.pageCount
    expect(model.arena.beginEvacuation()).toBeGreaterThan(pages / 2)
    model.moveSome(0, model.live.length)
    expect(model.arena.pageCount).toBeLessThan(pages / 4)
    model.verifyAll()
  })

  test('a tight arena has nothing to gain', () => {
    const model = new Model()
    for (let i = 0; i < 20_000; i++) model.allocate(100 + (i % 5) * 100)
    expect(model.arena.beginEvacuation()).toBe(0)
    expect(model.live.some(({ address }) => model.arena.shouldMove(address))).toBe(false)
  })

  test('nothing is allocated in pages that are leaving, and what stays is used again at the end', () => {
    const model = new Model()
    for (let i = 0; i < 400; i++) model.allocate(8000)
    for (let i = model.live.length - 1; i >= 0; i--) if (i % 8 !== 0) model.free(i)
    model.arena.beginEvacuation()
    for (let i = 0; i < 500; i++) {
      model.allocate(8000)
      expect(model.arena.shouldMove(model.live[model.live.length - 1].address)).toBe(false)
    }
    model.arena.endEvacuation()
    const pages = model.arena.pageCount
    for (let i = 0; i < 200; i++) model.allocate(8000)
    expect(model.arena.pageCount).toBe(pages)
    model.verifyAll()
  })
})

test('clear() gives all back and the arena serves anew', () => {
  const model = new Model()
  for (let i = 0; i < 20_000; i++) model.allocate(1 + ((i * 37) % 20_000))
  const { arena } = model
  arena.clear()
  expect([arena.liveObjects, arena.bytesUsed, arena.bytesReserved]).toEqual([0, 0, 0])
  expect([arena.pageCount, arena.segmentCount, arena.ownBuffers]).toEqual([0, 0, 0])
  model.live.length = 0
  model.bytes = 0
  for (let i = 0; i < 20_000; i++) model.allocate(1 + ((i * 41) % 20_000))
  model.verifyAll()
  expect(arena.bytesUsed).toBe(model.bytes)
  expect(model.live.every(({ address }) => address !== 0)).toBe(true)
})
