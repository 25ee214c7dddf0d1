/** The Prometheus page: every line well formed, the names that dashboards ask for, and who is served it. */
import { request } from 'node:http'
import { expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { silentLog } from '../../src/platform/log.ts'
import { metricsPage } from '../../src/server/metrics-page.ts'
import { Server } from '../../src/server/server.ts'
import { session } from '../commands/session.ts'

/** What the common Grafana dashboards for redis_exporter ask for (763, 11835, 14091). */
const ASKED_FOR = [
  'redis_up',
  'redis_uptime_in_seconds',
  'redis_start_time_seconds',
  'redis_connected_clients',
  'redis_blocked_clients',
  'redis_config_maxclients',
  'redis_memory_used_bytes',
  'redis_memory_used_rss_bytes',
  'redis_memory_max_bytes',
  'redis_mem_fragmentation_ratio',
  'redis_commands_processed_total',
  'redis_commands_total',
  'redis_commands_duration_seconds_total',
  'redis_keyspace_hits_total',
  'redis_keyspace_misses_total',
  'redis_net_input_bytes_total',
  'redis_net_output_bytes_total',
  'redis_expired_keys_total',
  'redis_evicted_keys_total',
  'redis_connections_received_total',
  'redis_rejected_connections_total',
  'redis_db_keys',
  'redis_db_keys_expiring',
  'redis_slowlog_length',
  'redis_rdb_changes_since_last_save',
  'redis_rdb_last_save_timestamp_seconds',
  'redis_cpu_sys_seconds_total',
  'redis_cpu_user_seconds_total',
  'redis_connected_slaves',
  'redis_instance_info',
  // Of the exporter's own names, those that are least like INFO's.
  'redis_total_system_memory_bytes',
  'redis_replica_resyncs_full',
  'redis_replica_partial_resync_accepted',
  'redis_replica_partial_resync_denied',
  'redis_defrag_hits',
  'redis_defrag_misses',
  'redis_defrag_key_hits',
  'redis_defrag_key_misses',
  'redis_migrate_cached_sockets_total',
  'redis_rdb_last_load_expired_keys',
  'redis_rdb_last_load_loaded_keys',
]

test('the page', () => {
  const s = session({ config: { 'slowlog-log-slower-than': '0', 'latency-monitor-threshold': '10' } })
  s.run('SET k v EX 10')
  s.run('GET k')
  s.run('GET nokey')
  s.run('LPUSH k v')
  s.call('NOSUCH')
  s.engine.keyspace.latency.add('loop-stall', 12)
  s.engine.stats.countError('O"DD\\')
  const page = metricsPage(s.engine)
  const lines = page.trimEnd().split('\n')
  const sample = /^redis_[a-z0-9_]+(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? -?[\d.e+-]+$/
  const type = /^# TYPE redis_[a-z0-9_]+ (gauge|counter|histogram)$/
  expect(lines.filter((line) => !sample.test(line) && !type.test(line))).toEqual([])
  const names = new Set(lines.map((line) => /^redis_[a-z0-9_]+/.exec(line)?.[0]))
  expect(ASKED_FOR.filter((name) => !names.has(name))).toEqual([])
  expect(page).not.toContain('master_replid2 ')
  for (const line of [
    'redis_db_keys{db="db0"} 1',
    'redis_db_keys_expiring{db="db0"} 1',
    'redis_db_keys{db="db15"} 0',
    'redis_commands_total{cmd="get"} 2',
    'redis_commands_failed_calls_total{cmd="lpush"} 1',
    'redis_keyspace_hits_total 1',
    'redis_errors_total{err="WRONGTYPE"} 1',
    'redis_errors_total{err="O\\"DD\\\\"} 1',
    'redis_latency_spike_duration_seconds{event_name="loop-stall"} 0.012',
    'redis_commands_latencies_usec_count{cmd="get"} 2',
    'redis_commands_latencies_usec_bucket{cmd="get",le="+Inf"} 2',
    'redis_slowlog_length 4',
  ]) {
    expect(lines).toContain(line)
  }
  // A name's type is told once, before its samples, which follow each other.
  const typed = lines.filter((line) => line.startsWith('#'))
  expect(new Set(typed).size).toBe(typed.length)
  expect(new Set(lines).size).toBe(lines.length)
})

test('secrets and data are not on it', () => {
  const s = session({ config: { requirepass: 'sesame' } })
  s.run('AUTH sesame')
  s.run('SET privatekey privatevalue')
  expect(metricsPage(s.engine)).not.toMatch(/sesame|private/)
})

function get(port: number, path: string, method = 'GET'): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let text = ''
      response.setEncoding('latin1')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve([response.statusCode ?? 0, text]))
    })
    asked.on('error', reject)
    asked.end()
  })
}

async function serving(config: Record<string, string>): Promise<Server> {
  const configuration = new Configuration({ port: '0', bind: '127.0.0.1', save: '', ...config })
  const server = new Server({ configuration, log: silentLog() })
  await server.start({ ephemeral: true, load: false })
  return server
}

/** A port that nobody listens on just now. */
async function freePort(): Promise<number> {
  const server = new Server({
    configuration: new Configuration({ port: '0', bind: '127.0.0.1', save: '' }),
    log: silentLog(),
  })
  const [{ port }] = await server.start({ ephemeral: true, load: false })
  await server.stop()
  return port
}

test('over HTTP, as long as the server runs', async () => {
  const port = await freePort()
  const server = await serving({ 'metrics-port': String(port) })
  const [status, page] = await get(port, '/metrics')
  expect(status).toBe(200)
  expect(page).toContain('redis_up 1\n')
  expect((await get(port, '/metrics?x=1'))[0]).toBe(200)
  expect((await get(port, '/'))[0]).toBe(404)
  expect((await get(port, '/metrics', 'POST'))[0]).toBe(405)
  await server.stop()
  await expect(get(port, '/metrics')).rejects.toThrow('ECONNREFUSED')
})

test('a port that is taken is told at start, and nothing stays open', async () => {
  const port = await freePort()
  const first = await serving({ 'metrics-port': String(port) })
  await expect(serving({ 'metrics-port': String(port) })).rejects.toThrow(
    `Could not serve metrics on 127.0.0.1:${port}: Address already in use`,
  )
  await first.stop()
})
