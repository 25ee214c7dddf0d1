/** Transactions as applications use them through ioredis. */
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServer, type RespiteServer } from '../../src/index.ts'

const CLIENTS = 50
const INCREMENTS = 100_000

let server: RespiteServer
beforeAll(async () => {
  server = await createServer()
})
afterAll(() => server.close())

test('50 clients, 100 000 optimistic increments, no lost update', async () => {
  // Ten counters: enough contention for thousands of aborted attempts, not so much that nothing moves.
  const counters = Array.from({ length: 10 }, (_, i) => `counter:${i}`)
  let aborted = 0
  const worker = async (number: number): Promise<void> => {
    const redis = new Redis(server.url)
    for (let done = 0; done < INCREMENTS / CLIENTS; ) {
      const key = counters[(number + done) % counters.length]
      const [, value] = await Promise.all([redis.watch(key), redis.get(key)])
      const result = await redis
        .multi()
        .set(key, Number(value ?? 0) + 1)
        .exec()
      if (result === null) aborted++
      else done++
    }
    redis.disconnect()
  }
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => worker(number)))
  const redis = new Redis(server.url)
  const values = await redis.mget(counters)
  redis.disconnect()
  expect(values.reduce((sum, value) => sum + Number(value), 0)).toBe(INCREMENTS)
  expect(aborted).toBeGreaterThan(100)
}, 120_000)

test('multi, pipelined and not, with errors and discard', async () => {
  const redis = new Redis(server.url)
  expect(await redis.multi().set('a', '1').incr('a').get('a').exec()).toEqual([
    [null, 'OK'],
    [null, 2],
    [null, '2'],
  ])
  const [, [error]] = (await redis.multi().set('s', 'x').lpush('s', '1').exec()) as [unknown, [Error]]
  expect(error.message).toContain('WRONGTYPE')
  await redis.multi({ pipeline: false })
  await redis.set('b', '1')
  expect(await redis.discard()).toBe('OK')
  expect(await redis.get('b')).toBeNull()
  redis.disconnect()
})
