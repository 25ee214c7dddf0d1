/** The append-only file of a whole server: what is written before the end is there after the start. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { createServer, type RespiteServer, type ServerOptions } from '../../src/index.ts'
import { systemDisk } from '../../src/persistence/aof-log.ts'
import { silentLog } from '../../src/platform/log.ts'
import { Server } from '../../src/server/server.ts'

let dir: string
let server: RespiteServer | null
let redis: Redis

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'respite-aof-'))
  server = null
})

afterEach(async () => {
  await stop()
  rmSync(dir, { recursive: true })
})

async function start(options: ServerOptions = {}): Promise<void> {
  server = await createServer({ dir, appendonly: 'yes', 'enable-debug-command': 'yes', ...options })
  redis = new Redis(server.port, '127.0.0.1')
}

async function stop(): Promise<void> {
  if (server === null) return
  redis.disconnect()
  await server.close()
  server = null
}

async function fill(): Promise<void> {
  await redis.set('a', '1')
  await redis.rpush('l', 'x', 'y', 'z')
  await redis.select(3)
  await redis.multi().incr('n').incr('n').exec()
  await redis.set('t', 'v', 'EX', 1000)
}

async function check(): Promise<void> {
  await redis.select(0)
  expect([await redis.get('a'), await redis.lrange('l', 0, -1)]).toEqual(['1', ['x', 'y', 'z']])
  await redis.select(3)
  expect(await redis.get('n')).toBe('2')
  expect(await redis.ttl('t')).toBeGreaterThan(990)
  expect(await redis.dbsize()).toBe(2)
}

test.each(['always', 'everysec', 'no'] as const)(
  'appendfsync %s: all of it is there after a restart',
  async (appendfsync) => {
    await start({ appendfsync })
    await fill()
    await stop()
    await start({ appendfsync })
    await check()
  },
)

test('the buffer of the file is memory in use that does not count for the limit', async () => {
  await start()
  const field = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await redis.info('memory'))?.[1])
  const [before, notCounted] = [await field('mem_aof_buffer'), await field('mem_not_counted_for_evict')]
  await redis.set('large', Buffer.alloc(500_000))
  const room = await field('mem_aof_buffer')
  expect(room).toBeGreaterThanOrEqual(500_000)
  expect((await field('mem_not_counted_for_evict')) - notCounted).toBeGreaterThanOrEqual(room - before)
  expect(await field('used_memory_overhead')).toBeGreaterThan(room)
})

test.each(['yes', 'no'] as const)('aof-use-rdb-preamble %s: also after a rewrite', async (preamble) => {
  await start({ 'aof-use-rdb-preamble': preamble })
  await redis.set('a', '0')
  await redis.rpush('l', 'x')
  await redis.bgrewriteaof()
  await redis.rpush('l', 'y', 'z')
  await redis.incr('a')
  await redis.select(3)
  await redis.set('n', '2')
  await redis.set('t', 'v', 'EX', 1000)
  await rewritten()
  await stop()
  await start()
  await check()
  const manifest = readFileSync(join(dir, 'appendonlydir', 'appendonly.aof.manifest'), 'latin1')
  expect(manifest).toContain(`appendonly.aof.2.base.${preamble === 'yes' ? 'rdb' : 'aof'}`)
})

async function rewritten(): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const info = await redis.info('persistence')
    if (/aof_rewrite_in_progress:0/.test(info) && /aof_rewrite_scheduled:0/.test(info)) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('the rewrite does not end')
}

test('DEBUG LOADAOF reads it anew while others are told to wait', async () => {
  await start()
  await fill()
  expect(await redis.call('DEBUG', 'LOADAOF')).toBe('OK')
  await check()
  await redis.set('later', '1')
  await stop()
  await start()
  await redis.select(3)
  expect(await redis.get('later')).toBe('1')
})

test('switched on while running, it holds what was there before', async () => {
  await start({ appendonly: 'no' })
  await fill()
  await redis.config('SET', 'appendonly', 'yes')
  await redis.select(0)
  await redis.set('b', '2')
  await rewritten()
  await redis.del('b')
  await stop()
  await start()
  await check()
})

test('the first start with appendonly takes over what dump.rdb has', async () => {
  await start({ appendonly: 'no' })
  await fill()
  await redis.save()
  await stop()
  await start()
  await check()
  await stop()
  rmSync(join(dir, 'dump.rdb'))
  await start()
  await check()
})

test('where both are there, the append-only file is loaded', async () => {
  await start()
  await redis.set('old', '1')
  await redis.save()
  await redis.del('old')
  await fill()
  await stop()
  await start()
  await redis.select(0)
  expect(await redis.exists('old')).toBe(0)
  await check()
})

test('a damaged one stops the start with a line that says where, and stays as it is', async () => {
  await start()
  await fill()
  await stop()
  const path = join(dir, 'appendonlydir', 'appendonly.aof.1.incr.aof')
  const bytes = readFileSync(path)
  bytes[0] = 0x21
  writeFileSync(path, bytes)
  await expect(start()).rejects.toThrow(
    /Bad file format reading the append only file appendonly.aof.1.incr.aof.*at offset/,
  )
  expect(readFileSync(path)).toEqual(bytes)
})

test('without dir there is none', async () => {
  await expect(createServer({ appendonly: 'yes' })).rejects.toThrow(/appendonly.*dir/)
})

test('a local connection is answered when it is written', async () => {
  await start()
  await server?.connection().call('SET', 'k', 'local')
  expect(readFileSync(join(dir, 'appendonlydir', 'appendonly.aof.1.incr.aof'), 'latin1')).toContain('local')
})

test('a server whose disk refuses under appendfsync always ends, and answers nothing more', async () => {
  const failed: string[] = []
  const server = new Server({
    configuration: new Configuration({
      dir,
      appendonly: 'yes',
      appendfsync: 'always',
      port: '0',
      save: '',
      bind: '127.0.0.1',
    }),
    log: silentLog(),
    onFailed: (error) => void failed.push(error.message),
  })
  const [{ port }] = await server.start({ ephemeral: true })
  const full = Object.assign(new Error('ENOSPC'), { errno: -28, syscall: 'write' })
  const write = vi.spyOn(systemDisk, 'write').mockImplementation(() => {
    throw full
  })
  const client = new Redis(port, '127.0.0.1', { retryStrategy: null })
  client.on('error', () => {})
  await expect(client.set('a', '1')).rejects.toThrow('Connection is closed')
  await server.stop()
  write.mockRestore()
  expect(failed).toEqual([
    "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...",
  ])
})
