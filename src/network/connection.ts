/**
 * A client's socket: brings its bytes to the intake and takes the replies away, one write a turn. It decodes
 * and runs nothing itself.
 */
import type { Server, Socket } from 'node:net'
import { type Client, HELD_BY_BLOCK, type Link } from '../engine/client.ts'
import type { Engine } from '../engine/engine.ts'
import { GATE_FAULTS, GATE_MONITORING } from '../engine/gates.ts'
import type { Outlet } from '../engine/held-replies.ts'
import { CHECKED_FROM } from '../engine/output-limits.ts'
import { REPLY_BLOCK_SIZE, recycle } from '../protocol/reply-writer.ts'
import type { Block } from '../structures/block.ts'
import { DirectWriter, fileDescriptor, type Input, readInto } from './accepted-handle.ts'
import { CHUNK, Intake, LARGE_REPLY, newSharedInput, type SharedInput } from './intake.ts'

/**
 * A client that leaves this much of its replies unread is not read from until it has taken them. Generous,
 * because clients that write a whole pipeline before they read must not wait for us while we wait for them.
 */
const UNSENT_MAX = 64 * 1024 * 1024
/** A connection that was closed on our side and takes nothing more for this long is cut off, milliseconds. */
const LINGER_MAX = 10_000

/** One for all connections of the process: everything in it happens within one event. */
const SHARED: SharedInput = newSharedInput(CHUNK)

export class Connection implements Link, Input, Outlet {
  readonly client: Client
  readonly remoteAddress: string
  readonly localAddress: string
  /** Called once when the socket is closed for good. */
  onClosed: (() => void) | null
  private readonly engine: Engine
  private readonly socket: Socket
  private readonly direct: DirectWriter
  private readonly intake: Intake
  private readonly written: () => void
  /** What is being written directly, where the system did not take all of it at once. */
  private lent: Block | null
  /** Something has gone by the socket's stream, and may not have been taken yet: nearly all is written past it. */
  private streaming: boolean
  /** The turn will call flush(). */
  private flushQueued: boolean
  private reading: boolean
  /** The peer sends nothing more. */
  private ended: boolean
  /** The client is gone; the socket may still be sending. */
  private closed: boolean
  /** What still comes is read, and nobody looks at it. */
  private dropping: boolean
  /** While lingering: when anything was sent last, and what was unsent then. */
  private lingeringSince: number
  private lingeringBytes: number

  /** Takes over a socket that its server accepted with pauseOnConnect. `plain`: see readInto(). */
  constructor(engine: Engine, accepted: Socket, plain: boolean) {
    this.remoteAddress = addressText(accepted.remoteAddress, accepted.remotePort, accepted)
    this.localAddress = addressText(accepted.localAddress, accepted.localPort, accepted)
    this.onClosed = null
    this.engine = engine
    this.lent = null
    this.streaming = false
    this.flushQueued = false
    this.reading = true
    this.ended = false
    this.closed = false
    this.dropping = false
    this.lingeringSince = 0
    this.lingeringBytes = 0
    this.client = engine.connect(this)
    this.intake = new Intake(this.client, SHARED, () => this.writeEarly())
    this.written = () => this.sent()
    const socket = readInto(accepted, this, plain)
    this.socket = socket
    this.direct = new DirectWriter(socket, this.written)
    if (engine.settings.tcpKeepalive > 0) socket.setKeepAlive(true, engine.settings.tcpKeepalive * 1000)
    socket.on('end', () => {
      this.ended = true
      this.flushSoon()
    })
    // Resets and the like: 'close' follows and says all there is to say.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.forget()
      this.onClosed?.()
    })
  }

  get inPieces(): boolean {
    return true
  }

  get fd(): number {
    return fileDescriptor(this.socket)
  }

  get inputBytes(): number {
    return this.intake.kept
  }

  get inputRoom(): number {
    return this.intake.room
  }

  get unsentBytes(): number {
    return (this.streaming ? this.socket.writableLength : 0) + this.direct.pending
  }

  buffer(): Uint8Array | null {
    return this.intake.target()
  }

  filled(length: number): boolean {
    if (this.closed) return this.dropping
    this.engine.stats.readsProcessed++
    this.engine.stats.netInputBytes += length
    this.client.netInput += length
    this.intake.filled(length)
    if (this.client.reply.length > LARGE_REPLY) this.writeEarly()
    this.afterInput()
    if (!this.flushQueued) this.engine.idlePoll.renew()
    // After a full chunk there is more, and libuv would read on at once: others have their turn first.
    this.reading = !this.intake.more && length !== CHUNK && !this.closed
    if (!this.reading) this.flushSoon()
    return this.reading
  }

  chunk(bytes: Uint8Array): void {
    if (this.closed) return
    this.engine.stats.readsProcessed++
    this.engine.stats.netInputBytes += bytes.length
    this.client.netInput += bytes.length
    this.intake.take(bytes as Buffer)
    this.afterInput()
    if (!this.flushQueued) this.engine.idlePoll.renew()
    if (this.intake.more && !this.closed) this.setReading(false)
  }

  resume(): void {
    // Not at once: the caller may be in the middle of another client's command.
    this.intake.more = true
    this.flushSoon()
  }

  flushSoon(): void {
    if (this.flushQueued || this.closed) return
    this.flushQueued = true
    this.engine.turn.flushSoon(this)
  }

  flushNow(): void {
    if (this.flushQueued || this.closed) return
    const { client, intake } = this
    const others = client.closeAfterReply || intake.more || this.ended || !this.reading
    const refusable = client.reply.length > CHECKED_FROM || this.unsentBytes > 0
    if (others || refusable || ((this.engine.gates | client.gates) & GATE_FAULTS) !== 0) this.flushSoon()
    else {
      this.write()
      this.engine.clientEviction.touched(client)
    }
  }

  /** Writes the replies. */
  flush(): boolean {
    this.flushQueued = false
    if (this.closed) return false
    const { client, intake } = this
    if (client.reply.length > 0 || (client.gates & GATE_FAULTS) !== 0) this.write()
    this.engine.clientEviction.touched(client)
    // It has left too much unread.
    if (this.closed) return false
    if (client.closeAfterReply) {
      this.close()
      return false
    }
    return intake.more || this.ended || !this.reading || this.unsentBytes > UNSENT_MAX
  }

  /** Goes on with what waited for the replies to be written: input, reading, the end. */
  goOn(): void {
    if (this.closed) return
    const { intake } = this
    const unsent = this.unsentBytes
    if (intake.more) {
      if (unsent <= UNSENT_MAX) {
        // These replies leave at the end of the next turn, after everything that must precede them.
        intake.run()
        this.afterInput()
      }
    } else if (this.ended) {
      this.close()
      return
    }
    if (!this.closed) this.setReading(!intake.more && unsent <= UNSENT_MAX)
  }

  destroy(): void {
    this.forget()
    this.socket.destroy()
  }

  /** Writes what faults let go. */
  deliver(bytes: Buffer): void {
    if (this.closed) return
    this.client.netOutput += bytes.length
    this.engine.stats.writesProcessed++
    this.engine.stats.netOutputBytes += bytes.length
    this.stream(bytes)
  }

  end(reset: boolean): void {
    if (!reset) {
      this.close()
      return
    }
    this.forget()
    // Only TCP knows resets.
    try {
      this.socket.resetAndDestroy()
    } catch {
      this.socket.destroy()
    }
  }

  /** The process need not stay for this connection. */
  unref(): void {
    this.socket.unref()
  }

  /** Writes what there is to write and closes without waiting for the peer to take it: the server stops. */
  cut(): void {
    if (!this.closed && this.client.reply.length > 0) this.write()
    this.destroy()
  }

  /**
   * As cut(), for a peer that is to read it: requests that still come are read and dropped until the peer ends, or
   * destroy() is called. Closing on top of unread ones would reset the connection, and replies that the peer has not
   * read either would be lost.
   */
  part(): void {
    if (!this.closed && this.client.reply.length > 0) this.write()
    if (this.closed) return
    this.forget()
    this.dropping = true
    this.socket.end()
    this.socket.resume()
  }

  /** Closes the connection if it has been idle for `timeout` ms (0: any time), or lingers after its close. */
  closeIfIdle(now: number, timeout: number): void {
    const { client, socket } = this
    if (!this.closed) {
      const idle = timeout > 0 && now - client.lastInteraction > timeout
      // A subscriber waits for messages, a monitor for commands, however long.
      const monitors = (client.gates & GATE_MONITORING) !== 0
      if (idle && (client.held & HELD_BY_BLOCK) === 0 && client.subscriptions === null && !monitors)
        this.destroy()
      return
    }
    const unsent = this.unsentBytes
    if (this.lingeringSince === 0 || unsent !== this.lingeringBytes) {
      this.lingeringSince = now
      this.lingeringBytes = unsent
    } else if (now - this.lingeringSince > LINGER_MAX) socket.destroy()
  }

  /** As flushSoon(), before those who have not asked. */
  private answerSoon(): void {
    if (this.flushQueued || this.closed) return
    this.flushQueued = true
    this.engine.turn.answerSoon(this)
  }

  private afterInput(): void {
    const { client, intake } = this
    if (intake.overflowed) {
      this.engine.stats.queryBufferDisconnections++
      this.engine.log.warning(
        `Closing client that reached max query buffer length: id=${client.id} addr=${this.remoteAddress}`,
      )
      this.destroy()
    } else if (client.reply.length > 0 || client.closeAfterReply || intake.more) this.answerSoon()
    this.engine.clientEviction.touched(client)
  }

  /**
   * Writes a large reply before others are made. Not if commands wait for the append-only file: they are written, and
   * synced, once for all of a turn; nor where a limit is set on what a turn may answer, or faults look at all of it.
   */
  private writeEarly(): void {
    const { engine, client } = this
    const inOrder = this.unsentBytes === 0 && engine.aof.bufferedBytes === 0
    if (this.closed || !inOrder || engine.outputLimits.limits(client)) return
    if (((engine.gates | client.gates) & GATE_FAULTS) !== 0) return
    if (engine.turn.prepare()) this.write()
  }

  private write(): void {
    const { client } = this
    if (((this.engine.gates | client.gates) & GATE_FAULTS) !== 0) {
      this.engine.faults.send(client, this)
      return
    }
    const { reply } = client
    const { length } = reply
    const backlog = this.unsentBytes
    if (backlog + length > CHECKED_FROM && this.engine.outputLimits.exceeded(client)) {
      this.engine.outputLimits.close(client)
      return
    }
    // To a slow reader whole blocks are handed over, not one block for every short reply.
    if (backlog > 0 && length < REPLY_BLOCK_SIZE && !client.closeAfterReply && !this.ended) return
    const { bytes } = reply
    client.netOutput += length
    this.engine.stats.writesProcessed++
    this.engine.stats.netOutputBytes += length
    const direct = backlog === 0 && this.direct.write(bytes)
    if (!direct) this.stream(bytes)
    // Nearly always the system has taken all of it by now.
    if (direct ? this.direct.pending === 0 : this.unsentBytes === 0) reply.release()
    else {
      const block = reply.detach()
      if (direct) this.lent = block
    }
  }

  private stream(bytes: Uint8Array): void {
    this.streaming = true
    this.socket.write(bytes, this.written)
  }

  /** The system has taken a write. */
  private sent(): void {
    if (this.lent !== null && this.direct.pending === 0) {
      recycle(this.lent)
      this.lent = null
    }
    if (this.unsentBytes > 0) return
    this.streaming = false
    if (this.closed) return
    if (this.client.reply.length > 0 || this.intake.more || !this.reading) this.flushSoon()
  }

  private setReading(reading: boolean): void {
    if (reading === this.reading) return
    this.reading = reading
    if (reading) this.socket.resume()
    else this.socket.pause()
  }

  /** The client goes; what has been written is still sent. */
  private close(): void {
    this.forget()
    this.socket.destroySoon()
  }

  private forget(): void {
    if (this.closed) return
    this.closed = true
    this.intake.stop()
    this.client.reply.release()
    this.engine.disconnect(this.client)
  }
}

/** "127.0.0.1:50123", "[::1]:50123"; for a unix socket, whose peers have no address, its path and ":0". */
function addressText(host: string | undefined, port: number | undefined, socket: Socket): string {
  if (host === undefined) {
    const { server } = socket as unknown as { server: Server }
    const address = server.address()
    return typeof address === 'string' ? `${address}:0` : '?:0'
  }
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
