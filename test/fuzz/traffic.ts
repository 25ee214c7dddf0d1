/** Bytes a server should never see: random ones, and valid traffic with mistakes in it. From a seed. */
import type { Random } from '../../src/platform/random.ts'

/** Text that means something to the protocol, to be put where it should not be. */
const SNIPPETS = [
  '\r\n',
  '*',
  '$',
  '*-1\r\n',
  '$-1\r\n',
  '*0\r\n',
  '*2147483647\r\n',
  '$536870912\r\n',
  '"',
  "'",
  '\\x',
  '\0',
]
const NAMES = [
  'SET',
  'GET',
  'APPEND',
  'INCR',
  'DEL',
  'LPUSH',
  'LRANGE',
  'LPOP',
  'BLPOP',
  'LMOVE',
  'SORT',
  'EXPIRE',
  'MSET',
  'SCAN',
  'HELLO',
  'ECHO',
  'TYPE',
  'MULTI',
  'EXEC',
  'WATCH',
  'SUBSCRIBE',
  'PUBLISH',
]
/** Longest argument now and then: over the server's headroom for unfinished requests. */
const LONG_MAX = 200_000

export class Traffic {
  private readonly random: Random

  constructor(random: Random) {
    this.random = random
  }

  /** One write: random bytes, or requests, mutated more often than not. */
  next(): Buffer {
    if (this.below(4) === 0) return this.noise(this.below(2000))
    const requests = Array.from({ length: 1 + this.below(20) }, () => this.request())
    let bytes: Buffer = Buffer.concat(requests)
    for (let edits = this.below(4); edits > 0; edits--) bytes = this.mutate(bytes)
    return bytes
  }

  /** A position to cut `bytes` at. */
  cut(bytes: Buffer): number {
    return this.below(bytes.length + 1)
  }

  below(limit: number): number {
    return this.random.uint32() % limit
  }

  private noise(length: number): Buffer {
    return Buffer.from(Uint8Array.from({ length }, () => this.below(256)))
  }

  private request(): Buffer {
    const words = [this.pick(NAMES)]
    if (this.below(8) > 0) words.push(`key:${this.below(100)}`)
    for (let more = this.below(4); more > 0; more--) words.push(this.word())
    if (this.below(5) === 0) return Buffer.from(`${words.join(' ')}\r\n`)
    return Buffer.from(
      `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`,
    )
  }

  private word(): string {
    if (this.below(200) === 0) return 'x'.repeat(this.below(LONG_MAX))
    return this.below(2) === 0 ? String(this.below(1000)) : 'v'.repeat(this.below(100))
  }

  private mutate(bytes: Buffer): Buffer {
    const at = this.below(bytes.length + 1)
    const before = bytes.subarray(0, at)
    const after = bytes.subarray(at)
    switch (this.below(5)) {
      case 0:
        return Buffer.concat([before, Buffer.from(this.pick(SNIPPETS)), after])
      case 1:
        return Buffer.concat([before, after.subarray(1 + this.below(10))])
      case 2:
        return Buffer.concat([before, this.noise(1 + this.below(5)), after.subarray(1)])
      case 3:
        return Buffer.concat([before, bytes.subarray(0, this.below(50)), after])
      default:
        return before
    }
  }

  private pick(from: readonly string[]): string {
    return from[this.below(from.length)]
  }
}
