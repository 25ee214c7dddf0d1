/**
 * Wires the parts into a running server: engine, listeners, cron. It decides the order of start and stop and
 * nothing else.
 */
import { families } from '../commands/families.ts'
import type { Configuration } from '../config/configuration.ts'
import { checkItself, reloadAll } from '../engine/artifacts/reload.ts'
import { Engine } from '../engine/engine.ts'
import { GATE_LOADING } from '../engine/gates.ts'
import { loadAppendOnlyFile } from '../engine/replay.ts'
import { readyToStop } from '../engine/shutdown.ts'
import { type Address, Listener } from '../network/listener.ts'
import { FileClaims } from '../persistence/file-claims.ts'
import { LoadStopped } from '../persistence/load-progress.ts'
import { type Clock, SystemClock } from '../platform/clock.ts'
import { type InheritedSocket, takeInheritedSockets } from '../platform/inherited-sockets.ts'
import type { Log } from '../platform/log.ts'
import { LoopDelay } from '../platform/loop-delay.ts'
import { CORES } from '../platform/process.ts'
import { type Random, systemRandom } from '../platform/random.ts'
import { SystemTimers, type Timers } from '../platform/timers.ts'
import { crashReport } from './crash-report.ts'
import { Cron } from './cron.ts'
import type { MetricsListener } from './metrics-listener.ts'
import { Supervision } from './supervision.ts'
import { keepWithinLimits, systemLimits } from './system-limits.ts'

/** What a server takes from its surroundings; tests and embedders may replace time and chance. */
export interface ServerParts {
  readonly configuration: Configuration
  readonly log: Log
  readonly clock?: Clock
  readonly timers?: Timers
  readonly random?: Random
  /** Called when the server has stopped because a client or a signal asked for it. */
  readonly onStopped?: () => void
  /** Called when it has stopped because it could not go on. */
  readonly onFailed?: (error: Error) => void
}

export interface StartOptions {
  /** A port of 0 takes a free port instead of none. */
  readonly ephemeral?: boolean
  /** False: there is no dataset on disk, and none is ever written. */
  readonly load?: boolean
  /**
   * The process is the server's alone: sockets that a service manager passed to it replace those the configuration
   * names, the manager hears of the server, and the event loop may be kept awake.
   */
  readonly ownProcess?: boolean
  /** False: no socket at all; clients are local connections. */
  readonly listen?: boolean
  /** Sockets do not keep the process alive. */
  readonly background?: boolean
}

/**
 * Who connects to a socket that was passed is not told that the dataset is being loaded: they wait, for that is what
 * such a socket is for. But no longer than this, milliseconds; then they are told.
 */
const HELD_WHILE_LOADING = 5000

export class Server {
  readonly engine: Engine
  private readonly listener: Listener
  private readonly cron: Cron
  private readonly loopDelay: LoopDelay
  private readonly onStopped: () => void
  private readonly onFailed: (error: Error) => void
  private metrics: MetricsListener | null
  private supervision: Supervision | null
  /** Milliseconds since the epoch. */
  private selfCheckedAt: number
  /** When somebody was connected last, milliseconds since the epoch, and how many had come by then. */
  private usedAt: number
  private visits: number
  private stopping: Promise<void> | null
  private failing: boolean

  constructor(parts: ServerParts) {
    this.onStopped = parts.onStopped ?? (() => {})
    this.onFailed = parts.onFailed ?? (() => {})
    this.engine = new Engine({
      configuration: parts.configuration,
      log: parts.log,
      clock: parts.clock ?? new SystemClock(),
      timers: parts.timers ?? new SystemTimers(),
      random: parts.random ?? systemRandom(),
      families,
      shutdown: () => this.stopByItself(),
      halt: (error) => this.fail(error),
    })
    this.listener = new Listener(this.engine)
    this.engine.artifacts.follow(this.listener.tls)
    this.selfCheckedAt = this.engine.clock.now
    this.usedAt = this.engine.clock.now
    this.visits = 0
    this.loopDelay = new LoopDelay(parts.timers === undefined)
    this.cron = new Cron(this.engine, this.loopDelay, () => this.everySecond())
    this.engine.relisten = (settings) => this.listener.move(settings)
    this.metrics = null
    this.supervision = null
    this.stopping = null
    this.failing = false
  }

  /** listen() and load(): resolves with the addresses once everything is served, rejects as they do. */
  async start(options: StartOptions = {}): Promise<Address[]> {
    const addresses = await this.listen(options)
    await this.load()
    return addresses
  }

  /**
   * Listens: until load() is done, clients are told that the dataset is being loaded, or wait at the sockets that a
   * service manager passed. Resolves with the addresses, none where sockets were passed; rejects with a one-line error
   * when one cannot be had, when another server uses the files, or when the users it is told of cannot be.
   */
  async listen(options: StartOptions = {}): Promise<Address[]> {
    const { engine } = this
    engine.acl.file.start()
    engine.dataset.enabled = options.load !== false
    engine.gates |= GATE_LOADING
    try {
      if (engine.dataset.enabled) this.claimFiles()
      if (options.ownProcess === true) {
        engine.idlePoll.enabled = CORES > 1
        keepWithinLimits(engine, systemLimits())
        this.supervision = Supervision.begin(engine)
      }
      const passed = this.passed(options)
      const inherited = passed.filter(({ name }) => name !== 'metrics')
      const forMetrics = passed.filter(({ name }) => name === 'metrics')
      const addresses = options.listen === false ? [] : await this.listener.listen({ ...options, inherited })
      await this.serveMetrics(forMetrics, options.background ?? false)
      return addresses
    } catch (error) {
      this.supervision?.stopping()
      await this.listener.close()
      await engine.dataset.claims?.release()
      throw error
    }
  }

  private passed({ ownProcess }: StartOptions): readonly InheritedSocket[] {
    if (ownProcess !== true) return []
    const { sockets, complaint } = takeInheritedSockets()
    if (complaint !== null) this.engine.log.warning(complaint)
    return sockets
  }

  /** Loaded only when it is wanted, and the HTTP server with it. */
  private async serveMetrics(passed: readonly InheritedSocket[], background: boolean): Promise<void> {
    if (this.engine.settings.metricsPort === 0 && passed.length === 0) return
    const { MetricsListener } = await import('./metrics-listener.ts')
    this.metrics = new MetricsListener(this.engine)
    await this.metrics.listen(passed, background)
    for (const address of this.metrics.addresses) this.engine.log.notice(`Metrics at ${address}`)
  }

  /** Files that this server writes by itself are its own from now on; others are once a client has it write them. */
  private claimFiles(): void {
    const { dataset, configuration, settings } = this.engine
    const claims = new FileClaims()
    dataset.claims = claims
    if (settings.save.length > 0) claims.claim(dataset.path)
    if (settings.appendonly) claims.claim(configuration.path('appenddirname'))
  }

  /**
   * Loads the dataset and starts the cron. Rejects with a one-line error when its file cannot be loaded, which is left
   * as it is; then the server has stopped. Resolves too when it was told to stop meanwhile.
   */
  async load(): Promise<void> {
    const { engine } = this
    const { dataset, log, settings } = engine
    if (this.stopping !== null) return this.stopping
    log.notice('Server initialized')
    this.supervision?.loading()
    const holding = engine.timers.timeout(() => this.acceptWhileLoading(), HELD_WHILE_LOADING)
    try {
      if (dataset.enabled) await this.loadFiles()
      if (this.stopping !== null) return this.stop()
      engine.gates &= ~GATE_LOADING
      await this.listener.acceptPassed()
    } catch (error) {
      if (error instanceof LoadStopped || this.stopping !== null) return this.stop()
      await this.closeAll()
      throw error
    } finally {
      holding.cancel()
    }
    if (this.stopping !== null) return this.stopping
    // Nobody was served who could have been held up.
    this.loopDelay.takeMaxMicros()
    this.cron.start()
    this.supervision?.ready()
    const { passedNames } = this.listener
    if (passedNames.length > 0) {
      log.notice(`Ready to accept connections on the sockets that were passed: ${passedNames.join(' ')}`)
      return
    }
    if (settings.port > 0) log.notice('Ready to accept connections tcp')
    if (settings.tlsPort > 0) log.notice('Ready to accept connections tls')
    if (settings.unixsocket !== '') log.notice('Ready to accept connections unix')
  }

  private acceptWhileLoading(): void {
    // load() tells why it fails.
    this.listener.acceptPassed().catch(() => {})
  }

  /** The append-only file wins over the RDB file: it is the newer one wherever it is written at all. */
  private async loadFiles(): Promise<void> {
    const { engine } = this
    const { dataset, settings, aof } = engine
    if (!settings.appendonly) {
      await dataset.load()
      return
    }
    aof.directory.settleUpgrading()
    if (aof.directory.manifest.files.length > 0) await loadAppendOnlyFile(engine)
    // Redis would start empty, and soon write that over the file.
    else if (await dataset.load())
      engine.log.notice('There is no append only file yet: it begins with what was loaded.')
    aof.start()
  }

  /** Where clients can reach it now. */
  get addresses(): Address[] {
    return this.listener.addresses
  }

  /** Until when, milliseconds since the epoch, nothing falls due by itself but timeouts and deadlines of keys. */
  idleUntil(): number {
    const { clock, settings } = this.engine
    // Every second may be the last.
    if (settings.idleExit > 0) return clock.now
    const interval = settings.selfCheckInterval * 1000
    const check = interval === 0 ? Number.POSITIVE_INFINITY : this.selfCheckedAt + interval
    return Math.min(this.cron.idleUntil(), check)
  }

  /** It stops or has stopped, whoever wanted that. */
  get ending(): boolean {
    return this.stopping !== null
  }

  /** The dataset is not there yet, or not all of it. */
  get loading(): boolean {
    return (this.engine.gates & GATE_LOADING) !== 0
  }

  /**
   * Saves, if all is loaded and there are save points or what is configured for the signal (null: none) says so, and
   * stops. False when saving failed: then it goes on, so that nothing is lost.
   */
  shutdown(signal: string | null = null): boolean {
    const { save, shutdownOnSigint, shutdownOnSigterm } = this.engine.settings
    const onSignal: readonly string[] = signal === 'SIGINT' ? shutdownOnSigint : shutdownOnSigterm
    const how = signal === null ? [] : onSignal
    const wanted = how.includes('save') || (save.length > 0 && !how.includes('nosave'))
    if (!readyToStop(this.engine, wanted && !this.loading, how.includes('force'))) return false
    this.stopByItself()
    return true
  }

  /** What the log says of an error that nobody caught; one line with crash-log-enabled no. */
  crashReport(error: unknown): string[] {
    return crashReport(this.engine, error)
  }

  /** Closes listeners and connections and stops the cron. Resolves when all is closed; safe to call twice. */
  stop(): Promise<void> {
    this.stopping ??= this.close()
    return this.stopping
  }

  /** Loads configuration, users and certificates again: what SIGHUP asks for. The log tells what came of it. */
  reload(): void {
    this.engine.clock.refresh()
    if (!this.loading) this.supervision?.reloading()
    reloadAll(this.engine)
    if (!this.loading) this.supervision?.ready()
  }

  private everySecond(): void {
    const { clock, settings } = this.engine
    this.listener.closeIdle()
    this.exitIfIdle()
    const interval = settings.selfCheckInterval * 1000
    if (interval === 0 || clock.now - this.selfCheckedAt < interval) return
    this.selfCheckedAt = clock.now
    checkItself(this.engine)
  }

  /** idle-exit: nobody has been connected for long enough, and everything can be kept. */
  private exitIfIdle(): void {
    const { clients, clock, settings, keyspace, stats, log } = this.engine
    const kept = keyspace.dirty === 0 || settings.save.length > 0 || settings.appendonly
    // Also by those who have come and gone since the last look.
    const used =
      clients.size > 0 || this.listener.tls.handshakes > 0 || stats.connectionsReceived !== this.visits
    this.visits = stats.connectionsReceived
    if (settings.idleExit === 0 || used || !kept) {
      this.usedAt = clock.now
      return
    }
    if (clock.now - this.usedAt < settings.idleExit * 1000) return
    log.notice(`No client for ${settings.idleExit} seconds (idle-exit), scheduling shutdown...`)
    this.usedAt = clock.now
    this.shutdown()
  }

  private stopByItself(): void {
    void this.stop().then(this.onStopped)
  }

  /** Drops every client without another word and stops. */
  private fail(error: Error): void {
    if (this.stopping !== null || this.failing) return
    // Ending may fail in the same way again.
    this.failing = true
    this.engine.log.warning(error.message)
    for (const client of this.engine.clients.values()) client.link.destroy()
    this.stopping = this.closeAll()
    void this.failed(error)
  }

  private async failed(error: Error): Promise<void> {
    await this.stopping
    this.onFailed(error)
  }

  private async close(): Promise<void> {
    await this.closeAll()
    this.engine.log.warning('Respite is now ready to exit, bye bye...')
  }

  private async closeAll(): Promise<void> {
    this.supervision?.stopping()
    this.engine.dataset.loading?.stop()
    this.cron.stop()
    this.loopDelay.stop()
    // What could not be written down is not to be acknowledged at the last moment either.
    if (!this.engine.aof.end()) for (const client of this.engine.clients.values()) client.link.destroy()
    this.engine.snapshots.abort()
    this.engine.migrations.close()
    this.engine.pause.close()
    await this.listener.close()
    await this.metrics?.close()
    await this.engine.dataset.claims?.release()
  }
}
