/** The list commands by their exact replies and events, and against arrays. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bulk, bulks, type Session, session } from './session.ts'

const WRONG_TYPE = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'
const SYNTAX = '-ERR syntax error\r\n'
const POSITIVE = '-ERR value is out of range, must be positive\r\n'
const NULL = '$-1\r\n'
const NULL_ARRAY = '*-1\r\n'
const integer = (n: number): string => `:${n}\r\n`
const integers = (...values: number[]): string => `*${values.length}\r\n${values.map(integer).join('')}`

/** A session with the list k of these elements. */
function withList(...elements: string[]): Session {
  const s = session()
  s.call('RPUSH', 'k', ...elements)
  return s
}

const all = (s: Session, key = 'k'): string => s.run(`LRANGE ${key} 0 -1`)

describe('replies', () => {
  test('pushes and pops', () => {
    const s = session()
    expect(s.run('LPUSH k a b')).toBe(integer(2))
    expect(s.run('RPUSH k c')).toBe(integer(3))
    expect(all(s)).toBe(bulks('b', 'a', 'c'))
    expect(s.run('LPUSHX no a')).toBe(integer(0))
    expect(s.run('RPUSHX k d e')).toBe(integer(5))
    expect(s.run('LPOP k')).toBe(bulk('b'))
    expect(s.run('RPOP k 2')).toBe(bulks('e', 'd'))
    expect(s.run('LPOP k 0')).toBe('*0\r\n')
    expect(s.run('LPOP k 9')).toBe(bulks('a', 'c'))
    expect(s.run('EXISTS k')).toBe(integer(0))
    expect(s.run('LPOP k')).toBe(NULL)
    expect(s.run('LPOP k 1')).toBe(NULL_ARRAY)
    expect(s.run('LPOP k -1')).toBe(POSITIVE)
    expect(s.run('RPOP k x')).toBe(POSITIVE)
    expect(s.run('RPOP k 1 1')).toBe("-ERR wrong number of arguments for 'rpop' command\r\n")
    s.client.reply.resp = 3
    expect(s.run('LPOP k 1')).toBe('_\r\n')
  })

  test('LINDEX, LSET, LRANGE, LTRIM', () => {
    const s = withList('a', 'b', 'c', 'd')
    expect(s.run('LINDEX k -1')).toBe(bulk('d'))
    expect(s.run('LINDEX k 4')).toBe(NULL)
    expect(s.run('LSET k 1 B')).toBe('+OK\r\n')
    expect(s.run('LSET k -5 x')).toBe('-ERR index out of range\r\n')
    expect(s.run('LSET no 0 x')).toBe('-ERR no such key\r\n')
    expect(s.run('LRANGE k -3 2')).toBe(bulks('B', 'c'))
    expect(s.run('LRANGE k 3 1')).toBe('*0\r\n')
    expect(s.run('LTRIM k 1 -2')).toBe('+OK\r\n')
    expect(all(s)).toBe(bulks('B', 'c'))
    expect(s.run('LTRIM k 5 9')).toBe('+OK\r\n')
    expect(s.run('EXISTS k')).toBe(integer(0))
  })

  test('LREM, LINSERT, LPOS', () => {
    const s = withList('a', 'b', 'a', 'c', 'a')
    expect(s.run('LPOS k a')).toBe(integer(0))
    expect(s.run('LPOS k a RANK -1')).toBe(integer(4))
    expect(s.run('LPOS k a COUNT 0 RANK 2')).toBe(integers(2, 4))
    expect(s.run('LPOS k a COUNT 0 MAXLEN 3')).toBe(integers(0, 2))
    expect(s.run('LPOS k x')).toBe(NULL)
    expect(s.run('LPOS k x COUNT 1')).toBe('*0\r\n')
    expect(s.run('LPOS k a COUNT x')).toBe("-ERR COUNT can't be negative\r\n")
    expect(s.run('LPOS k a MAXLEN -1')).toBe("-ERR MAXLEN can't be negative\r\n")
    expect(s.run('LPOS k a RANK 0')).toMatch(/^-ERR RANK can't be zero/)
    expect(s.run('LPOS k a RANK -9223372036854775808')).toMatch(
      /^-ERR value is out of range, value must between/,
    )
    expect(s.run('LREM k -2 a')).toBe(integer(2))
    expect(s.run('LINSERT k AFTER a x')).toBe(integer(4))
    expect(s.run('LINSERT k before a y')).toBe(integer(5))
    expect(s.run('LINSERT k BEFORE z y')).toBe(integer(-1))
    expect(s.run('LINSERT no BEFORE z y')).toBe(integer(0))
    expect(s.run('LINSERT k BESIDE z y')).toBe(SYNTAX)
    expect(all(s)).toBe(bulks('y', 'a', 'x', 'b', 'c'))
  })

  test('LMOVE, RPOPLPUSH, LMPOP', () => {
    const s = withList('a', 'b', 'c')
    expect(s.run('LMOVE k m LEFT RIGHT')).toBe(bulk('a'))
    expect(s.run('RPOPLPUSH k m')).toBe(bulk('c'))
    expect(all(s, 'm')).toBe(bulks('c', 'a'))
    expect(s.run('LMOVE m m LEFT RIGHT')).toBe(bulk('c'))
    expect(all(s, 'm')).toBe(bulks('a', 'c'))
    expect(s.run('LMOVE no m LEFT LEFT')).toBe(NULL)
    expect(s.run('LMOVE k m LEFT UP')).toBe(SYNTAX)
    expect(s.run('LMPOP 2 no m RIGHT COUNT 5')).toBe(`*2\r\n${bulk('m')}${bulks('c', 'a')}`)
    expect(s.run('LMPOP 1 no LEFT')).toBe(NULL_ARRAY)
    expect(s.run('LMPOP 0 k LEFT')).toBe('-ERR numkeys should be greater than 0\r\n')
    expect(s.run('LMPOP 1 k LEFT COUNT 0')).toBe('-ERR count should be greater than 0\r\n')
    expect(s.run('LMPOP 2 k LEFT')).toBe(SYNTAX)
  })

  test('other types are refused', () => {
    const s = withList('a')
    s.run('SET s v')
    for (const line of [
      'LPUSH s a',
      'RPUSHX s a',
      'LPOP s',
      'RPOP s 1',
      'LLEN s',
      'LINDEX s 0',
      'LSET s 0 a',
      'LRANGE s 0 1',
      'LTRIM s 0 1',
      'LREM s 0 a',
      'LINSERT s BEFORE a b',
      'LPOS s a',
      'LMOVE s k LEFT LEFT',
      'LMOVE k s LEFT LEFT',
      'RPOPLPUSH s k',
      'LMPOP 2 no s LEFT',
    ]) {
      expect(s.run(line), line).toBe(WRONG_TYPE)
    }
    expect(all(s)).toBe(bulks('a'))
  })
})

test('events', () => {
  const s = withList('a', 'b', 'c')
  const events = (line: string): string[] => {
    s.events()
    s.run(line)
    return s.events()
  }
  expect(events('LPUSH k x')).toEqual(['lpush k 0'])
  expect(events('RPUSHX k x y')).toEqual(['rpush k 0'])
  expect(events('LPOP k 0')).toEqual([])
  expect(events('LPOP k 2')).toEqual(['lpop k 0'])
  expect(events('LSET k 0 z')).toEqual(['lset k 0'])
  expect(events('LREM k 0 nothing')).toEqual([])
  expect(events('LREM k 0 y')).toEqual(['lrem k 0'])
  expect(events('LINSERT k AFTER z w')).toEqual(['linsert k 0'])
  expect(events('LTRIM k 0 1')).toEqual(['ltrim k 0'])
  expect(events('LMOVE k k LEFT RIGHT')).toEqual(['rpush k 0', 'lpop k 0'])
  expect(events('RPOP k 9')).toEqual(['rpop k 0', 'del k 0'])
})

test('a list that empties in the middle of a command is gone for good', () => {
  const s = withList('a')
  s.run('EXPIRE k 100')
  s.run('LMOVE k k LEFT RIGHT')
  expect(s.run('TTL k')).toBe(integer(100))
  s.run('LREM k 0 a')
  s.run('RPUSH k b')
  expect(s.run('TTL k')).toBe(integer(-1))
})

type Lists = Record<string, string[]>

interface Step {
  readonly command: string
  readonly from: string
  readonly to: string
  readonly element: string
  readonly a: number
  readonly b: number
}

/** Position `index` counted from the end when negative. */
const place = (list: readonly string[], index: number): number => (index < 0 ? index + list.length : index)

/** Arrays under the same commands: the reply, with `lists` changed. */
const MODEL: Record<string, (lists: Lists, step: Step) => string> = {
  LPUSH: (lists, { from, element }) => integer((lists[from] ??= []).unshift(element)),
  RPUSH: (lists, { from, element }) => integer((lists[from] ??= []).push(element)),
  LPOP: (lists, { from, a }) => {
    const list = lists[from]
    return list === undefined ? NULL_ARRAY : bulks(...list.splice(0, Math.abs(a)))
  },
  RPOP: (lists, { from, a }) => {
    const list = lists[from]
    if (list === undefined) return NULL_ARRAY
    return bulks(...list.splice(Math.max(0, list.length - Math.abs(a)), Math.abs(a)).toReversed())
  },
  LINDEX: (lists, { from, a }) => {
    const found = lists[from]?.[place(lists[from], a)]
    return found === undefined ? NULL : bulk(found)
  },
  LSET: (lists, { from, a, element }) => {
    const list = lists[from]
    if (list === undefined) return '-ERR no such key\r\n'
    const at = place(list, a)
    if (at < 0 || at >= list.length) return '-ERR index out of range\r\n'
    list[at] = element
    return '+OK\r\n'
  },
  LRANGE: (lists, { from, a, b }) => {
    const list = lists[from] ?? []
    return bulks(...list.slice(Math.max(0, place(list, a)), Math.max(0, place(list, b) + 1)))
  },
  LTRIM: (lists, { from, a, b }) => {
    const list = lists[from]
    if (list !== undefined) {
      lists[from] = list.slice(Math.max(0, place(list, a)), Math.max(0, place(list, b) + 1))
    }
    return '+OK\r\n'
  },
  LREM: (lists, { from, a, element }) => {
    const list = lists[from] ?? []
    const found = list.flatMap((e, i) => (e === element ? [i] : []))
    const gone = a === 0 ? found : a > 0 ? found.slice(0, a) : found.slice(a)
    if (lists[from] !== undefined) lists[from] = list.filter((_, i) => !gone.includes(i))
    return integer(gone.length)
  },
  LINSERT: (lists, { from, element, a }) => {
    const list = lists[from]
    if (list === undefined) return integer(0)
    const at = list.indexOf(element)
    if (at === -1) return integer(-1)
    list.splice(a < 0 ? at : at + 1, 0, 'new')
    return integer(list.length)
  },
  LPOS: (lists, { from, element }) => {
    const found = (lists[from] ?? []).flatMap((e, i) => (e === element ? [i] : []))
    return integers(...found)
  },
  LMOVE: (lists, { from, to, a, b }) => {
    const list = lists[from]
    if (list === undefined) return NULL
    const element = (a < 0 ? list.shift() : list.pop()) as string
    const target = (lists[to] ??= [])
    if (b < 0) target.unshift(element)
    else target.push(element)
    return bulk(element)
  },
}

const side = (n: number): string => (n < 0 ? 'LEFT' : 'RIGHT')

function argumentsFor({ command, from, to, element, a, b }: Step): string[] {
  switch (command) {
    case 'LPOP':
    case 'RPOP':
      return [command, from, `${Math.abs(a)}`]
    case 'LINDEX':
      return [command, from, `${a}`]
    case 'LRANGE':
    case 'LTRIM':
      return [command, from, `${a}`, `${b}`]
    case 'LSET':
    case 'LREM':
      return [command, from, `${a}`, element]
    case 'LINSERT':
      return [command, from, a < 0 ? 'BEFORE' : 'AFTER', element, 'new']
    case 'LPOS':
      return [command, from, element, 'COUNT', '0']
    case 'LMOVE':
      return [command, from, to, side(a), side(b)]
    default:
      return [command, from, element]
  }
}

const pushes = ['LPUSH', 'RPUSH', 'LPUSH', 'RPUSH']

const steps = fc.array(
  fc.record({
    command: fc.constantFrom(...pushes, ...Object.keys(MODEL)),
    from: fc.constantFrom('x', 'y'),
    to: fc.constantFrom('x', 'y', 'z'),
    element: fc.constantFrom('a', 'b', '', 'new', 'c'.repeat(70), 'd'.repeat(3000), 'e'.repeat(20_000)),
    a: fc.integer({ min: -12, max: 12 }),
    b: fc.integer({ min: -12, max: 12 }),
  }),
  { maxLength: 120, size: 'max' },
)

test('random commands answer as on arrays', () => {
  fc.assert(
    fc.property(steps, fc.constantFrom('-2', '3', '128'), (list, size) => {
      const s = session({ config: { 'list-max-listpack-size': size } })
      const lists: Lists = {}
      for (const step of list) {
        const expected = MODEL[step.command](lists, step)
        for (const key of Object.keys(lists)) if (lists[key].length === 0) delete lists[key]
        expect(s.call(...argumentsFor(step)), step.command).toBe(expected)
      }
      for (const key of ['x', 'y', 'z']) expect(all(s, key)).toBe(bulks(...(lists[key] ?? [])))
      s.run('DEL x y z')
      expect(s.engine.keyspace.arena.bytesUsed).toBe(0)
    }),
    { numRuns: 200 },
  )
})
