/** Starts a Redis-like server as its own process on a free loopback port, for tests; stops it by its pid. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ServerProcess {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** What it has printed so far, stdout and stderr. */
  log(): string
  stop(): Promise<void>
}

const READY_MS = 15_000

/**
 * Starts `program args… --port N --dir TEMP …directives` and resolves once it answers PING with `answer`.
 * Another process may take the port between our choosing it and the server's listening, so it tries three times.
 */
export async function startServerProcess(
  name: string,
  program: string,
  args: readonly string[],
  directives: readonly string[],
  answer: string = '+PONG',
): Promise<ServerProcess> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const dir = mkdtempSync(join(tmpdir(), `${name}-`))
    const fixed = [
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      dir,
      '--save',
      '',
      '--appendonly',
      'no',
    ]
    const child = spawn(program, [...args, ...fixed, ...directives], { stdio: ['ignore', 'pipe', 'pipe'] })
    let log = ''
    const keep = (chunk: Buffer): void => {
      log = (log + chunk.toString('latin1')).slice(-65_536)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (error) => keep(Buffer.from(`${error.message}\n`)))
    const guard = startGuard(child)
    const stop = async (): Promise<void> => {
      await stopChild(child)
      guard?.kill('SIGKILL')
      rmSync(dir, { recursive: true, force: true })
    }
    if (await answersPing(port, child, answer))
      return { name, port, pid: child.pid as number, log: () => log, stop }
    await stop()
    if (attempt === 3) throw new Error(`${name} did not start: ${log}`)
  }
}

/** A loopback TCP port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject()))
    })
  })
}

async function answersPing(port: number, child: ChildProcess, answer: string): Promise<boolean> {
  const deadline = Date.now() + READY_MS
  while (Date.now() < deadline && child.exitCode === null && child.signalCode === null && child.pid) {
    // A server that was quicker to take the port would answer PING as well.
    if (await pingOnce(port, answer, answer === '+PONG' ? `\nprocess_id:${child.pid}\r\n` : '')) return true
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return false
}

/** Whether the answers to PING and INFO begin with `answer` and have `text`. */
function pingOnce(port: number, answer: string, text: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let answers = ''
    const end = (ready: boolean): void => {
      socket.destroy()
      resolve(ready)
    }
    socket.setTimeout(1000, () => end(false))
    socket.once('error', () => end(false))
    socket.once('close', () => end(false))
    socket.once('connect', () => socket.write('PING\r\nINFO server\r\n'))
    socket.on('data', (data) => {
      answers += data.toString('latin1')
      if (answers.length < answer.length) return
      if (!answers.startsWith(answer)) end(false)
      else if (answers.includes(text)) end(true)
    })
  })
}

/**
 * A test run may be killed outright, and then nothing of ours can run. So a shell holds the other end of a
 * pipe that the system closes with this process, and then ends the server.
 */
function startGuard(child: ChildProcess): ChildProcess | null {
  if (child.pid === undefined) return null
  const guard = spawn('sh', ['-c', `read _; kill -9 ${child.pid}`], { stdio: ['pipe', 'ignore', 'ignore'] })
  guard.on('error', () => {})
  child.once('exit', () => guard.kill('SIGKILL'))
  return guard
}

/** SIGTERM, and SIGKILL for one that has not ended three seconds later. */
function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve()
  return new Promise((resolve) => {
    const force = setTimeout(() => child.kill('SIGKILL'), 3000)
    child.once('exit', () => {
      clearTimeout(force)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
