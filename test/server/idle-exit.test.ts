/** idle-exit: a server that nobody uses saves and ends, and one whose data would be lost does not. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { silentLog } from '../../src/platform/log.ts'
import { ManualTimers } from '../../src/platform/timers.ts'
import { Server } from '../../src/server/server.ts'
import { RawClient } from '../compat/raw-client.ts'

const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end()
})

async function serve(
  save: string,
): Promise<{ server: Server; timers: ManualTimers; port: number; stopped: () => boolean }> {
  const dir = mkdtempSync(join(tmpdir(), 'respite-idle-'))
  const configuration = new Configuration({ bind: '127.0.0.1', dir, save, 'idle-exit': '5' })
  const clock = new ManualClock()
  const timers = new ManualTimers(clock, true)
  let stopped = false
  const onStopped = (): void => void (stopped = true)
  const server = new Server({ configuration, log: silentLog(), clock, timers, onStopped })
  const [{ port }] = await server.start({ ephemeral: true })
  ended.push(
    () => rmSync(dir, { recursive: true }),
    () => server.stop(),
  )
  return { server, timers, port, stopped: () => stopped }
}

/** Time passes, second by second. */
async function pass({ timers }: { timers: ManualTimers }, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    timers.advance(1000)
    await new Promise((resolve) => void setImmediate(resolve))
  }
}

test('nobody comes', async () => {
  const running = await serve('3600 1')
  await pass(running, 3)
  expect(running.stopped()).toBe(false)
  await pass(running, 4)
  await expect.poll(running.stopped).toBe(true)
})

test('clients keep it alive; what they wrote is saved', async () => {
  const running = await serve('3600 1')
  const client = await RawClient.open(running.port)
  await pass(running, 20)
  expect(running.stopped()).toBe(false)
  await client.call('SET', 'a', '1')
  client.close()
  await expect.poll(() => running.server.engine.clients.size).toBe(0)
  expect(running.server.engine.keyspace.dirty).toBe(1)
  await pass(running, 7)
  await expect.poll(running.stopped).toBe(true)
  expect(running.server.engine.keyspace.dirty).toBe(0)
})

test('short visits keep it alive too', async () => {
  const running = await serve('3600 1')
  for (let i = 0; i < 12; i++) {
    const client = await RawClient.open(running.port)
    await client.call('PING')
    client.close()
    await expect.poll(() => running.server.engine.clients.size).toBe(0)
    await pass(running, 1)
  }
  expect(running.stopped()).toBe(false)
  await pass(running, 7)
  await expect.poll(running.stopped).toBe(true)
})

test('what is nowhere on disk is not given up', async () => {
  const running = await serve('')
  const client = await RawClient.open(running.port)
  await client.call('SET', 'a', '1')
  client.close()
  await expect.poll(() => running.server.engine.clients.size).toBe(0)
  await pass(running, 20)
  expect(running.stopped()).toBe(false)
})
