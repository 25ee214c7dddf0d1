/** The counters: exact to the 64-bit limits, floats as Redis prints them. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { bulk, session } from './session.ts'

const NOT_AN_INTEGER = '-ERR value is not an integer or out of range\r\n'
const OVERFLOW = '-ERR increment or decrement would overflow\r\n'
const WRONG_TYPE = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'
const MAX = '9223372036854775807'
const MIN = '-9223372036854775808'

test('an absent key counts from zero', () => {
  const s = session()
  expect(s.run('INCR a')).toBe(':1\r\n')
  expect(s.run('DECR b')).toBe(':-1\r\n')
  expect(s.run('INCRBY c 5')).toBe(':5\r\n')
  expect(s.run('DECRBY d 5')).toBe(':-5\r\n')
  expect(s.run('INCRBYFLOAT e 1.5')).toBe(bulk('1.5'))
  expect(s.run('MGET a b c d e')).toBe('*5\r\n$1\r\n1\r\n$2\r\n-1\r\n$1\r\n5\r\n$2\r\n-5\r\n$3\r\n1.5\r\n')
})

test('what is no 64-bit integer is refused, as value and as increment', () => {
  for (const text of ['', 'a', ' 1', '1 ', '+1', '01', '-0', '1.0', '9223372036854775808', '-']) {
    const s = session()
    s.call('SET', 'k', text)
    expect(s.run('INCR k'), text).toBe(NOT_AN_INTEGER)
    expect(s.call('GET', 'k')).toBe(bulk(text))
    s.run('SET k 1')
    expect(s.call('INCRBY', 'k', text), text).toBe(NOT_AN_INTEGER)
    expect(s.call('DECRBY', 'k', text), text).toBe(NOT_AN_INTEGER)
  }
})

test('the limits', () => {
  const s = session()
  s.run(`SET k ${MAX}`)
  expect(s.run('INCR k')).toBe(OVERFLOW)
  expect(s.run(`DECRBY k ${MIN}`)).toBe('-ERR decrement would overflow\r\n')
  expect(s.run(`INCRBY k ${MIN}`)).toBe(':-1\r\n')
  expect(s.run(`INCRBY k ${MIN}`)).toBe(OVERFLOW)
  expect(s.run(`DECRBY k ${MAX}`)).toBe(`:${MIN}\r\n`)
  expect(s.run('DECR k')).toBe(OVERFLOW)
})

test('a sum is exact where doubles are not', () => {
  const s = session()
  s.run('SET k 9007199254740991')
  expect(s.run('INCRBY k 2')).toBe(':9007199254740993\r\n')
  expect(s.run('INCRBY k 9007199254740992')).toBe(':18014398509481985\r\n')
  expect(s.run('GET k')).toBe(bulk('18014398509481985'))
})

test('a sum is what BigInt says, or an overflow', () => {
  const int64 = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc
      .tuple(fc.nat(63), fc.integer({ min: -2, max: 2 }), fc.constantFrom(1n, -1n))
      .map(([power, near, sign]) => BigInt.asIntN(64, sign * 2n ** BigInt(power) + BigInt(near))),
  )
  fc.assert(
    fc.property(int64, int64, fc.boolean(), (value, delta, adds) => {
      const s = session()
      s.call('SET', 'k', `${value}`, 'EX', '100')
      const sum = adds ? value + delta : value - delta
      const reply = s.call(adds ? 'INCRBY' : 'DECRBY', 'k', `${delta}`)
      if (!adds && delta === -(2n ** 63n)) expect(reply).toBe('-ERR decrement would overflow\r\n')
      else expect(reply).toBe(sum === BigInt.asIntN(64, sum) ? `:${sum}\r\n` : OVERFLOW)
      if (reply.startsWith(':')) expect(s.run('GET k')).toBe(bulk(`${sum}`))
      expect(s.run('TTL k')).toBe(':100\r\n')
    }),
    { numRuns: 500 },
  )
})

test('INCRBYFLOAT prints long doubles', () => {
  const s = session()
  s.run('SET k 0.1')
  expect(s.run('INCRBYFLOAT k 0.2')).toBe(bulk('0.3'))
  s.run('SET k 5.0e3')
  expect(s.run('INCRBYFLOAT k -2.0e3')).toBe(bulk('3000'))
  expect(s.run('OBJECT ENCODING k')).toBe(bulk('embstr'))
  expect(s.run('INCR k')).toBe(':3001\r\n')
  expect(s.run('OBJECT ENCODING k')).toBe(bulk('int'))
  expect(s.run('INCRBYFLOAT k inf')).toBe('-ERR increment would produce NaN or Infinity\r\n')
  expect(s.run('INCRBYFLOAT k nan')).toBe('-ERR value is not a valid float\r\n')
  s.call('SET', 'k', '1 ')
  expect(s.run('INCRBYFLOAT k 1')).toBe('-ERR value is not a valid float\r\n')
})

test('lists are no counters', () => {
  const s = session()
  s.run('RPUSH l 1')
  for (const line of ['INCR l', 'INCRBY l 1', 'DECR l', 'DECRBY l 1', 'INCRBYFLOAT l x']) {
    expect(s.run(line), line).toBe(WRONG_TYPE)
  }
})

test('events', () => {
  const s = session()
  s.run('SET k 1')
  s.events()
  s.run('INCR k')
  s.run('DECRBY k 3')
  s.run('INCRBYFLOAT k 0.5')
  s.run('INCR k')
  expect(s.events()).toEqual(['incrby k 0', 'incrby k 0', 'incrbyfloat k 0'])
})
