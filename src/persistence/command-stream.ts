/**
 * Commands as an append-only file holds them: RESP arrays of bulk strings in one growable block, each command
 * preceded by the SELECT it needs. It knows neither files nor which commands are worth keeping.
 */
import type { Arguments } from '../protocol/arguments.ts'
import { type Block, copyBytes, EMPTY_BLOCK, newBlock } from '../structures/block.ts'

const SMALLEST = 64 * 1024
/** A block larger than this is not kept for the next turn. */
const KEPT = 4 * 1024 * 1024
const CRLF = 0x0a0d
const STAR = 0x2a
const DOLLAR = 0x24
/** Room for a type byte, a count and CRLF. */
const HEADER_ROOM = 16
const MULTI = Buffer.from('*1\r\n$5\r\nMULTI\r\n')

export class CommandStream {
  block: Block
  /** Bytes written and not yet taken. */
  length: number
  /** The database that the last command was written for; -1 when the next needs a SELECT. */
  database: number

  constructor() {
    this.block = EMPTY_BLOCK
    this.length = 0
    this.database = -1
  }

  /** Forgets what was written: it has been taken. */
  clear(): void {
    this.length = 0
    if (this.block.bytes.length > KEPT) this.block = EMPTY_BLOCK
  }

  /** Forgets the first `count` bytes. */
  drop(count: number): void {
    this.block.bytes.copyWithin(0, count, this.length)
    this.length -= count
  }

  /** A command as it came: in one piece where its bytes still lie in a request (bench/micro/command-stream.ts). */
  command(database: number, args: Arguments): void {
    if (database !== this.database) this.select(database)
    const last = args.count - 1
    if (!isVerbatim(args)) {
      this.header(STAR, args.count)
      for (let i = 0; i <= last; i++) this.bulk(args.block, args.offsets[i], args.lengths[i])
      return
    }
    const size = args.offsets[last] + args.lengths[last] + 2 - args.start
    this.reserve(size)
    copyBytes(args.block, args.start, this.block, this.length, size)
    this.length += size
  }

  select(database: number): void {
    this.database = database
    this.header(STAR, 2)
    this.word('SELECT')
    this.word(String(database))
  }

  /** Begins a command of `count` words; the caller appends them with word() and bulk(). */
  begin(database: number, count: number): void {
    if (database !== this.database) this.select(database)
    this.header(STAR, count)
  }

  /** A word of ASCII text. */
  word(text: string): void {
    this.header(DOLLAR, text.length)
    this.text(text)
    this.end()
  }

  /** A word of `length` bytes found at `offset` of `from`. */
  bulk(from: Block, offset: number, length: number): void {
    this.beginBulk(length)
    this.reserve(length + 2)
    copyBytes(from, offset, this.block, this.length, length)
    this.length += length
    this.end()
  }

  /** A word in parts: what goes before its `length` bytes, and after them. */
  beginBulk(length: number): void {
    this.header(DOLLAR, length)
  }

  endBulk(): void {
    this.reserve(2)
    this.end()
  }

  /** Puts a MULTI in front of what was written from `mark` on. */
  insertMulti(mark: number): void {
    this.reserve(MULTI.length)
    const { bytes } = this.block
    bytes.copyWithin(mark + MULTI.length, mark, this.length)
    bytes.set(MULTI, mark)
    this.length += MULTI.length
  }

  exec(): void {
    this.header(STAR, 1)
    this.word('EXEC')
  }

  /** The annotation that tells when what follows was written, seconds since the epoch (aof-timestamp-enabled). */
  timestamp(seconds: number): void {
    this.reserve(HEADER_ROOM)
    this.text(`#TS:${seconds}`)
    this.end()
  }

  private header(type: number, count: number): void {
    this.reserve(HEADER_ROOM)
    this.block.bytes[this.length++] = type
    if (count < 10) this.block.bytes[this.length++] = 0x30 + count
    else this.text(String(count))
    this.end()
  }

  private text(text: string): void {
    this.reserve(text.length + 2)
    this.length += this.block.bytes.write(text, this.length, 'latin1')
  }

  private end(): void {
    this.block.view.setInt16(this.length, CRLF, true)
    this.length += 2
  }

  private reserve(extra: number): void {
    const needed = this.length + extra
    if (needed <= this.block.bytes.length) return
    const grown = newBlock(Math.max(SMALLEST, needed, 2 * this.block.bytes.length))
    this.block.bytes.copy(grown.bytes, 0, 0, this.length)
    this.block = grown
  }
}

/**
 * Whether the bytes from `args.start` on are exactly what encoding the arguments would give. Requests are read
 * more leniently than files: the byte behind a CR and the two behind an argument may be anything.
 */
function isVerbatim({ block, start, count, offsets, lengths }: Arguments): boolean {
  if (start < 0) return false
  const { view } = block
  let at = start + headerLength(count)
  for (let i = 0; i < count; i++) {
    if (view.getInt16(at - 2, true) !== CRLF) return false
    at += headerLength(lengths[i])
    if (offsets[i] !== at || view.getInt16(at - 2, true) !== CRLF) return false
    at += lengths[i] + 2
  }
  return view.getInt16(at - 2, true) === CRLF
}

/** Bytes of a type byte, a decimal number and CRLF. */
function headerLength(value: number): number {
  if (value < 10) return 4
  if (value < 100) return 5
  let length = 6
  for (let left = value; left >= 1000; left /= 10) length++
  return length
}
