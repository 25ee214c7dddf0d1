/**
 * The pure functions under the string commands against redis-server itself, on random operands: INCRBYFLOAT,
 * scores, LCS, bit counts and searches, bit fields, integer encodings. Our server takes no part.
 */
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Block, blockOf, newBlock } from '../../src/structures/block.ts'
import { parseDouble } from '../../src/structures/doubles.ts'
import { isInt64 } from '../../src/structures/integers.ts'
import { addLongDouble, formatLongDouble, parseLongDouble } from '../../src/structures/long-double.ts'
import { fitField, getField, type Overflow, setField } from '../../src/values/bitfield.ts'
import { countBitRange, findBit } from '../../src/values/bitmap.ts'
import { lcsBytes, lcsLength, lcsMatches } from '../../src/values/lcs.ts'
import { oracle, startOracle } from './oracle.ts'
import { type Argument, encodeCommand, RawClient } from './raw-client.ts'
import type { ServerProcess } from './server-process.ts'

const BATCH = 100

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

function sum(a: string, b: string): string {
  const left = parseLongDouble(blockOf(a), 0, a.length)
  const right = parseLongDouble(blockOf(b), 0, b.length)
  if (left === null || right === null) return '-ERR value is not a valid float\r\n'
  const text = formatLongDouble(addLongDouble(left, right))
  return text === null ? '-ERR increment would produce NaN or Infinity\r\n' : bulk(text)
}

/** The two random numbers as a range of bits of the bytes. */
function bitRange(bytes: readonly number[], a: number, b: number): [number, number] {
  const bits = bytes.length * 8
  return [Math.min(a % bits, b % bits), Math.max(a % bits, b % bits)]
}

describe.skipIf(oracle === null)('as redis-server computes it', () => {
  let server: ServerProcess
  let client: RawClient

  beforeAll(async () => {
    server = await startOracle()
    client = await RawClient.open(server.port)
  })
  afterAll(async () => {
    client?.close()
    await server?.stop()
  })

  /** Sends all commands; returns their replies as latin1 text. */
  async function replies(commands: readonly Argument[][]): Promise<string[]> {
    const received: string[] = []
    for (let start = 0; start < commands.length; start += BATCH) {
      const batch = commands.slice(start, start + BATCH)
      client.write(Buffer.concat(batch.map((command) => encodeCommand(command))))
      for (let i = 0; i < batch.length; i++) received.push((await client.frame()).toString('latin1'))
    }
    return received
  }

  test('INCRBYFLOAT', async () => {
    const pairs = fc.sample(fc.tuple(floatText, floatText), 6000)
    const answers = await replies(
      pairs.flatMap(([a, b]) => [
        ['SET', 'float', a],
        ['INCRBYFLOAT', 'float', b],
      ]),
    )
    pairs.forEach(([a, b], i) => expect(answers[2 * i + 1], `${a} + ${b}`).toBe(sum(a, b)))
  })

  test('scores of sorted sets', async () => {
    const texts = fc.sample(floatText, 4000)
    const answers = await replies(
      texts.flatMap((text) => [
        ['DEL', 'scores'],
        ['ZADD', 'scores', text, 'member'],
        ['ZSCORE', 'scores', 'member'],
      ]),
    )
    texts.forEach((text, i) => {
      const value = parseDouble(blockOf(text), 0, text.length)
      if (answers[3 * i + 1]?.startsWith('-')) expect(value, text).toBe(Number.NaN)
      else
        expect(value + 0, text).toBe(Number(answers[3 * i + 2]?.split('\r\n')[1]?.replace('inf', 'Infinity')))
    })
  })

  test('LCS', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), maxLength: 90 })
    const pairs = fc.sample(fc.tuple(text, text), 500)
    const answers = await replies(
      pairs.flatMap(([a, b]) => [
        ['MSET', 'a', a, 'b', b],
        ['LCS', 'a', 'b', 'LEN'],
        ['LCS', 'a', 'b'],
        ['LCS', 'a', 'b', 'IDX'],
      ]),
    )
    pairs.forEach(([a, b], i) => {
      const left = blockOf(a)
      const right = blockOf(b)
      const length = lcsLength(left, 0, a.length, right, 0, b.length)
      const matches = lcsMatches(left, 0, a.length, right, 0, b.length)
      const ranges = matches.map(
        (m) => `*2\r\n*2\r\n:${m.aStart}\r\n:${m.aEnd}\r\n*2\r\n:${m.bStart}\r\n:${m.bEnd}\r\n`,
      )
      const index = `*4\r\n${bulk('matches')}*${matches.length}\r\n${ranges.join('')}${bulk('len')}:${length}\r\n`
      expect(answers[4 * i + 1], `${a} ${b}`).toBe(`:${length}\r\n`)
      expect(answers[4 * i + 2], `${a} ${b}`).toBe(bulk(lcsBytes(matches, left, 0).toString('latin1')))
      expect(answers[4 * i + 3], `${a} ${b}`).toBe(index)
    })
  })

  test('BITCOUNT and BITPOS over ranges of bits', async () => {
    const bytes = fc.array(fc.constantFrom(0, 0xff, 0xff, 0x18), { minLength: 1, maxLength: 12 })
    const cases = fc.sample(fc.tuple(bytes, fc.nat(), fc.nat(), fc.constantFrom(0, 1)), 2000)
    const answers = await replies(
      cases.flatMap((sample) => {
        const [first, last] = bitRange(sample[0], sample[1], sample[2])
        return [
          ['SET', 'bits', Buffer.from(sample[0])],
          ['BITCOUNT', 'bits', `${first}`, `${last}`, 'BIT'],
          ['BITPOS', 'bits', `${sample[3]}`, `${first}`, `${last}`, 'BIT'],
        ]
      }),
    )
    cases.forEach((sample, i) => {
      const block = blockOf(Uint8Array.from(sample[0]))
      const [first, last] = bitRange(sample[0], sample[1], sample[2])
      expect(answers[3 * i + 1], JSON.stringify(sample)).toBe(`:${countBitRange(block, 0, first, last)}\r\n`)
      expect(answers[3 * i + 2], JSON.stringify(sample)).toBe(
        `:${findBit(block, 0, sample[3], first, last)}\r\n`,
      )
    })
  })

  test('BITFIELD', async () => {
    const operations = fc.sample(bitfieldOperation, 6000)
    const answers = await replies(
      operations.map((op) => {
        const type = `${op.signed ? 'i' : 'u'}${op.width}`
        const operand = op.action === 'GET' ? [] : [`${op.operand}`]
        return ['BITFIELD', 'field', 'OVERFLOW', op.overflow, op.action, type, `${op.bit}`, ...operand]
      }),
    )
    const string = newBlock(32)
    string.bytes.fill(0)
    operations.forEach((op, i) => {
      const result = apply(string, op)
      const expected = result === null ? '*1\r\n$-1\r\n' : `*1\r\n:${result}\r\n`
      const text = `${i}: ${op.overflow} ${op.action} ${op.signed}${op.width} ${op.bit} ${op.operand}`
      expect(answers[i], text).toBe(expected)
    })
  })

  test('strings encoded as integers', async () => {
    const texts = fc.sample(integerText, 2000)
    const answers = await replies(
      texts.flatMap((text) => [
        ['SET', 'text', text],
        ['OBJECT', 'ENCODING', 'text'],
      ]),
    )
    texts.forEach((text, i) => {
      const answer = answers[2 * i + 1] === bulk('int')
      expect(isInt64(blockOf(text), 0, text.length), text).toBe(answer)
    })
  })
})

/** Finite, infinite, out of range, and texts that are no numbers. */
const digits = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789'.split('')), maxLength: max, size: 'max' })
const exponent = (digit: number): fc.Arbitrary<string> =>
  fc
    .oneof(fc.constant(0), fc.integer({ min: -40, max: 40 }), fc.integer({ min: -digit, max: digit }))
    .map(String)

const floatText = fc.oneof(
  { weight: 4, arbitrary: fc.double({ noNaN: true }).map(String) },
  { weight: 4, arbitrary: fc.tuple(fc.integer(), fc.nat(99_999)).map(([a, b]) => `${a}.${b}`) },
  { weight: 4, arbitrary: fc.tuple(digits(25), digits(25)).map(([a, b]) => `${a}.${b}`) },
  { weight: 4, arbitrary: fc.tuple(digits(25), exponent(5000)).map(([a, e]) => `-${a}e${e}`) },
  {
    weight: 2,
    arbitrary: fc.tuple(digits(12), digits(12), exponent(17_000)).map(([a, b, e]) => `0x${a}.${b}p${e}`),
  },
  { weight: 1, arbitrary: fc.bigInt({ min: 2n ** 62n, max: 2n ** 66n }).map(String) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: fc.constantFrom(...'+-.0123eExXpPinfNa \t\0'.split('')), maxLength: 10 }),
  },
)

const integerText = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n) - 3n, max: -(2n ** 63n) + 3n }).map(String),
  fc.bigInt({ min: 2n ** 63n - 3n, max: 2n ** 63n + 3n }).map(String),
  fc.integer().map(String),
  fc.string({ unit: fc.constantFrom(...'0123456789-+ .'.split('')), maxLength: 21 }),
)

interface BitfieldOperation {
  readonly action: 'GET' | 'SET' | 'INCRBY'
  readonly overflow: Overflow
  readonly signed: boolean
  readonly width: number
  readonly bit: number
  readonly operand: bigint
}

const bitfieldOperation: fc.Arbitrary<BitfieldOperation> = fc
  .record({
    action: fc.constantFrom('GET', 'SET', 'INCRBY'),
    overflow: fc.constantFrom('wrap', 'sat', 'fail'),
    signed: fc.boolean(),
    width: fc.integer({ min: 1, max: 64 }),
    bit: fc.nat(190),
    operand: fc.oneof(
      fc.bigInt({ min: -200n, max: 200n }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc
        .tuple(fc.nat(63), fc.integer({ min: -1, max: 1 }))
        .map(([p, d]) => BigInt.asIntN(64, 2n ** BigInt(p) + BigInt(d))),
    ),
  })
  .filter((op) => op.signed || op.width < 64)

/** One operation as the command performs it; returns what it answers. */
function apply(string: Block, op: BitfieldOperation): number | bigint | null {
  const value = getField(string, 0, 32, op.bit, op.width, op.signed)
  if (op.action === 'GET') return value
  const operand = Number.isSafeInteger(Number(op.operand)) ? Number(op.operand) : op.operand
  const fitted =
    op.action === 'SET'
      ? fitField(operand, 0, op.width, op.signed, op.overflow)
      : fitField(value, operand, op.width, op.signed, op.overflow)
  if (fitted === null) return null
  setField(string, 0, op.bit, op.width, fitted)
  return op.action === 'SET' ? value : fitted
}
