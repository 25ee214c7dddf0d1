/** Eviction: which keys each policy takes, how far sampling is from the exact policy, and how it stops. */
import { describe, expect, test } from 'vitest'
import { zipf } from '../../bench/traces.ts'
import { EVICTING, evictionMicros, OUT_OF_ROOM, WITHIN_LIMIT } from '../../src/keyspace/eviction.ts'
import { usedBytes } from '../../src/keyspace/memory.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { SeededRandom } from '../../src/platform/random.ts'
import { type Session, session } from '../commands/session.ts'

/** Every look at the monotonic clock takes so many microseconds. */
class TickingClock extends ManualClock {
  microsPerLook = 0
  private micros = 0

  override monotonicMicros(): number {
    this.micros += this.microsPerLook
    return this.micros
  }
}

function start(policy: string, more: Record<string, string> = {}, clock = new ManualClock()): Session {
  return session({ clock, config: { 'maxmemory-policy': policy, ...more } })
}

/** Sets maxmemory so that what is there now fits less `bytes`. */
function lower(s: Session, bytes: number): void {
  expect(s.run(`CONFIG SET maxmemory ${usedBytes(s.engine.keyspace) - bytes}`)).toBe('+OK\r\n')
}

function evicted(s: Session): number {
  return s.engine.keyspace.stats.evictedKeys
}

function present(s: Session, prefix: string, count: number): number {
  let found = 0
  for (let i = 0; i < count; i++) if (s.run(`EXISTS ${prefix}${i}`) === ':1\r\n') found++
  return found
}

describe('policies', () => {
  test('allkeys-lru takes those not used for longest', () => {
    const s = start('allkeys-lru')
    for (let i = 0; i < 200; i++) s.run(`SET old${i} value`)
    s.clock.advance(60_000)
    for (let i = 0; i < 200; i++) s.run(`SET new${i} value`)
    lower(s, 3000)
    s.engine.keyspace.eviction.goOn()
    expect(evicted(s)).toBeGreaterThan(50)
    expect(present(s, 'new', 200)).toBe(200)
  })

  test('a read keeps a key', () => {
    const s = start('allkeys-lru')
    for (let i = 0; i < 300; i++) s.run(`SET k${i} value`)
    s.clock.advance(60_000)
    for (let i = 0; i < 100; i++) s.run(`GET k${i}`)
    lower(s, 3000)
    s.engine.keyspace.eviction.goOn()
    expect(present(s, 'k', 100)).toBe(100)
  })

  test('allkeys-lfu takes those used least, however recently', () => {
    const s = start('allkeys-lfu')
    for (let i = 0; i < 100; i++) s.run(`SET often${i} value`)
    for (let round = 0; round < 30; round++) for (let i = 0; i < 100; i++) s.run(`GET often${i}`)
    s.clock.advance(10_000)
    for (let i = 0; i < 200; i++) s.run(`SET once${i} value`)
    lower(s, 4000)
    s.engine.keyspace.eviction.goOn()
    expect(evicted(s)).toBeGreaterThan(50)
    expect(present(s, 'often', 100)).toBe(100)
  })

  test('volatile-ttl takes those that end soonest', () => {
    const s = start('volatile-ttl', { 'maxmemory-samples': '10' })
    for (let i = 0; i < 400; i++) s.run(`SET k${i} value EX ${1000 + i * 1000}`)
    lower(s, 6000)
    s.engine.keyspace.eviction.goOn()
    const gone = evicted(s)
    expect(gone).toBeGreaterThan(80)
    expect(gone).toBeLessThan(150)
    let early = 0
    for (let i = 0; i < gone; i++) if (s.run(`EXISTS k${i}`) === ':0\r\n') early++
    expect(early / gone).toBeGreaterThan(0.85)
  })

  test.each(['volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl'])(
    '%s leaves keys without a deadline alone',
    (policy) => {
      const s = start(policy)
      for (let i = 0; i < 100; i++) s.run(`SET stays${i} value`)
      for (let i = 0; i < 100; i++) s.run(`SET goes${i} value EX 1000`)
      s.run('CONFIG SET maxmemory 1000')
      expect(s.engine.keyspace.eviction.goOn()).toBe(OUT_OF_ROOM)
      expect(evicted(s)).toBe(100)
      expect(present(s, 'stays', 100)).toBe(100)
    },
  )

  test('a key that lost its deadline while it stood in the pool stays', () => {
    const s = start('volatile-lru', { 'maxmemory-samples': '64' })
    // Without touching them, or they would stay as recently used.
    s.run('CLIENT NO-TOUCH ON')
    for (let i = 0; i < 300; i++) s.run(`SET k${i} value EX ${1000 + i}`)
    s.clock.advance(50_000)
    lower(s, 20)
    s.engine.keyspace.eviction.goOn()
    expect(evicted(s)).toBe(1)
    s.run('CONFIG SET maxmemory 0')
    for (let i = 0; i < 300; i++) s.run(`PERSIST k${i}`)
    for (let i = 0; i < 100; i++) s.run(`SET late${i} value EX 1000`)
    lower(s, 300)
    expect(s.engine.keyspace.eviction.goOn()).toBe(WITHIN_LIMIT)
    expect(present(s, 'k', 300)).toBe(299)
  })

  test('a key that was used while it stood in the pool stays', () => {
    const s = start('allkeys-lru', { 'maxmemory-samples': '64' })
    for (let i = 0; i < 1000; i++) s.run(`SET k${i} value`)
    s.clock.advance(60_000)
    lower(s, 20)
    s.engine.keyspace.eviction.goOn()
    expect(evicted(s)).toBe(1)
    s.run('CONFIG SET maxmemory 0')
    for (let i = 0; i < 300; i++) s.run(`SET idle${i} value`)
    s.clock.advance(10_000)
    for (let i = 0; i < 1000; i++) s.run(`GET k${i}`)
    lower(s, 200)
    expect(s.engine.keyspace.eviction.goOn()).toBe(WITHIN_LIMIT)
    expect(present(s, 'k', 1000)).toBe(999)
  })

  test.each(['allkeys-random', 'allkeys-lru', 'volatile-lru'])('%s takes keys of all databases', (policy) => {
    const s = start(policy)
    for (const db of [0, 3, 15]) {
      s.run(`SELECT ${db}`)
      for (let i = 0; i < 200; i++) s.run(`SET k${i} value EX 1000`)
    }
    lower(s, 12_000)
    s.engine.keyspace.eviction.goOn()
    const { databases } = s.engine.keyspace
    for (const db of [0, 3, 15]) {
      expect(databases[db].size).toBeLessThan(180)
      expect(databases[db].size).toBeGreaterThan(20)
    }
  })

  test('the idlest keys go first, whatever their database', () => {
    const s = start('allkeys-lru')
    s.run('SELECT 5')
    for (let i = 0; i < 100; i++) s.run(`SET old${i} value`)
    s.clock.advance(100_000)
    s.run('SELECT 2')
    for (let i = 0; i < 300; i++) s.run(`SET new${i} value`)
    lower(s, 2000)
    s.engine.keyspace.eviction.goOn()
    expect(s.engine.keyspace.databases[2].size).toBe(300)
  })

  test('noeviction takes nothing', () => {
    const s = start('noeviction')
    for (let i = 0; i < 100; i++) s.run(`SET k${i} value EX 100`)
    lower(s, 1000)
    expect(s.engine.keyspace.eviction.goOn()).toBe(OUT_OF_ROOM)
    expect(evicted(s)).toBe(0)
  })

  test('a policy set at run time holds from the next eviction on', () => {
    const s = start('allkeys-lru')
    for (let i = 0; i < 60; i++) s.run(`SET stays${i} value`)
    s.clock.advance(50_000)
    for (let i = 0; i < 40; i++) s.run(`SET goes${i} value EX 100`)
    lower(s, 100)
    s.engine.keyspace.eviction.goOn()
    expect(present(s, 'goes', 40)).toBe(40)
    const before = present(s, 'stays', 60)
    s.run('CONFIG SET maxmemory-policy volatile-ttl')
    lower(s, 100)
    expect(s.engine.keyspace.eviction.goOn()).toBe(WITHIN_LIMIT)
    expect(present(s, 'stays', 60)).toBe(before)
    expect(present(s, 'goes', 40)).toBeLessThan(40)
  })
})

describe('limits', () => {
  test('it stops as soon as the use is within the limit', () => {
    const s = start('allkeys-random')
    for (let i = 0; i < 1000; i++) s.run(`SET k${i} value`)
    lower(s, 5000)
    expect(s.engine.keyspace.eviction.goOn()).toBe(WITHIN_LIMIT)
    const { keyspace } = s.engine
    const { maxmemory } = keyspace.settings
    expect(usedBytes(keyspace)).toBeLessThanOrEqual(maxmemory)
    expect(usedBytes(keyspace)).toBeGreaterThan(maxmemory - 5000)
  })

  test('room is made for some writes ahead, but little of the limit', () => {
    const s = start('allkeys-lru')
    for (let i = 0; i < 1000; i++) s.run(`SET k${i} value`)
    lower(s, 0)
    const { eviction, arena } = s.engine.keyspace
    const before = arena.bytesUsed
    expect(eviction.run(40)).toBe(WITHIN_LIMIT)
    const ahead = s.engine.settings.maxmemory / 4096
    expect(before - arena.bytesUsed).toBeGreaterThanOrEqual(40 + ahead)
    expect(before - arena.bytesUsed).toBeLessThan(40 + ahead + 64)
    expect(eviction.isTight(40)).toBe(false)
    const gone = evicted(s)
    for (let i = 0; i < 4; i++) s.run(`SET a${i} value`)
    expect(evicted(s)).toBe(gone)
    // With a larger limit for seven more, and not for all that it has room for.
    s.run('CONFIG SET maxmemory 0')
    for (let i = 0; i < 60_000; i++) s.run(`SET b${i} value`)
    lower(s, 0)
    const full = arena.bytesUsed
    eviction.run(40)
    expect(full - arena.bytesUsed).toBeGreaterThanOrEqual(8 * 40)
    expect(full - arena.bytesUsed).toBeLessThan(8 * 40 + 64)
  })

  test('a huge list counts as what it is: nothing else goes while its parts are freed', () => {
    const s = start('volatile-lru')
    const element = 'x'.repeat(4000)
    for (let i = 0; i < 1000; i++) s.call('RPUSH', 'list', element)
    s.run('EXPIRE list 1000')
    s.clock.advance(50_000)
    for (let i = 0; i < 200; i++) s.run(`SET k${i} value EX 1000`)
    lower(s, 3_000_000)
    expect(s.engine.keyspace.eviction.goOn()).toBe(WITHIN_LIMIT)
    // The list is found among 201 by samples; would its parts not count, all keys would go for it.
    expect(evicted(s)).toBeLessThan(60)
    expect(s.run('EXISTS list')).toBe(':0\r\n')
    expect(usedBytes(s.engine.keyspace)).toBeLessThanOrEqual(s.engine.settings.maxmemory)
  })

  test('a flushed database is freed before a key goes', () => {
    const s = start('allkeys-lru')
    s.run('SET stays value')
    s.run('SELECT 1')
    for (let i = 0; i < 2000; i++) s.run(`SET k${i} value`)
    s.run('FLUSHDB ASYNC')
    lower(s, 20_000)
    expect(s.engine.keyspace.eviction.goOn()).toBe(WITHIN_LIMIT)
    expect(evicted(s)).toBe(0)
  })

  test('time is up: some keys go, the rest goes on later, until all is well', () => {
    const clock = new TickingClock()
    const s = start('allkeys-lru', {}, clock)
    for (let i = 0; i < 2000; i++) s.run(`SET k${i} value`)
    lower(s, 30_000)
    clock.microsPerLook = 100
    const { eviction } = s.engine.keyspace
    expect(eviction.goOn()).toBe(EVICTING)
    const first = evicted(s)
    expect(first).toBeGreaterThan(16)
    expect(first).toBeLessThan(200)
    // A command in between frees only what it needs, the next slice as much as the first.
    expect(eviction.run(0)).toBe(EVICTING)
    expect(evicted(s) - first).toBe(16)
    expect(eviction.goOn()).toBe(EVICTING)
    expect(evicted(s)).toBe(first * 2 + 16)
    let slices = 0
    while (eviction.goOn() === EVICTING && slices < 100) slices++
    expect(usedBytes(s.engine.keyspace)).toBeLessThanOrEqual(s.engine.settings.maxmemory)
  })

  test('the time follows from the tenacity', () => {
    expect([0, 1, 10, 11, 50, 99, 100].map(evictionMicros)).toEqual([
      0,
      50,
      500,
      575,
      133931,
      Math.floor(500 * 1.15 ** 89),
      Number.POSITIVE_INFINITY,
    ])
  })

  test('more than the limit as a whole evicts nothing', () => {
    const s = start('allkeys-lru')
    for (let i = 0; i < 100; i++) s.run(`SET k${i} value`)
    lower(s, -1000)
    expect(s.engine.keyspace.eviction.run(10_000_000)).toBe(OUT_OF_ROOM)
    expect(evicted(s)).toBe(0)
  })
})

/** Hits in percent of a cache that reads ranks and fills misses, so many reads a second. */
function hitPercent(policy: string, samples: number, reads: number, readsPerSecond: number): number {
  const s = start(policy, { 'maxmemory-samples': `${samples}` })
  const draw = zipf(4000, 0.9, new SeededRandom(7))
  for (let i = 0; i < 1000; i++) s.run(`SET k${i} value`)
  lower(s, 0)
  let hits = 0
  for (let i = 0; i < reads; i++) {
    const rank = draw()
    if (i % readsPerSecond === 0) s.clock.advance(1000)
    if (s.run(`GET k${rank}`) !== '$-1\r\n') hits++
    else s.run(`SET k${rank} value`)
  }
  return (hits * 100) / reads
}

/** The same with an exact least-recently-used order. */
function trueLruPercent(reads: number): number {
  const draw = zipf(4000, 0.9, new SeededRandom(7))
  const cache = new Map<number, true>()
  for (let i = 0; i < 1000; i++) cache.set(i, true)
  let hits = 0
  for (let i = 0; i < reads; i++) {
    const rank = draw()
    if (cache.delete(rank)) hits++
    else cache.delete(cache.keys().next().value as number)
    cache.set(rank, true)
  }
  return (hits * 100) / reads
}

describe('quality on a Zipf trace', () => {
  const reads = 20_000
  const exact = trueLruPercent(reads)
  const measured = {
    lru5: hitPercent('allkeys-lru', 5, reads, 4),
    lru10: hitPercent('allkeys-lru', 10, reads, 4),
    lfu: hitPercent('allkeys-lfu', 5, reads, 100),
    random: hitPercent('allkeys-random', 5, reads, 4),
  }
  test('sampled LRU is within a point of true LRU', () => {
    expect(measured.lru5).toBeGreaterThan(exact - 1)
    expect(measured.lru10).toBeGreaterThan(exact - 0.5)
  })
  test('LRU beats random, LFU beats LRU, by clear distances', () => {
    expect(measured.lru5).toBeGreaterThan(measured.random + 2)
    expect(measured.lfu).toBeGreaterThan(measured.lru5 + 2)
  })
})
