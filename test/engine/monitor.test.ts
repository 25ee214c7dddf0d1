import { expect, test } from 'vitest'
import { quoted } from '../../src/engine/monitor.ts'
import { splitArguments } from '../compat/steps.ts'

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
  expect(splitArguments(quoted(all))).toEqual([all])
})
