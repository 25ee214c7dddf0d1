/** Replies made of text: any text is as long as its header says, and nothing of an attempt is left behind. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ReplyWriter } from '../../src/protocol/reply-writer.ts'

function bulkOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ maxLength: 130 }),
  // Halves of surrogate pairs too.
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 70 })
    .map((codes) => String.fromCharCode(...codes)),
)

test('bulkText writes any text in UTF-8, with its length in bytes', () => {
  fc.assert(
    fc.property(fc.array(anyText), (texts) => {
      const writer = new ReplyWriter()
      for (const text of texts) writer.bulkText(text)
      expect(Buffer.from(writer.bytes)).toEqual(Buffer.concat(texts.map(bulkOf)))
      writer.release()
    }),
  )
})

test('bulkText makes room for what does not fit', () => {
  for (const length of [63, 64, 65, 16_383, 16_384, 300_000]) {
    for (const character of ['a', 'ä', '€']) {
      const writer = new ReplyWriter()
      writer.ok()
      const text = character.repeat(length)
      writer.bulkText(text)
      writer.bulkText(text)
      const expected = Buffer.concat([Buffer.from('+OK\r\n'), bulkOf(text), bulkOf(text)])
      expect(expected.equals(writer.bytes)).toBe(true)
      writer.release()
    }
  }
})
