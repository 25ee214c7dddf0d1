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
