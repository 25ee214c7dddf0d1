/** DUMP and RESTORE: options, refusals in their order, what happens to the key that was there. */
import { expect, test } from 'vitest'
import { payloadOf } from '../persistence/payloads.ts'
import { bulks, type Session, session } from './session.ts'

const OK = '+OK\r\n'

/** The payload of a key. */
function payload(s: Session, key: string): Buffer {
  const reply = s.call('DUMP', key)
  return Buffer.from(reply.slice(reply.indexOf('\n') + 1, -2), 'latin1')
}

test('a string and a list move to other keys', () => {
  const s = session()
  s.run('SET a 12345')
  s.run('RPUSH l x 1 y')
  expect(s.call('RESTORE', 'b', 0, payload(s, 'a'))).toBe(OK)
  expect(s.run('GET b')).toBe('$5\r\n12345\r\n')
  expect(s.run('OBJECT ENCODING b')).toBe('$3\r\nint\r\n')
  expect(s.call('RESTORE', 'm', 0, payload(s, 'l'))).toBe(OK)
  expect(s.run('LRANGE m 0 -1')).toBe(bulks('x', '1', 'y'))
  expect(s.run('RPUSH m z')).toBe(':4\r\n')
  expect(s.run('LLEN l')).toBe(':3\r\n')
  expect(s.run('DUMP none')).toBe('$-1\r\n')
})

test('rdbcompression', () => {
  const s = session()
  s.run(`SET a ${'a'.repeat(1000)}`)
  const compressed = payload(s, 'a')
  s.run('CONFIG SET rdbcompression no')
  const plain = payload(s, 'a')
  expect(compressed.length).toBeLessThan(60)
  expect(plain.length).toBe(1 + 2 + 1000 + 10)
  for (const bytes of [compressed, plain]) {
    expect(s.call('RESTORE', 'b', 0, bytes, 'REPLACE')).toBe(OK)
    expect(s.run('GET b')).toBe(s.run('GET a'))
  }
})

test('refusals, each before the next', () => {
  const s = session()
  s.run('SET a v')
  const good = payload(s, 'a')
  const bad = payloadOf(Buffer.from('000361', 'hex'))
  const broken = Buffer.from(good).fill(0, 1, 2)
  const restore = (...rest: (string | Buffer)[]): string => s.call('RESTORE', 'a', ...rest)
  expect(restore('x', 'junk', 'NO')).toBe('-ERR syntax error\r\n')
  expect(restore('x', 'junk', 'IDLETIME')).toBe('-ERR syntax error\r\n')
  expect(restore('x', 'junk', 'IDLETIME', '1', 'FREQ', '1')).toBe('-ERR syntax error\r\n')
  expect(restore('x', 'junk', 'IDLETIME', '-1')).toBe('-ERR Invalid IDLETIME value, must be >= 0\r\n')
  expect(restore('x', 'junk', 'FREQ', '256')).toBe('-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n')
  expect(restore('x', 'junk', 'FREQ', 'z')).toBe('-ERR value is not an integer or out of range\r\n')
  expect(restore('x', 'junk')).toBe('-BUSYKEY Target key name already exists.\r\n')
  expect(restore('x', 'junk', 'REPLACE')).toBe('-ERR value is not an integer or out of range\r\n')
  expect(restore('-1', 'junk', 'REPLACE')).toBe('-ERR Invalid TTL value, must be >= 0\r\n')
  expect(restore('0', 'junk', 'REPLACE')).toBe('-ERR DUMP payload version or checksum are wrong\r\n')
  expect(restore('0', broken, 'REPLACE')).toBe('-ERR DUMP payload version or checksum are wrong\r\n')
  expect(restore('0', bad, 'REPLACE')).toBe('-ERR Bad data format\r\n')
  expect(restore('0', payloadOf(Buffer.from([11, 0])), 'REPLACE')).toBe(
    '-ERR Bad data format: value of type set (intset) (RDB type 11), which is not supported yet\r\n',
  )
  expect(s.run('GET a')).toBe('$1\r\nv\r\n')
})

test('REPLACE replaces a value of any type, its deadline too', () => {
  const s = session()
  s.run('SET a v')
  s.run('RPUSH l x')
  s.run('EXPIRE l 100')
  const string = payload(s, 'a')
  s.events()
  expect(s.call('RESTORE', 'l', 0, string, 'REPLACE')).toBe(OK)
  expect(s.events()).toEqual(['restore l 0'])
  expect(s.run('GET l')).toBe('$1\r\nv\r\n')
  expect(s.run('TTL l')).toBe(':-1\r\n')
})

test('deadlines, relative and absolute', () => {
  const s = session()
  s.run('SET a v')
  const bytes = payload(s, 'a')
  const { now } = s.clock
  expect(s.call('RESTORE', 'b', 5000, bytes)).toBe(OK)
  expect(s.run('PTTL b')).toBe(':5000\r\n')
  expect(s.call('RESTORE', 'c', now + 7000, bytes, 'ABSTTL')).toBe(OK)
  expect(s.run('PTTL c')).toBe(':7000\r\n')
  expect(s.call('RESTORE', 'd', 0, bytes, 'ABSTTL')).toBe(OK)
  expect(s.run('PTTL d')).toBe(':-1\r\n')
})

test('an absolute deadline in the past deletes what is there', () => {
  const s = session()
  s.run('SET a v')
  s.run('RPUSH l x y')
  const list = payload(s, 'l')
  const used = s.engine.keyspace.arena.bytesUsed
  s.events()
  const { dirty } = s.engine.keyspace
  expect(s.call('RESTORE', 'none', 1, list, 'ABSTTL')).toBe(OK)
  expect(s.events()).toEqual([])
  expect(s.engine.keyspace.arena.bytesUsed).toBe(used)
  expect(s.call('RESTORE', 'a', s.clock.now, list, 'REPLACE', 'ABSTTL')).toBe(OK)
  expect(s.events()).toEqual(['del a 0'])
  expect(s.run('EXISTS a none')).toBe(':0\r\n')
  expect(s.engine.keyspace.dirty).toBe(dirty + 1)
})

test('IDLETIME and FREQ, each under its policy', () => {
  const s = session()
  s.run('SET a v')
  const bytes = payload(s, 'a')
  s.call('RESTORE', 'b', 0, bytes, 'IDLETIME', 1000)
  expect(s.run('OBJECT IDLETIME b')).toBe(':1000\r\n')
  s.call('RESTORE', 'c', 0, bytes, 'FREQ', 100)
  expect(s.run('OBJECT IDLETIME c')).toBe(':0\r\n')
  s.run('CONFIG SET maxmemory-policy allkeys-lfu')
  s.call('RESTORE', 'd', 0, bytes, 'FREQ', 100)
  expect(s.run('OBJECT FREQ d')).toBe(':100\r\n')
  s.call('RESTORE', 'e', 0, bytes, 'IDLETIME', 100)
  expect(s.run('OBJECT FREQ e')).toBe(':5\r\n')
})
