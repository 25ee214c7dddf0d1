/** The longest common subsequence against the textbook table, walked back as Redis does. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockOf } from '../../src/structures/block.ts'
import { type LcsMatch, lcsBytes, lcsLength, lcsMatches, lcsTableBytes } from '../../src/values/lcs.ts'

function run(a: string, b: string): { length: number; matches: LcsMatch[]; text: string } {
  const left = blockOf(`${b}${a}!`)
  const right = blockOf(`${a}${b}!`)
  const matches = lcsMatches(left, b.length, a.length, right, a.length, b.length)
  return {
    length: lcsLength(left, b.length, a.length, right, a.length, b.length),
    matches,
    text: lcsBytes(matches, left, b.length).toString('latin1'),
  }
}

/** The table and the walk, position by position; the matches follow from the pairs of positions. */
function model(a: string, b: string): { length: number; matches: LcsMatch[]; text: string } {
  const table = Array.from({ length: a.length + 1 }, () => Array.from({ length: b.length + 1 }, () => 0))
  const at = (i: number, j: number): number => table[i][j]
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const longest = a[i - 1] === b[j - 1] ? at(i - 1, j - 1) + 1 : Math.max(at(i - 1, j), at(i, j - 1))
      table[i][j] = longest
    }
  }
  const matches: LcsMatch[] = []
  let text = ''
  let i = a.length
  let j = b.length
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      i--
      j--
      text = a[i] + text
      const last = matches.at(-1)
      if (last?.aStart === i + 1 && last.bStart === j + 1) {
        matches[matches.length - 1] = { ...last, aStart: i, bStart: j }
      } else matches.push({ aStart: i, aEnd: i, bStart: j, bEnd: j })
    } else if (at(i - 1, j) > at(i, j - 1)) i--
    else j--
  }
  return { length: at(a.length, b.length), matches, text }
}

describe('the longest common subsequence', () => {
  test("of Redis's own example", () => {
    expect(run('ohmytext', 'mynewtext')).toEqual({
      length: 6,
      text: 'mytext',
      matches: [
        { aStart: 4, aEnd: 7, bStart: 5, bEnd: 8 },
        { aStart: 2, aEnd: 3, bStart: 0, bEnd: 1 },
      ],
    })
  })

  test.each([
    ['', ''],
    ['', 'abc'],
    ['abc', ''],
    ['abc', 'xyz'],
    ['abc', 'abc'],
    ['a'.repeat(70), 'a'.repeat(33)],
    ['ab'.repeat(40), 'ba'.repeat(40)],
    ['bb', `${'z'.repeat(33)}b`],
    [`${'z'.repeat(33)}b`, 'bz'],
  ])('of %j and %j', (a, b) => expect(run(a, b)).toEqual(model(a, b)))

  test('of any strings over small and large alphabets', () => {
    const few = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 100 })
    const many = fc.string({ unit: 'grapheme-ascii', maxLength: 100 })
    for (const text of [few, many]) {
      fc.assert(
        fc.property(text, text, (a, b) => {
          expect(run(a, b)).toEqual(model(a, b))
        }),
        { numRuns: 500 },
      )
    }
  })

  test("the memory Redis's table would take", () => expect(lcsTableBytes(3, 4)).toBe(80))
})
