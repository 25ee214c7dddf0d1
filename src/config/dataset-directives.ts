/**
 * Directives about the data in memory: databases, encodings, expiry, eviction and giving memory back. Rows
 * only; the columns are explained in directive.ts.
 */

export const datasetDirectives = {
  databases: { type: 'integer', min: 1, default: '16', support: 'supported', fixed: true },

  'list-max-listpack-size': {
    type: 'integer',
    alias: 'list-max-ziplist-size',
    min: -2147483648,
    default: '-2',
    support: 'supported',
  },
  'list-compress-depth': { type: 'integer', default: '0', support: 'supported' },
  'hash-max-listpack-entries': {
    type: 'integer',
    alias: 'hash-max-ziplist-entries',
    max: 'long',
    default: '512',
    support: 'not-supported',
  },
  'hash-max-listpack-value': {
    type: 'memory',
    alias: 'hash-max-ziplist-value',
    default: '64',
    support: 'not-supported',
  },
  'set-max-intset-entries': { type: 'integer', max: 'long', default: '512', support: 'not-supported' },
  'set-max-listpack-entries': { type: 'integer', max: 'long', default: '128', support: 'not-supported' },
  'set-max-listpack-value': { type: 'integer', max: 'long', default: '64', support: 'not-supported' },
  'zset-max-listpack-entries': {
    type: 'integer',
    alias: 'zset-max-ziplist-entries',
    max: 'long',
    default: '128',
    support: 'not-supported',
  },
  'zset-max-listpack-value': {
    type: 'memory',
    alias: 'zset-max-ziplist-value',
    default: '64',
    support: 'not-supported',
  },
  'hll-sparse-max-bytes': { type: 'memory', default: '3000', support: 'not-supported' },
  'stream-node-max-bytes': { type: 'memory', default: '4096', support: 'not-supported' },
  'stream-node-max-entries': { type: 'integer', max: 'long', default: '100', support: 'not-supported' },

  'active-expire-effort': { type: 'integer', min: 1, max: 10, default: '1', support: 'supported' },
  activerehashing: { type: 'boolean', default: 'yes', support: 'supported' },
  'lazyfree-lazy-eviction': { type: 'boolean', default: 'no', support: 'supported' },
  'lazyfree-lazy-expire': { type: 'boolean', default: 'no', support: 'supported' },
  'lazyfree-lazy-server-del': { type: 'boolean', default: 'no', support: 'supported' },
  'lazyfree-lazy-user-del': { type: 'boolean', default: 'no', support: 'supported' },
  'lazyfree-lazy-user-flush': { type: 'boolean', default: 'no', support: 'supported' },

  maxmemory: { type: 'memory', max: 'ulong', default: '0', support: 'supported' },
  'maxmemory-policy': {
    type: 'enum',
    values: [
      'volatile-lru',
      'volatile-lfu',
      'volatile-random',
      'volatile-ttl',
      'allkeys-lru',
      'allkeys-lfu',
      'allkeys-random',
      'noeviction',
    ],
    default: 'noeviction',
    support: 'supported',
  },
  'maxmemory-samples': { type: 'integer', min: 1, default: '5', support: 'supported' },
  'maxmemory-eviction-tenacity': { type: 'integer', max: 100, default: '10', support: 'supported' },
  'lfu-log-factor': { type: 'integer', default: '10', support: 'supported' },
  'lfu-decay-time': { type: 'integer', default: '1', support: 'supported' },

  activedefrag: { type: 'boolean', default: 'no', support: 'supported' },
  'active-defrag-cycle-min': { type: 'integer', min: 1, max: 99, default: '1', support: 'supported' },
  'active-defrag-cycle-max': { type: 'integer', min: 1, max: 99, default: '25', support: 'supported' },
  'active-defrag-threshold-lower': { type: 'integer', max: 1000, default: '10', support: 'supported' },
  'active-defrag-threshold-upper': { type: 'integer', max: 1000, default: '100', support: 'supported' },
  'active-defrag-ignore-bytes': { type: 'memory', min: 1, default: '100mb', support: 'supported' },
  'active-defrag-max-scan-fields': {
    type: 'integer',
    min: 1,
    max: 'long',
    default: '1000',
    support: 'supported',
  },
  'jemalloc-bg-thread': { type: 'boolean', default: 'yes', support: 'not-supported' },
} as const
