/** What goes wrong at a test's wish: late, broken, piecemeal and refused replies, and clients that live with them. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { connect as tlsConnect } from 'node:tls'
import * as fc from 'fast-check'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createServer, type RespiteServer, type ServerOptions } from '../../src/index.ts'
import { freePort } from '../compat/server-process.ts'
import { Certificates, hasOpenssl } from '../network/certificates.ts'

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

async function start(options: ServerOptions = {}): Promise<RespiteServer> {
  const server = await createServer({ seed: 1, ...options })
  endings.push(() => server.close())
  return server
}

function ioredis(to: RespiteServer, options: object = {}): Redis {
  const redis = new Redis({ ...to.connectionOptions(), retryStrategy: () => 1, ...options })
  redis.on('error', () => {})
  endings.push(() => redis.disconnect())
  return redis
}

/** A socket that notes what it reads, chunk by chunk, and how it ended. */
class Wire {
  readonly chunks: string[] = []
  ended: 'open' | 'end' | 'reset' = 'open'
  private readonly socket: Socket

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => this.chunks.push(chunk.toString('latin1')))
    socket.on('end', () => {
      this.ended = 'end'
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') this.ended = 'reset'
    })
  }

  static open(to: RespiteServer): Promise<Wire> {
    return Wire.on(connect({ ...to.connectionOptions(), noDelay: true }))
  }

  static async on(socket: Socket): Promise<Wire> {
    await once(socket, 'connect')
    endings.push(() => socket.destroy())
    return new Wire(socket)
  }

  get text(): string {
    return this.chunks.join('')
  }

  /** Sends inline commands at once; resolves when nothing has come for some turns of the loop, or the socket ended. */
  async send(...commands: readonly string[]): Promise<string[]> {
    this.chunks.length = 0
    this.socket.write(commands.map((command) => `${command}\r\n`).join(''))
    await this.quiet()
    return [...this.chunks]
  }

  async quiet(): Promise<void> {
    for (let idle = 0, seen = -1; idle < 12 && !this.socket.closed; idle++) {
      // At last the system gets the time it may need to carry bytes.
      await (idle < 11 ? turn() : wait(2))
      if (this.chunks.length !== seen) idle = 0
      seen = this.chunks.length
    }
  }
}

let server: RespiteServer
beforeEach(async () => {
  server = await start()
})

describe('answers', () => {
  const cases = [
    ['READONLY', 'SET k v', 'GET k', "-READONLY You can't write against a read only replica."],
    ['OOM', 'SET k v', 'GET k', "-OOM command not allowed when used memory > 'maxmemory'."],
    ['LOADING', 'GET k', 'CONFIG GET nosuch', '-LOADING Redis is loading the dataset in memory'],
    ['MISCONF', 'DEL k', 'GET k', '-MISCONF Redis is configured to save RDB snapshots, but'],
    ['MASTERDOWN', 'GET k', 'SUBSCRIBE c', '-MASTERDOWN Link with MASTER is down'],
    ['BUSY', 'GET k', 'MULTI', '-BUSY Redis is busy running a script.'],
  ] as const
  test.each(cases)(
    '%s for what Redis would refuse so, and for nothing else',
    async (name, struck, spared, line) => {
      const wire = await Wire.open(server)
      const before = (await wire.send(spared)).join('')
      await wire.send('RESET')
      const fault = server.faults.answer(name)
      expect((await wire.send(struck)).join('')).toContain(line)
      expect((await wire.send(spared)).join('')).toBe(before)
      expect(fault.hits).toBe(1)
      await wire.send('RESET')
      fault.remove()
      expect((await wire.send(struck)).join('')).not.toContain(name)
    },
  )

  test('for chosen commands, subcommands and categories, so many times and after so many', async () => {
    const wire = await Wire.open(server)
    server.faults.answer('ERR no', { commands: ['get', 'CONFIG SET', 'client|id'] })
    server.faults.answer('MOVED 1 127.0.0.1:7000', { commands: '@list', times: 2, skip: 1 })
    const replies = await wire.send(
      'GET k',
      'SET k v',
      'CONFIG SET hz 10',
      'CLIENT ID',
      'CLIENT GETNAME',
      'LLEN l',
      'RPUSH l a',
      'LLEN l',
      'LLEN l',
    )
    expect(replies.join('').split('\r\n').slice(0, -1)).toEqual([
      '-ERR no',
      '+OK',
      '-ERR no',
      '-ERR no',
      '$-1',
      ':0',
      '-MOVED 1 127.0.0.1:7000',
      '-MOVED 1 127.0.0.1:7000',
      ':0',
    ])
  })

  test('a refusal in MULTI is one of the queueing, and it counts as any other', async () => {
    const wire = await Wire.open(server)
    server.faults.answer('OOM')
    expect((await wire.send('MULTI', 'GET k', 'SET k v', 'EXEC')).join('')).toBe(
      "+OK\r\n+QUEUED\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n" +
        '-EXECABORT Transaction discarded because of previous errors.\r\n',
    )
    expect(await server.call('INFO', 'errorstats')).toContain('errorstat_OOM:count=1')
    expect(await server.call('INFO', 'commandstats')).toMatch(/cmdstat_set:calls=0,.*rejected_calls=1/)
  })

  test('a client waits until the dataset is loaded', async () => {
    const fault = server.faults.answer('LOADING')
    const redis = ioredis(server, { maxLoadingRetryTime: 5 })
    const written = redis.set('k', 'v')
    await expect.poll(() => redis.status).toBe('connect')
    await wait(30)
    expect([fault.hits, redis.status]).toEqual([0, 'connect'])
    expect(await server.call('INFO', 'persistence')).toContain('loading:1')
    fault.remove()
    expect(await written).toBe('OK')
    expect(await server.call('INFO', 'persistence')).toContain('loading:0')
  })

  test('READONLY has a client reconnect and send again', async () => {
    const redis = ioredis(server, {
      reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 2 : false),
    })
    await redis.ping()
    const fault = server.faults.answer('READONLY', { times: 2 })
    const before = Number(await server.call('CLIENT', 'ID'))
    expect(await redis.incr('n')).toBe(1)
    expect(fault.hits).toBe(2)
    expect(await redis.client('ID')).toBe(before + 2)
  })

  test('errors that cannot be are refused by name', () => {
    const { faults } = server
    expect(() => faults.answer('OOM', { commands: ['GET', 'GETT'] })).toThrow("there is no command 'GETT'")
    expect(() => faults.drop({ commands: 'CONFIG WET' })).toThrow("there is no command 'CONFIG WET'")
    expect(() => faults.drop({ commands: '@nosuch' })).toThrow("there is no category '@nosuch'")
    expect(() => faults.answer('oops' as 'OOM')).toThrow("'oops' is no error")
    expect(() => faults.drop({ rate: 2 })).toThrow('rate')
    expect(() => faults.drop({ times: 0 })).toThrow('times')
    expect(() => faults.drop({ skip: 0.5 })).toThrow('skip')
    expect(() => faults.drop({ at: -1 })).toThrow('at')
    expect(() => faults.delay({ ms: [5, 4] })).toThrow('ms')
    expect(() => faults.delay({ ms: [0, Number.POSITIVE_INFINITY] })).toThrow('ms')
    expect(() => faults.split({ bytes: 0 })).toThrow('bytes')
  })
})

describe('breaks', () => {
  test('drop: the connection ends after what was replied before; the command has not run', async () => {
    const wire = await Wire.open(server)
    server.faults.drop({ commands: 'INCR' })
    await wire.send('SET a 1', 'INCR n', 'SET b 1')
    expect([wire.text, wire.ended]).toEqual(['+OK\r\n', 'end'])
    expect(server.keys()).toEqual(['a'])
  })

  test('at reply: the command has run, and nobody was told', async () => {
    const wire = await Wire.open(server)
    server.faults.drop({ commands: 'INCR', at: 'reply' })
    await wire.send('SET a 1', 'INCR n', 'SET b 1')
    expect([wire.text, wire.ended]).toEqual(['+OK\r\n', 'end'])
    expect(server.keys()).toEqual(['a', 'n'])
  })

  test.each([0, 1, 5, 9, 10, 99])('after %i bytes of the reply', async (at) => {
    await server.call('SET', 'k', 'abcd')
    const wire = await Wire.open(server)
    server.faults.drop({ commands: 'GET', at })
    await wire.send('GET k', 'PING')
    expect([wire.text, wire.ended]).toEqual(['$4\r\nabcd\r\n'.slice(0, at), 'end'])
  })

  test('reset', async () => {
    await server.call('SET', 'k', 'abcd')
    server.faults.reset({ commands: 'GET', at: 3 })
    server.faults.reset({ commands: 'INCR' })
    const first = await Wire.open(server)
    await first.send('GET k')
    expect([first.text, first.ended]).toEqual(['$4\r', 'reset'])
    const second = await Wire.open(server)
    await second.send('PING')
    await second.send('INCR n')
    expect([second.ended, server.keys()]).toEqual(['reset', ['k']])
  })

  test('a blocked command, once it is served', async () => {
    const wire = await Wire.open(server)
    server.faults.drop({ commands: 'BLPOP', at: 'reply' })
    await wire.send('BLPOP q 0')
    expect(wire.ended).toBe('open')
    await server.call('RPUSH', 'q', 'job')
    await wire.quiet()
    expect([wire.text, wire.ended, server.keys()]).toEqual(['', 'end', []])
  })

  test.each(['drop', 'reset'] as const)('ioredis recovers from every %s', async (kind) => {
    server.faults[kind]({ commands: 'INCR', rate: 0.3 })
    const fault = server.faults[kind]({ commands: '@connection', times: 3, skip: 1 })
    const redis = ioredis(server, { maxRetriesPerRequest: null })
    for (let i = 1; i <= 50; i++) expect(await redis.incr('n')).toBe(i)
    expect(fault.hits).toBe(3)
  })

  test('a retry of what has run already runs again: the fault that shows it', async () => {
    const redis = ioredis(server)
    server.faults.drop({ commands: 'INCR', at: 'reply', times: 1 })
    expect(await redis.incr('n')).toBe(2)
  })

  test('node-redis reconnects after a reset', async () => {
    const client = createClient({
      ...server.connectionOptions(),
      socket: { ...server.connectionOptions().socket, reconnectStrategy: 1 },
    })
    client.on('error', () => {})
    await client.connect()
    endings.push(() => client.destroy())
    const fault = server.faults.reset({ commands: 'SET', times: 1 })
    await client.set('k', 'v').catch(() => {})
    expect(await client.set('k', 'w')).toBe('OK')
    expect(fault.hits).toBe(1)
  })
})

/** Replies of every kind, as a client reads them. */
async function everything(run: (...words: string[]) => Promise<unknown>): Promise<unknown[]> {
  const replies: unknown[] = []
  for (const line of [
    'SET k ü€\r',
    'GET k',
    'GET none',
    'RPUSH l a  bb ccc',
    'LRANGE l 0 -1',
    'LRANGE none 0 -1',
    'LPOP none 2',
    'INCRBY n -1234567',
    'LPUSH k wrong',
    'MULTI',
    'GET k',
    'EXEC',
    'COMMAND INFO get nosuch',
  ]) {
    replies.push(await run(...line.split(' ')).catch((error: unknown) => String(error)))
  }
  return replies
}

describe('pieces', () => {
  test('replies leave byte by byte, each read by itself', async () => {
    await server.call('SET', 'k', 'abc')
    const wire = await Wire.open(server)
    server.faults.split({ commands: 'GET' })
    expect(await wire.send('PING', 'GET k', 'PING')).toEqual([
      '+PONG\r\n',
      ...Array.from('$3\r\nabc\r\n'),
      '+PONG\r\n',
    ])
  })

  test('with no command named, messages too', async () => {
    const wire = await Wire.open(server)
    await wire.send('SUBSCRIBE news')
    server.faults.split({ bytes: 7 })
    wire.chunks.length = 0
    await server.call('PUBLISH', 'news', 'hello')
    await wire.quiet()
    expect(wire.chunks.map(({ length }) => length)).toEqual([7, 7, 7, 7, 7, 3])
    expect(wire.text).toBe('*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n')
  })

  test.each([1, 2, 3, [1, 9]] as const)(
    'ioredis and node-redis read them right in pieces of %s',
    async (bytes) => {
      const clean = await start()
      const redises = [server, clean].map((one) => ioredis(one))
      const clients = [server, clean].map((one) => createClient({ ...one.connectionOptions(), RESP: 3 }))
      for (const client of clients) {
        await client.connect()
        endings.push(() => client.destroy())
      }
      server.faults.split({ bytes })
      const [split, whole] = await Promise.all(
        redises.map((redis) => everything((name = '', ...args) => redis.call(name, ...args))),
      )
      expect(split).toEqual(whole)
      await Promise.all([server, clean].map((one) => one.flush()))
      const [split3, whole3] = await Promise.all(
        clients.map((client) => everything((...words) => client.sendCommand(words))),
      )
      expect(split3).toEqual(whole3)
    },
  )

  test('a reply of every length is read right wherever it is cut once', async () => {
    const redis = ioredis(server)
    await server.call('SET', 'k', 'v'.repeat(12))
    for (let bytes = 1; bytes < 20; bytes++) {
      const fault = server.faults.split({ bytes: [bytes, 1000] })
      expect(await Promise.all([redis.get('k'), redis.get('none'), redis.strlen('k')])).toEqual([
        'v'.repeat(12),
        null,
        12,
      ])
      fault.remove()
    }
  })
})

/** Pieces, a reset and a drop on connections that know no reset. */
async function check(one: RespiteServer, open: () => Socket): Promise<void> {
  await one.call('SET', 'k', 'abc')
  one.faults.split({ commands: 'GET' })
  one.faults.reset({ commands: 'STRLEN' })
  one.faults.drop({ commands: 'APPEND', at: 'reply' })
  const first = await Wire.on(open())
  await first.send('GET k', 'STRLEN k')
  await expect.poll(() => first.ended).toBe('end')
  expect([first.text, first.ended]).toEqual(['$3\r\nabc\r\n', 'end'])
  const second = await Wire.on(open())
  await second.send('PING', 'APPEND k d')
  await expect.poll(() => second.ended).toBe('end')
  expect([second.text, second.ended]).toEqual(['+PONG\r\n', 'end'])
  expect(one.inspect('k')?.value).toBe('abcd')
}

describe('other ways to connect', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faults-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('a unix socket: a reset is an end', async () => {
    const path = join(folder, 'socket')
    const one = await start({ unixsocket: path })
    await check(one, () => connect(path))
  })

  test.skipIf(!hasOpenssl)('TLS: a reset is an end', async () => {
    const certificates = new Certificates()
    endings.push(() => certificates.remove())
    certificates.make('server')
    const one = await start({
      port: 0,
      'tls-port': await freePort(),
      'tls-cert-file': certificates.path('server.crt'),
      'tls-key-file': certificates.path('server.key'),
      'tls-auth-clients': 'no',
      'tls-ca-cert-file': certificates.path('ca.crt'),
    })
    const ca = readFileSync(certificates.path('ca.crt'))
    await check(one, () => tlsConnect({ host: '127.0.0.1', port: one.port, ca }))
  })
})

describe('delays', () => {
  const time = { clock: 'manual', now: 0 } as const

  test('the command runs, and its reply leaves when time has passed', async () => {
    const manual = await start(time)
    const redis = ioredis(manual)
    await redis.ping()
    const fault = manual.faults.delay({ commands: 'SET', ms: 100 })
    let replied = false
    const done = redis.set('k', 'v', () => {
      replied = true
    })
    await manual.clock.advance(99)
    expect([manual.keys(), replied, fault.hits]).toEqual([['k'], false, 1])
    await manual.clock.advance(1)
    await done
  })

  test('nothing on the connection overtakes it, and delays run side by side', async () => {
    const manual = await start(time)
    const wire = await Wire.open(manual)
    const other = await Wire.open(manual)
    manual.faults.delay({ commands: 'GET', ms: 100 })
    // Of two that strike the same command the longer counts.
    manual.faults.delay({ commands: ['GET', 'ECHO'], ms: 20 })
    expect(await wire.send('PING', 'GET k', 'ECHO a', 'SUBSCRIBE news', 'PING')).toEqual(['+PONG\r\n'])
    expect(await other.send('PUBLISH news hello')).toEqual([':1\r\n'])
    await manual.clock.advance(50)
    expect(wire.text).toBe('+PONG\r\n')
    await manual.clock.advance(50)
    expect(wire.text).toBe(
      '+PONG\r\n$-1\r\n$1\r\na\r\n*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n' +
        '*2\r\n$4\r\npong\r\n$0\r\n\r\n*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n',
    )
  })

  test('with no command named, messages are late too; a break, a refusal and pieces can be', async () => {
    const manual = await start(time)
    const wire = await Wire.open(manual)
    await wire.send('SUBSCRIBE news')
    const second = await Wire.open(manual)
    manual.faults.delay({ ms: 10 })
    manual.faults.answer('OOM', { commands: 'SET' })
    manual.faults.drop({ commands: 'INCR' })
    manual.faults.split({ commands: 'ECHO' })
    wire.chunks.length = 0
    await manual.call('PUBLISH', 'news', 'hello')
    expect(await second.send('SET k v', 'ECHO a', 'INCR n', 'PING')).toEqual([])
    await manual.clock.advance(9)
    expect([wire.text, second.text, second.ended]).toEqual(['', '', 'open'])
    await manual.clock.advance(1)
    expect(wire.text).toContain('hello')
    expect(second.text).toMatch(/^-OOM .*\r\n\$1\r\na\r\n$/)
    expect([second.ended, manual.keys()]).toEqual(['end', []])
  })

  test('time goes on when the pieces of what fell due have left', async () => {
    const manual = await start(time)
    const wire = await Wire.open(manual)
    manual.faults.delay({ ms: 10 })
    manual.faults.split()
    await wire.send(`ECHO ${'a'.repeat(40)}`)
    await manual.clock.advance(10)
    expect(wire.text).toBe(`$40\r\n${'a'.repeat(40)}\r\n`)
  })

  test('real time, a client that gives up, and a reply that never leaves', async () => {
    const redis = ioredis(server)
    const hasty = ioredis(server, { commandTimeout: 500 })
    await hasty.ping()
    const slow = server.faults.delay({ commands: 'GET', ms: [2, 5] })
    expect(await redis.get('k')).toBeNull()
    slow.remove()
    const never = server.faults.delay({ commands: 'SET', ms: Number.POSITIVE_INFINITY })
    await expect(hasty.set('k', 'v')).rejects.toThrow('Command timed out')
    expect(server.keys()).toEqual(['k'])
    const late = hasty.get('k')
    never.remove()
    expect(await late).toBe('v')
  })

  test('QUIT and a blocked command', async () => {
    const manual = await start(time)
    const wire = await Wire.open(manual)
    manual.faults.delay({ commands: ['QUIT', 'BLPOP'], ms: 10 })
    await wire.send('BLPOP q 1', 'QUIT', 'PING')
    await manual.clock.advance(1009)
    expect(wire.text).toBe('')
    await manual.clock.advance(11)
    expect([wire.text, wire.ended]).toEqual(['*-1\r\n+OK\r\n', 'end'])
  })

  test('what is sent before a late reply in the same turn leaves at once', async () => {
    const manual = await start(time)
    const wire = await Wire.open(manual)
    const other = await Wire.open(manual)
    await wire.send('HELLO 3', 'SUBSCRIBE c')
    manual.faults.delay({ commands: 'BLPOP', ms: 10 })
    await wire.send('BLPOP l 0')
    await other.send('PUBLISH c x', 'RPUSH l a', 'PUBLISH c y')
    const message = '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n'
    await wire.quiet()
    expect(wire.text).toBe(`${message}x\r\n`)
    await manual.clock.advance(10)
    expect(wire.text).toBe(`${message}x\r\n*2\r\n$1\r\nl\r\n$1\r\na\r\n${message}y\r\n`)
  })

  test('a command that another gate holds back is struck once', async () => {
    const manual = await start(time)
    const wire = await Wire.open(manual)
    const fault = manual.faults.delay({ commands: 'GET', ms: 5 })
    await manual.call('CLIENT', 'PAUSE', 100)
    await wire.send('GET k')
    await manual.clock.advance(104)
    expect([wire.text, fault.hits]).toEqual(['', 1])
    await manual.clock.advance(1)
    expect(wire.text).toBe('$-1\r\n')
  })
})

/** What two clients read that do `steps`: commands, each of one of them, or milliseconds that pass. */
async function readBy(
  one: RespiteServer,
  steps: readonly (number | readonly [0 | 1, string])[],
): Promise<string[]> {
  const wires = [await Wire.open(one), await Wire.open(one)]
  const read = ['', '']
  const note = (): void => {
    for (const [i, wire] of wires.entries()) read[i] += wire.chunks.splice(0).join('')
  }
  for (const step of steps) {
    if (typeof step === 'number') await one.clock.advance(step)
    else await wires[step[0]].send(step[1])
    note()
  }
  one.faults.clear()
  await one.clock.advance(10_000)
  for (const wire of wires) await wire.quiet()
  note()
  return read
}

test('late and piecemeal replies are the same bytes in the same order', { timeout: 60_000 }, async () => {
  const lines = `SET k v|GET k|INCR k|RPUSH l a b|LPOP l|BLPOP l 0.05|LRANGE l 0 -1|PING|HELLO 3|RESET|FLUSHALL|NOSUCH
SUBSCRIBE c|UNSUBSCRIBE c|PUBLISH c hello|MULTI|EXEC|CLIENT REPLY SKIP|CLIENT REPLY OFF|CLIENT REPLY ON
CLIENT TRACKING ON|CLIENT TRACKING OFF|CLIENT PAUSE 20 WRITE`
  const command = fc.constantFrom(...lines.split(/[|\n]/))
  const wire = fc.constantFrom<(0 | 1)[]>(0, 1)
  const steps = fc.array(
    fc.oneof({ weight: 4, arbitrary: fc.tuple(wire, command) }, { weight: 1, arbitrary: fc.nat(60) }),
    {
      maxLength: 25,
    },
  )
  const time = { clock: 'manual', now: 0 } as const
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(), fc.boolean(), async (doing, seed, all) => {
      const [clean, faulty] = [await start(time), await start({ ...time, seed })]
      faulty.faults.delay({ ms: [1, 40], rate: 0.4 })
      faulty.faults.split({ bytes: [1, 30], rate: 0.4 })
      if (all) faulty.faults.delay({ ms: [0, 30] })
      expect(await readBy(faulty, doing)).toEqual(await readBy(clean, doing))
    }),
    { numRuns: 25 },
  )
})

describe('without a socket', () => {
  test('connection() meets faults; call(), flush() and the like are the test’s own hand', async () => {
    server.faults.answer('READONLY')
    const connection = server.connection()
    await expect(connection.call('SET', 'k', 'v')).rejects.toMatchObject({ code: 'READONLY' })
    expect(await server.call('SET', 'k', 'v')).toBe('OK')
    await server.flush()
    const own = server.connection({ faults: false })
    expect(await own.call('SET', 'k', 'v')).toBe('OK')
  })

  test('connection() logs in whatever goes wrong', async () => {
    const locked = await start({ requirepass: 'secret', listen: false })
    locked.faults.drop({ skip: 1 })
    expect(await locked.connection().call('PING')).toBe('PONG')
    await expect(locked.connection().call('PING')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('late replies, in their order', async () => {
    const manual = await start({ clock: 'manual', listen: false })
    const connection = manual.connection()
    manual.faults.delay({ commands: 'GET', ms: 100 })
    const order: [string, unknown, number][] = []
    for (const command of ['GET', 'STRLEN', 'EXISTS'])
      void connection.call(command, 'k').then((reply) => order.push([command, reply, manual.clock.now]))
    const { now } = manual.clock
    await manual.clock.advance(1000)
    expect(order.map(([command]) => command)).toEqual(['GET', 'STRLEN', 'EXISTS'])
    expect(order[0]).toEqual(['GET', null, now + 100])
    expect(await connection.call('PING')).toBe('PONG')
    // What has no reply is not waited for.
    expect(await connection.call('CLIENT', 'REPLY', 'SKIP')).toBeNull()
  })

  test.each(['request', 'reply', 2] as const)(
    'a drop at %s closes it, and what came before is answered',
    async (at) => {
      const connection = server.connection()
      server.faults.drop({ commands: 'INCR', at })
      server.faults.delay({ commands: 'GET', ms: 1 })
      server.faults.split()
      const calls = [connection.call('GET', 'k'), connection.call('INCR', 'n'), connection.call('PING')]
      expect(await Promise.allSettled(calls)).toMatchObject([
        { value: null },
        { reason: { code: 'CLOSED' } },
        { reason: { code: 'CLOSED' } },
      ])
      expect([connection.closed, server.keys()]).toEqual([true, at === 'request' ? [] : ['n']])
    },
  )

  test('QUIT is answered before the end', async () => {
    const connection = server.connection()
    server.faults.delay({ ms: 1 })
    expect(await Promise.all([connection.call('GET', 'k'), connection.call('QUIT')])).toEqual([null, 'OK'])
    expect(connection.closed).toBe(true)
  })
})

/** Every fault there is, met by two clients. */
async function scene(seed: number): Promise<unknown> {
  const one = await start({ seed, clock: 'manual', now: 0 })
  const { faults } = one
  faults.answer('OOM', { rate: 0.2 })
  faults.delay({ ms: [1, 50], rate: 0.3 })
  faults.split({ bytes: [1, 5], rate: 0.7 })
  faults.drop({ commands: 'PING', rate: 0.3, at: 3 })
  const wires = [await Wire.open(one), await Wire.open(one)]
  const record: unknown[] = []
  for (let round = 0; round < 12; round++) {
    for (const [i, wire] of wires.entries()) {
      await wire.send('SET k v', 'GET k', `INCRBY n ${round * 1000}`, 'PING')
      await one.clock.advance(50)
      await wire.quiet()
      record.push([...wire.chunks])
      if (wire.ended !== 'open') wires[i] = await Wire.open(one)
    }
  }
  return record
}

/** What the nth client meets of a fault that strikes half of all commands. */
async function draws(from: RespiteServer): Promise<string> {
  from.faults.answer('ERR no', { rate: 0.5 })
  const wire = await Wire.open(from)
  return (await wire.send(...Array.from({ length: 64 }, () => 'PING'))).join('')
}

/** Where in the bytes of 32 replies, each as likely whole as in pieces, pieces end. */
async function cuts(atOnce: boolean): Promise<number[]> {
  const one = await start({ seed: 4 })
  one.faults.split({ bytes: [1, 5], rate: 0.5 })
  const wire = await Wire.open(one)
  const chunks: string[] = []
  if (atOnce) chunks.push(...(await wire.send(...Array.from({ length: 32 }, () => 'PING'))))
  else for (let i = 0; i < 32; i++) chunks.push(...(await wire.send('PING')))
  let at = 0
  // Between two replies there may be a cut or not.
  return chunks.map(({ length }) => (at += length)).filter((cut) => cut % '+PONG\r\n'.length !== 0)
}

describe('the same again', () => {
  test('the same seed gives the same bytes in the same pieces; another seed others', async () => {
    const first = await scene(7)
    expect(await scene(7)).toEqual(first)
    expect(await scene(8)).not.toEqual(first)
  })

  test('what a client meets does not depend on what others do', async () => {
    const pings = Array.from({ length: 64 }, () => 'PING')
    const met = async (busy: boolean): Promise<string[]> => {
      const one = await start({ seed: 3 })
      one.faults.answer('ERR no', { rate: 0.5 })
      one.faults.split({ bytes: [1, 9] })
      const [wire, other] = [await Wire.open(one), await Wire.open(one)]
      if (busy) await Promise.all([other.send(...pings), wire.send('PING'), other.send('PING')])
      else await wire.send('PING')
      return wire.send(...pings)
    }
    expect(await met(true)).toEqual(await met(false))
  })

  test('clients meet faults each in its own way, and faults do not strike together', async () => {
    server.faults.answer('ERR ping', { commands: 'PING', rate: 0.5 })
    server.faults.answer('ERR echo', { commands: 'ECHO', rate: 0.5 })
    const met: string[] = []
    for (const wire of [await Wire.open(server), await Wire.open(server)]) {
      for (const command of ['PING', 'ECHO a']) {
        const replies = (await wire.send(...Array.from({ length: 64 }, () => command))).join('')
        met.push(replies.replaceAll(/-ERR \w+\r\n/g, 'x').replaceAll(/\+PONG\r\n|\$1\r\na\r\n/g, '.'))
      }
    }
    expect(met.map(({ length }) => length)).toEqual([64, 64, 64, 64])
    expect(new Set(met).size).toBe(4)
  })

  test('replies are cut at the same places whether requests come at once or one by one', async () => {
    const found = await cuts(true)
    expect(found.length).toBeGreaterThan(20)
    expect(await cuts(false)).toEqual(found)
  })

  test('without a seed there is one all the same, to repeat the run by', async () => {
    const one = await createServer()
    endings.push(() => one.close())
    const other = await start({ seed: one.faults.seed })
    const [a, b] = [await draws(one), await draws(other)]
    expect(a).toBe(b)
    expect(a).toContain('-ERR no')
    expect(a).toContain('+PONG')
    // A clear() begins anew.
    one.faults.clear()
    expect(await draws(one)).toBe(a)
  })
})

describe('the end of it', () => {
  test('clear() lets all go that is held back, and all is as before', async () => {
    const wire = await Wire.open(server)
    const before = await wire.send('PING', 'GET k', 'CLIENT LIST')
    const { faults } = server
    faults.delay({ commands: 'GET', ms: Number.POSITIVE_INFINITY })
    faults.delay({ commands: 'PING', ms: 3_600_000 })
    faults.split({ commands: 'ECHO' })
    faults.answer('READONLY')
    faults.drop({ commands: 'DEL' })
    expect(await wire.send('GET k', 'PING', `ECHO ${'a'.repeat(300)}`, 'SET k v')).toEqual([])
    faults.clear()
    await wire.quiet()
    expect(wire.text).toBe(
      `$-1\r\n+PONG\r\n$300\r\n${'a'.repeat(300)}\r\n-READONLY You can't write against a read only replica.\r\n`,
    )
    expect(wire.chunks.length).toBeLessThan(10)
    expect(await wire.send('DEL k', 'SET k v')).toEqual([':0\r\n+OK\r\n'])
    await wire.send('DEL k')
    const after = await wire.send('PING', 'GET k', 'CLIENT LIST')
    expect(after).toHaveLength(before.length)
  })

  test('`using` removes a fault at the end of its block', async () => {
    const redis = ioredis(server)
    {
      using fault = server.faults.answer('OOM')
      await expect(redis.set('k', 'v')).rejects.toThrow('OOM')
      expect(fault.hits).toBe(1)
    }
    expect(await redis.set('k', 'v')).toBe('OK')
  })

  test('a client that leaves takes its held replies along, and a fork has no faults', async () => {
    const manual = await start({ clock: 'manual' })
    manual.faults.delay({ ms: 10 })
    const wire = await Wire.open(manual)
    await wire.send('GET k')
    expect(await manual.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')).toBe(1)
    await wire.quiet()
    expect(wire.text).toBe('')
    await manual.clock.advance(10)
    const fork = await manual.fork()
    endings.push(() => fork.close())
    expect(await (await Wire.open(fork)).send('PING')).toEqual(['+PONG\r\n'])
  })
})
