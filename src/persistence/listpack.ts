/**
 * Redis's listpack, the packed form in which RDB files have lists: made from elements, and read with every byte
 * checked. Nothing in memory is stored this way.
 *
 *   total bytes u32 | elements u16 (65535: count them) | entries | 0xff
 *
 * An entry is its encoding, its data, and the size of both in groups of seven bits to be read from behind.
 */
import { type Block, copyBytes, newBlock } from '../structures/block.ts'
import { parseInt64, parseInteger, writeInt64, writeInteger } from '../structures/integers.ts'
import { RdbError } from './rdb-format.ts'
import type { RdbOutput } from './rdb-output.ts'

const HEADER = 6
const END = 0xff
/** The count field cannot tell this many elements or more. */
const COUNT_UNKNOWN = 0xffff
/** Longest text of a 64-bit integer. */
const INTEGER_TEXT_MAX = 20
/** Encoding, length and back length of the largest entry. */
const ENTRY_OVERHEAD = 10

// Encodings: those with a value in their lower bits, then those of a whole byte.
const INT_13 = 0xc0
const STRING_6 = 0x80
const STRING_12 = 0xe0
const STRING_32 = 0xf0
const INT_16 = 0xf1
const INT_24 = 0xf2
const INT_32 = 0xf3
const INT_64 = 0xf4

/** Begins a listpack; listpackEnd() ends it. `output` must be empty. */
export function listpackBegin(output: RdbOutput): void {
  output.reserve(HEADER)
  output.length = HEADER
}

/** Appends an element, an integer as one. */
export function listpackAppend(output: RdbOutput, from: Block, offset: number, length: number): void {
  output.reserve(length + ENTRY_OVERHEAD)
  const start = output.length
  let at = start
  if (length > 0 && length <= INTEGER_TEXT_MAX) at = appendInteger(output.block, start, from, offset, length)
  if (at === start) at = appendString(output.block, start, from, offset, length)
  output.length = appendBackLength(output.block, at, at - start)
}

/** Ends the listpack of `count` elements that is all of `output`. */
export function listpackEnd(output: RdbOutput, count: number): void {
  output.byte(END)
  const { view } = output.block
  view.setUint32(0, output.length, true)
  view.setUint16(4, count < COUNT_UNKNOWN ? count : COUNT_UNKNOWN, true)
}

/** Writes an integer's encoding and data; returns where they end, or `at` when the text is not one. */
function appendInteger(to: Block, at: number, from: Block, offset: number, length: number): number {
  const { view } = to
  const value = parseInteger(from, offset, length)
  if (Number.isNaN(value)) {
    const exact = parseInt64(from, offset, length)
    if (exact === null) return at
    view.setUint8(at, INT_64)
    view.setBigInt64(at + 1, exact, true)
    return at + 9
  }
  if (value >= 0 && value <= 127) {
    view.setUint8(at, value)
    return at + 1
  }
  if (value >= -4096 && value <= 4095) {
    view.setUint16(at, (INT_13 << 8) | (value & 0x1fff))
    return at + 2
  }
  if (value >= -0x8000 && value <= 0x7fff) {
    view.setUint8(at, INT_16)
    view.setInt16(at + 1, value, true)
    return at + 3
  }
  if (value >= -0x80_0000 && value <= 0x7f_ffff) {
    view.setUint32(at, INT_24 | (value << 8), true)
    return at + 4
  }
  if (value >= -0x8000_0000 && value <= 0x7fff_ffff) {
    view.setUint8(at, INT_32)
    view.setInt32(at + 1, value, true)
    return at + 5
  }
  view.setUint8(at, INT_64)
  view.setBigInt64(at + 1, BigInt(value), true)
  return at + 9
}

function appendString(to: Block, at: number, from: Block, offset: number, length: number): number {
  let data = at
  if (length < 64) to.view.setUint8(data++, STRING_6 | length)
  else if (length < 4096) {
    to.view.setUint16(data, (STRING_12 << 8) | length)
    data += 2
  } else {
    to.view.setUint8(data, STRING_32)
    to.view.setUint32(data + 1, length, true)
    data += 5
  }
  copyBytes(from, offset, to, data, length)
  return data + length
}

/** Writes the size of an entry behind it: seven bits a byte, all but the first marked as not the last to be read. */
function appendBackLength(to: Block, at: number, size: number): number {
  const bytes = backLengthBytes(size)
  for (let i = 0; i < bytes; i++) {
    const group = (size >>> (7 * (bytes - 1 - i))) & 127
    to.view.setUint8(at + i, i === 0 ? group : group | 128)
  }
  return at + bytes
}

/** Redis's own borders, one below those that the bits would allow. */
function backLengthBytes(size: number): number {
  if (size <= 127) return 1
  if (size < 16_383) return 2
  if (size < 2_097_151) return 3
  return size < 268_435_455 ? 4 : 5
}

/** Reads a listpack's elements in order. One long-lived object; what next() shows is valid until the next call. */
export class ListpackReader {
  elementBlock: Block
  elementOffset: number
  elementLength: number
  private block: Block
  private start: number
  private at: number
  private end: number
  private counted: number
  private readonly text: Block

  constructor() {
    this.text = newBlock(INTEGER_TEXT_MAX + 4)
    this.elementBlock = this.text
    this.elementOffset = 0
    this.elementLength = 0
    this.block = this.text
    this.start = 0
    this.at = 0
    this.end = 0
    this.counted = 0
  }

  /** Takes up the listpack of `length` bytes at `offset`. Throws RdbError when its frame is broken. */
  open(block: Block, offset: number, length: number): void {
    this.block = block
    this.start = offset
    this.at = offset + HEADER
    this.end = offset + length - 1
    this.counted = 0
    if (length <= HEADER) throw new RdbError(`listpack of ${length} bytes: expected at least 7`)
    const total = block.view.getUint32(offset, true)
    if (total !== length) throw new RdbError(`listpack of ${length} bytes says that it has ${total}`)
    if (block.view.getUint8(this.end) !== END) throw new RdbError('listpack does not end with its end mark')
  }

  /** Shows the next element in the element fields; false after the last. Throws RdbError. */
  next(): boolean {
    if (this.at === this.end) {
      this.checkCount()
      return false
    }
    const start = this.at
    const dataEnd = this.decode()
    const size = dataEnd - start
    const bytes = backLengthBytes(size)
    if (dataEnd + bytes > this.end) throw this.broken(start, 'ends behind the listpack')
    const { view } = this.block
    for (let i = 0; i < bytes; i++) {
      const group = (size >>> (7 * (bytes - 1 - i))) & 127
      if (view.getUint8(dataEnd + i) !== (i === 0 ? group : group | 128)) {
        throw this.broken(start, `has ${size} bytes and another size behind it`)
      }
    }
    this.at = dataEnd + bytes
    this.counted++
    return true
  }

  private checkCount(): void {
    const count = this.block.view.getUint16(this.start + 4, true)
    if (count !== COUNT_UNKNOWN && count !== this.counted) {
      throw new RdbError(`listpack of ${this.counted} elements says that it has ${count}`)
    }
  }

  /** Decodes the entry at `at`; returns where its data ends. */
  private decode(): number {
    const { view } = this.block
    const { at } = this
    const first = view.getUint8(at)
    if (first < 0x80) return this.integer(first, at + 1)
    if (first < INT_13) return this.string(at + 1, first & 63)
    if (first < STRING_12) {
      this.need(at, 2)
      const bits = view.getUint16(at) & 0x1fff
      return this.integer(bits >= 4096 ? bits - 8192 : bits, at + 2)
    }
    if (first < STRING_32) {
      this.need(at, 2)
      return this.string(at + 2, view.getUint16(at) & 0xfff)
    }
    switch (first) {
      case STRING_32:
        this.need(at, 5)
        return this.string(at + 5, view.getUint32(at + 1, true))
      case INT_16:
        this.need(at, 3)
        return this.integer(view.getInt16(at + 1, true), at + 3)
      case INT_24:
        this.need(at, 4)
        return this.integer(view.getInt32(at, true) >> 8, at + 4)
      case INT_32:
        this.need(at, 5)
        return this.integer(view.getInt32(at + 1, true), at + 5)
      case INT_64:
        this.need(at, 9)
        this.show(this.text, 0, writeInt64(this.text, 0, view.getBigInt64(at + 1, true)))
        return at + 9
      default:
        throw this.broken(at, `has the unknown encoding ${first}`)
    }
  }

  /** Throws unless the `size` bytes at `at` lie before the end mark. */
  private need(at: number, size: number): void {
    if (at + size > this.end) throw this.broken(at, 'ends behind the listpack')
  }

  private integer(value: number, dataEnd: number): number {
    this.show(this.text, 0, writeInteger(this.text, 0, value))
    return dataEnd
  }

  private string(offset: number, length: number): number {
    if (offset + length > this.end) throw this.broken(this.at, 'ends behind the listpack')
    this.show(this.block, offset, length)
    return offset + length
  }

  private show(block: Block, offset: number, length: number): void {
    this.elementBlock = block
    this.elementOffset = offset
    this.elementLength = length
  }

  private broken(at: number, fault: string): RdbError {
    return new RdbError(`listpack entry ${this.counted} at byte ${at - this.start} ${fault}`)
  }
}
