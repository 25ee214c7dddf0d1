/**
 * How well a key can be spared, as a number, under the policy that is set: the idle time for LRU, 255 less the decayed
 * counter for LFU, the nearness of the deadline for volatile-ttl. Which keys are looked at is eviction.ts's.
 */
import type { Settings } from '../config/settings.ts'
import type { AddressList } from '../structures/address-list.ts'
import { idleSeconds, lfuCounter } from './access-clock.ts'
import { accessAt, Entry } from './entry.ts'
import type { Keyspace } from './keyspace.ts'

/** What a policy goes by; numbers, because comparing texts for each key would cost as much as the rest. */
export const BY_NOTHING = 0
export const BY_CHANCE = 1
export const BY_IDLE_TIME = 2
export const BY_FREQUENCY = 3
export const BY_DEADLINE = 4

const RULES: Readonly<Record<string, number>> = {
  noeviction: BY_NOTHING,
  random: BY_CHANCE,
  lru: BY_IDLE_TIME,
  lfu: BY_FREQUENCY,
  ttl: BY_DEADLINE,
}

export class EvictionScore {
  /** What the policy goes by: BY_NOTHING … BY_DEADLINE. */
  rule: number
  /** Only keys with a deadline may go. */
  volatileOnly: boolean
  private readonly keyspace: Keyspace
  private readonly settings: Settings
  private readonly entry: Entry

  constructor(keyspace: Keyspace) {
    this.rule = BY_NOTHING
    this.volatileOnly = false
    this.keyspace = keyspace
    this.settings = keyspace.settings
    this.entry = new Entry()
  }

  /** Takes over maxmemory-policy from the settings. */
  configure(): void {
    const policy = this.settings.maxmemoryPolicy
    this.rule = RULES[policy.slice(policy.indexOf('-') + 1)]
    this.volatileOnly = policy.startsWith('volatile-')
  }

  /** The score of one key now; below any other where the policy does not concern it (any more). */
  of(entry: Entry): number {
    if (this.volatileOnly && !entry.hasDeadline) return Number.NEGATIVE_INFINITY
    return this.rule === BY_DEADLINE ? -entry.deadline : this.ofAccess(entry.access)
  }

  /** Writes the scores of all keys in `found` to `scores`, which has room for them. */
  ofAll(found: AddressList, scores: Float64Array): void {
    const { arena } = this.keyspace
    const { items, length } = found
    if (this.rule === BY_DEADLINE) {
      for (let i = 0; i < length; i++) {
        this.entry.point(arena, items[i], 0)
        scores[i] = -this.entry.deadline
      }
      return
    }
    // A short loop of its own, so that these reads miss the caches together.
    for (let i = 0; i < length; i++) scores[i] = accessAt(arena, items[i])
    for (let i = 0; i < length; i++) scores[i] = this.ofAccess(scores[i])
  }

  private ofAccess(access: number): number {
    const { now } = this.keyspace.clock
    if (this.rule === BY_FREQUENCY) return 255 - lfuCounter(access, now, this.settings.lfuDecayTime)
    return idleSeconds(access, this.keyspace.lruClock(now))
  }
}
