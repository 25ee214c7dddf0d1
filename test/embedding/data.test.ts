/** The data as a whole: bytes out and in, forks, and looking at keys without a trace. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createServer, type RespiteServer, type ServerOptions } from '../../src/index.ts'

const START = Date.UTC(2024, 0, 1)
const servers: RespiteServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function start(options: ServerOptions = {}): Promise<RespiteServer> {
  const server = await createServer({ clock: 'manual', now: START, listen: false, ...options })
  servers.push(server)
  return server
}

/** The counters in INFO that looking at a key moves. */
function lookups(info: unknown): string[] {
  return String(info).match(/(?:keyspace_|expired_keys)\S*:\d+/g) ?? []
}

let server: RespiteServer
beforeEach(async () => {
  server = await start({ 'enable-debug-command': 'yes' })
  await server.call('SET', 'text', 'ü'.repeat(100))
  await server.call('SET', 'number', 42, 'EX', 10)
  await server.call('RPUSH', 'list', 'a', Buffer.from([0, 255]), 'c')
  const other = server.connection()
  await other.call('SELECT', 3)
  await other.call('SET', 'there', 'v')
})

test('a snapshot is restored elsewhere, byte for byte, in place of what was there', async () => {
  const bytes = server.snapshot()
  expect(bytes.toString('latin1', 0, 5)).toBe('REDIS')
  const other = await start({ 'enable-debug-command': 'yes' })
  await other.call('SET', 'gone', 'v')
  await other.restore(bytes)
  expect(await other.call('DEBUG', 'DIGEST')).toBe(await server.call('DEBUG', 'DIGEST'))
  expect(await other.call('EXISTS', 'gone')).toBe(0)
  expect(other.snapshot()).toEqual(bytes)
  expect(await other.call('PTTL', 'number')).toBe(10_000)
})

test('bytes that are none leave the data as they were', async () => {
  const bytes = server.snapshot()
  const digest = await server.call('DEBUG', 'DIGEST')
  const broken = Buffer.from(bytes)
  broken[broken.length >> 1] ^= 1
  await expect(server.restore(broken)).rejects.toThrow()
  await expect(server.restore(bytes.subarray(0, -20))).rejects.toThrow('Unexpected EOF')
  await expect(server.restore(Buffer.from('nonsense'))).rejects.toThrow()
  const small = await start({ databases: 2 })
  await expect(small.restore(bytes)).rejects.toThrow('database 3: this server has 2')
  expect(await server.call('DEBUG', 'DIGEST')).toBe(digest)
  await expect(server.restore(Buffer.concat([bytes, bytes]))).rejects.toThrow('behind the end')
})

test('what are no bytes are not restored', async () => {
  await expect(server.restore('dump.rdb' as unknown as Buffer)).rejects.toThrow(TypeError)
  expect(server.keys()).toHaveLength(3)
})

test('whoever waits for a list that is restored has it', async () => {
  const bytes = server.snapshot()
  const other = await start()
  const popped = other.call('BLPOP', 'list', 0)
  await other.restore(bytes)
  expect(await popped).toEqual(['list', 'a'])
})

test('what is watched or tracked is told of a restore', async () => {
  const connection = server.connection()
  await connection.call('WATCH', 'text')
  await connection.call('MULTI')
  await server.restore(server.snapshot())
  expect(await connection.call('EXEC')).toBeNull()
})

test('restored keys expire at their moments', async () => {
  const bytes = server.snapshot()
  const other = await start()
  await other.restore(bytes)
  await other.clock.advance(9999)
  expect(other.keys()).toEqual(['list', 'number', 'text'])
  await other.clock.advance(1)
  expect(await other.call('DBSIZE')).toBe(2)
})

test('a fork has the data, the settings and the time, and is a server of its own', async () => {
  await server.clock.advance(4000)
  await server.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
  const fork = await server.fork()
  servers.push(fork)
  expect(await fork.call('DEBUG', 'DIGEST')).toBe(await server.call('DEBUG', 'DIGEST'))
  expect([fork.clock.now, await fork.call('PTTL', 'number')]).toEqual([START + 4000, 6000])
  expect(await fork.call('CONFIG', 'GET', 'maxmemory-policy')).toEqual(
    new Map([['maxmemory-policy', 'allkeys-lru']]),
  )
  await fork.call('SET', 'text', 'changed')
  await fork.clock.advance(6000)
  expect([server.clock.now, await server.call('EXISTS', 'number')]).toEqual([START + 4000, 1])
  expect(await server.call('GET', 'text')).toBe('ü'.repeat(100))
  expect(fork.keys()).toEqual(['list', 'text'])
})

test('forks of a server that listens listen elsewhere', async () => {
  const listening = await start({ listen: true, port: 0, requirepass: 'secret' })
  await listening.call('SET', 'k', 'v')
  const fork = await listening.fork()
  servers.push(fork)
  expect(fork.port).not.toBe(listening.port)
  expect(fork.connectionOptions().password).toBe('secret')
  expect(await fork.call('GET', 'k')).toBe('v')
})

test('flush() empties every database, whatever the default user may do', async () => {
  await server.call('ACL', 'SETUSER', 'default', '-flushall')
  await expect(server.call('FLUSHALL')).rejects.toMatchObject({ code: 'NOPERM' })
  await server.flush()
  expect([server.keys(), server.keys('*', { db: 3 })]).toEqual([[], []])
})

test('flush() waits for nobody, and whoever it concerns is told', async () => {
  const watching = server.connection()
  const pushes: unknown[] = []
  watching.onPush((push) => pushes.push(push))
  await watching.call('CLIENT', 'TRACKING', 'ON')
  await watching.call('GET', 'text')
  await watching.call('WATCH', 'list')
  server.faults.answer('READONLY')
  await server.call('CLIENT', 'PAUSE', 1000)
  await server.flush()
  expect(server.keys()).toEqual([])
  await server.clock.advance(1000)
  server.faults.clear()
  expect(pushes).toEqual([['invalidate', null]])
  await watching.call('MULTI')
  expect(await watching.call('EXEC')).toBeNull()
  await server.close()
  await expect(server.flush()).rejects.toMatchObject({ code: 'CLOSED' })
})

test('flush() needs no command of that name', async () => {
  const other = await start({ 'rename-command': { FLUSHALL: '' } })
  await other.call('SET', 'k', 'v')
  await other.flush()
  expect(other.keys()).toEqual([])
})

test('flush() is in the append-only file', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'respite-data-'))
  const options = { dir, appendonly: true, 'rename-command': { FLUSHALL: 'RM' } }
  const first = await start(options)
  await first.call('SET', 'k', 'v')
  await first.flush()
  await first.call('SET', 'other', 'v')
  await first.close()
  const second = await start(options)
  expect(second.keys()).toEqual(['other'])
  await second.close()
  rmSync(dir, { recursive: true })
})

test('keys and what is under them, without a trace', async () => {
  const stats = await server.call('INFO', 'stats')
  expect(server.keys()).toEqual(['list', 'number', 'text'])
  expect(server.keys('?[ie]*')).toEqual(['list', 'text'])
  expect(server.keys('*', { db: 3 })).toEqual(['there'])
  expect(server.inspect('number')).toEqual({
    type: 'string',
    encoding: 'int',
    expiresAt: START + 10_000,
    ttl: 10_000,
    value: '42',
  })
  expect(server.inspect('list', { buffers: true })).toMatchObject({
    type: 'list',
    encoding: 'listpack',
    ttl: null,
    value: [Buffer.from('a'), Buffer.from([0, 255]), Buffer.from('c')],
  })
  expect(server.inspect('there', { db: 3 })).toMatchObject({ value: 'v' })
  expect(server.inspect('nothing')).toBeNull()
  expect(() => server.keys('*', { db: 16 })).toThrow(RangeError)
  expect(lookups(await server.call('INFO', 'stats'))).toEqual(lookups(stats))
})

test('while there is an append-only file the data is not replaced beside it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'respite-data-'))
  const appending = await createServer({ dir, appendonly: true, listen: false })
  await expect(appending.restore(server.snapshot())).rejects.toThrow('appendonly')
  await appending.close()
  rmSync(dir, { recursive: true })
})
