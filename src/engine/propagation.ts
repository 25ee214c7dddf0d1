/**
 * Which commands leave the server's memory, and in what form: what changed the dataset is appended to the command
 * stream, from where the append-only file takes it. A command that changed something is appended as it came, unless
 * its effect depends on time or chance; then its handler says with replace() what has the same effect whenever it is
 * run. Keys that the server itself removes, expired or evicted, are appended as DEL.
 *
 * What one command or transaction appends is a unit: from the second command on it is wrapped in MULTI and EXEC, so
 * that nobody who reads the stream ever sees a half of it.
 */

import type { Database } from '../keyspace/database.ts'
import type { Entry } from '../keyspace/entry.ts'
import type { RemovalListener } from '../keyspace/keyspace.ts'
import type { CommandStream } from '../persistence/command-stream.ts'
import type { Arguments } from '../protocol/arguments.ts'
import type { Client } from './client.ts'
import { type Command, FLAG } from './command.ts'
import type { Engine } from './engine.ts'

/** A word of a command: text, or the index of one of the running command's arguments. */
type Word = string | number

/** The running command's arguments from index `first` on. */
export function wordsFrom(args: Arguments, first: number): number[] {
  return Array.from({ length: args.count - first }, (_, i) => first + i)
}

export class Propagation implements RemovalListener {
  /** Somebody takes the stream: commands must be appended. */
  active: boolean
  private readonly engine: Engine
  readonly stream: CommandStream
  /** Commands running: more than one while EXEC runs its queue. */
  private depth: number
  /** The running command has said what stands for it. */
  private replaced: boolean
  /** Where the unit begins in the stream, and how many commands it has. */
  private unitStart: number
  private unitLength: number
  private stampedSecond: number

  constructor(engine: Engine, stream: CommandStream) {
    this.active = false
    this.engine = engine
    this.stream = stream
    this.depth = 0
    this.replaced = false
    this.unitStart = 0
    this.unitLength = 0
    this.stampedSecond = 0
  }

  /** Begins or ends with appending. */
  activate(active: boolean): void {
    this.active = active
    this.engine.keyspace.removals = active ? this : null
  }

  /** A command begins to run. */
  enter(): void {
    this.depth++
    this.replaced = false
  }

  /** The command has run; `changed` says whether it changed the dataset. */
  leave(client: Client, command: Command, args: Arguments, changed: boolean): void {
    if (changed && this.active && !this.replaced && (command.flags & FLAG.write) !== 0) {
      this.next()
      this.stream.command(client.db.id, args)
    }
    this.end()
  }

  /** A command of which nothing more is to be said has run. */
  end(): void {
    if (--this.depth === 0) this.endUnit()
  }

  /** Has these words stand in the stream for what the running command changes; may be called repeatedly. */
  replace(client: Client, args: Arguments, ...words: Word[]): void {
    if (!this.active) return
    this.replaced = true
    this.next()
    this.stream.begin(client.db.id, words.length)
    for (const word of words) {
      if (typeof word === 'string') this.stream.word(word)
      else this.stream.bulk(args.block, args.offsets[word], args.lengths[word])
    }
  }

  /** Has the running command stand in the stream as it came, whether it changes anything or not. */
  verbatim(client: Client, args: Arguments): void {
    if (!this.active) return
    this.replaced = true
    this.next()
    this.stream.command(client.db.id, args)
  }

  keyExpired(db: Database, entry: Entry): void {
    this.removed(db, entry, this.engine.settings.lazyfreeLazyExpire)
  }

  keyEvicted(db: Database, entry: Entry): void {
    this.removed(db, entry, this.engine.settings.lazyfreeLazyEviction)
  }

  private removed(db: Database, entry: Entry, lazily: boolean): void {
    this.next()
    this.stream.begin(db.id, 2)
    this.stream.word(lazily ? 'UNLINK' : 'DEL')
    this.stream.bulk(entry.block, entry.keyOffset, entry.keyLength)
    if (this.depth === 0) this.unitLength = 0
  }

  private next(): void {
    const { stream, engine } = this
    engine.turn.endSoon()
    if (engine.settings.aofTimestampEnabled) this.stamp()
    if (this.unitLength === 0) this.unitStart = stream.length
    else if (this.unitLength === 1) stream.insertMulti(this.unitStart)
    this.unitLength++
  }

  private endUnit(): void {
    if (this.unitLength > 1) this.stream.exec()
    this.unitLength = 0
  }

  private stamp(): void {
    const second = Math.floor(this.engine.clock.now / 1000)
    if (second === this.stampedSecond) return
    this.stampedSecond = second
    this.stream.timestamp(second)
  }
}
