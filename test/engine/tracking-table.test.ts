import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { TrackingTable } from '../../src/engine/tracking-table.ts'
import { SeededRandom } from '../../src/platform/random.ts'
import { blockOf } from '../../src/structures/block.ts'

const remember = (table: TrackingTable, key: string, id: number): void => {
  const block = blockOf(Buffer.from(`..${key}`, 'latin1'))
  table.remember(block, 2, key.length, id)
}

test('does what a map from key to a set of ids does', () => {
  const key = fc.oneof(fc.constantFrom('', 'a', 'b', '\xff\0'), fc.string({ maxLength: 300 }))
  const id = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(2 ** 31, 2 ** 40, 2 ** 53 - 1))
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('remember' as const), key, id }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const), key, id }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('random' as const), key, id }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new TrackingTable(new SeededRandom(1))
      const model = new Map<string, Set<number>>()
      for (const { kind, key: text, id: reader } of steps) {
        if (kind === 'remember') {
          remember(table, Buffer.from(text).toString('latin1'), reader)
          const bytes = Buffer.from(text).toString('latin1')
          model.set(bytes, (model.get(bytes) ?? new Set()).add(reader))
          continue
        }
        const taken = kind === 'take' ? table.take(Buffer.from(text)) : table.takeRandom()
        const name =
          kind === 'take' || taken === null
            ? Buffer.from(text).toString('latin1')
            : taken.key.toString('latin1')
        const expected = kind === 'take' || model.size > 0 ? model.get(name) : undefined
        expect(taken?.readers ?? null).toEqual(
          expected === undefined ? null : [...expected].sort((a, b) => a - b),
        )
        model.delete(name)
      }
      expect(table.keyCount).toBe(model.size)
      expect(table.itemCount).toBe([...model.values()].reduce((sum, ids) => sum + ids.size, 0))
    }),
    { numRuns: 100 },
  )
})

test('one key with many readers, who come in any order', () => {
  const table = new TrackingTable(new SeededRandom(2))
  const ids = new Set<number>()
  for (let i = 0; i < 6000; i++) {
    const id = ((i * 7919) % 5003) + 1
    ids.add(id)
    remember(table, 'hot', id)
  }
  expect(table.itemCount).toBe(ids.size)
  expect(table.take(Buffer.from('hot'))?.readers).toEqual([...ids].sort((x, y) => x - y))
  expect(table.itemCount).toBe(0)
  expect(table.take(Buffer.from('hot'))).toBeNull()
})

test('random keys are forgotten evenly, and all in the end', () => {
  const counts = new Map<string, number>()
  for (let round = 0; round < 400; round++) {
    const table = new TrackingTable(new SeededRandom(round))
    for (let key = 0; key < 10; key++) remember(table, `k${key}`, 1)
    const first = table.takeRandom()?.key.toString() ?? ''
    counts.set(first, (counts.get(first) ?? 0) + 1)
    for (let left = 9; left > 0; left--) expect(table.takeRandom()).not.toBeNull()
    expect(table.takeRandom()).toBeNull()
  }
  expect(counts.size).toBe(10)
  for (const count of counts.values()) expect(count).toBeGreaterThan(10)
})

test('clear forgets everything, and the table goes on', () => {
  const table = new TrackingTable(new SeededRandom(3))
  for (let i = 0; i < 1000; i++) remember(table, `k${i}`, i)
  table.clear()
  expect([table.keyCount, table.itemCount, table.takeRandom()]).toEqual([0, 0, null])
  remember(table, 'k', 1)
  expect(table.take(Buffer.from('k'))?.readers).toEqual([1])
})
