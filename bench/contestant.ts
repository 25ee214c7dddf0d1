/** One server under test: its process on a loopback port with its own directory, from start to stop. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ControlClient } from './control-client.ts'
import { type ProcessUsage, readProcessUsage } from './process-usage.ts'

/** What to start, and what the tables call it. */
export interface Program {
  label: string
  command: string
  args: string[]
}

export interface Contestant {
  program: Program
  port: number
  pid: number
  /** Its directory, where its files are. */
  dir: string
  control: ControlClient
  usage: () => Promise<ProcessUsage>
  /** Stops the process by its id and removes its directory. */
  stop: () => Promise<void>
}

/** A large file may have to be loaded first. */
const READY_WITHIN_MS = 120_000
const STOP_WITHIN_MS = 20_000
const SETTLE_WITHIN_MS = 5_000
const SETTLE_STEP_MS = 50
const LOG_TAIL_CHARS = 4_000

/** Servers still running, and their directories. */
const running = new Map<ChildProcess, string>()

/** How to run the server at `path`: a .js file with this Node, anything else as it is. */
export function programAt(path: string): Program {
  if (path.endsWith('.js')) return { label: 'respite', command: process.execPath, args: [path] }
  return { label: basename(path), command: path, args: [] }
}

/** The first line of `program --version`; throws when it cannot be run. */
export function versionOf(program: Program): string {
  const text = execFileSync(program.command, [...program.args, '--version'], { encoding: 'utf8' })
  return text.trim().split('\n')[0]
}

/** An empty directory for a contestant that is to find something there; startContestant() gives it to one. */
export function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'respite-bench-'))
}

/**
 * Starts `program`, without persistence unless `settings` ask for it, and resolves once it answers PING; rejects with
 * its last log lines. It removes `dir` in the end.
 */
export async function startContestant(
  program: Program,
  settings: readonly string[] = [],
  dir: string = newDirectory(),
): Promise<Contestant> {
  const port = await freePort()
  const fixed = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir]
  const args = [...program.args, ...fixed, ...settings]
  const child = spawn(program.command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  running.set(child, dir)
  let log = ''
  const keepTail = (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-LOG_TAIL_CHARS)
  }
  child.stdout?.on('data', keepTail)
  child.stderr?.on('data', keepTail)
  child.on('error', (error) => {
    log += error.message
  })
  const stop = async (control?: ControlClient) => {
    control?.close()
    await stopChild(child)
    forget(child)
  }
  try {
    const control = await whenReady(child, port)
    return {
      program,
      port,
      pid: child.pid as number,
      dir,
      control,
      usage: () => usageOf(child, control),
      stop: () => stop(control),
    }
  } catch (error) {
    await stop()
    throw new Error(`${program.label} did not start: ${(error as Error).message}\n${log}`, { cause: error })
  }
}

/** Kills every server still running and removes its directory; for when the bench itself is interrupted. */
export function killAll(): void {
  for (const child of running.keys()) {
    child.kill('SIGKILL')
    forget(child)
  }
}

function forget(child: ChildProcess): void {
  const dir = running.get(child)
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
  running.delete(child)
}

/** Waits until the server has no background work left: a stretch of 50 ms without CPU, at most 5 s. */
export async function settle(contestant: Contestant): Promise<void> {
  let before = (await contestant.usage()).cpuMicros
  for (let waited = 0; waited < SETTLE_WITHIN_MS; waited += SETTLE_STEP_MS) {
    await sleep(SETTLE_STEP_MS)
    const now = (await contestant.usage()).cpuMicros
    if (now === before) return
    before = now
  }
}

async function whenReady(child: ChildProcess, port: number): Promise<ControlClient> {
  const deadline = Date.now() + READY_WITHIN_MS
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(`exit code ${child.exitCode}`)
    try {
      const control = await ControlClient.connect(port)
      await control.send('PING')
      return control
    } catch {
      await sleep(20)
    }
  }
  throw new Error(`no answer to PING within ${READY_WITHIN_MS} ms`)
}

/** From /proc where there is one, else what the server says of itself. */
async function usageOf(child: ChildProcess, control: ControlClient): Promise<ProcessUsage> {
  const usage = readProcessUsage(child.pid as number)
  if (usage !== undefined) return usage
  const info = await control.info()
  const seconds = Number(info.get('used_cpu_user')) + Number(info.get('used_cpu_sys'))
  return { cpuMicros: seconds * 1e6, rssBytes: Number(info.get('used_memory_rss')) }
}

async function stopChild(child: ChildProcess): Promise<void> {
  const exited = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined
  const deadline = Date.now() + STOP_WITHIN_MS
  child.kill('SIGTERM')
  while (!exited() && Date.now() < deadline) await sleep(10)
  if (!exited()) child.kill('SIGKILL')
}

/** A port nobody listens on right now, by letting the system choose one. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}
