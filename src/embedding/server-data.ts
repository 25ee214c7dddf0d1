/** The data of an embedded server as a whole, and key by key for assertions: looking at it leaves no trace. */
import { inspect, types } from 'node:util'
import { encodingOf } from '../commands/object.ts'
import { ConfigError } from '../config/config-error.ts'
import type { Command } from '../engine/command.ts'
import type { Engine } from '../engine/engine.ts'
import { GATE_ACL } from '../engine/gates.ts'
import type { Database } from '../keyspace/database.ts'
import { Entry, TYPE_LIST, TYPE_NAMES } from '../keyspace/entry.ts'
import { LocalConnection } from '../network/local-connection.ts'
import { checkDatasetBytes, datasetBytes, loadDatasetBytes } from '../persistence/dataset-bytes.ts'
import { Arguments } from '../protocol/arguments.ts'
import { AddressList } from '../structures/address-list.ts'
import { blockOf } from '../structures/block.ts'
import { globMatches } from '../structures/glob.ts'

/** Which keys, and how they are shown. */
export interface KeyOptions {
  /** The database; 0 without. */
  readonly db?: number | undefined
  /** Values are Buffers. */
  readonly buffers?: boolean | undefined
}

/** What is under a key. */
export interface KeyDetails {
  /** As TYPE names it. */
  readonly type: string
  /** As OBJECT ENCODING names it. */
  readonly encoding: string
  /** Milliseconds since the epoch; null where it does not expire. */
  readonly expiresAt: number | null
  /** Milliseconds from now; null where it does not expire. */
  readonly ttl: number | null
  readonly value: string | Buffer | readonly (string | Buffer)[]
}

/** The arguments of a command that has none. */
function wordAlone(name: string): Arguments {
  const args = new Arguments(1)
  args.block = blockOf(name)
  args.lengths[0] = name.length
  args.count = 1
  return args
}

export class ServerData {
  private readonly engine: Engine
  private readonly entry: Entry

  /** @internal */
  constructor(engine: Engine) {
    this.engine = engine
    this.entry = new Entry()
  }

  snapshot(): Buffer {
    return datasetBytes(this.engine.keyspace)
  }

  /** Replaces all data by `given`, RDB bytes that are `trusted` to be right or else read through before. */
  restore(given: Uint8Array, trusted: boolean): void {
    const { engine } = this
    const { keyspace, settings, backgroundSave, blocking, dispatcher } = engine
    if (settings.appendonly) throw new ConfigError('the data cannot be replaced while appendonly is on')
    if (!types.isUint8Array(given)) throw new TypeError(`no bytes of an RDB file: ${inspect(given)}`)
    const bytes = Buffer.from(given.buffer, given.byteOffset, given.length)
    engine.clock.refresh()
    if (!trusted) checkDatasetBytes(keyspace, bytes)
    backgroundSave.kill()
    keyspace.dirty += keyspace.flush(keyspace.databases)
    loadDatasetBytes(keyspace, bytes)
    keyspace.dirty += keyspace.keyCount
    // Clients may have waited for a list that is there now.
    for (const db of keyspace.databases) keyspace.arrivals?.databasesSwapped(db, db)
    dispatcher.beginBatch()
    blocking.serve()
    dispatcher.endBatch()
  }

  /** FLUSHALL by nobody who could be kept from it, in the append-only file as well. */
  flush(): void {
    const { dispatcher, commands, settings } = this.engine
    const command = commands.all.find(({ name }) => name === 'flushall') as Command
    const { calledAs } = command
    if (calledAs === '' && settings.appendonly) throw new ConfigError('the append-only file has no FLUSHALL')
    const connection = new LocalConnection(this.engine)
    connection.client.gates &= ~GATE_ACL
    dispatcher.beginBatch()
    dispatcher.runQueued(connection.client, command, wordAlone(calledAs))
    dispatcher.endBatch()
    connection.take()
    connection.close()
  }

  /** Names in the order of their bytes, those past their deadline left out. */
  keys(pattern: string, { db }: KeyOptions): string[] {
    const database = this.database(db)
    const wanted = Buffer.from(pattern)
    const names: Buffer[] = []
    const found = new AddressList()
    for (let bucket = 0; bucket < database.index.bucketCount; bucket++) {
      found.clear()
      database.index.collect(bucket, found)
      for (let i = 0; i < found.length; i++) {
        this.entry.point(this.engine.keyspace.arena, found.items[i], 0)
        if (!this.isPast()) names.push(this.entry.keyBytes())
      }
    }
    return names
      .filter((name) => pattern === '*' || globMatches(wanted, 0, wanted.length, name, 0, name.length, false))
      .toSorted((a, b) => a.compare(b))
      .map(String)
  }

  /** Null where there is no such key. */
  inspect(key: string | Uint8Array, { db, buffers }: KeyOptions): KeyDetails | null {
    const { keyspace } = this.engine
    const name = blockOf(key)
    const entry = this.database(db).peek(name, 0, name.bytes.length, this.entry)
    if (entry === null || this.isPast()) return null
    const shown = (bytes: Uint8Array): string | Buffer =>
      buffers === true ? Buffer.from(bytes) : Buffer.from(bytes).toString()
    const expiresAt = entry.hasDeadline ? entry.deadline : null
    const isList = entry.type === TYPE_LIST
    return {
      type: TYPE_NAMES[entry.type],
      encoding: encodingOf(keyspace, entry),
      expiresAt,
      ttl: expiresAt === null ? null : expiresAt - keyspace.clock.now,
      value: isList ? this.elements(entry).map(shown) : shown(entry.valueBytes()),
    }
  }

  private elements(entry: Entry): Buffer[] {
    const { list } = this.engine.keyspace
    const elements: Buffer[] = []
    list.point(entry.block, entry.valueOffset)
    for (let standing = list.seek(0); standing; standing = list.advance()) {
      const { elementBlock, elementOffset, elementLength } = list
      elements.push(Buffer.from(elementBlock.bytes.subarray(elementOffset, elementOffset + elementLength)))
    }
    return elements
  }

  private database(id = 0): Database {
    const { databases } = this.engine.keyspace
    if (!Object.hasOwn(databases, id)) throw new RangeError(`there is no database ${id}`)
    this.engine.clock.refresh()
    return databases[id]
  }

  private isPast(): boolean {
    return this.entry.hasDeadline && this.entry.deadline <= this.engine.clock.now
  }
}
