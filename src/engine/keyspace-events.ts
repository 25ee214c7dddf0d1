/**
 * Keyspace notifications: tells subscribers of changes to keys, as far as notify-keyspace-events asks for it.
 * Which events there are is decided where keys are changed.
 */
import type { Configuration } from '../config/configuration.ts'
import type { Database } from '../keyspace/database.ts'
import { NOTIFY_KEYEVENT, NOTIFY_KEYSPACE, notifyClasses } from '../keyspace/notifications.ts'
import type { ChangeFollower, KeyChanges } from './key-changes.ts'
import type { PubSub } from './pubsub.ts'

export class KeyspaceEvents implements ChangeFollower {
  private readonly pubsub: PubSub
  /** NOTIFY_* bits asked for. */
  private classes: number

  constructor(pubsub: PubSub) {
    this.pubsub = pubsub
    this.classes = 0
  }

  /** Begins: follows the changes and the setting. */
  follow(changes: KeyChanges, configuration: Configuration): void {
    this.classes = notifyClasses(configuration.settings.notifyKeyspaceEvents)
    changes.add(this)
    configuration.onChange('notifyKeyspaceEvents', (letters) => {
      this.classes = notifyClasses(letters)
      changes.refresh()
      return undefined
    })
  }

  /** Both a way to be told and something to be told of are needed. */
  get following(): boolean {
    const ways = NOTIFY_KEYSPACE | NOTIFY_KEYEVENT
    return (this.classes & ways) !== 0 && (this.classes & ~ways) !== 0
  }

  keyChanged(db: Database, key: Buffer, type: number, event: string): void {
    if ((this.classes & type) === 0 || !this.pubsub.anyone) return
    if ((this.classes & NOTIFY_KEYSPACE) !== 0) {
      const channel = Buffer.concat([Buffer.from(`__keyspace@${db.id}__:`), key])
      this.pubsub.publish(channel, Buffer.from(event))
    }
    if ((this.classes & NOTIFY_KEYEVENT) !== 0) {
      this.pubsub.publish(Buffer.from(`__keyevent@${db.id}__:${event}`), key)
    }
  }

  keyEvent(db: Database, key: Buffer, type: number, event: string): void {
    this.keyChanged(db, key, type, event)
  }

  /** FLUSHDB and SWAPDB are no events of keys. */
  databaseReplaced(): void {}
}
