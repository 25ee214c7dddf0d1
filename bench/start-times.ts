/**
 * How long it takes until there is a server: from the command line to its line "Ready to accept connections", and inside
 * a test suite to the first reply, beside what else is used there. What is not ours is installed in a folder of its own
 * for the time of the measurement, and left out where that fails.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { freePort, newDirectory, type Program, programAt, versionOf } from './contestant.ts'
import type { Progress } from './progress.ts'
import { EMBEDDABLE, type Embeddable, type EmbeddedStarts, startProgram } from './start-program.ts'
import { percentile, type Spread, spread } from './statistics.ts'
import { table } from './table.ts'

const INSTALL_WITHIN_MS = 180_000
const START_WITHIN_MS = 60_000
const READY = 'Ready to accept connections'
/** ioredis-mock asks for this generation of ioredis. */
const OTHERS = ['redis-memory-server', 'ioredis-mock', 'ioredis@5']
/** Servers that each of these programs starts after its first. */
const SERVERS_PER_RUN = 20

/** How many steps startTimes() takes on its progress. */
export const START_STEPS: number = 2 + EMBEDDABLE.length

/**
 * The tables of both, in Markdown. `package_` is the folder that holds package.json and the built dist; everything is
 * started `runs` times.
 */
export async function startTimes(package_: string, runs: number, progress: Progress): Promise<string> {
  const folder = newDirectory()
  try {
    const installed = install(folder, resolve(package_), progress)
    progress.begin('start to Ready')
    const ready = await untilReady(folder, package_, installed.others, runs)
    const embedded = await untilReply(folder, installed.others, runs, progress)
    const head = ['start to "Ready", ms', 'p50', 'least', 'greatest']
    const embeddedHead = [
      'in a test suite, ms',
      'first, p50',
      'least–greatest',
      'next, p50',
      'p99',
      'close, p50',
    ]
    const parts = [
      `Each command ${runs} times, in turn, with an empty folder:`,
      table(head, ready),
      [
        `A program that imports a package, starts a server and asks it PING (${runs} runs; to the first reply, import`,
        `included), and then ${SERVERS_PER_RUN} more servers one after the other:`,
      ].join('\n'),
      table(embeddedHead, embedded),
      installed.note,
    ]
    return parts.join('\n\n')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Installs what is compared in `folder`; `others` tells whether those from the registry are there. */
function install(folder: string, package_: string, progress: Progress): { others: boolean; note: string } {
  progress.begin('npm install')
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const npm = (...words: string[]): string =>
    execFileSync('npm', [...words, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
      timeout: INSTALL_WITHIN_MS,
    })
  const ours = `./${npm('pack', package_).trim()}`
  try {
    npm('install', ours, ...OTHERS)
    const systemBinary =
      'which is given redis-server here: by itself it downloads and compiles Redis when installed.'
    const note = `Packages: ${versions(folder)}. redis-memory-server starts a redis-server process, ${systemBinary}`
    return { others: true, note }
  } catch (error) {
    // Ours alone needs no registry to be imported.
    mkdirSync(join(folder, 'node_modules'), { recursive: true })
    symlinkSync(package_, join(folder, 'node_modules', 'respite'), 'junction')
    const [why] = String((error as { stderr?: string }).stderr ?? error).split('\n')
    return {
      others: false,
      note: `Left out, as npm could not install: npx respite, ${OTHERS.join(', ')} (${why}).`,
    }
  }
}

function versions(folder: string): string {
  const text = execFileSync('npm', ['ls', '--json', '--depth=0'], { cwd: folder, encoding: 'utf8' })
  const { dependencies } = JSON.parse(text) as { dependencies: Record<string, { version: string }> }
  return Object.entries(dependencies)
    .map(([name, { version }]) => `${name} ${version}`)
    .join(', ')
}

/** From the command line, one row for each way to start. */
async function untilReady(folder: string, package_: string, npx: boolean, runs: number): Promise<string[][]> {
  const ours = programAt(join(resolve(package_), 'dist', 'cli.js'))
  const programs: Program[] = [{ ...ours, label: 'node dist/cli.js' }]
  if (npx) programs.push({ label: 'npx respite', command: 'npx', args: ['respite'] })
  if (onPath('redis-server') !== undefined) programs.push(programAt('redis-server'))
  const times: number[][] = programs.map(() => [])
  for (let i = 0; i <= runs; i++) {
    for (const [at, program] of programs.entries()) {
      const took = await timeToReady(program, folder)
      // The first of each fills the caches of the file system.
      if (i > 0) times[at].push(took)
    }
  }
  return programs.map(({ label }, at) => readyRow(label, spread(times[at])))
}

function readyRow(label: string, { median, min, max }: Spread): string[] {
  return [label, millis(median), millis(min), millis(max)]
}

/** Milliseconds from starting `program` to its line; the process and what it started are gone afterwards. */
async function timeToReady(program: Program, cwd: string): Promise<number> {
  const port = await freePort()
  const args = [...program.args, '--port', `${port}`, '--bind', '127.0.0.1', '--save', '']
  const from = performance.now()
  const child = spawn(program.command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const ended = new Promise((done) => {
    child.once('close', done)
  })
  try {
    await lineOf(child, READY)
    return performance.now() - from
  } finally {
    stopGroup(child)
    await ended
  }
}

function lineOf(child: ChildProcess, text: string): Promise<void> {
  return new Promise((done, fail) => {
    let log = ''
    const timer = setTimeout(() => fail(new Error(`no "${text}" in:\n${log}`)), START_WITHIN_MS)
    timer.unref()
    child.once('error', fail)
    child.once('exit', () => fail(new Error(`it ended:\n${log}`)))
    const read = (chunk: Buffer): void => {
      log += chunk.toString()
      if (!log.includes(text)) return
      clearTimeout(timer)
      done()
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
  })
}

/** npx runs the server as a child of a shell: all of its group end, and no other process. */
function stopGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null) return
  process.kill(-child.pid, 'SIGTERM')
}

/** Inside a program, one row for each package. */
async function untilReply(
  folder: string,
  others: boolean,
  count: number,
  progress: Progress,
): Promise<string[][]> {
  const redis = onPath('redis-server')
  const rows: string[][] = []
  for (const what of EMBEDDABLE) {
    progress.begin(`start to first reply: ${what}`)
    if (what !== 'respite without a socket' && !others) continue
    if (what === 'redis-memory-server' && redis === undefined) continue
    const runs: EmbeddedStarts[] = []
    for (let i = 0; i <= count; i++) runs.push(runProgram(folder, what, redis ?? ''))
    rows.push(embeddedRow(what, runs.slice(1)))
  }
  return rows
}

function embeddedRow(what: Embeddable, runs: readonly EmbeddedStarts[]): string[] {
  const first = spread(runs.map((run) => run.first))
  const starts = runs.flatMap((run) => run.starts)
  const closes = runs.flatMap((run) => run.closes)
  return [
    what,
    millis(first.median),
    `${millis(first.min)}–${millis(first.max)}`,
    millis(percentile(starts, 0.5)),
    millis(percentile(starts, 0.99)),
    millis(percentile(closes, 0.5)),
  ]
}

function runProgram(folder: string, what: Embeddable, redis: string): EmbeddedStarts {
  const file = join(folder, 'start.mjs')
  writeFileSync(file, startProgram(what))
  const args = [file, `${SERVERS_PER_RUN}`, redis]
  const text = execFileSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: START_WITHIN_MS,
  })
  return JSON.parse(text) as EmbeddedStarts
}

/** Where `command` is, if it is on PATH. */
function onPath(command: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path))
}

/** The version line of the redis-server on PATH, if there is one. */
export function redisVersion(): string | undefined {
  return onPath('redis-server') === undefined ? undefined : versionOf(programAt('redis-server'))
}

function millis(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
}
