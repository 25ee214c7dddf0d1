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

/** Throws the ConfigError with which a server would not start. */
export function checkConfiguration(configuration: Configuration): void {
  const clock = new SystemClock()
  const engine = new Engine({
    configuration,
    clock,
    timers: new SystemTimers(),
    random: systemRandom(),
    log: silentLog(),
    families,
    shutdown: () => {},
  })
  engine.acl.file.start()
  const { settings } = configuration
  const refused = settings.tlsPort === 0 ? null : new TlsFront(settings, () => {}).configure(clock.now)
  if (refused !== null) throw new ConfigError(refused)
}
