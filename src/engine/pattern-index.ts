/**
 * The patterns that somebody subscribes to, so that publishing to a channel looks at few of those that cannot
 * match it. What the subscribers are sent is pubsub.ts's.
 *
 * Redis tries every pattern with every message. But a pattern matches only what begins with its literal part,
 * the bytes in front of the first `*`, `?`, `[` or `\`; in "user:123:*" that is nearly all of it. Patterns lie
 * in buckets by their literal part, and a channel looks only into the buckets of its own beginnings: as many
 * lookups as there are literal parts of different lengths, of which PREFIX_MAX bytes count at most, so that
 * nobody can make that many. Patterns with the same literal part are tried one by one, as in Redis.
 */
import { Block } from '../structures/block.ts'
import { globMatches } from '../structures/glob.ts'
import type { Client } from './client.ts'

/** Bytes of the literal part that tell buckets apart. */
const PREFIX_MAX = 32

export class Pattern {
  /** Latin1. */
  readonly name: string
  /** How each message begins that it matches, in RESP2; the pattern itself lies in it from `start` on. */
  readonly head: Block
  private readonly start: number
  readonly subscribers: ReadonlySet<Client>

  constructor(name: string, subscribers: ReadonlySet<Client>) {
    const before = `*4\r\n$8\r\npmessage\r\n$${name.length}\r\n`
    this.name = name
    this.head = new Block(Buffer.from(`${before}${name}\r\n`, 'latin1'))
    this.start = before.length
    this.subscribers = subscribers
  }

  /** Whether it matches the channel of `length` bytes at `offset`. */
  matches(block: Block, offset: number, length: number): boolean {
    return globMatches(this.head.bytes, this.start, this.name.length, block.bytes, offset, length, false)
  }
}

export class PatternIndex {
  /** Literal part → the patterns with it, by name. Maps bear removal while they are gone through. */
  private readonly buckets: Map<string, Map<string, Pattern>>
  /** How many buckets there are of each length of literal part. */
  private readonly bucketsOfLength: number[]

  constructor() {
    this.buckets = new Map()
    this.bucketsOfLength = Array.from({ length: PREFIX_MAX + 1 }, () => 0)
  }

  /** Adds a pattern that is not there. The set goes on being the caller's to change. */
  add(name: string, subscribers: ReadonlySet<Client>): void {
    const prefix = literalPart(name)
    let bucket = this.buckets.get(prefix)
    if (bucket === undefined) {
      bucket = new Map()
      this.buckets.set(prefix, bucket)
      this.bucketsOfLength[prefix.length]++
    }
    bucket.set(name, new Pattern(name, subscribers))
  }

  remove(name: string): void {
    const prefix = literalPart(name)
    const bucket = this.buckets.get(prefix)
    bucket?.delete(name)
    if (bucket?.size !== 0) return
    this.buckets.delete(prefix)
    this.bucketsOfLength[prefix.length]--
  }

  /** Calls `found` with each pattern that may match the channel, longer literal parts last. */
  eachCandidate(channel: string, found: (pattern: Pattern) => void): void {
    if (this.buckets.size === 0) return
    const longest = Math.min(PREFIX_MAX, channel.length)
    for (let length = 0; length <= longest; length++) {
      if (this.bucketsOfLength[length] === 0) continue
      const bucket = this.buckets.get(channel.slice(0, length))
      if (bucket !== undefined) for (const pattern of bucket.values()) found(pattern)
    }
  }
}

/** What everything that the pattern matches begins with, PREFIX_MAX bytes of it at most. */
function literalPart(pattern: string): string {
  const special = pattern.search(/[*?[\\]/)
  return pattern.slice(0, special === -1 ? PREFIX_MAX : Math.min(special, PREFIX_MAX))
}
