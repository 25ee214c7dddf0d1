/**
 * The server's figures as a Prometheus page: the fields of INFO under the names that oliver006's redis_exporter gives
 * them, so that dashboards made for it work. What serves the page is metrics-listener.ts.
 *
 * The text format is a name, labels and a number a line, so it is written here and not by a library.
 */
import { infoFields } from '../commands/info.ts'
import type { Command } from '../engine/command.ts'
import type { Engine } from '../engine/engine.ts'

/** Fields of INFO with a name of their own; `name` without the prefix. All others keep theirs. */
const GAUGES: Readonly<Record<string, string>> = {
  maxclients: 'max_clients',
  client_recent_max_input_buffer: 'client_recent_max_input_buffer_bytes',
  client_recent_max_output_buffer: 'client_recent_max_output_buffer_bytes',
  used_memory: 'memory_used_bytes',
  used_memory_rss: 'memory_used_rss_bytes',
  used_memory_peak: 'memory_used_peak_bytes',
  used_memory_lua: 'memory_used_lua_bytes',
  used_memory_vm_eval: 'memory_used_vm_eval_bytes',
  used_memory_scripts_eval: 'memory_used_scripts_eval_bytes',
  used_memory_overhead: 'memory_used_overhead_bytes',
  used_memory_startup: 'memory_used_startup_bytes',
  used_memory_dataset: 'memory_used_dataset_bytes',
  used_memory_vm_functions: 'memory_used_vm_functions_bytes',
  used_memory_scripts: 'memory_used_scripts_bytes',
  used_memory_functions: 'memory_used_functions_bytes',
  used_memory_vm_total: 'memory_used_vm_total_bytes',
  allocator_active: 'allocator_active_bytes',
  allocator_allocated: 'allocator_allocated_bytes',
  allocator_resident: 'allocator_resident_bytes',
  maxmemory: 'memory_max_bytes',
  total_system_memory: 'total_system_memory_bytes',
  mem_not_counted_for_evict: 'mem_not_counted_for_eviction_bytes',
  expired_stale_perc: 'expired_stale_percentage',
  loading: 'loading_dump_file',
  rdb_last_save_time: 'rdb_last_save_timestamp_seconds',
  rdb_last_bgsave_time_sec: 'rdb_last_bgsave_duration_sec',
  rdb_current_bgsave_time_sec: 'rdb_current_bgsave_duration_sec',
  rdb_last_cow_size: 'rdb_last_cow_size_bytes',
  aof_last_rewrite_time_sec: 'aof_last_rewrite_duration_sec',
  aof_current_rewrite_time_sec: 'aof_current_rewrite_duration_sec',
  aof_last_cow_size: 'aof_last_cow_size_bytes',
  aof_current_size: 'aof_current_size_bytes',
  aof_base_size: 'aof_base_size_bytes',
  current_eviction_exceeded_time: 'current_eviction_exceeded_time_ms',
  repl_backlog_size: 'replication_backlog_bytes',
  repl_backlog_active: 'repl_backlog_is_active',
  repl_backlog_histlen: 'repl_backlog_history_bytes',
  sync_full: 'replica_resyncs_full',
  sync_partial_ok: 'replica_partial_resync_accepted',
  sync_partial_err: 'replica_partial_resync_denied',
  active_defrag_hits: 'defrag_hits',
  active_defrag_misses: 'defrag_misses',
  active_defrag_key_hits: 'defrag_key_hits',
  active_defrag_key_misses: 'defrag_key_misses',
  migrate_cached_sockets: 'migrate_cached_sockets_total',
  rdb_last_load_keys_expired: 'rdb_last_load_expired_keys',
  rdb_last_load_keys_loaded: 'rdb_last_load_loaded_keys',
}

const COUNTERS: Readonly<Record<string, string>> = {
  total_connections_received: 'connections_received_total',
  total_commands_processed: 'commands_processed_total',
  rejected_connections: 'rejected_connections_total',
  total_net_input_bytes: 'net_input_bytes_total',
  total_net_output_bytes: 'net_output_bytes_total',
  total_net_repl_input_bytes: 'net_repl_input_bytes_total',
  total_net_repl_output_bytes: 'net_repl_output_bytes_total',
  rdb_saves: 'rdb_saves_total',
  expired_keys: 'expired_keys_total',
  expired_time_cap_reached_count: 'expired_time_cap_reached_total',
  expire_cycle_cpu_milliseconds: 'expire_cycle_cpu_time_ms_total',
  evicted_keys: 'evicted_keys_total',
  evicted_clients: 'evicted_clients_total',
  total_eviction_exceeded_time: 'eviction_exceeded_time_ms_total',
  keyspace_hits: 'keyspace_hits_total',
  keyspace_misses: 'keyspace_misses_total',
  client_query_buffer_limit_disconnections: 'client_query_buffer_limit_disconnections_total',
  client_output_buffer_limit_disconnections: 'client_output_buffer_limit_disconnections_total',
  acl_access_denied_auth: 'acl_access_denied_auth_total',
  acl_access_denied_cmd: 'acl_access_denied_cmd_total',
  acl_access_denied_key: 'acl_access_denied_key_total',
  acl_access_denied_channel: 'acl_access_denied_channel_total',
  used_cpu_sys: 'cpu_sys_seconds_total',
  used_cpu_user: 'cpu_user_seconds_total',
  used_cpu_sys_children: 'cpu_sys_children_seconds_total',
  used_cpu_user_children: 'cpu_user_children_seconds_total',
  used_cpu_sys_main_thread: 'cpu_sys_main_thread_seconds_total',
  used_cpu_user_main_thread: 'cpu_user_main_thread_seconds_total',
}

/** Characters of run_id and of replication ids. */
const ID_LENGTH = 40

/** The sections whose fields are figures; the others are told line by line below. */
const SECTIONS = ['clients', 'memory', 'persistence', 'stats', 'replication', 'cpu', 'cluster'] as const

type Labels = Readonly<Record<string, string | number>>

class Page {
  text: string = ''
  private readonly typed = new Set<string>()

  /** One sample; `name` without the prefix. */
  add(type: 'gauge' | 'counter' | 'histogram', name: string, value: number, labels: Labels = {}): void {
    this.head(type, name)
    this.sample(name, value, labels)
  }

  head(type: string, name: string): void {
    if (this.typed.has(name)) return
    this.typed.add(name)
    this.text += `# TYPE redis_${name} ${type}\n`
  }

  sample(name: string, value: number, labels: Labels): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(String(text))}"`)
    const block = pairs.length === 0 ? '' : `{${pairs.join(',')}}`
    this.text += `redis_${name}${block} ${value}\n`
  }
}

/** The whole page, in Prometheus's text format 0.0.4. */
export function metricsPage(engine: Engine): string {
  const page = new Page()
  page.add('gauge', 'up', 1)
  instance(page, engine)
  for (const section of SECTIONS) {
    for (const [field, text] of infoFields(engine, section)) {
      const value = numberIn(text)
      if (value === null) continue
      const counter = COUNTERS[field]
      if (counter === undefined) page.add('gauge', GAUGES[field] ?? field, value)
      else page.add('counter', counter, value)
    }
  }
  databases(page, engine)
  commands(page, engine)
  for (const [code, count] of engine.stats.errorCodes)
    page.add('counter', 'errors_total', count, { err: code })
  slowness(page, engine)
  return page.text
}

function instance(page: Page, engine: Engine): void {
  const fields = new Map(['server', 'memory', 'replication'].flatMap((name) => infoFields(engine, name)))
  const names = [
    'role',
    'redis_version',
    'redis_build_id',
    'redis_mode',
    'os',
    'maxmemory_policy',
    'tcp_port',
    'run_id',
    'process_id',
    'master_replid',
  ]
  page.add(
    'gauge',
    'instance_info',
    1,
    Object.fromEntries(names.map((name) => [name, fields.get(name) ?? ''])),
  )
  page.add('gauge', 'start_time_seconds', Math.floor(engine.startedAt / 1000))
  page.add('gauge', 'uptime_in_seconds', Number(fields.get('uptime_in_seconds')))
  page.add('gauge', 'config_maxmemory', engine.settings.maxmemory)
  page.add('gauge', 'config_maxclients', engine.settings.maxclients)
  for (const [field, text] of infoFields(engine, 'respite')) {
    const value = numberIn(text)
    if (value !== null) page.add('gauge', field.startsWith('respite') ? field : `respite_${field}`, value)
  }
}

function databases(page: Page, { keyspace }: Engine): void {
  // A series for each, also an empty one; 16 at most, as somebody may have asked for thousands.
  const shown = keyspace.databases.filter((db) => db.id < 16 || db.size > 0)
  for (const { id, size } of shown) page.add('gauge', 'db_keys', size, { db: `db${id}` })
  for (const { id, deadlines } of shown)
    page.add('gauge', 'db_keys_expiring', deadlines.count, { db: `db${id}` })
  for (const { id, size, averageTtl } of shown) {
    if (size > 0) page.add('gauge', 'db_avg_ttl_seconds', averageTtl / 1000, { db: `db${id}` })
  }
}

function commands(page: Page, { commands: table, settings }: Engine): void {
  const all = table.commands.flatMap((command) => [command, ...(command.subcommands?.values() ?? [])])
  const used = all.filter(({ calls, rejected, failed }) => calls + rejected + failed > 0)
  const each = (name: string, value: (command: Command) => number): void => {
    for (const command of used) page.add('counter', name, value(command), { cmd: command.name })
  }
  each('commands_total', ({ calls }) => calls)
  each('commands_duration_seconds_total', ({ micros }) => micros / 1e6)
  each('commands_rejected_calls_total', ({ rejected }) => rejected)
  each('commands_failed_calls_total', ({ failed }) => failed)
  for (const { name, latency } of used) {
    if (latency === null) continue
    for (const percent of settings.latencyTrackingInfoPercentiles) {
      const micros = latency.percentile(percent) / 1000
      page.add('gauge', 'latency_percentiles_usec', micros, { cmd: name, quantile: percent })
    }
  }
  for (const { name, latency, micros } of used) {
    if (latency === null) continue
    page.head('histogram', 'commands_latencies_usec')
    for (const [bound, count] of latency.cumulative()) {
      page.sample('commands_latencies_usec_bucket', count, { cmd: name, le: bound })
    }
    page.sample('commands_latencies_usec_bucket', latency.total, { cmd: name, le: '+Inf' })
    page.sample('commands_latencies_usec_sum', micros, { cmd: name })
    page.sample('commands_latencies_usec_count', latency.total, { cmd: name })
  }
}

function slowness(page: Page, { slowLog, keyspace }: Engine): void {
  const { last } = slowLog
  page.add('gauge', 'slowlog_length', slowLog.length)
  page.add('gauge', 'slowlog_last_id', last?.id ?? 0)
  page.add('gauge', 'last_slow_execution_duration_seconds', (last?.micros ?? 0) / 1e6)
  for (const [event, { samples }] of keyspace.latency.series) {
    const { time } = samples[samples.length - 1]
    page.add('gauge', 'latency_spike_last', time, { event_name: event })
  }
  for (const [event, { samples }] of keyspace.latency.series) {
    const { latency } = samples[samples.length - 1]
    page.add('gauge', 'latency_spike_duration_seconds', latency / 1000, { event_name: event })
  }
}

/** A field of INFO as a number; null for a text. */
function numberIn(text: string | number): number | null {
  if (text === 'ok') return 1
  if (text === 'err') return 0
  // An id may happen to be all digits.
  const value = text === '' || String(text).length === ID_LENGTH ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : null
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
