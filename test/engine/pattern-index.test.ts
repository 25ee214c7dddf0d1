/** PatternIndex against trying every pattern: no match is missed, and what cannot match is not looked at. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { PatternIndex } from '../../src/engine/pattern-index.ts'
import { globMatches } from '../../src/structures/glob.ts'

function matches(pattern: string, channel: string): boolean {
  const [p, c] = [Buffer.from(pattern, 'latin1'), Buffer.from(channel, 'latin1')]
  return globMatches(p, 0, p.length, c, 0, c.length, false)
}

function candidates(index: PatternIndex, channel: string): string[] {
  const found: string[] = []
  index.eachCandidate(channel, ({ name }) => void found.push(name))
  return found
}

const letters = (alphabet: string, most: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...alphabet.split('')), { maxLength: most }).map((all) => all.join(''))
const pattern = fc.oneof(
  letters('ab*?[]^-\\', 8),
  fc.tuple(letters('ab', 2), letters('ab*?', 3)).map(([start, end]) => start.repeat(20) + end),
)
const channel = fc.oneof(
  letters('ab[\\*', 6),
  letters('ab', 2).map((start) => `${start.repeat(20)}ab`),
)

test('finds every pattern that matches, before and after others have gone', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(pattern, { maxLength: 30 }),
      fc.array(channel),
      fc.nat(30),
      (patterns, channels, gone) => {
        const index = new PatternIndex()
        for (const name of patterns) index.add(name, new Set())
        for (const name of patterns.slice(0, gone)) index.remove(name)
        const left = patterns.slice(gone)
        for (const name of channels) {
          const found = candidates(index, name)
          expect(new Set(found).size).toBe(found.length)
          expect(left.filter((each) => matches(each, name)).filter((each) => !found.includes(each))).toEqual(
            [],
          )
          expect(found.filter((each) => !left.includes(each))).toEqual([])
        }
        for (const name of left) index.remove(name)
        for (const name of channels) expect(candidates(index, name)).toEqual([])
      },
    ),
  )
})

test('looks only at patterns that begin as the channel does', () => {
  const index = new PatternIndex()
  for (let i = 0; i < 1000; i++) index.add(`user:${i}:*`, new Set())
  index.add('*', new Set())
  index.add('user:[0-9]*', new Set())
  expect(candidates(index, 'user:77:name')).toEqual(['*', 'user:[0-9]*', 'user:77:*'])
  expect(candidates(index, 'news')).toEqual(['*'])
  expect(candidates(index, '')).toEqual(['*'])
})

test('a channel of any length costs a bounded number of lookups', () => {
  const index = new PatternIndex()
  for (let i = 1; i < 2000; i++) index.add(`${'a'.repeat(i)}b*`, new Set())
  // Those that begin with as many bytes as count are tried one by one; the shorter ones are told apart.
  expect(candidates(index, 'a'.repeat(31))).toEqual([])
  expect(candidates(index, 'a'.repeat(5000)).length).toBe(2000 - 32)
})
