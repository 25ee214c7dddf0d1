/** The bitmap commands and BITFIELD by their exact replies, and against arrays of bits. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bulk, session } from './session.ts'

const NOT_AN_OFFSET = '-ERR bit offset is not an integer or out of range\r\n'
const WRONG_TYPE = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'
const SYNTAX = '-ERR syntax error\r\n'
const integer = (n: number | bigint): string => `:${n}\r\n`
const integers = (...values: (number | bigint | null)[]): string =>
  `*${values.length}\r\n${values.map((n) => (n === null ? '$-1\r\n' : integer(n))).join('')}`

describe('single bits', () => {
  test('SETBIT answers with the bit before, and fills with zeros', () => {
    const s = session()
    expect(s.run('SETBIT k 7 1')).toBe(integer(0))
    expect(s.run('SETBIT k 7 0')).toBe(integer(1))
    expect(s.run('SETBIT k 20 1')).toBe(integer(0))
    expect(s.run('GET k')).toBe(bulk('\0\0\x08'))
    expect(s.run('GETBIT k 20')).toBe(integer(1))
    expect(s.run('GETBIT k 21')).toBe(integer(0))
    expect(s.run('GETBIT k 4294967295')).toBe(integer(0))
  })

  test('new bytes are zero even where memory was used before', () => {
    const s = session()
    for (let i = 0; i < 50; i++) s.call('SET', `used${i}`, '\xff'.repeat(200))
    for (let i = 0; i < 50; i++) s.run(`DEL used${i}`)
    s.run('SETBIT a 1599 1')
    expect(s.run('BITCOUNT a')).toBe(integer(1))
    s.run('SET b x')
    s.run('SETBIT b 1590 0')
    expect(s.run('BITCOUNT b')).toBe(integer(4))
    s.run('BITFIELD c SET u8 1500 1')
    expect(s.run('BITCOUNT c')).toBe(integer(1))
  })

  test('an integer becomes raw, a deadline stays', () => {
    const s = session()
    s.run('SET k 1 EX 100')
    s.run('SETBIT k 1 0')
    expect(s.run('OBJECT ENCODING k')).toBe(bulk('raw'))
    expect(s.run('SETBIT k 10000 1')).toBe(integer(0))
    expect(s.run('TTL k')).toBe(integer(100))
  })

  test('what they refuse', () => {
    const s = session()
    s.run('RPUSH l a')
    expect(s.run('SETBIT k -1 1')).toBe(NOT_AN_OFFSET)
    expect(s.run('SETBIT k 4294967296 1')).toBe(NOT_AN_OFFSET)
    expect(s.run('GETBIT k #1')).toBe(NOT_AN_OFFSET)
    expect(s.run('SETBIT k 1 2')).toBe('-ERR bit is not an integer or out of range\r\n')
    expect(s.run('SETBIT l 1 1')).toBe(WRONG_TYPE)
    expect(s.run('EXISTS k')).toBe(integer(0))
  })

  test('an event where something changed', () => {
    const s = session()
    s.run('SET k x')
    s.events()
    s.run('SETBIT k 1 1')
    expect(s.events()).toEqual([])
    s.run('SETBIT k 8 0')
    s.run('BITFIELD k GET u8 0 SET u8 0 0 INCRBY u8 0 1')
    s.run('BITFIELD k OVERFLOW FAIL INCRBY u8 0 300')
    s.run('BITFIELD k SET u8 0 1 INCRBY u8 0 0')
    expect(s.events()).toEqual(['setbit k 0', 'setbit k 0'])
  })
})

describe('BITCOUNT and BITPOS', () => {
  test('the arguments are checked before the key, as since 7.2', () => {
    const s = session()
    expect(s.run('BITCOUNT nokey 0')).toBe(SYNTAX)
    expect(s.run('BITCOUNT nokey x 1')).toBe('-ERR value is not an integer or out of range\r\n')
    expect(s.run('BITPOS nokey 0 0 1 BITS')).toBe(SYNTAX)
    expect(s.run('BITPOS nokey 2')).toBe('-ERR The bit argument must be 1 or 0.\r\n')
  })

  test('a search for 0 passes the end only when no end was given', () => {
    const s = session()
    s.call('SET', 'k', '\xff\xff')
    expect(s.run('BITPOS k 0')).toBe(integer(16))
    expect(s.run('BITPOS k 0 1')).toBe(integer(16))
    expect(s.run('BITPOS k 0 0 -1')).toBe(integer(-1))
    expect(s.run('BITPOS nokey 0')).toBe(integer(0))
    expect(s.run('BITPOS nokey 1')).toBe(integer(-1))
  })

  test('random ranges against an array of bits', () => {
    const bytes = fc.uint8Array({ maxLength: 20 })
    const index = fc.integer({ min: -180, max: 180 })
    fc.assert(
      fc.property(
        bytes,
        index,
        index,
        fc.boolean(),
        fc.constantFrom(0, 1),
        (content, start, end, inBits, bit) => {
          const s = session()
          s.call('SET', 'k', content)
          const bits = [...content].flatMap((byte) => Array.from(byte.toString(2).padStart(8, '0'), Number))
          const unit = inBits ? 1 : 8
          const total = bits.length / unit
          const from = Math.max(0, start < 0 ? start + total : start)
          const to = Math.min(total - 1, Math.max(0, end < 0 ? end + total : end))
          const range = from > to ? [] : bits.slice(from * unit, (to + 1) * unit)
          const reversed = start < 0 && end < 0 && start > end
          const ones = reversed ? 0 : range.filter(Boolean).length
          const word = inBits ? 'BIT' : 'BYTE'
          expect(s.run(`BITCOUNT k ${start} ${end} ${word}`)).toBe(integer(ones))
          const at = range.indexOf(bit)
          expect(s.run(`BITPOS k ${bit} ${start} ${end} ${word}`)).toBe(
            integer(at === -1 ? -1 : from * unit + at),
          )
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('BITOP', () => {
  test('the destination may be a source, and goes when the result is empty', () => {
    const s = session()
    s.call('SET', 'a', '\x0f\xf0')
    s.call('SET', 'b', '\xff')
    expect(s.run('BITOP AND a a b')).toBe(integer(2))
    expect(s.run('GET a')).toBe(bulk('\x0f\0'))
    expect(s.run('OBJECT ENCODING a')).toBe(bulk('raw'))
    s.events()
    expect(s.run('BITOP OR a nokey')).toBe(integer(0))
    expect(s.run('EXISTS a')).toBe(integer(0))
    expect(s.run('BITOP OR a nokey')).toBe(integer(0))
    expect(s.run('BITOP NOT b b')).toBe(integer(1))
    expect(s.events()).toEqual(['del a 0', 'set b 0'])
    expect(s.run('BITOP NOT d a b')).toBe('-ERR BITOP NOT must be called with a single source key.\r\n')
    expect(s.run('BITOP NAND d a b')).toBe(SYNTAX)
  })

  test('a destination that is a source may have to move for its new length', () => {
    const s = session()
    const long = '\xf0'.repeat(20_000)
    s.call('SET', 'a', '\x0f'.repeat(10))
    s.call('SET', 'b', long)
    expect(s.run('BITOP OR a a b')).toBe(integer(20_000))
    expect(s.run('GET a')).toBe(bulk('\xff'.repeat(10) + long.slice(10)))
    expect(s.run('BITOP XOR b a b')).toBe(integer(20_000))
    expect(s.run('GET b')).toBe(bulk('\x0f'.repeat(10) + '\0'.repeat(19_990)))
  })

  test('random operands, byte by byte', () => {
    const operand = fc.uint8Array({ maxLength: 40 })
    fc.assert(
      fc.property(fc.array(operand, { minLength: 1, maxLength: 4 }), fc.nat(3), (operands, target) => {
        for (const [word, combine] of OPERATIONS) {
          const s = session()
          operands.forEach((content, i) => s.call('SET', `k${i}`, content))
          const length = Math.max(...operands.map((content) => content.length))
          const expected = Array.from({ length }, (_, i) =>
            operands.map((content) => content[i] ?? 0).reduce(combine),
          )
          const keys = operands.map((_, i) => `k${i}`)
          expect(s.call('BITOP', word, `k${target}`, ...keys)).toBe(integer(length))
          const result = Buffer.from(expected).toString('latin1')
          expect(s.run(`GET k${target}`)).toBe(length === 0 ? '$-1\r\n' : bulk(result))
        }
      }),
    )
  })
})

const OPERATIONS: readonly (readonly [string, (a: number, b: number) => number])[] = [
  ['AND', (a, b) => a & b],
  ['OR', (a, b) => a | b],
  ['XOR', (a, b) => a ^ b],
]

describe('BITFIELD', () => {
  test('several operations on one string, in their order', () => {
    const s = session()
    expect(s.run('BITFIELD k INCRBY i5 100 1 GET u4 0')).toBe(integers(1, 0))
    expect(s.run('BITFIELD k SET u8 #1 255 GET u8 8 GET i8 8')).toBe(integers(0, 255, -1))
    expect(s.run('BITFIELD k OVERFLOW FAIL INCRBY u8 8 1 OVERFLOW SAT INCRBY u8 8 -999')).toBe(
      integers(null, 0),
    )
    s.client.reply.resp = 3
    expect(s.run('BITFIELD k OVERFLOW FAIL SET u2 0 4')).toBe('*1\r\n_\r\n')
  })

  test('reading creates nothing', () => {
    const s = session()
    expect(s.run('BITFIELD k GET i64 4294967295')).toBe(integers(0n))
    expect(s.run('BITFIELD k')).toBe('*0\r\n')
    expect(s.run('BITFIELD_RO k GET u1 0')).toBe(integers(0))
    expect(s.run('EXISTS k')).toBe(integer(0))
    expect(s.run('BITFIELD_RO k SET u1 0 1')).toBe('-ERR BITFIELD_RO only supports the GET subcommand\r\n')
  })

  test('64 bits are exact', () => {
    const s = session()
    const max = 2n ** 63n - 1n
    expect(s.run(`BITFIELD k SET i64 3 ${max} GET i64 3 INCRBY i64 3 1`)).toBe(integers(0, max, -max - 1n))
    expect(s.run(`BITFIELD k SET u63 3 ${max} GET u63 3`)).toBe(integers(2n ** 62n, max))
  })

  test('what it refuses', () => {
    const s = session()
    const type =
      '-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.\r\n'
    for (const name of ['u64', 'i65', 'u0', 'x8', 'U8', 'u', 'u08', 'u8.0']) {
      expect(s.run(`BITFIELD k GET ${name} 0`), name).toBe(type)
    }
    for (const offset of ['-1', 'x', '#', '#-1', '4294967296', '#536870912']) {
      expect(s.run(`BITFIELD k GET u8 ${offset}`), offset).toBe(NOT_AN_OFFSET)
    }
    expect(s.run('BITFIELD k OVERFLOW x')).toBe('-ERR Invalid OVERFLOW type specified\r\n')
    expect(s.run('BITFIELD k GET u8')).toBe(SYNTAX)
    expect(s.run('BITFIELD k SET u8 0 x')).toBe('-ERR value is not an integer or out of range\r\n')
    s.run('RPUSH l a')
    expect(s.run('BITFIELD l GET u8 0')).toBe(WRONG_TYPE)
    expect(s.run('BITFIELD l SET u8 0 0')).toBe(WRONG_TYPE)
  })
})
