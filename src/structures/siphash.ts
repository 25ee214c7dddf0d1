/**
 * HalfSipHash-1-3: the keyed hash of every key, field and member, to an int32. It is for hash tables, not
 * for signatures: 32 bits are guessable, but without the key nobody can choose colliding keys.
 */
import type { Block } from './block.ts'

/*
 * Why this member of the family. SipHash proper works on 64-bit words, which JavaScript only has as
 * BigInt; HalfSipHash is the same construction on 32-bit words, with
 * a 64-bit secret and 32 bits out, and the index stores exactly 32. One round per word and three at the
 * end is the variant its authors offer for hash tables and the one Linux uses for its own; 2-4 took 1.3 to 2 times
 * as long (bench/micro/siphash) and protects against forgery, which is not the threat:
 * an attacker sees no hash values here. Redis made the same choice with SipHash-1-2.
 */

/** The int32 hash of `length` bytes at `offset` under the secret `k0`, `k1` (any two int32). */
export function sipHash(block: Block, offset: number, length: number, k0: number, k1: number): number {
  const { view } = block
  let v0 = k0 | 0
  let v1 = k1 | 0
  let v2 = k0 ^ 0x6c796765
  let v3 = k1 ^ 0x74656462
  const end = offset + length
  const words = offset + (length & ~3)
  let at = offset
  // The word after the last whole one holds the remaining bytes and, on top, the length; then three
  // rounds finish. The rounds are written out: as a function over four variables they would need an array.
  for (; at < words; at += 4) {
    const word = view.getInt32(at, true)
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  let last = length << 24
  if (at < end) last |= view.getUint8(at)
  if (at + 1 < end) last |= view.getUint8(at + 1) << 8
  if (at + 2 < end) last |= view.getUint8(at + 2) << 16
  v3 ^= last
  for (let round = 0; round < 4; round++) {
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    if (round === 0) {
      v0 ^= last
      v2 ^= 0xff
    }
  }
  return v1 ^ v3
}
