/** DBSIZE, FLUSHDB, FLUSHALL, SWAPDB, and that emptying a large database costs its client little. */
import { beforeEach, describe, expect, test } from 'vitest'
import { bulk, bulks, type Session, session } from './session.ts'

let s: Session

beforeEach(() => {
  s = session()
})

const OK = '+OK\r\n'
const SYNTAX = '-ERR syntax error\r\n'

test('DBSIZE counts the keys of one database, expired ones until they are removed', () => {
  s.run('MSET a 1 b 2')
  s.run('PEXPIRE a 10')
  s.clock.advance(11)
  expect(s.run('DBSIZE')).toBe(':2\r\n')
  s.run('GET a')
  expect(s.run('DBSIZE')).toBe(':1\r\n')
  s.run('SELECT 1')
  expect(s.run('DBSIZE')).toBe(':0\r\n')
})

describe('FLUSHDB and FLUSHALL', () => {
  test('FLUSHDB empties only its own database', () => {
    s.run('MSET a 1 b 2')
    s.run('COPY a a DB 1')
    const { keyspace } = s.engine
    const before = keyspace.dirty
    expect(s.run('FLUSHDB')).toBe(OK)
    expect(keyspace.dirty - before).toBe(2)
    expect(s.run('DBSIZE')).toBe(':0\r\n')
    expect(s.run('GET a')).toBe('$-1\r\n')
    s.run('SELECT 1')
    expect(s.run('GET a')).toBe(bulk('1'))
  })

  test('FLUSHALL empties all and gives the memory back at once', () => {
    s.run('RPUSH l a b c')
    s.run('COPY l l DB 5')
    expect(s.run('FLUSHALL')).toBe(OK)
    const { arena, lazyFree } = s.engine.keyspace
    expect([arena.liveObjects, arena.bytesReserved, lazyFree.pending]).toEqual([0, 0, false])
    s.run('SELECT 5')
    expect(s.run('DBSIZE')).toBe(':0\r\n')
    s.run('SET a 1 EX 10')
    expect(s.run('GET a')).toBe(bulk('1'))
  })

  test.each(['FLUSHDB', 'FLUSHALL'])('%s takes ASYNC or SYNC and nothing else', (flush) => {
    s.run('SET a 1')
    expect(s.run(`${flush} x`)).toBe(SYNTAX)
    expect(s.run(`${flush} ASYNC SYNC`)).toBe(SYNTAX)
    expect(s.run('DBSIZE')).toBe(':1\r\n')
    expect(s.run(`${flush} async`)).toBe(OK)
    expect(s.run(`${flush} SYNC`)).toBe(OK)
    expect(s.run('DBSIZE')).toBe(':0\r\n')
  })

  test('with keys left elsewhere the memory follows in slices', () => {
    const { arena, lazyFree, databases } = s.engine.keyspace
    s.run('SET other 1')
    s.run('MOVE other 1')
    for (let i = 0; i < 5000; i++) s.call('RPUSH', `l${i}`, 'x'.repeat(100))
    for (let i = 0; i < 5000; i++) s.call('SET', `k${i}`, 'v', 'EX', 10)
    expect(s.run('FLUSHDB')).toBe(OK)
    expect(databases[0].size).toBe(0)
    expect(arena.liveObjects).toBe(15_001)
    expect(lazyFree.pendingObjects).toBe(10_000)
    // The clock stands still, so a run of no time at all is one step.
    let steps = 0
    while (lazyFree.pending) {
      const before = arena.liveObjects
      lazyFree.run(0)
      expect(before - arena.liveObjects).toBeLessThan(1000)
      expect(lazyFree.pendingObjects).toBeLessThanOrEqual(10_000)
      steps++
    }
    expect(steps).toBeGreaterThan(10)
    expect(arena.liveObjects).toBe(1)
  })
})

describe('SWAPDB', () => {
  test('exchanges what the databases hold, for every client', () => {
    const other = s.another()
    other.run('SELECT 1')
    s.run('SET a 1 PX 5000')
    s.run('SET b 2')
    expect(s.run('SWAPDB 0 1')).toBe(OK)
    expect(s.run('DBSIZE')).toBe(':0\r\n')
    expect(other.run('MGET a b')).toBe(bulks('1', '2'))
    expect(other.run('PTTL a')).toBe(':5000\r\n')
    other.clock.advance(5001)
    s.engine.expireCycle.run(1e6)
    expect(other.run('DBSIZE')).toBe(':1\r\n')
    other.events()
    other.run('SET c 1')
    expect(other.events()).toEqual(['set c 1'])
  })

  test('refusals', () => {
    expect(s.run('SWAPDB 0 0')).toBe(OK)
    expect(s.run('SWAPDB x 1')).toBe('-ERR invalid first DB index\r\n')
    expect(s.run('SWAPDB 99999999999 1')).toBe('-ERR invalid first DB index\r\n')
    expect(s.run('SWAPDB 1 x')).toBe('-ERR invalid second DB index\r\n')
    expect(s.run('SWAPDB 1 16')).toBe('-ERR DB index is out of range\r\n')
    expect(s.run('SWAPDB -1 1')).toBe('-ERR DB index is out of range\r\n')
  })
})
