/** The request reader against redis-parser, at every split point, and against bytes nobody should send. */
import * as fc from 'fast-check'
import RedisParser from 'redis-parser'
import { describe, expect, test } from 'vitest'
import type { Arguments } from '../../src/protocol/arguments.ts'
import { COMPLETE, INCOMPLETE, MALFORMED, RequestReader } from '../../src/protocol/request-reader.ts'
import { blockOf } from '../../src/structures/block.ts'

interface Decoded {
  requests: string[][]
  error: string | null
  /** Where decoding stopped. */
  at: number
}

function encode(request: readonly (Uint8Array | string)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${request.length}\r\n`)]
  for (const argument of request) {
    const bytes = Buffer.from(argument as string)
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

function words(args: Arguments): string[] {
  return Array.from({ length: args.count }, (_, index) => args.text(index))
}

/** Decodes `bytes` that become known up to each of `ends` in turn. */
function decode(bytes: Uint8Array, ends: readonly number[], resume = true): Decoded {
  const reader = new RequestReader()
  const block = blockOf(bytes)
  const requests: string[][] = []
  let start = 0
  for (const end of [...ends, bytes.length]) {
    if (!resume) reader.reset(start)
    for (;;) {
      const before = reader.at
      const status = reader.next(block, end, false)
      if (reader.at < before || reader.at > end) throw new Error(`at ${reader.at} of ${before}..${end}`)
      if (status === MALFORMED) return { requests, error: reader.error?.line ?? '', at: reader.at }
      if (status === INCOMPLETE) break
      if (status !== COMPLETE || reader.args.count === 0) throw new Error(`${status}, ${reader.args.count}`)
      requests.push(words(reader.args))
      start = reader.at
    }
  }
  return { requests, error: null, at: reader.at }
}

function decodeWithRedisParser(bytes: Buffer): string[][] {
  const requests: string[][] = []
  const parser = new RedisParser({
    returnBuffers: true,
    returnReply: (reply: Buffer[]) => requests.push(reply.map((argument) => argument.toString('latin1'))),
    returnError: (error) => expect.unreachable(error.message),
    returnFatalError: (error) => expect.unreachable(error.message),
  })
  parser.execute(bytes)
  return requests
}

const argument = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.uint8Array({ minLength: 8, maxLength: 12 }),
  fc.constantFrom('SET', 'GET', '', '\r\n', '*3\r\n$1\r\n').map((text) => new Uint8Array(Buffer.from(text))),
)
const stream = fc
  .array(fc.array(argument, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 5 })
  .map((requests) => Buffer.concat(requests.map(encode)))

/** A valid stream with some bytes replaced, removed, inserted or doubled. */
const mutated = fc
  .tuple(
    fc.oneof(stream, fc.constant(Buffer.from('SET k "a b"\r\nGET \'k\'\nPING\r\n*1\r\n$4\r\nPING\r\n'))),
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.constantFrom('replace', 'remove', 'insert', 'double', 'cut'),
        fc.constantFrom(...Buffer.from('*$\r\n0129- "\'\\x'), 0, 255),
      ),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([valid, edits]) => {
    let bytes = [...valid]
    for (const [where, edit, byte] of edits) {
      const at = where % (bytes.length + 1)
      if (edit === 'replace') bytes[at] = byte
      else if (edit === 'remove') bytes.splice(at, 1)
      else if (edit === 'insert') bytes.splice(at, 0, byte)
      else if (edit === 'double') bytes.splice(at, 0, ...bytes.slice(at, at + 8))
      else bytes = bytes.slice(0, at)
    }
    return Buffer.from(bytes)
  })

describe('valid multibulk requests', () => {
  test('decode as redis-parser decodes them, at every split point', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const expected = { requests: decodeWithRedisParser(bytes), error: null, at: bytes.length }
        expect(decode(bytes, [])).toEqual(expected)
        const text = JSON.stringify(expected)
        for (let split = 0; split <= bytes.length; split++) {
          expect(JSON.stringify(decode(bytes, [split]))).toBe(text)
          expect(JSON.stringify(decode(bytes, [split], false))).toBe(text)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('decode byte by byte', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const everyByte = Array.from({ length: bytes.length }, (_, index) => index)
        expect(decode(bytes, everyByte).requests).toEqual(decodeWithRedisParser(bytes))
      }),
      { numRuns: 60 },
    )
  })

  test('take any number of arguments', () => {
    const many = Array.from({ length: 100_000 }, (_, index) => String(index))
    const { requests } = decode(encode(many), [100, 5000, 300_000])
    expect(JSON.stringify(requests)).toBe(JSON.stringify([many]))
  })

  test('take the two bytes after an argument for its line end, whatever they are', () => {
    expect(decode(Buffer.from('*1\rx$4\ryPINGxyPING\r\n'), []).requests).toEqual([['PING'], ['PING']])
  })
})

test('requests of no arguments are skipped', () => {
  const bytes = Buffer.from('*0\r\n*-1\r\n\r\n\n   \r\n*-5\r\n*1\r\n$4\r\nPING\r\n')
  expect(decode(bytes, [])).toEqual({ requests: [['PING']], error: null, at: bytes.length })
})

test.each([
  ['PING\r\n', ['PING']],
  ['PING\n', ['PING']],
  ['SET k  "a b\\x41\\n" \r\n', ['SET', 'k', 'a bA\n']],
  [' \v\f GET\tk\vl\f \r x\r\n', ['GET', 'k\vl\f', 'x']],
  ["ECHO 'a\\'b\\n'\r\n", ['ECHO', "a'b\\n"]],
  ['"" x\r\n', ['', 'x']],
])('the inline request %j', (line, expected) => {
  const bytes = Buffer.from(line)
  for (let split = 0; split <= bytes.length; split++) {
    expect(decode(bytes, [split])).toEqual({ requests: [expected], error: null, at: bytes.length })
  }
})

test.each([
  ['*abc\r\n', 'invalid multibulk length'],
  ['*+1\r\n', 'invalid multibulk length'],
  ['*01\r\n', 'invalid multibulk length'],
  ['*\r\n', 'invalid multibulk length'],
  ['*2147483648\r\n', 'invalid multibulk length'],
  [`*${'1'.repeat(70_000)}`, 'too big mbulk count string'],
  [`*${'1'.repeat(70_000)}\r\n`, 'invalid multibulk length'],
  [`*1\r\n$${'1'.repeat(70_000)}`, 'too big bulk count string'],
  ['*1\r\nx3\r\n', "expected '$', got 'x'"],
  ['*1\r\n\xff3\r\n', "expected '$', got '\xff'"],
  ['*1\r\n\n\r\n', "expected '$', got ' '"],
  ['*1\r\n\r\n', "expected '$', got ' '"],
  ['*2\r\n$4\r\nECHO\r\n:1\r\n', "expected '$', got ':'"],
  ['*1\r\n$-1\r\n', 'invalid bulk length'],
  ['*1\r\n$abc\r\n', 'invalid bulk length'],
  ['*1\r\n$\r\n', 'invalid bulk length'],
  ['*1\r\n$04\r\nPING\r\n', 'invalid bulk length'],
  ['*1\r\n$536870913\r\n', 'invalid bulk length'],
  ['SET "a\r\nPING\r\n', 'unbalanced quotes in request'],
  ['SET "a"b\r\n', 'unbalanced quotes in request'],
  ['a'.repeat(70_000), 'too big inline request'],
])('the malformed request %j', (text, error) => {
  expect(decode(Buffer.from(text, 'latin1'), []).error).toBe(`ERR Protocol error: ${error}`)
})

test.each([
  '*2147483647\r\n',
  '*1\r\n$536870912\r\n',
  '*3\r\nx',
  '*1\0\r\nPING\r\n',
  'PI\0NG\r\nPING\r\n',
  '*5\r\n$3\r\nSET\r\n$100\r\n',
])('the beginning %j waits for more and reserves nothing', (text) => {
  const reader = new RequestReader()
  const room = reader.args.offsets.length
  expect(reader.next(blockOf(text), text.length, false)).toBe(INCOMPLETE)
  expect(reader.args.offsets.length).toBe(room)
})

test.each([
  ['*10\r\n', null],
  ['*11\r\n', 'ERR Protocol error: unauthenticated multibulk length'],
  ['*1\r\n$16384\r\n', null],
  ['*1\r\n$16385\r\n', 'ERR Protocol error: unauthenticated bulk length'],
])('%j from a client that has not authenticated', (text, error) => {
  const reader = new RequestReader()
  expect(reader.next(blockOf(text), text.length, true)).toBe(error === null ? INCOMPLETE : MALFORMED)
  expect(reader.error?.line ?? null).toBe(error)
  expect(new RequestReader().next(blockOf(text), text.length, false)).toBe(INCOMPLETE)
})

test('knownEnd tells where a request ends, once the header of its last argument has come', () => {
  const text = '*2\r\n$3\r\nSET\r\n$1000\r\nab'
  const reader = new RequestReader()
  reader.next(blockOf(text), 10, false)
  expect(reader.knownEnd).toBe(0)
  reader.next(blockOf(text), text.length, false)
  expect(reader.knownEnd).toBe(text.length - 2 + 1000 + 2)
  expect(reader.progress).toBe(1)
  reader.shift(500)
  expect(reader.knownEnd).toBe(text.length - 2 + 1000 + 2 + 500)
  expect(reader.args.offsets[0]).toBe(508)
})

test('the table of a huge request is not kept', () => {
  const bytes = encode(Array.from({ length: 200_000 }, () => 'x'))
  const reader = new RequestReader()
  expect(reader.next(blockOf(bytes), bytes.length, false)).toBe(COMPLETE)
  reader.reset(0)
  expect(reader.args.offsets.length).toBeLessThan(1000)
})

describe('hostile bytes', () => {
  // decode() itself checks that every step ends, goes forward and stays inside.
  test('mutated requests mean the same however they are split', () => {
    fc.assert(
      fc.property(mutated, fc.array(fc.nat(), { maxLength: 6 }), (bytes, splits) => {
        const ends = splits.map((split) => split % (bytes.length + 1)).sort((a, b) => a - b)
        const whole = decode(bytes, [])
        const pieces = decode(bytes, ends)
        expect(pieces.requests).toEqual(whole.requests)
        expect(pieces.error).toBe(whole.error)
        const anew = decode(bytes, ends, false)
        expect(anew.requests).toEqual(whole.requests)
        expect(anew.error).toBe(whole.error)
      }),
      { numRuns: 3000 },
    )
  })

  test('random bytes neither throw nor loop', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, split) => {
        const whole = decode(bytes, [])
        expect(decode(bytes, [Math.min(split, bytes.length)]).requests).toEqual(whole.requests)
      }),
      { numRuns: 3000 },
    )
  })
})
