/** Makes ziplists, the packed form in which Redis before 7.0 has lists. Their layout is in ziplist.ts, which reads. */
import { type Block, copyBytes } from '../structures/block.ts'
import { parseInt64, parseInteger } from '../structures/integers.ts'
import type { RdbOutput } from './rdb-output.ts'

const HEADER = 10
const END = 0xff
const COUNT_UNKNOWN = 0xffff
/** From this size on the entry before takes five bytes to tell: this mark and a u32. */
const LONG_PREVIOUS = 254
/** Previous size, encoding and length of the largest entry. */
const ENTRY_OVERHEAD = 14
const INTEGER_TEXT_MAX = 20
/** 0xf1 … 0xfd stand for 0 … 12. */
const IMMEDIATE = 0xf1

export class ZiplistWriter {
  private readonly output: RdbOutput
  /** Where the last entry begins, and how many bytes it has. */
  private last: number
  private size: number

  /** `output` is the ziplist's alone. */
  constructor(output: RdbOutput) {
    this.output = output
    this.last = HEADER
    this.size = 0
  }

  begin(): void {
    this.output.clear()
    this.output.reserve(HEADER)
    this.output.length = HEADER
    this.last = HEADER
    this.size = 0
  }

  /** Appends an element, an integer as one. */
  append(from: Block, offset: number, length: number): void {
    const { output } = this
    output.reserve(length + ENTRY_OVERHEAD)
    const start = output.length
    const { block } = output
    let at = start
    if (this.size < LONG_PREVIOUS) block.view.setUint8(at++, this.size)
    else {
      block.view.setUint8(at, LONG_PREVIOUS)
      block.view.setUint32(at + 1, this.size, true)
      at += 5
    }
    let end = at
    if (length > 0 && length <= INTEGER_TEXT_MAX) end = appendInteger(block, at, from, offset, length)
    if (end === at) {
      end = appendLength(block, at, length)
      copyBytes(from, offset, block, end, length)
      end += length
    }
    output.length = end
    this.last = start
    this.size = end - start
  }

  /** Ends the ziplist of `count` elements, which is all of the output. */
  end(count: number): void {
    const { output } = this
    output.byte(END)
    writeHeader(output, 0, output.length, this.last, count)
  }
}

/** Bytes of a ziplist whose only element has `length` bytes, 64 or more. */
export function loneSize(length: number): number {
  return HEADER + 1 + (length < 1 << 14 ? 2 : 5) + length + 1
}

/** What comes before the bytes of the only element of a ziplist, which has 64 or more. */
export function loneBegin(output: RdbOutput, length: number): void {
  output.reserve(HEADER + ENTRY_OVERHEAD)
  const start = output.length
  writeHeader(output, start, loneSize(length), HEADER, 1)
  output.length = start + HEADER
  output.byte(0)
  output.length = appendLength(output.block, output.length, length)
}

/** What comes after them. */
export function loneEnd(output: RdbOutput): void {
  output.byte(END)
}

function writeHeader(output: RdbOutput, at: number, size: number, last: number, count: number): void {
  const { view } = output.block
  view.setUint32(at, size, true)
  view.setUint32(at + 4, last, true)
  view.setUint16(at + 8, Math.min(count, COUNT_UNKNOWN), true)
}

/** Writes the encoding of a string; returns where its bytes go. */
function appendLength({ view }: Block, at: number, length: number): number {
  if (length < 1 << 6) {
    view.setUint8(at, length)
    return at + 1
  }
  if (length < 1 << 14) {
    view.setUint16(at, 0x4000 | length)
    return at + 2
  }
  view.setUint8(at, 0x80)
  view.setUint32(at + 1, length)
  return at + 5
}

/** Writes an integer's encoding and data; returns where they end, or `at` when the text is not one. */
function appendInteger({ view }: Block, at: number, from: Block, offset: number, length: number): number {
  const value = parseInteger(from, offset, length)
  if (Number.isNaN(value)) {
    const exact = parseInt64(from, offset, length)
    if (exact === null) return at
    view.setUint8(at, 0xe0)
    view.setBigInt64(at + 1, exact, true)
    return at + 9
  }
  if (value >= 0 && value <= 12) {
    view.setUint8(at, IMMEDIATE + value)
    return at + 1
  }
  if (value >= -0x80 && value <= 0x7f) {
    view.setUint8(at, 0xfe)
    view.setInt8(at + 1, value)
    return at + 2
  }
  if (value >= -0x8000 && value <= 0x7fff) {
    view.setUint8(at, 0xc0)
    view.setInt16(at + 1, value, true)
    return at + 3
  }
  if (value >= -0x80_0000 && value <= 0x7f_ffff) {
    view.setUint32(at, 0xf0 | (value << 8), true)
    return at + 4
  }
  if (value >= -0x8000_0000 && value <= 0x7fff_ffff) {
    view.setUint8(at, 0xd0)
    view.setInt32(at + 1, value, true)
    return at + 5
  }
  view.setUint8(at, 0xe0)
  view.setBigInt64(at + 1, BigInt(value), true)
  return at + 9
}
