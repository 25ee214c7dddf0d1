/**
 * Sends clients what they have not asked for at that moment: messages, invalidations. It decides where in a
 * client's output a push stands and what a push to many costs; what it says is its sender's business.
 */
import { ReplyWriter } from '../protocol/reply-writer.ts'
import { type Block, newBlock } from '../structures/block.ts'
import type { Client } from './client.ts'
import { GATE_REPLY } from './gates.ts'
import { CHECKED_FROM, type OutputLimits } from './output-limits.ts'

/**
 * From this many clients on, those with nothing else to send hold one block together, until they write it or
 * append to it. With fewer, blocks come from the pool of reply blocks and a copy costs less (bench/pubsub.ts).
 */
const SHARED_FROM = 64

/** Where a push is written: a reply in the protocol that `reply.resp` tells. */
export type PushWriter = (reply: ReplyWriter) => void

/** A push in one protocol's form. */
class Encoded {
  readonly writer: ReplyWriter
  private shared: Block | null

  constructor(resp: number) {
    this.writer = new ReplyWriter()
    this.writer.resp = resp
    this.shared = null
  }

  /** The push in a block of its size, the same at every call. */
  get block(): Block {
    if (this.shared === null) {
      const { block, length } = this.writer
      this.shared = newBlock(length)
      block.bytes.copy(this.shared.bytes, 0, 0, length)
    }
    return this.shared
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
  /** The client whose command runs, if it may be sent pushes meanwhile. */
  private running: Client | null
  /** Its pushes, which follow the reply: in the middle of it they would be taken for a part of it. */
  private readonly held: ReplyWriter

  constructor(limits: OutputLimits) {
    this.limits = limits
    this.resp2 = new Encoded(2)
    this.resp3 = new Encoded(3)
    this.running = null
    this.held = new ReplyWriter()
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
    const share = clients.size >= SHARED_FROM
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

  private append(client: Client, encoded: Encoded, share: boolean): void {
    const { reply } = client
    if (client.closeAfterReply) return
    if (client === this.running) {
      this.held.rawBlock(encoded.writer.block, encoded.writer.length)
      return
    }
    if (share && reply.length === 0) reply.borrow(encoded.block)
    else reply.rawBlock(encoded.writer.block, encoded.writer.length)
    client.link.flushSoon()
  }
}
