/** Tests of the glob matcher: its syntax by example, its case folding, and its cost on hostile patterns. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { globMatches } from '../../src/structures/glob.ts'

function matches(pattern: string, text: string, ignoreCase = false): boolean {
  const padded = Buffer.from(`<<${pattern}]x*`, 'latin1')
  const surrounded = Buffer.from(`..${text}..`, 'latin1')
  return globMatches(padded, 2, pattern.length, surrounded, 2, text.length, ignoreCase)
}

describe('globMatches', () => {
  test.each([
    ['hello', 'hello', true],
    ['hello', 'hell', false],
    ['hell', 'hello', false],
    ['h?llo', 'hxllo', true],
    ['h?llo', 'hllo', false],
    ['h*llo', 'hllo', true],
    ['h*llo', 'heeeello', true],
    ['*', 'anything', true],
    ['*a*b', 'xxaxxaxb', true],
    ['*a*b', 'xxaxxaxbc', false],
    ['a*', 'a', true],
    ['a**', 'a', true],
    ['a*?', 'a', false],
    ['[a-c]x', 'bx', true],
    ['[c-a]x', 'bx', true],
    ['[a-c]x', 'dx', false],
    ['[^a-c]', 'd', true],
    ['[^a-c]', 'a', false],
    ['[]', ']', false],
    ['[^]', 'z', true],
    ['[ab', 'b', true],
    ['[ab', 'c', false],
    ['[', '[', false],
    ['[\\]]', ']', true],
    ['[a\\-c]', 'b', false],
    ['[a\\-c]', '-', true],
    ['\\*', '*', true],
    ['\\*', 'x', false],
    ['a\\', 'a\\', true],
    ['[a-]x', 'ax', false],
    ['[\xe0-\xff]', '\xf0', true],
    ['[a-\xff]', 'b', false],
    ['', '', true],
    ['*', '', false],
    ['', 'x', false],
  ])('%j on %j is %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected)
  })

  test('case is folded only when asked, and never for a byte escaped in a class', () => {
    expect(matches('HELLO', 'hello')).toBe(false)
    expect(matches('HELLO', 'hello', true)).toBe(true)
    expect(matches('[A-C]', 'b', true)).toBe(true)
    expect(matches('[ABC]', 'b', true)).toBe(true)
    expect(matches('[\\A]', 'a', true)).toBe(false)
    expect(matches('\\A', 'a', true)).toBe(true)
  })

  test('a literal pattern matches exactly itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), fc.string({ unit: 'binary-ascii' }), (one, other) => {
        const quoted = one.replaceAll(/[\\*?[\]^]/g, String.raw`\$&`)
        expect(matches(quoted, one)).toBe(true)
        expect(matches(quoted, other)).toBe(one === other)
      }),
    )
  })

  test('many stars cost pattern times text at most', () => {
    // Tried one star after the other this takes longer than the age of the universe.
    expect(matches(`${'a*'.repeat(200)}b`, 'a'.repeat(20_000))).toBe(false)
    expect(matches(`${'*a'.repeat(200)}*c*`, 'ab'.repeat(10_000))).toBe(false)
    expect(matches(`${'a*'.repeat(200)}b`, `${'a'.repeat(20_000)}b`)).toBe(true)
  })
})
