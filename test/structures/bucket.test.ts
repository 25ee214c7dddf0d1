import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { BUCKET_ENTRIES, BUCKET_INTS, COUNT, empty, HASHES, placeOf } from '../../src/structures/bucket.ts'

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
        segment[start + COUNT] = count
        for (const wanted of [...hashes, other]) {
          expect(placeOf(segment, start, wanted)).toBe(hashes.slice(0, count).indexOf(wanted))
        }
      },
    ),
    { numRuns: 1000 },
  )
})
