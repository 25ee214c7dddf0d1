/**
 * Where the keyspace's changes are told to those who follow them: WATCH, keyspace notifications, client-side
 * caching, blocked clients. While none of them wants to know, the keyspace has no listener and a write pays
 * one comparison.
 */
import type { Database } from '../keyspace/database.ts'
import type { Keyspace, KeyspaceListener } from '../keyspace/keyspace.ts'

/** One who follows changes. */
export interface ChangeFollower extends KeyspaceListener {
  /** Whether anything is followed now; refresh() must be called when this changes. */
  readonly following: boolean
}

export class KeyChanges implements KeyspaceListener {
  private readonly keyspace: Keyspace
  private readonly all: ChangeFollower[]
  private active: ChangeFollower[]

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
    this.all = []
    this.active = []
  }

  /** Adds a follower for good; followers are told in the order they were added. */
  add(follower: ChangeFollower): void {
    this.all.push(follower)
    this.refresh()
  }

  /** Looks anew who follows. */
  refresh(): void {
    this.active = this.all.filter((follower) => follower.following)
    this.keyspace.listener = this.active.length === 0 ? null : this
  }

  keyChanged(db: Database, key: Buffer, type: number, event: string): void {
    for (const follower of this.active) follower.keyChanged(db, key, type, event)
  }

  keyEvent(db: Database, key: Buffer, type: number, event: string): void {
    for (const follower of this.active) follower.keyEvent(db, key, type, event)
  }

  databaseReplaced(db: Database, by: Database | null): void {
    for (const follower of this.active) follower.databaseReplaced(db, by)
  }
}
