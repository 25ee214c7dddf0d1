/** ACL LOG: what was refused lately, newest first; repetitions within a minute are counted in one entry. */

/** Where the refused command was to run. */
export type DenialContext = 'toplevel' | 'multi' | 'lua'

/** One refusal, as it happens. */
export interface Refusal {
  readonly reason: 'command' | 'key' | 'channel' | 'auth'
  readonly context: DenialContext
  /** What was refused: the command, the key, the channel; for "auth" the command that tried. latin1. */
  readonly object: string
  readonly username: string
  /** The client's line as CLIENT LIST prints it. */
  readonly clientInfo: string
}

export interface DenialEntry extends Refusal {
  clientInfo: string
  readonly id: number
  count: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  updatedAt: number
}

/** Older repetitions begin a new entry. */
const REPEATED_WITHIN_MILLIS = 60_000
/** Only so many of the newest entries are looked through for a repetition. */
const COMPARED_ENTRIES = 10

export class DenialLog {
  /** Newest first. */
  readonly entries: DenialEntry[]
  private nextId: number

  constructor() {
    this.entries = []
    this.nextId = 0
  }

  /** Notes a refusal at `now` (milliseconds), keeping at most `most` entries. */
  note(refusal: Refusal, now: number, most: number): void {
    const at = this.entries
      .slice(0, COMPARED_ENTRIES)
      .findIndex((entry) => isSame(entry, refusal) && now - entry.updatedAt <= REPEATED_WITHIN_MILLIS)
    if (at === -1) {
      this.entries.unshift({ ...refusal, id: this.nextId++, count: 1, createdAt: now, updatedAt: now })
      this.trim(most)
      return
    }
    const [entry] = this.entries.splice(at, 1)
    entry.count++
    entry.updatedAt = now
    entry.clientInfo = refusal.clientInfo
    this.entries.unshift(entry)
  }

  /** Drops the oldest entries beyond `most`. */
  trim(most: number): void {
    if (this.entries.length > most) this.entries.length = most
  }
}

function isSame(entry: DenialEntry, { reason, context, object, username }: Refusal): boolean {
  return (
    entry.reason === reason &&
    entry.context === context &&
    entry.object === object &&
    entry.username === username
  )
}
