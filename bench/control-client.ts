/** A minimal client for the bench's own questions (FLUSHALL, INFO, PING). Not for load: see loader.ts. */
import net from 'node:net'
import Parser from 'redis-parser'

export type Reply = string | number | null | Reply[]

interface Waiter {
  resolve: (reply: Reply) => void
  reject: (error: Error) => void
}

export class ControlClient {
  private readonly socket: net.Socket
  private readonly waiting: Waiter[] = []

  private constructor(socket: net.Socket) {
    this.socket = socket
    const parser = new Parser({
      returnReply: (reply: Reply) => this.waiting.shift()?.resolve(reply),
      returnError: (error: Error) => this.waiting.shift()?.reject(error),
      returnFatalError: (error: Error) => socket.destroy(error),
    })
    socket.on('data', (chunk: Buffer) => parser.execute(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const waiter of this.waiting.splice(0))
        waiter.reject(new Error('the server closed the connection'))
    })
  }

  /** A client connected to 127.0.0.1:`port`; rejects when nothing accepts there. */
  static connect(port: number): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.removeListener('error', reject)
        resolve(new ControlClient(socket))
      })
    })
  }

  /** The reply to one command; rejects with the server's text on an error reply. */
  send(...args: string[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) return reject(new Error('the connection is closed'))
      this.waiting.push({ resolve, reject })
      const bulks = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`)
      this.socket.write(`*${args.length}\r\n${bulks.join('')}`)
    })
  }

  /** Every `name:value` line of INFO (all sections), by name. */
  async info(): Promise<Map<string, string>> {
    return parseInfo(String(await this.send('INFO', 'everything')))
  }

  close(): void {
    this.socket.destroy()
  }
}

/** The `name:value` lines of an INFO reply, by name; headings and blank lines are left out. */
export function parseInfo(text: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1))
  }
  return fields
}
