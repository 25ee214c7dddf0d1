/** Replies of both protocols as JavaScript values. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { CommandError, type Reply, ReplyReader } from '../../src/protocol/reply-reader.ts'
import { ReplyWriter } from '../../src/protocol/reply-writer.ts'

const read = (text: string, buffers = false): Reply => new ReplyReader(Buffer.from(text)).next(buffers)

test.each<[string, Reply]>([
  ['+OK\r\n', 'OK'],
  [':-12\r\n', -12],
  [':9223372036854775807\r\n', 9223372036854775807n],
  ['$5\r\na\r\nbc\r\n', 'a\r\nbc'],
  ['$0\r\n\r\n', ''],
  ['$-1\r\n', null],
  ['*-1\r\n', null],
  ['_\r\n', null],
  ['#t\r\n', true],
  ['#f\r\n', false],
  [',1.5\r\n', 1.5],
  [',-inf\r\n', Number.NEGATIVE_INFINITY],
  [',nan\r\n', Number.NaN],
  ['(123456789012345678901\r\n', 123456789012345678901n],
  ['=7\r\ntxt:abc\r\n', 'abc'],
  ['*2\r\n:1\r\n*1\r\n$1\r\na\r\n', [1, ['a']]],
  ['%1\r\n+k\r\n:1\r\n', new Map([['k', 1]])],
  ['~2\r\n:1\r\n:2\r\n', new Set([1, 2])],
  ['|1\r\n+ttl\r\n:3\r\n:7\r\n', 7],
])('%j', (text, value) => expect(read(text)).toEqual(value))

test('errors have a code, and stand in arrays too', () => {
  const error = read('-WRONGTYPE Operation against\r\n') as CommandError
  expect([error.code, error.message]).toEqual(['WRONGTYPE', 'WRONGTYPE Operation against'])
  expect(read('*2\r\n:1\r\n!8\r\nERR long\r\n')).toEqual([1, new CommandError('ERR long')])
})

test('Buffers where they are asked for', () => {
  const bytes = Buffer.from([255, 0])
  const reply = Buffer.concat([Buffer.from('*2\r\n$2\r\n'), bytes, Buffer.from('\r\n+OK\r\n')])
  expect(new ReplyReader(reply).next(true)).toEqual([bytes, 'OK'])
})

test('one reply after another, pushes told apart', () => {
  const reader = new ReplyReader(Buffer.from('>2\r\n+a\r\n:1\r\n:2\r\n'))
  expect([reader.isPush, reader.next(false), reader.isPush, reader.next(false)]).toEqual([
    true,
    ['a', 1],
    false,
    2,
  ])
  expect(reader.ended).toBe(true)
})

test('what is no reply is refused', () => {
  expect(() => read('?\r\n')).toThrow(RangeError)
  expect(() => read('$5')).toThrow(RangeError)
})

test('whatever the writer writes is read back', () => {
  const values = fc.array(fc.oneof(fc.integer(), fc.string({ unit: 'grapheme' })))
  fc.assert(
    fc.property(values, (elements) => {
      const writer = new ReplyWriter()
      writer.arrayHeader(elements.length)
      for (const element of elements) {
        if (typeof element === 'number') writer.integer(element)
        else writer.bulkText(element)
      }
      const bytes = Buffer.from(writer.block.bytes.subarray(0, writer.length))
      writer.release()
      expect(new ReplyReader(bytes).next(false)).toEqual(elements)
    }),
  )
})
