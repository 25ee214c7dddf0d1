/**
 * Wires the parts into a running server: engine, listeners, cron. It decides the order of start and stop and
 * nothing else.
 */
import { families } from '../commands/families.ts'
import type { Configuration } from '../config/configuration.ts'
import { Engine } from '../engine/engine.ts'
import { type Address, Listener } from '../network/listener.ts'
import { type Clock, SystemClock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { LoopDelay } from '../platform/loop-delay.ts'
import { type Random, systemRandom } from '../platform/random.ts'
import { SystemTimers, type Timers } from '../platform/timers.ts'
import { Cron } from './cron.ts'

/** What a server takes from its surroundings; tests and embedders may replace time and chance. */
export interface ServerParts {
  readonly configuration: Configuration
  readonly log: Log
  readonly clock?: Clock
  readonly timers?: Timers
  readonly random?: Random
  /** Called once when the server has stopped by itself, on SHUTDOWN. */
  readonly onStopped?: () => void
}

export class Server {
  readonly engine: Engine
  private readonly listener: Listener
  private readonly cron: Cron
  private readonly loopDelay: LoopDelay
  private stopping: Promise<void> | null

  constructor(parts: ServerParts) {
    this.engine = new Engine({
      configuration: parts.configuration,
      log: parts.log,
      clock: parts.clock ?? new SystemClock(),
      timers: parts.timers ?? new SystemTimers(),
      random: parts.random ?? systemRandom(),
      families,
      shutdown: () => {
        void this.stop().then(() => parts.onStopped?.())
      },
    })
    this.listener = new Listener(this.engine)
    this.loopDelay = new LoopDelay()
    this.cron = new Cron(this.engine, this.loopDelay, () => this.listener.closeIdle())
    this.stopping = null
  }

  /**
   * Listens and starts the cron. With `ephemeral` a port of 0 takes a free port instead of none. Resolves with
   * the addresses; rejects with a one-line error when one cannot be had.
   */
  async start(options: { ephemeral?: boolean } = {}): Promise<Address[]> {
    const { log, settings } = this.engine
    log.notice('Server initialized')
    const addresses = await this.listener.listen(options)
    this.cron.start()
    if (settings.port > 0) log.notice('Ready to accept connections tcp')
    if (settings.unixsocket !== '') log.notice('Ready to accept connections unix')
    return addresses
  }

  /** Closes listeners and connections and stops the cron. Resolves when all is closed; safe to call twice. */
  stop(): Promise<void> {
    this.stopping ??= this.close()
    return this.stopping
  }

  private async close(): Promise<void> {
    this.cron.stop()
    this.loopDelay.stop()
    await this.listener.close()
    this.engine.log.warning('Respite is now ready to exit, bye bye...')
  }
}
