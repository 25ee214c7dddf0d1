/**
 * Whether a configuration could be served, without serving it: the parts of it that only commands, ACL files and
 * certificates can tell. What `--check-config` asks.
 */
import { families } from '../commands/families.ts'
import { ConfigError } from '../config/config-error.ts'
import type { Configuration } from '../config/configuration.ts'
import { Engine } from '../engine/engine.ts'
import { TlsFront } from '../network/tls.ts'
import { SystemClock } from '../platform/clock.ts'
import { silentLog } from '../platform/log.ts'
import { systemRandom } from '../platform/random.ts'
import { SystemTimers } from '../platform/timers.ts'

/** An engine that serves nobody, to ask what it would make of things. */
export function engineFor(configuration: Configuration): Engine {
  return new Engine({
    configuration,
    clock: new SystemClock(),
    timers: new SystemTimers(),
    random: systemRandom(),
    log: silentLog(),
    families,
    shutdown: () => {},
  })
}

/** Throws the ConfigError with which a server would not start. */
export function checkConfiguration(configuration: Configuration): void {
  const engine = engineFor(configuration)
  engine.acl.file.start()
  const { settings } = configuration
  const { clock } = engine
  const refused = settings.tlsPort === 0 ? null : new TlsFront(settings, () => {}, clock).configure(clock.now)
  if (refused !== null) throw new ConfigError(refused)
}
