import * as fc from 'fast-check'
import { expect, test } from 'vitest'
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
} from '../../src/structures/bucket.ts'

const INT_MIN = -(2 ** 31)
const hash = fc.oneof(fc.constantFrom(0, 1, -1, INT_MIN, INT_MIN + 1, 2 ** 31 - 1), fc.integer())

test('placeOf finds the first of equal hashes among those in use, and none that was left behind', () => {
  fc.assert(
    fc.property(
      fc.array(hash, { minLength: BUCKET_ENTRIES, maxLength: BUCKET_ENTRIES }),
      fc.integer({ min: 0, max: BUCKET_ENTRIES }),
      hash,
      fc.nat(3),
      (hashes, count, other, bucket) => {
        const segment = new Int32Array(4 * BUCKET_INTS).fill(other)
        const start = bucket * BUCKET_INTS
        empty(segment, start)
        segment.set(hashes, start + HASHES)
        setCount(segment, start, count)
        for (const wanted of [...hashes, other]) {
          expect(placeOf(segment, start, wanted)).toBe(hashes.slice(0, count).indexOf(wanted))
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('count and link share an int and stay apart; sending for a bucket leaves what is in it', () => {
  const link = fc.oneof(fc.constantFrom(0, 1, 2 ** 28), fc.nat(2 ** 28))
  fc.assert(
    fc.property(fc.array(hash, { maxLength: BUCKET_ENTRIES }), link, link, (hashes, first, second) => {
      const segment = new Int32Array(3 * BUCKET_INTS).fill(-1)
      const start = BUCKET_INTS
      empty(segment, start)
      setLink(segment, start, first)
      for (const [i, one] of hashes.entries()) add(segment, start, one, i - 3)
      fetch(segment, start)
      expect([countIn(segment, start), linkIn(segment, start)]).toEqual([hashes.length, first])
      expect([...segment.subarray(start + HASHES, start + HASHES + hashes.length)]).toEqual(hashes)
      expect([...segment.subarray(start + ADDRESSES, start + ADDRESSES + hashes.length)]).toEqual(
        hashes.map((_, i) => i - 3),
      )
      setLink(segment, start, second)
      expect([countIn(segment, start), linkIn(segment, start)]).toEqual([hashes.length, second])
      setCount(segment, start, 1)
      expect([countIn(segment, start), linkIn(segment, start)]).toEqual([1, second])
      const around = [...segment.subarray(0, start), ...segment.subarray(start + BUCKET_INTS)]
      expect(around.every((int) => int === -1)).toBe(true)
    }),
    { numRuns: 500 },
  )
})
