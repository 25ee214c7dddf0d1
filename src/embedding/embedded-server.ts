/** A server inside this process, as createServer() hands it out: its address, calls without a socket, its end. */
import type { Configuration } from '../config/configuration.ts'
import type { Address } from '../network/listener.ts'
import { ManualClock, SystemClock } from '../platform/clock.ts'
import { type Log, silentLog } from '../platform/log.ts'
import { SeededRandom, systemRandom } from '../platform/random.ts'
import { ManualTimers } from '../platform/timers.ts'
import type { Reply } from '../protocol/reply-reader.ts'
import { Server } from '../server/server.ts'
import {
  type Argument,
  type ConnectionOptions,
  closedError,
  EmbeddedConnection,
} from './embedded-connection.ts'
import { LoggerLog } from './logger.ts'
import { MovedTime } from './moved-time.ts'
import { configurationOf, inheritSettings, optionsElsewhere, type ServerOptions } from './options.ts'
import { ServerClock } from './server-clock.ts'
import { type KeyDetails, type KeyOptions, ServerData } from './server-data.ts'
import { ServerFaults } from './server-faults.ts'

/** What `new Redis(…)` of ioredis and `createClient(…)` of node-redis both understand. */
export interface ClientOptions {
  readonly host: string
  readonly port: number
  /** For a unix socket, in place of host and port. */
  readonly path?: string
  readonly password?: string
  /** For a server with a TLS port only. Where nobody vouches for its certificate, put `{ ca }` in place of it. */
  readonly tls?: Record<string, never>
  /** The same once more, where node-redis looks for it. */
  readonly socket: {
    readonly host: string
    readonly port: number
    readonly path?: string
    readonly tls?: true
  }
}

const NOWHERE: Address = { host: null, port: 0, path: null, secure: false }

export class RespiteServer {
  private readonly options: ServerOptions
  private readonly server: Server
  /** What time it is for the server; of a server with `clock: 'manual'` it can be moved. */
  readonly clock: ServerClock
  /** What goes wrong for its clients, at a test's wish. */
  readonly faults: ServerFaults
  private readonly configuration: Configuration
  /** Resolves when the server has ended: to null, or to why it could not go on. Never rejects. */
  readonly ended: Promise<Error | null>
  private readonly ending: Ending
  /** Where it was last seen to listen. */
  private lastAddress: Address
  private readonly connections: Set<EmbeddedConnection>
  /** Those of call(): the first for nearly all, others while it waits for a blocking command. */
  private readonly callers: EmbeddedConnection[]
  private readonly moved: MovedTime | null
  private readonly data: ServerData
  private closed: boolean

  private constructor(
    options: ServerOptions,
    server: Server,
    configuration: Configuration,
    moved: MovedTime | null,
    ending: Ending,
  ) {
    this.options = options
    this.server = server
    this.moved = moved
    this.data = new ServerData(server.engine)
    this.clock = new ServerClock(server.engine.clock, moved)
    this.faults = new ServerFaults(server.engine, options.seed ?? server.engine.random.uint32())
    this.configuration = configuration
    this.lastAddress = server.addresses[0] ?? NOWHERE
    this.ended = ending.ended
    this.ending = ending
    this.connections = new Set()
    this.callers = []
    this.closed = false
  }

  /** What createServer() does. */
  static async start(options: ServerOptions): Promise<RespiteServer> {
    return RespiteServer.startWith(options, configurationOf(options))
  }

  private static async startWith(
    options: ServerOptions,
    configuration: Configuration,
  ): Promise<RespiteServer> {
    const { seed } = options
    const ending = new Ending()
    const time = options.clock === 'manual' ? manualTime(options) : null
    const server = new Server({
      configuration,
      log: logOf(configuration, options),
      random: seed === undefined ? systemRandom() : new SeededRandom(seed),
      onStopped: () => ending.end(null),
      onFailed: (error) => ending.end(error),
      ...time,
    })
    const moved = time === null ? null : new MovedTime(server, time.clock, time.timers)
    const { port, tlsPort } = configuration.settings
    const starting = server.start({
      // With a TLS port, 0 can mean what it does in redis.conf: no other.
      ephemeral: port === 0 && (options.port === undefined || tlsPort === 0),
      load: options.dir !== undefined,
      listen: options.listen !== false,
      background: options.keepAlive !== true,
    })
    // Whatever of it has begun ends with it.
    await starting.catch((error: Error) => server.stop().then(() => Promise.reject(withCode(error))))
    const started = new RespiteServer(options, server, configuration, moved, ending)
    // SHUTDOWN or a fault ends what is connected without a socket, too.
    void ending.ended.then(() => started.close())
    return started
  }

  /** CONFIG SET may have moved it, and an ended server keeps the address it had. */
  private get address(): Address {
    const { addresses } = this.server
    const plain = addresses.find(({ host, secure }) => host !== null && !secure)
    return plain ?? addresses[0] ?? this.lastAddress
  }

  /**
   * An IP address to reach it at, 127.0.0.1 unless `bind` says otherwise; '' where it listens on a unix socket only or
   * not at all.
   */
  get host(): string {
    const { host } = this.address
    // All addresses are none to connect to, at least on Windows.
    if (host === '0.0.0.0') return '127.0.0.1'
    return host === '::' ? '::1' : (host ?? '')
  }

  /** The port it listens on; 0 where it listens on none. */
  get port(): number {
    return this.address.port
  }

  /** "redis://127.0.0.1:50123"; "rediss://…" when there is a TLS port only, '' when it does not listen. */
  get url(): string {
    const { port, path, secure } = this.address
    const { host } = this
    if (path !== null) return `unix://${path}`
    if (host === '') return ''
    return `${secure ? 'rediss' : 'redis'}://${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  /** How to reach it, password included, for the constructors of ioredis and node-redis. */
  connectionOptions(): ClientOptions {
    const { host, port } = this
    const { path, secure } = this.address
    const { requirepass } = this.configuration.settings
    const where = { host, port, ...(path === null ? {} : { path }) }
    return {
      ...where,
      ...(requirepass === '' ? {} : { password: requirepass }),
      ...(secure ? { tls: {} } : {}),
      socket: secure ? { ...where, tls: true } : where,
    }
  }

  /** A client of its own without a socket, logged in where `requirepass` is set. */
  connection(options: ConnectionOptions = {}): EmbeddedConnection {
    this.follow()
    const connection = new EmbeddedConnection(this.server.engine, options)
    this.connections.add(connection)
    connection.onClosed(() => this.connections.delete(connection))
    if (this.closed) connection.close()
    return connection
  }

  /**
   * Runs one command without a socket; see EmbeddedConnection.call(). Calls share a connection, what SELECT and MULTI do
   * to it included, but none waits for a blocking one, and faults leave them alone.
   */
  call<T = Reply>(command: string, ...args: readonly Argument[]): Promise<T> {
    return this.caller().call<T>(command, ...args)
  }

  /** call() with Buffers for strings. */
  callBuffer<T = Reply>(command: string, ...args: readonly Argument[]): Promise<T> {
    return this.caller().callBuffer<T>(command, ...args)
  }

  /** All data as the bytes of an RDB file, as SAVE would write it. */
  snapshot(): Buffer {
    return this.data.snapshot()
  }

  /**
   * Replaces all data by that of an RDB file: a snapshot() of this or another server, or a dump.rdb of Redis. Rejects
   * with an Error that says what is wrong with the bytes; then the data are as they were.
   */
  async restore(bytes: Uint8Array): Promise<void> {
    this.data.restore(bytes, false)
    this.moved?.dataReplaced()
  }

  /** Removes all data; FLUSHALL, which neither a pause, a rule nor a fault keeps from it. */
  async flush(): Promise<void> {
    if (this.closed) throw closedError()
    this.data.flush()
  }

  /**
   * Starts a server of its own with the same data, settings and time, that listens on a free port and keeps nothing on
   * disk. Users are those of the options, and the default one.
   */
  async fork(): Promise<RespiteServer> {
    const bytes = this.snapshot()
    const now = this.moved === null ? undefined : this.clock.now
    const options = { ...optionsElsewhere(this.options), now }
    const configuration = configurationOf(options)
    inheritSettings(configuration, this.configuration)
    const fork = await RespiteServer.startWith(options, configuration)
    fork.data.restore(bytes, true)
    return fork
  }

  /** The names of all keys, or of those that match a pattern, sorted. Looking leaves no trace: no hit, no access. */
  keys(pattern = '*', options: KeyOptions = {}): string[] {
    return this.data.keys(pattern, options)
  }

  /** What is under a key, null where there is none. Looking leaves no trace either. */
  inspect(key: string | Uint8Array, options: KeyOptions = {}): KeyDetails | null {
    return this.data.inspect(key, options)
  }

  /** Closes every connection and stops listening. It does not save; SAVE does. Safe to call twice. */
  async close(): Promise<void> {
    this.closed = true
    for (const connection of this.connections) connection.close()
    this.lastAddress = this.address
    await this.server.stop()
    this.ending.end(null)
  }

  /** `await using server = await createServer()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** After SHUTDOWN there is nobody to call, though the end takes a moment. */
  private follow(): void {
    if (this.server.ending && !this.closed) void this.close()
  }

  private caller(): EmbeddedConnection {
    this.follow()
    const free = this.callers.find((connection) => connection.idle)
    if (free !== undefined) return free
    const connection = this.connection({ faults: false })
    this.callers.push(connection)
    // QUIT and CLIENT KILL can end it.
    connection.onClosed(() => void this.callers.splice(this.callers.indexOf(connection), 1))
    return connection
  }
}

function manualTime({ now }: ServerOptions): { clock: ManualClock; timers: ManualTimers } {
  const clock = new ManualClock(Math.floor(Number(now ?? new SystemClock().now)))
  return { clock, timers: new ManualTimers(clock, true) }
}

/** The end to come: only the first call of end() counts. */
class Ending {
  readonly ended: Promise<Error | null>
  private resolve: ((error: Error | null) => void) | null

  constructor() {
    this.resolve = null
    this.ended = new Promise((resolve) => {
      this.resolve = resolve
    })
  }

  end(error: Error | null): void {
    this.resolve?.(error)
  }
}

/** With the code of what it came from (EADDRINUSE), if that has one. */
function withCode(error: Error): Error {
  const { code } = (error.cause ?? {}) as { code?: unknown }
  return typeof code === 'string' ? Object.assign(error, { code }) : error
}

function logOf(configuration: Configuration, { logger }: ServerOptions): Log {
  if (logger === undefined) return silentLog()
  const log = new LoggerLog(configuration.settings.loglevel, logger)
  configuration.onChange('loglevel', (level) => {
    log.level = level
    return undefined
  })
  return log
}
