/** Sockets passed by a parent that follows systemd's protocol: who is served on them, and what is refused. */
import { spawn } from 'node:child_process'
import { linkSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server as NetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { takeInheritedSockets } from '../../src/platform/inherited-sockets.ts'
import { respiteProgram } from '../compat/respite.ts'

const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end()
})

const variables = (pid: string, count: string, names?: string): Record<string, string | undefined> => ({
  LISTEN_PID: pid,
  LISTEN_FDS: count,
  ...(names === undefined ? {} : { LISTEN_FDNAMES: names }),
})

function descriptorOf(socket: NetServer): number {
  return (socket as unknown as Record<'_handle', { fd: number }>)['_handle'].fd
}

/** Passes these sockets under these names. Resolves with the child and its log. */
function start(
  sockets: readonly NetServer[],
  names: string,
  directives: readonly string[] = [],
): { log: () => string; exited: Promise<number | null> } {
  const { program, args } = respiteProgram()
  const directory = mkdtempSync(join(tmpdir(), 'respite-activation-'))
  const given = ['--port', '0', '--dir', directory, '--save', '', ...directives]
  const fds = sockets.map(descriptorOf)
  // The shell's pid is the server's, which no parent knows before.
  const child = spawn('/bin/sh', ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', program, ...args, ...given], {
    stdio: ['ignore', 'pipe', 'pipe', ...fds],
    env: { ...process.env, LISTEN_FDS: `${fds.length}`, LISTEN_FDNAMES: names },
  })
  let log = ''
  child.stdout?.on('data', (chunk) => (log += String(chunk)))
  child.stderr?.on('data', (chunk) => (log += String(chunk)))
  const exited = new Promise<number | null>((resolve) => void child.on('exit', resolve))
  ended.push(async () => {
    child.kill('SIGKILL')
    await exited
    rmSync(directory, { recursive: true })
  })
  return { log: () => log, exited }
}

/** A socket that listens and accepts nobody: whoever connects waits in its backlog. */
async function listening(where: { port: number } | { path: string }): Promise<NetServer> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen({ host: '127.0.0.1', ...where }, resolve))
  return server
}

/** Sends a request and resolves with the beginning of the answer. */
function ask(where: { port: number } | { path: string }, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', ...where })
    ended.push(() => socket.destroy())
    socket.on('data', (chunk) => resolve(String(chunk)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed')))
    socket.write(request)
  })
}

test('what is announced: for this process, in order, and only once', () => {
  const announced = variables('7', '2', 'redis:redis-tls')
  expect(takeInheritedSockets(announced, 7)).toEqual({
    complaint: null,
    sockets: [
      { fd: 3, name: 'redis' },
      { fd: 4, name: 'redis-tls' },
    ],
  })
  expect(announced).toEqual({})
  expect(takeInheritedSockets(announced, 7)).toEqual({ complaint: null, sockets: [] })
  expect(takeInheritedSockets(variables('7', '1'), 7).sockets).toEqual([{ fd: 3, name: '' }])
  expect(takeInheritedSockets(variables('8', '1'), 7)).toEqual({
    sockets: [],
    complaint: expect.stringContaining('start node directly') as string,
  })
  expect(takeInheritedSockets(variables('7', 'x'), 7).sockets).toEqual([])
})

describe.skipIf(process.platform === 'win32')('a server that is started with', () => {
  test('a TCP and a unix socket: who connected before it was up is served; the file stays as it is', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'respite-activation-'))
    ended.push(() => rmSync(directory, { recursive: true }))
    const path = join(directory, 'socket')
    const [tcp, unix, other] = [
      await listening({ port: 0 }),
      await listening({ path }),
      await listening({ port: 0 }),
    ]
    const { port } = tcp.address() as { port: number }
    // Closing it here removes the name it was made under.
    const name = `${path}-kept`
    linkSync(path, name)
    const { mode } = statSync(name)
    const { log } = start([tcp, unix, other], 'redis:redis:stranger', ['--unixsocketperm', '777'])
    for (const socket of [tcp, unix, other]) socket.close()
    const answers = await Promise.all([
      ask({ port }, 'CONFIG SET port 1\r\n'),
      ask({ path: name }, 'PING\r\n'),
    ])
    expect(answers).toEqual([expect.stringContaining('Unable to listen on this port'), '+PONG\r\n'])
    expect(statSync(name).mode).toBe(mode)
    expect(log()).toContain(
      "The socket 'stranger' that was passed is none of redis and redis-tls: it is closed",
    )
  }, 30_000)

  test('a socket for TLS and no certificate: it does not start, and nobody is served in plain text', async () => {
    const tcp = await listening({ port: 0 })
    const { log, exited } = start([tcp], 'redis-tls')
    tcp.close()
    expect(await exited).toBe(1)
    expect(log()).toContain('Failed to configure TLS: No tls-cert-file configured!')
  }, 30_000)
})
