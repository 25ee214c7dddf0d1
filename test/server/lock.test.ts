/** The program's files are its own while it runs, however the one before it ended. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, expect, test } from 'vitest'
import { RawClient } from '../compat/raw-client.ts'
import { startRespite } from '../compat/respite.ts'
import type { ServerProcess } from '../compat/server-process.ts'

const root = mkdtempSync(join(tmpdir(), 'lock-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const running: ServerProcess[] = []
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop()
})

async function started(...directives: string[]): Promise<ServerProcess> {
  const server = await startRespite(directives)
  running.push(server)
  return server
}

const SAVE = ['--save', '3600 1 300 100 60 10000']

test.each([
  ['save points', SAVE, 'dump.rdb'],
  ['an append-only file', ['--appendonly', 'yes'], 'appendonlydir'],
])('with %s: a second is refused, and one after kill -9 is not', async (_what, directives, name) => {
  const dir = mkdtempSync(join(root, 'data-'))
  const first = await started('--dir', dir, ...directives)
  await expect(started('--dir', dir, ...directives)).rejects.toThrow(
    `${join(dir, name)} is in use by another server: stop that one first`,
  )
  const client = await RawClient.open(first.port)
  expect((await client.call('PING')).toString()).toBe('+PONG\r\n')
  process.kill(first.pid, 'SIGKILL')
  await once(client.socket, 'close')
  // The connection is closed a moment before the rest of the process is gone.
  while (isAlive(first.pid)) await sleep(5)
  const second = await started('--dir', dir, ...directives)
  expect(second.log()).toContain('Ready to accept connections')
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
