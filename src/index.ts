/** The public API: a server inside this process. */
import { ConfigError } from './config/config-error.ts'
import { Configuration } from './config/configuration.ts'
import type { DirectiveName } from './config/directives.ts'
import { LocalConnection } from './network/local-connection.ts'
import { silentLog } from './platform/log.ts'
import { Server } from './server/server.ts'

export type { LocalConnection } from './network/local-connection.ts'

/** Directives of redis.conf, as its lines would state them: `{ databases: '4', requirepass: 'secret' }`. */
export type ServerOptions = Readonly<Partial<Record<DirectiveName, string>>>

export interface RespiteServer {
  /** The port it listens on, on 127.0.0.1 unless `bind` says otherwise. */
  readonly port: number
  /** "redis://127.0.0.1:50123"; "rediss://…" when there is a TLS port only. */
  readonly url: string
  /** A client without a socket: requests run at once, replies are RESP bytes. */
  connection(): LocalConnection
  /** Closes every connection and stops listening. It does not save; a client's SAVE does. */
  close(): Promise<void>
}

/**
 * Starts a server. Without `port` it takes a free one. Rejects with a ConfigError for a bad option and with a
 * one-line Error when it cannot listen.
 * With `dir` it loads the dataset that is kept there; without, there is none on disk and SAVE is refused.
 */
export async function createServer(options: ServerOptions = {}): Promise<RespiteServer> {
  const { port, ...others } = options
  if (options.appendonly?.toLowerCase() === 'yes' && options.dir === undefined) {
    throw new ConfigError('appendonly: there is nowhere to write, since no dir is given')
  }
  const configuration = new Configuration({ bind: '127.0.0.1', save: '', ...others, port: port ?? '0' })
  const server = new Server({ configuration, log: silentLog() })
  const addresses = await server.start({ ephemeral: port === undefined, load: options.dir !== undefined })
  const [{ port: actual, host, secure }] = addresses
  return {
    port: actual,
    url: `${secure ? 'rediss' : 'redis'}://${host?.includes(':') ? `[${host}]` : host}:${actual}`,
    connection: () => new LocalConnection(server.engine),
    close: () => server.stop(),
  }
}
