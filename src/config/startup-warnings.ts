/** What a valid configuration asks for that this server does not do: said once in the log at start. */
import type { Settings } from './settings.ts'

/** One sentence each; none for a configuration that is met in full. */
export function startupWarnings(settings: Settings): string[] {
  const warnings: string[] = []
  // Debian's redis.conf says `daemonize yes` while its systemd unit overrides it, so refusing it would refuse
  // the stock file. Node cannot fork into the background, and whoever starts a server wants it started.
  if (settings.daemonize) {
    warnings.push('daemonize yes: the server stays in the foreground; use a service manager or a shell job.')
  }
  // 896 KB of it are counted for the server itself.
  if (settings.maxmemory > 0 && settings.maxmemory < 1024 * 1024) {
    warnings.push(
      `You specified a maxmemory value that is less than 1MB (current value is ${settings.maxmemory} bytes). Are you sure this is what you really want?`,
    )
  }
  if (settings.requirepass !== '' && settings.aclfile !== '') {
    warnings.push(
      'requirepass has no effect beside aclfile, as in Redis: what the ACL file says of the user default holds, and ' +
        'where it says nothing, that user needs no password.',
    )
  }
  if (settings.metricsPort > 0 && !settings.metricsBind.every(isLoopback)) {
    warnings.push(
      'metrics-bind names addresses beyond loopback: the page asks for no password and is not encrypted. It tells ' +
        'names of commands and counts, no keys and no values.',
    )
  }
  return warnings
}

/** An address as in `bind`: with a minus in front it may be missing. */
function isLoopback(address: string): boolean {
  const host = address.replace(/^-/, '')
  return host === '::1' || host === 'localhost' || host.startsWith('127.')
}
