/** The elements that SORT works on, what each is compared by, and the order they end up in. */
import type { Database } from '../keyspace/database.ts'
import { SCORES_NOT_DOUBLES } from '../protocol/error-replies.ts'
import { type Block, compareBytes, EMPTY_BLOCK } from '../structures/block.ts'
import { parseDouble } from '../structures/doubles.ts'
import type { ListView } from '../values/list-value.ts'
import type { SortPattern } from './sort-pattern.ts'

/** Stretches of bytes in the arena, by number. They are not copied: nothing may move while they are used. */
class Stretches {
  readonly blocks: Block[]
  readonly offsets: Int32Array
  /** -1 where there is none. */
  readonly lengths: Int32Array

  constructor(count: number) {
    this.blocks = Array.from({ length: count }, () => EMPTY_BLOCK)
    this.offsets = new Int32Array(count)
    this.lengths = new Int32Array(count).fill(-1)
  }

  set(at: number, block: Block, offset: number, length: number): void {
    this.blocks[at] = block
    this.offsets[at] = offset
    this.lengths[at] = length
  }

  /** What is absent comes first, then bytes in memcmp's order. */
  compare(a: number, b: number): number {
    const { blocks, offsets, lengths } = this
    if (lengths[a] < 0 || lengths[b] < 0) return Math.sign(lengths[a] + 1) - Math.sign(lengths[b] + 1)
    return compareBytes(blocks[a], offsets[a], lengths[a], blocks[b], offsets[b], lengths[b])
  }
}

export class SortVector {
  readonly count: number
  readonly elements: Stretches
  /** The elements' numbers in the order asked for. */
  readonly order: Uint32Array

  /** Takes `count` elements of `list` from `start` on, backwards with `backward`. */
  constructor(list: ListView | null, start: number, count: number, backward: boolean) {
    this.count = count
    this.elements = new Stretches(count)
    this.order = Uint32Array.from({ length: count }, (_, i) => i)
    if (list === null || count === 0) return
    list.seek(start)
    for (let i = 0; i < count; i++) {
      this.elements.set(i, list.elementBlock, list.elementOffset, list.elementLength)
      if (backward) list.retreat()
      else list.advance()
    }
  }

  /**
   * Sorts by number: the elements' own, or of the strings that `by` leads to, 0 where there is none. Equal
   * numbers are ordered by the elements' bytes. Throws SCORES_NOT_DOUBLES.
   */
  sortByNumber(db: Database, by: SortPattern | null, descending: boolean): void {
    const { elements, count } = this
    const { blocks, offsets, lengths } = elements
    const scores = new Float64Array(count)
    let failed = false
    for (let i = 0; i < count; i++) {
      let score = 0
      if (by === null) score = scoreOf(blocks[i], offsets[i], lengths[i])
      else {
        const entry = by.lookup(db, blocks[i], offsets[i], lengths[i])
        if (entry !== null) score = scoreOf(entry.block, entry.valueOffset, entry.valueLength)
      }
      scores[i] = score
      failed ||= Number.isNaN(score)
    }
    if (failed) throw SCORES_NOT_DOUBLES
    const sign = descending ? -1 : 1
    this.order.sort((a, b) => {
      if (scores[a] > scores[b]) return sign
      if (scores[a] < scores[b]) return -sign
      return sign * elements.compare(a, b)
    })
  }

  /** Sorts by bytes: the elements' own, or of the strings that `by` leads to, those without one first. */
  sortByText(db: Database, by: SortPattern | null, descending: boolean): void {
    const { elements, count } = this
    const { blocks, offsets, lengths } = elements
    let texts = elements
    if (by !== null) {
      texts = new Stretches(count)
      for (let i = 0; i < count; i++) {
        const entry = by.lookup(db, blocks[i], offsets[i], lengths[i])
        if (entry !== null) texts.set(i, entry.block, entry.valueOffset, entry.valueLength)
      }
    }
    const sign = descending ? -1 : 1
    this.order.sort((a, b) => sign * texts.compare(a, b))
  }
}

const ZERO_TO_NINE = { first: 0x30, last: 0x39 }

/** What strtod makes of the text, for the whole of which it must be a number; NaN when it is not. */
function scoreOf(block: Block, offset: number, length: number): number {
  const first = length === 0 ? 0 : block.bytes[offset]
  if (first >= ZERO_TO_NINE.first && first <= ZERO_TO_NINE.last) {
    const score = parseDouble(block, offset, length)
    if (!Number.isNaN(score)) return score
  }
  // Like any C string it ends at a NUL; blanks may stand in front; nothing at all is 0.
  let end = offset
  while (end < offset + length && block.bytes[end] !== 0) end++
  if (end === offset) return 0
  let at = offset
  while (at < end && isSpace(block.bytes[at])) at++
  return parseDouble(block, at, end - at)
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}
