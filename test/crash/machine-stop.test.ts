/**
 * A machine that stops: of the open append-only file only what was synced is left. The server runs in this process, so
 * that at any moment its files can be copied as they would be found then, cut off behind the last synced byte.
 *
 * CRASH_ROUNDS=n takes n such copies in each mode instead of a few; CRASH_SEED=n makes other random choices.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { silentLog } from '../../src/platform/log.ts'
import { Server } from '../../src/server/server.ts'
import { Dice } from '../compat/random.ts'
import { type Expectation, verdict } from './verdict.ts'
import { Writer } from './writer.ts'

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 3)
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000)
const WRITERS = 3
/** A sync begins once a second and takes its time. */
const EVERYSEC_MS = 3000

interface Life {
  readonly server: Server
  readonly port: number
}

const lives: Life[] = []
const directories: string[] = []

afterEach(async () => {
  for (const { server } of lives.splice(0)) await server.stop()
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

async function start(dir: string, appendfsync: string): Promise<Life> {
  const configuration = new Configuration({
    bind: '127.0.0.1',
    port: '0',
    save: '',
    appendonly: 'yes',
    appendfsync,
    'auto-aof-rewrite-percentage': '0',
    dir,
  })
  const server = new Server({ configuration, log: silentLog() })
  const [{ port }] = await server.start({ ephemeral: true })
  const life = { server, port }
  lives.push(life)
  return life
}

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'machine-stop-'))
  directories.push(directory)
  return directory
}

/** The directory as it would be found if the machine stopped now; nothing else runs meanwhile. */
function stopped({ server }: Life, dir: string): string {
  const copy = newDirectory()
  cpSync(dir, copy, { recursive: true })
  const parts = join(copy, 'appendonlydir')
  const open = readdirSync(parts).filter((name) => name.endsWith('.incr.aof'))
  expect(open).toHaveLength(1)
  truncateSync(join(parts, open[0]), server.engine.aof.writer.synced)
  return copy
}

test.each([
  ['always', 0],
  ['everysec', EVERYSEC_MS],
])(
  'appendfsync %s: what its promise allows is lost, and no more',
  { timeout: 30_000 + ROUNDS * 10_000 },
  async (fsync, loses) => {
    const dice = new Dice(SEED)
    const dir = newDirectory()
    const life = await start(dir, fsync)
    const writers = Array.from({ length: WRITERS }, (_, id) => new Writer(id, new Dice(SEED + 1 + id)))
    for (const writer of writers) await writer.start(life.port)
    if (loses > 0) await sleep(loses)
    for (let round = 1; round <= ROUNDS; round++) {
      await sleep(dice.between(5, 300))
      const endedAt = Date.now()
      const copy = stopped(life, dir)
      const expectations = writers.map(({ id, before, steps, acked }): Expectation => {
        const old = steps.filter(({ ackedAt }) => ackedAt !== null && ackedAt < endedAt - loses).length
        return { id, before, steps: steps.slice(), least: loses === 0 ? acked : old }
      })
      const reader = await start(copy, fsync)
      const situation = `seed ${SEED}, round ${round}`
      await verdict(reader.port, expectations, { endedAt, fillers: 0, situation })
      await reader.server.stop()
    }
    for (const { failure } of writers) expect(failure).toBe(null)
    await life.server.stop()
  },
)
