/**
 * Strings as arrays of bits, the first bit of a byte being its highest: single bits, counting, searching
 * and combining. Integers at bit offsets are bitfield.ts.
 */
import { type Block, copyBytes, equalBytes, newBlock } from '../structures/block.ts'

/** The bit at `bit` of a stretch; 0 past its end. */
export function getBit(block: Block, offset: number, length: number, bit: number): number {
  const at = byteOf(bit)
  return at < length ? (block.view.getUint8(offset + at) >> (7 - (bit & 7))) & 1 : 0
}

/** Sets the bit at `bit`, which must lie within the stretch, to 0 or 1; returns what it was. */
export function setBit(block: Block, offset: number, bit: number, on: number): number {
  const at = offset + byteOf(bit)
  const shift = 7 - (bit & 7)
  const byte = block.view.getUint8(at)
  block.view.setUint8(at, (byte & ~(1 << shift)) | (on << shift))
  return (byte >> shift) & 1
}

/** The byte that holds a bit. Bit offsets pass 2^32, so no shift. */
function byteOf(bit: number): number {
  return (bit - (bit & 7)) / 8
}

/*
 * Counting. Adding the bits of each word costs a dozen operations. A carry-save adder instead takes three
 * words as 32 columns of one-bit numbers and gives their sums as two words, "ones" and "twos", in five
 * operations; eight words fold into one word of "eights" whose bits count eight each, so only one word in
 * eight is counted the long way. Measured against the plain loop in bench/micro/bitmap.ts.
 */

/** Number of set bits in `length` bytes. */
export function countBits(block: Block, offset: number, length: number): number {
  const blocksEnd = offset + length - (length % 32)
  let count = countBlocks(block.view, offset, blocksEnd)
  const end = offset + length
  let at = blocksEnd
  for (; at + 4 <= end; at += 4) count += countWord(block.view.getInt32(at, true))
  for (; at < end; at++) count += countWord(block.view.getUint8(at))
  return count
}

/** Set bits from `start` to `end`, a multiple of 32 bytes apart. */
function countBlocks(view: DataView, start: number, end: number): number {
  let ones = 0
  let twos = 0
  let fours = 0
  let eights = 0
  for (let at = start; at < end; at += 32) {
    let word = view.getInt32(at, true)
    let next = view.getInt32(at + 4, true)
    let mixed = ones ^ word
    const twosA = (ones & word) | (mixed & next)
    ones = mixed ^ next
    word = view.getInt32(at + 8, true)
    next = view.getInt32(at + 12, true)
    mixed = ones ^ word
    const twosB = (ones & word) | (mixed & next)
    ones = mixed ^ next
    mixed = twos ^ twosA
    const foursA = (twos & twosA) | (mixed & twosB)
    twos = mixed ^ twosB
    word = view.getInt32(at + 16, true)
    next = view.getInt32(at + 20, true)
    mixed = ones ^ word
    const twosC = (ones & word) | (mixed & next)
    ones = mixed ^ next
    word = view.getInt32(at + 24, true)
    next = view.getInt32(at + 28, true)
    mixed = ones ^ word
    const twosD = (ones & word) | (mixed & next)
    ones = mixed ^ next
    mixed = twos ^ twosC
    const foursB = (twos & twosC) | (mixed & twosD)
    twos = mixed ^ twosD
    mixed = fours ^ foursA
    eights += countWord((fours & foursA) | (mixed & foursB))
    fours = mixed ^ foursB
  }
  return eights * 8 + countWord(fours) * 4 + countWord(twos) * 2 + countWord(ones)
}

/** Set bits of a 32-bit word: sums of 2, 4 and 8 bits side by side, then all four bytes by one multiplication. */
function countWord(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** Number of set bits from bit `first` to bit `last`, both included and within the stretch. */
export function countBitRange(block: Block, offset: number, first: number, last: number): number {
  const firstByte = byteOf(first)
  const lastByte = byteOf(last)
  const before = headMask(first) & block.view.getUint8(offset + firstByte)
  const after = tailMask(last) & block.view.getUint8(offset + lastByte)
  return countBits(block, offset + firstByte, lastByte - firstByte + 1) - countWord(before) - countWord(after)
}

/** The bits of its byte before bit `first`, and after bit `last`. */
function headMask(first: number): number {
  return 0xff & ~(0xff >> (first & 7))
}
function tailMask(last: number): number {
  return 0x7f >> (last & 7)
}

/** A search skips this many bytes at once while each repeats the byte it does not look for (bench/micro/bitmap). */
const SKIP_BYTES = 4096
const ALL_CLEAR = newBlock(SKIP_BYTES)
ALL_CLEAR.bytes.fill(0)
const ALL_SET = newBlock(SKIP_BYTES)
ALL_SET.bytes.fill(0xff)

/**
 * Position of the first bit equal to `bit` from bit `first` to bit `last`, both included and within the
 * stretch; -1 if there is none. (BITPOS without an explicit end takes -1 for a clear bit as last + 1: the
 * string is thought of as followed by zeros.)
 */
export function findBit(block: Block, offset: number, bit: number, first: number, last: number): number {
  const view = block.view
  // XOR with `skip` turns the search for either bit into one for a set bit.
  const skip = bit === 1 ? 0 : -1
  const end = offset + byteOf(last) + 1
  let at = offset + byteOf(first)
  let word = (view.getUint8(at) ^ skip) & 0xff & ~headMask(first)
  if (word === 0) {
    at = skipBytes(block, at + 1, end, skip)
    if (at === end) return -1
    word = (view.getUint8(at) ^ skip) & 0xff
  }
  const found = (at - offset) * 8 + Math.clz32(word) - 24
  return found <= last ? found : -1
}

/** The first byte from `at` on that is not `skip`, which is 0 or -1 (0xff); `end` if there is none. */
function skipBytes(block: Block, at: number, end: number, skip: number): number {
  const view = block.view
  const skipped = skip === 0 ? ALL_CLEAR : ALL_SET
  let from = at
  while (from + SKIP_BYTES <= end && equalBytes(block, from, skipped, 0, SKIP_BYTES)) from += SKIP_BYTES
  while (from + 4 <= end && view.getInt32(from, true) === skip) from += 4
  while (from < end && view.getUint8(from) === (skip & 0xff)) from++
  return from
}

export type BitOperation = 'and' | 'or' | 'xor' | 'not'

/** Bytes at rest that an operation reads: `length` bytes of `block` from `offset`. */
export interface Stretch {
  readonly block: Block
  readonly offset: number
  readonly length: number
}

/*
 * Combining. Strings lie at any offset, so words of them have to go through a DataView. A chunk of each is
 * copied into aligned words first and combined there: the copies run at the speed of memory, loops over the
 * Int32Arrays in a third of the time (bench/micro/bitmap). Both chunks stay in the first-level cache.
 */
const CHUNK_BYTES = 8192
const chunk = newBlock(CHUNK_BYTES)
const operand = newBlock(CHUNK_BYTES)
const chunkWords = new Int32Array(chunk.bytes.buffer)
const operandWords = new Int32Array(operand.bytes.buffer)

/**
 * Writes the bitwise combination of `sources` (at least one; exactly one for 'not') to `length` bytes of
 * `target`, which overlap no source. `length` is the longest source's; shorter ones count as followed by zeros.
 */
export function combineBits(
  operation: BitOperation,
  sources: readonly Stretch[],
  target: Block,
  offset: number,
  length: number,
): void {
  for (let at = 0; at < length; at += CHUNK_BYTES) {
    const bytes = Math.min(CHUNK_BYTES, length - at)
    // Whole turns of four words: the bytes past the last one are worked on too, and stay here.
    const words = Math.ceil(bytes / 16) * 4
    readChunk(sources[0], at, bytes, chunk)
    for (let i = 1; i < sources.length; i++) {
      readChunk(sources[i], at, bytes, operand)
      if (operation === 'and') andWords(words)
      else if (operation === 'or') orWords(words)
      else xorWords(words)
    }
    if (operation === 'not') invertWords(words)
    copyBytes(chunk, 0, target, offset + at, bytes)
  }
}

/** Copies the `bytes` bytes at `at` of the source, zeros being past its end. */
function readChunk(source: Stretch, at: number, bytes: number, into: Block): void {
  const present = Math.min(bytes, Math.max(0, source.length - at))
  copyBytes(source.block, source.offset + at, into, 0, present)
  if (present < bytes) into.bytes.fill(0, present, bytes)
}

/** chunk &= operand, `words` being a multiple of 4; four a turn, which takes a quarter off (bench/micro/bitmap). */
function andWords(words: number): void {
  for (let i = 0; i < words; i += 4) {
    chunkWords[i] &= operandWords[i]
    chunkWords[i + 1] &= operandWords[i + 1]
    chunkWords[i + 2] &= operandWords[i + 2]
    chunkWords[i + 3] &= operandWords[i + 3]
  }
}

function orWords(words: number): void {
  for (let i = 0; i < words; i += 4) {
    chunkWords[i] |= operandWords[i]
    chunkWords[i + 1] |= operandWords[i + 1]
    chunkWords[i + 2] |= operandWords[i + 2]
    chunkWords[i + 3] |= operandWords[i + 3]
  }
}

function xorWords(words: number): void {
  for (let i = 0; i < words; i += 4) {
    chunkWords[i] ^= operandWords[i]
    chunkWords[i + 1] ^= operandWords[i + 1]
    chunkWords[i + 2] ^= operandWords[i + 2]
    chunkWords[i + 3] ^= operandWords[i + 3]
  }
}

function invertWords(words: number): void {
  for (let i = 0; i < words; i++) chunkWords[i] = ~chunkWords[i]
}
