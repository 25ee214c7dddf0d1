/**
 * Removes keys at their deadlines exactly, in the order of these: for a server whose time is moved by hand. The expire
 * cycle (expiry.ts) does as much by sampling, in time that passes by itself.
 *
 * The deadlines up to a horizon are sorted when first asked for, and again when anything else may have changed a key
 * with a deadline or moved its entry since: the counters in `state` tell.
 */
import type { Database } from './database.ts'
import { Entry } from './entry.ts'
import type { Keyspace } from './keyspace.ts'

interface Due {
  readonly deadline: number
  readonly db: Database
  readonly address: number
}

export class DeadlineOrder {
  private readonly keyspace: Keyspace
  /** A number that rises with what clients have done. */
  private readonly activity: () => number
  private readonly entry: Entry
  private horizon: number
  /** From the last to the first, so that the first is popped. */
  private sorted: Due[]
  private state: string

  constructor(keyspace: Keyspace, activity: () => number) {
    this.keyspace = keyspace
    this.activity = activity
    this.entry = new Entry()
    this.horizon = 0
    this.sorted = []
    this.state = ''
  }

  /** Deadlines later than `horizon`, milliseconds since the epoch, are of no interest. */
  look(horizon: number): void {
    this.horizon = horizon
    this.forget()
  }

  /** The data was replaced. */
  forget(): void {
    this.state = ''
  }

  /** The first deadline; Infinity when there is none up to the horizon. */
  next(): number {
    this.refresh()
    return this.sorted.at(-1)?.deadline ?? Number.POSITIVE_INFINITY
  }

  /** Removes every key whose deadline has come. */
  expireDue(): void {
    this.refresh()
    const { sorted, entry } = this
    const { now } = this.keyspace.clock
    for (let due = sorted.at(-1); due !== undefined && due.deadline <= now; due = sorted.at(-1)) {
      sorted.pop()
      due.db.expire(due.db.at(due.address, entry))
    }
    this.state = this.currentState()
  }

  private refresh(): void {
    const state = this.currentState()
    if (state === this.state) return
    this.state = state
    this.sorted = this.keyspace.databases.flatMap((db) => this.dueOf(db))
    this.sorted.sort((a, b) => b.deadline - a.deadline)
  }

  private dueOf(db: Database): Due[] {
    const { keyspace, entry, horizon } = this
    const found: Due[] = []
    for (let position = 0; position < db.deadlines.count; position++) {
      const address = db.deadlines.at(position)
      entry.point(keyspace.arena, address, 0)
      const { deadline } = entry
      if (deadline <= horizon) found.push({ deadline, db, address })
    }
    return found
  }

  private currentState(): string {
    const { databases, stats } = this.keyspace
    const counts = databases.map(({ deadlines }) => deadlines.count)
    return [this.activity(), stats.evictedKeys, stats.expiredKeys, stats.defragHits, ...counts].join()
  }
}
