/**
 * Whom the messages to a channel reach by patterns, kept for channels that come again: where a thousand patterns match,
 * trying them all costs more than writing what they are sent (bench/pubsub.ts).
 */
import type { Client } from './client.ts'
import type { Pattern } from './pattern-index.ts'
import { SHARED_FROM } from './pushes.ts'

/** Channels kept; where two fall on the same place the later one stays. */
const PLACES = 256
/** Bytes at the end of a name that tell its place. */
const TELLING = 32
/** The longest name kept, and the most patterns, those of all channels added up: 2 MiB at most. */
const LONGEST_NAME = 256
const MOST_PATTERNS = 128 * 1024

/** The patterns that match a channel. */
export class Routes {
  /** Each client's, in no order that anybody is promised. */
  readonly ofClient: Map<Client, Pattern[]>
  /** Those of many clients, which are in none's: what they are sent is shared. */
  readonly crowded: Pattern[]
  /** How many there are in both. */
  size: number

  constructor() {
    this.ofClient = new Map()
    this.crowded = []
    this.size = 0
  }

  add(pattern: Pattern): void {
    const { subscribers } = pattern
    if (subscribers.size >= SHARED_FROM) {
      this.crowded.push(pattern)
      this.size++
      return
    }
    this.size += subscribers.size
    for (const client of subscribers) {
      const patterns = this.ofClient.get(client)
      if (patterns === undefined) this.ofClient.set(client, [pattern])
      else patterns.push(pattern)
    }
  }
}

export class PatternRoutes {
  private readonly channels: string[]
  /** By the place of the channel; null for one that came once: only what comes again is worth keeping. */
  private readonly kept: (Routes | null)[]
  private keptPatterns: number
  private blank: boolean
  private readonly search: (channel: string, routes: Routes) => void

  /** `search` adds the patterns that match a channel. */
  constructor(search: (channel: string, routes: Routes) => void) {
    this.channels = Array.from({ length: PLACES }, () => '')
    this.kept = Array.from({ length: PLACES }, () => null)
    this.keptPatterns = 0
    this.blank = true
    this.search = search
  }

  /** Call when a pattern's subscribers have changed. */
  forget(): void {
    if (this.blank) return
    this.channels.fill('')
    this.kept.fill(null)
    this.keptPatterns = 0
    this.blank = true
  }

  /** The routes of a channel; null for one that has not come just before. */
  find(channel: string): Routes | null {
    const place = placeOf(channel)
    if (this.channels[place] === channel) return this.kept[place] ?? this.fill(place, channel)
    if (channel.length > LONGEST_NAME) return null
    this.keptPatterns -= this.kept[place]?.size ?? 0
    this.channels[place] = channel
    this.kept[place] = null
    this.blank = false
    return null
  }

  private fill(place: number, channel: string): Routes {
    const routes = new Routes()
    this.search(channel, routes)
    if (this.keptPatterns + routes.size > MOST_PATTERNS) this.forget()
    if (routes.size > MOST_PATTERNS) return routes
    this.channels[place] = channel
    this.kept[place] = routes
    this.keptPatterns += routes.size
    this.blank = false
    return routes
  }
}

function placeOf(channel: string): number {
  const { length } = channel
  let hash = length
  for (let i = Math.max(0, length - TELLING); i < length; i++) {
    hash = (Math.imul(hash, 31) + channel.charCodeAt(i)) | 0
  }
  return (hash ^ (hash >>> 8)) & (PLACES - 1)
}
