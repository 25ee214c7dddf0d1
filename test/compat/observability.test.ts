/** SLOWLOG, LATENCY and INFO beside redis-server: entries and shapes; what is measured differs from run to run. */
import { expect, test } from 'vitest'
import { RawClient } from './raw-client.ts'
import { masked, on, raw, read, type StepLike, send, unorderedPairs, varies } from './steps.ts'
import { compat } from './suite.ts'

/** Ids, times and durations, and the port of the client. */
const MEASURED = /:\d+\r\n|127\.0\.0\.1:\d+/
const entries = (count = -1): StepLike =>
  masked(`SLOWLOG GET ${count}`, MEASURED, 'ids, times, durations and ports')
/** Numbers, and the event that Redis does not have. */
const OWN_EVENT = /^\*\d|\*4\r\n\$N\r\nloop-stall(\r\n:\d+){3}\r\n|:\d+/
/** How the calls of a command are spread; how many there were stays. */
const BOUNDS = /(?<=histogram_usec\r\n)[*%]\d(\r\n:\d+)+/
/** Everything is slow; what was logged while the script was prepared goes. */
const ALL = { config: { 'slowlog-log-slower-than': '0', requirepass: '' } }

/** Fields of INFO that say the same of two servers on one machine that were asked for the same. */
const SAME_FIELDS: readonly string[] =
  `os arch_bits redis_mode multiplexing_api process_supervised config_file hz configured_hz io_threads_active
  maxclients cluster_connections tracking_clients total_system_memory total_system_memory_human maxmemory
  maxmemory_human maxmemory_policy loading async_loading rdb_bgsave_in_progress rdb_last_bgsave_status
  rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec aof_enabled aof_rewrite_in_progress
  aof_last_bgrewrite_status aof_last_write_status module_fork_in_progress rejected_connections sync_full
  expired_stale_perc pubsub_channels pubsub_patterns pubsubshard_channels latest_fork_usec role connected_slaves
  master_failover_state master_replid2 master_repl_offset second_repl_offset repl_backlog_active repl_backlog_size
  cluster_enabled`.split(/\s+/)

const nameOf = (line: string): string => line.split(':', 1)[0]

compat(
  'observability',
  ({ script, pair }) => {
    script(
      'what the slow log holds',
      [
        'SLOWLOG RESET',
        entries(),
        'SET k v',
        'NOSUCH',
        'GET',
        'INCR k',
        'CLIENT SETNAME me',
        'CONFIG SET maxmemory-samples 5',
        'LPUSH l "a\\x00\\xff" b',
        entries(),
        entries(2),
        entries(0),
        'SLOWLOG LEN',
        'SLOWLOG RESET',
        ['RPUSH', 'l', 'x'.repeat(127), 'x'.repeat(128), 'x'.repeat(129), 'x'.repeat(100_000)],
        ['RPUSH', 'l', ...Array.from({ length: 30 }, (_, i) => `${i}`)],
        ['RPUSH', 'l', ...Array.from({ length: 31 }, (_, i) => `${i}`)],
        ['RPUSH', 'l', ...Array.from({ length: 300 }, (_, i) => `${i}`)],
        entries(),
      ],
      ALL,
    )
    script(
      'transactions and pipelines',
      [
        'SLOWLOG RESET',
        'MULTI',
        'SET k v',
        'GET k',
        'NOSUCH',
        'EXEC',
        'MULTI',
        'SET k v',
        'GET k',
        'GET k',
        'LPUSH k a',
        'EXEC',
        'MULTI',
        'GET k',
        'DISCARD',
        raw('GET a\r\nGET b\r\nGET c\r\nSET d 1\r\nGET e\r\n', 5),
        entries(),
      ],
      ALL,
    )
    script(
      'clients that blocked',
      [
        'SLOWLOG RESET',
        on('b', send('BLPOP l 0')),
        'PING',
        entries(1),
        'RPUSH l x',
        read('b'),
        entries(),
        'SLOWLOG RESET',
        on('b', 'BLPOP l 0.01'),
        entries(),
        on('b', 'LMPOP 1 l LEFT'),
        entries(),
      ],
      ALL,
    )
    script(
      'passwords are redacted',
      [
        'SLOWLOG RESET',
        'AUTH x',
        'AUTH default x',
        'CONFIG SET maxmemory-samples 5 requirepass secret',
        'CONFIG SET REQUIREPASS other',
        'CONFIG SET masterauth ""',
        'CONFIG SET masteruser ""',
        masked('HELLO 3 AUTH default secret SETNAME foo', /7\.\d\.\d+|:\d+/, 'version and id'),
        entries(),
      ],
      ALL,
    )
    script('thresholds and lengths', [
      'CONFIG SET slowlog-max-len 3',
      'CONFIG SET slowlog-log-slower-than 0',
      'SLOWLOG RESET',
      'SET a 1',
      'SET b 1',
      'SET c 1',
      'SET d 1',
      entries(),
      'CONFIG SET slowlog-log-slower-than -1',
      'CONFIG SET slowlog-max-len 2',
      'SLOWLOG LEN',
      'CONFIG SET slowlog-max-len 0 slowlog-log-slower-than 0',
      'SET d 1',
      'SLOWLOG LEN',
      'CONFIG SET slowlog-max-len 4',
      'SET d 1',
      'SLOWLOG LEN',
      entries(),
      'CONFIG SET slowlog-log-slower-than -1',
      'SLOWLOG RESET',
      'SET e 1',
      entries(),
      'CONFIG SET slowlog-log-slower-than -2',
      'CONFIG SET slowlog-log-slower-than x',
      'CONFIG SET slowlog-max-len -1',
      'CONFIG SET slowlog-max-len 128 slowlog-log-slower-than 10000',
    ])
    script('refusals', [
      'SLOWLOG',
      'SLOWLOG HELP',
      'SLOWLOG NOSUCH',
      'SLOWLOG GET -2',
      'SLOWLOG GET x',
      'SLOWLOG GET 1 2',
      'SLOWLOG LEN 1',
      'LATENCY',
      'LATENCY HELP',
      'LATENCY NOSUCH',
      'LATENCY GRAPH nosuch',
      'LATENCY GRAPH',
      'LATENCY HISTORY nosuch',
      'LATENCY HISTOGRAM nosuch',
      'LATENCY LATEST x',
      'LATENCY RESET',
      'LATENCY RESET nosuch',
      'CONFIG SET latency-monitor-threshold -1',
      'CONFIG SET latency-tracking maybe',
    ])
    script(
      'spikes',
      [
        varies('LATENCY RESET', 'stalls'),
        'DEBUG SLEEP 0.3',
        masked('LATENCY LATEST', OWN_EVENT, 'durations'),
        varies('LATENCY HISTORY command', 'durations'),
        masked('LATENCY GRAPH command', /\d/, 'durations'),
        varies('LATENCY DOCTOR', 'our words'),
        'LATENCY RESET command',
        masked('LATENCY LATEST', OWN_EVENT, 'durations'),
      ],
      { config: { 'latency-monitor-threshold': '250' } },
    )
    script('histograms', [
      'CONFIG RESETSTAT',
      'SET k v',
      'SET k v',
      'LPUSH k v',
      'GET',
      'CONFIG GET hz',
      ...['set', 'lpush', 'get', 'config|get', 'set get config|get'].map((names) =>
        masked(`LATENCY HISTOGRAM ${names}`, BOUNDS, 'durations'),
      ),
      'CONFIG SET latency-tracking no',
      'CONFIG RESETSTAT',
      'SET k v',
      unorderedPairs('LATENCY HISTOGRAM', 'order of commands'),
      'CONFIG SET latency-tracking yes',
    ])
    script('INFO latencystats', [
      'CONFIG RESETSTAT',
      'SET k v',
      masked('INFO latencystats', /[\d.]+(?=,|\r)|latency_percentiles_usec_(?!set).*?\r\n/, 'durations'),
      'CONFIG SET latency-tracking-info-percentiles "0 50.5 100"',
      masked('INFO latencystats', /=[\d.]+|latency_percentiles_usec_(?!set).*?\r\n/, 'durations'),
      'CONFIG SET latency-tracking-info-percentiles ""',
      masked('INFO latencystats', /latency_percentiles_usec_(?!set).*?\r\n/, 'order of commands'),
      'CONFIG SET latency-tracking no',
      'INFO latencystats',
      'CONFIG SET latency-tracking yes latency-tracking-info-percentiles "50 99 99.9"',
    ])
    script('INFO errorstats and commandstats', [
      'CONFIG RESETSTAT',
      'SET k v',
      'GET',
      'LPUSH k v',
      'INFO errorstats',
      ...['set', 'lpush', 'get'].map((name) =>
        masked(
          'INFO commandstats',
          new RegExp(`usec(_per_call)?=[\\d.]+|cmdstat_(?!${name}:).*?\r\n`),
          'durations and order',
        ),
      ),
      'INFO nosuch',
      'INFO cluster NoSuch CLUSTER',
      'INFO keyspace',
      'INFO module_list',
    ])

    test.each(['', 'all', 'everything', 'default', 'server stats', 'modules'])(
      'INFO %s: sections',
      async (of) => {
        const [theirs, ours] = await both(of === '' ? [] : of.split(' '))
        const added = new Set(['# Respite', '# Artifacts'])
        expect(ours.filter((line) => line.startsWith('#') && !added.has(line))).toEqual(
          theirs.filter((line) => line.startsWith('#')),
        )
      },
    )

    test.each(['server', 'clients', 'persistence', 'stats', 'cpu', 'replication'])(
      'INFO %s: names in order',
      async (section) => {
        const [theirs, ours] = await both([section])
        // New in 7.2, and the last one ours.
        const added =
          /^(listener\d|total_blocking_keys|acl_access_denied_|client_(query|output)_buffer_limit_|mem_counted_for_evict_peak)/
        expect(ours.map(nameOf).filter((name) => !added.test(name))).toEqual(theirs.map(nameOf))
      },
    )

    test.each(SAME_FIELDS)('INFO, field %s', async (field) => {
      const [theirs, ours] = (await both(['everything'])).map((lines) =>
        lines.filter((line) => line.startsWith(`${field}:`)),
      )
      expect(theirs).toHaveLength(1)
      expect(ours).toEqual(theirs)
    })

    async function both(sections: string[]): Promise<[string[], string[]]> {
      const [theirs, ours] = await Promise.all(
        [pair().oracle, pair().respite].map(async ({ port }) => {
          const client = await RawClient.open(port)
          const reply = await client.call('INFO', ...sections)
          await client.hangUp()
          return reply.toString().split('\r\n').slice(1)
        }),
      )
      return [theirs, ours]
    }
  },
  ['--enable-debug-command', 'yes'],
)
