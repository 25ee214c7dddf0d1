/** Random operations on a list, for whoever runs them against an array. */
import * as fc from 'fast-check'
import type { Step } from './list-model.ts'

const OPERATIONS = [
  'pushHead',
  'pushTail',
  'pushMany',
  'popHead',
  'popTail',
  'popMany',
  'rotate',
  'replace',
  'insertBefore',
  'insertAfter',
  'trim',
  'remove',
  'removeBackwards',
]

/** Sizes around every boundary of the format, and many short elements. */
const anySize = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 2, arbitrary: fc.integer({ min: 120, max: 135 }) },
  { weight: 2, arbitrary: fc.integer({ min: 300, max: 3000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 8150, max: 8200 }) },
  { weight: 1, arbitrary: fc.integer({ min: 16_370, max: 16_390 }) },
  { weight: 1, arbitrary: fc.integer({ min: 3000, max: 20_000 }) },
)

const anyElement = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(anySize, fc.integer({ min: 0, max: 255 }))
      .map(([size, first]) => patterned(size, first)),
  },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map((n) => Buffer.from(`${n}`)) },
)

export const anyStep: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom(...OPERATIONS),
  fc.nat({ max: 100_000 }),
  fc.nat({ max: 400 }),
  anyElement,
)

/** Bytes that differ from each other, from their neighbours' and from those of other elements. */
export function patterned(size: number, first: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let i = 0; i < size; i++) bytes[i] = first + i * 7
  return bytes
}
