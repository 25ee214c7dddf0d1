/** Servers as an embedder has them: started, reached, closed, and what they keep on disk. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterEach, expect, test } from 'vitest'
import {
  ConfigError,
  createServer,
  type Logger,
  type RespiteServer,
  type ServerOptions,
} from '../src/index.ts'
import { freePort } from './compat/server-process.ts'
import { Certificates, hasOpenssl } from './network/certificates.ts'

const servers: RespiteServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function start(options: ServerOptions = {}): Promise<RespiteServer> {
  const server = await createServer(options)
  servers.push(server)
  return server
}

test('servers know nothing of each other, over TCP and without a socket', async () => {
  const one = await start()
  const other = await start({ requirepass: 'secret' })
  const redis = new Redis(one.url)
  await redis.set('key', 'value')
  expect(await one.call('GET', 'key')).toBe('value')
  expect(await other.call('GET', 'key')).toBeNull()
  const stranger = other.connection({ authenticate: false })
  await expect(stranger.call('GET', 'key')).rejects.toThrow('NOAUTH Authentication required.')
  await redis.quit()
})

test('it keeps its dataset in the directory it is given, and nowhere without one', async () => {
  const homeless = await start()
  await expect(homeless.call('SAVE')).rejects.toThrow('ERR SAVE failed: this server keeps no file')
  const dir = mkdtempSync(join(tmpdir(), 'respite-'))
  for (const value of [null, '1']) {
    const server = await createServer({ dir })
    expect(await server.call('GET', 'a')).toBe(value)
    await server.call('SET', 'a', '1')
    expect(await server.call('SAVE')).toBe('OK')
    await server.close()
  }
  rmSync(dir, { recursive: true })
})

test('options have the types of their directives', async () => {
  const server = await start({
    port: 0,
    hz: 20,
    appendonly: false,
    maxmemory: '100mb',
    'maxmemory-policy': 'allkeys-lru',
    unixsocketperm: 0o700,
    save: [
      { seconds: 60, changes: 5 },
      { seconds: 300, changes: 1 },
    ],
    bind: ['127.0.0.1'],
    'client-output-buffer-limit': { pubsub: { hardBytes: 1, softBytes: 2, softSeconds: 3 } },
    'latency-tracking-info-percentiles': [50, 99.9],
    timeout: undefined,
  })
  const get = async (name: string): Promise<unknown> =>
    (await server.call<Map<string, string>>('CONFIG', 'GET', name)).get(name)
  expect(await get('hz')).toBe('20')
  expect(await get('appendonly')).toBe('no')
  expect(await get('maxmemory')).toBe('104857600')
  expect(await get('maxmemory-policy')).toBe('allkeys-lru')
  expect(await get('unixsocketperm')).toBe('700')
  expect(await get('save')).toBe('60 5 300 1')
  expect(await get('client-output-buffer-limit')).toContain('pubsub 1 2 3')
  expect(await get('latency-tracking-info-percentiles')).toBe('50 99.9')
})

test('a bad option is refused by name', async () => {
  await expect(createServer({ hz: 'often' as '10' })).rejects.toThrow(/hz.*integer/)
  await expect(createServer({ maxmemory: -1 })).rejects.toThrow('maxmemory')
  await expect(createServer({ nothing: 1 } as ServerOptions)).rejects.toThrow(
    'nothing: there is no such option',
  )
  // @ts-expect-error a number where there are words
  await expect(createServer({ 'maxmemory-policy': 3 })).rejects.toThrow('maxmemory-policy')
})

test('what is no directive is checked as well', async () => {
  const wrong: readonly [ServerOptions, RegExp][] = [
    [{ clock: 'fake' as 'manual' }, /^clock: 'fake'/],
    [{ clock: 'manual', now: new Date('never') }, /^now: Invalid Date/],
    [{ now: 0 }, /^now: the clock is the real one/],
    [{ seed: Number.NaN }, /^seed: NaN/],
    [{ listen: 'no' as unknown as boolean }, /^listen: 'no'/],
    [{ keepAlive: 1 as unknown as boolean }, /^keepAlive: 1/],
    [{ logger: {} as Logger }, /^logger: \{\}/],
    [{ user: ['app on "'] }, /^user: unbalanced/],
    [{ user: 'app maybe' }, /user declaration 'app'/],
    [{ 'rename-command': { NOTHING: 'x' } }, /No such command/],
  ]
  for (const [options, text] of wrong) {
    await expect(createServer(options)).rejects.toThrow(text)
    await expect(createServer(options)).rejects.toThrow(ConfigError)
  }
})

test('users and renamed commands, as lines of redis.conf have them', async () => {
  const server = await start({
    user: ['app on >secret ~app:* +@read', 'default on nopass ~* +@all'],
    'rename-command': { FLUSHALL: '', CONFIG: 'SETTINGS' },
  })
  const app = server.connection()
  await app.call('AUTH', 'app', 'secret')
  expect(await app.call('GET', 'app:k')).toBeNull()
  await expect(app.call('GET', 'k')).rejects.toMatchObject({ code: 'NOPERM' })
  await expect(server.call('FLUSHALL')).rejects.toThrow('unknown command')
  expect(await server.call('SETTINGS', 'GET', 'hz')).toEqual(new Map([['hz', '10']]))
  const fork = await server.fork()
  servers.push(fork)
  expect(await fork.call('ACL', 'USERS')).toEqual(['app', 'default'])
})

test('it says in one line that a port is in use', async () => {
  const server = await start()
  await expect(createServer({ port: server.port })).rejects.toMatchObject({
    message: `Could not create server TCP listening socket 127.0.0.1:${server.port}: bind: Address already in use`,
    code: 'EADDRINUSE',
  })
})

test('a server at all addresses is reached at one', async () => {
  const server = await start({ bind: '*' })
  expect(server.url).toBe(`redis://127.0.0.1:${server.port}`)
  expect(server.connectionOptions()).toMatchObject({ host: '127.0.0.1', socket: { host: '127.0.0.1' } })
})

test('without a socket it can still be called', async () => {
  const server = await start({ listen: false })
  expect([server.url, server.host, server.port]).toEqual(['', '', 0])
  expect(await server.call('PING')).toBe('PONG')
})

test('it is silent, unless it has a logger', async () => {
  const lines: string[] = []
  const logger = {
    debug: (line: string) => void lines.push(`debug ${line}`),
    info: (line: string) => void lines.push(`info ${line}`),
    warn: (line: string) => void lines.push(`warn ${line}`),
  }
  const server = await start({ logger, 'enable-debug-command': 'yes' })
  expect(lines).toContain('info Server initialized')
  await server.call('DEBUG', 'LOG', 'hello')
  expect(lines).toContain('warn DEBUG LOG: hello')
  await server.call('CONFIG', 'SET', 'loglevel', 'nothing')
  const { length } = lines
  await server.call('DEBUG', 'LOG', 'hello')
  expect(lines).toHaveLength(length)
})

test('connectionOptions() are ioredis options, with the password', async () => {
  const server = await start({ requirepass: 'secret' })
  const options = server.connectionOptions()
  expect(options).toEqual({
    host: '127.0.0.1',
    port: server.port,
    password: 'secret',
    socket: { host: '127.0.0.1', port: server.port },
  })
  const redis = new Redis(options)
  expect(await redis.ping()).toBe('PONG')
  redis.disconnect()
})

test.skipIf(!hasOpenssl)('connectionOptions() of a server with TLS only have clients speak TLS', async () => {
  const certificates = new Certificates()
  certificates.make('server')
  const server = await start({
    port: 0,
    'tls-port': await freePort(),
    'tls-cert-file': certificates.path('server.crt'),
    'tls-key-file': certificates.path('server.key'),
    'tls-auth-clients': 'no',
    'tls-ca-cert-file': certificates.path('ca.crt'),
  })
  const ca = readFileSync(certificates.path('ca.crt'))
  certificates.remove()
  const options = server.connectionOptions()
  expect([server.url.slice(0, 9), options.tls, options.socket.tls]).toEqual(['rediss://', {}, true])
  const redis = new Redis({ ...options, tls: { ca } })
  expect(await redis.set('k', 'v')).toBe('OK')
  redis.disconnect()
  const client = createClient({ ...options, socket: { ...options.socket, tls: true, ca } })
  await client.connect()
  expect(await client.get('k')).toBe('v')
  client.destroy()
})

test('a server that is told to shut down ends, with every connection', async () => {
  const server = await start()
  const { url } = server
  const waiting = server.connection().call('BLPOP', 'q', 0)
  await Promise.all([
    expect(server.call('SHUTDOWN', 'NOSAVE')).resolves.toBeNull(),
    expect(waiting).rejects.toMatchObject({ code: 'CLOSED' }),
  ])
  expect(await server.ended).toBeNull()
  expect(server.url).toBe(url)
  const other = await start()
  const connection = other.connection()
  await other.call('SHUTDOWN', 'NOSAVE')
  await expect(other.call('PING')).rejects.toMatchObject({ code: 'CLOSED' })
  await expect(connection.call('PING')).rejects.toMatchObject({ code: 'CLOSED' })
})

test('CONFIG SET moves it, and the URL follows', async () => {
  const server = await start()
  const other = await start()
  const { port } = other
  await other.close()
  expect(await server.call('CONFIG', 'SET', 'port', port)).toBe('OK')
  expect(server.port).toBe(port)
})

test('closing ends every connection, and may be done twice', async () => {
  const server = await createServer()
  const connection = server.connection()
  const waiting = connection.call('BLPOP', 'q', 0)
  await Promise.all([server.close(), expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })])
  await server[Symbol.asyncDispose]()
  await expect(server.call('PING')).rejects.toMatchObject({ code: 'CLOSED' })
})
