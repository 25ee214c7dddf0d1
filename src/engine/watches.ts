/**
 * WATCH: which clients' transactions a change to a key aborts.
 *
 * A key that had expired when it was watched is a special case of Redis's: it counts as absent, so its removal
 * is no change; and a watched key whose deadline passes unnoticed counts as changed when EXEC asks.
 */
import type { Database } from '../keyspace/database.ts'
import { blockOf } from '../structures/block.ts'
import type { Client } from './client.ts'
import type { ChangeFollower, KeyChanges } from './key-changes.ts'

interface WatchedKey {
  readonly client: Client
  readonly db: Database
  /** The key's bytes as latin1. */
  readonly key: string
  /** It was there and past its deadline when watched, and has not been removed since. */
  expired: boolean
}

/** One client's watched keys and whether one has changed. */
export class WatchList {
  readonly keys: WatchedKey[] = []
  changed: boolean = false
}

export class Watches implements ChangeFollower {
  private readonly keyChanges: KeyChanges
  /** Per database, key → who watches it. */
  private readonly watched: Map<Database, Map<string, Set<WatchedKey>>>

  constructor(keyChanges: KeyChanges) {
    this.keyChanges = keyChanges
    this.watched = new Map()
    keyChanges.add(this)
  }

  get following(): boolean {
    return this.watched.size > 0
  }

  /** Has `client` watch the key in its database; twice is once. */
  watch(client: Client, keyBytes: Buffer): void {
    const { db } = client
    const key = keyBytes.toString('latin1')
    const list = (client.watchList ??= new WatchList())
    let keys = this.watched.get(db)
    let watchers = keys?.get(key)
    if (watchers !== undefined && watches(list, watchers, client, db, key)) return
    const watchedKey: WatchedKey = { client, db, key, expired: stateOf(db, key) === 'expired' }
    list.keys.push(watchedKey)
    if (keys === undefined) this.watched.set(db, (keys = new Map()))
    if (watchers === undefined) keys.set(key, (watchers = new Set()))
    watchers.add(watchedKey)
    this.keyChanges.refresh()
  }

  /** Ends all of the client's watches and forgets what they saw. */
  unwatch(client: Client): void {
    this.release(client)
    client.watchList = null
  }

  /** Whether the client's transaction must not run. */
  isStale(client: Client): boolean {
    const list = client.watchList
    if (list === null) return false
    return (
      list.changed || list.keys.some(({ db, key, expired }) => !expired && stateOf(db, key) === 'expired')
    )
  }

  keyChanged(db: Database, keyBytes: Buffer): void {
    const keys = this.watched.get(db)
    if (keys === undefined) return
    const key = keyBytes.toString('latin1')
    for (const watchedKey of keys.get(key) ?? []) {
      if (!watchedKey.expired) this.markChanged(watchedKey.client)
      else if (stateOf(db, key) === 'absent') watchedKey.expired = false
      else this.markChanged(watchedKey.client)
    }
  }

  keyEvent(): void {}

  databaseReplaced(db: Database, by: Database | null): void {
    for (const [key, watchers] of this.watched.get(db) ?? []) {
      const before = stateOf(db, key)
      const after = by === null ? 'absent' : stateOf(by, key)
      if (before === 'absent' && after === 'absent') continue
      for (const watchedKey of watchers) {
        if (watchedKey.expired) {
          if (after === 'expired') continue
          if (after === 'absent') {
            watchedKey.expired = false
            continue
          }
        } else if (before === 'absent' && after === 'expired') {
          watchedKey.expired = true
          continue
        }
        this.markChanged(watchedKey.client)
      }
    }
  }

  /** The client's transaction is lost; its watches have nothing more to find. */
  private markChanged(client: Client): void {
    if (client.watchList === null) return
    client.watchList.changed = true
    this.release(client)
  }

  private release(client: Client): void {
    const list = client.watchList
    if (list === null) return
    for (const watchedKey of list.keys) {
      const keys = this.watched.get(watchedKey.db)
      const watchers = keys?.get(watchedKey.key)
      watchers?.delete(watchedKey)
      if (watchers?.size === 0) keys?.delete(watchedKey.key)
      if (keys?.size === 0) this.watched.delete(watchedKey.db)
    }
    list.keys.length = 0
    this.keyChanges.refresh()
  }
}

/** Whether the client watches the key already. The shorter of the two is searched: many keys, or many clients, stay cheap. */
function watches(
  list: WatchList,
  watchers: ReadonlySet<WatchedKey>,
  client: Client,
  db: Database,
  key: string,
): boolean {
  if (list.keys.length < watchers.size) {
    return list.keys.some((watched) => watched.db === db && watched.key === key)
  }
  for (const watched of watchers) if (watched.client === client) return true
  return false
}

/** Whether the key is there, there but past its deadline, or not there; removes nothing. */
function stateOf(db: Database, key: string): 'present' | 'expired' | 'absent' {
  const block = blockOf(Buffer.from(key, 'latin1'))
  const entry = db.peek(block, 0, block.bytes.length)
  if (entry === null) return 'absent'
  return entry.deadline <= db.keyspace.clock.now ? 'expired' : 'present'
}
