/** Thousands of connections that come and go in every way a connection can: nothing of them stays. */
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type Harness, listen, until } from './harness.ts'

const CONNECTIONS = 3000
const AT_ONCE = 100

let harness: Harness | null = null
afterEach(async () => {
  await harness?.close()
  harness = null
})

type Way =
  | 'asks and ends'
  | 'asks and is gone'
  | 'says nothing'
  | 'half a command'
  | 'is sent away'
  | 'resets'
const WAYS: readonly Way[] = [
  'asks and ends',
  'asks and is gone',
  'says nothing',
  'half a command',
  'is sent away',
  'resets',
]

/** One connection from beginning to end; resolves when it is closed. */
function visit(port: number, way: Way): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('close', () => resolve())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
    socket.on('connect', () => {
      if (way === 'says nothing') socket.end()
      else if (way === 'is sent away') socket.write('BYE\r\n')
      else if (way === 'half a command') socket.end('*2\r\n$4\r\nECHO\r\n$100\r\nhal')
      else socket.write('PING\r\n')
      if (way === 'asks and is gone') socket.destroy()
      if (way === 'resets') socket.resetAndDestroy()
    })
    socket.on('data', () => {
      if (way === 'asks and ends') socket.end()
    })
  })
}

/** Of this process, in which both ends are; null where there is no /proc. */
function descriptors(): number | null {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return null
  }
}

test.each([
  ['read into our own memory', false],
  ["read by 'data' events", true],
])('%s', async (_title, plainReads) => {
  harness = await listen({}, plainReads)
  const { engine, listener } = harness
  const [{ port }] = listener.addresses
  await visit(port, 'asks and ends')
  await until(() => engine.clients.size === 0)
  const before = descriptors()
  for (let i = 0; i < CONNECTIONS; i += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => visit(port, WAYS[(i + n) % WAYS.length])))
  }
  await until(() => engine.clients.size === 0)
  await expect.poll(descriptors).toBe(before)
  // Those that were gone before they were accepted are not counted.
  expect(engine.stats.connectionsReceived).toBeGreaterThan(CONNECTIONS / 2)
})
