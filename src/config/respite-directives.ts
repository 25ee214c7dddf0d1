/**
 * Directives that Redis does not have, under Valkey's names where it has one. Rows only; the columns are explained in
 * directive.ts.
 */

export const respiteDirectives = {
  'log-format': {
    type: 'enum',
    values: ['legacy', 'logfmt', 'json'],
    default: 'legacy',
    support: 'supported',
  },
  'log-timestamp-format': {
    type: 'enum',
    values: ['legacy', 'iso8601', 'milliseconds'],
    default: 'legacy',
    support: 'supported',
  },
  // Seconds without a client after which the server saves and ends, for socket activation; 0 for never.
  'idle-exit': { type: 'integer', default: '0', support: 'supported' },
  // Microseconds for which the server looks for the next request before it sleeps; 0 to sleep at once.
  'idle-poll-time-us': { type: 'integer', max: 1000, default: '100', support: 'supported' },
  // Seconds between looks at whether the files are still what is in effect; 0 for none.
  'self-check-interval': { type: 'integer', default: '600', support: 'supported' },
  'self-check-action': {
    type: 'enum',
    values: ['report', 'reload'],
    default: 'report',
    support: 'supported',
  },
  // Whether a save may write over a dataset file that somebody has replaced since this server loaded or wrote it.
  'save-over-replaced': { type: 'boolean', default: 'no', support: 'supported' },
  'metrics-port': { type: 'integer', max: 65535, default: '0', support: 'supported', fixed: true },
  'metrics-bind': { type: 'addresses', default: '127.0.0.1 -::1', support: 'supported', fixed: true },
} as const
