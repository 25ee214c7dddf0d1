/** ioredis over TCP on our server, as an application would use it. */
import { Redis, type RedisOptions } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startRespite } from '../compat/respite.ts'
import type { ServerProcess } from '../compat/server-process.ts'

let server: ServerProcess
beforeAll(async () => {
  server = await startRespite()
})
afterAll(() => server.stop())

/** ioredis declares its options in a way that exactOptionalPropertyTypes refuses. */
type Options = Omit<RedisOptions, 'replyMapping'> & { replyMapping?: 'legacy' }

const clients: Redis[] = []
function connect(options: Options = {}): Redis {
  const client = new Redis(server.port, '127.0.0.1', options)
  client.on('error', () => {})
  clients.push(client)
  return client
}
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

describe.each([{ protocol: 2 }, { protocol: 3 }] as const)('RESP$protocol', ({ protocol }) => {
  let redis: Redis
  beforeEach(async () => {
    redis = connect({ protocol })
    await redis.flushall()
  })

  test('set, get, mget, del and errors', async () => {
    expect(await redis.ping()).toBe('PONG')
    expect(await redis.set('a', '1')).toBe('OK')
    expect(await redis.set('a', '2', 'NX')).toBeNull()
    expect(await redis.set('b', 'x', 'EX', 100, 'GET')).toBeNull()
    expect(await redis.mset({ c: '3', d: '4' })).toBe('OK')
    expect(await redis.mget('a', 'nokey', 'c')).toEqual(['1', null, '3'])
    expect(await redis.incr('a')).toBe(2)
    expect(await redis.incrbyfloat('a', 0.5)).toBe('2.5')
    expect(await redis.ttl('b')).toBeGreaterThan(90)
    expect(await redis.del('a', 'b', 'nokey')).toBe(2)
    await expect(redis.lpush('c', 'x')).rejects.toThrow('WRONGTYPE')
    await expect(redis.call('NOSUCH', 'a')).rejects.toThrow("unknown command 'NOSUCH'")
    expect(await redis.get('c')).toBe('3')
  })

  test('lists', async () => {
    expect(await redis.rpush('l', 'a', 'b', 'c')).toBe(3)
    expect(await redis.lpush('l', 'z')).toBe(4)
    expect(await redis.lrange('l', 0, -1)).toEqual(['z', 'a', 'b', 'c'])
    expect(await redis.lpop('l', 2)).toEqual(['z', 'a'])
    expect(await redis.lmove('l', 'm', 'RIGHT', 'LEFT')).toBe('c')
    expect(await redis.lmpop(2, 'nokey', 'm', 'LEFT')).toEqual(['m', ['c']])
    expect(await redis.lpop('m')).toBeNull()
    const many = Array.from({ length: 10_000 }, (_, i) => `element ${i}`)
    await redis.rpush('many', ...many)
    expect(await redis.lrange('many', 0, -1)).toEqual(many)
  })

  test('a pipeline, with an error in it', async () => {
    const results = await redis.pipeline().set('k', '1').incr('k').lpush('k', 'x').get('k').exec()
    expect(results?.map(([error, value]) => error?.message.split(' ')[0] ?? value)).toEqual([
      'OK',
      2,
      'WRONGTYPE',
      '2',
    ])
  })

  test('ten thousand commands in one pipeline', async () => {
    const pipeline = redis.pipeline()
    for (let i = 0; i < 10_000; i++) pipeline.set(`key:${i}`, `value ${i}`)
    for (let i = 0; i < 10_000; i++) pipeline.get(`key:${i}`)
    const results = (await pipeline.exec()) ?? []
    expect(results.slice(0, 10_000).every(([, value]) => value === 'OK')).toBe(true)
    expect(results.slice(10_000).map(([, value]) => value)).toEqual(
      Array.from({ length: 10_000 }, (_, i) => `value ${i}`),
    )
    expect(await redis.dbsize()).toBe(10_000)
  })

  test('automatic pipelining', async () => {
    const auto = connect({ protocol, enableAutoPipelining: true })
    await auto.ping()
    const replies = await Promise.all(Array.from({ length: 1000 }, (_, i) => auto.set(`k${i}`, i)))
    expect(replies.every((reply) => reply === 'OK')).toBe(true)
    expect(await Promise.all([auto.get('k0'), auto.get('k999'), auto.get('k1000')])).toEqual([
      '0',
      '999',
      null,
    ])
  })

  test('binary keys and values', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    await redis.set(bytes, bytes)
    expect((await redis.getBuffer(bytes))?.equals(bytes)).toBe(true)
    expect((await redis.keysBuffer('*'))[0]?.equals(bytes)).toBe(true)
    await redis.rpush('l', bytes, '', '\r\n')
    expect(await redis.lrangeBuffer('l', 0, -1)).toEqual([bytes, Buffer.alloc(0), Buffer.from('\r\n')])
  })

  test.each([1, 20])('a value of %i MiB', async (mebibytes) => {
    const value = Buffer.alloc(mebibytes << 20)
    for (let i = 0; i < value.length; i += 4) value.writeInt32LE(i, i)
    expect(await redis.set('big', value)).toBe('OK')
    expect(await redis.strlen('big')).toBe(value.length)
    expect((await redis.getBuffer('big'))?.equals(value)).toBe(true)
    const [first, second] = await Promise.all([redis.getBuffer('big'), redis.getBuffer('big')])
    expect(first?.equals(value) && second?.equals(value)).toBe(true)
    expect(await redis.del('big')).toBe(1)
  })

  test('scanStream sees every key', async () => {
    const pipeline = redis.pipeline()
    for (let i = 0; i < 3000; i++) pipeline.set(`scan:${i}`, '')
    for (let i = 0; i < 500; i++) pipeline.rpush(`other:${i}`, '')
    await pipeline.exec()
    const seen = new Set<string>()
    for await (const keys of redis.scanStream({ match: 'scan:*', count: 100 })) {
      for (const key of keys as string[]) seen.add(key)
    }
    expect(seen.size).toBe(3000)
    const lists = new Set<string>()
    for await (const keys of redis.scanStream({ type: 'list' })) {
      for (const key of keys as string[]) lists.add(key)
    }
    expect(lists.size).toBe(500)
  })

  test('info and config', async () => {
    expect(await redis.info()).toMatch(/redis_version:7\.\d+\.\d+\r\n/)
    expect(await redis.info('keyspace')).not.toContain('db0')
    await redis.set('k', 'v')
    expect(await redis.info('keyspace')).toContain('db0:keys=1,expires=0')
    expect(await redis.config('GET', 'timeout')).toEqual(['timeout', '0'])
  })

  test.skipIf(protocol === 2)('maps as objects', async () => {
    const mapped = new Redis(server.port, '127.0.0.1', { protocol: 3, replyMapping: 'resp3' })
    expect(await mapped.config('GET', 'timeout')).toEqual({ timeout: '0' })
    mapped.disconnect()
  })

  test('databases and a prefix', async () => {
    const other = connect({ protocol, db: 3, keyPrefix: 'app:', connectionName: 'the-app' })
    await other.set('k', 'v')
    expect(await redis.get('app:k')).toBeNull()
    await redis.select(3)
    expect(await redis.get('app:k')).toBe('v')
    expect(await other.client('GETNAME')).toBe('the-app')
  })

  test('comes back after CLIENT KILL', async () => {
    const victim = connect({ protocol, connectionName: 'victim', retryStrategy: () => 5 })
    const before = await victim.client('ID')
    const closed = new Promise((resolve) => victim.once('close', resolve))
    const ready = new Promise((resolve) => victim.once('ready', resolve))
    expect(await redis.client('KILL', 'ID', before)).toBe(1)
    await closed
    await ready
    expect(await victim.client('ID')).not.toBe(before)
    expect(await victim.client('GETNAME')).toBe('victim')
    expect(await victim.set('k', 'v')).toBe('OK')
  })

  test('quit', async () => {
    const leaving = connect({ protocol })
    await leaving.ping()
    const ended = new Promise((resolve) => leaving.once('end', resolve))
    expect(await leaving.quit()).toBe('OK')
    await ended
  })
})

test('two hundred connections at once', async () => {
  const crowd = Array.from({ length: 200 }, () => connect())
  const [first] = crowd
  await first?.set('count', 0)
  await Promise.all(
    crowd.map(async (client, i) => {
      for (let round = 0; round < 5; round++) {
        await client.set(`own:${i}`, `${i}:${round}`)
        await client.incr('count')
        expect(await client.get(`own:${i}`)).toBe(`${i}:${round}`)
      }
    }),
  )
  expect(await first?.get('count')).toBe('1000')
  expect(await first?.info('clients')).toMatch(/connected_clients:200\r\n/)
})
