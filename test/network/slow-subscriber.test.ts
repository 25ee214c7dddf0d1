/** Over TCP: a subscriber that never reads is closed at its limit and leaves nothing behind; the others get all. */
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { families } from '../../src/commands/families.ts'
import { Configuration } from '../../src/config/configuration.ts'
import { Engine } from '../../src/engine/engine.ts'
import { Listener } from '../../src/network/listener.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { LineLog } from '../../src/platform/log.ts'
import { SeededRandom } from '../../src/platform/random.ts'
import { SystemTimers } from '../../src/platform/timers.ts'
import { RawClient, request, until } from './harness.ts'

const MB = 1024 * 1024

let close: () => Promise<void> = () => Promise.resolve()
afterEach(() => close())

async function start(limits: string): Promise<{ engine: Engine; port: number; log: string[] }> {
  const log: string[] = []
  const configuration = new Configuration({ bind: '127.0.0.1', 'client-output-buffer-limit': limits })
  const engine = new Engine({
    configuration,
    clock: new SystemClock(),
    timers: new SystemTimers(),
    random: new SeededRandom(1),
    log: new LineLog('warning', (line) => void log.push(line)),
    families,
    shutdown: () => {},
  })
  const listener = new Listener(engine)
  const [{ port }] = await listener.listen({ ephemeral: true })
  close = () => listener.close()
  return { engine, port, log }
}

/** All bytes the server holds for its clients: replies not written, writes not taken by the system. */
function pendingBytes(engine: Engine): number {
  let bytes = 0
  for (const { reply, link } of engine.clients.values()) bytes += reply.length + link.unsentBytes
  return bytes
}

async function subscriber(port: number, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = []
  for (let i = 0; i < count; i++) {
    const client = new RawClient(connect(port, '127.0.0.1'))
    await client.connected
    client.write(request('SUBSCRIBE', 'x'))
    await client.read('*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n'.length)
    clients.push(client)
  }
  return clients
}

test.each([100, 50_000])('messages of %i bytes', async (size) => {
  const { engine, port, log } = await start('pubsub 2mb 0 0')
  const readers = await subscriber(port, 3)
  const [slow] = await subscriber(port, 1)
  slow.socket.pause()
  const slowId = [...engine.clients.keys()].at(-1) as number
  const publisher = new RawClient(connect(port, '127.0.0.1'))
  await publisher.connected

  const text = 'm'.repeat(size)
  const frame = `*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$${size}\r\n${text}\r\n`
  const batch = Buffer.concat(
    Array.from({ length: Math.ceil(100_000 / size) }, () => request('PUBLISH', 'x', text)),
  )
  const perBatch = Math.ceil(100_000 / size)
  let sent = 0
  let most = 0
  // The system's own buffers take some megabytes first.
  for (; engine.clients.has(slowId) && sent * size < 100 * MB; sent += perBatch) {
    publisher.write(batch)
    await publisher.read(perBatch * 4)
    most = Math.max(most, pendingBytes(engine))
  }
  expect(engine.clients.has(slowId)).toBe(false)
  expect(most).toBeLessThan(4 * MB)
  const expected = frame.repeat(sent)
  for (const reader of readers) {
    const received = await reader.readText(expected.length)
    expect(received.length).toBe(expected.length)
    expect(received === expected).toBe(true)
    expect(reader.closed).toBe(false)
  }
  await until(() => pendingBytes(engine) === 0)
  expect(engine.stats.outputBufferDisconnections).toBe(1)
  expect(engine.pubsub.directory('channels').get('x')?.size).toBe(3)
  expect(log).toHaveLength(1)
  expect(log[0]).toMatch(
    new RegExp(
      `# Client id=${slowId} addr=\\S+ .* flags=P .* scheduled to be closed ASAP for overcoming of output buffer limits\\.`,
    ),
  )
  slow.socket.resume()
  await slow.readAll()
  expect(slow.closed).toBe(true)
  for (const client of [...readers, publisher]) client.socket.destroy()
})

test('a normal client with a limit is closed before its reply is sent', async () => {
  const { engine, port } = await start('normal 1mb 0 0')
  const client = new RawClient(connect(port, '127.0.0.1'))
  await client.connected
  client.write(request('SET', 'k', 'v'.repeat(100_000)))
  expect(await client.readText(5)).toBe('+OK\r\n')
  client.write(Buffer.concat(Array.from({ length: 100 }, () => request('GET', 'k'))))
  const received = await client.readAll()
  expect(received.length).toBeLessThan(5 * MB)
  expect(engine.stats.outputBufferDisconnections).toBe(1)
  expect(pendingBytes(engine)).toBe(0)
})
