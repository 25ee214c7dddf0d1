/**
 * Reads the commands of an append-only file: RESP arrays of bulk strings, with annotations between them. Strict,
 * unlike the reader of requests: a byte that no server writes there is damage. It runs nothing.
 */
import { readSync } from 'node:fs'
import { Arguments } from '../protocol/arguments.ts'
import { type Block, newBlock } from '../structures/block.ts'

/** What next() found. */
export const END = 0
export const COMMAND = 1
export const ANNOTATION = 2
/** The file ends inside a command or an annotation. */
export const SHORT = 3
export const DAMAGED = 4

/** Bytes read at once. */
const WINDOW = 256 * 1024
/** A block longer than this, which a long command needed, is given back after it. */
const KEPT = 4 * WINDOW
/** The longest command, bytes: offsets are 32-bit numbers. */
const COMMAND_MAX = 0x7ff0_0000
/** As many as Redis takes. */
const ARGUMENTS_MAX = 0x7fff_ffff
const ANNOTATION_MAX = 1024
/** A type byte, the digits of any number that could be right, CRLF. */
const HEADER_MAX = 16

const CR = 13
const LF = 10
const HASH = 0x23
const DOLLAR = 0x24
const STAR = 0x2a
const ZERO = 0x30

/** What is wrong where, in redis-check-aof's words. */
export interface AofFault {
  /** Position in the file of the line or string that is wrong. */
  readonly offset: number
  readonly text: string
}

export class AofReader {
  /** The command that next() found; its bytes stay until the next call. */
  args: Arguments
  /** Where in the file it begins, or would begin. */
  start: number
  /** Why next() found SHORT or DAMAGED. */
  fault: AofFault | null
  /** Line ends passed in commands. */
  lines: number
  private readonly file: number
  private readonly size: number
  private block: Block
  /** Position in the file of the block's first byte. */
  private base: number
  /** Bytes of the block that are to be read. */
  private at: number
  private end: number

  /** `file` is a descriptor, `size` the file's length; reading begins at `from`. */
  constructor(file: number, size: number, from: number) {
    this.args = new Arguments()
    this.start = from
    this.fault = null
    this.lines = 0
    this.file = file
    this.size = size
    this.block = newBlock(WINDOW)
    this.base = from
    this.at = 0
    this.end = 0
  }

  /** Position in the file behind what has been read. */
  get position(): number {
    return this.base + this.at
  }

  /** Goes on at this position, behind which everything may have been read. */
  seek(position: number): void {
    this.start = position
    const at = position - this.base
    if (at >= 0 && at <= this.end) {
      this.at = at
      return
    }
    this.base = position
    this.at = 0
    this.end = 0
  }

  /** Reads on. After SHORT and DAMAGED there is no going on. */
  next(): number {
    this.start = this.position
    this.args.count = 0
    this.args.keyHash = 0
    if (this.args.isHuge) this.args = new Arguments()
    if (this.block.bytes.length > KEPT && this.end - this.at < WINDOW) this.move(WINDOW)
    if (!this.has(1)) return END
    switch (this.block.bytes[this.at]) {
      case STAR:
        return this.command()
      case HASH:
        return this.annotationLine()
      default:
        return this.damaged(this.start, this.wrongPrefix(STAR))
    }
  }

  /** The annotation that next() found, its line end included. */
  get annotation(): string {
    return this.block.bytes.toString('latin1', this.start - this.base, this.at)
  }

  private annotationLine(): number {
    const left = this.size - this.start
    this.has(Math.min(ANNOTATION_MAX, left))
    const feed = this.block.bytes.subarray(this.at, Math.min(this.end, this.at + ANNOTATION_MAX)).indexOf(LF)
    if (feed >= 0) {
      this.at += feed + 1
      return ANNOTATION
    }
    if (left < ANNOTATION_MAX) return this.short(this.start, 'Expected the end of an annotation')
    return this.damaged(this.start, `Expected an annotation of at most ${ANNOTATION_MAX} bytes`)
  }

  private command(): number {
    const count = this.number(STAR, ARGUMENTS_MAX)
    if (count < 0) return -count
    if (count === 0) return this.damaged(this.start, 'Expected a command, got an empty one')
    for (let i = 0; i < count; i++) {
      const status = this.argument()
      if (status !== COMMAND) return status
    }
    this.args.block = this.block
    return COMMAND
  }

  private argument(): number {
    const length = this.number(DOLLAR, Number.MAX_SAFE_INTEGER)
    if (length < 0) return -length
    const begin = this.position
    const left = this.size - begin
    if (begin + length - this.start > COMMAND_MAX) {
      return this.damaged(begin, `Expected a command of at most ${COMMAND_MAX} bytes, got one of ${length}`)
    }
    // Before any room is made for it: a few bytes may claim anything.
    if (left < length + 2) {
      return this.short(begin, `Expected to read ${length + 2} bytes, got ${left} bytes`)
    }
    this.has(length + 2)
    const { args, at } = this
    const { view } = this.block
    if (view.getUint8(at + length) !== CR || view.getUint8(at + length + 1) !== LF) {
      return this.damaged(begin, this.noLineEnd(at + length))
    }
    if (args.count === args.offsets.length) args.grow()
    args.offsets[args.count] = at
    args.lengths[args.count++] = length
    this.at = at + length + 2
    this.lines++
    return COMMAND
  }

  /** The number in a line that begins with `prefix`; minus SHORT or minus DAMAGED when there is none. */
  private number(prefix: number, max: number): number {
    // One call for most headers, without asking for more than the file has.
    if (this.end - this.at < HEADER_MAX) this.has(Math.min(HEADER_MAX, this.size - this.position))
    const { at, end, base } = this
    const { view } = this.block
    const begin = base + at
    if (at === end) return -this.short(begin, '')
    if (view.getUint8(at) !== prefix) return -this.damaged(begin, this.wrongPrefix(prefix))
    let value = 0
    let next = at + 1
    for (; next < end && next < at + HEADER_MAX; next++) {
      const digit = view.getUint8(next) - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    if (value > max) return -this.damaged(begin, `Expected a number up to ${max}, got: ${value}`)
    if (next < end && next === at + 1) return -this.damaged(begin, this.noNumber(next))
    const ended = next + 1 < end && view.getUint8(next) === CR && view.getUint8(next + 1) === LF
    if (!ended) {
      const text = this.noLineEnd(next)
      const onTheWay = next === end || (next + 1 === end && view.getUint8(next) === CR)
      return onTheWay ? -this.short(begin, text) : -this.damaged(begin, text)
    }
    this.at = next + 2
    this.lines++
    return value
  }

  /** Brings `count` bytes from `at` on into the block; false when the file has fewer. */
  private has(count: number): boolean {
    if (this.end - this.at >= count) return true
    if (this.size - this.position < count) return false
    const used = this.at - (this.start - this.base)
    const room = this.block.bytes.length
    // Doubled for a long command, so that what has been read of it is moved seldom.
    this.move(
      used + count <= room ? room : Math.min(Math.max(2 * room, used + count), COMMAND_MAX + 2 * WINDOW),
    )
    while (this.end - this.at < count) {
      const { bytes } = this.block
      const from = this.base + this.end
      const most = Math.min(bytes.length - this.end, this.size - from)
      const read = readSync(this.file, bytes, this.end, most, from)
      if (read === 0) throw new Error('the file became shorter while it was being read')
      this.end += read
    }
    return true
  }

  /** Has the command being read begin at the beginning of a block with this much room. */
  private move(room: number): void {
    const { args, block } = this
    const distance = this.start - this.base
    const target = block.bytes.length === room ? block : newBlock(room)
    block.bytes.copy(target.bytes, 0, distance, this.end)
    for (let i = 0; i < args.count; i++) args.offsets[i] -= distance
    this.block = target
    this.base += distance
    this.at -= distance
    this.end -= distance
  }

  private short(offset: number, text: string): number {
    this.fault = { offset, text }
    return SHORT
  }

  private damaged(offset: number, text: string): number {
    this.fault = { offset, text }
    return DAMAGED
  }

  private wrongPrefix(prefix: number): string {
    const found = String.fromCharCode(this.block.bytes[this.at])
    return `Expected prefix '${String.fromCharCode(prefix)}', got: '${found}'`
  }

  private noNumber(at: number): string {
    return `Expected a number, got: ${this.hex(at)}`
  }

  private noLineEnd(at: number): string {
    return `Expected \\r\\n, got: ${this.hex(at)}`
  }

  /** Two bytes; what is behind the end shows as zeros, as in redis-check-aof. */
  private hex(at: number): string {
    const { bytes } = this.block
    const two = (i: number): string => (i < this.end ? bytes[i] : 0).toString(16).padStart(2, '0')
    return two(at) + two(at + 1)
  }
}
