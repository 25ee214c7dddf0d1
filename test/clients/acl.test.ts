/** Users as applications meet them through ioredis. */
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServer, type RespiteServer } from '../../src/index.ts'

let server: RespiteServer
let admin: Redis
beforeAll(async () => {
  server = await createServer({ requirepass: 'admin' })
  admin = new Redis(server.url, { password: 'admin' })
  await admin.acl('SETUSER', 'app', 'on', '>secret', '~app:*', '&app:*', '+@all', '-@dangerous')
})
afterAll(async () => {
  admin.disconnect()
  await server.close()
})

test('a user with a name and a password does what the rules allow', async () => {
  const app = new Redis(server.url, { username: 'app', password: 'secret', enableReadyCheck: false })
  expect(await app.set('app:k', 'v')).toBe('OK')
  await expect(app.set('k', 'v')).rejects.toThrow('NOPERM')
  await expect(app.flushall()).rejects.toThrow("no permissions to run the 'flushall' command")
  await expect(app.subscribe('other')).rejects.toThrow('NOPERM')
  expect(await app.acl('WHOAMI')).toBe('app')
  app.disconnect()
})

test('a wrong password', async () => {
  const app = new Redis(server.url, { username: 'app', password: 'secret', enableReadyCheck: false })
  await expect(app.auth('app', 'wrong')).rejects.toThrow('WRONGPASS')
  expect(await app.acl('WHOAMI')).toBe('app')
  expect(await app.auth('default', 'admin')).toBe('OK')
  expect(await app.acl('WHOAMI')).toBe('default')
  app.disconnect()
})

test('what was refused is told', async () => {
  const [entry] = (await admin.acl('LOG')) as unknown[][]
  expect(entry.slice(0, 4)).toEqual(['count', expect.any(Number), 'reason', 'auth'])
  expect(await admin.info('stats')).toMatch(/acl_access_denied_key:[1-9]/)
})

test('a subscriber who loses the channel is cut off', async () => {
  const app = new Redis(server.url, {
    username: 'app',
    password: 'secret',
    enableReadyCheck: false,
    retryStrategy: null,
  })
  await app.subscribe('app:news')
  const ended = new Promise((resolve) => app.once('end', resolve))
  await admin.acl('SETUSER', 'app', 'resetchannels')
  await ended
})
