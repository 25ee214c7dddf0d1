/** The public API: a server inside this process. */
import { RespiteServer } from './embedding/embedded-server.ts'
import type { ServerOptions } from './embedding/options.ts'

export { ConfigError } from './config/config-error.ts'
export type { Argument, ConnectionOptions, EmbeddedConnection } from './embedding/embedded-connection.ts'
export type { ClientOptions, RespiteServer } from './embedding/embedded-server.ts'
export type { Logger } from './embedding/logger.ts'
export type { MemorySize, ServerOptions } from './embedding/options.ts'
export type { ServerClock } from './embedding/server-clock.ts'
export type { KeyDetails, KeyOptions } from './embedding/server-data.ts'
export type {
  BreakOptions,
  DelayOptions,
  FaultAnswer,
  FaultCode,
  FaultOptions,
  ServerFaults,
  SetFault,
  SplitOptions,
} from './embedding/server-faults.ts'
export type { Message, Subscription } from './embedding/subscription.ts'
export { CommandError, type Reply } from './protocol/reply-reader.ts'

/**
 * Starts a server with the directives of redis.conf as options: `{ port: 0, maxmemory: '100mb', hz: 10 }`. Without
 * `port`, or at 0, it takes a free one. With `dir` it loads the dataset that is kept there; without, there is none on
 * disk and SAVE is refused. Rejects with a ConfigError for a bad option and with a one-line Error when it cannot listen
 * or load.
 */
export function createServer(options: ServerOptions = {}): Promise<RespiteServer> {
  return RespiteServer.start(options)
}
