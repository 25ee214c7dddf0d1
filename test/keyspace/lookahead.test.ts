/** Reading ahead changes nothing but the time it takes: commands answer the same with it, in a database large enough for it. */
import { expect, test } from 'vitest'
import type { Database } from '../../src/keyspace/database.ts'
import { LOOKAHEAD } from '../../src/keyspace/lookahead.ts'
import type { Arguments } from '../../src/protocol/arguments.ts'
import { sipHash } from '../../src/structures/siphash.ts'
import { argumentsOf, session } from '../commands/session.ts'

const KEYS = 5000

const values = (of: Database, requests: Arguments[]): (string | null)[] =>
  requests.map((args) => of.read(args, 1)?.valueText() ?? null)

test('many keys in one request, present and absent, short and long, are read and written as one by one', () => {
  const s = session()
  const long = 'x'.repeat(300)
  for (let i = 0; i < KEYS; i++) s.call('SET', `k${i}`, `v${i}`)
  const keys = Array.from({ length: 80 }, (_, i) => (i % 3 === 0 ? `none${i}` : `k${i * 60}`))
  const expected = keys.map((key) => s.call('GET', key)).join('')
  expect(s.call('MGET', ...keys)).toBe(`*80\r\n${expected}`)
  expect(s.call('MSET', ...keys.flatMap((key) => [key, 'new']), long, 'l')).toBe('+OK\r\n')
  for (const key of keys) expect(s.call('GET', key)).toBe('$3\r\nnew\r\n')
  expect(s.call('MGET', long, 'none')).toBe('*2\r\n$1\r\nl\r\n$-1\r\n')
  expect(s.call('DBSIZE')).toBe(`:${KEYS + 27 + 1}\r\n`)
})

test('the hashes of a request with several keys are known while it runs, and to no other', () => {
  const s = session()
  for (let i = 0; i < KEYS; i++) s.call('SET', `k${i}`, `v${i}`)
  const { keyspace } = s.engine
  const { lookahead } = keyspace
  const [db] = keyspace.databases
  const hashOf = (args: Arguments, i: number): number =>
    sipHash(args.block, args.offsets[i], args.lengths[i], keyspace.hashKey0, keyspace.hashKey1)
  const hashes = (args: Arguments): number[] =>
    Array.from({ length: args.count }, (_, i) => lookahead.hashOf(args, i))
  const known = (words: string[], step: number): boolean[] => {
    const args = argumentsOf(words)
    lookahead.keys(db, args, 1, step)
    const right = hashes(args).map((hash, i) => hash === hashOf(args, i))
    expect(hashes(argumentsOf(words)).every((hash) => hash === 0)).toBe(true)
    lookahead.keysRan()
    expect(hashes(args).every((hash) => hash === 0)).toBe(true)
    return right
  }
  expect(known(['MGET', 'k1', 'none', 'k3'], 1)).toEqual([false, true, true, true])
  const many = Array.from({ length: LOOKAHEAD }, (_, i) => `k${i}`)
  expect(known(['MGET', ...many], 1)).toEqual([false, ...many.map(() => true)])
  expect(known(['MGET', ...many, 'more'], 1)).toEqual([false, false, ...many.map(() => false)])
  expect(known(['MGET', 'k1', 'x'.repeat(300)], 1)).toEqual([false, false, false])
  const args = argumentsOf(['MSET', 'k1', 'a', 'k2', 'b'])
  lookahead.keys(db, args, 1, 2)
  const [first, second] = [1, 3].map((i) => hashOf(args, i))
  expect([lookahead.hashOf(args, 1), lookahead.hashOf(args, 3)]).toEqual([first, second])
  // The next requests in a pipeline are looked at while nobody has said that this one ran.
  lookahead.run(db, [argumentsOf(['GET', 'k5'])], 1)
  expect(lookahead.hashOf(args, 3)).toBe(0)
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

test('what was found ahead is not believed once it can have moved, gone, or been another database', () => {
  const s = session()
  for (let i = 0; i < KEYS; i++) s.call('SET', `k${i}`, `v${i}`)
  s.call('SELECT', '1')
  for (let i = 0; i < KEYS; i++) s.call('SET', `k${i}`, `w${i}`)
  const { keyspace } = s.engine
  const [db, other] = keyspace.databases
  const ahead = (): Arguments[] => {
    const requests = ['k1', 'k2', 'k3'].map((key) => argumentsOf(['GET', key]))
    keyspace.lookahead.run(db, requests, requests.length)
    return requests
  }
  expect(values(db, ahead())).toEqual(['v1', 'v2', 'v3'])
  expect(values(other, ahead())).toEqual(['w1', 'w2', 'w3'])
  const gone = ahead()
  expect(gone.map((args) => keyspace.lookahead.addressOf(args, db.index) !== 0)).toEqual([true, true, true])
  s.call('SELECT', '0')
  s.call('DEL', 'k2')
  s.call('APPEND', 'k3', 'x'.repeat(500))
  s.call('SET', 'new', 'n')
  expect(gone.map((args) => keyspace.lookahead.addressOf(args, db.index))).toEqual([0, 0, 0])
  expect(values(db, gone)).toEqual(['v1', null, `v3${'x'.repeat(500)}`])
  const swapped = ahead()
  s.call('SWAPDB', '0', '1')
  expect(values(db, swapped)).toEqual(['w1', 'w2', 'w3'])
  const [older, newer] = [ahead(), ahead()]
  expect(values(db, older)).toEqual(values(db, newer))
  const flushed = ahead()
  s.call('FLUSHALL')
  expect(values(db, flushed)).toEqual([null, null, null])
})
