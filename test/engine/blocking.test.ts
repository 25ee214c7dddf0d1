/** Clients that wait for keys: order, costs that must not be there, and random sessions against a model. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { LocalConnection } from '../../src/network/local-connection.ts'
import { bulk, type Session, session } from '../commands/session.ts'

function waiters(server: Session, count: number): LocalConnection[] {
  return Array.from({ length: count }, () => new LocalConnection(server.engine))
}

/** Counts how often the keyspace tells of an arrival. */
function countArrivals(server: Session): () => number {
  const { blocking } = server.engine
  const keyArrived = blocking.keyArrived.bind(blocking)
  let arrivals = 0
  blocking.keyArrived = (db, entry) => {
    arrivals++
    keyArrived(db, entry)
  }
  return () => arrivals
}

test('only a new list is looked at, however many wait; nobody waiting, nothing is', () => {
  const server = session()
  const arrivals = countArrivals(server)
  expect(server.engine.keyspace.arrivals).toBeNull()
  const all = waiters(server, 1000)
  for (const [i, waiter] of all.entries()) waiter.send(['BLPOP', 'k', `k${i}`, '0'])
  // WATCH, notifications and the like follow every change; blocked clients do not.
  expect(server.engine.keyspace.listener).toBeNull()
  for (const line of ['SET a 1', 'SET a 2', 'APPEND a 3', 'INCR b', 'DEL b', 'EXPIRE a 10', 'RENAME a c']) {
    server.run(line)
  }
  expect(arrivals()).toBe(0)
  server.run('RPUSH other 1')
  expect(arrivals()).toBe(1)
  server.run('RPUSH other 2')
  server.run('LPUSH other 3')
  server.run('LSET other 0 4')
  expect(arrivals()).toBe(1)
  server.run('RENAME other another')
  expect(arrivals()).toBe(2)
  expect(server.engine.blocking.ready.length).toBe(0)
  for (const waiter of all) waiter.close()
  expect(server.engine.keyspace.arrivals).toBeNull()
})

test('keys of every length, and alike in their last 32 bytes, are told apart', () => {
  const server = session()
  const keys = [0, 1, 31, 32, 33, 34, 500].flatMap((length) => [
    `${'k'.repeat(length)}a`,
    `${'k'.repeat(length)}b`,
  ])
  keys.push(`1${'k'.repeat(40)}`, `2${'k'.repeat(40)}`)
  const all = waiters(server, keys.length)
  // Twice, for what the first time leaves behind.
  for (let round = 0; round < 2; round++) {
    for (const [i, waiter] of all.entries()) waiter.send(['BLPOP', keys[i], '0'])
    for (const [i, waiter] of all.entries()) {
      server.call('RPUSH', `${keys[i]}other`, 'x')
      expect(server.engine.blocking.count).toBe(keys.length - i)
      server.call('RPUSH', keys[i], `${i}`)
      expect(waiter.take().toString()).toBe(`*2\r\n${bulk(keys[i])}${bulk(`${i}`)}`)
      expect(server.engine.blocking.count).toBe(keys.length - i - 1)
    }
    server.run('FLUSHALL')
  }
})

test('2000 clients on one key, served one by one in their order', () => {
  const server = session()
  const all = waiters(server, 2000)
  for (const waiter of all) waiter.send(['BLPOP', 'k', '0'])
  // Some leave from the middle of the queue.
  for (let i = 0; i < all.length; i += 7) all[i].close()
  const staying = all.filter((waiter) => !waiter.closed)
  expect(server.engine.blocking.count).toBe(staying.length)
  for (const [i, waiter] of staying.entries()) {
    server.run(`RPUSH k ${i}`)
    expect(waiter.take().toString()).toBe(`*2\r\n$1\r\nk\r\n$${String(i).length}\r\n${i}\r\n`)
  }
  expect(server.engine.blocking.count).toBe(0)
  expect(server.run('EXISTS k')).toBe(':0\r\n')
})

test('a transaction that makes many keys ready serves them in the order in which they came', () => {
  const server = session()
  const [a, b] = waiters(server, 2)
  a.send(['BLPOP', 'x', 'y', '0'])
  b.send(['BLPOP', 'x', 'y', '0'])
  for (const line of ['MULTI', 'SET x 1', 'DEL x', 'RPUSH y 1', 'RPUSH x 2', 'RPUSH y 3', 'EXEC'])
    server.run(line)
  expect(a.take().toString()).toBe('*2\r\n$1\r\ny\r\n$1\r\n1\r\n')
  expect(b.take().toString()).toBe('*2\r\n$1\r\ny\r\n$1\r\n3\r\n')
  expect(server.run('LLEN x')).toBe(':1\r\n')
})

test('a fault while serving is told, answered and ends that client only', () => {
  const server = session()
  const faults: string[] = []
  server.engine.onFault = (where) => faults.push(where)
  const [a, b] = waiters(server, 2)
  const args = ['BLPOP', 'k', '0']
  a.send(args)
  b.send(args)
  const { dispatcher } = server.engine
  const finishBlocked = dispatcher.finishBlocked.bind(dispatcher)
  dispatcher.finishBlocked = (client, command, answer) =>
    finishBlocked(client, command, () => {
      if (client === a.client) throw new TypeError('ours')
      answer()
    })
  server.run('RPUSH k 1')
  expect(faults).toEqual(["command 'blpop'"])
  expect(a.take().toString()).toBe('-ERR internal error\r\n')
  expect(a.client.closeAfterReply).toBe(true)
  expect(b.take().toString()).toBe('*2\r\n$1\r\nk\r\n$1\r\n1\r\n')
})

test('a client that goes while others are served is passed over', () => {
  const server = session()
  const [a, b, c] = waiters(server, 3)
  for (const waiter of [a, b, c]) waiter.send(['BLPOP', 'k', '0'])
  const { dispatcher } = server.engine
  const finishBlocked = dispatcher.finishBlocked.bind(dispatcher)
  dispatcher.finishBlocked = (client, command, answer) => {
    if (client === a.client) b.close()
    finishBlocked(client, command, answer)
  }
  server.run('RPUSH k 1 2 3')
  expect([a, b, c].map((waiter) => waiter.take().length > 0)).toEqual([true, false, true])
  expect(server.run('LRANGE k 0 -1')).toBe('*1\r\n$1\r\n3\r\n')
})

type Action =
  | { readonly kind: 'block'; readonly client: number; readonly keys: readonly number[] }
  | { readonly kind: 'push'; readonly key: number; readonly count: number }
  | { readonly kind: 'transaction'; readonly keys: readonly number[] }
  | { readonly kind: 'leave'; readonly client: number }

const KEYS = 3
const CLIENTS = 5
const key = fc.nat(KEYS - 1)
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('block' as const),
    client: fc.nat(CLIENTS - 1),
    keys: fc.array(key, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('push' as const), key, count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    kind: fc.constant('transaction' as const),
    keys: fc.array(key, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('leave' as const), client: fc.nat(CLIENTS - 1) }),
)

/** What BLPOP has to do, said with arrays: lists, and one queue of everybody in the order of blocking. */
class Model {
  readonly lists: string[][] = Array.from({ length: KEYS }, () => [])
  readonly waiting: { client: number; keys: readonly number[] }[] = []
  readonly received: string[][] = Array.from({ length: CLIENTS }, () => [])

  block(client: number, keys: readonly number[]): void {
    for (const key of keys) if (this.pop(client, key)) return
    this.waiting.push({ client, keys })
  }

  push(keys: readonly number[], elements: readonly string[]): void {
    const ready = new Set<number>()
    for (const [i, key] of keys.entries()) {
      if (this.lists[key].length === 0) ready.add(key)
      this.lists[key].push(elements[i])
    }
    for (const key of ready) {
      for (const waiter of this.waiting.filter(({ keys }) => keys.includes(key))) {
        if (this.pop(waiter.client, key)) this.waiting.splice(this.waiting.indexOf(waiter), 1)
      }
    }
  }

  leave(client: number): void {
    const at = this.waiting.findIndex((waiter) => waiter.client === client)
    if (at !== -1) this.waiting.splice(at, 1)
  }

  private pop(client: number, key: number): boolean {
    const element = this.lists[key].shift()
    if (element !== undefined) this.received[client].push(`k${key} ${element}`)
    return element !== undefined
  }
}

test('random sessions give every client what the model says, in that order', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const server = session()
      const model = new Model()
      const clients = waiters(server, CLIENTS)
      let next = 0
      for (const act of actions) {
        if (act.kind === 'block') {
          if (clients[act.client].client.held !== 0) continue
          model.block(act.client, act.keys)
          clients[act.client].send(['BLPOP', ...act.keys.map((k) => `k${k}`), '0'])
        } else if (act.kind === 'leave') {
          model.leave(act.client)
          server.run(`CLIENT UNBLOCK ${clients[act.client].client.id} ERROR`)
        } else if (act.kind === 'push') {
          const elements = Array.from({ length: act.count }, () => `e${next++}`)
          model.push(
            elements.map(() => act.key),
            elements,
          )
          server.call('RPUSH', `k${act.key}`, ...elements)
        } else {
          const elements = act.keys.map(() => `e${next++}`)
          model.push(act.keys, elements)
          server.run('MULTI')
          for (const [i, k] of act.keys.entries()) server.run(`RPUSH k${k} ${elements[i]}`)
          server.run('EXEC')
        }
        server.timers.run()
      }
      const received = clients.map((client) =>
        [
          ...client
            .take()
            .toString()
            .matchAll(/\*2\r\n\$2\r\n(k\d)\r\n\$\d+\r\n(e\d+)\r\n/g),
        ].map(([, k, element]) => `${k} ${element}`),
      )
      expect(received).toEqual(model.received)
      expect(server.engine.blocking.count).toBe(model.waiting.length)
      for (const [k, list] of model.lists.entries())
        expect(server.run(`LLEN k${k}`)).toBe(`:${list.length}\r\n`)
    }),
    { numRuns: 300 },
  )
})
