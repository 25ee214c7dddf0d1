import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { createServer } from '../src/index.ts'

it('starts servers that know nothing of each other, over TCP and without a socket', async () => {
  const one = await createServer()
  const other = await createServer({ requirepass: 'secret' })
  const redis = new Redis(one.url)
  await redis.set('key', 'value')
  expect(one.connection().call('GET', 'key').toString()).toBe('$5\r\nvalue\r\n')
  expect(other.connection().call('GET', 'key').toString()).toBe('-NOAUTH Authentication required.\r\n')
  await redis.quit()
  await one.close()
  await other.close()
})

it('keeps its dataset in the directory it is given, and nowhere without one', async () => {
  const homeless = await createServer()
  expect(homeless.connection().call('SAVE').toString()).toMatch(
    /^-ERR SAVE failed: this server keeps no file/,
  )
  await homeless.close()
  const dir = mkdtempSync(join(tmpdir(), 'respite-'))
  for (const value of ['$-1\r\n', '$1\r\n1\r\n']) {
    const server = await createServer({ dir })
    const connection = server.connection()
    expect(connection.call('GET', 'a').toString()).toBe(value)
    connection.call('SET', 'a', '1')
    expect(connection.call('SAVE').toString()).toBe('+OK\r\n')
    await server.close()
  }
  rmSync(dir, { recursive: true })
})

it('refuses a bad option by name', async () => {
  await expect(createServer({ hz: 'often' })).rejects.toThrow('hz')
})

it('says in one line that a port is in use', async () => {
  const server = await createServer()
  const taken = createServer({ port: String(server.port) })
  await expect(taken).rejects.toThrow(
    `Could not create server TCP listening socket 127.0.0.1:${server.port}: bind: Address already in use`,
  )
  await server.close()
})
