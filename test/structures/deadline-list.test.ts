/** The deadline list against a plain array with the same swap-remove. */
import { expect, test } from 'vitest'
import { DeadlineList } from '../../src/structures/deadline-list.ts'
import { seeded } from './seeded.ts'

test('250 k additions, removals and replacements as in an array', () => {
  const random = seeded(11)
  const list = new DeadlineList()
  const model: number[] = []
  for (let step = 0; step < 250_000; step++) {
    const growing = Math.floor(step / 50_000) % 2 === 0
    const choice = random()
    const address = Math.floor(random() * 2 ** 32) - 2 ** 31 || 1
    if (model.length === 0 || choice < (growing ? 0.8 : 0.1)) {
      if (list.add(address) !== model.length) throw new Error('wrong position')
      model.push(address)
    } else {
      const position = Math.floor(random() * model.length)
      if (choice > 0.95) {
        list.set(position, address)
        model[position] = address
      } else {
        const last = model.pop()!
        const moved = position === model.length ? 0 : last
        if (position < model.length) model[position] = last
        if (list.removeAt(position) !== moved) throw new Error('wrong address moved')
      }
    }
    if (list.count !== model.length) throw new Error('wrong count')
  }
  expect(model.length).toBeGreaterThan(1000)
  expect(model.map((_, i) => list.at(i))).toEqual(model)
})

test('chunks are added one by one and given back', () => {
  const list = new DeadlineList()
  expect(list.bytes).toBe(0)
  list.add(1)
  expect(list.bytes).toBe(64)
  for (let i = 1; i < 100_000; i++) list.add(i + 1)
  expect(list.bytes).toBe(Math.ceil(100_000 / 16_384) * 65_536)
  for (let i = 99_999; i > 0; i--)
    if (list.removeAt(0) !== i + 1) throw new Error(`wrong address moved at ${i}`)
  expect(list.count).toBe(1)
  expect(list.at(0)).toBe(2)
  expect(list.bytes).toBeLessThan(140_000)
  expect(list.removeAt(0)).toBe(0)
  expect(list.bytes).toBeLessThan(70_000)
})

test('clear gives everything back', () => {
  const list = new DeadlineList()
  for (let i = 0; i < 50_000; i++) list.add(-i - 1)
  list.clear()
  expect(list.count).toBe(0)
  expect(list.bytes).toBe(0)
  expect(list.add(5)).toBe(0)
})

test('positions that do not exist are refused', () => {
  const list = new DeadlineList()
  list.add(7)
  for (const position of [1, -1, Number.NaN]) expect(() => list.removeAt(position)).toThrow(RangeError)
  expect(list.count).toBe(1)
})
