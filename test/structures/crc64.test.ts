/** CRC-64 against its definition, one bit at a time on unbounded integers, and against the published check value. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Block, blockOf, newBlock } from '../../src/structures/block.ts'
import { Crc64 } from '../../src/structures/crc64.ts'

function hex(crc: Crc64): string {
  return ((BigInt(crc.high >>> 0) << 32n) | BigInt(crc.low >>> 0)).toString(16)
}

/** Reflected division by the Jones polynomial, written from the definition. */
function reference(message: Uint8Array): string {
  let crc = 0n
  for (const byte of message) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n
  }
  return crc.toString(16)
}

function crcOf(bytes: Uint8Array): Crc64 {
  const crc = new Crc64()
  crc.update(new Block(Buffer.from(bytes)), 0, bytes.length)
  return crc
}

test('the check value of the polynomial, and no bytes', () => {
  expect(hex(crcOf(Buffer.from('123456789')))).toBe('e9c6d914c4b8d9ca')
  expect(hex(crcOf(Buffer.alloc(0)))).toBe('0')
})

test('equals the definition at every length and position', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(9), (message, before) => {
      const block = new Block(Buffer.concat([Buffer.alloc(before, 'x'), message, Buffer.from('yyy')]))
      const crc = new Crc64()
      crc.update(block, before, message.length)
      expect(hex(crc)).toBe(reference(message))
    }),
    { numRuns: 500 },
  )
})

test('may be fed in pieces, and starts anew when it is reset', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 6 }), (pieces) => {
      const crc = new Crc64()
      crc.update(blockOf('what went before'), 0, 16)
      crc.reset()
      for (const piece of pieces) crc.update(new Block(Buffer.from(piece)), 0, piece.length)
      expect(hex(crc)).toBe(reference(Buffer.concat(pieces)))
    }),
  )
})

test('is written lowest byte first and recognized', () => {
  const crc = crcOf(Buffer.from('123456789'))
  const block = newBlock(12)
  block.bytes.fill(0)
  crc.write(block, 3)
  expect(block.bytes.toString('hex')).toBe('000000cad9b8c414d9c6e900')
  expect(crc.isAt(block, 3)).toBe(true)
  for (let at = 3; at < 11; at++) {
    block.bytes[at] ^= 1
    expect(crc.isAt(block, 3)).toBe(false)
    block.bytes[at] ^= 1
  }
})
