/** maxmemory-clients over TCP: who is closed, in which order, and who is not. */
import { afterEach, expect, test } from 'vitest'
import { clientBytes } from '../../src/engine/client-line.ts'
import { type Config, type Harness, listen, type RawClient, until } from '../network/harness.ts'

const KIB = 1024
let server: Harness | null = null

afterEach(() => server?.close())

async function start(config: Config): Promise<Harness> {
  server = await listen(config)
  return server
}

/** A client that has sent `bytes` of a request longer than that, all of them read. */
async function holding(harness: Harness, bytes: number): Promise<RawClient> {
  const client = await harness.client()
  await until(() => harness.engine.clients.size > 0)
  const before = harness.engine.stats.netInputBytes
  client.write(`*2\r\n$4\r\nECHO\r\n$90000000\r\n${'x'.repeat(bytes)}`)
  await until(() => client.closed || harness.engine.stats.netInputBytes >= before + bytes)
  return client
}

/** Lets everything that is under way happen. */
async function settle(harness: Harness): Promise<void> {
  const client = await harness.client()
  for (let i = 0; i < 3 && !client.closed; i++) {
    client.write('PING\r\n')
    await client.read(7)
  }
  client.socket.destroy()
  await until(() => client.closed)
}

function set(harness: Harness, ...pairs: [string, string][]): void {
  const { configuration } = harness.engine
  configuration.set(pairs, true)
}

test('the largest clients go first, as many as it takes', async () => {
  const harness = await start({ 'maxmemory-clients': '4mb' })
  const small = await holding(harness, 300 * KIB)
  const large = await holding(harness, 1600 * KIB)
  const { stats } = harness.engine
  await settle(harness)
  expect([small.closed, large.closed, stats.evictedClients]).toEqual([false, false, 0])
  const last = await holding(harness, 600 * KIB)
  await holding(harness, 900 * KIB)
  await until(() => large.closed)
  await settle(harness)
  expect([small.closed, last.closed, stats.evictedClients]).toEqual([false, false, 1])
})

test('a client that asked not to be evicted stays, and counts', async () => {
  const harness = await start({ 'maxmemory-clients': '1mb' })
  const idle = await harness.client()
  idle.write('PING\r\n')
  await idle.read(7)
  const kept = await harness.client()
  kept.write('PING\r\n')
  await kept.read(7)
  const client = [...harness.engine.clients.values()][1]
  client.noEvict = true
  kept.write(`*2\r\n$4\r\nECHO\r\n$90000000\r\n${'x'.repeat(2048 * KIB)}`)
  await until(() => idle.closed)
  expect(kept.closed).toBe(false)
  expect(harness.engine.clients.get(client.id)).toBe(client)
})

test('replies that nobody reads count', async () => {
  const harness = await start({ 'maxmemory-clients': '8mb' })
  const client = await harness.client()
  client.socket.pause()
  const echo = `*2\r\n$4\r\nECHO\r\n$${512 * KIB}\r\n${'x'.repeat(512 * KIB)}\r\n`
  for (let i = 0; i < 64; i++) client.write(echo)
  await until(() => harness.engine.stats.evictedClients === 1)
  expect(harness.engine.clients.size).toBe(0)
})

test('lowering the limit closes at once; a percentage is of maxmemory; 0 is none', async () => {
  const harness = await start({ maxmemory: '0', 'maxmemory-clients': '1%' })
  const client = await holding(harness, 700 * KIB)
  await settle(harness)
  expect(client.closed).toBe(false)
  const bytes = clientBytes([...harness.engine.clients.values()][0])
  expect(bytes).toBeGreaterThan(700 * KIB)
  // Doubling takes it to little more than twice what was sent.
  expect(bytes).toBeLessThan(1900 * KIB)
  set(harness, ['maxmemory', '190mb'])
  await settle(harness)
  expect(client.closed).toBe(false)
  set(harness, ['maxmemory', '50mb'])
  await until(() => client.closed)
  set(harness, ['maxmemory-clients', '0'])
  const free = await holding(harness, 3000 * KIB)
  await settle(harness)
  expect(free.closed).toBe(false)
})

test('a limit too small to talk under is 128 KiB', async () => {
  const harness = await start({ 'maxmemory-clients': '1' })
  const client = await harness.client()
  client.write('PING\r\n')
  expect(await client.readText(7)).toBe('+PONG\r\n')
  await settle(harness)
  expect(client.closed).toBe(false)
  client.write(`*2\r\n$4\r\nECHO\r\n$90000000\r\n${'x'.repeat(200 * KIB)}`)
  await until(() => client.closed)
})
