/** Pub/sub as an application uses it with ioredis: messages, binary ones, and subscriptions that outlive a connection. */
import { once } from 'node:events'
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

/** What one of several publishers has to say. */
function texts(by: number): string[] {
  return Array.from({ length: 200 }, (_, i) => `${by}:${i}`)
}
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

describe.each([{ protocol: 2 }, { protocol: 3 }] as const)('RESP$protocol', ({ protocol }) => {
  let publisher: Redis
  beforeEach(async () => {
    publisher = connect()
    await publisher.flushall()
  })

  function connect(): Redis {
    const client = new Redis(server.port, '127.0.0.1', { protocol, retryStrategy: () => 10 })
    client.on('error', () => {})
    clients.push(client)
    return client
  }

  test('channels and patterns', async () => {
    const subscriber = connect()
    const received: string[] = []
    subscriber.on('message', (channel, text) => received.push(`${channel}: ${text}`))
    subscriber.on('pmessage', (pattern, channel, text) => received.push(`${pattern} ${channel}: ${text}`))
    expect(await subscriber.subscribe('news', 'weather')).toBe(2)
    expect(await subscriber.psubscribe('n*')).toBe(3)
    expect(await publisher.publish('news', 'hello')).toBe(2)
    expect(await publisher.publish('weather', 'rain')).toBe(1)
    expect(await publisher.publish('nobody', 'x')).toBe(1)
    await subscriber.ping()
    expect(received).toEqual(['news: hello', 'n* news: hello', 'weather: rain', 'n* nobody: x'])
    expect(await subscriber.unsubscribe('news')).toBe(2)
    expect(await subscriber.punsubscribe('n*')).toBe(1)
    expect(await publisher.publish('news', 'gone')).toBe(0)
  })

  test('seventy subscribers are sent what three publishers pipeline, all in one order', async () => {
    const subscribers = Array.from({ length: 70 }, () => connect())
    const received = subscribers.map((): string[] => [])
    for (const [i, subscriber] of subscribers.entries()) {
      subscriber.on('message', (_, text) => received[i].push(text))
    }
    await Promise.all(subscribers.map((subscriber) => subscriber.subscribe('news')))
    const publishers = [publisher, connect(), connect()]
    await Promise.all(
      publishers.map((each, by) => {
        const pipeline = each.pipeline()
        // Commands on keys leave the messages together, others do not.
        for (const text of texts(by)) pipeline.publish('news', text).incr('count')
        return pipeline.client('INFO').exec()
      }),
    )
    await Promise.all(subscribers.map((subscriber) => subscriber.ping()))
    for (const by of publishers.keys()) {
      expect(received[0].filter((text) => text.startsWith(`${by}:`))).toEqual(texts(by))
    }
    for (const each of received) expect(each).toEqual(received[0])
    expect(await publisher.get('count')).toBe('600')
  })

  test('binary messages', async () => {
    const subscriber = connect()
    await subscriber.subscribe('bin')
    const message = once(subscriber, 'messageBuffer')
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    await publisher.publish('bin', bytes)
    expect((await message)[1]).toEqual(bytes)
  })

  test('shard channels', async () => {
    const subscriber = connect()
    await subscriber.ssubscribe('s')
    const message = once(subscriber, 'smessage')
    expect(await publisher.spublish('s', 'hi')).toBe(1)
    expect(await message).toEqual(['s', 'hi'])
  })

  test('a killed connection subscribes again', async () => {
    const subscriber = connect()
    await subscriber.subscribe('news')
    await subscriber.psubscribe('n*')
    const back = once(subscriber, 'ready')
    expect(await publisher.call('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(1)
    await back
    while ((await publisher.publish('news', 'probe')) < 2)
      await new Promise((resolve) => setTimeout(resolve, 5))
    const message = once(subscriber, 'message')
    await publisher.publish('news', 'after')
    expect(await message).toContain('news')
  })

  test('keyspace events', async () => {
    await publisher.config('SET', 'notify-keyspace-events', 'Ex')
    const subscriber = connect()
    await subscriber.subscribe('__keyevent@0__:expired')
    const message = once(subscriber, 'message')
    await publisher.set('session', '1', 'PX', 20)
    expect(await message).toEqual(['__keyevent@0__:expired', 'session'])
    await publisher.config('SET', 'notify-keyspace-events', '')
  })
})

test('a hundred subscribers each get ten thousand messages in order', async () => {
  const count = 100
  const messages = 10_000
  const publisher = new Redis(server.port, '127.0.0.1')
  clients.push(publisher)
  const done = Array.from({ length: count }, async () => {
    const subscriber = new Redis(server.port, '127.0.0.1')
    clients.push(subscriber)
    await subscriber.subscribe('x')
    let next = 0
    return {
      all: new Promise<void>((resolve, reject) => {
        subscriber.on('message', (_, text) => {
          if (text !== `${next++}`) reject(new Error(`${text} came as number ${next}`))
          if (next === messages) resolve()
        })
      }),
    }
  })
  const ready = await Promise.all(done)
  const pipeline = publisher.pipeline()
  for (let i = 0; i < messages; i++) pipeline.publish('x', `${i}`)
  const results = (await pipeline.exec()) ?? []
  expect(results.every(([, receivers]) => receivers === count)).toBe(true)
  await Promise.all(ready.map(({ all }) => all))
})
