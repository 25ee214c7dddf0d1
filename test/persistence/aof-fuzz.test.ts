/**
 * Damaged append-only files: each is loaded in part or refused, in bounded room, and what remains of it is whole.
 * AOF_FUZZ=100000 tries as many; AOF_FUZZ_SEED=n others.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { checkAof } from '../../src/persistence/aof-check.ts'
import { AofManifest, saveManifest } from '../../src/persistence/aof-manifest.ts'
import { session } from '../commands/session.ts'
import { Dice } from '../compat/random.ts'
import { aof, type LoadRun, load, resp, temporaryDirectory } from './aof-files.ts'

const RUNS = Number(process.env.AOF_FUZZ ?? 2000)
const FIRST = Number(process.env.AOF_FUZZ_SEED ?? 1)
/** Of any file here, before anything is read of a longer one; and what is left free in front of cache lines. */
const ROOM_MAX = 1024 * 1024 + 64
const REFUSALS =
  /^(Bad file format reading the append only file|Unknown command 'none' reading|Fatal error: the truncated file is not the last|Error reading the RDB)/

const directory = join(temporaryDirectory(), 'files')
const names = ['base', 'incr']
const manifest = new AofManifest({ name: 'base', seq: 1 }, [{ name: 'incr', seq: 1 }], [])

const donor = session({ config: { dir: join(directory, '..') } })
donor.run('SET a 1')
donor.run('RPUSH l a b c')
donor.run('SAVE')
const rdb = readFileSync(join(directory, '..', 'dump.rdb'))

afterEach(() => vi.restoreAllMocks())

function command(dice: Dice): Buffer {
  if (dice.oneIn(8)) return aof(`#TS:${dice.below(2e9)}`)
  if (dice.oneIn(40)) return aof('NONE')
  return resp(...dice.many(1, 4, () => (dice.oneIn(30) ? 'v'.repeat(dice.below(3000)) : dice.value())))
}

function file(dice: Dice, base: boolean): Buffer {
  const units = dice.many(0, 8, () => {
    const commands = dice.many(1, 4, () => command(dice))
    return Buffer.concat(dice.oneIn(3) ? [aof('MULTI'), ...commands, aof('EXEC')] : commands)
  })
  return Buffer.concat(base && dice.oneIn(8) ? [rdb, ...units] : units)
}

/** With something changed, cut out, put in, doubled or cut off. */
function damaged(bytes: Buffer, dice: Dice): Buffer {
  const at = dice.below(bytes.length + 1)
  const to = Math.min(bytes.length, at + dice.between(1, 12))
  const [before, between, behind] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)]
  switch (dice.below(6)) {
    case 0:
      return before
    case 1:
      return Buffer.concat([before, behind])
    case 2:
      return Buffer.concat([before, between, between, behind])
    case 3:
      return Buffer.concat([
        before,
        Buffer.from(dice.pick(['*', '$', '\r\n', '999999999', '-1', '#', '\0'])),
        behind,
      ])
    case 4: {
      const digits = Array.from(bytes, (byte, i) => (byte >= 0x30 && byte <= 0x39 ? i : -1)).filter(
        (i) => i >= 0,
      )
      const copy = Buffer.from(bytes)
      if (digits.length > 0) copy[dice.pick(digits)] = 0x30 + dice.below(10)
      return copy
    }
    default: {
      const copy = Buffer.from(bytes)
      if (at < copy.length) copy[at] = dice.below(256)
      return copy
    }
  }
}

const target = session()

function loadIt(): Promise<LoadRun> {
  target.run('FLUSHALL')
  return load({ directory, manifest, keyspace: target.engine.keyspace })
}

/** check-aof's exit code, and what it says. */
async function verdict(): Promise<string> {
  let text = ''
  const code = await checkAof(join(directory, 'm.manifest'), {
    fix: false,
    timestamp: 0,
    print: (part) => {
      text += part
    },
    confirm: () => Promise.resolve(false),
  })
  return `${code} ${text}`
}

async function tryOne(dice: Dice): Promise<'refused' | 'cut' | 'whole'> {
  const written = [file(dice, true), file(dice, false)]
  const victim = dice.below(2)
  for (let i = dice.between(1, 3); i > 0; i--) written[victim] = damaged(written[victim], dice)
  for (const [i, name] of names.entries()) writeFileSync(join(directory, name), written[i])
  const first = await loadIt()
  const left = names.map((name) => readFileSync(join(directory, name)))
  if (first.error !== '') {
    expect(first.error).toMatch(REFUSALS)
    expect(left.every((bytes, i) => bytes.equals(written[i]))).toBe(true)
    // A command that nobody knows is nothing to the checker.
    if (!first.error.startsWith('Unknown')) expect(await verdict()).toMatch(/^1/)
    return 'refused'
  }
  expect(left[0].equals(written[0])).toBe(true)
  expect(left[1].equals(written[1].subarray(0, left[1].length))).toBe(true)
  expect(first.loaded?.cut ?? 0).toBe(written[1].length - left[1].length)
  const again = await loadIt()
  expect(again.error).toBe('')
  expect(JSON.stringify(again.commands)).toBe(JSON.stringify(first.commands))
  expect(again.loaded).toEqual({ ...first.loaded, cut: 0 })
  expect(await verdict()).toMatch(first.log.includes('left out at offset') ? /^1/ : /^0/)
  return (first.loaded?.cut ?? 0) > 0 ? 'cut' : 'whole'
}

test(`${RUNS} damaged files`, { timeout: 60_000 + RUNS * 20 }, async () => {
  const room = vi.spyOn(Buffer, 'allocUnsafeSlow')
  let most = 0
  const counts = { refused: 0, cut: 0, whole: 0 }
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  saveManifest(directory, 'm', manifest)
  for (let i = 0; i < RUNS; i++) {
    try {
      counts[await tryOne(new Dice(FIRST + i))]++
    } catch (error) {
      throw new Error(`seed ${FIRST + i}`, { cause: error })
    }
    for (const [size] of room.mock.calls) most = Math.max(most, size)
    room.mockClear()
  }
  expect(most).toBeLessThanOrEqual(ROOM_MAX)
  // Damage of every kind has been met.
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(RUNS / 50)
})
