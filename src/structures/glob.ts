/**
 * Redis's glob patterns over bytes, as KEYS, SCAN, PSUBSCRIBE, ACL and CONFIG GET use them: `*`, `?`,
 * `[a-c]`, `[^x]` and `\` before a byte that is meant literally. Not for file names.
 */

const STAR = 0x2a
const DASH = 0x2d
const QUESTION = 0x3f
const BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE = 0x5d
const CARET = 0x5e

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte
}

/**
 * The matcher. Only `*` leaves a choice: how much text it takes. It starts with none and, each time what
 * follows fails, takes one byte more. Redis does this for every star by recursion, which is exponential in
 * the number of stars. But once everything between two stars has matched, an earlier star can gain nothing
 * by taking more: the later star could take the difference itself. So it is enough to remember the last star
 * and where its text ends, and the cost is at most pattern length times text length.
 *
 * Everything else takes exactly one byte, and Redis's oddities are kept: a class that does not close ends
 * with the pattern, bounds may be in either order, `[]` matches nothing and `[^]` any byte, a byte escaped in
 * a class keeps its case, a lone `\` at the end stands for itself, and the empty text matches only the empty
 * pattern, not even `*` (KEYS and SCAN take a lone `*` for "all" before they come here).
 */

/** Whether the whole text matches the pattern; both are stretches of bytes. */
export function globMatches(
  pattern: Uint8Array,
  patternOffset: number,
  patternLength: number,
  text: Uint8Array,
  offset: number,
  length: number,
  ignoreCase: boolean,
): boolean {
  if (length === 0) return patternLength === 0
  const patternEnd = patternOffset + patternLength
  const end = offset + length
  let p = patternOffset
  let t = offset
  // After the last star, and where the text it has taken ends; -1 before any star.
  let resume = -1
  let taken = offset
  for (;;) {
    if (p < patternEnd && pattern[p] === STAR) {
      p++
      if (p === patternEnd) return true
      resume = p
      taken = t
      continue
    }
    if (t === end) return onlyStars(pattern, p, patternEnd)
    if (p < patternEnd) {
      const after = elementEnd(pattern, p, patternEnd)
      if (elementMatches(pattern, p, after, patternEnd, text[t], ignoreCase)) {
        p = after
        t++
        continue
      }
    }
    if (resume < 0) return false
    taken++
    p = resume
    t = taken
  }
}

function onlyStars(pattern: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if (pattern[at] !== STAR) return false
  return true
}

/** Where the element at `at`, which is not a star, ends. */
function elementEnd(pattern: Uint8Array, at: number, end: number): number {
  const byte = pattern[at]
  if (byte === BACKSLASH && at + 1 < end) return at + 2
  if (byte !== BRACKET) return at + 1
  let inside = at + 1
  if (inside < end && pattern[inside] === CARET) inside++
  while (inside < end) {
    if (pattern[inside] === BACKSLASH && inside + 1 < end) inside += 2
    else if (pattern[inside] === CLOSE) return inside + 1
    else if (inside + 2 < end && pattern[inside + 1] === DASH) inside += 3
    else inside++
  }
  return end
}

function elementMatches(
  pattern: Uint8Array,
  at: number,
  after: number,
  end: number,
  byte: number,
  ignoreCase: boolean,
): boolean {
  const first = pattern[at]
  if (first === QUESTION) return true
  if (first === BRACKET) return classMatches(pattern, at + 1, after, end, byte, ignoreCase)
  const literal = first === BACKSLASH ? pattern[after - 1] : first
  return literal === byte || (ignoreCase && lower(literal) === lower(byte))
}

/** Whether `byte` is in the class whose inside starts at `from`; `after` is past its closing bracket, if any. */
function classMatches(
  pattern: Uint8Array,
  from: number,
  after: number,
  end: number,
  byte: number,
  ignoreCase: boolean,
): boolean {
  let at = from
  const negated = at < after && pattern[at] === CARET
  if (negated) at++
  let found = false
  while (at < after) {
    const low = pattern[at]
    if (low === BACKSLASH && at + 1 < end) {
      if (pattern[at + 1] === byte) found = true
      at += 2
    } else if (low === CLOSE) {
      break
    } else if (at + 2 < end && pattern[at + 1] === DASH) {
      if (inRange(low, pattern[at + 2], byte, ignoreCase)) found = true
      at += 3
    } else {
      if (low === byte || (ignoreCase && lower(low) === lower(byte))) found = true
      at++
    }
  }
  return found !== negated
}

/** Whether `byte` lies between two bytes in either order. Redis compares signed chars: 0x80 to 0xff come first. */
function inRange(one: number, other: number, byte: number, ignoreCase: boolean): boolean {
  const swap = signed(one) > signed(other)
  const low = swap ? other : one
  const high = swap ? one : other
  if (!ignoreCase) return signed(byte) >= signed(low) && signed(byte) <= signed(high)
  return signed(lower(byte)) >= signed(lower(low)) && signed(lower(byte)) <= signed(lower(high))
}

function signed(byte: number): number {
  return (byte << 24) >> 24
}
