/** Freeing in slices: bounded work per step, nothing lost, nothing freed twice, whatever happens in between. */
import { describe, expect, test } from 'vitest'
import { type Session, session } from '../commands/session.ts'

/** A list of at least `chunks` chunks. */
function pushLong(s: Session, key: string, chunks: number): void {
  const elements = Array.from({ length: 50 }, () => 'x'.repeat(1000))
  for (let i = 0; i * 6 < chunks; i++) s.call('RPUSH', key, ...elements)
}

/** Chunks or entries one step frees at most: it stops after a bucket that takes it past 256. */
const STEP_MAX = 300

describe('freeing in slices', () => {
  test.each([
    ['DEL l', ':1\r\n'],
    ['UNLINK l', ':1\r\n'],
    ['SET l v', '+OK\r\n'],
    ['RENAME other l', '+OK\r\n'],
    ['COPY other l REPLACE', ':1\r\n'],
    ['EXPIRE l -1', ':1\r\n'],
    ['SORT nokey STORE l', ':0\r\n'],
    ['SORT numbers STORE l', ':2\r\n'],
  ])('%s of a huge list frees a bounded part at once, the rest in steps', (line, reply) => {
    const s = session()
    s.run('SET other v')
    s.run('RPUSH numbers 1 2')
    const { arena, lazyFree, stats } = s.engine.keyspace
    pushLong(s, 'l', 3000)
    const before = arena.liveObjects
    expect(s.run(line)).toBe(reply)
    expect(before - arena.liveObjects).toBeLessThanOrEqual(66)
    expect(lazyFree.pendingObjects).toBe(1)
    for (let steps = 0; lazyFree.pending; steps++) {
      const live = arena.liveObjects
      // The clock stands still: a run of no time is one step.
      lazyFree.run(0)
      expect(live - arena.liveObjects).toBeLessThanOrEqual(STEP_MAX)
      // Life goes on in the memory that has been freed.
      s.call('SET', `new${steps}`, 'v'.repeat(7000))
    }
    expect(stats.lazyFreedObjects).toBe(1)
    s.run('FLUSHALL')
    expect(arena.liveObjects).toBe(0)
  })

  test('a short list is freed on the spot', () => {
    const s = session()
    pushLong(s, 'l', 50)
    s.run('DEL l')
    expect(s.engine.keyspace.lazyFree.pending).toBe(false)
    expect(s.engine.keyspace.arena.liveObjects).toBe(0)
  })

  test('several databases and lists wait together', () => {
    const s = session()
    const { arena, lazyFree } = s.engine.keyspace
    s.run('SELECT 9')
    s.run('SET stays v')
    for (const db of [0, 1, 2]) {
      s.run(`SELECT ${db}`)
      for (let i = 0; i < 2000; i++) s.call('SET', `k${i}`, 'v', 'EX', 100)
      pushLong(s, 'l', 500)
      s.run('FLUSHDB')
    }
    s.run('SELECT 0')
    pushLong(s, 'm', 500)
    s.run('DEL m')
    expect(lazyFree.pendingObjects).toBe(3 * 2001 + 1)
    let steps = 0
    for (; lazyFree.pending; steps++) {
      const live = arena.liveObjects
      lazyFree.run(0)
      expect(live - arena.liveObjects).toBeLessThanOrEqual(STEP_MAX)
    }
    expect(steps).toBeGreaterThan(25)
    expect(lazyFree.pendingObjects).toBe(0)
    expect(arena.liveObjects).toBe(1)
    s.run('SELECT 9')
    expect(s.run('GET stays')).toBe('$1\r\nv\r\n')
  })

  test('FLUSHALL forgets what waits, for the whole arena goes', () => {
    const s = session()
    const { arena, lazyFree } = s.engine.keyspace
    pushLong(s, 'l', 500)
    s.run('SET k v')
    s.run('DEL l')
    expect(lazyFree.pending).toBe(true)
    s.run('FLUSHALL')
    expect(lazyFree.pending).toBe(false)
    expect(arena.bytesReserved).toBe(0)
    lazyFree.run(1e9)
    s.run('SET k v')
    expect(arena.liveObjects).toBe(1)
  })
})
