/**
 * Replies as JavaScript values: decodes what reply-writer.ts encodes, RESP2 and RESP3. The bytes are our own and whole;
 * for what comes over a network see redis-parser.
 */

/** An error that a command was answered with. */
export class CommandError extends Error {
  /** The error's first word: 'ERR', 'WRONGTYPE', 'NOAUTH', … */
  readonly code: string

  /** `line` is the whole error as Redis words it; it is the message. */
  constructor(line: string) {
    super(line)
    this.name = 'CommandError'
    this.code = line.split(' ', 1)[0]
  }
}

/**
 * A reply: strings (or Buffers where they are asked for), numbers (BigInt beyond 2^53), booleans, null, arrays, Maps and
 * Sets of such. A CommandError stands inside an array only, as EXEC has them; elsewhere it is thrown.
 */
export type Reply =
  | string
  | Buffer
  | number
  | bigint
  | boolean
  | null
  | CommandError
  | Reply[]
  | Map<Reply, Reply>
  | Set<Reply>

const CR = 13
const ATTRIBUTE = 0x7c
const PUSH = 0x3e

export class ReplyReader {
  private readonly bytes: Buffer
  private at: number
  /** Strings with a length are Buffers. */
  private buffers: boolean

  /** `bytes` are whole replies and stay as they are. */
  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.at = 0
    this.buffers = false
  }

  get ended(): boolean {
    return this.at >= this.bytes.length
  }

  /** The next reply is a push, which answers nothing. */
  get isPush(): boolean {
    return this.bytes[this.at] === PUSH
  }

  /** Reads one reply. Throws a RangeError for what is none. */
  next(buffers: boolean): Reply {
    this.buffers = buffers
    while (this.bytes[this.at] === ATTRIBUTE) {
      this.at++
      this.elements(2 * Number(this.line()))
    }
    return this.value()
  }

  private value(): Reply {
    const type = String.fromCharCode(this.bytes[this.at++])
    const line = this.line()
    switch (type) {
      case '+':
        return line
      case '-':
        return new CommandError(line)
      case ':':
        return integer(line)
      case '$':
        return line === '-1' ? null : this.string(Number(line), 0)
      case '=':
        // "txt:" stands in front of the text.
        return this.string(Number(line), 4)
      case '!':
        return new CommandError(String(this.string(Number(line), 0)))
      case '*':
      case '>':
        return line === '-1' ? null : this.elements(Number(line))
      case '%':
        return pairs(this.elements(2 * Number(line)))
      case '~':
        return new Set(this.elements(Number(line)))
      case '_':
        return null
      case '#':
        return line === 't'
      case ',':
        return Number(line.replace('inf', 'Infinity'))
      case '(':
        return BigInt(line)
      default:
        throw new RangeError(`no reply begins with '${type}'`)
    }
  }

  private line(): string {
    const end = this.bytes.indexOf(CR, this.at)
    if (end === -1) throw new RangeError('a reply without its end')
    const line = this.bytes.toString('utf8', this.at, end)
    this.at = end + 2
    return line
  }

  /** `length` bytes without the first `skipped`. */
  private string(length: number, skipped: number): string | Buffer {
    const begin = this.at + skipped
    const end = this.at + length
    this.at = end + 2
    return this.buffers ? this.bytes.subarray(begin, end) : this.bytes.toString('utf8', begin, end)
  }

  private elements(count: number): Reply[] {
    const elements: Reply[] = []
    for (let i = 0; i < count; i++) elements.push(this.value())
    return elements
  }
}

function integer(text: string): number | bigint {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}

function pairs(elements: readonly Reply[]): Map<Reply, Reply> {
  const map = new Map<Reply, Reply>()
  for (let i = 0; i < elements.length; i += 2) map.set(elements[i], elements[i + 1])
  return map
}
