/**
 * Enforces client-output-buffer-limit: a client that does not read what it is sent is closed before it costs
 * the server its memory.
 */
import type { BufferLimit } from '../config/directive.ts'
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Timers } from '../platform/timers.ts'
import type { Client } from './client.ts'
import { clientLine, clientType } from './client-line.ts'
import type { Stats } from './stats.ts'

/**
 * Output up to this size needs no check, so that a client that reads what it is sent costs one comparison.
 * It is Redis's static reply buffer, which its limits do not count either.
 */
export const CHECKED_FROM: number = 16 * 1024

/** How often clients over their soft limit are looked at, milliseconds. */
const LOOK_AGAIN_AFTER = 1000

export class OutputLimits {
  private readonly settings: Settings
  private readonly clock: Clock
  private readonly timers: Timers
  private readonly log: Log
  private readonly stats: Stats
  /** Clients over their soft limit, and since when (milliseconds since the epoch). */
  private readonly softSince: Map<Client, number>
  /** A timer is set. */
  private looking: boolean

  constructor(settings: Settings, clock: Clock, timers: Timers, log: Log, stats: Stats) {
    this.settings = settings
    this.clock = clock
    this.timers = timers
    this.log = log
    this.stats = stats
    this.softSince = new Map()
    this.looking = false
  }

  /** Whether there are limits for such a client. */
  limits(client: Client): boolean {
    const { hardBytes, softBytes } = this.limitOf(client)
    return hardBytes > 0 || softBytes > 0
  }

  /** Whether the client has to be closed for its unread output. Also notes when it passed its soft limit. */
  exceeded(client: Client): boolean {
    const limit = this.limitOf(client)
    const pending = client.reply.length + client.link.unsentBytes
    if (limit.hardBytes > 0 && pending >= limit.hardBytes) return true
    if (limit.softBytes === 0 || pending < limit.softBytes) {
      this.softSince.delete(client)
      return false
    }
    const since = this.softSince.get(client)
    if (since === undefined) {
      this.softSince.set(client, this.clock.now)
      if (!this.looking) this.lookAgain()
      return false
    }
    return this.clock.now - since > limit.softSeconds * 1000
  }

  /** Closes a client that exceeded() was true for, what it was to be sent dropped. */
  close(client: Client): void {
    this.log.warning(
      `Client ${clientLine(client)} scheduled to be closed ASAP for overcoming of output buffer limits.`,
    )
    this.stats.outputBufferDisconnections++
    client.link.destroy()
  }

  /** A client that is gone. */
  forget(client: Client): void {
    this.softSince.delete(client)
  }

  private limitOf(client: Client): BufferLimit {
    const type = clientType(client)
    return this.settings.clientOutputBufferLimit[type === 'master' ? 'replica' : type]
  }

  /** A client over its soft limit may be sent nothing more, so that nobody would ask again. */
  private lookAgain(): void {
    this.looking = true
    this.timers.timeout(() => {
      this.looking = false
      this.clock.refresh()
      for (const client of this.softSince.keys()) if (this.exceeded(client)) this.close(client)
      if (this.softSince.size > 0 && !this.looking) this.lookAgain()
    }, LOOK_AGAIN_AFTER)
  }
}
