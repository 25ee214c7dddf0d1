/** Reading ahead changes nothing but the time it takes: commands answer the same with it, in a database large enough for it. */
import { expect, test } from 'vitest'
import { argumentsOf, session } from '../commands/session.ts'

const KEYS = 5000

test('many keys in one request, present and absent, short and long, are read and written as one by one', () => {
  const s = session()
  const long = 'x'.repeat(300)
  for (let i = 0; i < KEYS; i++) s.call('SET', `k${i}`, `v${i}`)
  const keys = Array.from({ length: 40 }, (_, i) => (i % 3 === 0 ? `none${i}` : `k${i * 100}`))
  const expected = keys.map((key) => s.call('GET', key)).join('')
  expect(s.call('MGET', ...keys)).toBe(`*40\r\n${expected}`)
  expect(s.call('MSET', ...keys.flatMap((key) => [key, 'new']), long, 'l')).toBe('+OK\r\n')
  for (const key of keys) expect(s.call('GET', key)).toBe('$3\r\nnew\r\n')
  expect(s.call('MGET', long, 'none')).toBe('*2\r\n$1\r\nl\r\n$-1\r\n')
  expect(s.call('DBSIZE')).toBe(`:${KEYS + 14 + 1}\r\n`)
})

test('a batch of requests gets hashes that the lookups agree with', () => {
  const s = session()
  for (let i = 0; i < KEYS; i++) s.call('SET', `k${i}`, `v${i}`)
  const { keyspace } = s.engine
  const [db] = keyspace.databases
  const requests = ['k1', 'none', 'k4999', 'y'.repeat(200)].map((key) => argumentsOf(['GET', key]))
  keyspace.lookahead.run(db, requests, requests.length)
  expect(requests.map(({ keyHash }) => keyHash !== 0)).toEqual([true, true, true, false])
  expect(requests.map((args) => db.read(args, 1)?.valueText() ?? null)).toEqual(['v1', null, 'v4999', null])
})
