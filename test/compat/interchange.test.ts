/**
 * Files exchanged with redis-server: random datasets of every encoding, ours loaded there and theirs here, compared
 * key by key by DUMP and deadline; and the checkers' verdicts on each other's files.
 *
 * INTERCHANGE_SEEDS=n tries n datasets instead of a few; COMPAT_SEED=n other ones.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Content, changeCommands, contentOf, datasetCommands, differencesOf, runAll } from './dataset.ts'
import { oracle, startOracle } from './oracle.ts'
import { Dice } from './random.ts'
import { type Argument, RawClient } from './raw-client.ts'
import { startRespite } from './respite.ts'
import type { ServerProcess } from './server-process.ts'

// Two servers start in each, on a machine that may have much else to do.
vi.setConfig({ testTimeout: 120_000 })

const KEYS = 120
const FIRST = Number(process.env.COMPAT_SEED ?? 1)
const SEEDS = Array.from({ length: Number(process.env.INTERCHANGE_SEEDS ?? 2) }, (_, i) => FIRST + i)

type Start = (directives: readonly string[]) => Promise<ServerProcess>
/** Who writes and who reads. */
const DIRECTIONS: readonly (readonly [name: string, from: Start, to: Start])[] = [
  ['ours to redis-server', startRespite, startOracle],
  ['redis-server to ours', startOracle, startRespite],
]

const running: ServerProcess[] = []
const directories: string[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()))
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'interchange-'))
  directories.push(directory)
  return directory
}

async function started(start: Start, directives: readonly string[]): Promise<ServerProcess> {
  const server = await start(directives)
  running.push(server)
  return server
}

async function ask(server: ServerProcess, ...command: Argument[]): Promise<string> {
  const client = await RawClient.open(server.port, 30_000)
  const reply = (await client.call(...command)).toString('latin1')
  client.close()
  return reply
}

async function fill(server: ServerProcess, dice: Dice): Promise<void> {
  const client = await RawClient.open(server.port, 30_000)
  await runAll(client, datasetCommands(dice, KEYS))
  client.close()
}

/** Runs redis-check-rdb or redis-check-aof on the file, where there is one; returns "status output". */
function verdictOf(checker: string, file: string): string {
  if (oracle === null) return ''
  const check = spawnSync(join(dirname(oracle), checker), [file], { encoding: 'utf8' })
  if (check.error !== undefined) return '0 OK not installed'
  return `${check.status} ${check.stdout}${check.stderr}`
}

describe.skipIf(oracle === null).each(DIRECTIONS)('RDB files, %s', (_, from, to) => {
  const ways = ['SAVE', 'BGSAVE'] as const
  test.each(SEEDS.flatMap((seed) => ways.map((way) => [way, seed] as const)))(
    '%s, seed %i',
    async (way, seed) => {
      const directory = newDirectory()
      const server = await started(from, ['--dir', directory])
      await fill(server, new Dice(seed))
      const expected = await contentOf(server.port)
      expect(expected.size).toBeGreaterThan(KEYS * 0.9)
      // Half of them without compression, which reads differently.
      if (seed % 2 === 0) await ask(server, 'CONFIG', 'SET', 'rdbcompression', 'no')
      await save(server, way)
      expect(verdictOf('redis-check-rdb', join(directory, 'dump.rdb'))).toMatch(/^0 [^]*OK/)
      const other = newDirectory()
      copyFileSync(join(directory, 'dump.rdb'), join(other, 'dump.rdb'))
      const reader = await started(to, ['--dir', other])
      expect(differencesOf(expected, await contentOf(reader.port))).toEqual([])
      expect(await ask(reader, 'DEBUG', 'DIGEST')).toBe(await ask(server, 'DEBUG', 'DIGEST'))
    },
  )
})

async function save(server: ServerProcess, way: 'SAVE' | 'BGSAVE'): Promise<void> {
  expect(await ask(server, way)).toMatch(/^\+/)
  await untilIdle(server)
}

/** Waits for the end of a save or a rewrite in the background. */
async function untilIdle(server: ServerProcess): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    const info = await ask(server, 'INFO', 'persistence')
    if (!/(rdb_bgsave|aof_rewrite)_(in_progress|scheduled):1/.test(info)) return
    await sleep(10)
  }
  throw new Error('the work in the background does not end')
}

describe.skipIf(oracle === null).each(DIRECTIONS)('append-only files, %s', (_, from, to) => {
  const forms = [
    ['yes', 'rewritten'],
    ['no', 'rewritten'],
    ['yes', 'as it grew'],
  ] as const
  // Each server is started twice for each: half as many will do.
  const seeds = SEEDS.slice(0, Math.ceil(SEEDS.length / 2))
  test.each(seeds.flatMap((seed) => forms.map(([preamble, history]) => [preamble, history, seed] as const)))(
    'preamble %s, %s, seed %i',
    async (preamble, history, seed) => {
      const directory = newDirectory()
      const stamped = history === 'rewritten' ? 'no' : 'yes'
      const log = ['--dir', directory, '--appendonly', 'yes', '--aof-use-rdb-preamble', preamble]
      log.push('--aof-timestamp-enabled', stamped)
      const server = await started(from, log)
      const dice = new Dice(seed)
      await fill(server, dice)
      const client = await RawClient.open(server.port, 30_000)
      if (history === 'rewritten') {
        expect(await ask(server, 'BGREWRITEAOF')).toMatch(/^\+Background append only file rewriting/)
        // Some of the changes come while it is at work, and go to the next file.
        await runAll(client, changeCommands(dice, [...(await contentOf(server.port)).values()]))
        await untilIdle(server)
      }
      await runAll(client, changeCommands(dice, [...(await contentOf(server.port)).values()]))
      client.close()
      const expected = await contentOf(server.port)
      expect(expected.size).toBeGreaterThan(KEYS * 0.5)
      const digest = await ask(server, 'DEBUG', 'DIGEST')
      // As a crash leaves it: nothing is tidied up.
      process.kill(server.pid, 'SIGKILL')
      await server.stop()
      const manifest = join(directory, 'appendonlydir', 'appendonly.aof.manifest')
      expect(verdictOf('redis-check-aof', manifest)).toMatch(/^0 [^]*(valid|OK)/)
      const reader = await started(to, log)
      expect(differencesOf(expected, await contentOf(reader.port))).toEqual([])
      expect(await ask(reader, 'DEBUG', 'DIGEST')).toBe(digest)
    },
  )
})

describe.skipIf(oracle === null)('append-only files passed on', () => {
  test('each server goes on in the other one’s files', async () => {
    const log = ['--dir', newDirectory(), '--appendonly', 'yes']
    const dice = new Dice(FIRST)
    let expected = new Map<string, Content>()
    for (const [turn, start] of [startRespite, startOracle, startRespite, startOracle].entries()) {
      const server = await started(start, log)
      expect(differencesOf(expected, await contentOf(server.port)), `turn ${turn}`).toEqual([])
      const client = await RawClient.open(server.port, 30_000)
      if (turn === 0) await runAll(client, datasetCommands(dice, KEYS))
      await runAll(client, changeCommands(dice, [...(await contentOf(server.port)).values()]))
      if (turn % 2 === 1) {
        await client.call('BGREWRITEAOF')
        await untilIdle(server)
        await runAll(client, changeCommands(dice, [...(await contentOf(server.port)).values()]))
      }
      client.close()
      expected = await contentOf(server.port)
      await server.stop()
    }
  })
})

async function saveIds(server: ServerProcess): Promise<string[]> {
  const info = await ask(server, 'INFO', 'artifacts')
  return [...info.matchAll(/_save_id:(.*)\r/g)].map(([, id]) => id)
}

describe.skipIf(oracle === null)('save ids', () => {
  test.each([
    ['RDB file', ['--appendonly', 'no'], 'SAVE', 'dump.rdb'],
    ['append-only file', ['--appendonly', 'yes'], 'BGREWRITEAOF', 'appendonlydir/appendonly.aof.manifest'],
  ])('redis-server passes over them in an %s, and writes none', async (_, kind, save, file) => {
    const directory = newDirectory()
    const own = ['--dir', directory, ...kind]
    const ours = await started(startRespite, own)
    await ask(ours, 'SET', 'a', '1')
    await ask(ours, save)
    await untilIdle(ours)
    const [id, onDisk] = await saveIds(ours)
    expect([id, onDisk]).toEqual([expect.stringMatching(/^[0-9a-f]{40}$/), id])
    await ours.stop()
    expect(readFileSync(join(directory, file), 'latin1')).toContain(id)
    const checker = kind[1] === 'yes' ? 'redis-check-aof' : 'redis-check-rdb'
    expect(verdictOf(checker, join(directory, file))).toMatch(/^0 [^]*(valid|OK)/)
    const theirs = await started(startOracle, own)
    expect(await ask(theirs, 'GET', 'a')).toBe('$1\r\n1\r\n')
    await ask(theirs, save)
    await untilIdle(theirs)
    await theirs.stop()
    expect(readFileSync(join(directory, file), 'latin1')).not.toContain(id)
    const again = await started(startRespite, own)
    expect(await ask(again, 'GET', 'a')).toBe('$1\r\n1\r\n')
    expect(await saveIds(again)).toEqual(['', ''])
    expect(await ask(again, 'INFO', 'artifacts')).toContain('artifact_dataset_state:insync')
  })
})
