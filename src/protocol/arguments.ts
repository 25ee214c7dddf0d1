/**
 * The arguments of one command: offsets and lengths into the bytes they arrived in. A view, valid only
 * while its command runs; whoever keeps an argument longer (MULTI, blocking, scripts) copies it.
 */
import { type Block, copyBytes, EMPTY_BLOCK, newBlock } from '../structures/block.ts'
import { parseInt64, parseInteger } from '../structures/integers.ts'
import { internedText } from '../structures/interned-text.ts'
import { type ErrorReply, NOT_AN_INTEGER } from './error-replies.ts'

/** Room for this many arguments before the first growth. */
const INITIAL_ARGUMENTS = 64
/** Tables with room for more than this are not kept for another request. */
const KEPT_ARGUMENTS = 64 * 1024

export class Arguments {
  /** Where the bytes of every argument lie. */
  block: Block
  /** Number of arguments, the command's name included (Redis's argc). */
  count: number
  offsets: Int32Array
  lengths: Int32Array

  /** Where the request of which these are the arguments begins in `block`; -1 when it does not lie there as sent. */
  start: number
  /** The keyed hash of argument 1, if it has been computed already (keyspace/lookahead.ts); else 0. */
  keyHash: number
  /** Where the entry of argument 1 was when it was looked for, 0 for nowhere, and which look that was. */
  keyAddress: number
  keyLook: number

  constructor(room: number = INITIAL_ARGUMENTS) {
    this.block = EMPTY_BLOCK
    this.count = 0
    this.offsets = new Int32Array(room)
    this.lengths = new Int32Array(room)
    this.start = -1
    this.keyHash = 0
    this.keyAddress = 0
    this.keyLook = 0
  }

  /** A copy with bytes of its own, for whoever keeps a command. */
  static copyOf(args: Arguments): Arguments {
    const copy = new Arguments(args.count)
    copy.block = newBlock(args.byteLength)
    copy.fill(args)
    return copy
  }

  /** The arguments of `args` from `first` on, in the same block. */
  static tail(args: Arguments, first: number): Arguments {
    const rest = new Arguments(0)
    rest.block = args.block
    rest.count = args.count - first
    rest.offsets = args.offsets.slice(first, args.count)
    rest.lengths = args.lengths.slice(first, args.count)
    return rest
  }

  /** Becomes a copy of `args`, in its own block from byte `from` on and in its own tables, which have the room. */
  fill(args: Arguments, from: number = 0): void {
    let at = from
    for (let i = 0; i < args.count; i++) {
      copyBytes(args.block, args.offsets[i], this.block, at, args.lengths[i])
      this.offsets[i] = at
      this.lengths[i] = args.lengths[i]
      at += args.lengths[i]
    }
    this.count = args.count
  }

  /** Bytes of all arguments together. */
  get byteLength(): number {
    let bytes = 0
    for (let i = 0; i < this.count; i++) bytes += this.lengths[i]
    return bytes
  }

  /** The tables are too large to be kept for another request. */
  get isHuge(): boolean {
    return this.offsets.length > KEPT_ARGUMENTS
  }

  /** Makes room for at least one argument more than `count`, keeping those before it. */
  grow(): void {
    this.offsets = growTo(this.offsets, this.count * 2)
    this.lengths = growTo(this.lengths, this.count * 2)
  }

  /** Argument `index` as text, byte for byte (latin1): for names and keywords, not for data. */
  text(index: number): string {
    const start = this.offsets[index]
    return this.block.bytes.toString('latin1', start, start + this.lengths[index])
  }

  /** The same for a name that comes again and again, and may be kept by the process: no secret. */
  name(index: number): string {
    return internedText(this.block, this.offsets[index], this.lengths[index])
  }

  /** A copy of argument `index` that may be kept. */
  copy(index: number): Buffer {
    const start = this.offsets[index]
    const end = start + this.lengths[index]
    return Buffer.from(this.block.bytes.subarray(start, end))
  }

  /** Whether argument `index` is the keyword `upper` (given in upper case), whatever its case. */
  is(index: number, upper: string): boolean {
    const length = this.lengths[index]
    if (length !== upper.length) return false
    const bytes = this.block.bytes
    const start = this.offsets[index]
    for (let at = 0; at < length; at++) {
      let byte = bytes[start + at]
      if (byte >= 0x61 && byte <= 0x7a) byte -= 0x20
      if (byte !== upper.charCodeAt(at)) return false
    }
    return true
  }

  /**
   * Argument `index` as a signed 64-bit integer. Beyond ±2^53 the number is the nearest double: right for
   * indexes and counts; arithmetic that must be exact uses int64(). Throws NOT_AN_INTEGER.
   */
  integer(index: number): number {
    return this.integerOr(index, NOT_AN_INTEGER)
  }

  /** Like integer(), but what is not one is refused with `refusal`. */
  integerOr(index: number, refusal: ErrorReply): number {
    const value = parseInteger(this.block, this.offsets[index], this.lengths[index])
    if (!Number.isNaN(value)) return value
    const exact = parseInt64(this.block, this.offsets[index], this.lengths[index])
    if (exact === null) throw refusal
    return Number(exact)
  }

  /** Argument `index` as an exact signed 64-bit integer. Throws NOT_AN_INTEGER. */
  int64(index: number): bigint {
    const value = parseInt64(this.block, this.offsets[index], this.lengths[index])
    if (value === null) throw NOT_AN_INTEGER
    return value
  }
}

function growTo(old: Int32Array, length: number): Int32Array {
  const grown = new Int32Array(Math.max(length, INITIAL_ARGUMENTS))
  grown.set(old)
  return grown
}
