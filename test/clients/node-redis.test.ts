/** The server as node-redis meets it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServer, type RespiteServer } from '../../src/index.ts'

let server: RespiteServer
beforeAll(async () => {
  server = await createServer({ requirepass: 'secret' })
})
afterAll(() => server.close())

test('commands, a transaction, a blocking pop and messages, in RESP2 and RESP3', async () => {
  for (const RESP of [2, 3] as const) {
    const client = createClient({ ...server.connectionOptions(), RESP })
    await client.connect()
    expect(await client.set('k', 'v', { expiration: { type: 'EX', value: 100 } })).toBe('OK')
    expect(await client.get('k')).toBe('v')
    expect(await client.configGet('hz')).toEqual({ hz: '10' })
    expect(await client.multi().set('n', 1).incr('n').exec()).toEqual(['OK', 2])
    await expect(client.lPush('k', 'a')).rejects.toThrow('WRONGTYPE')
    const popper = await client.duplicate().connect()
    const popped = popper.blPop('q', 0)
    await client.rPush('q', 'job')
    expect(await popped).toEqual({ key: 'q', element: 'job' })
    const messages: string[] = []
    await popper.subscribe('news', (message) => void messages.push(message))
    await client.publish('news', 'one')
    while (messages.length === 0) await sleep(1)
    expect(messages).toEqual(['one'])
    popper.destroy()
    client.destroy()
  }
})

test('the URL', async () => {
  const client = createClient({ url: server.url, password: 'secret' })
  await client.connect()
  expect(await client.ping()).toBe('PONG')
  client.destroy()
})
