/**
 * What the system allows beside what the settings ask for: descriptors for `maxclients`, and the queue of connections
 * that wait to be accepted. Redis's checks, and its words.
 */
import type { Engine } from '../engine/engine.ts'
import { backlogLimit, descriptorLimit } from '../platform/process.ts'

/** For files, logs, listening sockets and the metrics page: 32 in Redis, and Node has some 20 open for itself. */
const RESERVED = 64

/** The system's limits; null for none. */
export interface SystemLimits {
  readonly descriptors: number | null
  readonly backlog: number | null
}

export function systemLimits(): SystemLimits {
  return { descriptors: descriptorLimit(), backlog: backlogLimit() }
}

/**
 * Lowers `maxclients` to what the descriptors are enough for, with a warning, and holds CONFIG SET to it from now on.
 * Throws a one-line Error where they are not enough for a single client.
 */
export function keepWithinLimits(engine: Engine, limits: SystemLimits): void {
  const { configuration, settings, log } = engine
  const { descriptors, backlog } = limits
  if (backlog !== null && backlog < settings.tcpBacklog) {
    log.warning(
      `WARNING: The TCP backlog setting of ${settings.tcpBacklog} cannot be enforced because ` +
        `/proc/sys/net/core/somaxconn is set to the lower value of ${backlog}.`,
    )
  }
  if (descriptors === null) return
  const clients = descriptors - RESERVED
  if (settings.maxclients > clients) {
    const wanted = settings.maxclients + RESERVED
    if (clients < 1) {
      throw new Error(
        `Your current 'ulimit -n' of ${descriptors} is not enough for the server to start. ` +
          `Please increase your open file limit to at least ${wanted}. Exiting.`,
      )
    }
    log.warning(
      `You requested maxclients of ${settings.maxclients} requiring at least ${wanted} max file descriptors.`,
    )
    log.warning(
      `Current maximum open files is ${descriptors}. maxclients has been reduced to ${clients} to compensate for ` +
        "low ulimit. If you need higher maxclients increase 'ulimit -n'.",
    )
    configuration.set([['maxclients', `${clients}`]], true)
  }
  configuration.onChange('maxclients', (wanted) =>
    wanted <= clients
      ? undefined
      : `The operating system is not able to handle the specified number of clients, try with ${clients}`,
  )
}
