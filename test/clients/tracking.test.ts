/** Caches kept by applications with CLIENT TRACKING: what they hold must be what the server holds. */
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Dice } from '../compat/random.ts'
import { encodeCommand, RawClient } from '../compat/raw-client.ts'
import { startRespite } from '../compat/respite.ts'
import type { ServerProcess } from '../compat/server-process.ts'

let server: ServerProcess
beforeAll(async () => {
  server = await startRespite(['--tracking-table-max-keys', '12'])
})
afterAll(() => server.stop())

const KEYS = Array.from({ length: 20 }, (_, i) => `key:${i}`)

/** One of many kinds of change to keys, some of them to several. */
function write(dice: Dice): string[] {
  const key = (): string => dice.pick(KEYS)
  const kinds: readonly (() => string[])[] = [
    () => ['SET', key(), `${dice.below(1e6)}`],
    () => ['SET', key(), `${dice.below(1e6)}`],
    () => ['MSET', key(), `${dice.below(1e6)}`, key(), `${dice.below(1e6)}`],
    () => ['SET', key(), 'short-lived', 'PX', `${dice.between(1, 20)}`],
    () => ['DEL', key(), key()],
    () => ['APPEND', key(), 'x'],
    () => ['COPY', key(), key(), 'REPLACE'],
    () => ['RENAME', key(), key()],
    () => ['GETDEL', key()],
    () => (dice.oneIn(20) ? ['FLUSHALL'] : ['SETRANGE', key(), '3', 'y']),
  ]
  return dice.pick(kinds)()
}

/** Random writes by three connections, `count` each, in small pipelines. */
async function writeAtRandom(count: number, seed: number): Promise<void> {
  await Promise.all(
    [0, 1, 2].map(async (i) => {
      const dice = new Dice(seed + i)
      const client = await RawClient.open(server.port)
      for (let done = 0; done < count; ) {
        const commands = dice.many(1, 8, () => write(dice))
        client.write(Buffer.concat(commands.map((command) => encodeCommand(command))))
        for (let left = commands.length; left > 0; left--) await client.frame()
        done += commands.length
      }
      client.close()
    }),
  )
}

/** The text of a bulk string's frame, null for the absent one of either protocol. */
const bulkOf = (frame: string): string | null =>
  frame[0] === '$' && frame[1] !== '-' ? frame.slice(frame.indexOf('\n') + 1, -2) : null

/** A cache in RESP3: replies and invalidations come on one connection, in the order in which things happened. */
class PushedCache {
  readonly values = new Map<string, string | null>()
  invalidations = 0
  private readonly client: RawClient
  private readonly optIn: boolean

  constructor(client: RawClient, optIn: boolean) {
    this.client = client
    this.optIn = optIn
  }

  static async open(options: string): Promise<PushedCache> {
    const client = await RawClient.open(server.port)
    await client.call('HELLO', '3')
    await client.call('CLIENT', 'TRACKING', ...options.split(' '))
    return new PushedCache(client, options.includes('OPTIN'))
  }

  /** Reads through the cache. What is held is not asked for; PING instead, or the reader of a full cache never ends. */
  async get(key: string): Promise<void> {
    if (this.values.has(key)) {
      await this.call('PING')
      return
    }
    if (this.optIn) await this.call('CLIENT', 'CACHING', 'YES')
    this.values.set(key, bulkOf(await this.call('GET', key)))
  }

  /** The reply to a command; invalidations before it are obeyed. */
  async call(...command: string[]): Promise<string> {
    this.client.write(encodeCommand(command))
    for (;;) {
      const frame = (await this.client.frame()).toString('latin1')
      if (frame[0] !== '>') return frame
      this.invalidations++
      if (frame.endsWith('\r\n_\r\n')) this.values.clear()
      for (const [, key] of frame.matchAll(/\r\n(key:\d+)/g)) this.values.delete(key)
    }
  }

  close(): void {
    this.client.close()
  }
}

test.each(['ON', 'ON OPTIN', 'ON OPTOUT NOLOOP', 'ON BCAST', 'ON BCAST PREFIX key:1'])(
  'CLIENT TRACKING %s: a cache stays right under random writes',
  async (options) => {
    const covered = KEYS.filter((key) => !options.includes('PREFIX') || key.startsWith('key:1'))
    const caches = await Promise.all([1, 2, 3].map(() => PushedCache.open(options)))
    const work = { done: false }
    const readers = caches.map(async (cache, i) => {
      const dice = new Dice(100 + i)
      while (!work.done) await cache.get(dice.pick(covered))
    })
    await writeAtRandom(2000, 7)
    work.done = true
    await Promise.all(readers)
    // Keys with a deadline go within this time.
    await new Promise((resolve) => setTimeout(resolve, 300))
    const plain = await RawClient.open(server.port)
    for (const cache of caches) {
      await cache.call('PING')
      await cache.call('PING')
      expect(cache.invalidations).toBeGreaterThan(100)
      const held = [...cache.values]
      for (const [key, value] of held) {
        expect([key, value]).toEqual([key, bulkOf((await plain.call('GET', key)).toString('latin1'))])
      }
      cache.close()
    }
    plain.close()
  },
)

test('ioredis: a cache of a RESP2 connection, invalidated through a subscriber', async () => {
  const data = new Redis(server.port, '127.0.0.1', { protocol: 2 })
  const subscriber = new Redis(server.port, '127.0.0.1', { protocol: 2 })
  const values = new Map<string, string | null>()
  // A value on its way counts only if nothing was said of its key meanwhile: the connections are two.
  const wanted = new Set<string>()
  let invalidations = 0
  const drop = (key: string): void => {
    values.delete(key)
    wanted.delete(key)
  }
  const id = await subscriber.client('ID')
  await subscriber.subscribe('__redis__:invalidate')
  subscriber.on('message', (_channel, keys) => {
    invalidations++
    // ioredis gives the array of keys as text, and the null of a flush as none.
    for (const key of keys === '' ? KEYS : keys.split(',')) drop(key)
  })
  await data.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', `${id}`)
  const work = { done: false }
  const reader = (async () => {
    const dice = new Dice(5)
    while (!work.done) {
      const key = dice.pick(KEYS)
      if (values.has(key)) {
        await data.ping()
        continue
      }
      wanted.add(key)
      const value = await data.get(key)
      if (wanted.delete(key)) values.set(key, value)
    }
  })()
  await writeAtRandom(2000, 3)
  work.done = true
  await reader
  await new Promise((resolve) => setTimeout(resolve, 300))
  await data.ping()
  expect(invalidations).toBeGreaterThan(100)
  const plain = new Redis(server.port, '127.0.0.1')
  const held = [...values]
  for (const [key, value] of held) expect([key, value]).toEqual([key, await plain.get(key)])
  for (const client of [data, subscriber, plain]) client.disconnect()
})
