/**
 * A server killed at random moments under load, again and again on the same files: after each restart every writer's
 * keys must be as they were after some whole number of its steps, and that number no less than the setting promises.
 *
 * CRASH_ROUNDS=n runs n rounds of each kind instead of a few; CRASH_SEED=n other random choices;
 * RESPITE_TARGET=oracle kills redis-server, which tries out the harness.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { Dice } from '../compat/random.ts'
import { RawClient } from '../compat/raw-client.ts'
import { respiteProgram, startRespite } from '../compat/respite.ts'
import { freePort, type ServerProcess } from '../compat/server-process.ts'
import { verdict } from './verdict.ts'
import { Writer } from './writer.ts'

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 2)
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000)
const WRITERS = 4
const LIFE_MS = 400
/** Keys that lie there, so that saving takes a while. */
const FILLERS = 20_000

interface Kind {
  readonly directives: readonly string[]
  /** Sent again and again, to be killed in the middle of. */
  readonly background: readonly string[][]
  /**
   * What was answered longer ago than so many milliseconds is kept; null: what was answered when the last save began
   * that is known to have ended.
   */
  readonly loses: number | null
}

/** Under everysec a write may wait for two seconds while the disk is busy syncing, as in Redis, and a cron tick more. */
const POSTPONED_MS = 2300

const log = (fsync: string): string[] => ['--appendonly', 'yes', '--appendfsync', fsync]
const KINDS: Readonly<Record<string, Kind>> = {
  'appendfsync always': { directives: log('always'), background: [], loses: 0 },
  'appendfsync everysec': { directives: log('everysec'), background: [], loses: POSTPONED_MS },
  'appendfsync no': { directives: log('no'), background: [], loses: 0 },
  'during BGREWRITEAOF, always': {
    directives: log('always'),
    background: [['BGREWRITEAOF']],
    loses: 0,
  },
  'during BGREWRITEAOF, everysec, no preamble': {
    directives: [...log('everysec'), '--aof-use-rdb-preamble', 'no'],
    background: [['BGREWRITEAOF'], ['BGSAVE', 'SCHEDULE']],
    loses: POSTPONED_MS,
  },
  'during BGSAVE, no log': { directives: [], background: [['BGSAVE']], loses: null },
}

/** The server of the round at hand, for the case that a test fails. */
let running: ServerProcess | null = null
const directories: string[] = []

afterEach(async () => {
  await running?.stop()
  running = null
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

describe('killed at random', () => {
  test.each(Object.keys(KINDS))('%s', { timeout: 30_000 + ROUNDS * 20_000 }, async (name) => {
    const kind = KINDS[name]
    const dice = new Dice(SEED)
    const directory = mkdtempSync(join(tmpdir(), 'crash-'))
    directories.push(directory)
    const directives = ['--dir', directory, ...kind.directives]
    const writers = Array.from({ length: WRITERS }, (_, id) => new Writer(id, new Dice(SEED + 1 + id)))
    for (let round = 1; round <= ROUNDS; round++) {
      if (round > 1 && dice.oneIn(3)) await dieYoung(directives, dice)
      const server = (running = await startRespite(directives))
      if (round === 1) await fill(server, kind)
      await check(server, writers, kind, `seed ${SEED}, round ${round}, ${server.log()}`)
      await live(server, writers, kind, dice)
    }
    const server = (running = await startRespite(directives))
    await check(server, writers, kind, `seed ${SEED}, at the end, ${server.log()}`)
  })
})

async function fill(server: ServerProcess, kind: Kind): Promise<void> {
  const client = await RawClient.open(server.port)
  for (let i = 0; i < FILLERS; i += 1000) {
    const pairs = Array.from({ length: 1000 }, (_, j) => [`filler:${i + j}`, `value ${i + j}`])
    await client.call('MSET', ...pairs.flat())
  }
  if (kind.loses === null) await client.call('SAVE')
  client.close()
}

/** A life that ends while the server starts, before or after it has loaded what is there. */
async function dieYoung(directives: readonly string[], dice: Dice): Promise<void> {
  const { program, args } = respiteProgram()
  const rest = ['--port', `${await freePort()}`, '--bind', '127.0.0.1', '--save', '', ...directives]
  const child = spawn(program, [...args, ...rest], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  await sleep(dice.between(1, LIFE_MS))
  child.kill('SIGKILL')
  await ended
}

/** Before the server was killed, and when the last that it had sent was read: it ended between the two. */
let killedAt = 0
let endedAt = 0
/** Steps that each writer had been answered when the last save that is known to have ended began. */
let savedSteps: number[] = Array.from({ length: WRITERS }, () => 0)

/** A life of random length: load and background work, then the end. */
async function live(
  server: ServerProcess,
  writers: readonly Writer[],
  kind: Kind,
  dice: Dice,
): Promise<void> {
  savedSteps = writers.map(() => 0)
  for (const writer of writers) await writer.start(server.port)
  const control = await RawClient.open(server.port)
  const background = workInBackground(control, writers, kind)
  const long = kind.loses !== null && kind.loses > 0 && dice.oneIn(2)
  await sleep(dice.between(5, LIFE_MS) + (long ? POSTPONED_MS : 0))
  killedAt = Date.now()
  process.kill(server.pid, 'SIGKILL')
  await Promise.all(writers.map((writer) => writer.ended()))
  endedAt = Date.now()
  control.close()
  expect(await background).toBe(null)
  await server.stop()
  running = null
  for (const { failure } of writers) expect(failure).toBe(null)
}

/**
 * Starts the background work whenever the work before has ended, until the server ends. Resolves with what it said when
 * it would not, or null.
 */
async function workInBackground(
  control: RawClient,
  writers: readonly Writer[],
  kind: Kind,
): Promise<string | null> {
  try {
    for (let i = 0; kind.background.length > 0; i++) {
      const acked = writers.map((writer) => writer.acked)
      const started = (await control.call(...kind.background[i % kind.background.length])).toString('latin1')
      if (!started.startsWith('+')) return started
      for (let busy = true; busy; ) {
        await sleep(5)
        const info = (await control.call('INFO', 'persistence')).toString('latin1')
        busy = /(rdb_bgsave|aof_rewrite)_(in_progress|scheduled):1/.test(info)
        if (!busy && /(rdb_last_bgsave|aof_last_bgrewrite)_status:err/.test(info)) return info
      }
      if (kind.loses === null) savedSteps = acked
    }
  } catch {
    // The connection ended with the server.
  }
  return null
}

/** Every writer's keys are as after some of its steps; it goes on from there. */
async function check(
  server: ServerProcess,
  writers: readonly Writer[],
  kind: Kind,
  situation: string,
): Promise<void> {
  const expected = writers.map((writer) => ({
    id: writer.id,
    before: writer.before,
    steps: writer.steps,
    least: promised(writer, kind),
  }))
  const states = await verdict(server.port, expected, { endedAt, fillers: FILLERS, situation })
  for (const [i, writer] of writers.entries()) {
    writer.before = states[i]
    writer.steps = []
    writer.acked = 0
  }
}

/** How many of the writer's steps must be there. */
function promised({ id, steps, acked }: Writer, { loses }: Kind): number {
  if (loses === null) return savedSteps[id]
  if (loses === 0) return acked
  return steps.filter(({ ackedAt }) => ackedAt !== null && ackedAt < killedAt - loses).length
}
