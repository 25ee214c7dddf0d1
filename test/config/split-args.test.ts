/** Tests of redis.conf's quoting, by example and by quoting random bytes and reading them back. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quoted, splitArguments } from '../../src/config/split-args.ts'

const split = (line: string): string[] | null =>
  splitArguments(Buffer.from(line, 'latin1'))?.map((word) => word.toString('latin1')) ?? null

const quote = (bytes: Uint8Array): string =>
  `"${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`

describe('splitArguments', () => {
  test.each([
    ['', []],
    ['  \t ', []],
    ['port 6379', ['port', '6379']],
    ['  port\t6379 \r', ['port', '6379']],
    ['a\vb \vc', ['a\vb', 'c']],
    ['save ""', ['save', '']],
    ["save ''", ['save', '']],
    ['"a b" c', ['a b', 'c']],
    ['"\\x41\\n\\r\\t\\b\\a\\q\\""', ['A\n\r\t\b\x07q"']],
    ['"\\xzz\\x4"', ['xzzx4']],
    ['"\\x00\\xfF"', ['\0\xff']],
    ["'a\\nb\\'c'", ["a\\nb'c"]],
    ['foo"bar baz"', ['foobar baz']],
    ["foo'bar baz' x", ['foobar baz', 'x']],
    ['"a"b', null],
    ['"a', null],
    ["'a", null],
    ['"a\\"', null],
    ["'a\\'", null],
    ['a"', null],
    ['a\0b c', ['a']],
    ['caf\xe9 \xff', ['caf\xe9', '\xff']],
  ])('%j', (line, words) => {
    expect(split(line)).toEqual(words)
  })

  test('any bytes survive quoting', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 5 }), (words) => {
        const line = Buffer.from(words.map(quote).join(' '))
        expect(splitArguments(line)).toEqual(words.map((word) => Buffer.from(word)))
      }),
    )
  })

  test('no line makes it throw or loop', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', "'", '\\', 'x', '4', ' ', 'a', '\0') }), (line) => {
        const words = split(line)
        expect(words === null || words.every((word) => word.length <= line.length)).toBe(true)
      }),
    )
  })
})

test.each([
  ['', '""'],
  ['plain ~!', '"plain ~!"'],
  ['a"b\\c', String.raw`"a\"b\\c"`],
  ['\n\r\t\x07\b', String.raw`"\n\r\t\a\b"`],
  ["\0\x1b\x7f\x80\xff'", String.raw`"\x00\x1b\x7f\x80\xff'"`],
  ['[]^_', '"[]^_"'],
])('%j is shown as %s', (bytes, shown) => {
  expect(quoted(bytes)).toBe(shown)
})

test('every byte survives quoting, in ASCII that prints', () => {
  const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('')
  expect(quoted(all)).toMatch(/^[ -~]+$/)
  expect(splitArguments(Buffer.from(quoted(all)))?.map((word) => word.toString('latin1'))).toEqual([all])
})
