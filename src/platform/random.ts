/**
 * Chance: a fast generator for sampling, eviction and probabilistic counters (repeatable from a seed), and
 * secure bytes for ids and passwords. The two are never mixed up: only randomBytes() is fit for secrets.
 */
import { randomBytes as secureBytes } from 'node:crypto'

export interface Random {
  /** 0 to 2^32 - 1. */
  uint32(): number
  /** 0 to `limit` - 1 without bias; `limit` is an integer from 1 to 2^53 - 1. */
  below(limit: number): number
  /** 0 up to but not including 1, with 32 bits of chance. */
  fraction(): number
}

const TWO_32 = 2 ** 32

/**
 * Chris Doty-Humphrey's sfc32: three words of state and a counter, passes PractRand, period at least 2^32
 * from any seed. All state stays in 32-bit integers, so that it compiles to plain integer code.
 */
export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #counter: number

  /** Each word of the seed takes part in full; the same words give the same sequence on every machine. */
  constructor(seed: number, seed2: number = 0, seed3: number = 0) {
    this.#a = seed | 0
    this.#b = seed2 | 0
    this.#c = seed3 | 0
    this.#counter = 1
    // The first outputs of similar seeds resemble each other.
    for (let round = 0; round < 15; round++) this.uint32()
  }

  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0
    return result >>> 0
  }

  below(limit: number): number {
    if (limit > TWO_32) return this.#belowLarge(limit)
    // The lowest values of an incomplete last round would come up more often: draw again.
    const unfair = TWO_32 % limit
    let value = this.uint32()
    while (value >= TWO_32 - unfair) value = this.uint32()
    return value % limit
  }

  #belowLarge(limit: number): number {
    const range = 2 ** 53
    const unfair = range % limit
    let value = range
    while (value >= range - unfair) value = (this.uint32() & 0x1fffff) * TWO_32 + this.uint32()
    return value % limit
  }

  fraction(): number {
    return this.uint32() / TWO_32
  }
}

/** A generator nobody can predict without seeing its output; not for secrets all the same. */
export function systemRandom(): Random {
  const seed = secureBytes(12)
  return new SeededRandom(seed.readInt32LE(0), seed.readInt32LE(4), seed.readInt32LE(8))
}

/** `count` bytes fit for secrets, in a Buffer of their own. */
export function randomBytes(count: number): Buffer {
  return secureBytes(count)
}
