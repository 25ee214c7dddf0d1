/** The active expire cycle: what it removes, how much it does at once, what it reports. Counts, not times. */
import { describe, expect, test } from 'vitest'
import { SLICE_MICROS } from '../../src/keyspace/expiry.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { type Session, session } from '../commands/session.ts'

/** Every look at it takes so many microseconds: a slice then is a number of looks. */
class TickingClock extends ManualClock {
  looks = 0
  readonly microsPerLook: number

  constructor(microsPerLook: number) {
    super()
    this.microsPerLook = microsPerLook
  }

  override monotonicMicros(): number {
    return this.looks++ * this.microsPerLook
  }
}

function fill(s: Session, count: number, milliseconds: number, prefix = 'k'): void {
  for (let i = 0; i < count; i++) s.call('SET', `${prefix}${i}`, 'value', 'PX', milliseconds)
}

/** How many keys one cycle looks at when none has expired. */
function looksOf(effort: string): number {
  const s = session({ config: { 'active-expire-effort': effort } })
  fill(s, 1000, 1_000_000)
  let samples = 0
  const { deadlines } = s.engine.keyspace.databases[0]
  const at = deadlines.at.bind(deadlines)
  deadlines.at = (position) => {
    samples++
    return at(position)
  }
  s.engine.expireCycle.run(SLICE_MICROS)
  return samples
}

/** Most keys that go between two looks at the clock: 20 samples of 16 at effort 1. */
const ROUND_MAX = 320

describe('the active expire cycle', () => {
  test('removes what has expired and leaves what has not', () => {
    const s = session()
    fill(s, 500, 100, 'short')
    fill(s, 500, 10_000, 'long')
    s.run('SET stays 1')
    s.clock.advance(101)
    for (let i = 0; i < 200; i++) s.engine.expireCycle.run(SLICE_MICROS)
    const { databases, stats } = s.engine.keyspace
    expect(s.bulks('KEYS *').length).toBe(501)
    expect(databases[0].size).toBe(501)
    expect(databases[0].deadlines.count).toBe(500)
    expect(stats.expiredKeys).toBe(500)
    expect(databases[0].averageTtl).toBeGreaterThan(9000)
    expect(databases[0].averageTtl).toBeLessThan(10_000)
  })

  test('a mass expiry goes in slices, each bounded, and gives the memory back', () => {
    const clock = new TickingClock(500)
    const s = session({ clock })
    const { keyspace, expireCycle } = s.engine
    const [db] = keyspace.databases
    s.run('SET stays 1')
    const bytes = keyspace.arena.bytesReserved + db.index.bytes + db.deadlines.bytes
    const count = 100_000
    fill(s, count, 100)
    clock.advance(101)
    let slices = 0
    for (let more = true; more; slices++) {
      const before = db.size
      const looks = clock.looks
      more = expireCycle.run(SLICE_MICROS)
      expect(clock.looks - looks).toBeLessThanOrEqual(SLICE_MICROS / 500 + 2)
      expect(before - db.size).toBeLessThanOrEqual((SLICE_MICROS / 500) * ROUND_MAX)
    }
    expect(slices).toBeGreaterThanOrEqual(count / (8 * ROUND_MAX))
    expect(slices).toBeLessThan(count / 8 / 20)
    expect(keyspace.stats.expiredTimeCapReached).toBeGreaterThan(slices - 3)
    expect(keyspace.stats.expiredStalePercent).toBeGreaterThan(50)
    expect(db.size).toBe(1)
    keyspace.arena.trim()
    expect(keyspace.arena.bytesReserved + db.index.bytes + db.deadlines.bytes).toBeLessThanOrEqual(2 * bytes)
  })

  test('stops where few have expired, and comes back to the rest', () => {
    const clock = new TickingClock(0)
    const s = session({ clock })
    fill(s, 1000, 100, 'short')
    fill(s, 1000, 1_000_000, 'long')
    clock.advance(101)
    const { expireCycle, keyspace } = s.engine
    expect(expireCycle.run(SLICE_MICROS)).toBe(false)
    const left = keyspace.databases[0].size - 1000
    // At most about a tenth of what is left is dead weight; sampling errs.
    expect(left).toBeLessThan(400)
    for (let i = 0; i < 300; i++) expireCycle.run(SLICE_MICROS)
    expect(keyspace.databases[0].size).toBe(1000)
    expect(keyspace.stats.expiredTimeCapReached).toBe(0)
    expect(keyspace.stats.expiredStalePercent).toBeLessThan(1)
  })

  test('more effort looks at more keys and is content with less dead weight', () => {
    expect(looksOf('1')).toBe(20)
    expect(looksOf('10')).toBe(65)
  })

  test('no database starves, and one that takes all the time does not keep the turn', () => {
    const clock = new TickingClock(SLICE_MICROS)
    const s = session({ clock })
    for (const db of [3, 0]) {
      s.run(`SELECT ${db}`)
      fill(s, 2000, 100)
    }
    clock.advance(101)
    const { databases } = s.engine.keyspace
    for (let i = 0; i < 5; i++) s.engine.expireCycle.run(SLICE_MICROS)
    expect(databases[0].size).toBeLessThan(2000)
    expect(databases[3].size).toBeLessThan(2000)
    for (let i = 0; i < 4000; i++) s.engine.expireCycle.run(SLICE_MICROS)
    expect([databases[0].size, databases[3].size]).toEqual([0, 0])
  })

  test('DEBUG SET-ACTIVE-EXPIRE 0 leaves everything to access', () => {
    const s = session()
    fill(s, 100, 100)
    s.clock.advance(101)
    s.engine.expireCycle.enabled = false
    expect(s.engine.expireCycle.run(SLICE_MICROS)).toBe(false)
    expect(s.run('DBSIZE')).toBe(':100\r\n')
    expect(s.run('GET k5')).toBe('$-1\r\n')
    expect(s.run('DBSIZE')).toBe(':99\r\n')
  })

  test('a huge value that expires is freed in slices', () => {
    const s = session()
    for (let i = 0; i < 300; i++) s.call('RPUSH', 'l', ...Array.from({ length: 50 }, () => 'x'.repeat(1000)))
    const { arena, lazyFree } = s.engine.keyspace
    const chunks = arena.liveObjects
    expect(chunks).toBeGreaterThan(1000)
    s.run('PEXPIRE l 100')
    s.clock.advance(101)
    s.engine.expireCycle.run(SLICE_MICROS)
    expect(s.run('DBSIZE')).toBe(':0\r\n')
    expect(chunks - arena.liveObjects).toBeLessThanOrEqual(65)
    lazyFree.run(1e9)
    expect(arena.liveObjects).toBe(0)
  })
})
