/** COMMAND: rows, documentation and keys of commands, without a redis-server to ask. */
import { describe, expect, test } from 'vitest'
import { categoriesOf } from '../../src/engine/acl-categories.ts'
import { bulk, bulks, session } from './session.ts'

const FIRST_KEY = `${bulk('begin_search')}%2\r\n${bulk('type')}${bulk('index')}${bulk('spec')}%1\r\n${bulk('index')}:1\r\n`
const ONE_KEY = `${bulk('find_keys')}%2\r\n${bulk('type')}${bulk('range')}${bulk('spec')}%3\r\n${bulk('lastkey')}:0\r\n${bulk('keystep')}:1\r\n${bulk('limit')}:0\r\n`
/** The row of GET in RESP3. */
const GET_ROW =
  `*10\r\n${bulk('get')}:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n~3\r\n+@read\r\n+@string\r\n+@fast\r\n~0\r\n` +
  `~1\r\n%3\r\n${bulk('flags')}~2\r\n+RO\r\n+access\r\n${FIRST_KEY}${ONE_KEY}~0\r\n`

test('COMMAND INFO', () => {
  const s = session()
  s.client.reply.resp = 3
  expect(s.run('COMMAND INFO GET nothing')).toBe(`*2\r\n${GET_ROW}_\r\n`)
  s.client.reply.resp = 2
  const flat = GET_ROW.replaceAll('~', '*').replaceAll(
    /%(\d)/g,
    (_, pairs: string) => `*${Number(pairs) * 2}`,
  )
  expect(s.run('COMMAND INFO get nothing')).toBe(`*2\r\n${flat}$-1\r\n`)
})

test('a flag that Redis does not show', () => {
  expect(session().run('COMMAND INFO publish')).toContain('*4\r\n+pubsub\r\n+loading\r\n+stale\r\n+fast\r\n')
})

test('bare COMMAND, COMMAND INFO and COMMAND COUNT agree', () => {
  const s = session()
  const all = s.run('COMMAND')
  expect(s.run('COMMAND INFO')).toBe(all)
  expect(all.split('\r\n', 1)[0]).toBe(s.run('COMMAND COUNT').replace(':', '*').trim())
})

test('COMMAND DOCS', () => {
  const s = session()
  s.client.reply.resp = 3
  const key = `%4\r\n${bulk('name')}${bulk('key')}${bulk('type')}${bulk('key')}${bulk('display_text')}${bulk('key')}${bulk('key_spec_index')}:0\r\n`
  expect(s.run('COMMAND DOCS get nothing')).toBe(
    `%1\r\n${bulk('get')}%5\r\n${bulk('summary')}${bulk('Returns the string value of a key.')}${bulk('since')}${bulk('1.0.0')}` +
      `${bulk('group')}${bulk('string')}${bulk('complexity')}${bulk('O(1)')}${bulk('arguments')}*1\r\n${key}`,
  )
  expect(s.run('COMMAND DOCS substr')).toContain(
    `${bulk('doc_flags')}~1\r\n+deprecated\r\n${bulk('deprecated_since')}${bulk('2.0.0')}${bulk('replaced_by')}${bulk('`GETRANGE`')}`,
  )
  expect(s.run('COMMAND DOCS')).toContain(`${bulk('subcommands')}%7\r\n${bulk('command|count')}`)
})

test('COMMAND LIST', () => {
  const s = session()
  expect(s.bulks('COMMAND LIST')).toEqual(expect.arrayContaining(['get', 'command', 'command|list']))
  expect(s.bulks('COMMAND LIST FILTERBY PATTERN COMMAND|GET*')).toEqual([
    'command|getkeys',
    'command|getkeysandflags',
  ])
  expect(s.run('COMMAND LIST FILTERBY MODULE x')).toBe('*0\r\n')
  expect(s.run('COMMAND LIST FILTERBY ACLCAT nothing')).toBe('*0\r\n')
  expect(s.bulks('COMMAND LIST FILTERBY ACLCAT bitmap').toSorted()).toEqual([
    'bitcount',
    'bitfield',
    'bitfield_ro',
    'bitop',
    'bitpos',
    'getbit',
    'setbit',
  ])
  expect(s.run('COMMAND LIST FILTERBY')).toBe('-ERR syntax error\r\n')
})

describe('COMMAND GETKEYS', () => {
  test.each([
    ['get k', ['k']],
    ['mset a 1 b 2', ['a', 'b']],
    ['lmpop 2 a b LEFT', ['a', 'b']],
    ['bitop AND a b c', ['a', 'b', 'c']],
    ['sort a BY STORE STORE b', ['a', 'b']],
    ['object freq k', ['k']],
  ])('%s', (line, keys) => {
    expect(session().run(`COMMAND GETKEYS ${line}`)).toBe(bulks(...keys))
  })

  test.each([
    ['nothing k', 'Invalid command specified'],
    ['config nothing', 'Invalid command specified'],
    ['config get x', 'The command has no key arguments'],
    ['get a b', 'Invalid number of arguments specified for command'],
    ['lmpop 4 a LEFT x', 'Invalid arguments specified for command'],
    ['lmpop 0 a LEFT', 'Invalid arguments specified for command'],
  ])('%s is refused', (line, error) => {
    expect(session().run(`COMMAND GETKEYS ${line}`)).toBe(`-ERR ${error}\r\n`)
  })

  test('flags follow the options', () => {
    const s = session()
    s.client.reply.resp = 3
    expect(s.run('COMMAND GETKEYSANDFLAGS set k v')).toBe(`*1\r\n*2\r\n${bulk('k')}~2\r\n+OW\r\n+update\r\n`)
    expect(s.run('COMMAND GETKEYSANDFLAGS set k v get')).toContain('~3\r\n+RW\r\n+access\r\n+update\r\n')
    expect(s.run('COMMAND GETKEYSANDFLAGS bitfield k get u8 0')).toContain('~2\r\n+RO\r\n+access\r\n')
    expect(s.run('COMMAND GETKEYSANDFLAGS bitfield k set u8 0 1')).toContain('+RW')
  })
})

test('a subcommand that there is not', () => {
  expect(session().run('COMMAND NOTHING')).toBe("-ERR unknown subcommand 'NOTHING'. Try COMMAND HELP.\r\n")
})

test('ACL categories follow from group and flags', () => {
  const { commands } = session().engine
  const categories = (name: string): string[] => {
    const command = commands.get(name)
    if (command === undefined) throw new Error(name)
    return categoriesOf(command)
  }
  expect(categories('set')).toEqual(['write', 'string', 'slow'])
  expect(categories('lpush')).toEqual(['write', 'list', 'fast'])
  expect(categories('config|set')).toEqual(['admin', 'slow', 'dangerous'])
  expect(categories('client')).toEqual(['slow'])
  expect(categories('command|docs')).toEqual(['slow', 'connection'])
  expect(categories('publish')).toEqual(['pubsub', 'fast'])
})
