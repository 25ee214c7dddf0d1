/**
 * A TCP connection to another server, as its client: bytes out, replies in, each step within its time. What is said
 * over it is its user's business. Replies that nest are not for here: each is taken as one line of text.
 */
import { connect, type Socket } from 'node:net'
import Parser from 'redis-parser'
import type { Timers } from './timers.ts'

/** Written at a time; the time limit is for each piece. */
const PIECE = 64 * 1024
/** A server that sends more than this before a reply is complete, or unasked, is not talking our protocol. */
const UNREAD_MAX = 1024 * 1024

/** A reply as text; of an error the line without its '-'. */
export interface Reply {
  readonly isError: boolean
  readonly text: string
}

/** A step that failed. */
export class LinkError extends Error {
  /** It took too long; the link may still be open. */
  readonly timedOut: boolean

  constructor(message: string, timedOut: boolean) {
    super(message)
    this.timedOut = timedOut
  }
}

export class OutgoingLink {
  /** Milliseconds that every step may take. */
  timeout: number
  private readonly timers: Timers
  private readonly socket: Socket
  private readonly replies: Reply[]
  /** Bytes received since the last reply was taken. */
  private unread: number
  private connected: boolean
  private written: number
  private failure: LinkError | null
  /** Called when anything of the above has changed. */
  private wake: () => void

  private constructor(host: string, port: number, timeout: number, timers: Timers) {
    this.timeout = timeout
    this.timers = timers
    this.replies = []
    this.unread = 0
    this.connected = false
    this.written = 0
    this.failure = null
    this.wake = () => {}
    this.socket = connect({ host, port, noDelay: true, keepAlive: true })
    const parser = new Parser({
      returnReply: (reply: unknown) => this.replied(false, String(reply)),
      returnError: (error: Error) => this.replied(true, error.message),
      returnFatalError: (error: Error) => this.fail(error.message),
    })
    this.socket.on('connect', () => {
      this.connected = true
      this.wake()
    })
    this.socket.on('data', (chunk: Buffer) => {
      this.unread += chunk.length
      try {
        if (this.failure === null) parser.execute(chunk)
      } catch (error) {
        // The parser descends as deep as a reply nests, and takes the room that a header announces.
        this.fail((error as Error).message)
      }
      if (this.unread > UNREAD_MAX) this.fail('more was received than asked for')
    })
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.fail(error.code ?? error.message))
    this.socket.on('close', () => this.fail('closed by the other side'))
  }

  /** An open link. Rejects with a LinkError; a port that there cannot be counts as one that refuses. */
  static async open(host: string, port: number, timeout: number, timers: Timers): Promise<OutgoingLink> {
    if (!(port > 0 && port < 65_536)) throw new LinkError('ECONNREFUSED', false)
    const link = new OutgoingLink(host, port, timeout, timers)
    try {
      await link.until(() => link.connected)
    } catch (error) {
      link.close()
      throw error
    }
    return link
  }

  get isClosed(): boolean {
    return this.failure !== null
  }

  /** Hands all of `bytes` to the system, which must not change until then. Rejects with a LinkError. */
  async send(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE) {
      const target = this.written + 1
      this.socket.write(bytes.subarray(at, at + PIECE), () => {
        this.written++
        this.wake()
      })
      await this.until(() => this.written === target)
    }
  }

  /** The next reply. Rejects with a LinkError. */
  async reply(): Promise<Reply> {
    await this.until(() => this.replies.length > 0)
    this.unread = 0
    return this.replies.shift() as Reply
  }

  close(): void {
    this.fail('closed')
  }

  private replied(isError: boolean, text: string): void {
    this.replies.push({ isError, text })
    this.wake()
  }

  private fail(reason: string): void {
    if (this.failure !== null) return
    this.failure = new LinkError(reason, false)
    this.socket.destroy()
    this.wake()
  }

  /** What came before the link failed is still there to be taken. */
  private until(done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.timers.timeout(
        () => end(() => reject(new LinkError('timed out', true))),
        this.timeout,
      )
      const end = (how: () => void): void => {
        this.wake = () => {}
        timer.cancel()
        how()
      }
      this.wake = () => {
        const { failure } = this
        if (done()) end(resolve)
        else if (failure !== null) end(() => reject(failure))
      }
      this.wake()
    })
  }
}
