/** Blocking list commands: replies to every client involved, byte for byte, with time moved by hand. */
import { describe, expect, test } from 'vitest'
import { LocalConnection } from '../../src/network/local-connection.ts'
import { bulk, bulks, type Session, session } from './session.ts'

const NONE = '*-1\r\n'
const WRONG_TYPE = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'

/** A client whose replies can be taken later than its command. */
class Waiter {
  readonly connection: LocalConnection
  private readonly server: Session

  constructor(server: Session) {
    this.server = server
    this.connection = new LocalConnection(server.engine)
  }

  /** Sends a command line and returns what has been received since the last call. */
  run(line: string): string {
    this.connection.send(line.split(' '))
    return this.take()
  }

  take(): string {
    this.server.timers.run()
    return this.connection.take().toString('latin1')
  }

  get id(): number {
    return this.connection.client.id
  }
}

function stage(): { server: Session; a: Waiter; b: Waiter; c: Waiter } {
  const server = session()
  return { server, a: new Waiter(server), b: new Waiter(server), c: new Waiter(server) }
}

test('what is there is taken at once, from the first key that has something', () => {
  const { server } = stage()
  server.run('RPUSH k 1 2 3')
  server.run('RPUSH l a b')
  expect(server.run('BLPOP nokey k l 0')).toBe(bulks('k', '1'))
  expect(server.run('BRPOP l k 0')).toBe(bulks('l', 'b'))
  expect(server.run('BLMPOP 0 2 nokey k RIGHT COUNT 5')).toBe(`*2\r\n${bulk('k')}${bulks('3', '2')}`)
  expect(server.run('BLMOVE l m LEFT RIGHT 0')).toBe(bulk('a'))
  expect(server.run('BRPOPLPUSH m l 0')).toBe(bulk('a'))
  expect(server.run('EXISTS k m')).toBe(':0\r\n')
  expect(server.engine.blocking.count).toBe(0)
})

test('a waiting client is answered when somebody pushes, and only then', () => {
  const { server, a } = stage()
  expect(a.run('BLPOP k l 0')).toBe('')
  server.run('RPUSH other 1')
  server.run('SET k x')
  server.run('DEL k')
  expect(a.take()).toBe('')
  expect(server.run('RPUSH l 1 2')).toBe(':2\r\n')
  expect(a.take()).toBe(bulks('l', '1'))
  expect(server.run('LRANGE l 0 -1')).toBe(bulks('2'))
  expect(a.run('BRPOP k 0')).toBe('')
  server.run('RPUSH k 1 2')
  expect(a.take()).toBe(bulks('k', '2'))
  expect(a.run('BLMPOP 0 1 m LEFT COUNT 2')).toBe('')
  server.run('RPUSH m 1 2 3')
  expect(a.take()).toBe(`*2\r\n${bulk('m')}${bulks('1', '2')}`)
})

test('one push serves several, the longest waiting first; the rest stays', () => {
  const { server, a, b, c } = stage()
  a.run('BLPOP k 0')
  b.run('BRPOP x k 0')
  c.run('BLPOP k x 0')
  server.run('RPUSH k 1 2 3 4')
  expect([a.take(), b.take(), c.take()]).toEqual([bulks('k', '1'), bulks('k', '4'), bulks('k', '2')])
  expect(server.run('LRANGE k 0 -1')).toBe(bulks('3'))
  expect(server.engine.blocking.count).toBe(0)
})

test('a served client loses its other places', () => {
  const { server, a, b } = stage()
  a.run('BLPOP x y 0')
  b.run('BLPOP y 0')
  server.run('RPUSH x 1')
  expect(a.take()).toBe(bulks('x', '1'))
  server.run('RPUSH y 2')
  expect([a.take(), b.take()]).toEqual(['', bulks('y', '2')])
})

test('a chain of BLMOVE runs through by one push', () => {
  const { server, a, b, c } = stage()
  c.run('BLPOP k3 0')
  b.run('BLMOVE k2 k3 LEFT RIGHT 0')
  a.run('BRPOPLPUSH k1 k2 0')
  server.run('RPUSH k1 x')
  expect([a.take(), b.take(), c.take()]).toEqual([bulk('x'), bulk('x'), bulks('k3', 'x')])
  expect(server.run('DBSIZE')).toBe(':0\r\n')
})

test('a move to a key of another type fails when it is served, and the element stays for the next', () => {
  const { server, a, b } = stage()
  server.run('SET str x')
  a.run('BLMOVE k str LEFT LEFT 0')
  b.run('BLPOP k 0')
  server.run('RPUSH k 1 2')
  expect([a.take(), b.take()]).toEqual([WRONG_TYPE, bulks('k', '1')])
  expect(server.run('LRANGE k 0 -1')).toBe(bulks('2'))
})

describe('timeouts', () => {
  test.each([
    ['BLPOP k 0.5', NONE],
    ['BRPOP k l 0.5', NONE],
    ['BLMPOP 0.5 1 k LEFT', NONE],
    ['BLMOVE k l LEFT LEFT 0.5', NONE],
    ['BRPOPLPUSH k l 0.5', NONE],
  ])('%s', (line, reply) => {
    const { server, a, b } = stage()
    expect(a.run(line)).toBe('')
    expect(b.run('HELLO 3')).not.toBe('')
    expect(b.run(line)).toBe('')
    expect(server.run('INFO clients')).toMatch(/blocked_clients:2\r\n[^]*clients_in_timeout_table:2\r\n/)
    server.timers.advance(499)
    expect(a.take()).toBe('')
    server.timers.advance(1)
    expect([a.take(), b.take()]).toEqual([reply, '_\r\n'])
    server.run('RPUSH k 1')
    expect(a.take()).toBe('')
    expect(server.run('LLEN k')).toBe(':1\r\n')
    expect(server.run('INFO clients')).toMatch(/blocked_clients:0\r\n[^]*clients_in_timeout_table:0\r\n/)
  })

  test('0 is for ever; whoever is served or gone leaves no timer', () => {
    const { server, a, b, c } = stage()
    a.run('BLPOP k 0')
    expect(server.timers.pending).toBe(0)
    b.run('BLPOP k 10')
    c.run('BLPOP k 20')
    expect(server.timers.pending).toBe(2)
    server.timers.advance(15_000)
    expect([a.take(), b.take(), c.take()]).toEqual(['', NONE, ''])
    server.run('RPUSH k 1')
    server.run('RPUSH k 2')
    expect([a.take(), c.take()]).toEqual([bulks('k', '1'), bulks('k', '2')])
    b.run('BLPOP k 20')
    b.connection.close()
    expect(server.timers.pending).toBe(0)
  })

  test.each([
    ['1e-400', 1],
    ['0.0001', 1],
    ['1.0005', 1001],
    // What Redis's long doubles make of them.
    ['0.07', 70],
    ['-0.001', 0],
    ['0.253', 254],
    ['0.501', 502],
    ['0x1', 1000],
    ['-0.0001', 0],
    ['9223370000000000', 9223370000000000000],
  ])('%s seconds are %d ms', (seconds, milliseconds) => {
    const { server, a } = stage()
    a.run(`BLPOP k ${seconds}`)
    expect(server.timers.pending).toBe(milliseconds === 0 ? 0 : 1)
    if (milliseconds === 0 || milliseconds > 1e6) return
    server.timers.advance(milliseconds - 0.5)
    expect(a.take()).toBe('')
    server.timers.advance(0.5)
    expect(a.take()).toBe(NONE)
  })

  test.each([
    ['x', 'timeout is not a float or out of range'],
    ['', 'timeout is not a float or out of range'],
    ['nan', 'timeout is not a float or out of range'],
    ['1e5000', 'timeout is not a float or out of range'],
    ['-1', 'timeout is negative'],
    ['-0.253', 'timeout is negative'],
    ['-inf', 'timeout is negative'],
    ['inf', 'timeout is out of range'],
    ['1e400', 'timeout is out of range'],
    ['9223372036854775.8', 'timeout is out of range'],
    ['9223372036854770', 'timeout is out of range'],
  ])('%s is refused', (timeout, error) => {
    const { server } = stage()
    for (const line of ['BLPOP k', 'BRPOP k', 'BLMOVE k l LEFT LEFT', 'BRPOPLPUSH k l']) {
      expect(server.call(...line.split(' '), timeout)).toBe(`-ERR ${error}\r\n`)
    }
    expect(server.call('BLMPOP', timeout, '1', 'k', 'LEFT')).toBe(`-ERR ${error}\r\n`)
  })
})

describe('transactions', () => {
  test('wake at their end, and only for what is left then', () => {
    const { server, a, b } = stage()
    a.run('BLPOP k 0')
    b.run('BLPOP l k 0')
    server.run('MULTI')
    server.run('RPUSH k 1')
    server.run('LPOP k')
    server.run('EXEC')
    expect([a.take(), b.take()]).toEqual(['', ''])
    server.run('MULTI')
    server.run('RPUSH k 1')
    server.run('RPUSH l 2')
    server.run('LPUSH k 0')
    expect(server.run('EXEC')).toBe('*3\r\n:1\r\n:1\r\n:2\r\n')
    expect([a.take(), b.take()]).toEqual([bulks('k', '0'), bulks('k', '1')])
    expect(server.run('LLEN l')).toBe(':1\r\n')
  })

  test('do not block', () => {
    const { server } = stage()
    server.run('MULTI')
    for (const line of [
      'BLPOP k 0',
      'BRPOP k 0',
      'BLMPOP 0 1 k LEFT',
      'BLMOVE k l LEFT LEFT 0',
      'BRPOPLPUSH k l 0',
    ])
      expect(server.run(line)).toBe('+QUEUED\r\n')
    expect(server.run('EXEC')).toBe(`*5\r\n${NONE}${NONE}${NONE}$-1\r\n$-1\r\n`)
    expect(server.run('PING')).toBe('+PONG\r\n')
  })
})

describe('keys that become ready otherwise', () => {
  test.each([
    ['RENAME src k', '2'],
    ['RENAMENX src k', '2'],
    ['COPY src k', '2'],
    ['SORT src STORE k', '1'],
    ['LMOVE src k RIGHT LEFT', '3'],
    ['RPOPLPUSH src k', '3'],
  ])('%s', (line, element) => {
    const { server, a } = stage()
    server.run('RPUSH src 2 1 3')
    a.run('BLPOP k 0')
    server.run(line)
    expect(a.take()).toBe(bulks('k', element))
  })

  test('MOVE, COPY and SWAPDB from another database', () => {
    const { server, a, b } = stage()
    a.run('BLPOP k 0')
    server.run('SELECT 1')
    server.run('RPUSH k 1 2 3')
    expect(a.take()).toBe('')
    server.run('COPY k k DB 0')
    expect(a.take()).toBe(bulks('k', '1'))
    a.run('BLPOP j 0')
    b.run('SELECT 1')
    b.run('BLPOP i 0')
    server.run('RPUSH j x')
    server.run('MOVE j 0')
    expect(a.take()).toBe(bulks('j', 'x'))
    a.run('BLPOP s 0')
    server.run('RPUSH s y')
    server.run('SELECT 0')
    server.run('RPUSH i z')
    expect([a.take(), b.take()]).toEqual(['', ''])
    server.run('SWAPDB 0 1')
    expect([a.take(), b.take()]).toEqual([bulks('s', 'y'), bulks('i', 'z')])
  })

  test('SWAPDB of a key of another type serves nobody', () => {
    const { server, a } = stage()
    a.run('BLPOP k 0')
    server.run('SELECT 1')
    server.run('SET k 1')
    server.run('SWAPDB 0 1')
    expect(a.take()).toBe('')
    expect(server.engine.blocking.count).toBe(1)
  })
})

describe('the end of waiting', () => {
  test('CLIENT UNBLOCK', () => {
    const { server, a } = stage()
    a.run('BLMOVE k l LEFT LEFT 100')
    expect(server.run(`CLIENT UNBLOCK ${a.id}`)).toBe(':1\r\n')
    expect(a.take()).toBe(NONE)
    expect(server.run(`CLIENT UNBLOCK ${a.id}`)).toBe(':0\r\n')
    a.run('BLPOP k 0')
    expect(server.run(`CLIENT UNBLOCK ${a.id} ERROR`)).toBe(':1\r\n')
    expect(a.take()).toBe('-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n')
    expect(server.run('CLIENT UNBLOCK 999 timeout')).toBe(':0\r\n')
    expect(server.run(`CLIENT UNBLOCK ${server.client.id}`)).toBe(':0\r\n')
    expect(server.timers.pending).toBe(0)
    server.run('RPUSH k 1')
    expect(server.run('LLEN k')).toBe(':1\r\n')
  })

  test('a client that is killed or closes takes nothing', () => {
    const { server, a, b, c } = stage()
    for (const waiter of [a, b, c]) waiter.run('BLPOP k l 10')
    server.run(`CLIENT KILL ID ${a.id}`)
    b.connection.close()
    server.run('RPUSH k 1 2')
    expect(c.take()).toBe(bulks('k', '1'))
    expect(server.run('LRANGE k 0 -1')).toBe(bulks('2'))
    expect(server.timers.pending).toBe(0)
  })

  test('commands sent meanwhile run afterwards, in order', () => {
    const { server, a } = stage()
    a.run('BLPOP k 0')
    expect(a.run('ECHO one')).toBe('')
    expect(a.run('BLPOP l 0')).toBe('')
    expect(a.run('ECHO two')).toBe('')
    server.run('RPUSH k x')
    expect(a.take()).toBe(bulks('k', 'x') + bulk('one'))
    server.run('RPUSH l y')
    expect(a.take()).toBe(bulks('l', 'y') + bulk('two'))
    expect(a.run('PING')).toBe('+PONG\r\n')
  })

  test('of requests that came in one piece, those behind the one that blocks wait too', () => {
    const { server, a } = stage()
    const lines = [
      'ECHO one',
      'BLPOP k 0',
      'RPUSH l 1',
      'BLPOP l 0',
      'BLPOP k 0',
      'ECHO two',
      'MULTI',
      'PING',
      'EXEC',
    ]
    a.connection.send(Buffer.from(lines.map((line) => `${line}\r\n`).join('')))
    expect(a.take()).toBe(bulk('one'))
    expect(server.run('EXISTS l')).toBe(':0\r\n')
    server.run('RPUSH k x')
    expect(a.take()).toBe(`${bulks('k', 'x')}:1\r\n${bulks('l', '1')}`)
    server.run('RPUSH k y')
    expect(a.take()).toBe(`${bulks('k', 'y')}${bulk('two')}+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n`)
  })

  test('CLIENT REPLY drops the late reply too', () => {
    const { server, a } = stage()
    a.run('CLIENT REPLY SKIP')
    a.run('BLPOP k 0')
    server.run('RPUSH k 1')
    expect(a.take()).toBe('')
    expect(a.run('PING')).toBe('+PONG\r\n')
    a.run('CLIENT REPLY OFF')
    a.run('BLPOP k 0')
    server.run('RPUSH k 1')
    expect(a.run('CLIENT REPLY ON')).toBe('+OK\r\n')
    expect(server.run('EXISTS k')).toBe(':0\r\n')
  })

  test('under CLIENT PAUSE timeouts fire, and what the client sends next waits', () => {
    const { server, a } = stage()
    a.run('BLPOP k 0.1')
    a.run('GET x')
    server.run('CLIENT PAUSE 1000')
    server.timers.advance(100)
    expect(a.take()).toBe(NONE)
    server.timers.advance(900)
    expect(a.take()).toBe('$-1\r\n')
  })
})

test('serving is told as if the client had popped by itself', () => {
  const { server, a, b } = stage()
  server.events()
  a.run('BLPOP k 0')
  server.run('RPUSH k 1')
  expect(server.events()).toEqual(['rpush k 0', 'lpop k 0', 'del k 0'])
  b.run('BLMOVE k l LEFT RIGHT 0')
  const { dirty } = server.engine.keyspace
  server.run('RPUSH k 1 2')
  expect(server.events()).toEqual(['rpush k 0', 'rpush l 0', 'lpop k 0'])
  expect(server.engine.keyspace.dirty).toBe(dirty + 3)
})

test('CLIENT LIST and INFO show who waits', () => {
  const { server, a } = stage()
  a.run('BLPOP k 0')
  expect(server.run(`CLIENT LIST ID ${a.id}`)).toMatch(/ flags=b .* cmd=blpop /)
  expect(server.run('INFO clients')).toMatch(/blocked_clients:1\r\n[^]*clients_in_timeout_table:0\r\n/)
  server.run('RPUSH k 1')
  expect(server.run(`CLIENT LIST ID ${a.id}`)).toMatch(/ flags=N /)
  expect(server.run('INFO clients')).toContain('blocked_clients:0\r\n')
})

test('INFO commandstats counts the command once, and a failed end as failed', () => {
  const { server, a } = stage()
  const stats = (): string =>
    /cmdstat_blpop:(calls=\d+),.*,(failed_calls=\d+)/
      .exec(server.run('INFO commandstats'))
      ?.slice(1)
      .join() ?? ''
  a.run('BLPOP k 0')
  expect(stats()).toBe('calls=1,failed_calls=0')
  server.run('RPUSH k 1')
  expect(stats()).toBe('calls=1,failed_calls=0')
  a.run('BLPOP k 0')
  server.run(`CLIENT UNBLOCK ${a.id}`)
  a.run('BLPOP k 0')
  server.run(`CLIENT UNBLOCK ${a.id} ERROR`)
  expect(stats()).toBe('calls=3,failed_calls=2')
  expect(server.run('INFO errorstats')).toContain('errorstat_UNBLOCKED:count=1\r\n')
})
