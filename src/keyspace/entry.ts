/**
 * The layout of a key in the arena, and the view through which it is read. An entry is one allocation:
 *
 *   0 type u4, flags u4 | 1 spare u8: written by fetchEntry(), always 0 | 2 snapshot epoch u16
 *   4 access clock u24 | 7 key length u8 (255: it is in the field below)
 *   8 value length u32
 *   12 if DEADLINE_FIELD: deadline i64, milliseconds since the epoch | position in the deadline list i32
 *      if key length is 255: key length u32
 *      key bytes, value bytes
 *
 * An entry too large for a size class always has the deadline field, so that EXPIRE never copies a huge value.
 */
import type { Address, Arena } from '../structures/arena.ts'
import { type Block, copyBytes, EMPTY_BLOCK } from '../structures/block.ts'

export const TYPE_STRING = 0
export const TYPE_LIST = 1
/** Names by type number, as TYPE answers them. */
export const TYPE_NAMES: readonly string[] = ['string', 'list', 'set', 'zset', 'hash', 'stream']

/** The deadline field is there (which does not mean that a deadline is set). */
export const DEADLINE_FIELD = 1
/** A string that OBJECT ENCODING calls raw because it was changed in place (APPEND, SETRANGE, SETBIT). */
export const RAW_STRING = 2
/** A string that OBJECT ENCODING does not call int though it reads as one: INCRBYFLOAT's result. */
export const TEXT_STRING = 4

/** Numbers of snapshots go round below this. */
export const EPOCH_MAX = 0x7fff
/** Beside the number: the snapshot is still reading the bytes of the value. */
export const HALF_SEEN = 0x8000

/** Where the flags begin in byte 0, whose lower bits are the type. */
const FLAGS_SHIFT = 4
const TYPE_MASK = (1 << FLAGS_SHIFT) - 1
const SPARE = 1
export const HEADER_BYTES = 12
const DEADLINE_BYTES = 12
const LONG_KEY = 255
/** Position of an entry that has the field and no deadline. */
const NO_POSITION = -1

/** From this size on an entry always carries the deadline field. */
const ALWAYS_FIELD_FROM = 16 * 1024

/** Bytes an entry takes. */
export function entryBytes(keyLength: number, valueLength: number, deadlineField: boolean): number {
  return (
    HEADER_BYTES +
    (deadlineField ? DEADLINE_BYTES : 0) +
    (keyLength >= LONG_KEY ? 4 : 0) +
    keyLength +
    valueLength
  )
}

/** The first four bytes of an entry, as a number. */
export function headerWord(type: number, flags: number, epoch: number): number {
  return type | (flags << FLAGS_SHIFT) | (epoch << 16)
}

/** Whether an entry of this size gets the deadline field even without a deadline. */
export function alwaysHasField(keyLength: number, valueLength: number): boolean {
  return keyLength + valueLength >= ALWAYS_FIELD_FROM
}

/**
 * The access clock of the entry at `address`, without a view of it. By bytes: where this is called in a loop, V8 does
 * not inline the DataView's method, and its calls keep the reads from waiting for memory together.
 */
export function accessAt(arena: Arena, address: Address): number {
  const { bytes } = arena.block(address)
  const at = arena.offset(address) + 4
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)
}

/**
 * Has the first cache line of the entry at `address` on its way when it returns (bucket.ts says why by a write). 0 is
 * no entry.
 */
export function fetchEntry(arena: Arena, address: Address): void {
  if (address !== 0) arena.block(address).bytes[arena.offset(address) + SPARE] = 0
}

/**
 * A view of one entry: long-lived, pointed at an address, owning nothing. It is good until the entry moves
 * or goes, or the view is pointed elsewhere.
 */
export class Entry {
  address: Address
  block: Block
  /** Byte offset of the entry in its block. */
  base: number
  /** The key's hash, which is not stored in the entry: set by the lookup. */
  hash: number
  keyOffset: number
  keyLength: number
  valueOffset: number
  valueLength: number

  constructor() {
    this.address = 0
    this.block = EMPTY_BLOCK
    this.base = 0
    this.hash = 0
    this.keyOffset = 0
    this.keyLength = 0
    this.valueOffset = 0
    this.valueLength = 0
  }

  point(arena: Arena, address: Address, hash: number): void {
    const block = arena.block(address)
    const base = arena.offset(address)
    const view = block.view
    let keyOffset = base + HEADER_BYTES
    if ((view.getUint8(base) & (DEADLINE_FIELD << FLAGS_SHIFT)) !== 0) keyOffset += DEADLINE_BYTES
    let keyLength = view.getUint8(base + 7)
    if (keyLength === LONG_KEY) {
      keyLength = view.getUint32(keyOffset, true)
      keyOffset += 4
    }
    this.address = address
    this.block = block
    this.base = base
    this.hash = hash
    this.keyOffset = keyOffset
    this.keyLength = keyLength
    this.valueOffset = keyOffset + keyLength
    this.valueLength = view.getUint32(base + 8, true)
  }

  /** Points at the same entry as `other`. */
  copyFrom(other: Entry): void {
    this.address = other.address
    this.block = other.block
    this.base = other.base
    this.hash = other.hash
    this.keyOffset = other.keyOffset
    this.keyLength = other.keyLength
    this.valueOffset = other.valueOffset
    this.valueLength = other.valueLength
  }

  /** Writes a fresh header (headerWord()) and key at `address`; the value's bytes are the caller's to fill. */
  create(
    arena: Arena,
    address: Address,
    hash: number,
    header: number,
    key: Block,
    keyOffset: number,
    keyLength: number,
    valueLength: number,
  ): void {
    const block = arena.block(address)
    const base = arena.offset(address)
    const view = block.view
    view.setInt32(base, header, true)
    view.setInt32(base + 4, (keyLength < LONG_KEY ? keyLength : LONG_KEY) << 24, true)
    view.setInt32(base + 8, valueLength, true)
    let at = base + HEADER_BYTES
    if ((header & (DEADLINE_FIELD << FLAGS_SHIFT)) !== 0) {
      view.setInt32(at + 8, NO_POSITION, true)
      at += DEADLINE_BYTES
    }
    if (keyLength >= LONG_KEY) {
      view.setInt32(at, keyLength, true)
      at += 4
    }
    copyBytes(key, keyOffset, block, at, keyLength)
    this.address = address
    this.block = block
    this.base = base
    this.hash = hash
    this.keyOffset = at
    this.keyLength = keyLength
    this.valueOffset = at + keyLength
    this.valueLength = valueLength
  }

  get type(): number {
    return this.block.view.getUint8(this.base) & TYPE_MASK
  }

  set type(type: number) {
    this.block.view.setUint8(this.base, type | (this.flags << FLAGS_SHIFT))
  }

  get flags(): number {
    return this.block.view.getUint8(this.base) >> FLAGS_SHIFT
  }

  set flags(flags: number) {
    this.block.view.setUint8(this.base, this.type | (flags << FLAGS_SHIFT))
  }

  /** The value was set anew: OBJECT ENCODING judges it by its bytes again. */
  clearRaw(): void {
    this.flags &= ~(RAW_STRING | TEXT_STRING)
  }

  /** Type, flags and epoch at once, as headerWord() makes them. */
  get header(): number {
    return this.block.view.getInt32(this.base, true)
  }

  /** Which snapshot has seen the entry as it is (Keyspace.epoch). */
  get epoch(): number {
    return this.block.view.getUint16(this.base + 2, true)
  }

  set epoch(epoch: number) {
    this.block.view.setUint16(this.base + 2, epoch, true)
  }

  /** The 24-bit access clock (keyspace/access-clock.ts says what it means). */
  get access(): number {
    return this.block.view.getInt32(this.base + 4, true) & 0xffffff
  }

  set access(access: number) {
    const view = this.block.view
    view.setInt32(this.base + 4, (view.getInt32(this.base + 4, true) & 0xff000000) | access, true)
  }

  /** Changes the value's length within the allocation. */
  setValueLength(length: number): void {
    this.block.view.setInt32(this.base + 8, length, true)
    this.valueLength = length
  }

  get hasDeadline(): boolean {
    return (this.flags & DEADLINE_FIELD) !== 0 && this.deadlinePosition !== NO_POSITION
  }

  /** Milliseconds since the epoch; Infinity when there is none. Beyond 2^53 the nearest double. */
  get deadline(): number {
    if (!this.hasDeadline) return Number.POSITIVE_INFINITY
    const view = this.block.view
    const at = this.base + HEADER_BYTES
    return view.getInt32(at + 4, true) * 4294967296 + view.getUint32(at, true)
  }

  /** The deadline exactly; call only where there is one. */
  get deadlineInt64(): bigint {
    return this.block.view.getBigInt64(this.base + HEADER_BYTES, true)
  }

  /** Writes the deadline; the field must be there. */
  writeDeadline(milliseconds: number | bigint): void {
    const view = this.block.view
    const at = this.base + HEADER_BYTES
    if (typeof milliseconds === 'bigint') {
      view.setBigInt64(at, milliseconds, true)
      return
    }
    view.setInt32(at, (milliseconds % 4294967296) | 0, true)
    view.setInt32(at + 4, Math.floor(milliseconds / 4294967296), true)
  }

  get deadlinePosition(): number {
    return this.block.view.getInt32(this.base + HEADER_BYTES + 8, true)
  }

  set deadlinePosition(position: number) {
    this.block.view.setInt32(this.base + HEADER_BYTES + 8, position, true)
  }

  clearDeadline(): void {
    this.deadlinePosition = NO_POSITION
  }

  keyBytes(): Buffer {
    return Buffer.from(this.block.bytes.subarray(this.keyOffset, this.keyOffset + this.keyLength))
  }

  /** A copy of the value's bytes that may be kept. */
  valueBytes(): Buffer {
    return Buffer.from(this.block.bytes.subarray(this.valueOffset, this.valueOffset + this.valueLength))
  }

  /** The value's text, byte for byte. */
  valueText(): string {
    return this.block.bytes.toString('latin1', this.valueOffset, this.valueOffset + this.valueLength)
  }
}
