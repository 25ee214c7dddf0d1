/** The append-only file of an engine, loaded: what its commands do, which of them stop it, what INFO is told. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { families } from '../../src/commands/families.ts'
import { Configuration } from '../../src/config/configuration.ts'
import { Engine } from '../../src/engine/engine.ts'
import { loadAppendOnlyFile } from '../../src/engine/replay.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { LineLog } from '../../src/platform/log.ts'
import { SeededRandom } from '../../src/platform/random.ts'
import { SystemTimers } from '../../src/platform/timers.ts'
import { session } from '../commands/session.ts'
import { aof, temporaryDirectory } from '../persistence/aof-files.ts'

const home = temporaryDirectory()
let number = 0

interface Loaded {
  readonly engine: Engine
  readonly error: string
  readonly log: string
}

/** Loads an append-only file of these lines, in a server of its own. */
function load(...lines: string[]): Promise<Loaded> {
  return loadBytes(aof(...lines))
}

async function loadBytes(bytes: Uint8Array): Promise<Loaded> {
  const directory = join(home, `${number++}`)
  const parts = join(directory, 'appendonlydir')
  mkdirSync(parts, { recursive: true })
  writeFileSync(join(parts, 'appendonly.aof.manifest'), 'file a seq 1 type i\n')
  writeFileSync(join(parts, 'a'), bytes)
  let log = ''
  const clock = new ManualClock()
  const engine = new Engine({
    configuration: new Configuration({ dir: directory }),
    clock,
    timers: new SystemTimers(),
    random: new SeededRandom(1),
    log: new LineLog('notice', (line) => {
      log += line
    }),
    families,
    shutdown: () => {},
  })
  try {
    engine.aof.directory.settleUpgrading()
    await loadAppendOnlyFile(engine)
    return { engine, error: '', log }
  } catch (error) {
    return { engine, error: (error as Error).message, log }
  }
}

const counts = ({ engine }: Loaded): number[] => engine.keyspace.databases.map(({ index }) => index.count)

test('commands, databases and transactions', async () => {
  const loaded = await load(
    'SET a 1',
    'SELECT 2',
    'MULTI',
    'RPUSH l a',
    'SELECT 3',
    'SET b 1',
    'EXEC',
    'SET c 1',
  )
  expect(loaded.error).toBe('')
  expect(counts(loaded).slice(0, 5)).toEqual([1, 0, 1, 2, 0])
  expect(loaded.engine.keyspace.loading).toBe(false)
  expect(loaded.engine.dataset.loading).toBeNull()
})

test('what nobody knows stops it', async () => {
  const unknown = await load('SET a 1', 'NONESUCH x')
  expect(unknown.error).toBe("Unknown command 'NONESUCH' reading the append only file a at offset 27")
  const arity = await load('SET a')
  expect(arity.error).toBe(
    "Wrong number of arguments for the command 'set' reading the append only file a at offset 0",
  )
  expect(arity.engine.dataset.loading).toBeNull()
})

test('an error reply does not, and is logged', async () => {
  const loaded = await load('SET a 1', 'RPUSH a x', 'SET b 1')
  expect(loaded.error).toBe('')
  expect(counts(loaded)[0]).toBe(2)
  expect(loaded.log).toContain(
    "== CRITICAL == This server is sending an error to its AOF-loading-client: '-WRONGTYPE Operation against a key " +
      "holding the wrong kind of value' after processing the command 'rpush'",
  )
})

test('a deadline in the past removes nothing before all is loaded', async () => {
  const loaded = await load(
    'SET a 1 PXAT 1',
    'APPEND a 2',
    'PERSIST a',
    'SET b 1',
    'PEXPIREAT b 1',
    'PERSIST b',
  )
  expect(loaded.error).toBe('')
  expect(counts(loaded)[0]).toBe(2)
})

test('INFO is told how many keys the RDB part had', async () => {
  const donor = session({ config: { dir: home } })
  donor.run('MSET a 1 b 2')
  donor.run('SAVE')
  const rdb = readFileSync(join(home, 'dump.rdb'))
  const loaded = await loadBytes(Buffer.concat([rdb, aof('SET c 1')]))
  expect(loaded.error).toBe('')
  expect(counts(loaded)[0]).toBe(3)
  expect(loaded.engine.dataset.lastLoaded).toBe(2)
})

test('a database there is not stops it: what follows belongs to no other', async () => {
  const loaded = await load('SET a 1', 'SELECT 16', 'SET b 1')
  expect(loaded.error).toContain(
    "Impossible to select the database '16' reading the append only file a at offset",
  )
  expect(counts(loaded)[0]).toBe(1)
})
