/** Text for bytes: always theirs, whatever was asked for before. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Block } from '../../src/structures/block.ts'
import { internedText } from '../../src/structures/interned-text.ts'

test('is what the bytes say, of any length and wherever they lie', () => {
  const name = fc.uint8Array({ maxLength: 40 })
  // Few names that come again, and bytes that are alike.
  const names = fc.array(fc.oneof(name, fc.uint8Array({ maxLength: 3, max: 1 })), { maxLength: 50 })
  fc.assert(
    fc.property(names, fc.nat(9), (all, before) => {
      for (const bytes of [...all, ...all]) {
        const block = new Block(Buffer.concat([Buffer.alloc(before, 7), bytes, Buffer.alloc(9, 7)]))
        expect(internedText(block, before, bytes.length)).toBe(Buffer.from(bytes).toString('latin1'))
      }
    }),
  )
})

test('more names than are kept, twice: none is taken for another', () => {
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 5000; i++) {
      const bytes = Buffer.from(`channel:${i}`)
      expect(internedText(new Block(bytes), 0, bytes.length)).toBe(`channel:${i}`)
    }
  }
})
