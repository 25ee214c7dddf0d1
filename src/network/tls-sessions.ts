/**
 * Sessions that peers may resume without a handshake from the beginning: those of TLS 1.2 and older whose peers take no
 * tickets. All others carry their session in a ticket, of which nothing is kept here. Node has OpenSSL's own cache
 * switched off, so this is tls-session-cache-size.
 */
import type { Server } from 'node:tls'
import type { Clock } from '../platform/clock.ts'

/** As OpenSSL writes the version of TLS 1.3 into a session: an integer of two bytes. */
const VERSION_1_3 = Buffer.from([0x02, 0x02, 0x03, 0x04])
/** Bytes in front of it at most: of a sequence, and of the integer before. */
const BEFORE_VERSION = 8

interface Session {
  readonly data: Buffer
  /** Monotonic microseconds. */
  readonly at: number
}

export class TlsSessions {
  /** By id; the oldest first. */
  private readonly kept: Map<string, Session>
  private readonly size: number
  private readonly micros: number
  private readonly clock: Clock

  /** Keeps at most `size` of them, 0 for any number, for so many seconds. */
  constructor(size: number, seconds: number, clock: Clock) {
    this.kept = new Map()
    this.size = size
    this.micros = seconds * 1_000_000
    this.clock = clock
  }

  get count(): number {
    return this.kept.size
  }

  serve(server: Server): void {
    server.on('newSession', (id: Buffer, data: Buffer, done: () => void) => {
      this.add(id.toString('latin1'), data)
      done()
    })
    server.on('resumeSession', (id: Buffer, done: (error: Error | null, data: Buffer | null) => void) => {
      done(null, this.find(id.toString('latin1')))
    })
  }

  add(id: string, data: Buffer): void {
    const version = data.indexOf(VERSION_1_3)
    if (version >= 0 && version <= BEFORE_VERSION) return
    const { kept, size, clock } = this
    kept.set(id, { data, at: clock.monotonicMicros() })
    for (const [oldest, session] of kept) {
      if (!this.isOver(session) && (size === 0 || kept.size <= size)) return
      kept.delete(oldest)
    }
  }

  find(id: string): Buffer | null {
    const session = this.kept.get(id)
    return session === undefined || this.isOver(session) ? null : session.data
  }

  private isOver({ at }: Session): boolean {
    return this.clock.monotonicMicros() - at > this.micros
  }
}
