/**
 * What clients see while the dataset is loaded, on both servers: a slow load (key-load-delay) that gives them turns
 * often, until it is told to go on at full speed.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { session } from '../commands/session.ts'
import { oracle, startOracle } from './oracle.ts'
import { RawClient } from './raw-client.ts'
import { startRespite } from './respite.ts'
import type { ServerProcess } from './server-process.ts'

const KEYS = 1000
const root = mkdtempSync(join(tmpdir(), 'loading-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A directory with a dataset of a thousand keys of a kilobyte each, which takes twenty seconds to load so slowly. */
function dataset(): string {
  const dir = mkdtempSync(join(root, 'data-'))
  const s = session({ config: { dir, rdbcompression: 'no' } })
  for (let i = 0; i < KEYS; i++) s.call('SET', `key:${i}`, `${i}`.repeat(1100).slice(0, 1100))
  s.run('SAVE')
  return dir
}

const slowly = (dir: string, ...more: string[]): string[] => [
  '--dir',
  dir,
  '--key-load-delay',
  '20000',
  '--loading-process-events-interval-bytes',
  '1024',
  ...more,
]

const LOADING = '-LOADING'
const running: ServerProcess[] = []
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop()
})

async function loadingServers(more: string[] = [], answer = LOADING): Promise<ServerProcess[]> {
  const started = [startRespite(slowly(dataset(), ...more), answer)]
  if (oracle !== null) started.push(startOracle(slowly(dataset(), ...more), answer))
  running.push(...(await Promise.all(started)))
  return [...running]
}

const ask = async (client: RawClient, ...command: string[]): Promise<string> =>
  (await client.call(...command)).toString('latin1')

async function replies(server: ServerProcess, lines: readonly string[]): Promise<string[]> {
  const client = await RawClient.open(server.port)
  const found: string[] = []
  for (const line of lines) found.push(`${line}: ${await ask(client, ...line.split(' '))}`)
  client.close()
  return found
}

/** Has it load at full speed and waits until it serves. */
async function finish(server: ServerProcess): Promise<RawClient> {
  const client = await RawClient.open(server.port)
  expect(await ask(client, 'CONFIG', 'SET', 'key-load-delay', '0')).toBe('+OK\r\n')
  while ((await client.call('PING')).toString() !== '+PONG\r\n');
  return client
}

/** Commands that run while it is loaded, and commands that do not. */
const COMMANDS = [
  'PING',
  'GET key:1',
  'SET a b',
  'DBSIZE',
  'ECHO x',
  'SELECT 1',
  'SELECT 0',
  'SUBSCRIBE a',
  'GET a',
  'PING',
  'UNSUBSCRIBE a',
  'PSUBSCRIBE *',
  'PUNSUBSCRIBE *',
  'PUBLISH a b',
  'MULTI',
  'GET a',
  'ECHO x',
  'EXEC',
  'MULTI',
  'ECHO x',
  'CONFIG GET key-load-delay',
  'EXEC',
  'MULTI',
  'DISCARD',
  'WATCH a',
  'UNWATCH',
  'CONFIG GET loading-process-events-interval-bytes',
  'CONFIG SET maxmemory 100mb',
  'CONFIG SET appendonly yes',
  'CONFIG SET dir /',
  'CONFIG SET hz 20 appendonly no',
  'CONFIG SET maxmemory-policy allkeys-lru',
  'CLIENT GETNAME',
  'CLIENT SETNAME me',
  'CLIENT TRACKING on',
  'CLIENT REPLY on',
  'CLIENT NO-EVICT on',
  'CLIENT KILL ID 100000',
  'COMMAND INFO nosuch',
  'SAVE',
  'BGSAVE',
  'FLUSHALL',
  'FLUSHDB',
  'KEYS *',
  'SCAN 0',
  'EXISTS key:1',
  'EXPIRE key:1 1',
  'BLPOP a 0',
  'LPUSH a b',
  'OBJECT ENCODING key:1',
  'MEMORY USAGE key:1',
  'SWAPDB 0 1',
  'RANDOMKEY',
  'MONITOR',
  'RESET',
  'LOLWUT VERSION 1',
  'NOSUCH',
  'GET',
  'SHUTDOWN NOSUCH',
  'SHUTDOWN ABORT',
  'AUTH x',
  'QUIT',
]

describe('while the dataset is loaded', () => {
  test.skipIf(oracle === null)('both answer the same', async () => {
    const [ours, theirs] = await loadingServers()
    const expected = await replies(theirs, COMMANDS)
    expect(expected.filter((reply) => reply.includes(LOADING)).length).toBeGreaterThan(20)
    expect(await replies(ours, COMMANDS)).toEqual(expected)
  })

  test.skipIf(oracle === null)('before a client has authenticated, too', async () => {
    const lines = ['PING', 'GET a', 'INFO', 'AUTH wrong', 'AUTH secret', 'PING', 'ECHO x']
    const [ours, theirs] = await loadingServers(['--requirepass', 'secret'], '-NOAUTH')
    expect(await replies(ours, lines)).toEqual(await replies(theirs, lines))
  })

  test('INFO says how far it is; afterwards everything is there', async () => {
    for (const server of await loadingServers()) {
      const [info] = await replies(server, ['INFO persistence'])
      const field = (name: string): number => Number(new RegExp(`\r\n${name}:([\\d.]+)\r\n`).exec(info)?.[1])
      expect(field('loading')).toBe(1)
      expect(field('async_loading')).toBe(0)
      expect(field('rdb_changes_since_last_save')).toBe(0)
      expect(field('loading_start_time')).toBeGreaterThan(1.7e9)
      expect(field('loading_total_bytes')).toBeGreaterThan(KEYS * 1100)
      expect(field('loading_rdb_used_mem')).toBeGreaterThan(KEYS * 1100)
      expect(field('loading_loaded_bytes')).toBeLessThan(KEYS * 1100)
      expect(field('loading_loaded_perc')).toBeLessThan(100)
      expect(field('loading_eta_seconds')).toBeGreaterThan(0)
      expect(field('rdb_last_load_keys_loaded')).toBeLessThan(KEYS)
      const client = await finish(server)
      expect(await ask(client, 'DBSIZE')).toBe(`:${KEYS}\r\n`)
      const after = await ask(client, 'INFO', 'persistence')
      expect(after).toContain('\r\nloading:0\r\n')
      expect(after).not.toContain('loading_loaded_bytes')
      expect(after).toContain(`\r\nrdb_last_load_keys_loaded:${KEYS}\r\n`)
      client.close()
    }
  })

  test('maxmemory evicts nothing before all is there', async () => {
    for (const server of await loadingServers(['--maxmemory', '2mb'])) {
      await replies(server, ['ECHO x', 'CONFIG SET maxmemory-policy allkeys-random', 'ECHO x'])
      const client = await finish(server)
      const info = await ask(client, 'INFO', 'persistence')
      expect(info).toContain(`\r\nrdb_last_load_keys_loaded:${KEYS}\r\n`)
      client.close()
    }
  })

  test.each(['SIGTERM', 'SIGINT'])('%s ends it without saving', async (signal) => {
    const dir = dataset()
    const file = join(dir, 'dump.rdb')
    const before = { bytes: readFileSync(file), inode: statSync(file).ino }
    const server = await startRespite(slowly(dir, '--save', '3600 1 300 100 60 10000'), LOADING)
    running.push(server)
    const client = await RawClient.open(server.port)
    process.kill(server.pid, signal)
    await client.closed()
    while (!server.log().includes('ready to exit')) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(server.log()).toContain('Received shutdown signal during loading, scheduling shutdown.')
    expect(server.log()).not.toContain('DB saved')
    expect({ bytes: readFileSync(file), inode: statSync(file).ino }).toEqual(before)
  })

  test.each(['SHUTDOWN', 'SHUTDOWN SAVE'])('%s ends it without saving', async (line) => {
    for (const start of oracle === null ? [startRespite] : [startRespite, startOracle]) {
      const dir = dataset()
      const file = join(dir, 'dump.rdb')
      const inode = statSync(file).ino
      const server = await start(slowly(dir, '--save', '3600 1 300 100 60 10000'), LOADING)
      running.push(server)
      const client = await RawClient.open(server.port)
      client.write(`${line}\r\n`)
      expect((await client.closed()).length).toBe(0)
      while (!server.log().includes('ready to exit')) await new Promise((resolve) => setTimeout(resolve, 10))
      expect(statSync(file).ino).toBe(inode)
    }
  })
})
