/** TLS over real sockets: who may come in, with what, and a certificate replaced under connected clients. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createServer, type RespiteServer, type ServerOptions } from '../../src/index.ts'
import { freePort } from '../compat/server-process.ts'
import { Certificates, hasOpenssl } from './certificates.ts'

describe.skipIf(!hasOpenssl)('TLS', () => {
  let files: Certificates
  const ended: (() => unknown)[] = []
  beforeAll(() => {
    files = new Certificates()
    for (const name of ['server', 'other', 'client']) files.make(name)
    files.make('expired', -1)
  })
  afterAll(() => files.remove())
  afterEach(async () => {
    for (const end of ended.splice(0)) await end()
  })

  /** A server with a TLS port and no other. */
  async function start(options: ServerOptions = {}): Promise<{ port: number; server: RespiteServer }> {
    const port = await freePort()
    copyFileSync(files.path('server.crt'), files.path('used.crt'))
    copyFileSync(files.path('server.key'), files.path('used.key'))
    const server = await createServer({
      port: '0',
      'tls-port': `${port}`,
      'tls-cert-file': files.path('used.crt'),
      'tls-key-file': files.path('used.key'),
      'tls-ca-cert-file': files.path('ca.crt'),
      'tls-auth-clients': 'no',
      ...options,
    })
    ended.push(() => server.close())
    return { port, server }
  }

  /** Connects, says PING and resolves with the answer; rejects when there is none. */
  function ping(port: number, options: ConnectionOptions = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = open(port, options)
      socket.on('data', (data) => resolve(data.toString('latin1')))
      socket.on('close', () => reject(new Error('closed')))
      socket.on('error', reject)
      socket.write('PING\r\n')
    })
  }

  function open(port: number, options: ConnectionOptions = {}): TLSSocket {
    const socket = connect({ port, host: '127.0.0.1', ca: readFileSync(files.path('ca.crt')), ...options })
    ended.push(() => socket.destroy())
    return socket
  }

  const identity = (name: string): ConnectionOptions => ({
    cert: readFileSync(files.path(`${name}.crt`)),
    key: readFileSync(files.path(`${name}.key`)),
  })

  test('ioredis, pipelines and large values', async () => {
    const { port } = await start({ requirepass: 'secret' })
    const redis = new Redis({
      port,
      host: '127.0.0.1',
      password: 'secret',
      tls: { ca: readFileSync(files.path('ca.crt')) },
    })
    const large = 'x'.repeat(3_000_000)
    await redis.set('large', large)
    const pipeline = redis.pipeline()
    for (let i = 0; i < 2000; i++) pipeline.set(`k${i}`, i).get(`k${i}`)
    const replies = (await pipeline.exec()) as [null, string][]
    expect(replies[1999]).toEqual([null, '999'])
    expect(await redis.get('large')).toBe(large)
    expect(await redis.client('LIST')).toMatch(/addr=127\.0\.0\.1:\d+ laddr=127\.0\.0\.1:\d+ fd=\d+/)
    redis.disconnect()
  })

  test.each<['no' | 'optional' | 'yes', string, boolean]>([
    ['no', 'nothing', true],
    ['no', 'stranger', true],
    ['optional', 'nothing', true],
    ['optional', 'client', true],
    ['optional', 'stranger', false],
    ['yes', 'nothing', false],
    ['yes', 'client', true],
    ['yes', 'stranger', false],
  ])('tls-auth-clients %s, a client that shows %s: %s', async (setting, shown, welcome) => {
    const { port } = await start({ 'tls-auth-clients': setting })
    const strangers = new Certificates()
    ended.push(() => strangers.remove())
    strangers.make('stranger')
    const options = {
      nothing: {},
      client: identity('client'),
      stranger: {
        cert: readFileSync(strangers.path('stranger.crt')),
        key: readFileSync(strangers.path('stranger.key')),
      },
    }[shown]
    if (welcome) expect(await ping(port, options)).toBe('+PONG\r\n')
    else await expect(ping(port, options)).rejects.toThrow()
  })

  test('protocols and ciphers', async () => {
    const { port } = await start({
      'tls-protocols': 'TLSv1.2',
      'tls-ciphers': 'ECDHE-ECDSA-AES256-GCM-SHA384',
    })
    await expect(ping(port, { minVersion: 'TLSv1.3' })).rejects.toThrow()
    const socket = open(port)
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    expect([socket.getProtocol(), socket.getCipher().name]).toEqual([
      'TLSv1.2',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
    ])
    await expect(ping(port, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).rejects.toThrow()
  })

  test('a client that sends and closes has its answer', async () => {
    const { port, server } = await start()
    expect(server.url).toBe(`rediss://127.0.0.1:${port}`)
    const socket = open(port)
    let received = ''
    socket.on('data', (data) => {
      received += data.toString()
    })
    socket.end('PING\r\nECHO bye\r\n')
    await new Promise((resolve) => socket.once('close', resolve))
    expect(received).toBe('+PONG\r\n$3\r\nbye\r\n')
  })

  test('a peer that gives up its handshake is gone at once', async () => {
    const { port } = await start({ maxclients: '2' })
    const first = Buffer.from('1603010200010001fc0303', 'hex')
    for (let i = 0; i < 5; i++) {
      const socket = connectPlain({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.end(first)
      socket.on('error', () => {})
      socket.resume()
      await new Promise((resolve) => socket.once('close', resolve))
    }
    expect(await ping(port)).toBe('+PONG\r\n')
  })

  test('half a handshake, and plain text, hold nothing up', async () => {
    const { port, server } = await start()
    const silent = connectPlain(port, '127.0.0.1')
    const plain = connectPlain(port, '127.0.0.1')
    ended.push(() => silent.destroy())
    plain.on('error', () => {})
    plain.write('PING\r\n')
    await new Promise((resolve) => plain.once('close', resolve))
    expect(await ping(port)).toBe('+PONG\r\n')
    await server.close()
  })

  test('a record that is none ends the connection', async () => {
    const { port, server } = await start()
    const wire = connectPlain(port, '127.0.0.1')
    const socket = open(port, { socket: wire })
    socket.on('error', () => {})
    socket.write('PING\r\n')
    await new Promise((resolve) => socket.once('data', resolve))
    const clients = async (): Promise<number> =>
      (await server.call<string>('CLIENT', 'LIST')).split(`laddr=127.0.0.1:${port} `).length - 1
    expect(await clients()).toBe(1)
    // This side does not read the alert that follows, and so does not hang up.
    socket.pause()
    wire.write('no record of TLS')
    await expect.poll(clients, { timeout: 20_000 }).toBe(0)
  })

  test('a certificate replaced under 50 connected clients', async () => {
    const { port, server } = await start()
    const clients = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const redis = new Redis({
          port,
          host: '127.0.0.1',
          tls: { ca: readFileSync(files.path('ca.crt')) },
          retryStrategy: null,
        })
        ended.push(() => redis.disconnect())
        await redis.ping()
        return redis
      }),
    )
    const admin = server.connection()
    const serial = async (): Promise<string> => {
      const socket = open(port)
      await new Promise((resolve) => socket.once('secureConnect', resolve))
      return socket.getPeerCertificate().serialNumber
    }
    const set = (name: string): Promise<string> =>
      admin.call(
        'CONFIG',
        'SET',
        'tls-cert-file',
        files.path(`${name}.crt`),
        'tls-key-file',
        files.path(`${name}.key`),
      )
    const before = await serial()
    expect(await set('other')).toBe('OK')
    const after = await serial()
    expect(after).not.toBe(before)

    const refused = /ERR CONFIG SET failed .*Unable to update TLS configuration\. Check server logs\./
    await expect(set('expired')).rejects.toThrow(refused)
    await expect(set('nosuch')).rejects.toThrow(refused)
    writeFileSync(files.path('half.crt'), readFileSync(files.path('server.crt')).subarray(0, 200))
    copyFileSync(files.path('server.key'), files.path('half.key'))
    await expect(set('half')).rejects.toThrow(refused)
    copyFileSync(files.path('server.crt'), files.path('mixed.crt'))
    copyFileSync(files.path('client.key'), files.path('mixed.key'))
    await expect(set('mixed')).rejects.toThrow(refused)
    expect(await serial()).toBe(after)
    for (const redis of clients) expect(await redis.ping()).toBe('PONG')
  })

  test.each<[string, ServerOptions, string]>([
    ['no certificate', { 'tls-cert-file': '' }, 'No tls-cert-file configured!'],
    ['no key', { 'tls-key-file': '' }, 'No tls-key-file configured!'],
    [
      'no authority',
      { 'tls-ca-cert-file': '', 'tls-auth-clients': 'yes' },
      'Either tls-ca-cert-file or tls-ca-cert-dir',
    ],
    [
      'a missing file',
      { 'tls-cert-file': '/nosuch.crt' },
      "Failed to load tls-cert-file '/nosuch.crt': No such file",
    ],
    ['an unknown protocol', { 'tls-protocols': 'TLSv9' }, 'Invalid tls-protocols specified'],
  ])('%s: it does not start', async (_, options, text) => {
    await expect(start(options)).rejects.toThrow(text)
  })

  test('a folder of authorities: others may lie in it, but no half of one', async () => {
    const folder = join(files.folder, 'authorities')
    mkdirSync(folder)
    const whole = readFileSync(files.path('ca.crt'), 'latin1')
    writeFileSync(join(folder, 'README'), 'no certificate')
    writeFileSync(join(folder, 'ours.pem'), `a remark\n${whole}`)
    const options = { 'tls-ca-cert-file': '', 'tls-ca-cert-dir': folder, 'tls-auth-clients': 'yes' } as const
    const { port } = await start(options)
    expect(await ping(port, identity('client'))).toBe('+PONG\r\n')
    writeFileSync(join(folder, 'ours.pem'), whole + whole.slice(0, -30))
    await expect(start(options)).rejects.toThrow(
      `Failed to load tls-ca-cert-dir '${folder}/ours.pem': certificate 2 in it is not whole`,
    )
  })
})
