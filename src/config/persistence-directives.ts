/**
 * Directives about snapshots, the append-only file and checks on loading. Rows only; the columns are
 * explained in directive.ts.
 */

export const persistenceDirectives = {
  save: { type: 'save-points', default: '3600 1 300 100 60 10000', support: 'supported' },
  dbfilename: { type: 'file-name', default: 'dump.rdb', support: 'supported', guarded: true },
  rdbcompression: { type: 'boolean', default: 'yes', support: 'supported' },
  rdbchecksum: { type: 'boolean', default: 'yes', support: 'supported', fixed: true },
  // Ours: the version of the format that is written, for servers older than Redis 7. Before 6 neither deadlines in
  // milliseconds nor lists were as they are now; 11 and 12 only say so, since what they added is not here yet.
  'rdb-version': { type: 'integer', min: 6, max: 12, default: '10', support: 'supported', hidden: true },
  // Only files that replication leaves are deleted, and there are none.
  'rdb-del-sync-files': { type: 'boolean', default: 'no', support: 'supported' },
  'rdb-save-incremental-fsync': { type: 'boolean', default: 'yes', support: 'supported' },
  'rdb-key-save-delay': {
    type: 'integer',
    min: -2147483648,
    default: '0',
    support: 'supported',
    hidden: true,
  },
  'key-load-delay': {
    type: 'integer',
    min: -2147483648,
    default: '0',
    support: 'supported',
    hidden: true,
  },
  'loading-process-events-interval-bytes': {
    type: 'integer',
    min: 1024,
    default: '2097152',
    support: 'supported',
    hidden: true,
  },
  'stop-writes-on-bgsave-error': { type: 'boolean', default: 'yes', support: 'supported' },
  // Every byte is checked at any of these: what is not "yes" allows Redis to check less.
  'sanitize-dump-payload': {
    type: 'enum',
    values: ['no', 'yes', 'clients'],
    default: 'no',
    support: 'supported',
  },

  appendonly: { type: 'boolean', default: 'no', support: 'supported' },
  appendfilename: { type: 'file-name', default: 'appendonly.aof', support: 'supported', fixed: true },
  appenddirname: { type: 'file-name', default: 'appendonlydir', support: 'supported', fixed: true },
  appendfsync: {
    type: 'enum',
    values: ['everysec', 'always', 'no'],
    default: 'everysec',
    support: 'supported',
  },
  'no-appendfsync-on-rewrite': { type: 'boolean', default: 'no', support: 'supported' },
  'auto-aof-rewrite-percentage': { type: 'integer', default: '100', support: 'supported' },
  'auto-aof-rewrite-min-size': { type: 'memory', default: '64mb', support: 'supported' },
  'aof-load-truncated': { type: 'boolean', default: 'yes', support: 'supported' },
  'aof-use-rdb-preamble': { type: 'boolean', default: 'yes', support: 'supported' },
  'aof-timestamp-enabled': { type: 'boolean', default: 'no', support: 'supported' },
  'aof-rewrite-incremental-fsync': { type: 'boolean', default: 'yes', support: 'supported' },
  'aof-disable-auto-gc': { type: 'boolean', default: 'no', support: 'supported' },
} as const
