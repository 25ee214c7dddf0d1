/** LCS: replies of every form, and the subsequence itself against a table computed the long way. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { bulk, type Session, session } from './session.ts'

/** The example of Redis's manual. */
function manual(): Session {
  const s = session()
  s.run('MSET key1 ohmytext key2 mynewtext')
  return s
}

const PAIRS = '*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n'
const OTHER = '*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n'

test('the subsequence, its length, its places', () => {
  const s = manual()
  expect(s.run('LCS key1 key2')).toBe(bulk('mytext'))
  expect(s.run('LCS key1 key2 LEN')).toBe(':6\r\n')
  const head = `*4\r\n${bulk('matches')}`
  const tail = `${bulk('len')}:6\r\n`
  expect(s.run('LCS key1 key2 IDX')).toBe(`${head}*2\r\n${PAIRS}${OTHER}${tail}`)
  expect(s.run('LCS key1 key2 idx minmatchlen 4')).toBe(`${head}*1\r\n${PAIRS}${tail}`)
  expect(s.run('LCS key1 key2 IDX MINMATCHLEN 4 WITHMATCHLEN')).toBe(
    `${head}*1\r\n${PAIRS.replace('*2', '*3')}:4\r\n${tail}`,
  )
})

test('RESP3 answers IDX with a map', () => {
  const s = manual()
  s.client.reply.resp = 3
  expect(s.run('LCS key1 nokey IDX')).toBe(`%2\r\n${bulk('matches')}*0\r\n${bulk('len')}:0\r\n`)
})

test('what it refuses', () => {
  const s = manual()
  s.run('RPUSH l a')
  expect(s.run('LCS key1 l')).toBe('-ERR The specified keys must contain string values\r\n')
  expect(s.run('LCS key1 key2 LEN IDX')).toBe(
    '-ERR If you want both the length and indexes, please just use IDX.\r\n',
  )
  expect(s.run('LCS key1 key2 MINMATCHLEN')).toBe('-ERR syntax error\r\n')
  expect(s.run('LCS key1 key2 MINMATCHLEN x')).toBe('-ERR value is not an integer or out of range\r\n')
  expect(s.run('LCS key1')).toBe("-ERR wrong number of arguments for 'lcs' command\r\n")
})

test('a table that would be too large', () => {
  const s = session({ config: { 'proto-max-bulk-len': '1mb' } })
  s.call('SET', 'long', 'x'.repeat(2000))
  expect(s.run('LCS long long')).toMatch(/^-ERR Insufficient memory/)
})

/** The length by the recurrence, row by row. */
function lengthOf(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, () => 0)
  for (const x of a) {
    const row = [0]
    for (let j = 0; j < b.length; j++) row.push(x === b[j] ? above[j] + 1 : Math.max(above[j + 1], row[j]))
    above = row
  }
  return above[b.length]
}

const isSubsequence = (part: string, whole: string): boolean => {
  let at = -1
  return Array.from(part).every((letter) => (at = whole.indexOf(letter, at + 1)) !== -1)
}

test('random strings', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 40 })
  fc.assert(
    fc.property(text, text, (a, b) => {
      const s = session()
      s.call('MSET', 'a', a, 'b', b)
      const length = lengthOf(a, b)
      expect(s.run('LCS a b LEN')).toBe(`:${length}\r\n`)
      const found = s.run('LCS a b').split('\r\n')[1]
      expect(found.length).toBe(length)
      expect(isSubsequence(found, a) && isSubsequence(found, b)).toBe(true)
    }),
  )
})
