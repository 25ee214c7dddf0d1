/**
 * Sends clients what they have not asked for at that moment: messages, invalidations. It decides where in a
 * client's output a push stands and what a push to many costs; what it says is its sender's business.
 */
import { ReplyWriter } from '../protocol/reply-writer.ts'
import { SharedReply } from '../protocol/shared-reply.ts'
import type { Client } from './client.ts'
import { GATE_REPLY } from './gates.ts'
import { CHECKED_FROM, type OutputLimits } from './output-limits.ts'

/**
 * From this many clients on the push is shared: one copy in memory, and the clients' replies point to it until
 * they are written or have something else added. For fewer a copy into each reply costs less (bench/pubsub.ts).
 */
const SHARED_FROM = 64

/** Where a push is written: a reply in the protocol that `reply.resp` tells. */
export type PushWriter = (reply: ReplyWriter) => void

/** A push in one protocol's form. */
class Encoded {
  readonly writer: ReplyWriter
  /** The same, for the clients that have nothing else to send. */
  shared: SharedReply | null

  constructor(resp: number) {
    this.writer = new ReplyWriter()
    this.writer.resp = resp
    this.shared = null
  }

  clear(): void {
    if (this.writer.length > 0) this.writer.release()
    this.shared = null
  }
}

export class Pushes {
  private readonly limits: OutputLimits
  private readonly resp2: Encoded
  private readonly resp3: Encoded
  /** The number of the push to many at hand: a shared reply knows by it what it has been given already. */
  private stamp: number
  /** The client whose command runs, if it may be sent pushes meanwhile. */
  private running: Client | null
  /** Its pushes, which follow the reply: in the middle of it they would be taken for a part of it. */
  private readonly held: ReplyWriter

  constructor(limits: OutputLimits) {
    this.limits = limits
    this.resp2 = new Encoded(2)
    this.resp3 = new Encoded(3)
    this.stamp = 0
    this.running = null
    this.held = new ReplyWriter()
  }

  /** The client whose command runs, where that is one that may be sent pushes meanwhile. */
  get current(): Client | null {
    return this.running
  }

  /** Call before running a command of a client that may be sent pushes. */
  begin(client: Client): void {
    this.running = client
  }

  /** Call after its reply is complete (or taken back, CLIENT REPLY OFF): appends what was pushed meanwhile. */
  end(client: Client): void {
    this.running = null
    if (this.held.length === 0) return
    client.reply.rawBlock(this.held.block, this.held.length)
    this.held.release()
  }

  /**
   * Where a reply that is itself a push (a confirmed subscription) is written: with the pushes where the
   * client has its replies dropped, for those are not.
   */
  confirmations(client: Client): ReplyWriter {
    if ((client.gates & GATE_REPLY) === 0) return client.reply
    this.held.resp = client.reply.resp
    return this.held
  }

  /** Sends each of `clients` the push that `write` writes; it is called once per protocol in use. */
  sendAll(clients: ReadonlySet<Client>, write: PushWriter): void {
    if (clients.size === 1) {
      for (const client of clients) this.sendOne(client, write)
      return
    }
    const share = clients.size >= SHARED_FROM
    this.stamp++
    let overLimit: Client[] | null = null
    for (const client of clients) {
      const encoded = client.reply.resp === 2 ? this.resp2 : this.resp3
      if (encoded.writer.length === 0) write(encoded.writer)
      this.append(client, encoded, share)
      if (client.reply.length > CHECKED_FROM && this.limits.exceeded(client)) {
        overLimit ??= []
        overLimit.push(client)
      }
    }
    this.resp2.clear()
    this.resp3.clear()
    // Not within the loop: that others learn of a disconnection may lead to further pushes.
    if (overLimit !== null) for (const client of overLimit) this.limits.close(client)
  }

  private sendOne(client: Client, write: PushWriter): void {
    const { reply } = client
    if (client.closeAfterReply) return
    if (client === this.running) {
      this.held.resp = reply.resp
      write(this.held)
      return
    }
    write(reply)
    client.link.flushSoon()
    if (reply.length > CHECKED_FROM && this.limits.exceeded(client)) this.limits.close(client)
  }

  private append(client: Client, encoded: Encoded, share: boolean): void {
    const { reply } = client
    const { block, length } = encoded.writer
    if (client.closeAfterReply) return
    if (client === this.running) {
      this.held.rawBlock(block, length)
      return
    }
    if (!share || !this.share(reply, encoded)) reply.rawBlock(block, length)
    client.link.flushSoon()
  }

  /** Adds the push to what the reply shares with others, or begins to share. False when it shares nothing. */
  private share(reply: ReplyWriter, encoded: Encoded): boolean {
    const { block, length } = encoded.writer
    const { shared } = reply
    if (shared !== null) {
      if (shared.stamp !== this.stamp && reply.length === shared.length)
        shared.append(block, length, this.stamp)
      if (shared.stamp !== this.stamp || reply.length !== shared.previous) return false
      reply.follow(shared)
      return true
    }
    if (reply.length > 0) return false
    encoded.shared ??= new SharedReply(block, length, this.stamp)
    reply.borrow(encoded.shared)
    return true
  }
}
