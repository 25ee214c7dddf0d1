/**
 * The sockets clients connect to: the addresses of `bind`, and the unix socket. Decides who may connect; what
 * happens on a connection is connection.ts's.
 */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import { reasonOf } from '../config/system-errors.ts'
import type { Engine } from '../engine/engine.ts'
import { type ErrorReply, PROTECTED_MODE, TOO_MANY_CLIENTS } from '../protocol/error-replies.ts'
import { Connection } from './connection.ts'
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

/** Address families or addresses this system does not have: `bind` goes on without them. */
const UNSUPPORTED = new Set([
  'EAFNOSUPPORT',
  'EPROTONOSUPPORT',
  'ESOCKTNOSUPPORT',
  'EPFNOSUPPORT',
  'ENOPROTOOPT',
])

export class Listener {
  private readonly engine: Engine
  private readonly plainReads: boolean
  private servers: Server[]
  /** Those that speak TLS. */
  private readonly secure: WeakSet<Server>
  private readonly connections: Set<Connection>
  readonly tls: TlsFront
  /** Neither the listening sockets nor the connections keep the process alive. */
  private background: boolean

  constructor(engine: Engine, options: ListenerOptions = {}) {
    this.engine = engine
    this.plainReads = options.plainReads ?? false
    this.servers = []
    this.secure = new WeakSet()
    this.connections = new Set()
    this.background = false
    this.tls = new TlsFront(engine.settings, (socket) => this.connect(socket, true))
    for (const name of TLS_SETTINGS) engine.configuration.onChange(name, () => this.updateTls())
  }

  /**
   * Listens on what the settings name, and resolves to it. `ephemeral`: on a free port instead of the setting
   * `port`, whose 0 means no plain TCP at all. `background`: the process need not stay for it. Rejects with a one-line
   * Error when an address cannot be had, or without what TLS needs; then it listens on none.
   */
  async listen(options: { ephemeral?: boolean; background?: boolean } = {}): Promise<Address[]> {
    const { settings } = this.engine
    this.background = options.background ?? false
    try {
      if (options.ephemeral === true) await this.listenTcp(0, false)
      else if (settings.port !== 0) await this.listenTcp(settings.port, false)
      if (settings.tlsPort !== 0) await this.listenTls(settings.tlsPort)
      if (settings.unixsocket !== '') await this.listenUnix(settings.unixsocket, settings.unixsocketperm)
      if (this.servers.length === 0) throw new Error('Configured to not listen anywhere, exiting.')
    } catch (error) {
      this.closeServers()
      throw error
    }
    return this.addresses
  }

  get addresses(): Address[] {
    return this.servers.map((server) => {
      const address = server.address()
      const secure = this.secure.has(server)
      if (address === null || typeof address === 'string')
        return { host: null, port: 0, path: address, secure }
      return { host: address.address, port: address.port, path: null, secure }
    })
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

  /** Stops listening and closes every connection; replies already made are still written. */
  async close(): Promise<void> {
    const closed = this.servers.map((server) => new Promise((resolve) => server.once('close', resolve)))
    this.closeServers()
    for (const connection of this.connections) connection.cut()
    this.tls.close()
    await Promise.all(closed)
  }

  /** Closes clients that have been idle for longer than `timeout` says. Cron calls it about once a second. */
  closeIdle(): void {
    const { clock, settings } = this.engine
    for (const connection of this.connections) connection.closeIfIdle(clock.now, settings.timeout * 1000)
  }

  private async listenTls(port: number): Promise<void> {
    const { clock, log } = this.engine
    const refused = this.tls.configure(clock.now)
    if (refused !== null) throw new Error(`Failed to configure TLS: ${refused}`)
    const { certificate } = this.tls
    if (certificate !== null && certificate.validTo < clock.now)
      log.warning('Warning: the TLS certificate has expired')
    await this.listenTcp(port, true)
  }

  private updateTls(): string | undefined {
    const refused = this.reloadTls()
    if (refused === null) return undefined
    this.engine.log.warning(refused)
    return 'Unable to update TLS configuration. Check server logs.'
  }

  private async listenTcp(configured: number, secure: boolean): Promise<void> {
    let port = configured
    for (const entry of this.engine.settings.bind) {
      const optional = entry.startsWith('-')
      const host = optional ? entry.slice(1) : entry
      try {
        const address = (await this.open(hostOptions(host, port), secure)).address()
        // Several addresses share the port that the first one was given.
        if (address !== null && typeof address === 'object') port = address.port
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? ''
        const text = `Could not create server TCP listening socket ${host}:${port}: bind: ${reasonOf(error)}`
        this.engine.log.warning(`Warning: ${text}`)
        if (UNSUPPORTED.has(code) || (optional && code === 'EADDRNOTAVAIL')) continue
        throw new Error(text, { cause: error })
      }
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
      server.listen({ ...where, backlog: this.engine.settings.tcpBacklog }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    // Accepting can fail later (no descriptors left); the listener stays.
    server.on('error', (error) => this.engine.log.warning(`Accepting client connection: ${reasonOf(error)}`))
    if (this.background) server.unref()
    this.servers.push(server)
    if (secure) this.secure.add(server)
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

  private closeServers(): void {
    for (const server of this.servers) server.close()
    this.servers = []
  }
}

function hostOptions(host: string, port: number): ListenOptions {
  if (host === '*') return { host: '0.0.0.0', port }
  if (host === '::*') return { host: '::', port, ipv6Only: true }
  return { host, port, ipv6Only: host.includes(':') }
}

/** Whether the peer is on this machine: on the loopback interface or the unix socket. */
function isLocal(socket: Socket): boolean {
  const host = socket.remoteAddress
  return host === undefined || host === '::1' || host.startsWith('127.') || host.startsWith('::ffff:127.')
}

/** A socket that a server left behind; any other file stays, and makes bind fail. */
function removeStaleSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path)
}
