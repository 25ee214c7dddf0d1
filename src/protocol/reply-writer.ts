/**
 * Appends replies in RESP2 or RESP3 to one growable block. The method names are the protocol's vocabulary;
 * the client's protocol version picks the form. It knows no sockets: its connection takes the bytes.
 */
import { Block, copyBytes, EMPTY_BLOCK, newBlock } from '../structures/block.ts'
import { BlockPool } from '../structures/block-pool.ts'
import { formatDouble } from '../structures/doubles.ts'
import { writeInteger } from '../structures/integers.ts'
import type { ErrorReply } from './error-replies.ts'
import type { SharedReply } from './shared-reply.ts'

/** Size of a fresh reply block. */
export const REPLY_BLOCK_SIZE: number = 16 * 1024
/** What a reply grows to when it does not fit: a pipeline of LRANGE_100 fills tens of KiB each turn. */
const LARGER_SIZES = [4 * REPLY_BLOCK_SIZE, 16 * REPLY_BLOCK_SIZE]
/** Idle blocks of each of those sizes kept for reuse: 4 MiB each. */
const LARGER_POOLED = [64, 16]
/** Idle blocks kept for reuse; more than a busy turn of 50 pipelining clients needs. */
const POOLED_BLOCKS = 256
/** Text up to so long is faster written in JavaScript than by a call out of it. */
const SHORT_TEXT = 64
/** Room for a type byte, a 64-bit integer and CRLF. */
const HEADER_ROOM = 32

const CRLF = 0x0a0d
const OK = wordsOf('+OK\r\n')
const QUEUED = '+QUEUED\r\n'

function wordsOf(text: string): number {
  return Buffer.from(text, 'latin1').readInt32LE(0)
}

const pool: Block[] = []
const largerPools: Block[][] = [[], []]
/** Replies that are larger still: values of hundreds of KiB. */
const largestPool = new BlockPool(LARGER_SIZES[1], 2 * 1024 * 1024, 32 * 1024 * 1024)

export class ReplyWriter {
  /** 2 or 3: the protocol the client speaks (HELLO changes it). */
  resp: number
  block: Block
  /** Bytes written so far. */
  length: number
  /** What the block belongs to when it is not this writer's own. */
  shared: SharedReply | null
  /** Bytes the block can hold; 0 for one that is not this writer's own. */
  private capacity: number

  constructor() {
    this.resp = 2
    this.block = EMPTY_BLOCK
    this.length = 0
    this.shared = null
    this.capacity = 0
  }

  /** Forgets what was written and returns the block to the pool. Call when nobody reads the bytes any more. */
  release(): void {
    const block = this.detach()
    if (block !== null) recycle(block)
  }

  /**
   * Hands the block over: the writer starts anew, and the bytes stay with the caller, who may recycle() the block that
   * is returned; null for one that is not this writer's own.
   */
  detach(): Block | null {
    const own = this.capacity > 0 ? this.block : null
    this.block = EMPTY_BLOCK
    this.length = 0
    this.shared = null
    this.capacity = 0
    return own
  }

  /** Cuts the reply back to `mark`, an earlier value of `length`. */
  rewind(mark: number): void {
    this.length = mark
  }

  ok(): void {
    if (this.capacity - this.length < 8) this.makeRoom(8)
    const at = this.length
    this.block.view.setInt32(at, OK, true)
    this.block.bytes[at + 4] = 0x0a
    this.length = at + 5
  }

  queued(): void {
    this.raw(QUEUED)
  }

  /** A simple string; `text` is ASCII without line breaks. */
  simple(text: string): void {
    const size = text.length
    if (this.capacity - this.length < size + 3) this.makeRoom(size + 3)
    const { bytes, view } = this.block
    const at = this.length
    bytes[at] = 0x2b
    // No template string: joining and flattening one costs more than the reply (bench/micro/pipeline.ts, PING).
    for (let i = 0; i < size; i++) bytes[at + 1 + i] = text.charCodeAt(i)
    view.setInt16(at + 1 + size, CRLF, true)
    this.length = at + size + 3
  }

  error(reply: ErrorReply): void {
    this.raw(`-${reply.line}\r\n`)
  }

  /** A safe integer. */
  integer(value: number): void {
    this.header(0x3a, value)
  }

  /** Any 64-bit integer. */
  int64(value: bigint): void {
    this.raw(`:${value}\r\n`)
  }

  /** A bulk string of `length` bytes found at `offset` of `from`. */
  bulk(from: Block, offset: number, length: number): void {
    const room = length + HEADER_ROOM
    if (this.capacity - this.length < room) this.makeRoom(room)
    const view = this.block.view
    let at = this.length
    if (length < 10) {
      view.setInt32(at, 0x0a0d3024 + (length << 8), true)
      at += 4
    } else if (length < 100) {
      const tens = (length / 10) | 0
      view.setInt32(at, 0x0d303024 + (tens << 8) + ((length - tens * 10) << 16), true)
      this.block.bytes[at + 4] = 0x0a
      at += 5
    } else {
      this.header(0x24, length)
      at = this.length
    }
    copyBytes(from, offset, this.block, at, length)
    at += length
    view.setInt16(at, CRLF, true)
    this.length = at + 2
  }

  /** A bulk string of all of `bytes`. */
  bulkBytes(bytes: Uint8Array): void {
    const room = bytes.length + HEADER_ROOM
    if (this.capacity - this.length < room) this.makeRoom(room)
    this.header(0x24, bytes.length)
    this.block.bytes.set(bytes, this.length)
    this.block.view.setInt16(this.length + bytes.length, CRLF, true)
    this.length += bytes.length + 2
  }

  /** A bulk string of `text` in UTF-8. */
  bulkText(text: string): void {
    if (text.length <= SHORT_TEXT && this.bulkAscii(text)) return
    const size = Buffer.byteLength(text, 'utf8')
    const room = size + HEADER_ROOM
    if (this.capacity - this.length < room) this.makeRoom(room)
    this.header(0x24, size)
    this.block.bytes.write(text, this.length, size, 'utf8')
    this.block.view.setInt16(this.length + size, CRLF, true)
    this.length += size + 2
  }

  /**
   * A bulk string of `text`, or false and nothing when it is not all ASCII. Without a Buffer of its own, which costs
   * more than such a reply (bench/micro/pipeline.ts, HELLO).
   */
  private bulkAscii(text: string): boolean {
    const size = text.length
    const room = size + HEADER_ROOM
    if (this.capacity - this.length < room) this.makeRoom(room)
    const mark = this.length
    this.header(0x24, size)
    const { bytes, view } = this.block
    const at = this.length
    let codes = 0
    for (let i = 0; i < size; i++) {
      const code = text.charCodeAt(i)
      bytes[at + i] = code
      codes |= code
    }
    if (codes > 0x7f) {
      this.length = mark
      return false
    }
    view.setInt16(at + size, CRLF, true)
    this.length = at + size + 2
    return true
  }

  /** A bulk string of the decimal digits of a safe integer. */
  bulkInteger(value: number): void {
    if (this.capacity - this.length < 2 * HEADER_ROOM) this.makeRoom(2 * HEADER_ROOM)
    const start = this.length
    const digits = writeInteger(this.block, start + 5, value)
    const view = this.block.view
    // A 64-bit integer has at most 20 digits: "$7\r\n" or "$17\r\n".
    let body = start + 4
    if (digits < 10) {
      view.setInt32(start, 0x0a0d3024 + (digits << 8), true)
      this.block.bytes.copyWithin(body, start + 5, start + 5 + digits)
    } else {
      view.setInt32(start, 0x0d303024 + (((digits / 10) | 0) << 8) + ((digits % 10) << 16), true)
      this.block.bytes[start + 4] = 0x0a
      body = start + 5
    }
    view.setInt16(body + digits, CRLF, true)
    this.length = body + digits + 2
  }

  /** The absent value: `$-1` in RESP2, `_` in RESP3. */
  null(): void {
    this.raw(this.resp === 2 ? '$-1\r\n' : '_\r\n')
  }

  /** The absent array: `*-1` in RESP2, `_` in RESP3. */
  nullArray(): void {
    this.raw(this.resp === 2 ? '*-1\r\n' : '_\r\n')
  }

  arrayHeader(count: number): void {
    this.header(0x2a, count)
  }

  /** A map of `pairs` key–value pairs: a flat array of twice as many in RESP2. */
  mapHeader(pairs: number): void {
    if (this.resp === 2) this.header(0x2a, pairs * 2)
    else this.header(0x25, pairs)
  }

  setHeader(count: number): void {
    this.header(this.resp === 2 ? 0x2a : 0x7e, count)
  }

  /** Out-of-band data: an ordinary array in RESP2. */
  pushHeader(count: number): void {
    this.header(this.resp === 2 ? 0x2a : 0x3e, count)
  }

  /** Data about the reply that follows; only RESP3 has it, so callers ask `resp` first. */
  attributeHeader(pairs: number): void {
    this.header(0x7c, pairs)
  }

  /** `,1.5` in RESP3, a bulk string in RESP2. */
  double(value: number): void {
    if (this.resp === 2) this.bulkText(formatDouble(value))
    else this.raw(`,${formatDouble(value)}\r\n`)
  }

  /** `#t` or `#f` in RESP3, 1 or 0 in RESP2. */
  boolean(value: boolean): void {
    if (this.resp === 2) this.integer(value ? 1 : 0)
    else this.raw(value ? '#t\r\n' : '#f\r\n')
  }

  /** An integer of any size, in decimal digits: `(…` in RESP3, a bulk string in RESP2. */
  bigNumber(digits: string): void {
    if (this.resp === 2) this.bulkText(digits)
    else this.raw(`(${digits}\r\n`)
  }

  /** Text with its format ("txt" or "mkd") in RESP3, a bulk string in RESP2. */
  verbatim(format: string, text: string): void {
    if (this.resp === 2) {
      this.bulkText(text)
      return
    }
    const bytes = Buffer.from(`${format}:${text}`, 'utf8')
    this.raw(`=${bytes.length}\r\n`)
    this.rawBytes(bytes)
    this.raw('\r\n')
  }

  /** Leaves room for an array header whose count is not known yet; give the result to endArray(). */
  beginArray(): number {
    if (this.capacity - this.length < HEADER_ROOM) this.makeRoom(HEADER_ROOM)
    const mark = this.length
    this.length = mark + HEADER_ROOM
    return mark
  }

  /** Writes the header that beginArray() left room for and closes the gap behind it. */
  endArray(mark: number, count: number): void {
    const end = this.length
    this.length = mark
    this.header(0x2a, count)
    this.block.bytes.copyWithin(this.length, mark + HEADER_ROOM, end)
    this.length += end - mark - HEADER_ROOM
  }

  /** Bytes that are already a reply. */
  rawBytes(bytes: Uint8Array): void {
    if (this.capacity - this.length < bytes.length) this.makeRoom(bytes.length)
    this.block.bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** The first `length` bytes of a block, which are already a reply. */
  rawBlock(from: Block, length: number): void {
    if (this.capacity - this.length < length) this.makeRoom(length)
    copyBytes(from, 0, this.block, this.length, length)
    this.length += length
  }

  /** The same for an array in RESP2's form that is pushed: in RESP3 it begins as a push does. */
  rawPush(from: Block, length: number): void {
    const at = this.length
    this.rawBlock(from, length)
    if (this.resp !== 2) this.block.bytes[at] = 0x3e
  }

  /**
   * Makes all of `shared` the reply without copying it, while there is no other. With no room of its own
   * nothing is written into it here: the next append moves to another block.
   */
  borrow(shared: SharedReply): void {
    this.release()
    this.shared = shared
    this.block = shared.block
    this.length = shared.length
  }

  /** What was written, as bytes that stay as they are until the block is released. */
  get bytes(): Buffer {
    return this.block.first(this.length)
  }

  /** Makes what has been appended to the shared reply a part of this one, which was all of it before. */
  follow(shared: SharedReply): void {
    this.block = shared.block
    this.length = shared.length
  }

  /** ASCII text that is already a reply. */
  raw(text: string): void {
    const size = text.length
    if (this.capacity - this.length < size) this.makeRoom(size)
    const bytes = this.block.bytes
    const at = this.length
    if (size < 32) for (let i = 0; i < size; i++) bytes[at + i] = text.charCodeAt(i)
    else bytes.write(text, at, size, 'latin1')
    this.length = at + size
  }

  private header(type: number, value: number): void {
    if (this.capacity - this.length < HEADER_ROOM) this.makeRoom(HEADER_ROOM)
    const block = this.block
    let at = this.length
    block.bytes[at++] = type
    if (value >= 0 && value < 10) block.bytes[at++] = 0x30 + value
    else at += writeInteger(block, at, value)
    block.view.setInt16(at, CRLF, true)
    this.length = at + 2
  }

  /** Where a short reply outgrows a borrowed block, thousands may do so in the same turn: small steps then. */
  private freshSize(needed: number): number {
    return this.length === 0 ? REPLY_BLOCK_SIZE : Math.min(REPLY_BLOCK_SIZE, needed * 4)
  }

  private makeRoom(room: number): void {
    const needed = this.length + room
    let block: Block
    if (needed <= REPLY_BLOCK_SIZE) block = pool.pop() ?? newBlock(this.freshSize(needed))
    else block = largerBlock(Math.max(needed + (needed >> 2), this.capacity * 2))
    if (this.length > 0) copyBytes(this.block, 0, block, 0, this.length)
    if (this.capacity > 0) recycle(this.block)
    this.block = block
    this.shared = null
    this.capacity = block.bytes.length
  }
}

/** Keeps a block that a writer had for its own, and nobody reads any more, for the next reply of its size. */
export function recycle(block: Block): void {
  const { length } = block.bytes
  if (length === REPLY_BLOCK_SIZE) {
    if (pool.length < POOLED_BLOCKS) pool.push(block)
    return
  }
  const size = LARGER_SIZES.indexOf(length)
  if (size === -1) largestPool.give(block)
  else if (largerPools[size].length < LARGER_POOLED[size]) largerPools[size].push(block)
}

/** A block of at least `size` bytes, above REPLY_BLOCK_SIZE. */
function largerBlock(size: number): Block {
  const fitting = LARGER_SIZES.findIndex((larger) => larger >= size)
  return fitting === -1
    ? largestPool.take(size)
    : (largerPools[fitting].pop() ?? newBlock(LARGER_SIZES[fitting]))
}
