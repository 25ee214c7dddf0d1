/** RDB files exchanged with redis-server and redis-check-rdb, and the program's life around its file. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oracle, startOracle } from './oracle.ts'
import { Dice } from './random.ts'
import { RawClient } from './raw-client.ts'
import { startRespite } from './respite.ts'
import type { ServerProcess } from './server-process.ts'

const checker = oracle === null ? '' : join(dirname(oracle), 'redis-check-rdb')

async function ask(server: ServerProcess, ...command: string[]): Promise<string> {
  const client = await RawClient.open(server.port)
  try {
    return (await client.call(...command)).toString('latin1')
  } finally {
    client.close()
  }
}

/** Where the server keeps its dataset. */
async function fileOf(server: ServerProcess): Promise<string> {
  const reply = await ask(server, 'CONFIG', 'GET', 'dir')
  return join(reply.split('\r\n')[4], 'dump.rdb')
}

/** Writes the same random dataset, over three databases, to both. */
async function fill(servers: readonly ServerProcess[], seed: number): Promise<void> {
  for (const server of servers) {
    const dice = new Dice(seed)
    const client = await RawClient.open(server.port)
    await client.call('FLUSHALL')
    for (let i = 0; i < 300; i++) {
      if (dice.oneIn(40)) await client.call('SELECT', `${dice.pick([0, 1, 15])}`)
      const key = `key:${dice.below(200)}`
      const kind = dice.below(3)
      if (kind === 0) await client.call('SET', key, randomText(dice))
      else if (kind === 1)
        await client.call('RPUSH', key, ...dice.many(1, 200, () => `${dice.between(-9, 70_000)}`))
      else await client.call('LPUSH', key, ...dice.many(1, 20, () => randomText(dice)))
      if (dice.oneIn(5)) await client.call('PEXPIREAT', key, `${4_000_000_000_000 + dice.below(1000)}`)
    }
    client.close()
  }
}

function randomText(dice: Dice): string {
  const text = dice.value()
  return dice.oneIn(2) ? text : text.repeat(dice.pick([3, 20, 400, 3000]))
}

describe.skipIf(oracle === null)('compat: RDB files', () => {
  let theirs: ServerProcess
  let ours: ServerProcess
  beforeAll(async () => {
    ;[theirs, ours] = await Promise.all([startOracle(), startRespite()])
  })
  afterAll(async () => {
    await Promise.all([theirs.stop(), ours.stop()])
  })

  test.each([1, 2, 3])('ours is loaded by redis-server, and theirs by us (seed %i)', async (seed) => {
    await fill([theirs, ours], seed)
    const expected = await ask(theirs, 'DEBUG', 'DIGEST')
    expect(await ask(ours, 'DEBUG', 'DIGEST')).toBe(expected)
    for (const server of [theirs, ours]) expect(await ask(server, 'SAVE')).toBe('+OK\r\n')
    const [theirFile, ourFile] = await Promise.all([fileOf(theirs), fileOf(ours)])
    if (existsSync(checker)) {
      const check = spawnSync(checker, [ourFile], { encoding: 'utf8' })
      expect(`${check.status} ${check.stdout}`).toMatch(/^0 [^]*RDB looks OK!/)
    }
    const kept = readFileSync(theirFile)
    copyFileSync(ourFile, theirFile)
    writeFileSync(ourFile, kept)
    for (const server of [theirs, ours]) {
      await ask(server, 'FLUSHALL')
      expect(await ask(server, 'DEBUG', 'RELOAD', 'NOSAVE')).toBe('+OK\r\n')
      expect(await ask(server, 'DEBUG', 'DIGEST')).toBe(expected)
    }
    for (let i = 0; i < 200; i++) {
      expect(await ask(ours, 'PEXPIRETIME', `key:${i}`)).toBe(await ask(theirs, 'PEXPIRETIME', `key:${i}`))
    }
  })
})

describe('the program and its file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'life-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'dump.rdb')
  const start = (): Promise<ServerProcess> =>
    startRespite(['--dir', directory, '--save', '3600 1 300 100 60 10000'])

  test('SIGTERM saves, the next start loads', async () => {
    const first = await start()
    await ask(first, 'SET', 'a', 'kept')
    await first.stop()
    expect(first.log()).toContain('DB saved on disk')
    expect(first.log()).toContain('ready to exit')
    const second = await start()
    expect(await ask(second, 'GET', 'a')).toBe('$4\r\nkept\r\n')
    expect(second.log()).toMatch(/DB loaded from disk: [\d.]+ seconds/)
    await second.stop()
  })

  test('a damaged file stops the start and stays as it is', async () => {
    const bytes = readFileSync(file)
    bytes[bytes.length - 12] ^= 1
    writeFileSync(file, bytes)
    await expect(start()).rejects.toThrow(`Fatal error loading the DB, ${file}: `)
    expect(readFileSync(file).equals(bytes)).toBe(true)
  })
})
