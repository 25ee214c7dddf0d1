/**
 * Keyspace notifications: tells subscribers of changes to keys, as far as notify-keyspace-events asks for it.
 * Which events there are is decided where keys are changed.
 */
import type { Configuration } from '../config/configuration.ts'
import type { Database } from '../keyspace/database.ts'
import { NOTIFY_KEYEVENT, NOTIFY_KEYSPACE, notifyClasses } from '../keyspace/notifications.ts'
import { Arguments } from '../protocol/arguments.ts'
import { Block } from '../structures/block.ts'
import type { ChangeFollower, KeyChanges } from './key-changes.ts'
import type { PubSub } from './pubsub.ts'

export class KeyspaceEvents implements ChangeFollower {
  private readonly pubsub: PubSub
  /** NOTIFY_* bits asked for. */
  private classes: number
  /** Channel and text of the notification at hand, as PUBLISH would have them. */
  private readonly message: Arguments

  constructor(pubsub: PubSub) {
    this.pubsub = pubsub
    this.classes = 0
    this.message = new Arguments(2)
    this.message.count = 2
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
      this.publish(`__keyspace@${db.id}__:${key.toString('latin1')}`, event)
    }
    if ((this.classes & NOTIFY_KEYEVENT) !== 0) {
      this.publish(`__keyevent@${db.id}__:${event}`, key.toString('latin1'))
    }
  }

  /** Both texts are latin1. */
  private publish(channel: string, text: string): void {
    const { message } = this
    message.block = new Block(Buffer.from(channel + text, 'latin1'))
    message.offsets[1] = channel.length
    message.lengths[0] = channel.length
    message.lengths[1] = text.length
    this.pubsub.publish(message, 0, 1)
  }

  keyEvent(db: Database, key: Buffer, type: number, event: string): void {
    this.keyChanged(db, key, type, event)
  }

  /** FLUSHDB and SWAPDB are no events of keys. */
  databaseReplaced(): void {}
}
