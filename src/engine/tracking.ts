/**
 * Client-side caching: tells clients which keys they may hold copies of have changed. What CLIENT TRACKING
 * accepts is commands/tracking.ts's business, and where a push stands in a client's output is pushes.ts's.
 *
 * In the default mode the table remembers who has read which key, and a change, an expiry, a removal is told
 * at once to those readers, who are then forgotten: they have to read again to be told again. In broadcasting
 * mode nothing is remembered per key: a client names prefixes, and what has changed below each is collected
 * and sent once, when the turn ends.
 */
import type { Database } from '../keyspace/database.ts'
import { NOTIFY_EVICTED, NOTIFY_EXPIRED } from '../keyspace/notifications.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { ReplyWriter } from '../protocol/reply-writer.ts'
import type { Client } from './client.ts'
import { type Command, FLAG } from './command.ts'
import type { Engine } from './engine.ts'
import { GATE_REDIRECTED, GATE_TRACKING, GATE_TRACKING_FULL } from './gates.ts'
import type { ChangeFollower } from './key-changes.ts'
import { keysBySpecs } from './key-specs.ts'
import { type ForgottenKey, TrackingTable } from './tracking-table.ts'

/** Keys forgotten before one command at most while the table is too large, times the commands it took so far. */
const EVICTED_AT_ONCE = 100

/** What a client asks for with CLIENT TRACKING ON. */
export interface TrackingOptions {
  /** Id of the client that is told instead; 0: the client itself. */
  readonly redirect: number
  readonly broadcast: boolean
  /** Beginnings of keys as latin1, for broadcasting only; none given stands for every key. */
  readonly prefixes: readonly string[]
  readonly optIn: boolean
  readonly optOut: boolean
  readonly noLoop: boolean
}

/** How one client tracks keys. */
export class ClientTracking {
  options: TrackingOptions
  /** Every prefix it broadcasts by, those of earlier CLIENT TRACKING ON included. */
  readonly prefixes: Set<string> = new Set()
  /** CLIENT CACHING has been said: the next command's keys are an exception to OPTIN or OPTOUT. */
  caching: boolean = false
  /** The client that was to be told is gone. */
  redirectBroken: boolean = false

  constructor(options: TrackingOptions) {
    this.options = options
  }
}

/** One prefix that clients broadcast by. */
class Prefix {
  readonly clients: Set<Client> = new Set()
  /** The keys changed in this turn and the client whose command changed each last; null: no client's. */
  changes: Map<string, Client | null> = new Map()
}

type Value = (reply: ReplyWriter) => void

export class Tracking implements ChangeFollower {
  private readonly engine: Engine
  private readonly table: TrackingTable
  private readonly prefixes: Map<string, Prefix>
  /** Clients that track (INFO tracking_clients). */
  clientCount: number
  /** Commands since the table grew too large. */
  private lateBy: number

  constructor(engine: Engine) {
    this.engine = engine
    this.table = new TrackingTable(engine.random)
    this.prefixes = new Map()
    this.clientCount = 0
    this.lateBy = 0
    engine.keyChanges.add(this)
    engine.keyspace.onFlush = () => this.flushed()
    engine.turn.beforeReplies.push(() => this.broadcast())
    engine.configuration.onChange('trackingTableMaxKeys', () => {
      if (this.table.keyCount > 0) engine.gates |= GATE_TRACKING_FULL
      return undefined
    })
  }

  get following(): boolean {
    return this.clientCount > 0 || this.table.keyCount > 0
  }

  /** Remembered keys, pairs of a key and a client, and prefixes (INFO tracking_total_*). */
  get totals(): { readonly keys: number; readonly items: number; readonly prefixes: number } {
    return { keys: this.table.keyCount, items: this.table.itemCount, prefixes: this.prefixes.size }
  }

  /** Begins tracking for a client, or changes how it tracks; the options have been checked. */
  enable(client: Client, options: TrackingOptions): void {
    const { clients, keyChanges } = this.engine
    if (client.tracking === null) {
      client.tracking = new ClientTracking(options)
      client.gates |= GATE_TRACKING
      this.clientCount++
      keyChanges.refresh()
    }
    client.tracking.options = options
    client.tracking.redirectBroken = false
    // Its own commands may change what others track: it is told after its reply, not in the middle of it.
    const target = clients.get(options.redirect)
    if (target !== undefined) target.gates |= GATE_REDIRECTED
    if (!options.broadcast) return
    for (const prefix of options.prefixes.length === 0 ? [''] : options.prefixes) {
      client.tracking.prefixes.add(prefix)
      let entry = this.prefixes.get(prefix)
      if (entry === undefined) this.prefixes.set(prefix, (entry = new Prefix()))
      entry.clients.add(client)
    }
  }

  /** Ends tracking for a client; what it has read stays in the table until it changes, as in Redis. */
  disable(client: Client): void {
    const { tracking } = client
    if (tracking === null) return
    for (const prefix of tracking.prefixes) {
      const entry = this.prefixes.get(prefix)
      entry?.clients.delete(client)
      if (entry?.clients.size === 0) this.prefixes.delete(prefix)
    }
    client.tracking = null
    client.gates &= ~GATE_TRACKING
    this.clientCount--
    this.engine.keyChanges.refresh()
  }

  /** A client that is gone. After the last that tracks nobody can be waiting for what the table remembers. */
  forget(client: Client): void {
    if (client.tracking === null) return
    this.disable(client)
    if (this.clientCount > 0) return
    this.table.clear()
    this.engine.keyChanges.refresh()
  }

  /** After a command of a tracking client has run: remembers the keys it read. */
  remember(client: Client, command: Command, args: Arguments): void {
    if ((command.flags & FLAG.readonly) === 0 || client.tracking === null) return
    const { options, caching } = client.tracking
    if (options.broadcast || (options.optIn && !caching) || (options.optOut && caching)) return
    const { keys, findKeys } = command.spec
    const found = findKeys === undefined ? keysBySpecs(keys ?? [], args) : findKeys(args)
    if (found === null) return
    for (const { index } of found) {
      this.table.remember(args.block, args.offsets[index], args.lengths[index], client.id)
    }
    const most = this.engine.settings.trackingTableMaxKeys
    if (most !== 0 && this.table.keyCount > most) this.engine.gates |= GATE_TRACKING_FULL
  }

  /** After each command a tracking client has sent: what CLIENT CACHING said was for the next one only. */
  commandEnded(client: Client, command: Command | null): void {
    if (client.tracking === null || !client.tracking.caching || client.transaction !== null) return
    if (command?.parent?.name !== 'client') client.tracking.caching = false
  }

  /**
   * While the table has more than tracking-table-max-keys, before each command: forgets random keys, the more
   * the longer it has taken, and tells their readers. (Redis spares the client whose command is to run, if it
   * is in NOLOOP mode, but then forgets the key all the same, so that it never learns of a change.)
   */
  evict(): void {
    const { engine, table } = this
    const most = engine.settings.trackingTableMaxKeys
    this.lateBy++
    for (let left = EVICTED_AT_ONCE * this.lateBy; left > 0; left--) {
      if (most === 0 || table.keyCount <= most) {
        engine.gates &= ~GATE_TRACKING_FULL
        this.lateBy = 0
        return
      }
      const forgotten = table.takeRandom()
      if (forgotten !== null) this.tellReaders(forgotten, null)
    }
  }

  keyChanged(_db: Database, key: Buffer, type: number): void {
    const { table, prefixes, engine } = this
    const { current } = engine.pushes
    // Time or want of memory removed the key, no client.
    const removed = (type & (NOTIFY_EXPIRED | NOTIFY_EVICTED)) !== 0
    if (prefixes.size > 0) this.noteChange(key, removed ? null : current)
    if (table.keyCount === 0) return
    const forgotten = table.take(key)
    if (forgotten === null) return
    // As in Redis a client in NOLOOP mode is spared the expiry that its own command finds: the reply shows it.
    this.tellReaders(forgotten, type === NOTIFY_EVICTED ? null : current)
    if (!this.following) engine.keyChanges.refresh()
  }

  keyEvent(): void {}

  /** A flush is told by flushed(). Of SWAPDB clients are not told: a key here is one of any database. */
  databaseReplaced(): void {}

  /** FLUSHALL, FLUSHDB: null instead of keys tells every client to drop all it has. */
  private flushed(): void {
    if (!this.following) return
    for (const client of this.engine.clients.values()) {
      // As in Redis the null has the form of the tracking client's protocol, whoever it is sent to.
      if (client.tracking !== null) this.tell(client, (reply) => reply.raw(nullOf(client)))
    }
    this.table.clear()
    this.engine.keyChanges.refresh()
  }

  /** Tells those who have read the key, except in NOLOOP mode the one whose command has changed it. */
  private tellReaders({ key, readers }: ForgottenKey, changer: Client | null): void {
    const value = (reply: ReplyWriter): void => {
      reply.arrayHeader(1)
      reply.bulkBytes(key)
    }
    const direct = new Set<Client>()
    for (const id of readers) {
      const client = this.engine.clients.get(id)
      const options = client?.tracking?.options
      // It may have begun to broadcast since.
      if (client === undefined || options === undefined || options.broadcast) continue
      if (options.noLoop && client === changer) continue
      this.collect(client, value, direct)
    }
    this.push(direct, value)
  }

  /** Adds the client to those to be sent the same, or tells it at once where it redirects. */
  private collect(client: Client, value: Value, direct: Set<Client>): void {
    if (client.tracking?.options.redirect !== 0) this.tell(client, value)
    // RESP2 has no pushes: without a redirection such a client cannot be told.
    else if (client.reply.resp !== 2) direct.add(client)
  }

  /** Sends the client, or the one it redirects to, an invalidation. */
  private tell(client: Client, value: Value): void {
    const redirect = client.tracking?.options.redirect ?? 0
    const target = redirect === 0 ? client : this.engine.clients.get(redirect)
    if (target === undefined) this.tellBroken(client, redirect)
    else if (target.reply.resp !== 2 || (redirect !== 0 && target.subscriptions !== null)) {
      this.push(new Set([target]), value)
    }
  }

  private push(targets: ReadonlySet<Client>, value: Value): void {
    if (targets.size === 0) return
    this.engine.pushes.sendAll(targets, (reply) => {
      if (reply.resp === 2) reply.raw('*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n')
      else reply.raw('>2\r\n$10\r\ninvalidate\r\n')
      value(reply)
    })
  }

  private tellBroken(client: Client, redirect: number): void {
    if (client.tracking !== null) client.tracking.redirectBroken = true
    if (client.reply.resp === 2) return
    this.engine.pushes.sendAll(new Set([client]), (reply) => {
      reply.raw('>2\r\n$21\r\ntracking-redir-broken\r\n')
      reply.integer(redirect)
    })
  }

  private noteChange(key: Buffer, changer: Client | null): void {
    const name = key.toString('latin1')
    for (const [prefix, { changes }] of this.prefixes) {
      if (!name.startsWith(prefix)) continue
      changes.set(name, changer)
      this.engine.turn.endSoon()
    }
  }

  /** The end of the turn: what has changed below each prefix goes to those who broadcast by it. */
  private broadcast(): void {
    if (this.prefixes.size === 0) return
    for (const name of [...this.prefixes.keys()].sort()) {
      const prefix = this.prefixes.get(name)
      // The last of its clients may be gone by now, closed for its unread output.
      if (prefix === undefined || prefix.changes.size === 0) continue
      const { changes } = prefix
      prefix.changes = new Map()
      this.broadcastChanges(prefix.clients, changes)
    }
  }

  private broadcastChanges(clients: ReadonlySet<Client>, changes: ReadonlyMap<string, Client | null>): void {
    const keys = [...changes.keys()].sort()
    const all = arrayOf(keys)
    const direct = new Set<Client>()
    for (const client of clients) {
      if (!client.tracking?.options.noLoop) {
        this.collect(client, all, direct)
        continue
      }
      const others = keys.filter((key) => changes.get(key) !== client)
      if (others.length > 0) this.tell(client, arrayOf(others))
    }
    this.push(direct, all)
  }
}

/** An array of keys, given as latin1, encoded once for however many it is sent to. */
function arrayOf(keys: readonly string[]): Value {
  const writer = new ReplyWriter()
  writer.arrayHeader(keys.length)
  for (const key of keys) writer.bulkBytes(Buffer.from(key, 'latin1'))
  const bytes = Buffer.from(writer.block.bytes.subarray(0, writer.length))
  writer.release()
  return (reply) => reply.rawBytes(bytes)
}

function nullOf(client: Client): string {
  return client.reply.resp === 2 ? '$-1\r\n' : '_\r\n'
}
