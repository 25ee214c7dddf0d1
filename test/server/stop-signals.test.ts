/** SIGTERM and SIGINT: what each of them has the program do before it ends. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { RawClient } from '../compat/raw-client.ts'
import { startRespite } from '../compat/respite.ts'

const root = mkdtempSync(join(tmpdir(), 'signals-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const POINTS = ['--save', '3600 1']

test.each([
  ['SIGTERM', 'without save points', [], false],
  ['SIGINT', 'with save points', POINTS, true],
  ['SIGTERM', 'save', ['--shutdown-on-sigterm', 'save', 'now'], true],
  ['SIGINT', 'save', ['--shutdown-on-sigint', 'save'], true],
  ['SIGINT', 'the other one’s save', ['--shutdown-on-sigterm', 'save'], false],
  ['SIGTERM', 'nosave', [...POINTS, '--shutdown-on-sigterm', 'nosave', 'force'], false],
] as const)('%s: %s', async (signal, _what, directives, saved) => {
  const dir = mkdtempSync(join(root, 'data-'))
  const server = await startRespite(['--dir', dir, ...directives])
  const client = await RawClient.open(server.port)
  await client.call('SET', 'k', 'v')
  process.kill(server.pid, signal)
  await once(client.socket, 'close')
  await server.stop()
  expect(existsSync(join(dir, 'dump.rdb'))).toBe(saved)
})
