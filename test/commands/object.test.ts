/** OBJECT: encodings, reference counts, idle times and access frequencies. */
import { beforeEach, describe, expect, test } from 'vitest'
import { bulk, type Session, session } from './session.ts'

let s: Session

beforeEach(() => {
  s = session()
})

const encoding = (): string => s.run('OBJECT ENCODING k')

describe('ENCODING', () => {
  test('of strings', () => {
    const encodings: [string, string][] = [
      ['0', 'int'],
      ['-9223372036854775808', 'int'],
      ['9223372036854775807', 'int'],
      ['9223372036854775808', 'embstr'],
      ['01', 'embstr'],
      ['', 'embstr'],
      ['1.5', 'embstr'],
      ['x'.repeat(44), 'embstr'],
      ['x'.repeat(45), 'raw'],
    ]
    for (const [value, expected] of encodings) {
      s.call('SET', 'k', value)
      expect(encoding()).toBe(bulk(expected))
    }
  })

  test('a string changed in place is raw, and stays so when it is copied, until it is set again', () => {
    s.run('SET k 1')
    s.run('APPEND k 2')
    expect(encoding()).toBe(bulk('raw'))
    s.run('COPY k c')
    s.run('RENAME c k')
    expect(encoding()).toBe(bulk('raw'))
    s.run('SET k 12')
    expect(encoding()).toBe(bulk('int'))
  })

  test('of lists', () => {
    s.run('RPUSH k a b')
    expect(encoding()).toBe(bulk('listpack'))
    s.call('RPUSH', 'k', 'x'.repeat(9000))
    expect(encoding()).toBe(bulk('quicklist'))
    s.run('COPY k c')
    s.run('RENAME c k')
    expect(encoding()).toBe(bulk('quicklist'))
  })
})

test('REFCOUNT of shared integers', () => {
  for (const [value, count] of [
    ['0', 2147483647],
    ['9999', 2147483647],
    ['10000', 1],
    ['-1', 1],
    ['x', 1],
  ]) {
    s.call('SET', 'k', value)
    expect(s.run('OBJECT REFCOUNT k')).toBe(`:${count}\r\n`)
  }
  s.run('DEL k')
  s.run('RPUSH k 1')
  expect(s.run('OBJECT REFCOUNT k')).toBe(':1\r\n')
})

test('IDLETIME counts seconds since the last access and is none itself', () => {
  s.run('SET k v')
  s.clock.advance(12_345)
  expect(s.run('OBJECT IDLETIME k')).toBe(':12\r\n')
  expect(s.run('OBJECT IDLETIME k')).toBe(':12\r\n')
  s.run('GET k')
  expect(s.run('OBJECT IDLETIME k')).toBe(':0\r\n')
  expect(s.run('OBJECT FREQ k')).toContain('-ERR An LFU maxmemory policy is not selected')
})

test('FREQ under an LFU policy', () => {
  s.engine.keyspace.lfu = true
  s.run('SET k v')
  expect(s.run('OBJECT FREQ k')).toBe(':5\r\n')
  for (let i = 0; i < 1000; i++) s.run('GET k')
  const frequency = Number(s.run('OBJECT FREQ k').slice(1))
  expect(frequency).toBeGreaterThan(8)
  expect(frequency).toBeLessThan(40)
  s.clock.advance(3 * 60_000)
  expect(s.run('OBJECT FREQ k')).toBe(`:${frequency - 3}\r\n`)
  expect(s.run('OBJECT IDLETIME k')).toContain('-ERR An LFU maxmemory policy is selected')
})

test('without the key, null; and other refusals', () => {
  for (const name of ['ENCODING', 'REFCOUNT', 'IDLETIME', 'FREQ']) {
    expect(s.run(`OBJECT ${name} nokey`)).toBe('$-1\r\n')
  }
  s.run('HELLO 3')
  expect(s.run('OBJECT ENCODING nokey')).toBe('_\r\n')
  expect(s.run('OBJECT WHAT k')).toBe("-ERR unknown subcommand 'WHAT'. Try OBJECT HELP.\r\n")
  expect(s.run('OBJECT ENCODING')).toBe("-ERR wrong number of arguments for 'object|encoding' command\r\n")
  expect(s.run('OBJECT')).toBe("-ERR wrong number of arguments for 'object' command\r\n")
  expect(s.run('OBJECT HELP')).toMatch(
    /^\*15\r\n\+OBJECT <subcommand> .*\r\n\+HELP\r\n\+ {4}Prints this help\.\r\n$/s,
  )
})
