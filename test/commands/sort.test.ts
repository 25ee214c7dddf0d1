/** SORT and SORT_RO: options, patterns, ranges, storing; against a model where it pays. */
import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { bulk, bulks, type Session, session } from './session.ts'

let s: Session

beforeEach(() => {
  s = session()
})

const NOT_DOUBLES = "-ERR One or more scores can't be converted into double\r\n"
const SYNTAX = '-ERR syntax error\r\n'

describe('by the elements themselves', () => {
  test('as numbers, up and down', () => {
    s.run('RPUSH l 3 1 -2 10 1.5 -inf 1e1 0x10')
    expect(s.run('SORT l')).toBe(bulks('-inf', '-2', '1', '1.5', '3', '10', '1e1', '0x10'))
    expect(s.run('SORT l DESC')).toBe(bulks('0x10', '1e1', '10', '3', '1.5', '1', '-2', '-inf'))
    expect(s.run('SORT_RO l DESC ASC LIMIT 2 2')).toBe(bulks('1', '1.5'))
  })

  test('equal numbers are in the order of their bytes', () => {
    s.run('RPUSH l 1.0 1 01 1.00 +1')
    expect(s.run('SORT l')).toBe(bulks('+1', '01', '1', '1.0', '1.00'))
    expect(s.run('SORT l DESC')).toBe(bulks('1.00', '1.0', '1', '01', '+1'))
  })

  test('numbers are read as strtod reads them', () => {
    s.call('RPUSH', 'l', '5', '', ' 3', '4\0x', '\t-1')
    expect(s.run('SORT l')).toBe(bulks('\t-1', '', ' 3', '4\0x', '5'))
    for (const text of ['x', '1x', ' ', '3 ', 'nan', '1e999', '--1']) {
      s.run('DEL l')
      s.call('RPUSH', 'l', '1', text)
      expect(s.run('SORT l')).toBe(NOT_DOUBLES)
      expect(s.run('SORT l LIMIT 0 0 STORE d')).toBe(NOT_DOUBLES)
    }
  })

  test('as texts', () => {
    s.call('RPUSH', 'l', 'b', 'a', '', 'ab', '\xff', 'B', '10', '9')
    expect(s.run('SORT l ALPHA')).toBe(bulks('', '10', '9', 'B', 'a', 'ab', 'b', '\xff'))
    expect(s.run('SORT l ALPHA DESC LIMIT 0 3')).toBe(bulks('\xff', 'b', 'ab'))
  })

  test('an absent key and a wrong type', () => {
    expect(s.run('SORT nokey')).toBe('*0\r\n')
    s.run('SET s v')
    expect(s.run('SORT s')).toContain('-WRONGTYPE')
  })
})

describe('BY', () => {
  beforeEach(() => {
    s.run('RPUSH l 1 2 3 4')
    s.run('MSET w1 30 w2 10 w4 20 x1a c x2a b x3a a')
  })

  test('the numbers or texts in other keys; those without one count 0 or come first', () => {
    expect(s.run('SORT l BY w*')).toBe(bulks('3', '2', '4', '1'))
    expect(s.run('SORT l BY w* DESC')).toBe(bulks('1', '4', '2', '3'))
    expect(s.run('SORT l BY x*a ALPHA')).toBe(bulks('4', '3', '2', '1'))
    expect(s.run('SORT l BY x*a ALPHA DESC')).toBe(bulks('1', '2', '3', '4'))
    expect(s.run('SORT l BY x*a')).toBe(NOT_DOUBLES)
    expect(s.run('SORT l BY w* LIMIT 1 2')).toBe(bulks('2', '4'))
  })

  test('a key of another type is none, and a hash field is none', () => {
    s.run('RPUSH w2 x')
    s.run('SET w5->f 1')
    s.run('DEL w2')
    s.run('RPUSH w2 99')
    expect(s.run('SORT l BY w*')).toBe(bulks('2', '3', '4', '1'))
    expect(s.run('SORT l BY w*->f')).toBe(bulks('1', '2', '3', '4'))
    // An arrow with nothing behind it belongs to the name.
    s.run('MSET v1-> 4 v2-> 3 v3-> 2 v4-> 1')
    expect(s.run('SORT l BY v*->')).toBe(bulks('4', '3', '2', '1'))
  })

  test('a pattern without a star keeps the order of the list, DESC turns it round', () => {
    s.run('RPUSH m c a b')
    expect(s.run('SORT m BY nosort')).toBe(bulks('c', 'a', 'b'))
    expect(s.run('SORT m BY nosort DESC')).toBe(bulks('b', 'a', 'c'))
    expect(s.run('SORT m BY nosort LIMIT 1 1')).toBe(bulks('a'))
    expect(s.run('SORT m BY nosort DESC LIMIT 1 5')).toBe(bulks('a', 'c'))
    expect(s.run('SORT m BY nosort LIMIT 3 1')).toBe('*0\r\n')
    expect(s.run('SORT m BY # LIMIT 0 1')).toBe(bulks('c'))
  })

  test('an expired key is none, and goes', () => {
    s.run('PEXPIRE w1 10')
    s.clock.advance(11)
    expect(s.run('SORT l BY w*')).toBe(bulks('1', '3', '2', '4'))
    expect(s.run('DBSIZE')).toBe(':6\r\n')
  })
})

describe('GET', () => {
  test('several, the element itself, and what is not there', () => {
    s.run('RPUSH l 2 1')
    s.run('MSET a1 x a2 y b2 z')
    expect(s.run('SORT l GET a* GET # GET b*')).toBe(bulks('x', '1', null, 'y', '2', 'z'))
    expect(s.run('SORT l GET nostar')).toBe(bulks(null, null))
    expect(s.run('SORT l GET l GET a*->f LIMIT 0 1')).toBe(bulks(null, null))
    s.run('HELLO 3')
    expect(s.run('SORT l GET b* LIMIT 0 1')).toBe('*1\r\n_\r\n')
  })

  test('long elements and long patterns', () => {
    const element = 'e'.repeat(5000)
    const key = `${'p'.repeat(3000)}${element}q`
    s.call('RPUSH', 'l', element)
    s.call('SET', key, 'found')
    expect(s.call('SORT', 'l', 'ALPHA', 'GET', `${'p'.repeat(3000)}*q`)).toBe(bulks('found'))
  })
})

describe('STORE', () => {
  test('makes a list, whatever was there, without a deadline', () => {
    s.run('RPUSH l 3 1 2')
    s.run('SET d x EX 100')
    s.events()
    const { dirty } = s.engine.keyspace
    expect(s.run('SORT l STORE d')).toBe(':3\r\n')
    expect(s.events()).toEqual(['sortstore d 0'])
    expect(s.engine.keyspace.dirty - dirty).toBe(3)
    expect(s.run('LRANGE d 0 -1')).toBe(bulks('1', '2', '3'))
    expect(s.run('TTL d')).toBe(':-1\r\n')
    expect(s.run('OBJECT ENCODING d')).toBe(bulk('listpack'))
  })

  test('over the list that is sorted', () => {
    for (let i = 0; i < 3000; i++) s.call('RPUSH', 'l', (i * 7919) % 3000)
    expect(s.run('SORT l STORE l')).toBe(':3000\r\n')
    expect(s.run('LRANGE l 0 -1')).toBe(bulks(...Array.from({ length: 3000 }, (_, i) => String(i))))
    expect(s.run('OBJECT ENCODING l')).toBe(bulk('quicklist'))
    s.run('DEL l')
    s.engine.keyspace.lazyFree.run(1e9)
    expect(s.engine.keyspace.arena.liveObjects).toBe(0)
  })

  test('what GET does not find is an empty element', () => {
    s.run('RPUSH l 2 1')
    s.run('SET a1 x')
    expect(s.run('SORT l GET a* GET # STORE d')).toBe(':4\r\n')
    expect(s.run('LRANGE d 0 -1')).toBe(bulks('x', '1', '', '2'))
  })

  test('nothing to store removes the key', () => {
    s.run('SET d x')
    s.events()
    expect(s.run('SORT nokey STORE d')).toBe(':0\r\n')
    expect(s.run('SORT nokey STORE d')).toBe(':0\r\n')
    expect(s.events()).toEqual(['del d 0'])
    s.run('RPUSH l 1 2')
    s.run('RPUSH d 1')
    expect(s.run('SORT l LIMIT 5 5 STORE d')).toBe(':0\r\n')
    expect(s.run('EXISTS d')).toBe(':0\r\n')
  })
})

test('refusals', () => {
  expect(s.run('SORT l WHAT')).toBe(SYNTAX)
  expect(s.run('SORT l LIMIT 1')).toBe(SYNTAX)
  expect(s.run('SORT l BY')).toBe(SYNTAX)
  expect(s.run('SORT l GET')).toBe(SYNTAX)
  expect(s.run('SORT l STORE')).toBe(SYNTAX)
  expect(s.run('SORT_RO l STORE d')).toBe(SYNTAX)
  expect(s.run('SORT l LIMIT a b')).toBe('-ERR value is not an integer or out of range\r\n')
})

function byBytes(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

/** What the test below stores under w*: nothing for 20. */
function weight(text: string): number {
  return text === '20' ? 0 : -Number(text)
}

test('any list, range and direction agree with a model', () => {
  const limit = fc.option(fc.tuple(fc.integer({ min: -3, max: 40 }), fc.integer({ min: -2, max: 40 })), {
    nil: null,
  })
  const edge = '9223372036854775807'
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 40 }),
      fc.constantFrom('', ' ALPHA', ' BY nosort', ' BY w*'),
      fc.boolean(),
      limit,
      fc.boolean(),
      (values, kind, descending, range, huge) => {
        s.run('FLUSHALL')
        for (const value of values) s.call('RPUSH', 'l', value)
        for (let i = -20; i < 20; i++) s.call('SET', `w${i}`, -i)
        let expected = values.map(String)
        if (kind === ' BY nosort') {
          if (descending) expected.reverse()
        } else {
          const order = {
            '': (a: string, b: string) => Number(a) - Number(b) || byBytes(a, b),
            ' ALPHA': byBytes,
            ' BY w*': (a: string, b: string) => weight(a) - weight(b) || byBytes(a, b),
          }[kind]
          expected = expected.sort(order)
          if (descending) expected.reverse()
        }
        let options = kind + (descending ? ' DESC' : '')
        if (range !== null) {
          const [offset, count] = range
          const start = Math.max(0, offset)
          options += ` LIMIT ${offset} ${huge && count < 0 ? edge : count}`
          expected = expected.slice(start, count < 0 ? undefined : start + count)
        }
        expect(s.run(`SORT l${options}`)).toBe(bulks(...expected))
        expect(s.run(`SORT l${options} STORE d`)).toBe(`:${expected.length}\r\n`)
        expect(s.run('LRANGE d 0 -1')).toBe(bulks(...expected))
      },
    ),
    { numRuns: 300 },
  )
})

test('a large list', () => {
  const count = 200_000
  for (let i = 0; i < count; i += 1000) {
    s.call('RPUSH', 'l', ...Array.from({ length: 1000 }, (_, j) => ((i + j) * 15_485_863) % 32_452_843))
  }
  expect(s.run('SORT l STORE d')).toBe(`:${count}\r\n`)
  const sorted = s.bulks('LRANGE d 0 -1').map(Number)
  expect(sorted.length).toBe(count)
  expect(sorted.every((value, i) => i === 0 || sorted[i - 1] <= value)).toBe(true)
})
