/**
 * What a client has sent and not had run yet: keeps unfinished requests, decodes complete ones and has them
 * dispatched. It knows no sockets; connections of either kind bring it bytes.
 *
 * Most chunks hold whole requests and are decoded where the socket put them, in one block that all
 * connections share. An unfinished tail moves to a small block of its own and, when the next chunk is there,
 * in front of it (the headroom), so that a request is always contiguous. A tail larger than the headroom stays
 * in the own block, which grows with the bytes that arrive (never because a header announces them), and the
 * socket reads straight into it. A tail of many arguments also keeps its reader, so that a long request is
 * decoded once however many chunks it comes in; a short one is decoded again from its start, which costs less
 * than the system call that brought the chunk and leaves nothing to keep per connection.
 */
import type { Client } from '../engine/client.ts'
import type { Engine } from '../engine/engine.ts'
import { GATE_AUTH, GATE_REPLY } from '../engine/gates.ts'
import { LOOKAHEAD } from '../keyspace/lookahead.ts'
import { Arguments } from '../protocol/arguments.ts'
import { COMPLETE, MALFORMED, RequestReader } from '../protocol/request-reader.ts'
import { Block, copyBytes, EMPTY_BLOCK, newBlock } from '../structures/block.ts'
import { BlockPool } from '../structures/block-pool.ts'

/** Bytes in front of a chunk for the tail of the one before. */
export const HEADROOM: number = 64 * 1024
/** Most a socket reads at once: some 8000 small pipelined requests, 4 ms of work. */
export const CHUNK: number = 256 * 1024
/** A client that pipelines more than this, or a reply larger than this, lets others have their turn. */
const COMMANDS_PER_TURN = 10_000
const REPLY_PER_TURN = 1024 * 1024
/**
 * Replies of more than this are written between two commands: those of fifty clients would not fit the processor's
 * cache, nor the pools of blocks (GET of 4 KiB at depth 16 took half as much time again).
 */
export const LARGE_REPLY: number = 64 * 1024
/** Arguments of an unfinished request that are decoded again rather than remembered. */
const DECODED_AGAIN = 1024
/** Size of the own blocks that are pooled: the tail of a pipeline of small requests fits. */
const TAIL_BLOCK_SIZE = 4 * 1024
const POOLED_BLOCKS = 64
/** Least room for reading straight into an own block. */
const STRAIGHT_ROOM = 64 * 1024
/** Offsets are int32. */
const REQUEST_MAX = 0x7fffffff

const pool: Block[] = []
const largePool = new BlockPool(HEADROOM, 2 * 1024 * 1024, 32 * 1024 * 1024)
/** No target has been given yet. */
const NOWHERE = newBlock(1)

/** What the connections of a thread share: only one of them decodes at a time. */
export interface SharedInput {
  /** HEADROOM + CHUNK bytes. */
  readonly block: Block
  /** The part of it that sockets read into. */
  readonly chunk: Buffer
  reader: RequestReader
  /** Requests read and not yet dispatched, and where each ends. */
  readonly requests: Arguments[]
  readonly ends: number[]
}

/** `size` 0 is for a connection of its own, which calls take() only. */
export function newSharedInput(size: number): SharedInput {
  const block = newBlock(size === 0 ? 0 : HEADROOM + size)
  return {
    block,
    chunk: block.bytes.subarray(Math.min(HEADROOM, size)),
    reader: new RequestReader(),
    requests: Array.from({ length: LOOKAHEAD }, () => new Arguments()),
    ends: Array.from({ length: LOOKAHEAD }, () => 0),
  }
}

export class Intake {
  /** Complete requests wait for another turn: call run() then. Reading should rest until they have run. */
  more: boolean
  /** The client exceeded client-query-buffer-limit: it must be closed. */
  overflowed: boolean
  /** The connection is closed: run nothing more. */
  stopped: boolean
  private readonly client: Client
  private readonly engine: Engine
  private readonly shared: SharedInput
  /** Called between two commands when the reply has grown large, to write it if it may leave. */
  private readonly largeReply: (() => void) | null
  /** Bytes of replies that left between commands since run() began. */
  private replied: number
  /** What is kept lies in `own` from `start` to `end`. */
  private own: Block
  private start: number
  private end: number
  /** Remembers how far the unfinished request at `start` is decoded; null when it will be decoded again. */
  private reader: RequestReader | null
  /** The block that the last target() lies in, from `straightAt` on; EMPTY_BLOCK: the shared chunk. */
  private straight: Block
  private straightAt: number

  constructor(client: Client, shared: SharedInput, largeReply: (() => void) | null) {
    this.more = false
    this.overflowed = false
    this.stopped = false
    this.client = client
    this.engine = client.engine
    this.shared = shared
    this.largeReply = largeReply
    this.replied = 0
    this.own = EMPTY_BLOCK
    this.start = 0
    this.end = 0
    this.reader = null
    this.straight = NOWHERE
    this.straightAt = 0
  }

  /** Bytes received and not run. */
  get kept(): number {
    return this.end - this.start
  }

  get room(): number {
    return this.own.bytes.length
  }

  /**
   * Where a socket should read its next bytes to: the shared chunk, or room made in the own block. Null:
   * the same place as before.
   */
  target(): Buffer | null {
    const kept = this.end - this.start
    const before = this.straight
    if (kept <= HEADROOM) {
      if (before === EMPTY_BLOCK) return null
      this.straight = EMPTY_BLOCK
      if (before !== this.own) giveBack(before)
      return this.shared.chunk
    }
    const knownEnd = this.reader === null ? 0 : this.reader.knownEnd
    this.reserve(knownEnd > this.end ? Math.min(STRAIGHT_ROOM, knownEnd - this.end) : STRAIGHT_ROOM)
    if (before !== this.own) giveBack(before)
    this.straight = this.own
    this.straightAt = this.end
    return this.own.bytes.subarray(this.end)
  }

  /** A socket has read `length` bytes to the target: runs what is complete. */
  filled(length: number): void {
    const { shared, straight } = this
    const kept = this.end - this.start
    if (straight !== EMPTY_BLOCK) {
      // Input that was held back may have run, and left its block, since the target was given.
      if (straight === this.own && this.straightAt === this.end) this.end += length
      else this.append(straight.bytes, this.straightAt, length)
      this.checkLimit()
    } else if (kept > HEADROOM || this.reader !== null || this.more || this.client.held !== 0) {
      this.append(shared.chunk, 0, length)
    } else {
      copyBytes(this.own, this.start, shared.block, HEADROOM - kept, kept)
      this.runFrom(shared.block, HEADROOM - kept, HEADROOM + length)
      return
    }
    if (!this.more && !this.overflowed) this.run()
  }

  /** The same for bytes that lie anywhere, and stay valid during the call only. */
  take(bytes: Buffer): void {
    if (this.end === this.start && this.client.held === 0) {
      this.runFrom(new Block(bytes), 0, bytes.length)
      return
    }
    this.append(bytes, 0, bytes.length)
    if (!this.more && !this.overflowed) this.run()
  }

  /** Goes on with what is kept. */
  run(): void {
    this.more = false
    if (this.end > this.start) this.runFrom(this.own, this.start, this.end)
  }

  /** Forgets everything kept. */
  stop(): void {
    this.stopped = true
    this.keepNothing()
  }

  private runFrom(block: Block, from: number, end: number): void {
    const { client, engine } = this
    const { dispatcher } = engine
    const { reply } = client
    const reader = this.reader ?? this.shared.reader
    if (this.reader === null) {
      reader.reset(from)
      reader.maxBulk = engine.settings.protoMaxBulkLen
    }
    const { requests, ends } = this.shared
    let at = from
    let left = COMMANDS_PER_TURN
    this.replied = 0
    let status = COMPLETE
    dispatcher.beginBatch()
    while (status === COMPLETE && client.held === 0 && !client.closeAfterReply && !this.stopped) {
      if (left <= 0 || dispatcher.late || this.replied + reply.length > REPLY_PER_TURN) {
        this.more = true
        break
      }
      // A client that has yet to authenticate is read under limits that its next request may lift.
      const unauthenticated = (client.gates & GATE_AUTH) !== 0
      const most = unauthenticated ? 1 : Math.min(LOOKAHEAD, left)
      let count = 0
      while (count < most && (status = reader.next(block, end, unauthenticated)) === COMPLETE) {
        ends[count] = reader.at
        const spare = requests[count]
        requests[count++] = reader.args
        reader.args = spare.isHuge ? new Arguments() : spare
      }
      if (count > 1) engine.keyspace.lookahead.run(client.db, requests, count)
      left -= count
      const ran = this.dispatchAll(count)
      dispatcher.settle()
      if (ran > 0) at = ends[ran - 1]
      const resting = client.held !== 0 || client.closeAfterReply || this.stopped
      if (ran < count || (resting && status === MALFORMED)) {
        // Held back or closing, and what lies behind has not happened yet, not even an error of the protocol;
        // otherwise its replies have grown too large for one turn.
        reader.reset(at)
        this.more = client.held === 0
        break
      }
      if (status === MALFORMED) this.refuse(reader)
      // Empty requests in front of the unfinished one are done with.
      else if (status !== COMPLETE && reader.idle) at = reader.at
    }
    dispatcher.endBatch()
    // The shared block is there for good; a block of this client's is not to be kept alive from here.
    if (block !== this.shared.block) for (const args of requests) args.block = EMPTY_BLOCK
    client.lastInteraction = engine.clock.now
    if (this.stopped || client.closeAfterReply || at === end) this.keepNothing()
    else this.keep(reader, block, at, end)
  }

  /**
   * Dispatches the requests read ahead, as long as the client may run them. Returns how many ran. They are not cut for
   * the time they take: of a short pipeline, as in Redis, nothing leaves before all of it has run.
   */
  private dispatchAll(count: number): number {
    const { client } = this
    const { dispatcher } = this.engine
    const { requests } = this.shared
    const { reply } = client
    for (let i = 0; i < count; i++) {
      if (reply.length > LARGE_REPLY && this.replyIsTooLarge()) return i
      if (client.held !== 0 || client.closeAfterReply || this.stopped) return i
      if (!dispatcher.dispatch(client, requests[i])) return i
    }
    return count
  }

  private replyIsTooLarge(): boolean {
    const { reply } = this.client
    const { length } = reply
    // It knows where in the reply commands began.
    this.engine.dispatcher.settle()
    if (this.largeReply !== null) this.largeReply()
    this.replied += length - reply.length
    return this.replied + reply.length > REPLY_PER_TURN
  }

  private refuse(reader: RequestReader): void {
    const { client, engine } = this
    const error = reader.error
    if (error === null) return
    engine.stats.countError(error.code)
    engine.pushes.distribute()
    if ((client.gates & GATE_REPLY) === 0) client.reply.error(error)
    client.closeAfterReply = true
  }

  private keepNothing(): void {
    this.more = false
    this.start = 0
    this.end = 0
    this.reader = null
    this.replaceOwn(EMPTY_BLOCK)
  }

  /** Keeps the bytes from `at` to `end` of `block`, and the reader if it has come far. */
  private keep(reader: RequestReader, block: Block, at: number, end: number): void {
    const length = end - at
    const remember = reader.progress > DECODED_AGAIN || length > HEADROOM
    if (!remember) this.reader = null
    else if (this.reader === null) {
      this.reader = reader
      this.shared.reader = new RequestReader()
    }
    const { own } = this
    const oversized = own.bytes.length > TAIL_BLOCK_SIZE + 4 * length
    if (block !== own)
      this.move(own.bytes.length < length || oversized ? tailBlock(length) : own, block, at, length)
    else if (oversized && !remember) this.move(tailBlock(length), block, at, length)
    else this.start = at
    this.checkLimit()
  }

  private append(bytes: Buffer, from: number, length: number): void {
    this.reserve(length)
    if (this.overflowed) return
    bytes.copy(this.own.bytes, this.end, from, from + length)
    this.end += length
    this.checkLimit()
  }

  /** Makes room for `extra` bytes behind what is kept, by doubling up to the end of the request if known. */
  private reserve(extra: number): void {
    const kept = this.end - this.start
    const capacity = this.own.bytes.length
    if (capacity - this.end >= extra) return
    const needed = kept + extra
    if (needed <= capacity && this.start >= kept) {
      this.move(this.own, this.own, this.start, kept)
      return
    }
    const knownEnd = this.reader === null ? 0 : this.reader.knownEnd
    const size = Math.min(needed * 2, knownEnd === 0 ? REQUEST_MAX : knownEnd - this.start, REQUEST_MAX)
    try {
      this.move(tailBlock(Math.max(needed, size)), this.own, this.start, kept)
    } catch {
      // The system has no memory for one request of this size: that client goes, not the server.
      this.overflowed = true
    }
  }

  /** Moves `length` kept bytes at `at` of `block` to the beginning of `target`, the own block from now on. */
  private move(target: Block, block: Block, at: number, length: number): void {
    if (target === block) target.bytes.copyWithin(0, at, at + length)
    else copyBytes(block, at, target, 0, length)
    this.replaceOwn(target)
    this.start = 0
    this.end = length
    this.reader?.shift(-at)
  }

  private replaceOwn(block: Block): void {
    const { own } = this
    if (own === block) return
    this.own = block
    // The socket still has it as its target: it is free when the next target has been given.
    if (own !== this.straight) giveBack(own)
  }

  /** The argument table counts too: arguments of no bytes fill it faster than the block. */
  private checkLimit(): void {
    const table = this.reader === null ? 0 : this.reader.progress * 8
    const limit = Math.min(this.engine.settings.clientQueryBufferLimit, REQUEST_MAX - CHUNK)
    if (this.end - this.start + table > limit) this.overflowed = true
  }
}

function tailBlock(length: number): Block {
  if (length > TAIL_BLOCK_SIZE) return largePool.take(length)
  return pool.pop() ?? newBlock(TAIL_BLOCK_SIZE)
}

function giveBack(block: Block): void {
  if (block.bytes.length !== TAIL_BLOCK_SIZE) largePool.give(block)
  else if (pool.length < POOLED_BLOCKS) pool.push(block)
}
