/**
 * Keys on their way to another server: the connections to other servers, and one migration at a time over them.
 *
 * A key must at any moment be on one of the two servers, as far as anybody can tell. Redis stands still from the
 * first byte to the answer; here the loop goes on, and only commands that could see or change the keys are held
 * back until it is known which of them arrived (KeyGuard). Since another MIGRATE is such a command, there is one
 * migration at a time, and the values cannot change under it. A connection that was kept may turn out to be dead
 * before anything is answered: then it is tried again with a new one. Time limits and errors are Redis's.
 */
import { Entry } from '../keyspace/entry.ts'
import { NOTIFY_GENERIC } from '../keyspace/notifications.ts'
import { LinkError, OutgoingLink, type Reply } from '../platform/outgoing-link.ts'
import type { Timer } from '../platform/timers.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { ErrorReply, err } from '../protocol/error-replies.ts'
import { type Client, HELD_BY_BLOCK } from './client.ts'
import type { Command } from './command.ts'
import type { Engine } from './engine.ts'

/** A connection that nobody used for so long is closed. */
const IDLE_MS = 10_000
/** As many connections are kept. */
const PEERS_MAX = 64

/** What MIGRATE was asked for. */
export interface Migration {
  readonly host: string
  readonly port: number
  /** Number of the database over there. */
  readonly database: bigint
  /** Milliseconds for each step. */
  readonly timeout: number
  readonly copy: boolean
  readonly replace: boolean
  /** What follows AUTH; empty for none. */
  readonly credentials: readonly Buffer[]
  /** The arguments that name the keys. */
  readonly keys: readonly number[]
}

/** An open connection to another server. */
interface Peer {
  readonly name: string
  readonly link: OutgoingLink
  /** What is selected there, as far as is known. */
  database: bigint
  idle: Timer | null
}

/** A migration that is under way, with its command. */
interface Running extends Migration {
  readonly client: Client
  readonly command: Command
  readonly args: Arguments
}

/** How a migration ended: which keys arrived, and what went wrong, if anything. */
interface Outcome {
  arrived: number[]
  error: ErrorReply | null
}

export class Migrations {
  private readonly engine: Engine
  private readonly peers: Map<string, Peer>
  private readonly entry: Entry
  private closed: boolean

  constructor(engine: Engine) {
    this.engine = engine
    this.peers = new Map()
    this.entry = new Entry()
    this.closed = false
  }

  /** Connections kept open (INFO migrate_cached_sockets). */
  get connections(): number {
    return this.peers.size
  }

  /** Starts it for the client whose command `args`, a copy to keep, is running; the client waits for the end. */
  start(client: Client, args: Arguments, migration: Migration): void {
    const command = client.lastCommand
    if (command === null) throw new Error('only a command can migrate keys')
    const running: Running = { ...migration, client, command, args }
    client.held |= HELD_BY_BLOCK
    this.engine.keyGuard.guard(args, migration.keys)
    void this.run(running)
  }

  /** Closes all connections; a migration under way fails. */
  close(): void {
    this.closed = true
    for (const peer of this.peers.values()) this.drop(peer)
  }

  private async run(running: Running): Promise<void> {
    let outcome: Outcome
    try {
      outcome = await this.transfer(running)
    } catch (error) {
      this.engine.fault('a migration', error)
      outcome = { arrived: [], error: err('internal error') }
    }
    if (this.closed) return
    const { client, command } = running
    const { dispatcher, keyGuard } = this.engine
    dispatcher.beginBatch()
    dispatcher.finishBlocked(client, command, () => this.finish(running, outcome))
    client.held &= ~HELD_BY_BLOCK
    client.link.flushSoon()
    client.link.resume()
    keyGuard.release()
    dispatcher.endBatch()
  }

  /** The keys that arrived go, and the client has its answer. */
  private finish({ client, args, copy }: Running, { arrived, error }: Outcome): void {
    if (!copy && arrived.length > 0) {
      const { db } = client
      const removed: number[] = []
      for (const key of arrived) {
        const entry = db.peek(args.block, args.offsets[key], args.lengths[key], this.entry)
        if (entry === null) continue
        db.remove(entry)
        db.changed(args, key, NOTIFY_GENERIC, 'del')
        removed.push(key)
      }
      if (removed.length > 0) this.engine.propagation.replace(client, args, 'DEL', ...removed)
    }
    if (error !== null) throw error
    client.reply.ok()
  }

  private async transfer(running: Running): Promise<Outcome> {
    for (let mayRetry = true; ; mayRetry = false) {
      const peer = await this.peerOf(running)
      if (peer instanceof ErrorReply) return { arrived: [], error: peer }
      const fresh = peer.idle === null
      peer.idle?.cancel()
      peer.link.timeout = running.timeout
      const selects = peer.database !== running.database
      const { request, keys } = this.encode(running, selects)
      let doing: 'writing' | 'reading' = 'writing'
      const outcome: Outcome = { arrived: [], error: null }
      try {
        await peer.link.send(request)
        doing = 'reading'
        await this.readReplies(running, peer, selects, keys, outcome)
        peer.database = outcome.error === null ? running.database : -1n
        this.keep(peer)
        return outcome
      } catch (error) {
        if (!(error instanceof LinkError)) throw error
        this.drop(peer)
        const nothingYet = outcome.arrived.length === 0 && outcome.error === null
        if (mayRetry && nothingYet && !error.timedOut && !fresh && !this.closed) continue
        outcome.error ??= unreachable(doing)
        return outcome
      }
    }
  }

  /** Reads the answers; every key that arrived is in `outcome` as soon as it is known. Rejects with a LinkError. */
  private async readReplies(
    { credentials }: Running,
    { link }: Peer,
    selects: boolean,
    keys: readonly number[],
    outcome: Outcome,
  ): Promise<void> {
    let refusal: Reply | null = null
    for (let i = (credentials.length > 0 ? 1 : 0) + (selects ? 1 : 0); i > 0; i--) {
      const reply = await link.reply()
      if (reply.isError) refusal ??= reply
    }
    for (const key of keys) {
      const reply = await link.reply()
      const refused = refusal ?? (reply.isError ? reply : null)
      if (refused === null) outcome.arrived.push(key)
      else outcome.error ??= err(`Target instance replied with error: ${refused.text}`)
    }
  }

  /** All that is said to the other server, and the keys in it, without those that have expired by now. */
  private encode(
    { client, args, database, credentials, replace, keys }: Running,
    selects: boolean,
  ): { request: Buffer; keys: number[] } {
    const { clock, dumpWriter } = this.engine
    const parts: Buffer[] = []
    if (credentials.length > 0) command(parts, Buffer.from('AUTH'), ...credentials)
    if (selects) command(parts, Buffer.from('SELECT'), Buffer.from(`${database}`))
    const sent: number[] = []
    for (const key of keys) {
      const entry = client.db.peek(args.block, args.offsets[key], args.lengths[key], this.entry)
      if (entry === null) continue
      const ttl = entry.hasDeadline ? entry.deadlineInt64 - BigInt(clock.now) : 0n
      if (entry.hasDeadline && ttl < 0n) continue
      sent.push(key)
      dumpWriter.make(entry)
      const { output } = dumpWriter
      const payload = Buffer.from(output.block.bytes.subarray(0, output.length))
      output.clear()
      const shown = entry.hasDeadline && ttl === 0n ? 1n : ttl
      const words = [Buffer.from('RESTORE'), args.copy(key), Buffer.from(`${shown}`), payload]
      if (replace) words.push(Buffer.from('REPLACE'))
      command(parts, ...words)
    }
    return { request: Buffer.concat(parts), keys: sent }
  }

  private async peerOf({ host, port, timeout }: Running): Promise<Peer | ErrorReply> {
    const name = `${host}:${port}`
    const known = this.peers.get(name)
    if (known !== undefined && !known.link.isClosed) return known
    if (known !== undefined) this.drop(known)
    try {
      const link = await OutgoingLink.open(host, port, timeout, this.engine.timers)
      const peer: Peer = { name, link, database: -1n, idle: null }
      const [oldest] = this.peers.values()
      if (this.peers.size >= PEERS_MAX) this.drop(oldest)
      if (this.closed) link.close()
      else this.peers.set(name, peer)
      return peer
    } catch (error) {
      if (!(error instanceof LinkError)) throw error
      // As in Redis, which sees a refusal only when it writes.
      return error.message === 'ECONNREFUSED' ? unreachable('writing') : CONNECT_FAILED
    }
  }

  private keep(peer: Peer): void {
    peer.idle = this.engine.timers.timeout(() => this.drop(peer), IDLE_MS)
  }

  private drop(peer: Peer): void {
    peer.idle?.cancel()
    peer.link.close()
    if (this.peers.get(peer.name) === peer) this.peers.delete(peer.name)
  }
}

const CONNECT_FAILED = new ErrorReply('IOERR error or timeout connecting to the client')

function unreachable(doing: 'writing' | 'reading'): ErrorReply {
  return new ErrorReply(`IOERR error or timeout ${doing} to target instance`)
}

/** Appends a request to `parts`. */
function command(parts: Buffer[], ...words: readonly Buffer[]): void {
  parts.push(Buffer.from(`*${words.length}\r\n`))
  for (const word of words) parts.push(Buffer.from(`$${word.length}\r\n`), word, Buffer.from('\r\n'))
}
