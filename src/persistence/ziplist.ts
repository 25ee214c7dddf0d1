/**
 * Redis's ziplist, the packed form of lists before 7.0: read, with every byte checked; never written.
 *
 *   total bytes u32 | offset of the last entry u32 | elements u16 (65535: count them) | entries | 0xff
 *
 * An entry is the size of the one before it (a byte, or 254 and a u32), its encoding and its data.
 */
import { type Block, newBlock } from '../structures/block.ts'
import { writeInt64, writeInteger } from '../structures/integers.ts'
import { RdbError } from './rdb-format.ts'

const HEADER = 10
const END = 0xff
const COUNT_UNKNOWN = 0xffff
/** The first byte of a previous size of five bytes. */
const LONG_PREVIOUS = 254

// Encodings: the upper two bits tell strings; integers have a byte each.
const STRING_14 = 0x40
const STRING_32 = 0x80
const INTEGERS = 0xc0
const INT_16 = 0xc0
const INT_32 = 0xd0
const INT_64 = 0xe0
const INT_24 = 0xf0
const INT_8 = 0xfe
/** 0xf1 … 0xfd stand for 0 … 12. */
const IMMEDIATE = 0xf1
const IMMEDIATE_LAST = 0xfd

/** Reads a ziplist's elements in order. One long-lived object; what next() shows is valid until the next call. */
export class ZiplistReader {
  elementBlock: Block
  elementOffset: number
  elementLength: number
  private block: Block
  private start: number
  private at: number
  private end: number
  private counted: number
  /** Bytes of the entry before the one at `at`; 0 for the first. */
  private previous: number
  private readonly text: Block

  constructor() {
    this.text = newBlock(24)
    this.elementBlock = this.text
    this.elementOffset = 0
    this.elementLength = 0
    this.block = this.text
    this.start = 0
    this.at = 0
    this.end = 0
    this.counted = 0
    this.previous = 0
  }

  /** Takes up the ziplist of `length` bytes at `offset`. Throws RdbError when its frame is broken. */
  open(block: Block, offset: number, length: number): void {
    this.block = block
    this.start = offset
    this.at = offset + HEADER
    this.end = offset + length - 1
    this.counted = 0
    this.previous = 0
    if (length <= HEADER) throw new RdbError(`ziplist of ${length} bytes: expected at least 11`)
    const total = block.view.getUint32(offset, true)
    if (total !== length) throw new RdbError(`ziplist of ${length} bytes says that it has ${total}`)
    if (block.view.getUint8(this.end) !== END) throw new RdbError('ziplist does not end with its end mark')
  }

  /** Shows the next element in the element fields; false after the last. Throws RdbError. */
  next(): boolean {
    const start = this.at
    if (start === this.end) {
      this.checkHeader()
      return false
    }
    const { view } = this.block
    let encoding = start + 1
    let previous = view.getUint8(start)
    if (previous === LONG_PREVIOUS) {
      this.need(start, 5)
      previous = view.getUint32(start + 1, true)
      encoding = start + 5
    }
    // 255 would be the end mark, so no size is written as it.
    if (previous !== this.previous || view.getUint8(start) === END) {
      throw this.broken(`follows ${this.previous} bytes and says that it follows ${previous}`)
    }
    this.need(encoding, 1)
    this.at = this.decode(encoding)
    this.previous = this.at - start
    this.counted++
    return true
  }

  private checkHeader(): void {
    const { view } = this.block
    const count = view.getUint16(this.start + 8, true)
    if (count !== COUNT_UNKNOWN && count !== this.counted) {
      throw new RdbError(`ziplist of ${this.counted} elements says that it has ${count}`)
    }
    const tail = view.getUint32(this.start + 4, true)
    const expected = this.end - this.start - this.previous
    if (tail !== expected) {
      throw new RdbError(`ziplist whose last entry is at byte ${expected} says that it is at ${tail}`)
    }
  }

  /** Decodes the entry whose encoding is at `at`; returns where it ends. */
  private decode(at: number): number {
    const { view } = this.block
    const first = view.getUint8(at)
    if (first < STRING_14) return this.string(at + 1, first)
    if (first < STRING_32) {
      this.need(at, 2)
      return this.string(at + 2, view.getUint16(at) & 0x3fff)
    }
    if (first < INTEGERS) {
      if (first !== STRING_32) throw this.broken(`has the unknown encoding ${first}`)
      this.need(at, 5)
      return this.string(at + 5, view.getUint32(at + 1))
    }
    if (first >= IMMEDIATE && first <= IMMEDIATE_LAST) return this.integer(first - IMMEDIATE, at + 1)
    switch (first) {
      case INT_8:
        this.need(at, 2)
        return this.integer(view.getInt8(at + 1), at + 2)
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
        throw this.broken(`has the unknown encoding ${first}`)
    }
  }

  /** Throws unless the `size` bytes at `at` lie before the end mark. */
  private need(at: number, size: number): void {
    if (at + size > this.end) throw this.broken('ends behind the ziplist')
  }

  private integer(value: number, end: number): number {
    this.show(this.text, 0, writeInteger(this.text, 0, value))
    return end
  }

  private string(offset: number, length: number): number {
    if (offset + length > this.end) throw this.broken('ends behind the ziplist')
    this.show(this.block, offset, length)
    return offset + length
  }

  private show(block: Block, offset: number, length: number): void {
    this.elementBlock = block
    this.elementOffset = offset
    this.elementLength = length
  }

  private broken(fault: string): RdbError {
    return new RdbError(`ziplist entry ${this.counted} at byte ${this.at - this.start} ${fault}`)
  }
}
