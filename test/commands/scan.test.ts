/** KEYS, SCAN and RANDOMKEY: replies, filters, cursor texts, and SCAN's guarantee while keys come and go. */
import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { bulk, bulks, type Session, session } from './session.ts'

let s: Session

beforeEach(() => {
  s = session()
})

const SYNTAX = '-ERR syntax error\r\n'
const INVALID_CURSOR = '-ERR invalid cursor\r\n'
const EMPTY_SCAN = '*2\r\n$1\r\n0\r\n*0\r\n'

/** The cursor and the keys of one SCAN. */
function step(client: Session, cursor: string, options = ''): [cursor: string, keys: string[]] {
  const [next, ...keys] = client.bulks(`SCAN ${cursor}${options}`)
  return [next, keys]
}

/** All keys that SCAN gives until its cursor is 0 again. */
function scanAll(client: Session, options = ''): string[] {
  const all: string[] = []
  let cursor = '0'
  for (let calls = 0; ; calls++) {
    const [next, keys] = step(client, cursor, options)
    all.push(...keys)
    if (next === '0') return all
    if (calls > 100_000) throw new Error('SCAN does not end')
    cursor = next
  }
}

describe('KEYS', () => {
  test('gives the keys that match', () => {
    s.run('MSET one 1 two 2 three 3 [x] 4')
    expect(s.bulks('KEYS t*').sort()).toEqual(['three', 'two'])
    expect(s.bulks('KEYS *').sort()).toEqual(['[x]', 'one', 'three', 'two'])
    expect(s.bulks('KEYS ?n[^a]')).toEqual(['one'])
    expect(s.run('KEYS \\[x\\]')).toBe(bulks('[x]'))
    expect(s.run('KEYS nothing')).toBe('*0\r\n')
  })

  test('leaves expired keys out, and leaves them', () => {
    s.run('SET a 1 PX 10')
    s.run('SET b 2')
    s.clock.advance(11)
    expect(s.run('KEYS *')).toBe(bulks('b'))
    expect(s.run('DBSIZE')).toBe(':2\r\n')
  })

  test('many keys', () => {
    const names = Array.from({ length: 5000 }, (_, i) => `key:${i}`)
    for (const name of names) s.call('SET', name, 1)
    expect(s.bulks('KEYS *').sort()).toEqual(names.sort())
    expect(s.bulks('KEYS key:499?').sort()).toEqual(names.filter((name) => /^key:499\d$/.test(name)))
  })
})

describe('SCAN', () => {
  test('the form of the reply', () => {
    expect(s.run('SCAN 0')).toBe(EMPTY_SCAN)
    s.run('SET a 1')
    expect(s.run('SCAN 0')).toBe(`*2\r\n${bulk('0')}${bulks('a')}`)
  })

  test('MATCH, TYPE and COUNT, in any order', () => {
    s.run('MSET a1 1 a2 2 b1 3')
    s.run('RPUSH al x')
    expect(scanAll(s, ' MATCH a*').sort()).toEqual(['a1', 'a2', 'al'])
    expect(scanAll(s, ' TYPE list')).toEqual(['al'])
    expect(scanAll(s, ' type STRING match ?1 count 1').sort()).toEqual(['a1', 'b1'])
    expect(scanAll(s, ' TYPE hash')).toEqual([])
    expect(scanAll(s, ' TYPE nothing')).toEqual([])
    expect(scanAll(s, ' MATCH a* MATCH b*')).toEqual(['b1'])
  })

  test('COUNT says how much is done at once', () => {
    for (let i = 0; i < 1000; i++) s.call('SET', `k${i}`, 1)
    expect(step(s, '0', ' COUNT 1000')[1].length).toBe(1000)
    expect(step(s, '0', ' COUNT 9223372036854775807')).toEqual(['0', expect.anything()])
    const [, keys] = step(s, '0', ' COUNT 100')
    expect(keys.length).toBeGreaterThanOrEqual(100)
    expect(keys.length).toBeLessThan(150)
    expect(step(s, '0')[1].length).toBeLessThan(40)
  })

  test('a sparse database costs no more than ten buckets for each key asked for', () => {
    for (let i = 0; i < 20_000; i++) s.call('SET', `k${i}`, 1)
    s.engine.keyspace.databases[0].index.holdShrink()
    for (let i = 0; i < 20_000; i++) s.call('DEL', `k${i}`)
    expect(step(s, '0', ' COUNT 5')).toEqual([expect.not.stringMatching(/^0$/), []])
    expect(scanAll(s)).toEqual([])
  })

  test('expired keys are left out, and removed where the pattern matches', () => {
    for (let i = 0; i < 100; i++) s.call('SET', `k${i}`, 1, 'PX', 10)
    s.run('SET b 2')
    s.clock.advance(11)
    s.events()
    expect(scanAll(s, ' MATCH b COUNT 7')).toEqual(['b'])
    expect(s.run('DBSIZE')).toBe(':101\r\n')
    expect(scanAll(s, ' MATCH k* TYPE list COUNT 7')).toEqual([])
    expect(s.run('DBSIZE')).toBe(':1\r\n')
    expect(s.events().length).toBe(100)
    expect(s.engine.keyspace.stats.expiredKeys).toBe(100)
  })

  test('refusals', () => {
    expect(s.run('SCAN 0 COUNT')).toBe(SYNTAX)
    expect(s.run('SCAN 0 MATCH a COUNT')).toBe(SYNTAX)
    expect(s.run('SCAN 0 COUNT 0')).toBe(SYNTAX)
    expect(s.run('SCAN 0 COUNT -1')).toBe(SYNTAX)
    expect(s.run('SCAN 0 WHAT x')).toBe(SYNTAX)
    expect(s.run('SCAN 0 COUNT x')).toBe('-ERR value is not an integer or out of range\r\n')
    expect(s.run('SCAN x COUNT x')).toBe(INVALID_CURSOR)
  })

  test.each([
    'x',
    '1x',
    ' 0',
    '0 ',
    '-',
    '+',
    '--1',
    '1.0',
    '0x0',
    '18446744073709551616',
    '-99999999999999999999',
  ])('the cursor %j is invalid', (cursor) => {
    expect(s.call('SCAN', cursor)).toBe(INVALID_CURSOR)
  })

  test.each([
    '',
    '00',
    '+0',
    '-0',
    '0\0x',
    '\0',
    '-1',
    '18446744073709551615',
    '4294967296',
    '9223372036854775807',
  ])('the cursor %j is a cursor', (cursor) => {
    expect(s.call('SCAN', cursor)).toBe(EMPTY_SCAN)
  })

  test('whatever is there from the first call to the last is given, whatever comes and goes', () => {
    const batch = fc.record({
      set: fc.array(fc.nat(5000), { maxLength: 300 }),
      removeEvery: fc.integer({ min: 1, max: 4 }),
      count: fc.integer({ min: 1, max: 60 }),
    })
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 400 }),
        fc.array(batch, { minLength: 1, maxLength: 12 }),
        (stable, batches) => {
          const own = session()
          const expected = new Set(Array.from({ length: stable }, (_, i) => `stable:${i}`))
          for (const key of expected) own.call('SET', key, 1)
          const coming = new Set<string>()
          const seen = new Set<string>()
          let cursor = '0'
          for (let i = 0; ; i++) {
            const { set, removeEvery, count } = batches[i % batches.length]
            const [next, keys] = step(own, cursor, ` COUNT ${count}`)
            for (const key of keys) {
              seen.add(key)
              expect(expected.has(key) || coming.has(key)).toBe(true)
            }
            if (next === '0') break
            cursor = next
            // The churn ends, or a scan with COUNT 1 could run for ever behind a growing index.
            if (i > 60) continue
            for (const n of set) {
              coming.add(`coming:${n}`)
              own.call('SET', `coming:${n}`, 1)
            }
            let k = 0
            for (const key of coming) {
              if (k++ % removeEvery !== 0) continue
              own.call('DEL', key)
              coming.delete(key)
            }
          }
          for (const key of expected) expect(seen.has(key)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('RANDOMKEY', () => {
  test('nothing from an empty database', () => {
    expect(s.run('RANDOMKEY')).toBe('$-1\r\n')
  })

  test('every key equally often', () => {
    for (let i = 0; i < 100; i++) s.call('SET', `k${i}`, 1)
    const counts = new Map<string, number>()
    for (let i = 0; i < 20_000; i++) {
      const key = s.run('RANDOMKEY')
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    // 200 each, standard deviation 14; the seed is fixed.
    expect(counts.size).toBe(100)
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(70)
  })

  test('never an expired one', () => {
    for (let i = 0; i < 200; i++) s.call('SET', `k${i}`, 1, 'PX', 10)
    s.run('SET b 2')
    s.clock.advance(11)
    expect(s.run('RANDOMKEY')).toBe(bulk('b'))
    s.run('DEL b')
    expect(s.run('RANDOMKEY')).toBe('$-1\r\n')
    expect(s.run('DBSIZE')).toBe(':0\r\n')
  })
})
