/**
 * Bytes as latin1 text, for names that come again and again: channels, and keys that clients wait for. To make
 * a string takes a call out of JavaScript, and a hash of it before a Map finds it; one that is at hand takes neither
 * (a fifth of PUBLISH to one subscriber: bench/micro/pipeline.ts).
 */
import type { Block } from './block.ts'

/** Names kept; where two fall on the same place the later one stays. */
const PLACES = 1024
/** Bytes of the longest name kept. */
const LONGEST = 32

const texts: string[] = Array.from({ length: PLACES }, () => '')
/** The bytes of each, to compare with: LONGEST for every place. */
const kept = new Uint8Array(PLACES * LONGEST)

/** A quick hash of a short name, 32 bits: a collision costs a look and no more, and nothing is secret in it. */
function nameHash(block: Block, offset: number, length: number): number {
  const { bytes } = block
  let hash = length
  for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + bytes[offset + i]) | 0
  return hash
}

/** The text of `length` bytes at `offset`, a character for each. */
export function internedText(block: Block, offset: number, length: number): string {
  const { bytes } = block
  if (length > LONGEST) return bytes.toString('latin1', offset, offset + length)
  const hash = nameHash(block, offset, length)
  const place = (hash ^ (hash >>> 10)) & (PLACES - 1)
  const start = place * LONGEST
  const text = texts[place]
  if (text.length === length) {
    let same = 0
    while (same < length && kept[start + same] === bytes[offset + same]) same++
    if (same === length) return text
  }
  for (let i = 0; i < length; i++) kept[start + i] = bytes[offset + i]
  const made = bytes.toString('latin1', offset, offset + length)
  texts[place] = made
  return made
}
