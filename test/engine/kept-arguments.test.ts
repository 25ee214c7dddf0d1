import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Kept, KeptArguments } from '../../src/engine/kept-arguments.ts'
import type { Arguments } from '../../src/protocol/arguments.ts'
import { argumentsOf } from '../commands/session.ts'

const textsOf = (args: Arguments): string[] => Array.from({ length: args.count }, (_, i) => args.text(i))

const command = fc.array(fc.string({ unit: 'binary-ascii', maxLength: 60 }), { minLength: 1, maxLength: 12 })

test('what is kept is read until it is given back, whatever else is kept meanwhile', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(command, fc.nat()), { maxLength: 400 }), (steps) => {
      const kept = new KeptArguments()
      const held: [Kept, string[]][] = []
      for (const step of steps) {
        if (typeof step === 'object') held.push([kept.keep(argumentsOf(step)), step])
        else if (held.length > 0) {
          const [[one]] = held.splice(step % held.length, 1)
          kept.giveBack(one)
        }
        for (const [one, texts] of held.slice(-3)) expect(textsOf(kept.read(one))).toEqual(texts)
      }
      for (const [one, texts] of held) expect(textsOf(kept.read(one))).toEqual(texts)
    }),
  )
})

test('an argument that is kept is compared where it lies, and what was read before stays', () => {
  fc.assert(
    fc.property(command, command, (one, other) => {
      const kept = new KeptArguments()
      const [first, second] = [one, other].map((texts) => kept.keep(argumentsOf(texts)))
      const read = kept.read(first)
      const asked = argumentsOf([...one, ...other])
      for (let i = 0; i < asked.count; i++) {
        for (const [at, text] of other.entries()) {
          const same = kept.is(second, at, asked.block, asked.offsets[i], asked.lengths[i])
          expect(same).toBe(asked.text(i) === text)
        }
      }
      expect(textsOf(read)).toEqual(one)
    }),
  )
})

test('a slot is used again, and more of them are made than one block has', () => {
  const kept = new KeptArguments()
  const all = Array.from({ length: 1000 }, (_, i) => kept.keep(argumentsOf(['BLPOP', `key:${i}`, '0'])))
  expect(new Set(all).size).toBe(1000)
  for (const [i, one] of all.entries()) expect(kept.read(one).text(1)).toBe(`key:${i}`)
  kept.giveBack(all[500])
  expect(kept.keep(argumentsOf(['BLPOP', 'another', '0']))).toBe(all[500])
})

test.each([
  ['bytes', ['BLPOP', 'k'.repeat(122), '0'], ['BLPOP', 'k'.repeat(118), '0']],
  ['arguments', Array.from({ length: 128 }, () => ''), Array.from({ length: 127 }, () => '')],
])('what has too many %s for a slot has a copy of its own', (_what, long, short) => {
  const kept = new KeptArguments()
  const own = kept.keep(argumentsOf(long))
  expect(typeof own).toBe('object')
  expect(textsOf(kept.read(own))).toEqual(long)
  kept.giveBack(own)
  const slot = kept.keep(argumentsOf(short))
  expect(typeof slot).toBe('number')
  expect(textsOf(kept.read(slot))).toEqual(short)
})
