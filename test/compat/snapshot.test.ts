/**
 * BGSAVE of a server under load, over TCP: what the file holds is one moment of what the writers did; and redis-server
 * loads such files, also those of older versions.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oracle, startOracle } from './oracle.ts'
import { encodeCommand, RawClient } from './raw-client.ts'
import { startRespite } from './respite.ts'
import type { ServerProcess } from './server-process.ts'

const checker = oracle === null ? '' : join(dirname(oracle), 'redis-check-rdb')
const WRITERS = 4

async function ask(server: ServerProcess, ...command: string[]): Promise<string> {
  const client = await RawClient.open(server.port, 30_000)
  try {
    return (await client.call(...command)).toString('latin1')
  } finally {
    client.close()
  }
}

async function fileOf(server: ServerProcess): Promise<string> {
  const reply = await ask(server, 'CONFIG', 'GET', 'dir')
  return join(reply.split('\r\n')[4], 'dump.rdb')
}

async function saved(server: ServerProcess): Promise<void> {
  for (let i = 0; i < 500; i++) {
    const info = await ask(server, 'INFO', 'persistence')
    if (info.includes('rdb_bgsave_in_progress:0')) {
      expect(info).toContain('rdb_last_bgsave_status:ok')
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('the save does not end')
}

/** Has `to` hold what `from` has saved. */
async function hand(from: ServerProcess, to: ServerProcess): Promise<void> {
  const file = await fileOf(from)
  if (existsSync(checker)) {
    const check = spawnSync(checker, [file], { encoding: 'utf8' })
    expect(`${check.status} ${check.stdout}`).toMatch(/^0 [^]*RDB looks OK!/)
  }
  copyFileSync(file, await fileOf(to))
  expect(await ask(to, 'DEBUG', 'RELOAD', 'NOSAVE')).toBe('+OK\r\n')
}

/** One step of a writer: numbers that only grow, the same in all places when it is over. */
function stepOf(writer: number, n: number): Buffer {
  const text = `${n}`
  return Buffer.concat(
    [
      ['SET', `first:${writer}`, text],
      ['RPUSH', `list:${writer}`, text],
      ['MULTI'],
      ['SET', `left:${writer}`, text],
      ['SET', `some:${writer}:${n % 1000}`, text],
      ['SET', `right:${writer}`, text],
      ['EXEC'],
      ['LPOP', `long:${writer}`],
      ['RPUSH', `long:${writer}`, text.padStart(30, '0')],
      ['SET', `second:${writer}`, text],
    ].map((command) => encodeCommand(command)),
  )
}
const STEP_REPLIES = 10

async function write(server: ServerProcess, writer: number, isOver: () => boolean): Promise<number> {
  const client = await RawClient.open(server.port, 30_000)
  let n = 1
  for (; !isOver(); n++) {
    client.write(stepOf(writer, n))
    for (let i = 0; i < STEP_REPLIES; i++) await client.frame()
  }
  client.close()
  return n
}

test('what is saved is one moment', { timeout: 120_000 }, async () => {
  const [server, other] = await Promise.all([startRespite(['--save', '']), startRespite(['--save', ''])])
  try {
    await ask(server, 'DEBUG', 'POPULATE', '60000', 'filler', '40')
    for (let writer = 0; writer < WRITERS; writer++) {
      const elements = Array.from({ length: 20_000 }, (_, i) => `start ${i}`)
      await ask(server, 'RPUSH', `long:${writer}`, ...elements)
    }
    let over = false
    const writers = Array.from({ length: WRITERS }, (_, writer) => write(server, writer, () => over))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await ask(server, 'BGSAVE')).toBe('+Background saving started\r\n')
    await saved(server)
    over = true
    const last = await Promise.all(writers)
    await hand(server, other)
    for (let writer = 0; writer < WRITERS; writer++) {
      const number = async (key: string): Promise<number> => {
        const reply = await ask(other, 'GET', `${key}:${writer}`)
        return Number(reply.split('\r\n')[1])
      }
      const first = await number('first')
      const second = await number('second')
      expect(first).toBeGreaterThan(0)
      expect(first).toBeLessThanOrEqual(last[writer])
      expect([first, first - 1]).toContain(second)
      expect(await number('left')).toBe(await number('right'))
      expect([first, first - 1]).toContain(await number('left'))
      const length = await ask(other, 'LLEN', `list:${writer}`)
      expect([`:${first}\r\n`, `:${first - 1}\r\n`]).toContain(length)
      const tail = await ask(other, 'LINDEX', `long:${writer}`, '-1')
      expect([first, first - 1]).toContain(Number(tail.split('\r\n')[1]))
      expect([':20000\r\n', ':19999\r\n']).toContain(await ask(other, 'LLEN', `long:${writer}`))
    }
    expect((await ask(other, 'KEYS', 'filler:*')).split('\r\n')[0]).toBe('*60000')
  } finally {
    await Promise.all([server.stop(), other.stop()])
  }
})

describe.skipIf(oracle === null)('compat: files of a snapshot', () => {
  let theirs: ServerProcess
  let ours: ServerProcess
  beforeAll(async () => {
    ;[theirs, ours] = await Promise.all([startOracle(), startRespite(['--save', ''])])
    const client = await RawClient.open(ours.port, 30_000)
    for (const db of ['0', '3', '15']) {
      await client.call('SELECT', db)
      for (const size of [0, 5, 30, 300, 5000, 70_000]) {
        await client.call('SET', `string:${size}`, `${size}`.repeat(size).slice(0, size))
        await client.call('RPUSH', `list:${size}`, 'a', '12', '-70000', '9'.repeat(19), 'x'.repeat(size))
      }
      for (let i = 0; i < 40; i++) {
        const elements = Array.from(
          { length: 1000 },
          (_, n) => `${n % 3 === 0 ? n * i : `element ${i}:${n}`}`,
        )
        await client.call('RPUSH', 'long', ...elements)
      }
      await client.call('RPUSH', 'long', 'y'.repeat(400_000))
      await client.call('SETRANGE', 'longer', '1200000', 'end')
      await client.call('PEXPIREAT', 'string:30', '4000000000000')
    }
    client.close()
  })
  afterAll(async () => {
    await Promise.all([theirs.stop(), ours.stop()])
  })

  test.each(['6', '7', '8', '9', '10'])('redis-server loads version %s', async (version) => {
    await ask(ours, 'CONFIG', 'SET', 'rdb-version', version)
    const expected = await ask(ours, 'DEBUG', 'DIGEST')
    expect(await ask(ours, 'BGSAVE')).toBe('+Background saving started\r\n')
    await saved(ours)
    await hand(ours, theirs)
    expect(await ask(theirs, 'DEBUG', 'DIGEST')).toBe(expected)
    const client = await RawClient.open(ours.port)
    await client.call('SELECT', '3')
    const payload = await client.call('DUMP', 'list:300')
    client.close()
    const other = await RawClient.open(theirs.port)
    const bytes = payload.subarray(payload.indexOf('\n') + 1, -2)
    expect((await other.call('RESTORE', `copy${version}`, '0', bytes)).toString()).toBe('+OK\r\n')
    expect((await other.call('LINDEX', `copy${version}`, '3')).toString()).toContain('9'.repeat(19))
    other.close()
  })

  test('a version that we do not write is refused', async () => {
    for (const version of ['5', '13', 'x']) {
      expect(await ask(ours, 'CONFIG', 'SET', 'rdb-version', version)).toMatch(/^-ERR CONFIG SET failed /)
    }
  })
})
