/**
 * Sends clients what they have not asked for at that moment: messages, invalidations. It decides where in a
 * client's output a push stands and what a push to many costs; what it says is its sender's business.
 */
import { ReplyWriter } from '../protocol/reply-writer.ts'
import { SharedReply } from '../protocol/shared-reply.ts'
import type { Client } from './client.ts'
import type { Engine } from './engine.ts'
import { GATE_GATHERED, GATE_REPLY } from './gates.ts'
import { CHECKED_FROM } from './output-limits.ts'

/**
 * From this many clients on the push is shared: one copy in memory, and the clients' replies point to it until
 * they are written or have something else added. For fewer a copy into each reply costs less (bench/pubsub.ts).
 * And messages to the same clients are gathered: ten thousand of them are not gone through for every one.
 */
export const SHARED_FROM = 64

/** A push's first byte, which is all that tells a message in RESP3 from the same in RESP2. */
const PUSH_TYPE = 0x3e

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
  private readonly engine: Engine
  /** Who is to be given, by distribute(), the messages that `resp2` holds; null: nobody. GATE_GATHERED says so. */
  private audience: ReadonlySet<Client> | null
  /** Where in `resp2` each of those messages begins. */
  private readonly starts: number[]
  /** Writes those messages for RESP3. */
  private readonly writeGathered: PushWriter
  private readonly resp2: Encoded
  private readonly resp3: Encoded
  /** The number of the push to many at hand: a shared reply knows by it what it has been given already. */
  private stamp: number
  /** The client whose command runs, if it may be sent pushes meanwhile. */
  private running: Client | null
  /** Its pushes, which follow the reply: in the middle of it they would be taken for a part of it. */
  private readonly held: ReplyWriter

  constructor(engine: Engine) {
    this.engine = engine
    this.audience = null
    this.starts = []
    this.writeGathered = (reply) => {
      const { writer } = this.resp2
      reply.rawBlock(writer.block, writer.length)
      for (const start of this.starts) reply.block.bytes[start] = PUSH_TYPE
    }
    this.resp2 = new Encoded(2)
    this.resp3 = new Encoded(3)
    this.stamp = 0
    this.running = null
    this.held = new ReplyWriter()
    engine.turn.afterReplies.push(() => this.leave())
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
    this.distribute()
    if (clients.size === 1) for (const client of clients) this.sendOne(client, 1, write)
    else this.give(clients, write, false)
  }

  /** Sends one client `count` pushes; `write` is told which of them it is to write. */
  sendSeries(client: Client, count: number, write: (reply: ReplyWriter, which: number) => void): void {
    this.distribute()
    this.sendOne(client, count, write)
  }

  /**
   * The same for a message, an array that in RESP3 only begins differently: where they are many they are given it with
   * those that follow, by distribute(), which must happen before somebody joins them.
   */
  gather(clients: ReadonlySet<Client>, write: PushWriter): void {
    const { writer } = this.resp2
    if (clients.size < SHARED_FROM) {
      this.sendAll(clients, write)
      return
    }
    if (clients !== this.audience) {
      this.distribute()
      this.audience = clients
      this.engine.gates |= GATE_GATHERED
      this.engine.turn.endSoon()
    }
    this.starts.push(writer.length)
    write(writer)
    // Beyond it each client's limit is looked at, and the bytes cost more than going through the clients.
    if (writer.length > CHECKED_FROM) this.distribute()
  }

  /**
   * Adds the messages gathered to the output of those they are for. It must have happened before anything else is added
   * there, and before anybody looks at it: whoever has GATE_GATHERED sees to that.
   */
  distribute(): void {
    if (this.audience !== null) this.giveGathered(this.audience, false)
  }

  /** The turn ends, and the replies are out: distributes, and has it written as it goes: no client is gone to twice. */
  leave(): void {
    if (this.audience !== null) this.giveGathered(this.audience, true)
  }

  private giveGathered(audience: ReadonlySet<Client>, leaving: boolean): void {
    this.audience = null
    this.engine.gates &= ~GATE_GATHERED
    this.give(audience, this.writeGathered, leaving)
  }

  private give(clients: ReadonlySet<Client>, write: PushWriter, leaving: boolean): void {
    const { outputLimits } = this.engine
    const share = clients.size >= SHARED_FROM
    this.stamp++
    let overLimit: Client[] | null = null
    for (const client of clients) {
      const encoded = client.reply.resp === 2 ? this.resp2 : this.resp3
      if (encoded.writer.length === 0) write(encoded.writer)
      if (!this.append(client, encoded, share)) continue
      if (leaving) client.link.flushNow()
      else client.link.flushSoon()
      if (client.reply.length > CHECKED_FROM && outputLimits.exceeded(client)) {
        overLimit ??= []
        overLimit.push(client)
      }
    }
    this.resp2.clear()
    this.resp3.clear()
    this.starts.length = 0
    // Not within the loop: that others learn of a disconnection may lead to further pushes.
    if (overLimit !== null) for (const client of overLimit) outputLimits.close(client)
  }

  private sendOne(client: Client, count: number, write: (reply: ReplyWriter, which: number) => void): void {
    const { reply } = client
    if (client.closeAfterReply) return
    if (client === this.running) {
      this.held.resp = reply.resp
      for (let i = 0; i < count; i++) write(this.held, i)
      return
    }
    const { outputLimits } = this.engine
    for (let i = 0; i < count; i++) {
      write(reply, i)
      if (reply.length > CHECKED_FROM && outputLimits.exceeded(client)) {
        outputLimits.close(client)
        return
      }
    }
    client.link.flushSoon()
  }

  /** False when nothing is to be written for it now: the client is leaving, or in the middle of a command. */
  private append(client: Client, encoded: Encoded, share: boolean): boolean {
    const { reply } = client
    const { block, length } = encoded.writer
    if (client.closeAfterReply) return false
    if (client === this.running) {
      this.held.rawBlock(block, length)
      return false
    }
    if (!share || !this.share(reply, encoded)) reply.rawBlock(block, length)
    return true
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
