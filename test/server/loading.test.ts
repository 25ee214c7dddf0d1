/** A server's start: when it resolves, what it says when it can't, and files that two servers want. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { GATE_LOADING } from '../../src/engine/gates.ts'
import { createServer } from '../../src/index.ts'
import { LineLog } from '../../src/platform/log.ts'
import { Server } from '../../src/server/server.ts'
import { session } from '../commands/session.ts'
import { RawClient } from '../compat/raw-client.ts'

const root = mkdtempSync(join(tmpdir(), 'start-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const directory = (): string => mkdtempSync(join(root, 'data-'))

const ask = async (client: RawClient, ...command: string[]): Promise<string> =>
  (await client.call(...command)).toString('latin1')

/** A directory with `count` keys of a kilobyte. */
function dataset(count: number): string {
  const dir = directory()
  const s = session({ config: { dir, rdbcompression: 'no' } })
  for (let i = 0; i < count; i++) s.call('SET', `key:${i}`, `${i}`.repeat(1100).slice(0, 1100))
  s.run('SAVE')
  return dir
}

function serverOn(dir: string, lines: string[], more: Record<string, string> = {}): Server {
  const configuration = new Configuration({ dir, bind: '127.0.0.1', save: '', port: '0', ...more })
  return new Server({ configuration, log: new LineLog('notice', (line) => void lines.push(line)) })
}

test('createServer resolves when all is loaded', async () => {
  const dir = dataset(300)
  const server = await createServer({ dir, 'loading-process-events-interval-bytes': '1024' })
  const client = await RawClient.open(server.port)
  expect(await ask(client, 'DBSIZE')).toBe(':300\r\n')
  client.close()
  await server.close()
})

test('it listens before it loads, and each slice lets clients be answered', async () => {
  const lines: string[] = []
  const server = serverOn(dataset(300), lines, { 'loading-process-events-interval-bytes': '1024' })
  const [{ port }] = await server.listen({ ephemeral: true })
  const client = await RawClient.open(port)
  expect(await ask(client, 'PING')).toBe('-LOADING Redis is loading the dataset in memory\r\n')
  expect(await ask(client, 'INFO', 'persistence')).toContain('\r\nloading:1\r\n')
  const loaded = server.load()
  let refusals = 0
  while ((await ask(client, 'GET', 'key:0')).startsWith('-LOADING')) refusals++
  await loaded
  expect(refusals).toBeGreaterThan(10)
  expect(await ask(client, 'PING')).toBe('+PONG\r\n')
  expect(lines.join('')).toMatch(
    /Server initialized[^]*Done loading RDB, keys loaded: 300, keys expired: 0\./,
  )
  expect(lines.join('')).toMatch(/DB loaded from disk: [\d.]+ seconds/)
  client.close()
  await server.stop()
})

test('EXEC is judged by what it would run', () => {
  const s = session()
  s.run('MULTI')
  s.run('GET a')
  s.engine.gates |= GATE_LOADING
  expect(s.run('EXEC')).toBe(
    '-EXECABORT Transaction discarded because of: LOADING Redis is loading the dataset in memory\r\n',
  )
  s.run('MULTI')
  s.run('ECHO x')
  expect(s.run('EXEC')).toBe('*1\r\n$1\r\nx\r\n')
})

test('a stop in the middle ends the load, and nothing is served', async () => {
  const server = serverOn(dataset(300), [], { 'loading-process-events-interval-bytes': '1024' })
  const [{ port }] = await server.listen({ ephemeral: true })
  const client = await RawClient.open(port)
  const loaded = server.load()
  const stopped = server.stop()
  await Promise.all([loaded, stopped])
  expect(server.loading).toBe(true)
  expect(server.engine.keyspace.keyCount).toBeLessThan(300)
  await client.closed()
})

test('a stop before the load: nothing is loaded', async () => {
  const server = serverOn(dataset(3), [])
  await server.listen({ ephemeral: true })
  const stopped = server.stop()
  await Promise.all([server.load(), stopped])
  expect(server.engine.keyspace.keyCount).toBe(0)
})

test('a damaged file: refused in one line, its connections are closed, the file is as it was', async () => {
  const dir = dataset(300)
  const file = join(dir, 'dump.rdb')
  const bytes = readFileSync(file)
  bytes[bytes.length - 12] ^= 1
  writeFileSync(file, bytes)
  const server = serverOn(dir, [], { 'loading-process-events-interval-bytes': '1024' })
  const [{ port }] = await server.listen({ ephemeral: true })
  const client = await RawClient.open(port)
  await expect(server.load()).rejects.toThrow(/^Fatal error loading the DB, .*RDB CRC error/)
  await client.closed()
  await expect(RawClient.open(port)).rejects.toThrow()
  expect(readFileSync(file).equals(bytes)).toBe(true)
})

describe('two servers and one directory', () => {
  test('the second is refused while the first runs, and not after it', async () => {
    const dir = dataset(3)
    const save = '3600 1 300 100 60 10000'
    const first = await createServer({ dir, save })
    await expect(createServer({ dir, save })).rejects.toThrow(
      `${join(dir, 'dump.rdb')} is in use by another server: `,
    )
    const beside = await createServer({ dir, save, dbfilename: 'other.rdb' })
    await Promise.all([first.close(), beside.close()])
    const second = await createServer({ dir, save })
    await second.close()
  })

  test('one that only reads may run beside, but not save', async () => {
    const dir = dataset(3)
    const first = await createServer({ dir, save: '3600 1 300 100 60 10000' })
    const reader = await createServer({ dir })
    const client = await RawClient.open(reader.port)
    expect(await ask(client, 'DBSIZE')).toBe(':3\r\n')
    expect(await ask(client, 'SAVE')).toContain('is in use by another server')
    await first.close()
    expect(await ask(client, 'SAVE')).toBe('+OK\r\n')
    client.close()
    await reader.close()
  })
})
