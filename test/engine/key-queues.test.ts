/** The queues of keys waited for, against a Map from texts, with keys that only their bytes or databases tell apart. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Blocked } from '../../src/engine/blocking.ts'
import { KeptArguments } from '../../src/engine/kept-arguments.ts'
import { type KeyQueue, KeyQueues, Place } from '../../src/engine/key-queues.ts'
import type { Database } from '../../src/keyspace/database.ts'
import { argumentsOf, session } from '../commands/session.ts'

const { databases } = session().engine.keyspace

/** Two keys of the same hash: among 200 000 there are some, whatever the key of the hash. */
function collision(): [string, string] {
  const seen = new Map<number, string>()
  for (let i = 0; i < 2_000_000; i++) {
    const key = `collides:${i}`
    const hash = databases[0].hashOf(argumentsOf(['BLPOP', key, '0']), 1)
    const other = seen.get(hash)
    if (other !== undefined) return [other, key]
    seen.set(hash, key)
  }
  throw new Error('no two keys have the same hash')
}

class Waiting {
  private readonly kept = new KeptArguments()
  readonly queues = new KeyQueues(this.kept)

  wait(db: Database, key: string): Place {
    const args = argumentsOf(['BLPOP', 'other', key, '0'])
    const blocked = { args: this.kept.keep(args) } as Blocked
    const queue = this.queues.of(db, args, 2)
    const place = new Place(blocked, queue, 2)
    queue.append(place)
    return place
  }

  leave(place: Place): void {
    const { queue } = place
    queue.remove(place)
    if (queue.length === 0) this.queues.drop(queue)
    this.kept.giveBack(place.blocked.args)
  }

  find(db: Database, key: string): KeyQueue | null {
    const args = argumentsOf([key])
    return this.queues.find(db, db.hashOf(args, 0), args.block, args.offsets[0], args.lengths[0])
  }
}

test('a queue is found for its key in its database and no other, whoever came and left', () => {
  const keys = [...collision(), '', 'a', 'b', 'k'.repeat(200), `${'k'.repeat(199)}l`]
  const step = fc.record({
    db: fc.nat(1),
    key: fc.nat(keys.length - 1),
    leaves: fc.option(fc.nat(), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const waiting = new Waiting()
      const places: { db: number; key: string; place: Place }[] = []
      for (const { db, key, leaves } of steps) {
        if (leaves === undefined) {
          places.push({ db, key: keys[key], place: waiting.wait(databases[db], keys[key]) })
        } else if (places.length > 0) {
          const [{ place }] = places.splice(leaves % places.length, 1)
          waiting.leave(place)
        }
        const expected = new Map<string, number>()
        for (const place of places) {
          const name = `${place.db} ${place.key}`
          expected.set(name, (expected.get(name) ?? 0) + 1)
        }
        expect(waiting.queues.count).toBe(expected.size)
        for (const number of [0, 1]) {
          let queues = 0
          const db = databases[number]
          waiting.queues.ofDatabases(db, db, () => queues++)
          expect(queues).toBe([...expected.keys()].filter((name) => name.startsWith(`${number} `)).length)
          for (const name of keys) {
            expect(waiting.find(db, name)?.length).toBe(expected.get(`${number} ${name}`))
          }
        }
      }
    }),
  )
})

test('a queue whose last client has left is used again, unless it is still going to be looked at', () => {
  const waiting = new Waiting()
  waiting.wait(databases[0], 'stays')
  const gone = waiting.wait(databases[0], 'gone')
  waiting.leave(gone)
  expect(waiting.wait(databases[1], 'another').queue).toBe(gone.queue)
  const looked = waiting.wait(databases[0], 'ready')
  looked.queue.ready = true
  waiting.leave(looked)
  expect(waiting.wait(databases[0], 'a third').queue).not.toBe(looked.queue)
})

test('of many queues without clients some thousands are kept, and none when nobody waits', () => {
  const waiting = new Waiting()
  const one = waiting.wait(databases[0], 'stays')
  const many = Array.from({ length: 20_000 }, (_, i) => waiting.wait(databases[0], `k${i}`))
  const queues = new Set(many.map((place) => place.queue))
  for (const place of many) waiting.leave(place)
  const again = Array.from({ length: 20_000 }, (_, i) => waiting.wait(databases[0], `l${i}`))
  expect(again.filter((place) => queues.has(place.queue)).length).toBe(16 * 1024)
  for (const place of [one, ...again]) waiting.leave(place)
  expect(waiting.queues.count).toBe(0)
  const known = new Set(again.map((place) => place.queue))
  expect(known.has(waiting.wait(databases[0], 'k').queue)).toBe(false)
})
