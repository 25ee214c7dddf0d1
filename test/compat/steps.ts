/**
 * The vocabulary of compat scripts: what one step sends, on which connection, and how its replies are
 * compared. A script is data; compare.ts runs it.
 *
 *   'SET k "a\x00b"'                         one command, quoted as for redis-cli, on connection 'main'
 *   ['SET', 'k', Buffer.alloc(1e6)]          the same from arguments (strings are latin1)
 *   on('other', 'GET k')                     on a connection of that name, opened when first named
 *   raw('*1\r\n$4\r\nPING\r\n')              bytes as they are, and the one reply they lead to
 *   raw('*1\r\n$-1\r\n', 0), send('…')       … or none; to be read later with read('main')
 *   drain('sub')                             all that has come on a connection, up to the answer to a PING
 *   arranged(drain('sub'), sort, 'hash order')   a step whose frames come in any order
 *   closed()                                 the server must have closed the connection
 *   varies('TIME', 'the time')               only the shape of the reply is compared (every digit and text may differ)
 *   masked('DEBUG OBJECT k', /at:\S+/, 'an address')   what matches is left out of the comparison
 *   remaining('TTL k')                       a time until a fixed moment, of which one server is asked a little later
 *   unordered('KEYS *', 'hash order')        an array (set, map) whose elements come in any order
 *   differs('differences.ts entry', 'OBJECT ENCODING k', '$8\r\nlistpack\r\n')   ours must be this
 */
import { differences } from './differences.ts'
import { type Argument, encodeCommand, frameEnd, printable } from './raw-client.ts'

export interface Step {
  readonly kind: 'send' | 'closed' | 'wait' | 'drain'
  readonly connection: string
  /** What a report calls it. */
  readonly title: string
  readonly bytes: Buffer
  /** Frames to read after sending (of any kind, pushes included). */
  readonly frames: number
  /** Applied to each frame of both servers before they are compared. */
  readonly normalize: ((frame: Buffer) => Buffer) | null
  /** Why the replies may differ as they do; '' for the normal case, in which they may not. */
  readonly reason: string
  /** Where 7.2 is known to differ from the oracle: the frame that ours must be. */
  readonly ours: Buffer | null
  readonly waitMs: number
  /** Puts the frames of both servers in an order before they are compared. */
  readonly arrange?: ((frames: Buffer[]) => Buffer[]) | undefined
}

export type Command = string | readonly Argument[]
export type StepLike = Command | Step

const EMPTY = Buffer.alloc(0)
/** What drain() pings with, to know the answer by. */
export const DRAINED = '(drained)'

export function toStep(like: StepLike): Step {
  if (typeof like !== 'string' && 'kind' in like) return like
  const args = typeof like === 'string' ? splitArguments(like) : like
  const bytes = encodeCommand(args)
  const title =
    typeof like === 'string'
      ? like
      : args.map((a) => printable(Buffer.isBuffer(a) ? a : Buffer.from(a, 'latin1'), 80)).join(' ')
  return {
    kind: 'send',
    connection: 'main',
    title,
    bytes,
    frames: 1,
    normalize: null,
    reason: '',
    ours: null,
    waitMs: 0,
  }
}

/** The step on another connection. */
export function on(connection: string, like: StepLike): Step {
  return { ...toStep(like), connection }
}

/** Bytes as they are, and the number of frames that they lead to. */
export function raw(bytes: Argument, frames = 1): Step {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
  return { ...toStep(''), title: `raw ${printable(buffer, 120)}`, bytes: buffer, frames }
}

/** Sends without reading: for CLIENT REPLY OFF, blocking commands, and whatever read() collects later. */
export function send(like: StepLike): Step {
  return { ...toStep(like), frames: 0 }
}

/** A command that is answered by several frames (SUBSCRIBE a b, or a push besides the reply). */
export function frames(count: number, like: StepLike): Step {
  return { ...toStep(like), frames: count }
}

/** Reads frames that are due on a connection. */
export function read(connection = 'main', count = 1): Step {
  return { ...toStep(''), connection, title: `(read ${count} on ${connection})`, bytes: EMPTY, frames: count }
}

/**
 * Whatever has been sent on a connection since it was read last: PINGs, and reads up to the answer. Messages of
 * another client's making have been sent when that client has its reply.
 */
export function drain(connection = 'main'): Step {
  const ping = { ...toStep(['PING', DRAINED]), title: `(drain ${connection})` }
  return { ...ping, connection, kind: 'drain', frames: 0 }
}

/** The step, its frames compared as `arrange` orders them. */
export function arranged(like: StepLike, arrange: (frames: Buffer[]) => Buffer[], reason: string): Step {
  return { ...toStep(like), arrange, reason }
}

/** The server closes the connection; what it sent before and was not read is compared too. */
export function closed(connection = 'main'): Step {
  return { ...read(connection, 0), kind: 'closed', title: `(${connection} closes)` }
}

/** Lets time pass on both. */
export function wait(ms: number): Step {
  return { ...read('main', 0), kind: 'wait', title: `(wait ${ms} ms)`, waitMs: ms }
}

/** Only the frame's shape is compared: its types and counts, not its texts and numbers. */
export function varies(like: StepLike, reason: string): Step {
  return { ...toStep(like), normalize: shapeOf, reason }
}

/** What matches `pattern` in the reply (as latin1) is left out, and the lengths of bulk strings with it. */
export function masked(like: StepLike, pattern: RegExp, reason: string): Step {
  const all = new RegExp(pattern.source, `${pattern.flags.replace('g', '')}g`)
  const normalize = (frame: Buffer): Buffer =>
    Buffer.from(
      frame
        .toString('latin1')
        .replace(/^([$=])\d+(?=\r\n)/gm, '$1N')
        .replace(all, ''),
      'latin1',
    )
  return { ...toStep(like), normalize, reason }
}

/** The time left is compared to the nearest thousand: a second may begin between the answers of the two servers. */
export function remaining(like: StepLike): Step {
  return { ...toStep(like), normalize: inThousands, reason: 'one server is asked a little later' }
}

function inThousands(frame: Buffer): Buffer {
  const left = /^:(\d+)\r\n$/.exec(frame.toString('latin1'))?.[1]
  return left === undefined ? frame : Buffer.from(`:${Math.round(Number(left) / 1000)}k\r\n`)
}

/** The reply's elements (a map's pairs) are sorted before they are compared. */
export function unordered(like: StepLike, reason: string): Step {
  return { ...toStep(like), normalize: (frame) => sortElements(frame, 1), reason }
}

/** As unordered, for arrays that list name, value, name, value … */
export function unorderedPairs(like: StepLike, reason: string): Step {
  return { ...toStep(like), normalize: (frame) => sortElements(frame, 2), reason }
}

/** SCAN's reply [cursor, keys]: the keys are sorted; a script has to use a COUNT that takes them all. */
export function scanned(like: StepLike): Step {
  return { ...toStep(like), normalize: sortScanned, reason: 'SCAN gives keys in hash order' }
}

function sortScanned(frame: Buffer): Buffer {
  const elements = elementsOf(frame)
  if (elements.length !== 2) return frame
  return Buffer.concat([elements[0], sortElements(elements[1], 1)])
}

/** A difference between the oracle and the version we follow, by its name in differences.ts. */
export function differs(difference: keyof typeof differences, like: StepLike, answer: string): Step {
  const ours = process.env.RESPITE_TARGET === 'oracle' ? null : Buffer.from(answer, 'latin1')
  return { ...toStep(like), reason: differences[difference], ours }
}

/** A command line split by redis-cli's rules: blanks, "…" with \n \r \t \b \a \xHH escapes, '…' with \'. */
export function splitArguments(line: string): string[] {
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }
  const words = line.match(/"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'|\S+/g) ?? []
  return words.map((word) => {
    if (word.startsWith("'") && word.length > 1) return word.slice(1, -1).replaceAll("\\'", "'")
    if (!word.startsWith('"') || word.length === 1) return word
    return word
      .slice(1, -1)
      .replaceAll(/\\(?:x([0-9a-fA-F]{2})|([^]))/g, (_, hex: string | undefined, char: string) =>
        hex === undefined ? (escapes[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
      )
  })
}

/** The frames inside an aggregate frame; none for any other. */
export function elementsOf(frame: Buffer): Buffer[] {
  if (!'*~%>'.includes(String.fromCharCode(frame[0]))) return []
  const elements: Buffer[] = []
  let at = frame.indexOf('\r\n') + 2
  while (at < frame.length) {
    const end = frameEnd(frame, at)
    elements.push(frame.subarray(at, end))
    at = end
  }
  return elements
}

/** Sorts an aggregate's elements by bytes, in groups of `size` (a map's in pairs). */
export function sortElements(frame: Buffer, size: number): Buffer {
  const elements = elementsOf(frame)
  if (elements.length === 0) return frame
  const group = frame[0] === 0x25 ? 2 : size
  const groups: Buffer[] = []
  for (let i = 0; i < elements.length; i += group) groups.push(Buffer.concat(elements.slice(i, i + group)))
  groups.sort((a, b) => a.compare(b))
  return Buffer.concat([frame.subarray(0, frame.indexOf('\r\n') + 2), ...groups])
}

/** The frame without its texts and numbers: "*2 [$ $]". Errors keep their code. */
export function shapeOf(frame: Buffer): Buffer {
  const type = String.fromCharCode(frame[0])
  if (type === '-') return Buffer.from(frame.toString('latin1').split(' ', 1)[0])
  if (type === '$' && frame[1] === 0x2d) return frame
  const elements = elementsOf(frame)
  if (elements.length === 0) return Buffer.from(type)
  return Buffer.from(`${type}${elements.length} [${elements.map((e) => shapeOf(e)).join(' ')}]`)
}
