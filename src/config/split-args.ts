/**
 * Redis's quoting rules, for redis.conf, inline commands and the AOF manifest: a line to arguments, and an argument to
 * its quoted form. Binary-safe.
 */

const TAB = 0x09
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const DOUBLE_QUOTE = 0x22
const SINGLE_QUOTE = 0x27
const BACKSLASH = 0x5c
const LOWER_X = 0x78

/** What follows a backslash inside double quotes and stands for another byte. */
const ESCAPES: Readonly<Record<number, number>> = {
  0x6e: 0x0a,
  0x72: 0x0d,
  0x74: 0x09,
  0x62: 0x08,
  0x61: 0x07,
}

const isSpace = (byte: number): boolean => byte === SPACE || (byte >= TAB && byte <= CARRIAGE_RETURN)

/** What ends an unquoted argument: fewer bytes than separate arguments (not vertical tab and form feed). */
const endsWord = (byte: number): boolean =>
  byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1
}

/** Where one argument was read to, and its bytes so far. */
interface Cursor {
  at: number
  readonly end: number
  readonly line: Uint8Array
  readonly bytes: number[]
}

/** Reads past a closing quote at the cursor; false where something other than space or the end follows. */
function closes(cursor: Cursor): boolean {
  cursor.at++
  return cursor.at === cursor.end || isSpace(cursor.line[cursor.at])
}

/** Reads from after an opening double quote to after the closing one; false when it does not close well. */
function readDoubleQuoted(cursor: Cursor): boolean {
  const { line, end, bytes } = cursor
  while (cursor.at < end) {
    const byte = line[cursor.at]
    if (byte === DOUBLE_QUOTE) return closes(cursor)
    cursor.at++
    if (byte !== BACKSLASH || cursor.at === end) {
      bytes.push(byte)
      continue
    }
    const escaped = line[cursor.at]
    if (escaped === LOWER_X && cursor.at + 2 < end) {
      const high = hexDigit(line[cursor.at + 1])
      const low = hexDigit(line[cursor.at + 2])
      if (high >= 0 && low >= 0) {
        bytes.push(high * 16 + low)
        cursor.at += 3
        continue
      }
    }
    bytes.push(ESCAPES[escaped] ?? escaped)
    cursor.at++
  }
  return false
}

/** The same for single quotes, where a backslash means something only before a single quote. */
function readSingleQuoted(cursor: Cursor): boolean {
  const { line, end, bytes } = cursor
  while (cursor.at < end) {
    const byte = line[cursor.at]
    if (byte === SINGLE_QUOTE) return closes(cursor)
    if (byte === BACKSLASH && line[cursor.at + 1] === SINGLE_QUOTE && cursor.at + 1 < end) cursor.at++
    bytes.push(line[cursor.at])
    cursor.at++
  }
  return false
}

/**
 * The arguments of `line`, each in a Buffer of its own; null when a quote does not close or when something
 * other than space follows a closing quote. As in Redis's sdssplitargs, a zero byte ends the line.
 */
export function splitArguments(line: Uint8Array): Buffer[] | null {
  const zero = line.indexOf(0)
  const end = zero < 0 ? line.length : zero
  const words: Buffer[] = []
  let at = 0
  for (;;) {
    while (at < end && isSpace(line[at])) at++
    if (at === end) return words
    const cursor: Cursor = { at, end, line, bytes: [] }
    if (!readWord(cursor)) return null
    words.push(Buffer.from(cursor.bytes))
    at = cursor.at
  }
}

/** Reads one argument, quoted, unquoted or begun unquoted; false when its quotes are unbalanced. */
function readWord(cursor: Cursor): boolean {
  while (cursor.at < cursor.end) {
    const byte = cursor.line[cursor.at]
    if (endsWord(byte)) return true
    cursor.at++
    if (byte === DOUBLE_QUOTE) return readDoubleQuoted(cursor)
    if (byte === SINGLE_QUOTE) return readSingleQuoted(cursor)
    cursor.bytes.push(byte)
  }
  return true
}

/** The same the other way round. */
const QUOTED: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x07': '\\a',
  '\b': '\\b',
}

/** Bytes, given as latin1, in double quotes, with an escape for what does not print. */
export function quoted(bytes: string): string {
  const text = bytes.replaceAll(
    /[^ !#-[\]-~]/g,
    (byte) => QUOTED[byte] ?? `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  return `"${text}"`
}
