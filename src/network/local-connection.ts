/**
 * A client without a socket: for tests and embedders. Requests run at once through the same intake and
 * dispatcher, and replies wait to be taken.
 */
import type { Client, Link } from '../engine/client.ts'
import type { Engine } from '../engine/engine.ts'
import { GATE_FAULTS } from '../engine/gates.ts'
import type { Outlet } from '../engine/held-replies.ts'
import { Intake, newSharedInput } from './intake.ts'

export class LocalConnection implements Link, Outlet {
  readonly client: Client
  readonly remoteAddress: string = '127.0.0.1:0'
  readonly localAddress: string = '127.0.0.1:0'
  readonly fd: number = -1
  readonly unsentBytes: number = 0
  readonly inPieces: boolean = false
  /** The server has closed the connection. */
  closed: boolean
  /** Told at the end of a turn that there may be something to take(), by other clients' doing too; null: nobody asks. */
  onOutput: (() => void) | null
  /** Called once when the connection closes, from either side. */
  onClosed: (() => void) | null
  private flushQueued: boolean
  /** What faults have let go, to be taken. */
  private delivered: Buffer[]
  private readonly engine: Engine
  private readonly intake: Intake

  constructor(engine: Engine) {
    this.engine = engine
    this.closed = false
    this.onOutput = null
    this.onClosed = null
    this.flushQueued = false
    this.delivered = []
    this.client = engine.connect(this)
    this.intake = new Intake(this.client, newSharedInput(0), null)
  }

  get inputBytes(): number {
    return this.intake.kept
  }

  /** Everything sent has run. */
  get idle(): boolean {
    return this.client.held === 0 && this.intake.kept === 0 && (this.client.gates & GATE_FAULTS) === 0
  }

  get inputRoom(): number {
    return this.intake.room
  }

  /** Runs the request whose arguments are given, or raw bytes (any part of any number of requests). */
  send(input: Uint8Array | readonly (string | Uint8Array)[]): void {
    if (this.closed) return
    const bytes = input instanceof Uint8Array ? Buffer.from(input) : encodeRequest(input)
    this.client.netInput += bytes.length
    this.engine.stats.netInputBytes += bytes.length
    this.intake.take(bytes)
    this.finish()
  }

  /** The reply bytes since the last take(), messages of other clients' making included. */
  take(): Buffer {
    const { client, engine } = this
    const { reply } = client
    engine.pushes.distribute()
    // Nothing is acknowledged before it is in the append-only file.
    engine.aof.writer.flush()
    if (((engine.gates | client.gates) & GATE_FAULTS) !== 0) engine.faults.send(client, this)
    const replied = Buffer.from(reply.block.bytes.subarray(0, reply.length))
    reply.release()
    const bytes =
      this.delivered.length === 0 ? replied : Buffer.concat([...this.delivered.splice(0), replied])
    client.netOutput += bytes.length
    engine.stats.netOutputBytes += bytes.length
    return bytes
  }

  /** Keeps what faults let go for take(). */
  deliver(bytes: Buffer): void {
    this.delivered.push(bytes)
    this.flushSoon()
  }

  end(): void {
    this.close()
  }

  /** send() and take() for one request. */
  call(...args: readonly (string | Uint8Array)[]): Buffer {
    this.send(args)
    return this.take()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.intake.stop()
    this.engine.disconnect(this.client)
    this.onClosed?.()
  }

  // Link

  flushSoon(): void {
    if (this.onOutput !== null) this.runSoon()
  }

  flushNow(): void {
    this.flushSoon()
  }

  flush(): boolean {
    this.flushQueued = false
    return true
  }

  goOn(): void {
    if (!this.closed) {
      this.intake.run()
      this.finish()
    }
    this.onOutput?.()
  }

  destroy(): void {
    this.client.reply.release()
    this.close()
  }

  resume(): void {
    // Not at once: the caller may be in the middle of another client's command.
    this.runSoon()
  }

  private runSoon(): void {
    if (this.flushQueued) return
    this.flushQueued = true
    this.engine.turn.flushSoon(this)
  }

  private finish(): void {
    while (this.intake.more) this.intake.run()
    if (this.intake.overflowed) this.destroy()
    else if (this.client.closeAfterReply && (this.client.gates & GATE_FAULTS) === 0) this.close()
    this.engine.clientEviction.touched(this.client)
  }
}

/** A request as clients send it: an array of bulk strings. Text is encoded as UTF-8. */
function encodeRequest(args: readonly (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg) : arg
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}
