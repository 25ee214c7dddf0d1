/** Sockets passed by a parent that follows systemd's protocol: who is served on them, and what is refused. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, linkSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect, type Server as NetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { takeInheritedSockets } from '../../src/platform/inherited-sockets.ts'
import { respiteProgram } from '../compat/respite.ts'
import { freePort } from '../compat/server-process.ts'
import { Certificates, hasOpenssl } from '../network/certificates.ts'
import { type ActivatingParent, activatingParent, listening, type Passed } from './activating-parent.ts'

const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end()
})

const variables = (pid: string, count: string, names?: string): Record<string, string | undefined> => ({
  LISTEN_PID: pid,
  LISTEN_FDS: count,
  ...(names === undefined ? {} : { LISTEN_FDNAMES: names }),
})

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'respite-activation-'))
  ended.push(() => rmSync(directory, { recursive: true }))
  return directory
}

/** Passes these sockets under these names to a server. */
async function start(
  sockets: readonly Passed[],
  names: string,
  directives: readonly string[] = [],
  variables: Record<string, string> = {},
): Promise<ActivatingParent> {
  const given = ['--dir', newDirectory(), '--save', '', ...directives]
  const parent = activatingParent(sockets, names, given, variables)
  ended.push(() => parent.stop())
  await parent.start()
  return parent
}

type Where = { port: number } | { path: string }

const portOf = (socket: NetServer): number => (socket.address() as { port: number }).port

/** Sends a request and resolves with the beginning of the answer. */
function ask(where: Where, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', ...where })
    ended.push(() => socket.destroy())
    socket.on('data', (chunk) => {
      resolve(String(chunk))
      socket.end()
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed')))
    socket.write(request)
  })
}

const PAGE = 'GET /metrics HTTP/1.0\r\n\r\n'
const REFUSED = 'ECONNREFUSED'

const every = (): boolean => true

test('what is announced: for this process, in order, and only once', () => {
  const announced = variables('7', '2', 'redis:redis-tls')
  expect(takeInheritedSockets(announced, 7, every)).toEqual({
    complaint: null,
    sockets: [
      { fd: 3, name: 'redis' },
      { fd: 4, name: 'redis-tls' },
    ],
  })
  expect(announced).toEqual({})
  expect(takeInheritedSockets(announced, 7)).toEqual({ complaint: null, sockets: [] })
  expect(takeInheritedSockets(variables('7', '1'), 7, every).sockets).toEqual([{ fd: 3, name: '' }])
  expect(takeInheritedSockets(variables('8', '1'), 7)).toEqual({
    sockets: [],
    complaint: expect.stringContaining('start node directly') as string,
  })
  expect(takeInheritedSockets(variables('7', 'x'), 7, every).sockets).toEqual([])
  // What is there instead is left alone.
  expect(takeInheritedSockets(variables('7', '2'), 7, (fd) => fd === 3)).toEqual({
    sockets: [],
    complaint: expect.stringContaining('Descriptor 4 was announced as a socket and is none') as string,
  })
})

describe.skipIf(process.platform === 'win32')('a server that is started with', () => {
  test('a TCP and a unix socket: who connected before it was up is served; the file stays as it is', async () => {
    const path = join(newDirectory(), 'socket')
    const sockets = [await listening({ port: 0 }), await listening({ path }), await listening({ port: 0 })]
    const port = portOf(sockets[0])
    // Closing it here removes the name it was made under.
    const name = `${path}-kept`
    linkSync(path, name)
    const { mode } = statSync(name)
    const parent = await start(sockets, 'redis:redis:stranger', ['--unixsocketperm', '777'])
    const answers = await Promise.all([
      ask({ port }, 'CONFIG SET port 1\r\n'),
      ask({ path: name }, 'PING\r\n'),
    ])
    expect(answers).toEqual([expect.stringContaining('Unable to listen on this port'), '+PONG\r\n'])
    expect(parent.log()).toContain(
      "The socket 'stranger' that was passed is none of redis, redis-tls and metrics: it is closed",
    )
    await ask({ port }, 'SHUTDOWN\r\n').catch(() => {})
    expect(await parent.ended()).toBe(0)
    expect(statSync(name).mode).toBe(mode)
  }, 30_000)

  test('sockets for clients and for metrics: they replace what the settings name', async () => {
    const [redis, metrics] = [await listening({ port: 0 }), await listening({ port: 0 })]
    const [port, metricsPort, path] = [await freePort(), await freePort(), join(newDirectory(), 'socket')]
    const settings = ['--port', `${port}`, '--unixsocket', path, '--metrics-port', `${metricsPort}`]
    const passed = [{ port: portOf(redis) }, { port: portOf(metrics) }]
    await start([redis, metrics], 'redis:metrics', settings)
    expect(await ask(passed[0], 'PING\r\n')).toBe('+PONG\r\n')
    expect(await ask(passed[1], PAGE)).toMatch(/^HTTP\/1.1 200 OK[^]*redis_up 1\n/)
    await expect(ask({ port }, 'PING\r\n')).rejects.toThrow(REFUSED)
    await expect(ask({ port: metricsPort }, PAGE)).rejects.toThrow(REFUSED)
    expect(existsSync(path)).toBe(false)
  }, 30_000)

  test('a socket for metrics only: clients come where the settings say', async () => {
    const [metrics, port] = [await listening({ port: 0 }), await freePort()]
    const where = { port: portOf(metrics) }
    await start([metrics], 'metrics', ['--port', `${port}`, '--bind', '127.0.0.1'])
    expect(await ask(where, PAGE)).toContain('redis_up 1\n')
    expect(await ask({ port }, 'PING\r\n')).toBe('+PONG\r\n')
  }, 30_000)

  test('a socket for metrics that takes no connections: it is closed with a warning', async () => {
    const redis = await listening({ port: 0 })
    const where = { port: portOf(redis) }
    const connected = connect({ host: '127.0.0.1', ...where })
    await once(connected, 'connect')
    const close = (): void => void connected.destroy()
    const parent = await start([redis, Object.assign(connected, { close })], 'redis:metrics')
    expect(await ask(where, 'PING\r\n')).toBe('+PONG\r\n')
    expect(parent.log()).toContain("The socket 'metrics' that was passed is closed: no page can be served on")
  }, 30_000)

  test('sockets for another process: one line tells why, and it listens where the settings say', async () => {
    const [redis, port] = [await listening({ port: 0 }), await freePort()]
    const parent = await start([redis], 'redis', ['--port', `${port}`, '--bind', '127.0.0.1'], {
      FORGED_PID: '1',
    })
    await expect.poll(() => ask({ port }, 'PING\r\n').catch(() => ''), { timeout: 20_000 }).toBe('+PONG\r\n')
    expect(
      parent.log().match(/Sockets were passed to process 1 and this is \d+: .*start node directly/g),
    ).toHaveLength(1)
  }, 30_000)

  test('a socket for TLS and no certificate: it does not start, and nobody is served in plain text', async () => {
    const parent = await start([await listening({ port: 0 })], 'redis-tls')
    expect(await parent.ended()).toBe(1)
    expect(parent.log()).toContain('Failed to configure TLS: No tls-cert-file configured!')
  }, 30_000)

  test.skipIf(!hasOpenssl)(
    'a socket for TLS and a certificate: TLS is served, and plain text is not',
    async () => {
      const files = new Certificates()
      ended.push(() => files.remove())
      files.make('server')
      const socket = await listening({ port: 0 })
      const port = portOf(socket)
      const cert = ['--tls-cert-file', files.path('server.crt'), '--tls-key-file', files.path('server.key')]
      await start([socket], 'redis-tls', [...cert, '--tls-auth-clients', 'no'])
      const secure = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
      ended.push(() => secure.destroy())
      secure.write('PING\r\n')
      expect(await new Promise((resolve) => secure.once('data', (chunk) => resolve(String(chunk))))).toBe(
        '+PONG\r\n',
      )
      await expect(ask({ port }, 'PING\r\n').then((answer) => answer.includes('PONG'))).rejects.toThrow()
    },
    30_000,
  )
})

describe.skipIf(process.platform === 'win32')('a server that is started again on its sockets', () => {
  const KEYS = 300_000

  test('has loaded its dataset when it answers for the first time', async () => {
    const socket = await listening({ port: 0 })
    const where = { port: portOf(socket) }
    const parent = await start([socket], 'redis', ['--save', '3600 1', '--enable-debug-command', 'yes'])
    expect(await ask(where, `DEBUG POPULATE ${KEYS}\r\n`)).toBe('+OK\r\n')
    await ask(where, 'SHUTDOWN\r\n').catch(() => {})
    expect(await parent.ended()).toBe(0)
    const early = Array.from({ length: 5 }, () => ask(where, 'DBSIZE\r\n'))
    await parent.start()
    expect(new Set(await Promise.all(early))).toEqual(new Set([`:${KEYS}\r\n`]))
  }, 60_000)

  test('and loads for long tells who waits', async () => {
    const socket = await listening({ port: 0 })
    const where = { port: portOf(socket) }
    const slow = '--key-load-delay 100000 --loading-process-events-interval-bytes 1024 --rdbcompression no'
    const given = `${slow} --enable-debug-command yes`.split(' ')
    const parent = await start([socket], 'redis', ['--save', '3600 1', ...given])
    await ask(where, 'DEBUG POPULATE 300 key 1100\r\n')
    await ask(where, 'SHUTDOWN\r\n').catch(() => {})
    expect(await parent.ended()).toBe(0)
    const early = ask(where, 'DBSIZE\r\n')
    await parent.start()
    expect(await early).toBe('-LOADING Redis is loading the dataset in memory\r\n')
  }, 60_000)

  test('had ended because nobody used it, and has everything', async () => {
    const socket = await listening({ port: 0 })
    const where = { port: portOf(socket) }
    const parent = await start([socket], 'redis', ['--save', '3600 1', '--idle-exit', '1'])
    for (let n = 1; n <= 3; n++) {
      expect(await ask(where, 'INCR visits\r\n')).toBe(`:${n}\r\n`)
      expect(await parent.ended()).toBe(0)
      expect(parent.log()).toContain('No client for 1 seconds (idle-exit)')
      // The next visitor comes first, and that is what it is started for.
      const early = ask(where, 'GET visits\r\n')
      await parent.start()
      expect(await early).toBe(`$1\r\n${n}\r\n`)
    }
  }, 60_000)
})

const ACTIVATE = 'systemd-socket-activate'

test.skipIf(spawnSync(ACTIVATE, ['--version']).status !== 0)(
  'systemd starts it for its first visitor',
  async () => {
    const port = await freePort()
    const { program, args } = respiteProgram()
    const given = ['-l', `127.0.0.1:${port}`, '--fdname=redis', program, ...args, '--dir', newDirectory()]
    const child = spawn(ACTIVATE, [...given, '--save', '', '--port', '0'], {
      stdio: 'ignore',
      env: process.env,
    })
    ended.push(() => child.kill('SIGKILL'))
    await expect.poll(() => ask({ port }, 'PING\r\n').catch(() => ''), { timeout: 20_000 }).toBe('+PONG\r\n')
  },
  30_000,
)
