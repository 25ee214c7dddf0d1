/** Syntax lines: arity, and the argument trees that COMMAND DOCS shows of them. */
import { describe, expect, test } from 'vitest'
import { type ArgumentNode, argumentTree } from '../../src/engine/argument-tree.ts'
import { type KeySpec, keyAt, keyCount, keyRange } from '../../src/engine/key-specs.ts'
import { arityOf, parseSyntax } from '../../src/engine/syntax.ts'

describe('arity', () => {
  test.each([
    ['', 1, 1],
    ['', 2, 2],
    ['key', 1, 2],
    ['key', 2, 3],
    ['key value [NX | XX] [GET]', 1, -3],
    ['key [key ...]', 1, -2],
    ['key value [key value ...]', 1, -3],
    ['[section [section ...]]', 1, -1],
    ['source destination <LEFT | RIGHT> <LEFT | RIGHT>', 1, 5],
    ['<NO ONE | host port>', 1, 3],
    ['<a | b c>', 1, -2],
    ['numkeys key [key ...] <LEFT | RIGHT> [COUNT count]', 1, -4],
    [
      'key [GET encoding offset | <SET a b | INCRBY c d> [GET encoding offset | <SET a b | INCRBY c d> ...]]',
      1,
      -2,
    ],
  ])('%s', (line, names, arity) => {
    expect(arityOf(line, names, false)).toBe(arity)
  })

  test('a container takes any subcommand', () => {
    expect(arityOf('', 1, true)).toBe(-2)
  })
})

test.each(['key ]', '[key', '<a | b', 'a >'])('%s does not parse', (line) => {
  expect(() => parseSyntax(line)).toThrow()
})

/** name:type, token and key specification, flags (? optional, + multiple, * with its token), members. */
function show({
  name,
  type,
  token,
  keySpec,
  optional,
  multiple,
  multipleToken,
  children,
}: ArgumentNode): string {
  const flags = `${optional ? '?' : ''}${multiple ? '+' : ''}${multipleToken ? '*' : ''}`
  const members = children.length === 0 ? '' : `(${children.map(show).join(' ')})`
  return `${name}:${type}${token === '' ? '' : `=${token}`}${keySpec === -1 ? '' : `#${keySpec}`}${flags}${members}`
}

const unknown = (notes: string): KeySpec => ({
  begin: { type: 'unknown' },
  find: { type: 'unknown' },
  flags: ['OW'],
  notes,
})

describe('argument trees', () => {
  test.each<[string, string, KeySpec[], string]>([
    ['GET', 'key', [keyAt(1, 'RO')], 'key:key#0'],
    ['OBJECT|FREQ', 'key', [keyAt(2, 'RO')], 'key:key#0'],
    ['MGET', 'key [key ...]', [keyRange(1, -1, 1, 'RO')], 'key:key#0+'],
    [
      'MSET',
      'key value [key value ...]',
      [keyRange(1, -1, 2, 'OW')],
      'key_value:block+(key:key#0 value:string)',
    ],
    ['LCS', 'key1 key2', [keyRange(1, 1, 1, 'RO')], 'key1:key#0 key2:key#0'],
    [
      'SET',
      'key value [NX | XX] [GET]',
      [keyAt(1, 'RW')],
      'key:key#0 value:string condition:oneof?(nx:pure-token=NX xx:pure-token=XX) get:pure-token=GET?',
    ],
    [
      'LMPOP',
      'numkeys key [key ...] <LEFT | RIGHT> [COUNT count]',
      [keyCount(1, 'RW')],
      'numkeys:integer key:key#0+ where:oneof(left:pure-token=LEFT right:pure-token=RIGHT) count:integer=COUNT?',
    ],
    [
      'LMOVE',
      'source destination <LEFT | RIGHT> <LEFT | RIGHT>',
      [keyAt(1, 'RW'), keyAt(2, 'RW')],
      'source:key#0 destination:key#1 wherefrom:oneof(left:pure-token=LEFT right:pure-token=RIGHT) whereto:oneof(left:pure-token=LEFT right:pure-token=RIGHT)',
    ],
    [
      'SORT',
      'key [LIMIT offset count] [GET pattern [GET pattern ...]] [STORE destination]',
      [
        keyAt(1, 'RO'),
        unknown('For the optional BY/GET keyword.'),
        unknown('For the optional STORE keyword.'),
      ],
      'key:key#0 offset_count:block=LIMIT?(offset:integer count:integer) pattern:pattern=GET#1?+* destination:key=STORE#2?',
    ],
    [
      'BITFIELD',
      'key [GET encoding offset | [OVERFLOW <SAT | FAIL>] <SET offset | INCRBY offset> [GET encoding offset | [OVERFLOW <SAT | FAIL>] <SET offset | INCRBY offset> ...]]',
      [keyAt(1, 'RW')],
      'key:key#0 encoding_offset_sat_fail_offset_offset:oneof?+(encoding_offset:block=GET(encoding:string offset:integer) sat_fail_offset_offset:block(sat_fail:oneof=OVERFLOW?(sat:pure-token=SAT fail:pure-token=FAIL) offset_offset:oneof(offset:integer=SET offset:integer=INCRBY)))',
    ],
    ['INCRBYFLOAT', 'key increment', [], 'key:string increment:double'],
    ['SPUBLISH', 'shardchannel', [keyAt(1, 'not_key')], 'shardchannel:string'],
  ])('%s %s', (name, syntax, keys, tree) => {
    const spec = { summary: '', since: '', complexity: '', syntax, flags: [], keys }
    expect(argumentTree(name, spec).map(show).join(' ')).toBe(tree)
  })
})
