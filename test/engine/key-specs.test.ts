/** Key specifications: which arguments they say are keys. */
import { expect, test } from 'vitest'
import {
  type KeySpec,
  keyAt,
  keyCount,
  keyIndexes,
  keyRange,
  keysBySpecs,
} from '../../src/engine/key-specs.ts'
import { argumentsOf } from '../commands/session.ts'

const keyword = (word: string, startFrom: number): KeySpec => ({
  begin: { type: 'keyword', keyword: word, startFrom },
  find: { type: 'range', last: -1, step: 1, limit: 2 },
  flags: ['RO'],
})
const unknown: KeySpec = { begin: { type: 'unknown' }, find: { type: 'unknown' }, flags: ['RO'] }

test.each<[string, KeySpec, string, number[] | null]>([
  ['one key', keyAt(1, 'RO'), 'GET a', [1]],
  ['one key that is missing', keyAt(2, 'RO'), 'GET a', null],
  ['a range to the end', keyRange(1, -1, 1, 'RO'), 'DEL a b c', [1, 2, 3]],
  ['every second', keyRange(1, -1, 2, 'OW'), 'MSET a 1 b 2', [1, 3]],
  ['a range before the last', keyRange(1, -2, 1, 'RW'), 'BLPOP a b 0', [1, 2]],
  ['an empty range', keyRange(2, -1, 1, 'RO'), 'BITOP d', null],
  ['a count', keyCount(1, 'RW'), 'LMPOP 2 a b LEFT', [2, 3]],
  ['a count of zero', keyCount(1, 'RW'), 'LMPOP 0 a LEFT', null],
  ['a count below zero', keyCount(1, 'RW'), 'LMPOP -1 a LEFT', null],
  ['a count too high', keyCount(1, 'RW'), 'LMPOP 3 a b', null],
  ['no count', keyCount(1, 'RW'), 'LMPOP x a b', null],
  ['a count that is missing', keyCount(2, 'RW'), 'LMPOP 1', null],
  ['half of what follows a keyword', keyword('STREAMS', 1), 'XREAD COUNT 1 streams a b 1 2', [4, 5]],
  ['a keyword from the end', keyword('KEYS', -2), 'MIGRATE h p KEYS a b', [4]],
  ['a keyword that is not there', keyword('STREAMS', 1), 'XREAD a b', []],
  ['unknown', unknown, 'SORT a', null],
])('%s', (_, spec, line, indexes) => {
  expect(keyIndexes(spec, argumentsOf(line.split(' ')))).toEqual(indexes)
})

test('several specifications', () => {
  const line = argumentsOf(['BITOP', 'AND', 'd', 'a', 'b'])
  expect(keysBySpecs([keyAt(2, 'OW'), keyRange(3, -1, 1, 'RO')], line)).toEqual([
    { index: 2, flags: ['OW'] },
    { index: 3, flags: ['RO'] },
    { index: 4, flags: ['RO'] },
  ])
  expect(keysBySpecs([keyAt(2, 'OW'), { ...keyAt(3, 'RO'), incomplete: true }], line)).toBeNull()
  expect(keysBySpecs([keyAt(2, 'not_key')], line)).toEqual([])
})
