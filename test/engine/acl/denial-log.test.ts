/** ACL LOG's entries: which refusals are one, in what order, and how many are kept. */
import { expect, test } from 'vitest'
import { DenialLog, type Refusal } from '../../../src/engine/acl/denial-log.ts'

const refusal: Refusal = {
  reason: 'key',
  context: 'toplevel',
  object: 'k',
  username: 'alice',
  clientInfo: 'id=1',
}
const other: Refusal = { ...refusal, object: 'other' }

const told = (log: DenialLog): string[] =>
  log.entries.map(({ id, object, count, createdAt, updatedAt }) =>
    [id, object, count, createdAt, updatedAt].join(' '),
  )

test('repetitions within a minute are counted, and move to the front', () => {
  const log = new DenialLog()
  log.note(refusal, 1000, 128)
  log.note(other, 2000, 128)
  log.note({ ...refusal, clientInfo: 'id=2' }, 61_000, 128)
  expect(told(log)).toEqual(['0 k 2 1000 61000', '1 other 1 2000 2000'])
  expect(log.entries[0].clientInfo).toBe('id=2')
  log.note(refusal, 121_001, 128)
  expect(told(log)).toEqual(['2 k 1 121001 121001', '0 k 2 1000 61000', '1 other 1 2000 2000'])
})

test.each<Partial<Refusal>>([
  { reason: 'channel' },
  { context: 'multi' },
  { object: 'K' },
  { username: 'bob' },
])('%j is no repetition', (difference) => {
  const log = new DenialLog()
  log.note(refusal, 1000, 128)
  log.note({ ...refusal, ...difference }, 1000, 128)
  expect(log.entries).toHaveLength(2)
})

test('only the ten newest are looked through', () => {
  const log = new DenialLog()
  for (let i = 0; i <= 10; i++) log.note({ ...refusal, object: `k${i}` }, 1000, 128)
  log.note({ ...refusal, object: 'k1' }, 1000, 128)
  expect(log.entries).toHaveLength(11)
  log.note({ ...refusal, object: 'k0' }, 1000, 128)
  expect(log.entries).toHaveLength(12)
})

test('the oldest go when there are too many', () => {
  const log = new DenialLog()
  for (let i = 0; i < 5; i++) log.note({ ...refusal, object: `k${i}` }, 1000, 3)
  expect(log.entries.map(({ object }) => object)).toEqual(['k4', 'k3', 'k2'])
  log.trim(1)
  expect(log.entries.map(({ object }) => object)).toEqual(['k4'])
  log.note(refusal, 1000, 0)
  expect(log.entries).toEqual([])
})
