/** Servers come and go: what one leaves behind, and that none keeps its process. */
import { createHook } from 'node:async_hooks'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { createServer } from '../../src/index.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Timers, handles and requests that code of ours has made and that are not gone, those included that keep nothing alive. */
class Resources {
  private readonly alive: Map<number, string>
  private readonly hook: ReturnType<typeof createHook>

  constructor() {
    this.alive = new Map()
    this.hook = createHook({
      init: (id, type) => {
        // Promises and the like end with the memory they are made of.
        if (!/Timeout|Immediate|WRAP$|REQ/.test(type)) return
        const { stack = '' } = new Error(type)
        if (stack.includes('/src/')) this.alive.set(id, `${type}${stack.slice(stack.indexOf('/src/'))}`)
      },
      destroy: (id) => this.alive.delete(id),
    }).enable()
  }

  /** What is left, each with where it was made. */
  end(): string[] {
    this.hook.disable()
    return [...this.alive.values()]
  }
}

/** A server's life: a client over TCP, one that waits, data, faults, and manual time in every second. */
async function live(round: number): Promise<void> {
  const server = await createServer({ clock: round % 2 === 0 ? 'real' : 'manual' })
  const waiting = server.call('BLPOP', 'q', 1000).catch((error: unknown) => error)
  await server.call('SET', 'k', 'v', 'EX', 1000)
  const redis = new Redis(server.connectionOptions())
  await redis.set('k', 'v'.repeat(10_000))
  await server.connection().subscribe('news')
  redis.disconnect()
  if (round % 2 === 1) await server.clock.advance(100_000)
  server.faults.delay({ commands: 'ECHO', ms: round % 4 < 2 ? 1e6 : Number.POSITIVE_INFINITY })
  server.faults.split({ commands: 'GET' })
  server.faults.drop({ commands: 'DEL', at: 'reply' })
  const late = server
    .connection()
    .call('ECHO', 'x')
    .catch((error: unknown) => error)
  const cut = new Redis({ ...server.connectionOptions(), maxRetriesPerRequest: 0, retryStrategy: () => null })
  cut.on('error', () => {})
  await Promise.allSettled([cut.get('k'.repeat(10)), cut.del('k')])
  await server.call('CLIENT', 'PAUSE', 1_000_000)
  await server.close()
  expect(await late).toMatchObject({ code: 'CLOSED' })
  expect(await waiting).toMatchObject({ code: 'CLOSED' })
}

async function held(): Promise<{ heap: number; buffers: number; resources: string[]; descriptors: number }> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    collect()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  let descriptors = 0
  try {
    descriptors = readdirSync('/proc/self/fd').length
  } catch {
    // Only Linux tells.
  }
  return {
    heap: heapUsed,
    buffers: arrayBuffers,
    resources: process.getActiveResourcesInfo().toSorted(),
    descriptors,
  }
}

test('100 servers, one after another, leave no memory, descriptor or timer', {
  timeout: 60_000,
}, async () => {
  const made = new Resources()
  for (let round = 0; round < 40; round++) await live(round)
  const before = await held()
  // Noting all that is made takes memory, too.
  expect(made.end()).toEqual([])
  for (let round = 0; round < 100; round++) await live(round)
  const after = await held()
  expect(after.resources).toEqual(before.resources)
  expect(after.descriptors).toBe(before.descriptors)
  // A server that stayed would be 150 kB of heap.
  expect((after.heap - before.heap) / 100).toBeLessThan(20_000)
  expect((after.buffers - before.buffers) / 100).toBeLessThan(5000)
})

test('50 servers at once know nothing of each other', async () => {
  const servers = await Promise.all(Array.from({ length: 50 }, () => createServer()))
  await Promise.all(servers.map((server, i) => server.call('SET', 'k', i)))
  expect(await Promise.all(servers.map((server) => server.call('GET', 'k')))).toEqual(
    servers.map((_, i) => `${i}`),
  )
  expect(new Set(servers.map(({ port }) => port)).size).toBe(50)
  await Promise.all(servers.map((server) => server.close()))
})

/** Runs a module in a process of its own, which is killed after 20 seconds. */
function run(script: string): { status: number | null; out: string } {
  const args = ['--import', 'tsx', '--input-type=module', '-e', script]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: 20_000,
  })
  return { status, out: stdout + stderr }
}

test('a server that is never closed lets its process end, with a client connected or not', () => {
  const script = `
    import { connect } from 'node:net'
    import { createServer } from './src/index.ts'
    for (const clock of ['real', 'manual']) {
      const server = await createServer({ clock })
      await server.call('CLIENT', 'PAUSE', 100_000)
      const socket = connect(server.port)
      await new Promise((resolve) => socket.once('connect', resolve))
      socket.unref()
    }
    console.log('end')`
  expect(run(script)).toEqual({ status: 0, out: 'end\n' })
})

test('keepAlive has the process stay', () => {
  const script = `
    import { createServer } from './src/index.ts'
    const server = await createServer({ keepAlive: true })
    process.on('beforeExit', () => console.log('too early'))
    setTimeout(() => server.close().then(() => process.exit(3)), 200).unref()`
  expect(run(script)).toEqual({ status: 3, out: '' })
})
