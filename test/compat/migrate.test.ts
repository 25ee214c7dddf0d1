/** MIGRATE beside redis-server: to it, from it, between two of ours; what it refuses and how it fails. */
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oracle, startOracle } from './oracle.ts'
import { type Argument, RawClient } from './raw-client.ts'
import { startRespite } from './respite.ts'
import type { ServerProcess } from './server-process.ts'

interface Side {
  readonly server: ServerProcess
  readonly client: RawClient
}

async function ask({ client }: Side, ...command: Argument[]): Promise<string> {
  return (await client.call(...command)).toString('latin1')
}

async function side(server: ServerProcess): Promise<Side> {
  return { server, client: await RawClient.open(server.port) }
}

/** A server that says nothing, and lets the test answer; `accepted` are its connections. */
async function mute(): Promise<{ server: Server; port: number; accepted: Socket[] }> {
  const accepted: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    accepted.push(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address !== 'object') throw new Error('no address')
  return { server, port: address.port, accepted }
}

const NOKEY = '+NOKEY\r\n'
const OK = '+OK\r\n'

describe.skipIf(oracle === null)('compat: MIGRATE', () => {
  let theirs: Side
  let ours: Side
  let target: Side
  beforeAll(async () => {
    ;[theirs, target, ours] = await Promise.all([
      startOracle().then(side),
      startOracle().then(side),
      startRespite().then(side),
    ])
    await ask(target, 'CONFIG', 'SET', 'requirepass', 'secret')
  })
  afterAll(async () => {
    for (const { client, server } of [theirs, ours, target]) {
      client.close()
      await server.stop()
    }
  })

  const port = ({ server }: Side): string => `${server.port}`
  const values: readonly (readonly Argument[])[] = [
    ['SET', 'text', 'a value'],
    ['SET', 'number', '12345'],
    ['SET', 'empty', ''],
    ['SET', 'long', 'abc'.repeat(50_000)],
    ['SET', 'bin\xff\x00key', '\x00\xff\r\n'],
    ['RPUSH', 'list', 'a', '1', '', 'x'.repeat(300)],
    ['RPUSH', 'long list', ...Array.from({ length: 3000 }, (_, i) => `element ${i}`)],
  ]
  const names = values.map((command) => command[1])

  test('both ways, with deadlines, every value by DUMP', async () => {
    await ask(theirs, 'FLUSHALL')
    await ask(ours, 'FLUSHALL')
    for (const command of values) await ask(ours, ...command)
    await ask(ours, 'PEXPIREAT', 'text', '4000000000123')
    await ask(ours, 'PEXPIREAT', 'list', '4000000000456')
    const dumps = async (of: Side): Promise<string[]> => {
      // Two compressors need not find the same repetitions.
      await ask(of, 'CONFIG', 'SET', 'rdbcompression', 'no')
      const all: string[] = []
      for (const name of names) all.push(await ask(of, 'DUMP', name))
      await ask(of, 'CONFIG', 'SET', 'rdbcompression', 'yes')
      return all
    }
    const kept = await dumps(ours)
    for (const [from, to] of [
      [ours, theirs],
      [theirs, ours],
    ]) {
      expect(await ask(from, 'MIGRATE', '127.0.0.1', port(to), '', '0', '5000', 'KEYS', ...names)).toBe(OK)
      expect(await ask(from, 'DBSIZE')).toBe(':0\r\n')
      expect(await ask(to, 'DBSIZE')).toBe(`:${names.length}\r\n`)
      expect(await dumps(to)).toEqual(kept)
      // The time to live travels, not the deadline: some of it is lost or won on the way.
      for (const name of ['text', 'list']) {
        const deadline = Number((await ask(to, 'PEXPIRETIME', name)).slice(1))
        expect(Math.abs(deadline - 4_000_000_000_300)).toBeLessThan(10_000)
      }
      expect(await ask(to, 'PTTL', 'long')).toBe(':-1\r\n')
    }
  })

  test('another database, COPY, REPLACE and BUSYKEY', async () => {
    for (const [from, to] of [
      [ours, theirs],
      [theirs, ours],
    ]) {
      await ask(from, 'FLUSHALL')
      await ask(to, 'FLUSHALL')
      await ask(from, 'SET', 'k', 'one')
      const run = (...rest: string[]): Promise<string> =>
        ask(from, 'MIGRATE', '127.0.0.1', port(to), 'k', ...rest)
      expect(await run('3', '1000', 'COPY')).toBe(OK)
      expect(await ask(from, 'GET', 'k')).toBe('$3\r\none\r\n')
      expect(await run('3', '1000')).toBe(
        '-ERR Target instance replied with error: BUSYKEY Target key name already exists.\r\n',
      )
      await ask(from, 'SET', 'k', 'two')
      expect(await run('3', '1000', 'REPLACE')).toBe(OK)
      expect(await ask(from, 'EXISTS', 'k')).toBe(':0\r\n')
      await ask(to, 'SELECT', '3')
      expect(await ask(to, 'GET', 'k')).toBe('$3\r\ntwo\r\n')
      await ask(to, 'SELECT', '0')
      await ask(from, 'SET', 'k', 'three')
      expect(await run('0', '1000')).toBe(OK)
      expect(await ask(to, 'GET', 'k')).toBe('$5\r\nthree\r\n')
    }
  })

  test('of several keys those that arrive go', async () => {
    for (const from of [ours, theirs]) {
      await ask(from, 'FLUSHALL')
      await ask(target, 'FLUSHALL')
      await ask(target, 'SET', 'b', 'in the way')
      for (const key of ['a', 'b', 'c']) await ask(from, 'SET', key, key)
      const command = ['MIGRATE', '127.0.0.1', port(target), '', '0', '1000', 'AUTH', 'secret', 'KEYS']
      expect(await ask(from, ...command, 'a', 'b', 'none', 'c')).toMatch(
        /^-ERR Target instance replied with error: BUSYKEY/,
      )
      expect(await ask(from, 'KEYS', '*')).toBe('*1\r\n$1\r\nb\r\n')
      expect(await ask(target, 'DBSIZE')).toBe(':3\r\n')
    }
  })

  test('AUTH and AUTH2, right and wrong', async () => {
    for (const from of [ours, theirs]) {
      await ask(target, 'FLUSHALL')
      await ask(from, 'SET', 'k', 'v')
      const run = (...rest: string[]): Promise<string> =>
        ask(from, 'MIGRATE', '127.0.0.1', port(target), 'k', '0', '1000', 'COPY', 'REPLACE', ...rest)
      expect(await run('AUTH', 'wrong')).toMatch(/^-ERR Target instance replied with error: WRONGPASS/)
      expect(await run('AUTH', 'secret')).toBe(OK)
      expect(await run('AUTH2', 'default', 'secret')).toBe(OK)
      expect(await run('AUTH2', 'nobody', 'secret')).toMatch(
        /^-ERR Target instance replied with error: WRONGPASS/,
      )
    }
  })

  test('the same refusals', async () => {
    for (const from of [ours, theirs]) await ask(from, 'SET', 'k', 'v')
    const refusals: readonly (readonly string[])[] = [
      [],
      ['127.0.0.1', '1', 'k', '0'],
      ['127.0.0.1', '1', 'k', '0', 'x'],
      ['127.0.0.1', '1', 'k', 'x', '100'],
      ['127.0.0.1', '1', 'none', '0', '100'],
      ['127.0.0.1', '1', '', '0', '100'],
      ['127.0.0.1', '1', '', '0', '100', 'KEYS'],
      ['127.0.0.1', '1', 'k', '0', '100', 'KEYS', 'k'],
      ['127.0.0.1', '1', 'k', '0', '100', 'WHAT'],
      ['127.0.0.1', '1', 'k', '0', '100', 'AUTH'],
      ['127.0.0.1', '1', 'k', '0', '100', 'AUTH2', 'x'],
      ['127.0.0.1', '1', 'k', '0', '100'],
      ['127.0.0.1', '1', 'k', '0', '-1', 'COPY', 'REPLACE', 'AUTH', 'x'],
      ['127.0.0.1', 'abc', 'k', '0', '100'],
      ['127.0.0.1', '99999', 'k', '0', '100'],
    ]
    for (const words of refusals) {
      expect(await ask(ours, 'MIGRATE', ...words), words.join(' ')).toBe(
        await ask(theirs, 'MIGRATE', ...words),
      )
    }
    expect(await ask(ours, 'EXISTS', 'k')).toBe(':1\r\n')
    expect(await ask(ours, 'MIGRATE', '127.0.0.1', '1', 'none', '0', '100')).toBe(NOKEY)
  })

  test('a target that does not answer: IOERR, and the key stays', async () => {
    const { server, port: silent } = await mute()
    for (const from of [ours, theirs]) {
      await ask(from, 'SET', 'k', 'v')
      expect(await ask(from, 'MIGRATE', '127.0.0.1', `${silent}`, 'k', '0', '50')).toBe(
        '-IOERR error or timeout reading to target instance\r\n',
      )
      expect(await ask(from, 'GET', 'k')).toBe('$1\r\nv\r\n')
    }
    server.close()
  })
})

describe('MIGRATE between two of ours', () => {
  let from: Side
  let to: Side
  beforeAll(async () => {
    ;[from, to] = await Promise.all([startRespite().then(side), startRespite().then(side)])
  })
  afterAll(async () => {
    for (const { client, server } of [from, to]) {
      client.close()
      await server.stop()
    }
  })

  test('a kept connection that has died is replaced', async () => {
    const migrate = (): Promise<string> =>
      ask(from, 'MIGRATE', '127.0.0.1', `${to.server.port}`, 'k', '0', '1000', 'REPLACE')
    for (let i = 0; i < 2; i++) {
      await ask(from, 'SET', 'k', `${i}`)
      expect(await migrate()).toBe(OK)
      expect(await ask(from, 'INFO', 'stats')).toContain('migrate_cached_sockets:1\r\n')
      await ask(to, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    }
    expect(await ask(to, 'GET', 'k')).toBe('$1\r\n1\r\n')
  })

  test('what touches the key waits for the answer, everything else runs', async () => {
    const silent = await mute()
    await ask(from, 'MSET', 'k', 'v', 'other', '1')
    const migrating = ask(from, 'MIGRATE', '127.0.0.1', `${silent.port}`, 'k', '0', '10000')
    const waiting = await Promise.all(Array.from({ length: 3 }, () => side(from.server)))
    const order: string[] = []
    // MIGRATE has begun when its request has arrived over there.
    await until(() => silent.accepted[0] !== undefined && silent.accepted[0].bytesRead > 0)
    const held = [['GET', 'k'], ['FLUSHALL'], ['DEL', 'other', 'k']].map(async (command, i) => {
      order.push(`${command[0]} ${await ask(waiting[i], ...command)}`)
    })
    const free = await side(from.server)
    expect(await ask(free, 'INCR', 'other')).toBe(':2\r\n')
    expect(await ask(free, 'PING')).toBe('+PONG\r\n')
    expect(order).toEqual([])
    silent.accepted[0].write('+OK\r\n+OK\r\n')
    expect(await migrating).toBe(OK)
    await Promise.all(held)
    expect(order.sort()).toEqual(['DEL :0\r\n', 'FLUSHALL +OK\r\n', 'GET $-1\r\n'])
    for (const { client } of [...waiting, free]) client.close()
    silent.server.close()
    for (const socket of silent.accepted) socket.destroy()
  })

  test('the keys go even when the client that asked has gone', async () => {
    const silent = await mute()
    await ask(from, 'SET', 'k', 'v')
    const leaving = await side(from.server)
    leaving.client.write(`MIGRATE 127.0.0.1 ${silent.port} k 0 10000\r\n`)
    await until(() => silent.accepted[0] !== undefined && silent.accepted[0].bytesRead > 0)
    await leaving.client.hangUp()
    silent.accepted[0].write('+OK\r\n+OK\r\n')
    expect(await ask(from, 'EXISTS', 'k')).toBe(':0\r\n')
    silent.server.close()
    for (const socket of silent.accepted) socket.destroy()
  })

  test('nonsense from the target fails the migration, not the server', async () => {
    await ask(from, 'SET', 'k', 'v')
    for (const nonsense of [
      'HTTP/1.1 400 Bad\r\n',
      '*'.repeat(9),
      '*1\r\n'.repeat(200_000),
      '*2147483647\r\n',
    ]) {
      const server = await mute()
      server.server.on('connection', (socket) => socket.write(nonsense))
      expect(
        await ask(from, 'MIGRATE', '127.0.0.1', `${server.port}`, 'k', '0', '200'),
        nonsense.slice(0, 20),
      ).toMatch(/^-IOERR error or timeout/)
      server.server.close()
      for (const socket of server.accepted) socket.destroy()
    }
    expect(await ask(from, 'GET', 'k')).toBe('$1\r\nv\r\n')
  })

  test('not inside a transaction', async () => {
    await ask(from, 'MULTI')
    expect(await ask(from, 'MIGRATE', '127.0.0.1', '1', 'k', '0', '100')).toBe(
      '-ERR Command not allowed inside a transaction\r\n',
    )
    await ask(from, 'DISCARD')
  })
})

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  if (!done()) throw new Error('did not come to pass')
}
