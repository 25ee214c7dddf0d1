/** Blocking lists as applications use them with ioredis: work queues, reliable ones, and many workers waiting. */
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startRespite } from '../compat/respite.ts'
import type { ServerProcess } from '../compat/server-process.ts'

let server: ServerProcess
beforeAll(async () => {
  server = await startRespite()
})
afterAll(() => server.stop())

const clients: Redis[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

describe.each([{ protocol: 2 }, { protocol: 3 }] as const)('RESP$protocol', ({ protocol }) => {
  let producer: Redis
  beforeEach(async () => {
    producer = connect()
    await producer.flushall()
  })

  function connect(): Redis {
    const client = new Redis(server.port, '127.0.0.1', { protocol, retryStrategy: () => 10 })
    client.on('error', () => {})
    clients.push(client)
    return client
  }

  /** Resolves when so many clients are blocked. */
  async function blocked(count: number): Promise<void> {
    for (let tries = 0; tries < 1000; tries++) {
      if ((await producer.info('clients')).includes(`blocked_clients:${count}\r\n`)) return
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    throw new Error(`there never were ${count} blocked clients`)
  }

  test('every command of the family, waiting', async () => {
    const worker = connect()
    const cases: [() => Promise<unknown>, unknown][] = [
      [() => worker.blpop('nokey', 'k', 0), ['k', 'x']],
      [() => worker.brpop('k', 0), ['k', 'z']],
      [() => worker.blmpop(0, 1, 'k', 'LEFT', 'COUNT', 2), ['k', ['x', 'y']]],
      [() => worker.blmove('k', 'l', 'LEFT', 'RIGHT', 0), 'x'],
      [() => worker.brpoplpush('k', 'l', 0), 'z'],
    ]
    for (const [call, expected] of cases) {
      await producer.del('k')
      const waiting = call()
      await blocked(1)
      await producer.rpush('k', 'x', 'y', 'z')
      expect(await waiting).toEqual(expected)
    }
    expect(await producer.lrange('l', 0, -1)).toEqual(['z', 'x'])
  })

  test('timeouts and CLIENT UNBLOCK', async () => {
    const worker = connect()
    expect(await worker.blpop('nokey', 0.01)).toBeNull()
    expect(await worker.brpoplpush('nokey', 'l', 0.01)).toBeNull()
    expect(await worker.blmove('nokey', 'l', 'LEFT', 'LEFT', 0.01)).toBeNull()
    const id = await worker.client('ID')
    const waiting = expect(worker.blpop('nokey', 0)).rejects.toThrow(
      'UNBLOCKED client unblocked via CLIENT UNBLOCK',
    )
    await blocked(1)
    expect(await producer.client('UNBLOCK', id, 'ERROR')).toBe(1)
    await waiting
    expect(await worker.ping()).toBe('PONG')
  })

  test('a pipeline goes on behind a command that blocked', async () => {
    const worker = connect()
    const waiting = worker.pipeline().set('a', '1').blpop('k', 0).incr('a').blpop('k', 0).incr('a').exec()
    await blocked(1)
    expect(await producer.get('a')).toBe('1')
    await producer.rpush('k', 'x')
    await blocked(1)
    expect(await producer.get('a')).toBe('2')
    await producer.rpush('k', 'y')
    const replies = (await waiting) ?? []
    expect(replies.map(([, reply]) => reply)).toEqual(['OK', ['k', 'x'], 2, ['k', 'y'], 3])
  })

  test('in a transaction nothing waits', async () => {
    expect(await producer.multi().blpop('nokey', 0).brpoplpush('nokey', 'l', 0).exec()).toEqual([
      [null, null],
      [null, null],
    ])
  })

  test('a reliable queue: BLMOVE to a list of one’s own, LREM when done; nothing is lost or done twice', async () => {
    const jobs = Array.from({ length: 500 }, (_, i) => `job ${i}`)
    const done: string[] = []
    const work = async (name: string): Promise<void> => {
      const worker = connect()
      for (;;) {
        const job = await worker.blmove('queue', `doing:${name}`, 'LEFT', 'RIGHT', 0)
        if (job === 'stop' || job === null) return
        await worker.multi().rpush('done', job).lrem(`doing:${name}`, 1, job).exec()
        done.push(job)
      }
    }
    const workers = ['a', 'b', 'c', 'd'].map(work)
    for (const job of jobs) await producer.rpush('queue', job)
    await producer.rpush('queue', ...workers.map(() => 'stop'))
    await Promise.all(workers)
    expect(done.length).toBe(jobs.length)
    expect(new Set(done)).toEqual(new Set(jobs))
    expect(await producer.llen('done')).toBe(jobs.length)
    expect(await producer.exists('queue')).toBe(0)
  })

  test('200 connections wait; each push wakes the one that waits longest', { timeout: 30_000 }, async () => {
    const workers: Promise<[string, string] | null>[] = []
    for (let i = 0; i < 200; i++) {
      workers.push(connect().blpop('k', 'other', 0))
      // One after the other, so that their order is known.
      await blocked(i + 1)
    }
    for (let i = 0; i < 100; i++) await producer.rpush('k', `${i}`)
    await producer.rpush('other', ...Array.from({ length: 100 }, (_, i) => `${100 + i}`))
    const replies = await Promise.all(workers)
    expect(replies).toEqual(workers.map((_, i) => [i < 100 ? 'k' : 'other', `${i}`]))
    await blocked(0)
  })

  test('a worker whose connection is cut takes nothing with it', async () => {
    const worker = connect()
    const waiting = worker.blpop('k', 0).catch((error: Error) => error)
    await blocked(1)
    worker.disconnect()
    await waiting
    await blocked(0)
    await producer.rpush('k', 'x')
    expect(await producer.llen('k')).toBe(1)
  })
})
