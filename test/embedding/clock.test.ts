/** Time that is moved by hand: everything that depends on it follows, each at its moment. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createServer, type Reply, type RespiteServer, type ServerOptions } from '../../src/index.ts'

const START = Date.UTC(2024, 0, 1)
const HOUR = 3_600_000
/** How often the suite of a day is repeated; RESPITE_REPEAT=2000 for the long run. */
const REPEAT = Number(process.env.RESPITE_REPEAT ?? 20)

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

async function start(options: ServerOptions = {}): Promise<RespiteServer> {
  const server = await createServer({ clock: 'manual', now: START, listen: false, ...options })
  endings.push(() => server.close())
  return server
}

/** Records the keyspace events of a server with the milliseconds since START at which they came. */
async function recordEvents(server: RespiteServer): Promise<string[]> {
  await server.call('CONFIG', 'SET', 'notify-keyspace-events', 'Ex')
  const events: string[] = []
  const connection = server.connection()
  connection.onPush((push) => {
    if (push[0] === 'pmessage') events.push(`${push[3] as string}@${server.clock.now - START}`)
  })
  await connection.call('PSUBSCRIBE', '__keyevent@*__:expired')
  return events
}

let server: RespiteServer
beforeEach(async () => {
  server = await start()
})

test('time stands still, and TIME and TTL agree with it when it is moved', async () => {
  const { clock } = server
  expect(clock.now).toBe(START)
  await server.call('SET', 'k', 'v', 'EX', 100)
  await clock.advance(40_500)
  expect(await server.call('PTTL', 'k')).toBe(59_500)
  expect(await server.call('TTL', 'k')).toBe(60)
  expect(await server.call('TIME')).toEqual([String(START / 1000 + 40), '500000'])
  await clock.set(new Date(START + 99_999))
  expect(await server.call('GET', 'k')).toBe('v')
  await clock.advance(1)
  expect(await server.call('EXISTS', 'k')).toBe(0)
  await clock.set(START)
  expect(clock.now).toBe(START)
})

test('keys nobody asks for expire at their moments, in order, with their notifications', async () => {
  const events = await recordEvents(server)
  const names = Array.from({ length: 200 }, (_, i) => `k${i}`)
  // Not in the order of their deadlines.
  for (const [i, name] of names.entries())
    await server.call('SET', name, 'v', 'PX', 1 + ((i * 37) % 200) * 777)
  await server.clock.advance(HOUR)
  const expected = names
    .map((name, i) => ({ name, at: 1 + ((i * 37) % 200) * 777 }))
    .sort((a, b) => a.at - b.at)
    .map(({ name, at }) => `${name}@${at}`)
  expect(events.map((event) => event.split('@')[0])).toEqual(expected.map((event) => event.split('@')[0]))
  expect(events).toEqual(expected)
  expect(await server.call('DBSIZE')).toBe(0)
})

test('a key that is asked for expires on access', async () => {
  const lazy = await start({ 'enable-debug-command': 'yes' })
  const events = await recordEvents(lazy)
  await lazy.call('DEBUG', 'SET-ACTIVE-EXPIRE', 0)
  await lazy.call('SET', 'k', 'v', 'PX', 10)
  await lazy.clock.advance(1000)
  expect([events.length, await lazy.call('DBSIZE')]).toEqual([0, 1])
  expect(await lazy.call('GET', 'k')).toBeNull()
  await lazy.clock.advance(0)
  expect(events).toEqual(['k@1000'])
})

test('waits end at their time, and whoever waits again does so from then on', async () => {
  const connection = server.connection()
  const ended: number[] = []
  const worker = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) {
      expect(await connection.call('BLPOP', 'q', 5)).toBeNull()
      ended.push(server.clock.now - START)
    }
  }
  const done = worker()
  await server.clock.advance(19_000)
  expect(ended).toEqual([5000, 10_000, 15_000])
  await server.clock.advance(1000)
  await done
})

test('the same over sockets', async () => {
  const listening = await start({ listen: true })
  const redis = new Redis(listening.connectionOptions())
  endings.push(() => redis.disconnect())
  await redis.ping()
  const ended: number[] = []
  const worker = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await redis.blpop('q', 60)
      ended.push(listening.clock.now - START)
    }
  }
  const done = worker()
  await listening.clock.advance(HOUR)
  await done
  expect(ended).toEqual([60_000, 120_000, 180_000])
})

test('CLIENT PAUSE holds commands until it is over', async () => {
  await server.call('CLIENT', 'PAUSE', 3000)
  const held = server.connection().call('SET', 'k', 'v')
  let ran = 0
  const noted = held.then(() => (ran = server.clock.now - START))
  await server.clock.advance(2999)
  expect(ran).toBe(0)
  await server.clock.advance(1)
  await noted
  expect(ran).toBe(3000)
})

test('no key expires in a pause; those that are due do when it is over', async () => {
  const events = await recordEvents(server)
  await server.call('SET', 'k', 'v', 'PX', 500)
  await server.call('CLIENT', 'PAUSE', 3000, 'WRITE')
  await server.clock.advance(2999)
  expect(events).toEqual([])
  await server.clock.advance(1)
  expect(events).toEqual(['k@3000'])
})

test('DEBUG SLEEP takes time of the clock, which LATENCY and SLOWLOG tell', async () => {
  const slow = await start({ 'enable-debug-command': 'yes', 'latency-monitor-threshold': 100 })
  const ended: number[] = []
  const wait = (seconds: number): Promise<unknown> =>
    slow
      .connection()
      .call('BLPOP', 'q', seconds)
      .then(() => ended.push(slow.clock.now - START))
  const waits = [wait(1), wait(7000)]
  await slow.call('DEBUG', 'SLEEP', 6000)
  waits.push(wait(500))
  expect(slow.clock.now).toBe(START + 6_000_000)
  const second = START / 1000 + 6000
  expect(await slow.call('LATENCY', 'HISTORY', 'command')).toEqual([[second, 6_000_000]])
  const [[, at, micros, words]] = await slow.call<[Reply[]]>('SLOWLOG', 'GET')
  expect([at, micros, words]).toEqual([second, 6_000_000_000, ['DEBUG', 'SLEEP', '6000']])
  await slow.clock.advance(1_000_000)
  await Promise.all(waits)
  expect(ended).toEqual([6_000_000, 6_500_000, 7_000_000])
})

test('caches are told of what expires, and transactions of what has, at its moment', async () => {
  const cache = server.connection()
  const told: unknown[] = []
  cache.onPush(([kind, keys]) => told.push([kind, keys, server.clock.now - START]))
  await cache.call('CLIENT', 'TRACKING', 'ON')
  await server.call('SET', 'k', 'v', 'PX', 500)
  await cache.call('GET', 'k')
  await cache.call('WATCH', 'k')
  await server.clock.advance(499)
  expect(told).toEqual([])
  await server.clock.advance(1000)
  expect(told).toEqual([['invalidate', ['k'], 500]])
  await cache.call('MULTI')
  await cache.call('SET', 'other', 'v')
  expect(await cache.call('EXEC')).toBeNull()
})

test('LFU counters decay', async () => {
  const lfu = await start({ 'maxmemory-policy': 'allkeys-lfu', 'lfu-log-factor': 0, seed: 1 })
  await lfu.call('SET', 'k', 'v')
  for (let i = 0; i < 100; i++) await lfu.call('GET', 'k')
  const before = await lfu.call<number>('OBJECT', 'FREQ', 'k')
  expect(before).toBeGreaterThan(50)
  await lfu.clock.advance(30 * 60_000)
  expect(await lfu.call('OBJECT', 'FREQ', 'k')).toBe(before - 30)
})

test('points of saving are reached', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'respite-clock-'))
  endings.push(() => rmSync(dir, { recursive: true }))
  const saving = await start({ dir, save: [{ seconds: 900, changes: 1 }] })
  await saving.call('SET', 'k', 'v')
  await saving.clock.advance(900_000)
  expect(existsSync(join(dir, 'dump.rdb'))).toBe(false)
  await saving.clock.advance(HOUR)
  expect(existsSync(join(dir, 'dump.rdb'))).toBe(true)
  const saved = (await saving.call<number>('LASTSAVE')) - START / 1000
  expect(saved).toBe(901)
})

test('idle clients are cut off at their time', async () => {
  const strict = await start({ listen: true, timeout: 300 })
  const redis = new Redis({ ...strict.connectionOptions(), retryStrategy: null })
  await redis.ping()
  const ended = new Promise((resolve) => redis.once('end', resolve))
  await strict.clock.advance(299_000)
  expect(redis.status).toBe('ready')
  await strict.clock.advance(3000)
  await ended
})

test('whoever is cut off learns of it at that moment', async () => {
  const strict = await start({ listen: true, timeout: 300 })
  const socket = connect(strict.port)
  socket.write('PING\r\n')
  await once(socket, 'data')
  let closed = 0
  socket.once('end', () => (closed = strict.clock.now - START))
  await strict.clock.advance(HOUR)
  expect(closed).toBeGreaterThanOrEqual(300_000)
  expect(closed).toBeLessThan(303_000)
})

test('centuries without anything to do take no time', async () => {
  const later = await start()
  await later.call('SET', 'k', 'v', 'EX', 3_000_000_000)
  // Looks at what is on disk every ten minutes would be half a billion.
  await later.clock.set(new Date('9999-12-31'))
  expect(later.keys()).toEqual([])
})

test('moves follow one another, and what is no time is refused', async () => {
  const { clock } = server
  await Promise.all([clock.advance(10), clock.advance(20), clock.set(START + 100)])
  expect(clock.now).toBe(START + 100)
  await expect(clock.advance(-1)).rejects.toThrow(RangeError)
  await expect(clock.advance(0.5)).rejects.toThrow(RangeError)
  await expect(clock.set(new Date(Number.NaN))).rejects.toThrow(RangeError)
})

test('the real clock goes by itself and is not moved', async () => {
  const real = await createServer({ listen: false })
  endings.push(() => real.close())
  expect(Math.abs(real.clock.now - Date.now())).toBeLessThan(60_000)
  await expect(real.clock.advance(1)).rejects.toThrow(/clock: 'manual'/)
})

test('what is due comes before what is later, whatever its kind', async () => {
  const events = await recordEvents(server)
  const connection = server.connection()
  await server.call('SET', 'a', '1', 'PX', 1000)
  await server.call('SET', 'b', '1', 'PX', 3000)
  const waited = connection
    .call('BLPOP', 'q', 2)
    .then(() => events.push(`waited@${server.clock.now - START}`))
  await server.clock.advance(5000)
  await waited
  expect(events).toEqual(['a@1000', 'waited@2000', 'b@3000'])
})

/** Sessions for a day and jobs that are retried with growing delays, as an application's own suite has them. */
async function aDay(round: number): Promise<void> {
  const day = await start({ seed: round })
  const events = await recordEvents(day)
  const { clock } = day
  await day.call('SET', 'session', 'user', 'EX', 86_400)
  const tried: number[] = []
  const worker = async (): Promise<Reply> => {
    const connection = day.connection()
    for (let delay = 60; ; delay *= 4) {
      const job = await connection.call('BLPOP', 'jobs', delay)
      if (job !== null) return job
      tried.push(clock.now - START)
    }
  }
  const done = worker()
  await clock.advance(24 * HOUR - 1)
  expect(await day.call('TTL', 'session')).toBe(0)
  expect(events).toEqual([])
  await clock.advance(1)
  expect(events).toEqual([`session@${24 * HOUR}`])
  expect(tried).toEqual([60, 300, 1260, 5100, 20_460, 81_900].map((seconds) => seconds * 1000))
  await day.call('RPUSH', 'jobs', 'job')
  expect(await done).toEqual(['jobs', 'job'])
}

test(`a day of sessions and delayed work, ${REPEAT} times`, { timeout: 600_000 }, async () => {
  for (let round = 0; round < REPEAT; round++) {
    await aDay(round)
    for (const end of endings.splice(1)) await end()
  }
})
