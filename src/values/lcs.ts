/**
 * The longest common subsequence of two byte strings: its length, and the stretches where it matches, in
 * the order and with the choices of Redis's LCS. Not its options: those filter what comes out here.
 */
import type { Block } from '../structures/block.ts'

/*
 * Redis fills a table of (a+1)(b+1) 32-bit lengths and walks it back from the corner: diagonally where the
 * bytes are equal, else up if L(i-1,j) > L(i,j-1), else left. Which of several subsequences comes out
 * depends on that rule, so ours must decide alike, but one bit a cell is enough for it. Along a row L
 * grows by 0 or 1 a step. Where bytes differ, L(i,j) is the larger of its two neighbours, so L(i,j)
 * exceeds L(i,j-1) exactly when L(i-1,j) does: the walk goes up where row i steps at j.
 *
 * Whole rows of steps come 32 columns at a time from the bit-parallel recurrence of Hyyrö (2004): with V
 * the complement of the row's steps and M the columns where b equals the row's byte of a,
 *   V' = (V + (V & M)) | (V & ~M)
 * the addition carrying across the row. That is 1/32 of the table's memory, and of its time; the length
 * alone needs one row.
 */

/** Bytes of Redis's table for two strings of these lengths: what it holds against proto-max-bulk-len. */
export function lcsTableBytes(aLength: number, bLength: number): number {
  return (aLength + 1) * (bLength + 1) * 4
}

/** Length in bytes of the longest common subsequence. */
export function lcsLength(
  a: Block,
  aOffset: number,
  aLength: number,
  b: Block,
  bOffset: number,
  bLength: number,
): number {
  const words = (bLength + 31) >>> 5
  const columns = matchColumns(a, aOffset, aLength, b, bOffset, bLength, words)
  const row = new Int32Array(words).fill(-1)
  for (let i = 0; i < aLength; i++) {
    const matches = columns[a.view.getUint8(aOffset + i)]
    if (matches != null) advanceRow(row, 0, row, 0, words, matches)
  }
  let length = 0
  for (let j = 0; j < bLength; j++) length += stepAt(row, 0, j)
  return length
}

/** One stretch of equal bytes: positions of its first and last byte in both strings. */
export interface LcsMatch {
  readonly aStart: number
  readonly aEnd: number
  readonly bStart: number
  readonly bEnd: number
}

/**
 * The matches that make up the longest common subsequence, the last in the strings first. Takes one bit per
 * pair of bytes while it runs; throws RangeError when that much memory is not to be had.
 */
export function lcsMatches(
  a: Block,
  aOffset: number,
  aLength: number,
  b: Block,
  bOffset: number,
  bLength: number,
): LcsMatch[] {
  const words = (bLength + 31) >>> 5
  const rows = fillRows(
    a,
    aOffset,
    aLength,
    matchColumns(a, aOffset, aLength, b, bOffset, bLength, words),
    words,
  )
  const matches: LcsMatch[] = []
  let i = aLength
  let j = bLength
  while (i > 0 && j > 0) {
    const aEnd = i - 1
    const bEnd = j - 1
    while (i > 0 && j > 0 && a.view.getUint8(aOffset + i - 1) === b.view.getUint8(bOffset + j - 1)) {
      i--
      j--
    }
    if (i <= aEnd) matches.push({ aStart: i, aEnd, bStart: j, bEnd })
    else if (stepAt(rows, (i - 1) * words, j - 1) === 1) i--
    else j--
  }
  return matches
}

/** The subsequence itself, from its matches and the first string. */
export function lcsBytes(matches: readonly LcsMatch[], a: Block, aOffset: number): Buffer {
  let length = 0
  for (const match of matches) length += match.aEnd - match.aStart + 1
  const bytes = Buffer.allocUnsafe(length)
  let at = length
  for (const match of matches) {
    at -= match.aEnd - match.aStart + 1
    a.bytes.copy(bytes, at, aOffset + match.aStart, aOffset + match.aEnd + 1)
  }
  return bytes
}

/**
 * For each byte value of a that occurs in b, the columns where it does, one bit each. Not for other values:
 * a long b needs a column only per byte of a short a.
 */
function matchColumns(
  a: Block,
  aOffset: number,
  aLength: number,
  b: Block,
  bOffset: number,
  bLength: number,
  words: number,
): (Int32Array | null)[] {
  const wanted = new Uint8Array(256)
  for (let i = 0; i < aLength; i++) wanted[a.view.getUint8(aOffset + i)] = 1
  const columns: (Int32Array | null)[] = Array.from({ length: 256 }, () => null)
  for (let j = 0; j < bLength; j++) {
    const byte = b.view.getUint8(bOffset + j)
    if (wanted[byte] === 0) continue
    const column = (columns[byte] ??= new Int32Array(words))
    column[j >>> 5] = column[j >>> 5] | (1 << (j & 31))
  }
  return columns
}

/** Every row's V, one after another: row i is for the first i + 1 bytes of a. */
function fillRows(
  a: Block,
  aOffset: number,
  aLength: number,
  columns: readonly (Int32Array | null)[],
  words: number,
): Int32Array {
  const rows = new Int32Array(aLength * words)
  let before = new Int32Array(words).fill(-1)
  let beforeAt = 0
  for (let i = 0; i < aLength; i++) {
    const matches = columns[a.view.getUint8(aOffset + i)]
    if (matches != null) advanceRow(before, beforeAt, rows, i * words, words, matches)
    else for (let w = 0; w < words; w++) rows[i * words + w] = before[beforeAt + w]
    before = rows
    beforeAt = i * words
  }
  return rows
}

/** One step of the recurrence, from the row at `fromAt` to the row at `toAt` (which may be the same). */
function advanceRow(
  from: Int32Array,
  fromAt: number,
  to: Int32Array,
  toAt: number,
  words: number,
  matches: Int32Array,
): void {
  let carry = 0
  for (let w = 0; w < words; w++) {
    const row = from[fromAt + w]
    const match = matches[w]
    const sum = (row >>> 0) + ((row & match) >>> 0) + carry
    carry = sum > 0xffffffff ? 1 : 0
    to[toAt + w] = sum | 0 | (row & ~match)
  }
}

/** Whether the row at `rowAt` steps up at column `j`: 1 or 0. */
function stepAt(rows: Int32Array, rowAt: number, j: number): number {
  return (~rows[rowAt + (j >>> 5)] >>> (j & 31)) & 1
}
