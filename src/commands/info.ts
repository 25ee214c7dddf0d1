/** INFO: the sections Redis's tools read, each figure from where it is counted. */
import type { Client } from '../engine/client.ts'
import { type Command, type Family, family } from '../engine/command.ts'
import type { CommandTable } from '../engine/command-table.ts'
import type { Engine } from '../engine/engine.ts'
import { datasetPercent, memoryReport, ratio } from '../engine/memory-report.ts'
import { lruAccess } from '../keyspace/access-clock.ts'
import type { LoadProgress } from '../persistence/load-progress.ts'
import {
  cpuMicros,
  EVENT_API,
  EXECUTABLE,
  heapBytes,
  OS_NAME,
  PROCESS_ID,
  TOTAL_MEMORY_BYTES,
} from '../platform/process.ts'
import { NODE_VERSION, REDIS_VERSION, RESPITE_VERSION } from '../platform/version.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { appendOnlyFields } from './append-only.ts'

type Fields = readonly (readonly [name: string, value: string | number])[]

interface Section {
  readonly title: string
  /** Shown by a bare INFO; the others only by name, `all` or `everything`. */
  readonly byDefault: boolean
  readonly fields: (engine: Engine) => Fields
}

const SECTIONS: readonly Section[] = [
  { title: 'Server', byDefault: true, fields: server },
  { title: 'Clients', byDefault: true, fields: clients },
  { title: 'Memory', byDefault: true, fields: memory },
  { title: 'Persistence', byDefault: true, fields: persistence },
  { title: 'Stats', byDefault: true, fields: stats },
  { title: 'Replication', byDefault: true, fields: replication },
  { title: 'CPU', byDefault: true, fields: cpu },
  { title: 'Modules', byDefault: true, fields: () => [] },
  { title: 'Commandstats', byDefault: false, fields: commandStats },
  { title: 'Errorstats', byDefault: true, fields: errorStats },
  { title: 'Latencystats', byDefault: false, fields: latencyStats },
  { title: 'Cluster', byDefault: true, fields: () => [['cluster_enabled', 0]] },
  { title: 'Keyspace', byDefault: true, fields: keyspace },
  { title: 'Respite', byDefault: true, fields: respite },
]

function info(client: Client, args: Arguments): void {
  const wanted = new Set<string>()
  for (let i = 1; i < args.count; i++) wanted.add(args.text(i).toLowerCase())
  const all = wanted.has('all') || wanted.has('everything')
  const bare = wanted.size === 0 || wanted.has('default')
  const text = SECTIONS.filter(
    ({ title, byDefault }) => all || (bare && byDefault) || wanted.has(title.toLowerCase()),
  )
    .map(({ title, fields }) => {
      const lines = fields(client.engine).map(([name, value]) => `${name}:${value}\r\n`)
      return `# ${title}\r\n${lines.join('')}`
    })
    .join('\r\n')
  client.reply.verbatim('txt', text)
}

function server({ settings, clock, runId, startedAt }: Engine): Fields {
  const uptime = Math.floor((clock.now - startedAt) / 1000)
  return [
    ['redis_version', REDIS_VERSION],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0000000000000000'],
    ['redis_mode', 'standalone'],
    ['os', OS_NAME],
    ['arch_bits', 64],
    ['monotonic_clock', 'Node performance.now'],
    ['multiplexing_api', EVENT_API],
    ['process_id', PROCESS_ID],
    ['process_supervised', 'no'],
    ['run_id', runId],
    ['tcp_port', settings.port],
    ['server_time_usec', clock.epochMicros()],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / 86_400)],
    ['hz', settings.hz],
    ['configured_hz', settings.hz],
    ['lru_clock', lruAccess(clock.now)],
    ['executable', EXECUTABLE],
    ['config_file', ''],
    ['io_threads_active', 0],
  ]
}

function clients({ clients: connected, settings, pause, blocking, tracking }: Engine): Fields {
  let input = 0
  let output = 0
  for (const client of connected.values()) {
    input = Math.max(input, client.link.inputBytes)
    output = Math.max(output, client.reply.length)
  }
  return [
    ['connected_clients', connected.size],
    ['cluster_connections', 0],
    ['maxclients', settings.maxclients],
    ['client_recent_max_input_buffer', input],
    ['client_recent_max_output_buffer', output],
    ['blocked_clients', pause.heldClients + blocking.count],
    ['tracking_clients', tracking.clientCount],
    ['clients_in_timeout_table', blocking.timedCount],
  ]
}

function memory(engine: Engine): Fields {
  const { keyspace: data, settings } = engine
  const report = memoryReport(engine)
  const { used, peak, startup, overhead, dataset, allocated, active, resident } = report
  const arenaResident = Math.min(active, resident)
  return [
    ['used_memory', used],
    ['used_memory_human', human(used)],
    ['used_memory_rss', resident],
    ['used_memory_rss_human', human(resident)],
    ['used_memory_peak', peak],
    ['used_memory_peak_human', human(peak)],
    ['used_memory_peak_perc', `${(ratio(used, peak) * 100).toFixed(2)}%`],
    ['used_memory_overhead', overhead],
    ['used_memory_startup', startup],
    ['used_memory_dataset', dataset],
    ['used_memory_dataset_perc', `${datasetPercent(report).toFixed(2)}%`],
    ['allocator_allocated', allocated],
    ['allocator_active', active],
    ['allocator_resident', arenaResident],
    ['total_system_memory', TOTAL_MEMORY_BYTES],
    ['total_system_memory_human', human(TOTAL_MEMORY_BYTES)],
    ...SCRIPTING_MEMORY,
    ['maxmemory', settings.maxmemory],
    ['maxmemory_human', human(settings.maxmemory)],
    ['maxmemory_policy', settings.maxmemoryPolicy],
    ['allocator_frag_ratio', ratio(active, allocated).toFixed(2)],
    ['allocator_frag_bytes', active - allocated],
    ['allocator_rss_ratio', ratio(arenaResident, active).toFixed(2)],
    ['allocator_rss_bytes', arenaResident - active],
    ['rss_overhead_ratio', ratio(resident, arenaResident).toFixed(2)],
    ['rss_overhead_bytes', resident - arenaResident],
    ['mem_fragmentation_ratio', ratio(resident, used).toFixed(2)],
    ['mem_fragmentation_bytes', resident - used],
    ['mem_not_counted_for_evict', report.clients],
    ['mem_replication_backlog', 0],
    ['mem_total_replication_buffers', 0],
    ['mem_clients_slaves', 0],
    ['mem_clients_normal', report.clients],
    ['mem_cluster_links', 0],
    ['mem_aof_buffer', 0],
    ['mem_allocator', 'respite-arena'],
    ['active_defrag_running', data.defragmentation.isRunning ? 1 : 0],
    ['lazyfree_pending_objects', data.lazyFree.pendingObjects],
    ['lazyfreed_objects', data.stats.lazyFreedObjects],
  ]
}

/** There are no scripts yet; tools expect the fields. */
const SCRIPTING_MEMORY: Fields = [
  ['used_memory_lua', 0],
  ['used_memory_vm_eval', 0],
  ['used_memory_lua_human', '0B'],
  ['used_memory_scripts_eval', 0],
  ['number_of_cached_scripts', 0],
  ['number_of_functions', 0],
  ['number_of_libraries', 0],
  ['used_memory_vm_functions', 0],
  ['used_memory_vm_total', 0],
  ['used_memory_vm_total_human', '0B'],
  ['used_memory_functions', 0],
  ['used_memory_scripts', 0],
  ['used_memory_scripts_human', '0B'],
]

/** Nothing saves in the background yet: the fields say so. */
function persistence(engine: Engine): Fields {
  const { keyspace: data, dataset } = engine
  return [
    ['loading', dataset.loading === null ? 0 : 1],
    ['async_loading', 0],
    ['rdb_changes_since_last_save', data.dirty],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_save_time', dataset.lastSave],
    ['rdb_last_bgsave_status', dataset.lastSaveOk ? 'ok' : 'err'],
    ['rdb_last_bgsave_time_sec', -1],
    ['rdb_current_bgsave_time_sec', -1],
    ['rdb_saves', dataset.saves],
    ['rdb_last_load_keys_expired', dataset.lastExpired],
    ['rdb_last_load_keys_loaded', dataset.lastLoaded],
    ...appendOnlyFields(engine),
    ...loading(dataset.loading),
  ]
}

function loading(progress: LoadProgress | null): Fields {
  if (progress === null) return []
  return [
    ['loading_start_time', Math.floor(progress.startedAt / 1000)],
    ['loading_total_bytes', progress.total],
    ['loading_rdb_used_mem', progress.usedMemory],
    ['loading_loaded_bytes', progress.loaded],
    ['loading_loaded_perc', progress.percent.toFixed(2)],
    ['loading_eta_seconds', progress.secondsLeft],
  ]
}

function stats(engine: Engine): Fields {
  const { stats: counters, pubsub, clock } = engine
  const { stats: keys } = engine.keyspace
  const { totals } = engine.tracking
  const exceededSince = keys.evictionExceededSince
  const exceeded = exceededSince === 0 ? 0 : clock.monotonicMicros() - exceededSince
  return [
    ['total_connections_received', counters.connectionsReceived],
    ['total_commands_processed', counters.commandsProcessed],
    ['instantaneous_ops_per_sec', Math.round(counters.commandRate.average)],
    ['total_reads_processed', counters.readsProcessed],
    ['total_writes_processed', counters.writesProcessed],
    ['total_net_input_bytes', counters.netInputBytes],
    ['total_net_output_bytes', counters.netOutputBytes],
    ['instantaneous_input_kbps', (counters.inputRate.average / 1024).toFixed(2)],
    ['instantaneous_output_kbps', (counters.outputRate.average / 1024).toFixed(2)],
    ['rejected_connections', counters.rejectedConnections],
    ['sync_full', 0],
    ['sync_partial_ok', 0],
    ['sync_partial_err', 0],
    ['expired_keys', keys.expiredKeys],
    ['expired_stale_perc', keys.expiredStalePercent.toFixed(2)],
    ['expired_time_cap_reached_count', keys.expiredTimeCapReached],
    ['expire_cycle_cpu_milliseconds', Math.round(keys.expireCycleMicros / 1000)],
    ['evicted_keys', keys.evictedKeys],
    ['evicted_clients', counters.evictedClients],
    ['total_eviction_exceeded_time', Math.floor((keys.evictionExceededMicros + exceeded) / 1000)],
    ['current_eviction_exceeded_time', Math.floor(exceeded / 1000)],
    ['keyspace_hits', keys.hits],
    ['keyspace_misses', keys.misses],
    ['pubsub_channels', pubsub.directory('channels').size],
    ['pubsub_patterns', pubsub.directory('patterns').size],
    ['pubsubshard_channels', pubsub.directory('shardChannels').size],
    ['latest_fork_usec', 0],
    ['total_forks', 0],
    ['migrate_cached_sockets', engine.migrations.connections],
    ['tracking_total_keys', totals.keys],
    ['tracking_total_items', totals.items],
    ['tracking_total_prefixes', totals.prefixes],
    ['unexpected_error_replies', 0],
    ['total_error_replies', counters.errorReplies],
    ['client_query_buffer_limit_disconnections', counters.queryBufferDisconnections],
    ['client_output_buffer_limit_disconnections', counters.outputBufferDisconnections],
    ['acl_access_denied_auth', counters.aclDeniedAuth],
    ['acl_access_denied_cmd', counters.aclDeniedCommand],
    ['acl_access_denied_key', counters.aclDeniedKey],
    ['acl_access_denied_channel', counters.aclDeniedChannel],
  ]
}

function replication({ replicationId }: Engine): Fields {
  return [
    ['role', 'master'],
    ['connected_slaves', 0],
    ['master_failover_state', 'no-failover'],
    ['master_replid', replicationId],
    ['master_replid2', '0'.repeat(40)],
    ['master_repl_offset', 0],
    ['second_repl_offset', -1],
    ['repl_backlog_active', 0],
    ['repl_backlog_size', 1_048_576],
    ['repl_backlog_first_byte_offset', 0],
    ['repl_backlog_histlen', 0],
  ]
}

function cpu(): Fields {
  const { user, system } = cpuMicros()
  return [
    ['used_cpu_sys', (system / 1e6).toFixed(6)],
    ['used_cpu_user', (user / 1e6).toFixed(6)],
    ['used_cpu_sys_children', '0.000000'],
    ['used_cpu_user_children', '0.000000'],
  ]
}

function commandStats({ commands }: Engine): Fields {
  const used = everyCommand(commands).filter(
    ({ calls, rejected, failed }) => calls > 0 || rejected > 0 || failed > 0,
  )
  return used.map(({ name, calls, micros, rejected, failed }) => {
    const each = calls === 0 ? '0.00' : (micros / calls).toFixed(2)
    const usec = Math.round(micros)
    return [
      `cmdstat_${name}`,
      `calls=${calls},usec=${usec},usec_per_call=${each},rejected_calls=${rejected},failed_calls=${failed}`,
    ]
  })
}

function everyCommand({ commands }: CommandTable): Command[] {
  return commands.flatMap((command) => [command, ...(command.subcommands?.values() ?? [])])
}

function latencyStats({ commands, settings }: Engine): Fields {
  const percentiles = settings.latencyTrackingInfoPercentiles
  if (!settings.latencyTracking) return []
  const fields: [string, string][] = []
  for (const { name, latency } of everyCommand(commands)) {
    if (latency === null) continue
    const texts = percentiles.map((percent) => {
      const micros = latency.percentile(percent) / 1000
      return `p${percent}=${micros.toFixed(3)}`
    })
    fields.push([`latency_percentiles_usec_${name}`, texts.join(',')])
  }
  return fields
}

function errorStats({ stats: { errorCodes } }: Engine): Fields {
  return [...errorCodes].map(([code, count]) => [`errorstat_${code}`, `count=${count}`])
}

function keyspace({ keyspace: { databases } }: Engine): Fields {
  return databases
    .filter((db) => db.size > 0)
    .map((db) => [
      `db${db.id}`,
      `keys=${db.size},expires=${db.deadlines.count},avg_ttl=${Math.round(db.averageTtl)}`,
    ])
}

/** What is ours: the version under the emulated one, and the figures of running on Node. */
function respite({ stats: counters }: Engine): Fields {
  return [
    ['respite_version', RESPITE_VERSION],
    ['node_version', NODE_VERSION],
    ['js_heap_used_bytes', heapBytes()],
    ['loop_stall_max_us', counters.loopStallMaxMicros],
  ]
}

/** Bytes as Redis shows them to people: 512B, 1.50K, 2.00G. */
function human(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`
  const units = ['K', 'M', 'G', 'T', 'P']
  let value = bytes / 1024
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${value.toFixed(2)}${units[unit]}`
}

/** INFO. */
export const infoCommands: Family = family('server', {
  INFO: {
    summary: 'Returns information and statistics about the server.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: '[section [section ...]]',
    flags: ['loading', 'stale'],
    categories: ['dangerous'],
    tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
    history: [['7.0.0', 'Added support for taking multiple section arguments.']],
    run: info,
  },
})
