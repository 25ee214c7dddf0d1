/** Lengths and strings of the RDB format: exact bytes, round trips, and claims that the bytes don't bear out. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { RdbError } from '../../src/persistence/rdb-format.ts'
import { RdbInput } from '../../src/persistence/rdb-input.ts'
import { RdbOutput } from '../../src/persistence/rdb-output.ts'
import { Block } from '../../src/structures/block.ts'

const input = new RdbInput()

function written(write: (output: RdbOutput) => void): Buffer {
  const output = new RdbOutput()
  write(output)
  return Buffer.from(output.block.bytes.subarray(0, output.length))
}

function stringBytes(text: string, compress = false): Buffer {
  return written((output) => {
    output.compress = compress
    output.string(new Block(Buffer.from(`<${text}>`, 'latin1')), 1, text.length)
  })
}

function sizeHex(size: number): string {
  return written((output) => output.size(size)).toString('hex')
}

function openHex(hex: string): void {
  openBytes(Buffer.from(hex, 'hex'))
}

function openBytes(bytes: Buffer): void {
  const block = new Block(Buffer.concat([Buffer.from('ab'), bytes, Buffer.from('cdefghijklmnop')]))
  input.open(block, 2, bytes.length)
}

function readString(): string {
  input.string()
  const { stringBlock, stringOffset, stringLength } = input
  return stringBlock.bytes.toString('latin1', stringOffset, stringOffset + stringLength)
}

function fault(hex: string, read: () => unknown = readString): string {
  openHex(hex)
  try {
    read()
  } catch (error) {
    if (error instanceof RdbError) return error.message
    throw error
  }
  return 'nothing'
}

test('lengths have three forms written and four read', () => {
  expect([0, 63, 64, 16_383, 16_384, 0xffff_ffff].map(sizeHex)).toEqual([
    '00',
    '3f',
    '4040',
    '7fff',
    '8000004000',
    '80ffffffff',
  ])
  for (const size of [0, 63, 64, 16_383, 16_384, 0xffff_ffff]) {
    openHex(sizeHex(size))
    expect(input.size()).toBe(size)
    expect(input.left).toBe(0)
  }
  openHex('810000000100000002')
  expect(input.size()).toBe(2 ** 32 + 2)
})

test('strings in their shortest form', () => {
  const forms: readonly (readonly [string, string])[] = [
    ['', '00'],
    ['abc', '03616263'],
    ['0', 'c000'],
    ['-128', 'c080'],
    ['127', 'c07f'],
    ['128', 'c18000'],
    ['-32768', 'c10080'],
    ['32768', 'c200800000'],
    ['-2147483648', 'c200000080'],
    ['2147483648', '0a32313437343833363438'],
    ['007', '03303037'],
    ['+1', '022b31'],
    ['a'.repeat(64), `4040${'61'.repeat(64)}`],
  ]
  for (const [text, hex] of forms) {
    expect(stringBytes(text).toString('hex')).toBe(hex)
    openHex(hex)
    expect(readString()).toBe(text)
  }
})

test('compression only where it is asked for and gains four bytes', () => {
  expect(stringBytes('a'.repeat(20), true)[0]).toBe(20)
  expect(stringBytes('a'.repeat(21), true)[0]).toBe(0xc3)
  expect(stringBytes('a'.repeat(21), false)[0]).toBe(21)
  expect(stringBytes('abcdefghijklmnopqrstuvwxyz', true)[0]).toBe(26)
  expect(stringBytes('a'.repeat(100_000), true).length).toBeLessThan(1300)
})

test('round trips, one string behind the other', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary-ascii', maxLength: 40 }),
    fc.integer().map(String),
    fc.tuple(fc.constantFrom('ab', 'x', '0123456789'), fc.nat(400)).map(([part, n]) => part.repeat(n)),
  )
  fc.assert(
    fc.property(fc.array(text), fc.boolean(), (texts, compress) => {
      openBytes(Buffer.concat(texts.map((t) => stringBytes(t, compress))))
      for (const expected of texts) expect(readString()).toBe(expected)
      expect(input.left).toBe(0)
    }),
  )
})

test('names what is wrong and where', () => {
  expect(fault('')).toBe('Unexpected EOF reading RDB file: expected 1 bytes at byte 0, where 0 are left')
  expect(fault('8000')).toBe('Unexpected EOF reading RDB file: expected 4 bytes at byte 1, where 1 are left')
  expect(fault('0361')).toBe('Unexpected EOF reading RDB file: string of 3 bytes at byte 0, where 1 are left')
  expect(fault('81ffffffffffffffff61')).toBe(
    'Unexpected EOF reading RDB file: string of 18446744073709552000 bytes at byte 0, where 1 are left',
  )
  expect(fault('82')).toBe('unknown form of length 130 at byte 0')
  expect(fault('c4')).toBe('unknown string encoding 4 at byte 0')
  expect(fault('c2000000')).toBe(
    'Unexpected EOF reading RDB file: expected 4 bytes at byte 1, where 3 are left',
  )
  expect(fault('c001', () => input.size())).toBe('encoded string at byte 0: expected a length')
})

test('a compressed string is measured before room is made for it', () => {
  expect(fault('c30280ffffffff0061')).toBe(
    'compressed string at byte 0 decompresses to 1 bytes, not to 4294967295',
  )
  expect(fault('c3020200')).toBe(
    'Unexpected EOF reading RDB file: compressed string of 2 bytes at byte 0, where 1 are left',
  )
  expect(fault('c302030161')).toBe('compressed string at byte 0 is not well-formed')
  openHex('c3020100617a')
  expect(readString()).toBe('a')
  expect(input.left).toBe(1)
})
