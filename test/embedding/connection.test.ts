/** Clients without a socket: values in and out, errors, waiting, transactions, messages. */
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  CommandError,
  createServer,
  type EmbeddedConnection,
  type Message,
  type RespiteServer,
} from '../../src/index.ts'

let server: RespiteServer
let connection: EmbeddedConnection
beforeEach(async () => {
  server = await createServer({ listen: false, 'enable-debug-command': 'yes' })
  connection = server.connection()
})
afterEach(() => server.close())

test('strings, numbers and bytes go in; what RESP3 has comes out', async () => {
  expect(await connection.call('SET', 'k', 'ü€')).toBe('OK')
  expect(await connection.call('GET', 'k')).toBe('ü€')
  expect(await connection.call('INCRBY', 'n', 41n)).toBe(41)
  expect(await connection.call('INCRBY', 'n', 2 ** 53 - 41)).toBe(2n ** 53n)
  await connection.call('RPUSH', Buffer.from([0, 255]), Buffer.from([255, 0]), 1.5)
  expect(await connection.callBuffer('LRANGE', Buffer.from([0, 255]), 0, -1)).toEqual([
    Buffer.from([255, 0]),
    Buffer.from('1.5'),
  ])
  expect(await connection.call('GET', 'none')).toBeNull()
  expect(await connection.call('CONFIG', 'GET', 'hz')).toEqual(new Map([['hz', '10']]))
  expect(await connection.call('DEBUG', 'PROTOCOL', 'true')).toBe(true)
  expect(await connection.call('DEBUG', 'PROTOCOL', 'double')).toBeCloseTo(3.1, 1)
  expect(await connection.call('DEBUG', 'PROTOCOL', 'bignum')).toBe(1234567999999999999999999999999999999n)
  expect(await connection.call('DEBUG', 'PROTOCOL', 'set')).toEqual(new Set([0, 1, 2]))
  expect(await connection.call('DEBUG', 'PROTOCOL', 'attrib')).toBe('Some real reply following the attribute')
  const binary = server.connection({ buffers: true })
  expect(await binary.call('GET', 'k')).toEqual(Buffer.from('ü€'))
})

test('errors are thrown with their code', async () => {
  await connection.call('SET', 'k', 'v')
  const error = await connection.call('LPUSH', 'k', 'a').catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(CommandError)
  expect(error).toMatchObject({
    code: 'WRONGTYPE',
    message: expect.stringContaining('Operation against a key'),
  })
  await expect(connection.call('NOSUCH')).rejects.toMatchObject({ code: 'ERR' })
})

test('what is no argument is refused, and nothing after it is mistaken for its reply', async () => {
  const wrong = [undefined, null, true, {}, ['v'], new Date(0), new Uint16Array(1)] as unknown as string[]
  for (const value of wrong) {
    await expect(connection.call('SET', 'k', value)).rejects.toThrow(/^argument 2 is neither text nor /)
  }
  await expect(connection.call(undefined as unknown as string)).rejects.toThrow(TypeError)
  expect(await connection.call('GET', 'k')).toBeNull()
  expect(await connection.call('PING')).toBe('PONG')
})

test('it stays in RESP3, so that messages are none of its replies', async () => {
  expect(await connection.call('HELLO', 2)).toContain('proto')
  const news = await connection.subscribe('news')
  await server.call('PUBLISH', 'news', 'one')
  expect(await connection.call('PING')).toBe('PONG')
  expect(await connection.call('RESET')).toBe('RESET')
  expect(await connection.call('CONFIG', 'GET', 'hz')).toEqual(new Map([['hz', '10']]))
  expect(await news.next()).toMatchObject({ value: { message: 'one' } })
})

test('calls are answered in their order, however many at once', async () => {
  const replies = await Promise.all(Array.from({ length: 1000 }, () => connection.call('INCR', 'n')))
  expect(replies).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1))
})

test('a transaction, with an error among its replies', async () => {
  await connection.call('MULTI')
  expect(await connection.call('SET', 'k', 'v')).toBe('QUEUED')
  await connection.call('LPUSH', 'k', 'a')
  const [ok, error] = await connection.call<unknown[]>('EXEC')
  expect(ok).toBe('OK')
  expect(error).toMatchObject({ code: 'WRONGTYPE' })
  await connection.call('WATCH', 'k')
  await server.call('SET', 'k', 'other')
  await connection.call('MULTI')
  expect(await connection.call('EXEC')).toBeNull()
})

test('a blocking command waits for its key, or for its time', async () => {
  const popped = connection.call('BLPOP', 'q', 0)
  const after = connection.call('PING')
  await server.call('RPUSH', 'q', 'job')
  expect([await popped, await after]).toEqual([['q', 'job'], 'PONG'])
  expect(await connection.call('BLPOP', 'q', 0.01)).toBeNull()
})

test('server.call() lets none wait for a blocking one', async () => {
  const popped = server.call('BLPOP', 'q', 0)
  expect(await server.call('RPUSH', 'q', 'job')).toBe(1)
  expect(await popped).toEqual(['q', 'job'])
  expect(await server.call('QUIT')).toBe('OK')
  expect(await server.call('PING')).toBe('PONG')
})

test('messages are iterated over, and leaving the loop unsubscribes', async () => {
  const news = await connection.subscribe('news', 'more')
  const all = await connection.psubscribe('n*')
  await server.call('PUBLISH', 'news', 'one')
  await server.call('PUBLISH', 'more', 'two')
  const messages: Message[] = []
  for await (const message of news) {
    messages.push(message)
    if (messages.length === 2) break
  }
  expect(messages).toEqual([
    { channel: 'news', message: 'one', pattern: null },
    { channel: 'more', message: 'two', pattern: null },
  ])
  expect(await all.next()).toEqual({
    done: false,
    value: { channel: 'news', message: 'one', pattern: 'n*' },
  })
  expect(await server.call('PUBSUB', 'CHANNELS')).toEqual([])
  const next = all.next()
  await server.call('PUBLISH', 'n', 'three')
  expect(await next).toMatchObject({ value: { message: 'three' } })
  const none = all.next()
  connection.close()
  expect(await none).toEqual({ done: true, value: undefined })
})

test('the end of a subscription is not that of another to the same channel', async () => {
  const one = await connection.subscribe('a', 'b')
  const other = await connection.subscribe('b')
  await one.close()
  expect(await server.call('PUBSUB', 'CHANNELS')).toEqual(['b'])
  await server.call('PUBLISH', 'b', 'message')
  expect(await other.next()).toMatchObject({ value: { message: 'message' } })
  await other.close()
  expect(await server.call('PUBSUB', 'CHANNELS')).toEqual([])
})

test('pushes and what MONITOR shows', async () => {
  const pushes: unknown[] = []
  const stop = connection.onPush((push) => pushes.push(push))
  await connection.call('CLIENT', 'TRACKING', 'ON')
  await connection.call('GET', 'k')
  await server.call('SET', 'k', 'v')
  await turn()
  expect(pushes).toEqual([['invalidate', ['k']]])
  stop()
  const monitor = server.connection()
  const seen: unknown[] = []
  monitor.onPush((push) => seen.push(push))
  await monitor.call('MONITOR')
  await server.call('PING')
  await turn()
  expect(seen).toEqual([['monitor', expect.stringContaining('"PING"')]])
})

test('commands without a reply', async () => {
  expect(await connection.call('CLIENT', 'REPLY', 'SKIP')).toBeNull()
  expect(await connection.call('SET', 'k', 'v')).toBeNull()
  expect(await connection.call('GET', 'k')).toBe('v')
  expect(await connection.call('SUBSCRIBE', 'news')).toBeNull()
})

test('a connection that is killed or closed says so', async () => {
  const waiting = connection.call('BLPOP', 'q', 0)
  const refused = expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
  expect(await server.call('CLIENT', 'KILL', 'ID', connection.id)).toBe(1)
  await refused
  expect(connection.closed).toBe(true)
  await expect(connection.call('PING')).rejects.toMatchObject({ code: 'CLOSED' })
  const other = server.connection()
  expect(await other.call('QUIT')).toBe('OK')
  expect(other.closed).toBe(true)
})
