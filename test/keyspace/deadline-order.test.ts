/** Keys that go exactly at their deadlines, in order, whatever happens to keys in between. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { DeadlineOrder } from '../../src/keyspace/deadline-order.ts'
import { session } from '../commands/session.ts'

const KEYS = 12

test('the order of a model, with writes, deletions and new deadlines between', () => {
  const change = fc.record({
    key: fc.nat(KEYS - 1),
    what: fc.constantFrom('set', 'persist', 'del', 'grow', 'move', 'nothing'),
    ttl: fc.integer({ min: 1, max: 500 }),
    pass: fc.nat(200),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const s = session()
      s.events()
      const { clock, engine } = s
      const order = new DeadlineOrder(engine.keyspace, () => engine.stats.commandsProcessed)
      // Once: what commands change later it has to notice by itself.
      order.look(Number.MAX_SAFE_INTEGER)
      const model = new Map<string, number>()
      const expired: string[] = []
      for (const { key, what, ttl, pass } of changes) {
        const name = `k${key}`
        if (what === 'set') {
          s.call('SET', name, 'v', 'PX', ttl)
          model.set(name, clock.now + ttl)
        } else if (what === 'persist' && model.has(name)) {
          s.call('PERSIST', name)
          model.delete(name)
        } else if (what === 'del') {
          s.call('DEL', name)
          model.delete(name)
        } else if (what === 'grow') s.call('APPEND', name, 'x'.repeat(ttl))
        else if (what === 'move') {
          // A moved key keeps its deadline; here it only has to leave this one's list.
          s.call('MOVE', name, '1')
          s.call('SELECT', '1')
          s.call('DEL', name)
          s.call('SELECT', '0')
          model.delete(name)
        }
        const end = clock.now + pass
        for (let due = order.next(); due <= end; due = order.next()) {
          clock.set(due)
          order.expireDue()
        }
        clock.set(end)
        const gone = [...model].filter(([, deadline]) => deadline <= end).sort((a, b) => a[1] - b[1])
        for (const [gonename, deadline] of gone) {
          expired.push(`${deadline}`)
          model.delete(gonename)
        }
        const told = s.events().filter((event) => event.startsWith('expired'))
        expect(told).toHaveLength(gone.length)
        expect(new Set(told)).toEqual(new Set(gone.map(([goneName]) => `expired ${goneName} 0`)))
        expect(engine.keyspace.databases[0].deadlines.count).toBe(model.size)
      }
      expect(expired).toEqual(expired.toSorted())
    }),
  )
})

test('deadlines behind the horizon do not count', () => {
  const s = session()
  const order = new DeadlineOrder(s.engine.keyspace, () => s.engine.stats.commandsProcessed)
  s.call('SET', 'k', 'v', 'PX', 100)
  order.look(s.clock.now + 99)
  expect(order.next()).toBe(Number.POSITIVE_INFINITY)
  order.look(s.clock.now + 100)
  expect(order.next()).toBe(s.clock.now + 100)
})
