/**
 * Serves the Prometheus page over HTTP on `metrics-port`, on loopback unless `metrics-bind` names other addresses; or
 * on sockets called `metrics` that a service manager passed. The page tells names of commands and clients' counts, no
 * keys and no values; it has no password of its own.
 */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { ListenOptions } from 'node:net'
import { reasonOf } from '../config/system-errors.ts'
import type { Engine } from '../engine/engine.ts'
import { closedIfUnused, type InheritedSocket } from '../platform/inherited-sockets.ts'
import { metricsPage } from './metrics-page.ts'

/** A client that sends its request more slowly than this is dropped, milliseconds. */
const REQUEST_TIMEOUT = 5000
const CONNECTIONS_MAX = 64

export class MetricsListener {
  private readonly engine: Engine
  private servers: Server[]

  constructor(engine: Engine) {
    this.engine = engine
    this.servers = []
  }

  /** Where the page is: "http://127.0.0.1:9121/metrics", or the path of a unix socket. */
  get addresses(): string[] {
    return this.servers.map((server) => {
      const where = server.address()
      if (where === null || typeof where === 'string') return where ?? ''
      const { address, port } = where
      return `http://${address.includes(':') ? `[${address}]` : address}:${port}/metrics`
    })
  }

  /**
   * Listens on the sockets that were passed; without any, where the settings say, if they do. With `background` the
   * process need not stay for it. Rejects with a one-line Error; then it listens nowhere.
   */
  async listen(passed: readonly InheritedSocket[] = [], background = false): Promise<void> {
    const { metricsBind, metricsPort, port } = this.engine.settings
    if (metricsPort === 0 && passed.length === 0) return
    try {
      for (const { fd } of passed) await this.listenOnPassed(fd)
      if (passed.length === 0 && metricsPort === port) throw new Error('metrics-port and port are the same')
      if (passed.length === 0) for (const address of metricsBind) await this.listenOn(address, metricsPort)
      if (!background) return
      for (const server of this.servers) server.unref().on('connection', (socket) => socket.unref())
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Ends it with every connection. */
  async close(): Promise<void> {
    const closing = this.servers.map((server) => new Promise((resolve) => void server.close(resolve)))
    for (const server of this.servers) server.closeAllConnections()
    this.servers = []
    await Promise.all(closing)
  }

  /** As in `bind`, an address with a minus in front may be missing, and a star is every one. */
  private async listenOn(given: string, port: number): Promise<void> {
    const optional = given.startsWith('-')
    const name = optional ? given.slice(1) : given
    const host = name === '*' ? '0.0.0.0' : name === '::*' ? '::' : name
    try {
      await this.open({ host, port, ipv6Only: host.includes(':') })
    } catch (error) {
      if (optional) return
      throw new Error(`Could not serve metrics on ${host}:${port}: ${reasonOf(error)}`, { cause: error })
    }
  }

  /** The data can be served without the page. */
  private async listenOnPassed(fd: number): Promise<void> {
    try {
      await closedIfUnused(fd, () => this.open({ fd } as ListenOptions))
    } catch (error) {
      const why = `no page can be served on descriptor ${fd} (${reasonOf(error)})`
      this.engine.log.warning(`The socket 'metrics' that was passed is closed: ${why}`)
    }
  }

  private async open(where: ListenOptions): Promise<void> {
    const server = createServer({ requestTimeout: REQUEST_TIMEOUT }, ({ method, url }, response) =>
      this.answer(method ?? '', url ?? '', response),
    )
    server.maxConnections = CONNECTIONS_MAX
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(where, resolve)
    })
    this.servers.push(server)
  }

  private answer(method: string, url: string, response: ServerResponse): void {
    const path = url.split('?', 1)[0]
    if (method !== 'GET' && method !== 'HEAD') send(response, 405, 'Method Not Allowed\n')
    else if (path !== '/metrics') send(response, 404, 'The figures are at /metrics\n')
    else send(response, 200, metricsPage(this.engine))
  }
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  response.end(text)
}
