/**
 * One client: what the server remembers of a connection between commands. It holds no socket; its link
 * (a TCP connection, a local one) carries the bytes.
 */
import type { Database } from '../keyspace/database.ts'
import { ReplyWriter } from '../protocol/reply-writer.ts'
import type { User } from './acl/user.ts'
import type { Blocked } from './blocking.ts'
import type { Command } from './command.ts'
import type { Engine } from './engine.ts'
import type { Subscriptions } from './pubsub.ts'
import type { ClientTracking } from './tracking.ts'
import type { Transaction } from './transaction.ts'
import type { WatchList } from './watches.ts'

/** What a client needs of whatever carries its bytes. */
export interface Link {
  /** There is something to write: write it when this turn ends. */
  flushSoon(): void
  /** The same for a turn that is ending: write it now, if writing is all there is to do, and else in the next. */
  flushNow(): void
  /** Closes at once, unsent replies dropped. */
  destroy(): void
  /** The client may run commands again (unblocked, unpaused): go on with input that was held back. */
  resume(): void
  /** "127.0.0.1:50123", "[::1]:50123", "/path/to.sock:0". */
  readonly remoteAddress: string
  readonly localAddress: string
  /** File descriptor for CLIENT LIST; -1 when unknown. */
  readonly fd: number
  /** Bytes received and not yet run, and the room held for them. */
  readonly inputBytes: number
  readonly inputRoom: number
  /** Bytes of replies handed to the system's socket and not yet taken by it. */
  readonly unsentBytes: number
}

/** Why a client's commands are held back; 0 when they are not. */
export const HELD_BY_BLOCK = 1
export const HELD_BY_PAUSE = 2
export const HELD_BY_GUARD = 4
export const HELD_BY_MEMORY = 8
export const HELD_BY_FAULT = 16

export class Client {
  readonly engine: Engine
  readonly link: Link
  /** Unique in the server's life, rising. */
  readonly id: number
  /** The selected database. */
  db: Database
  readonly reply: ReplyWriter
  /** Bits of engine/gates.ts: which gates this client must pass beyond the server's own. */
  gates: number
  /** HELD_BY_* bits: while not 0 its link runs no further command. */
  held: number
  /** Set by QUIT, CLIENT KILL, protocol errors: the link closes once the reply is out. */
  closeAfterReply: boolean
  /** CLIENT REPLY SKIP: so many replies are still to be dropped; 0 under GATE_REPLY means all (OFF). */
  skippedReplies: number
  name: string
  libName: string
  libVersion: string
  /** The default user unless AUTH named another. */
  user: User
  authenticated: boolean
  /** What the client subscribes to; null while that is nothing. */
  subscriptions: Subscriptions | null
  /** How it tracks keys for its own cache; null while it does not. */
  tracking: ClientTracking | null
  /** The queue of MULTI; null outside it. */
  transaction: Transaction | null
  /** EXEC is running the queue: nothing may block. */
  inTransaction: boolean
  /** What WATCH watches for the next transaction; null for nothing. */
  watchList: WatchList | null
  /** How it waits, or waited last; null when it never has. */
  blocked: Blocked | null
  noEvict: boolean
  noTouch: boolean
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  lastInteraction: number
  /** The last command run, for CLIENT LIST's cmd=. */
  lastCommand: Command | null
  /** Bytes read from and written to the link since it opened (CLIENT LIST tot-net-*). */
  netInput: number
  netOutput: number

  constructor(engine: Engine, link: Link, id: number) {
    this.engine = engine
    this.link = link
    this.id = id
    this.db = engine.keyspace.databases[0]
    this.reply = new ReplyWriter()
    this.gates = 0
    this.held = 0
    this.closeAfterReply = false
    this.skippedReplies = 0
    this.name = ''
    this.libName = ''
    this.libVersion = ''
    this.user = engine.acl.defaultUser
    this.authenticated = false
    this.subscriptions = null
    this.tracking = null
    this.transaction = null
    this.inTransaction = false
    this.watchList = null
    this.blocked = null
    this.noEvict = false
    this.noTouch = false
    this.createdAt = engine.clock.now
    this.lastInteraction = engine.clock.now
    this.lastCommand = null
    this.netInput = 0
    this.netOutput = 0
  }

  /** Connected from this machine: over loopback or a unix socket. */
  get isLocal(): boolean {
    const { remoteAddress } = this.link
    return /^(127\.|\[::1\]|\[::ffff:127\.|\/)/.test(remoteAddress)
  }
}
