/** A TCP client for tests that returns replies as the exact bytes received. It interprets nothing but length. */
import { connect, type Socket } from 'node:net'

export type Argument = string | Buffer

/** The bytes of a command: an array of bulk strings. Strings are latin1, so '\xff' is one byte. */
export function encodeCommand(args: readonly Argument[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg, 'latin1') : arg
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/** One connection. Every wait is bounded by `timeoutMs`. */
export class RawClient {
  readonly socket: Socket
  readonly timeoutMs: number
  /** Received and not yet taken: bytes [start, end). */
  private received: Buffer = Buffer.allocUnsafe(4096)
  private start = 0
  private end = 0
  /** No frame can be complete before this many bytes are here; spares rescanning a large reply per chunk. */
  private needed = 1
  private ended = false
  private wake: (() => void) | null = null

  private constructor(socket: Socket, timeoutMs: number) {
    this.socket = socket
    this.timeoutMs = timeoutMs
    socket.on('data', (chunk) => this.keep(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.ended = true
      this.wake?.()
    })
  }

  static open(port: number, timeoutMs = 10_000): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new RawClient(socket, timeoutMs))
      })
    })
  }

  /** Writes raw bytes. */
  write(bytes: Argument): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Sends a command and returns the bytes of the next frame that is not a push. */
  async call(...args: Argument[]): Promise<Buffer> {
    this.write(encodeCommand(args))
    for (;;) {
      const frame = await this.frame()
      if (frame[0] !== 0x3e) return frame
    }
  }

  /** The next frame, pushes included. Rejects when the connection ends or the time is up first. */
  async frame(): Promise<Buffer> {
    await this.until(() => this.end - this.start >= this.needed && this.scan(), 'a reply')
    return this.take(frameEnd(this.held, 0))
  }

  /** Waits until the server closes the connection; returns the bytes received and not yet taken. */
  async closed(): Promise<Buffer> {
    await this.until(() => this.ended, 'the connection to close')
    return this.take(this.end - this.start)
  }

  /** True once the server has closed it. */
  get isClosed(): boolean {
    return this.ended
  }

  /** Closes in order: resolves when the server has forgotten the connection too (or the time is up). */
  async hangUp(): Promise<void> {
    this.socket.end()
    await this.until(() => this.ended, 'the end').catch(() => this.socket.destroy())
  }

  close(): void {
    this.socket.destroy()
  }

  private get held(): Buffer {
    return this.received.subarray(this.start, this.end)
  }

  private scan(): boolean {
    const end = frameEnd(this.held, 0)
    if (end <= this.end - this.start) return true
    this.needed = end
    return false
  }

  private take(size: number): Buffer {
    const bytes = Buffer.from(this.received.subarray(this.start, this.start + size))
    this.start += size
    this.needed = 1
    return bytes
  }

  private keep(chunk: Buffer): void {
    if (this.end + chunk.length > this.received.length) {
      const held = this.held
      const room = 2 * (held.length + chunk.length)
      const target = room > this.received.length ? Buffer.allocUnsafe(room) : this.received
      held.copy(target)
      this.received = target
      this.start = 0
      this.end = held.length
    }
    chunk.copy(this.received, this.end)
    this.end += chunk.length
    this.wake?.()
  }

  private async until(done: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + this.timeoutMs
    while (!done()) {
      const held = printable(this.held)
      if (this.ended) throw new Error(`the connection ended while waiting for ${what}; received ${held}`)
      const left = deadline - Date.now()
      if (left <= 0) throw new Error(`no sign of ${what} within ${this.timeoutMs} ms; received ${held}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.wake = null
    }
  }
}

/**
 * End of the RESP2 or RESP3 frame that starts at `at`; more than `bytes.length` when it is not all there.
 * An attribute belongs to the frame it precedes.
 */
export function frameEnd(bytes: Buffer, at: number): number {
  const line = bytes.indexOf('\r\n', at)
  if (line === -1) return bytes.length + 1
  const type = String.fromCharCode(bytes[at])
  if ('+-:_#,('.includes(type)) return line + 2
  const count = Number(bytes.toString('latin1', at + 1, line))
  if (!'$!=*~>%|'.includes(type) || !Number.isInteger(count)) {
    throw new Error(`not a reply: ${printable(bytes.subarray(at))}`)
  }
  let end = line + 2
  if ('$!='.includes(type)) return count < 0 ? end : end + count + 2
  const elements = type === '%' ? 2 * count : type === '|' ? 2 * count + 1 : count
  for (let i = 0; i < elements; i++) {
    if (end >= bytes.length) return bytes.length + 1
    end = frameEnd(bytes, end)
    if (end > bytes.length) return end
  }
  return end
}

/** Bytes as quoted text with escapes, cut after `limit` characters. */
export function printable(bytes: Buffer, limit = 600): string {
  const text = bytes
    .toString('latin1', 0, limit)
    .replaceAll(/[\\"]/g, (c) => `\\${c}`)
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n')
    .replaceAll(/[^\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return `"${text}"${bytes.length > limit ? ` … (${bytes.length} bytes)` : ''}`
}
