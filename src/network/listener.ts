/**
 * The sockets clients connect to: the addresses of `bind`, and the unix socket. Decides who may connect; what
 * happens on a connection is connection.ts's.
 */
import { chmodSync, closeSync } from 'node:fs'
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import type { Settings } from '../config/settings.ts'
import { reasonOf } from '../config/system-errors.ts'
import type { Engine } from '../engine/engine.ts'
import type { InheritedSocket } from '../platform/inherited-sockets.ts'
import { SystemTimers } from '../platform/timers.ts'
import { type ErrorReply, PROTECTED_MODE, TOO_MANY_CLIENTS } from '../protocol/error-replies.ts'
import { Connection } from './connection.ts'
import { hostOptions, isLocal, removeStaleSocket } from './places.ts'
import { type CertificateInUse, TLS_SETTINGS, TlsFront } from './tls.ts'

export interface ListenerOptions {
  /** Read by 'data' events even where reading into our own memory would work: for tests. */
  readonly plainReads?: boolean
}

/** Where a server can be reached. */
export interface Address {
  /** An IP address; null for a unix socket. */
  readonly host: string | null
  readonly port: number
  /** Of a unix socket. */
  readonly path: string | null
  /** It speaks TLS. */
  readonly secure: boolean
}

export interface ListenChoice {
  readonly ephemeral?: boolean
  readonly background?: boolean
  /** Sockets that the service manager passed: they replace what the settings name. */
  readonly inherited?: readonly InheritedSocket[]
}

/** The settings that say where it listens. */
export type Where = Pick<Settings, 'port' | 'tlsPort' | 'bind'>

/** Where a listening socket is, with the port it has. */
interface Place {
  readonly where: ListenOptions
  readonly secure: boolean
}

/** The sockets there were before a move, those that stay, and those that had to go for new ones. */
interface Before {
  readonly servers: readonly Server[]
  readonly kept: Set<Server>
  readonly closed: Server[]
}

/** Address families or addresses this system does not have: `bind` goes on without them. */
const UNSUPPORTED = new Set([
  'EAFNOSUPPORT',
  'EPROTONOSUPPORT',
  'ESOCKTNOSUPPORT',
  'EPFNOSUPPORT',
  'ENOPROTOOPT',
])

/** For sockets that were passed, so that listening on them again does not shorten the queue that others gave them. */
const BACKLOG_MAX = 65_535

/** For peers to end their connections once the server has ended them because it stops, milliseconds. */
const LINGER_MAX = 100

export class Listener {
  private readonly engine: Engine
  private readonly plainReads: boolean
  private servers: Server[]
  private readonly places: WeakMap<Server, Place>
  private readonly connections: Set<Connection>
  readonly tls: TlsFront
  /** The move() under way and those that wait for it. */
  private moving: Promise<void>
  /** Sockets that were passed and that nobody is accepted on yet. */
  private passed: readonly InheritedSocket[]
  private accepting: Promise<void> | null
  /** The port taken where the setting names none; 0 where it was not to be. */
  private freePort: number
  private closed: boolean
  /** Neither the listening sockets nor the connections keep the process alive. */
  private background: boolean

  constructor(engine: Engine, options: ListenerOptions = {}) {
    this.engine = engine
    this.plainReads = options.plainReads ?? false
    this.servers = []
    this.places = new WeakMap()
    this.moving = Promise.resolve()
    this.passed = []
    this.accepting = null
    this.freePort = 0
    this.closed = false
    this.connections = new Set()
    this.background = false
    this.tls = new TlsFront(engine.settings, (socket) => this.connect(socket, true), engine.clock)
    for (const name of TLS_SETTINGS) engine.configuration.onChange(name, () => this.updateTls())
  }

  /**
   * Listens on what the settings name, and resolves to it. `ephemeral`: on a free port instead of the setting
   * `port`, whose 0 means no plain TCP at all. `background`: the process need not stay for it. `inherited`: on these
   * instead, once acceptPassed() is called. Rejects with a one-line Error when an address cannot be had, or without
   * what TLS needs; then it listens on none.
   */
  async listen(options: ListenChoice = {}): Promise<Address[]> {
    const { settings } = this.engine
    this.background = options.background ?? false
    try {
      this.passed = this.takePassed(options.inherited ?? [])
      if (this.passed.length > 0) return []
      if (options.ephemeral === true) this.freePort = await this.listenTcp(0, settings.bind)
      else if (settings.port !== 0) await this.listenTcp(settings.port, settings.bind)
      if (settings.tlsPort !== 0) await this.listenTls(settings.tlsPort, settings.bind)
      if (settings.unixsocket !== '') await this.listenUnix(settings.unixsocket, settings.unixsocketperm)
      if (this.servers.length === 0) throw new Error('Configured to not listen anywhere, exiting.')
    } catch (error) {
      this.closeServers()
      throw error
    }
    return this.addresses
  }

  /**
   * Accepts on the sockets that were passed, if there are any; whoever has connected to them so far has waited in the
   * system's queue. Rejects with a one-line Error when one of them is none to listen on. Safe to call twice.
   */
  acceptPassed(): Promise<void> {
    this.accepting ??= this.openPassed()
    return this.accepting
  }

  /** The names of the sockets that were passed and are served, or will be. */
  get passedNames(): string[] {
    return this.passed.map(({ name }) => name || 'redis')
  }

  get addresses(): Address[] {
    return this.servers.map((server) => {
      const address = server.address()
      const secure = this.places.get(server)?.secure === true
      if (address === null || typeof address === 'string')
        return { host: null, port: 0, path: address, secure }
      return { host: address.address, port: address.port, path: null, secure }
    })
  }

  /**
   * Listens where these say from now on; connections stay. Where nothing changes the socket stays too, and old ones go
   * when the new ones are there, but for those whose address the new ones cover (127.0.0.1 and *). Rejects with a
   * one-line Error when an address cannot be had, or without what TLS needs; then it listens as before.
   */
  move(to: Where): Promise<void> {
    const moved = this.moving.then(() => this.moveNow(to))
    this.moving = moved.catch(() => {})
    return moved
  }

  private async moveNow(to: Where): Promise<void> {
    if (this.servers.some((server) => 'fd' in (this.places.get(server)?.where ?? {}))) {
      throw new Error('The service manager opened the sockets: it says where they listen')
    }
    const before: Before = { servers: [...this.servers], kept: new Set(), closed: [] }
    try {
      const port = to.port === 0 ? this.freePort : to.port
      if (port !== 0) await this.listenTcp(port, to.bind, { before })
      if (to.tlsPort !== 0) await this.listenTls(to.tlsPort, to.bind, before)
    } catch (error) {
      for (const server of this.servers) if (!before.servers.includes(server)) this.closeServer(server)
      for (const server of before.closed) {
        const place = this.places.get(server)
        if (place !== undefined) await this.open(place.where, place.secure)
      }
      throw error
    }
    const tcp = before.servers.filter((server) => this.places.get(server)?.where.path === undefined)
    for (const server of tcp) if (!before.kept.has(server)) this.closeServer(server)
  }

  /** What new connections over TLS are shown; null without TLS. */
  get certificate(): CertificateInUse | null {
    return this.tls.certificate
  }

  /** New connections get what the settings and files say now, old ones live on. Returns null, or why they don't. */
  reloadTls(): string | null {
    // Whatever is set before TLS is in use is read when it is.
    return this.tls.certificate === null ? null : this.tls.configure(this.engine.clock.now)
  }

  /**
   * Stops listening and closes every connection; replies already made are still written. In a process of its own it
   * ends them, so that none is reset, and cuts off only peers that have not ended theirs soon.
   */
  async close(): Promise<void> {
    this.closed = true
    const closed = this.servers.map((server) => new Promise((resolve) => server.once('close', resolve)))
    this.closeServers()
    this.engine.pushes.distribute()
    for (const connection of this.connections) {
      if (this.background) connection.cut()
      else connection.part()
    }
    // A real one: the clock of a test may stand still, and the system's sockets do not.
    const lingering = this.background
      ? null
      : new SystemTimers().timeout(() => this.destroyAll(), LINGER_MAX, true)
    this.tls.close()
    await Promise.all(closed)
    lingering?.cancel()
  }

  private destroyAll(): void {
    for (const connection of this.connections) connection.destroy()
  }

  /** Closes clients that have been idle for longer than `timeout` says. Cron calls it about once a second. */
  closeIdle(): void {
    const { clock, settings } = this.engine
    for (const connection of this.connections) connection.closeIfIdle(clock.now, settings.timeout * 1000)
  }

  /** Those of the passed sockets that clients may come by: they replace what the settings name. */
  private takePassed(sockets: readonly InheritedSocket[]): InheritedSocket[] {
    const { log, clock } = this.engine
    return sockets.filter(({ fd, name }) => {
      const secure = name === 'redis-tls'
      if (!secure && name !== 'redis' && name !== '') {
        log.warning(
          `The socket '${name}' that was passed is none of redis, redis-tls and metrics: it is closed`,
        )
        closeSync(fd)
        return false
      }
      const refused = secure && this.tls.certificate === null ? this.tls.configure(clock.now) : null
      if (refused !== null) throw new Error(`Failed to configure TLS: ${refused}`)
      return true
    })
  }

  private async openPassed(): Promise<void> {
    for (const { fd, name } of this.passed) {
      try {
        await this.open({ fd } as ListenOptions, name === 'redis-tls')
      } catch (error) {
        throw new Error(`Descriptor ${fd} is no socket to listen on: ${reasonOf(error)}`, { cause: error })
      }
    }
  }

  private async listenTls(
    port: number,
    bind: readonly string[],
    before: Before | null = null,
  ): Promise<void> {
    const { clock, log } = this.engine
    const refused = this.tls.certificate === null ? this.tls.configure(clock.now) : null
    if (refused !== null) throw new Error(`Failed to configure TLS: ${refused}`)
    const { certificate } = this.tls
    if (certificate !== null && certificate.validTo < clock.now)
      log.warning('Warning: the TLS certificate has expired')
    await this.listenTcp(port, bind, { secure: true, before })
  }

  private updateTls(): string | undefined {
    const refused = this.reloadTls()
    if (refused === null) return undefined
    this.engine.log.warning(refused)
    return 'Unable to update TLS configuration. Check server logs.'
  }

  /** Resolves to the port: several addresses share the one that the first of them was given. */
  private async listenTcp(
    configured: number,
    bind: readonly string[],
    { secure = false, before = null }: { secure?: boolean; before?: Before | null } = {},
  ): Promise<number> {
    let port = configured
    for (const entry of bind) {
      const optional = entry.startsWith('-')
      const host = optional ? entry.slice(1) : entry
      try {
        const server = await this.openOrKeep(hostOptions(host, port), secure, before)
        port = this.places.get(server)?.where.port ?? port
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? ''
        const text = `Could not create server TCP listening socket ${host}:${port}: bind: ${reasonOf(error)}`
        this.engine.log.warning(`Warning: ${text}`)
        if (UNSUPPORTED.has(code) || (optional && code === 'EADDRNOTAVAIL')) continue
        throw new Error(text, { cause: error })
      }
    }
    return port
  }

  /** The socket from before that listens there, or a new one, for which others on its port may have to go. */
  private async openOrKeep(
    where: ListenOptions & { port: number },
    secure: boolean,
    before: Before | null,
  ): Promise<Server> {
    const onPort =
      before?.servers.filter((server) => this.places.get(server)?.where.port === where.port) ?? []
    const known = onPort.find((server) => {
      const place = this.places.get(server)
      return server.listening && place?.where.host === where.host && place?.secure === secure
    })
    if (known !== undefined) {
      before?.kept.add(known)
      return known
    }
    try {
      return await this.open(where, secure)
    } catch (error) {
      const inTheWay = onPort.filter((server) => server.listening && before?.kept.has(server) === false)
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || inTheWay.length === 0) throw error
      for (const server of inTheWay) this.closeServer(server)
      before?.closed.push(...inTheWay)
      return this.open(where, secure)
    }
  }

  private async listenUnix(path: string, mode: number): Promise<void> {
    try {
      removeStaleSocket(path)
      await this.open({ path }, false)
      if (mode !== 0) chmodSync(path, mode)
    } catch (error) {
      throw new Error(`Failed opening Unix socket: bind: ${reasonOf(error)}`, { cause: error })
    }
  }

  private async open(where: ListenOptions, secure: boolean): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
      this.accept(socket, secure),
    )
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      const backlog = 'fd' in where ? BACKLOG_MAX : this.engine.settings.tcpBacklog
      server.listen({ ...where, backlog }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    // Accepting can fail later (no descriptors left); the listener stays.
    server.on('error', (error) => this.engine.log.warning(`Accepting client connection: ${reasonOf(error)}`))
    if (this.background) server.unref()
    if (this.closed) {
      server.close()
      throw new Error('the server stops')
    }
    this.servers.push(server)
    const address = server.address()
    const port = address !== null && typeof address === 'object' ? { port: address.port } : {}
    this.places.set(server, { where: { ...where, ...port }, secure })
    return server
  }

  private accept(socket: Socket, secure: boolean): void {
    const { engine } = this
    const { settings } = engine
    if (engine.clients.size + this.tls.handshakes >= settings.maxclients)
      this.reject(socket, TOO_MANY_CLIENTS, secure)
    else if (settings.protectedMode && engine.acl.defaultUser.nopass && !isLocal(socket)) {
      this.reject(socket, PROTECTED_MODE, secure)
    } else if (secure) this.tls.take(socket)
    else this.connect(socket, this.plainReads)
  }

  private connect(socket: Socket, plainReads: boolean): void {
    const connection = new Connection(this.engine, socket, plainReads)
    if (this.background) connection.unref()
    this.connections.add(connection)
    connection.onClosed = () => this.connections.delete(connection)
  }

  /** Without a handshake there is nothing to tell a TLS client that it would understand. */
  private reject(socket: Socket, reply: ErrorReply, secure: boolean): void {
    this.engine.stats.rejectedConnections++
    socket.on('error', () => {})
    if (!secure) socket.write(`-${reply.line}\r\n`)
    socket.destroySoon()
  }

  private closeServer(server: Server): void {
    server.close()
    this.servers = this.servers.filter((other) => other !== server)
  }

  private closeServers(): void {
    for (const server of this.servers) server.close()
    this.servers = []
  }
}
