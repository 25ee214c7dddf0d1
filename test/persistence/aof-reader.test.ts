/** The reader of append-only files: what is written is read, in pieces however large, and what is wrong is named. */
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ANNOTATION, AofReader, COMMAND, DAMAGED, END, SHORT } from '../../src/persistence/aof-reader.ts'
import { aof, resp, temporaryDirectory } from './aof-files.ts'

const path = join(temporaryDirectory(), 'a.aof')

/** An annotation of so many bytes. */
const line = (length: number): Buffer => Buffer.from(`#${'x'.repeat(length - 2)}\n`)

/** Everything in the file: commands as words, annotations, and how it ends. */
function readAll(
  bytes: Uint8Array,
  from = 0,
): { found: (string | string[])[]; end: number; reader: AofReader } {
  writeFileSync(path, bytes)
  const file = openSync(path, 'r')
  try {
    const reader = new AofReader(file, bytes.length, from)
    const found: (string | string[])[] = []
    for (;;) {
      const status = reader.next()
      if (status === COMMAND)
        found.push(Array.from({ length: reader.args.count }, (_, i) => reader.args.text(i)))
      else if (status === ANNOTATION) found.push(reader.annotation)
      else return { found, end: status, reader }
    }
  } finally {
    closeSync(file)
  }
}

describe('what is well-formed', () => {
  const word = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
  const long = fc.integer({ min: 100_000, max: 700_000 }).map((length) => 'x\r\n$'.repeat(length / 4))
  const words = fc.array(fc.oneof({ weight: 20, arbitrary: word }, { weight: 1, arbitrary: long }), {
    minLength: 1,
  })

  test('is read as it was written, also what is longer than what is read at once', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.constant('#TS:1\r\n')), { maxLength: 30 }), (records) => {
        const bytes = Buffer.concat(
          records.map((record) => (typeof record === 'string' ? Buffer.from(record) : resp(...record))),
        )
        const { found, end, reader } = readAll(bytes)
        expect(end).toBe(END)
        expect(found).toEqual(records)
        expect(reader.position).toBe(bytes.length)
      }),
      { numRuns: 60 },
    )
  })

  test('many arguments, and many commands around the end of what is read at once', () => {
    const many = Array.from({ length: 70_000 }, (_, i) => `${i}`)
    const { found, end } = readAll(Buffer.concat([resp(...many), aof('PING'), resp(...many), aof('PING')]))
    expect(end).toBe(END)
    expect(found.map(({ length }) => length)).toEqual([70_000, 1, 70_000, 1])
    expect(found[2]).toEqual(many)
  })

  test('seek() goes back to where nothing is kept any more', () => {
    const value = 'v'.repeat(3000)
    const commands = Array.from({ length: 1000 }, (_, i) => resp('SET', `${i}`, value))
    const bytes = Buffer.concat(commands)
    writeFileSync(path, bytes)
    const file = openSync(path, 'r')
    const reader = new AofReader(file, bytes.length, 0)
    while (reader.next() === COMMAND);
    let at = 0
    for (const i of [0, 999, 998, 5, 500]) {
      at = commands.slice(0, i).reduce((sum, { length }) => sum + length, 0)
      reader.seek(at)
      expect(reader.next()).toBe(COMMAND)
      expect(reader.start).toBe(at)
      expect(reader.args.text(1)).toBe(`${i}`)
    }
    closeSync(file)
  })
})

describe('what is not', () => {
  const head = '*1\r\n$4\r\nPING\r\n'
  test.each<[string, number, string]>([
    ['x', 0, "Expected prefix '*', got: 'x'"],
    ['\r\n', 0, "Expected prefix '*', got: '\r'"],
    ['*0\r\n', 0, 'Expected a command, got an empty one'],
    ['*-1\r\n', 0, 'Expected a number, got: 2d31'],
    ['*\r\n', 0, 'Expected a number, got: 0d0a'],
    ['*1\n$', 0, 'Expected \\r\\n, got: 0a24'],
    ['*1\rx', 0, 'Expected \\r\\n, got: 0d78'],
    ['*1x', 0, 'Expected \\r\\n, got: 7800'],
    ['*99999999999\r\n', 0, 'Expected a number up to 2147483647, got: 99999999999'],
    ['*1\r\n:4\r\n', 4, "Expected prefix '$', got: ':'"],
    ['*1\r\n$-1\r\n', 4, 'Expected a number, got: 2d31'],
    ['*1\r\n$99999999999999999999999\r\n', 4, 'Expected \\r\\n, got: 3939'],
    ['*1\r\n$9999999999\r\n', 17, 'Expected a command of at most 2146435072 bytes, got one of 9999999999'],
    ['*1\r\n$4\r\nPINGxy', 8, 'Expected \\r\\n, got: 7879'],
    ['*1\r\n$3\r\nPING\r\n', 8, 'Expected \\r\\n, got: 470d'],
  ])('%j is damage', (text, offset, fault) => {
    const { end, reader, found } = readAll(Buffer.from(head + text, 'latin1'))
    expect(found).toEqual([['PING']])
    expect(reader.fault).toEqual({ offset: head.length + offset, text: fault })
    expect(end).toBe(DAMAGED)
  })

  test.each<[string, number, string]>([
    ['*', 0, 'Expected \\r\\n, got: 0000'],
    ['*1', 0, 'Expected \\r\\n, got: 0000'],
    ['*1\r', 0, 'Expected \\r\\n, got: 0d00'],
    ['*1\r\n', 4, ''],
    ['*1\r\n$', 4, 'Expected \\r\\n, got: 0000'],
    ['*1\r\n$1\r\n', 8, 'Expected to read 3 bytes, got 0 bytes'],
    ['*1\r\n$1\r\nx\r', 8, 'Expected to read 3 bytes, got 2 bytes'],
    ['*1\r\n$2000000000\r\nx', 17, 'Expected to read 2000000002 bytes, got 1 bytes'],
    ['#TS:1\r', 0, 'Expected the end of an annotation'],
  ])('%j is short', (text, offset, fault) => {
    const { end, reader } = readAll(Buffer.from(head + text, 'latin1'))
    expect(reader.fault).toEqual({ offset: head.length + offset, text: fault })
    expect(end).toBe(SHORT)
    expect(reader.start).toBe(head.length)
  })

  test('an annotation has an end', () => {
    expect(readAll(line(1024)).found).toEqual([line(1024).toString()])
    const { end, reader } = readAll(line(1025))
    expect(end).toBe(DAMAGED)
    expect(reader.fault).toEqual({ offset: 0, text: 'Expected an annotation of at most 1024 bytes' })
  })

  test('every prefix of good bytes is short or ends between two commands, never damaged', () => {
    const bytes = Buffer.concat([
      aof('SET a b', '#TS:12', 'LPUSH l 0123456789'),
      resp('x', ''.padEnd(130, '\r\n$*')),
    ])
    for (let size = 0; size <= bytes.length; size++) {
      const { end, reader } = readAll(bytes.subarray(0, size))
      expect(end).toBe(reader.start === size ? END : SHORT)
    }
  })
})
