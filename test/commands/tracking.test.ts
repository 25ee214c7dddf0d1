/** Client-side caching by the exact bytes that several clients of one engine receive. */
import { expect, test } from 'vitest'
import { type Session, session } from './session.ts'

const invalidate = (...keys: string[]): string =>
  `>2\r\n$10\r\ninvalidate\r\n*${keys.length}\r\n${keys.map((key) => `$${key.length}\r\n${key}\r\n`).join('')}`
const DROP_ALL = '>2\r\n$10\r\ninvalidate\r\n_\r\n'

/** Two clients in RESP3, of which the first tracks. */
function two(options = 'ON', config = {}): { a: Session; b: Session } {
  const a = session({ config })
  const b = a.another()
  a.run('HELLO 3')
  b.run('HELLO 3')
  expect(a.run(`CLIENT TRACKING ${options}`)).toBe('+OK\r\n')
  return { a, b }
}

/** What a client has been sent by others' doing, once the turn is over. */
function pushed({ client, timers }: Session): string {
  timers.run()
  const text = client.reply.block.bytes.toString('latin1', 0, client.reply.length)
  client.reply.release()
  return text
}

test('who has read a key is told once that it changed', () => {
  const { a, b } = two()
  b.run('SET k 1')
  expect(pushed(a)).toBe('')
  a.run('GET k')
  a.run('GET k')
  b.run('SET k 2')
  b.run('SET k 3')
  expect(pushed(a)).toBe(invalidate('k'))
  expect(pushed(b)).toBe('')
  a.run('MGET x y')
  b.run('MSET y 1 z 1 x 1')
  expect(pushed(a)).toBe(invalidate('y') + invalidate('x'))
})

test("the client's own change is told after the reply, within MULTI after EXEC's", () => {
  const { a } = two()
  a.run('GET k')
  expect(a.run('SET k 1')).toBe(`+OK\r\n${invalidate('k')}`)
  a.run('GET k')
  a.run('MULTI')
  a.run('SET k 2')
  a.run('GET k')
  expect(a.run('EXEC')).toBe(`*2\r\n+OK\r\n$1\r\n2\r\n${invalidate('k')}`)
  a.run('RPUSH l 1 2')
  a.run('LLEN l')
  expect(a.run('LMPOP 1 l LEFT COUNT 2')).toBe(
    `*2\r\n$1\r\nl\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n${invalidate('l')}`,
  )
})

test('a redirection target is told of its own changes after its reply, never in the middle of it', () => {
  const { a, b } = two('OFF')
  a.run(`CLIENT TRACKING ON REDIRECT ${b.client.id}`)
  b.run('RPUSH l 1 2 3')
  a.run('LLEN l')
  expect(b.run('LMPOP 1 l LEFT COUNT 2')).toBe(
    `*2\r\n$1\r\nl\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n${invalidate('l')}`,
  )
  a.run('GET k')
  b.run('MULTI')
  b.run('SET k 1')
  b.run('PING')
  expect(b.run('EXEC')).toBe(`*2\r\n+OK\r\n+PONG\r\n${invalidate('k')}`)
})

test('keys that expire, on access and by the active cycle, are told', () => {
  const { a, b } = two()
  a.run('SET k 1 PX 10')
  a.run('GET k')
  a.clock.advance(20)
  expect(b.run('GET k')).toBe('_\r\n')
  expect(pushed(a)).toBe(invalidate('k'))
  a.run('SET k 1 PX 10')
  a.run('GET k')
  a.clock.advance(20)
  a.engine.expireCycle.run(1000)
  expect(pushed(a)).toBe(invalidate('k'))
  a.run('SET k 1 PX 10')
  a.run('GET k')
  a.clock.advance(20)
  expect(a.run('GET k')).toBe(`_\r\n${invalidate('k')}`)
})

test('a flush tells every tracking client to drop all, once', () => {
  const { a, b } = two()
  const c = a.another()
  c.run('HELLO 3')
  c.run('CLIENT TRACKING ON BCAST PREFIX x NOLOOP')
  expect(c.run('FLUSHALL')).toBe(`+OK\r\n${DROP_ALL}`)
  expect(pushed(a)).toBe(DROP_ALL)
  b.run('FLUSHDB')
  expect([pushed(a), pushed(b), pushed(c)]).toEqual([DROP_ALL, '', DROP_ALL])
})

test('broadcasts leave when the turn ends, one per prefix with its keys in order', () => {
  const { a, b } = two('ON BCAST PREFIX a PREFIX b')
  b.run('SET b2 1')
  b.run('MSET a1 1 c 1 b1 1 b2 2')
  expect(a.client.reply.length).toBe(0)
  expect(pushed(a)).toBe(invalidate('a1') + invalidate('b1', 'b2'))
  expect(pushed(a)).toBe('')
})

test('NOLOOP: a broadcast leaves out what the client itself changed last', () => {
  const { a, b } = two('ON BCAST NOLOOP')
  a.run('SET k 1')
  b.run('SET j 1')
  a.run('SET i 1')
  b.run('SET i 2')
  expect(pushed(a)).toBe(invalidate('i', 'j'))
})

test('a broadcast of an expiry the cron finds leaves without any command', () => {
  const { a, b } = two('ON BCAST')
  b.run('SET k 1 PX 10')
  pushed(a)
  a.clock.advance(20)
  a.engine.expireCycle.run(1000)
  expect(pushed(a)).toBe(invalidate('k'))
})

test('while the table is too large each command first forgets keys, and tells of it even in NOLOOP mode', () => {
  const { a, b } = two('ON NOLOOP', { 'tracking-table-max-keys': '10' })
  for (let i = 0; i < 10; i++) a.run(`GET k${i}`)
  expect(a.run('PING')).toBe('+PONG\r\n')
  a.run('GET more')
  expect(a.run('PING')).toMatch(/^>2\r\n\$10\r\ninvalidate\r\n\*1\r\n\$\d\r\n\w+\r\n\+PONG\r\n$/)
  expect(b.run('PING')).toBe('+PONG\r\n')
  b.run('CONFIG SET tracking-table-max-keys 4')
  b.run('PING')
  expect(pushed(a).match(/invalidate/g)?.length).toBe(6)
  expect(b.run('INFO stats')).toContain('tracking_total_keys:4\r\n')
  b.run('CONFIG SET tracking-table-max-keys 0')
  for (let i = 0; i < 20; i++) a.run(`GET k${i}`)
  b.run('PING')
  expect(pushed(a)).toBe('')
  // What was told and what is left are all keys that were read.
  b.run('FLUSHALL')
  expect(b.run('INFO stats')).toContain('tracking_total_keys:0\r\n')
})

test('keys forgotten for want of room are told in replies-off mode too', () => {
  const { a } = two('ON', { 'tracking-table-max-keys': '1' })
  a.run('CLIENT REPLY OFF')
  a.run('MGET k1 k2 k3')
  expect(a.run('PING').match(/invalidate/g)?.length).toBe(2)
})

test('nobody pays when nobody tracks: no listener, no gate; the table goes with the last client', () => {
  const { a, b } = two()
  const { engine } = a
  a.run('GET k')
  expect(engine.keyspace.listener).not.toBeNull()
  expect(b.client.gates | engine.gates).toBe(0)
  expect(engine.tracking.totals).toEqual({ keys: 1, items: 1, prefixes: 0 })
  engine.disconnect(a.client)
  expect(engine.tracking.totals).toEqual({ keys: 0, items: 0, prefixes: 0 })
  expect(engine.keyspace.listener).toBeNull()
  b.run('CLIENT TRACKING ON BCAST PREFIX x PREFIX y')
  expect(engine.tracking.totals.prefixes).toBe(2)
  b.run('RESET')
  expect(engine.tracking.totals.prefixes).toBe(0)
  expect(engine.keyspace.listener).toBeNull()
  expect(b.client.gates).toBe(0)
})

test('after CLIENT TRACKING OFF the table empties as keys change, and then nobody follows', () => {
  const { a, b } = two()
  a.run('GET k')
  a.run('CLIENT TRACKING OFF')
  expect(a.engine.keyspace.listener).not.toBeNull()
  b.run('SET k 1')
  expect(a.engine.keyspace.listener).toBeNull()
  expect(pushed(a)).toBe('')
})

test('a client served while blocked gets its own invalidations after the reply', () => {
  const { a, b } = two()
  a.run('LLEN dst')
  const c = a.another()
  a.engine.dispatcher.beginBatch()
  expect(a.run('BLMOVE src dst LEFT RIGHT 0')).toBe('')
  expect(b.run('RPUSH src x')).toBe(':1\r\n')
  expect(pushed(a)).toBe(`$1\r\nx\r\n${invalidate('dst')}`)
  expect(c.run('LRANGE dst 0 -1')).toBe('*1\r\n$1\r\nx\r\n')
})

test('of two prefixes that overlap the client is told once, and nothing is enabled', () => {
  const a = session()
  // Redis answers this twice, with the error and with OK, if the overlapping prefix is not the first.
  expect(a.run('CLIENT TRACKING ON BCAST PREFIX x PREFIX a PREFIX ab')).toBe(
    "-ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single client must not overlap.\r\n",
  )
  expect(a.client.tracking).toBeNull()
})
