/**
 * Decodes requests, multibulk and inline, where they lie: it finds the offsets of the arguments and copies
 * nothing. It owns no input; whoever received the bytes says where they are and keeps what is unfinished.
 */
import { splitArguments } from '../config/split-args.ts'
import { type Block, blockOf } from '../structures/block.ts'
import { parseInt64, parseInteger } from '../structures/integers.ts'
import { Arguments } from './arguments.ts'
import {
  BAD_BULK_LENGTH,
  BAD_MULTIBULK_LENGTH,
  BULK_LINE_TOO_LONG,
  type ErrorReply,
  err,
  INLINE_TOO_LONG,
  MULTIBULK_LINE_TOO_LONG,
  UNAUTHENTICATED_BULK,
  UNAUTHENTICATED_MULTIBULK,
  UNBALANCED_QUOTES,
} from './error-replies.ts'

/** What next() found. */
export const COMPLETE = 0
export const INCOMPLETE = 1
export const MALFORMED = 2
// And, among the methods here: the count of a multibulk request; a request of no arguments, to be skipped.
const HEADER = 3
const EMPTY = 4

/** A line (a header, an inline request) that is longer than this and has not ended is an error. */
const LINE_MAX = 64 * 1024
/** Redis's INT_MAX. The count alone reserves nothing. */
const ARGUMENTS_MAX = 0x7fffffff
/** What a client that has yet to authenticate may send. */
const UNAUTHENTICATED_ARGUMENTS_MAX = 10
const UNAUTHENTICATED_BULK_MAX = 16384

const CR = 13
const TAB = 0x09
const VERTICAL_TAB = 0x0b
const FORM_FEED = 0x0c
const SPACE = 0x20
const DOUBLE_QUOTE = 0x22
const SINGLE_QUOTE = 0x27
const LF = 10
const STAR = 0x2a
const DOLLAR = 0x24
const ZERO = 0x30

// `*d\r\n` as one little-endian word, without its digit.
const ONE_DIGIT_MASK = 0xffff00ff | 0
const COUNT_WORD = 0x0a0d002a

export class RequestReader {
  /** The request that next() completed. Replaced, not reused, by reset() after a huge one. */
  args: Arguments
  /** The first byte not decoded yet; the caller sets it when the bytes move or new ones start elsewhere. */
  at: number
  /** Why the last next() was MALFORMED. */
  error: ErrorReply | null
  /** Redis's proto-max-bulk-len, bytes. */
  maxBulk: number
  /** Arguments of the current request not read yet; 0 between requests. */
  private missing: number
  /** Length of the argument whose header has been read and whose bytes have not; -1 otherwise. */
  private bulk: number

  constructor() {
    this.args = new Arguments()
    this.at = 0
    this.error = null
    this.maxBulk = 512 * 1024 * 1024
    this.missing = 0
    this.bulk = -1
  }

  /** Forgets a request read in part: decoding starts anew at `at`. */
  reset(at: number): void {
    this.at = at
    this.missing = 0
    this.bulk = -1
    if (this.args.isHuge) this.args = new Arguments()
  }

  /** Whether no part of a request has been read: what lies before `at` is done with. */
  get idle(): boolean {
    return this.missing === 0
  }

  /** Arguments of an unfinished request read so far: what decoding it again from its start would cost. */
  get progress(): number {
    return this.missing === 0 ? 0 : this.args.count
  }

  /** Where the unfinished request ends, once the header of its last argument has been read; 0 before. */
  get knownEnd(): number {
    return this.missing === 1 && this.bulk >= 0 ? this.at + this.bulk + 2 : 0
  }

  /** The bytes of the unfinished request have moved by `distance`. */
  shift(distance: number): void {
    const { offsets } = this.args
    for (let i = this.progress - 1; i >= 0; i--) offsets[i] += distance
    this.args.start += distance
    this.at += distance
  }

  /**
   * Reads on at `at`, not beyond `end`. COMPLETE: `args` is a request (never empty) and `at` is behind it.
   * INCOMPLETE: more bytes are needed; call again with the same stretch made longer, or reset(). MALFORMED:
   * `error` says why, and the connection is beyond repair. `unauthenticated` applies the small limits.
   */
  next(block: Block, end: number, unauthenticated: boolean): number {
    const args = this.args
    args.block = block
    if (this.missing === 0) {
      args.count = 0
      args.keyHash = 0
      const at = this.at
      args.start = at
      // `*1\r\n` to `*9\r\n` in one compare, not a loop over digits: bench/micro/request-reader.ts
      const word = end - at >= 4 ? block.view.getInt32(at, true) : 0
      const digit = ((word >> 8) & 0xff) - ZERO
      if ((word & ONE_DIGIT_MASK) === COUNT_WORD && digit > 0 && digit <= 9) {
        this.missing = digit
        this.at = at + 4
      } else {
        const status = this.begin(block, end, unauthenticated)
        if (status !== HEADER) return status
      }
    }
    return this.readArguments(block, end, unauthenticated)
  }

  private readArguments(block: Block, end: number, unauthenticated: boolean): number {
    const args = this.args
    const view = block.view
    const first = args.count
    const total = first + this.missing
    let { offsets, lengths } = args
    let at = this.at
    let count = first
    let length = this.bulk
    for (; count < total; count++) {
      if (length < 0) {
        length = end - at >= 5 ? shortLength(view.getInt32(at, true)) : -1
        if (length >= 0) at += length < 10 ? 4 : 5
        else {
          this.at = at
          this.bulk = -1
          const status = this.readBulkHeader(block, end, unauthenticated)
          at = this.at
          length = this.bulk
          if (status !== COMPLETE) {
            args.count = count
            this.missing = total - count
            return status
          }
        }
      }
      if (end - at < length + 2) {
        this.at = at
        this.bulk = length
        args.count = count
        this.missing = total - count
        return INCOMPLETE
      }
      if (count === offsets.length) {
        args.count = count
        args.grow()
        offsets = args.offsets
        lengths = args.lengths
      }
      offsets[count] = at
      lengths[count] = length
      at += length + 2
      length = -1
    }
    this.at = at
    this.bulk = -1
    this.missing = 0
    args.count = count
    return COMPLETE
  }

  /** Everything a request can begin with, blank lines and empty requests in front of it skipped. */
  private begin(block: Block, end: number, unauthenticated: boolean): number {
    while (this.at < end) {
      const multibulk = block.bytes[this.at] === STAR
      const status = multibulk ? this.readCount(block, end, unauthenticated) : this.readInline(block, end)
      if (status !== EMPTY) return status
    }
    return INCOMPLETE
  }

  private readCount(block: Block, end: number, unauthenticated: boolean): number {
    const at = this.at
    const cr = find(block.bytes, CR, at, end)
    if (cr === -1) return end - at > LINE_MAX ? this.fail(MULTIBULK_LINE_TOO_LONG) : INCOMPLETE
    // The byte after the CR is taken for the LF it should be, as Redis does.
    if (cr + 1 >= end) return INCOMPLETE
    const count = decimal(block, at + 1, cr)
    if (Number.isNaN(count) || count > ARGUMENTS_MAX) return this.fail(BAD_MULTIBULK_LENGTH)
    if (unauthenticated && count > UNAUTHENTICATED_ARGUMENTS_MAX) return this.fail(UNAUTHENTICATED_MULTIBULK)
    this.at = cr + 2
    if (count <= 0) return EMPTY
    this.args.start = at
    this.missing = count
    return HEADER
  }

  /** Leaves the length in `bulk`. */
  private readBulkHeader(block: Block, end: number, unauthenticated: boolean): number {
    const at = this.at
    const cr = find(block.bytes, CR, at, end)
    if (cr === -1) return end - at > LINE_MAX ? this.fail(BULK_LINE_TOO_LONG) : INCOMPLETE
    if (cr + 1 >= end) return INCOMPLETE
    const first = block.bytes[at]
    if (first !== DOLLAR) {
      return this.fail(err(`Protocol error: expected '$', got '${String.fromCharCode(first)}'`))
    }
    const length = decimal(block, at + 1, cr)
    if (Number.isNaN(length) || length < 0 || length > this.maxBulk) return this.fail(BAD_BULK_LENGTH)
    if (unauthenticated && length > UNAUTHENTICATED_BULK_MAX) return this.fail(UNAUTHENTICATED_BULK)
    this.at = cr + 2
    this.bulk = length
    return COMPLETE
  }

  /** A line typed by hand. Quotes and escapes change its bytes, so its arguments get a block of their own. */
  private readInline(block: Block, end: number): number {
    const at = this.at
    const lf = find(block.bytes, LF, at, end)
    if (lf === -1) return end - at > LINE_MAX ? this.fail(INLINE_TOO_LONG) : INCOMPLETE
    const lineEnd = lf > at && block.bytes[lf - 1] === CR ? lf - 1 : lf
    if (this.splitInPlace(block, at, lineEnd)) {
      this.at = lf + 1
      return this.args.count === 0 ? EMPTY : COMPLETE
    }
    const words = splitArguments(block.bytes.subarray(at, lineEnd))
    if (words === null) return this.fail(UNBALANCED_QUOTES)
    this.at = lf + 1
    if (words.length === 0) return EMPTY
    const { args } = this
    args.block = blockOf(Buffer.concat(words))
    args.start = -1
    let offset = 0
    for (const word of words) {
      if (args.count === args.offsets.length) args.grow()
      args.offsets[args.count] = offset
      args.lengths[args.count++] = word.length
      offset += word.length
    }
    return COMPLETE
  }

  /** Takes the words of a line without quotes where they lie and copies nothing; false for another line. */
  private splitInPlace(block: Block, start: number, end: number): boolean {
    const { args } = this
    let word = -1
    for (let i = start; i <= end; i++) {
      const byte = i === end ? SPACE : block.bytes[i]
      if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
        args.count = 0
        return false
      }
      if (byte === SPACE || byte === TAB || byte === CR) {
        if (word === -1) continue
        if (args.count === args.offsets.length) args.grow()
        args.offsets[args.count] = word
        args.lengths[args.count++] = i - word
        word = -1
      } else if (word === -1 && byte !== VERTICAL_TAB && byte !== FORM_FEED) word = i
    }
    args.start = -1
    return true
  }

  private fail(error: ErrorReply): number {
    this.error = error
    return MALFORMED
  }
}

/** The length in `$d\r\n` or `$dd\r`, given as a word (no loop over digits: bench/micro/request-reader.ts), or -1. */
function shortLength(word: number): number {
  const digit = ((word >> 8) & 0xff) - ZERO
  const third = (word >> 16) & 0xff
  if ((word & 0xff) !== DOLLAR || digit < 0 || digit > 9) return -1
  if (third === CR) return digit
  const second = third - ZERO
  return word >>> 24 === CR && digit > 0 && second >= 0 && second <= 9 ? digit * 10 + second : -1
}

/** Position of the first `byte` of the line at `at`, or -1. A NUL hides what follows it: Redis uses strchr. */
function find(bytes: Uint8Array, byte: number, at: number, end: number): number {
  for (let i = at; i < end; i++) {
    const here = bytes[i]
    if (here === byte) return i
    if (here === 0) return -1
  }
  return -1
}

/** The int64 between `start` and `end`, to the precision of a double; NaN when the text is none. */
function decimal(block: Block, start: number, end: number): number {
  const value = parseInteger(block, start, end - start)
  return Number.isNaN(value) ? Number(parseInt64(block, start, end - start) ?? Number.NaN) : value
}
