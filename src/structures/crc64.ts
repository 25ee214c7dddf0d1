/**
 * CRC-64 with the Jones polynomial, reflected, from 0 and without a final change: the checksum of RDB files and
 * DUMP payloads. Not for hash tables.
 */
import type { Block } from './block.ts'

/*
 * Slicing by 8. The plain method shifts the checksum by one byte at a time, each step waiting for the one
 * before. Here eight bytes are folded into the checksum at once, and each of the eight resulting bytes is
 * looked up in a table of its own, which tells what that byte becomes after the bytes behind it have been
 * shifted through: the lookups do not depend on each other. JavaScript has no 64-bit integers that are fast, so
 * checksum and tables are two int32 halves; a table entry is `low, high` side by side (bench/micro/crc64.ts).
 */

/** The polynomial 0xad93d23594c935a9 with its bits reversed. */
const POLYNOMIAL_LOW = 0xac4bc9b5 | 0
const POLYNOMIAL_HIGH = 0x95ac9329 | 0

const SLICES = 8
/** Int32 of one slice's table. */
const SLICE = 512

/** Made when first needed. */
let tables: Int32Array | null = null

/** A running checksum: update() it with bytes in their order. */
export class Crc64 {
  /** The lower and the upper 32 bits, as int32. */
  low: number
  high: number

  constructor() {
    this.low = 0
    this.high = 0
  }

  reset(): void {
    this.low = 0
    this.high = 0
  }

  /** Takes in `length` bytes at `offset`. */
  update(block: Block, offset: number, length: number): void {
    const { view } = block
    tables ??= makeTables()
    const table = tables
    let { low, high } = this
    const end = offset + length
    let at = offset
    for (; at + 8 <= end; at += 8) {
      low ^= view.getInt32(at, true)
      high ^= view.getInt32(at + 4, true)
      const a = (low & 255) * 2 + SLICE * 7
      const b = ((low >>> 8) & 255) * 2 + SLICE * 6
      const c = ((low >>> 16) & 255) * 2 + SLICE * 5
      const d = (low >>> 24) * 2 + SLICE * 4
      const e = (high & 255) * 2 + SLICE * 3
      const f = ((high >>> 8) & 255) * 2 + SLICE * 2
      const g = ((high >>> 16) & 255) * 2 + SLICE
      const h = (high >>> 24) * 2
      low = table[a] ^ table[b] ^ table[c] ^ table[d] ^ table[e] ^ table[f] ^ table[g] ^ table[h]
      high =
        table[a + 1] ^
        table[b + 1] ^
        table[c + 1] ^
        table[d + 1] ^
        table[e + 1] ^
        table[f + 1] ^
        table[g + 1] ^
        table[h + 1]
    }
    for (; at < end; at++) {
      const entry = ((low ^ view.getUint8(at)) & 255) * 2
      low = table[entry] ^ ((low >>> 8) | (high << 24))
      high = table[entry + 1] ^ (high >>> 8)
    }
    this.low = low
    this.high = high
  }

  /** The checksum as sixteen digits. */
  get hexadecimal(): string {
    return hexadecimal64(this.high, this.low)
  }

  /** Writes the checksum as files have it: 8 bytes, the lowest first. */
  write(block: Block, offset: number): void {
    block.view.setInt32(offset, this.low, true)
    block.view.setInt32(offset + 4, this.high, true)
  }

  /** Whether the 8 bytes at `offset` are this checksum. */
  isAt(block: Block, offset: number): boolean {
    const { view } = block
    return view.getInt32(offset, true) === this.low && view.getInt32(offset + 4, true) === this.high
  }
}

/** A 64-bit word, given in halves, as sixteen digits. */
export function hexadecimal64(high: number, low: number): string {
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
}

/** Table `s` at s × SLICE: what a byte adds to the checksum once `s` more bytes have been shifted through. */
function makeTables(): Int32Array {
  const made = new Int32Array(SLICES * SLICE)
  for (let byte = 0; byte < 256; byte++) {
    let low = byte
    let high = 0
    for (let bit = 0; bit < 8; bit++) {
      const out = low & 1
      low = (low >>> 1) | (high << 31)
      high >>>= 1
      if (out === 1) {
        low ^= POLYNOMIAL_LOW
        high ^= POLYNOMIAL_HIGH
      }
    }
    made[byte * 2] = low
    made[byte * 2 + 1] = high
  }
  for (let at = SLICE; at < made.length; at += 2) {
    const low = made[at - SLICE]
    const high = made[at - SLICE + 1]
    const entry = (low & 255) * 2
    made[at] = made[entry] ^ ((low >>> 8) | (high << 24))
    made[at + 1] = made[entry + 1] ^ (high >>> 8)
  }
  return made
}
