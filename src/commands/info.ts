/** INFO: the sections Redis's tools read, each figure from where it is counted. */
import type { Settings } from '../config/settings.ts'
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import type { Engine } from '../engine/engine.ts'
import { GATE_LOADING } from '../engine/gates.ts'
import { datasetPercent, memoryReport, ratio } from '../engine/memory-report.ts'
import { lruAccess } from '../keyspace/access-clock.ts'
import type { LoadProgress } from '../persistence/load-progress.ts'
import {
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
import {
  commandFields,
  cpuFields,
  errorFields,
  type InfoFields,
  latencyFields,
  statsFields,
} from './info-stats.ts'
import { snapshotFields } from './persistence.ts'
import { artifactFields } from './reload.ts'

interface Section {
  readonly title: string
  /** Shown by a bare INFO; the others only by name, `all` or `everything`. */
  readonly byDefault: boolean
  readonly fields: (engine: Engine) => InfoFields
}

const SECTIONS: readonly Section[] = [
  { title: 'Server', byDefault: true, fields: server },
  { title: 'Clients', byDefault: true, fields: clients },
  { title: 'Memory', byDefault: true, fields: memory },
  { title: 'Persistence', byDefault: true, fields: persistence },
  { title: 'Stats', byDefault: true, fields: statsFields },
  { title: 'Replication', byDefault: true, fields: replication },
  { title: 'CPU', byDefault: true, fields: cpuFields },
  { title: 'Modules', byDefault: true, fields: () => [] },
  { title: 'Commandstats', byDefault: false, fields: commandFields },
  { title: 'Errorstats', byDefault: true, fields: errorFields },
  { title: 'Latencystats', byDefault: false, fields: latencyFields },
  { title: 'Cluster', byDefault: true, fields: () => [['cluster_enabled', 0]] },
  { title: 'Keyspace', byDefault: true, fields: keyspace },
  { title: 'Artifacts', byDefault: false, fields: artifactFields },
  { title: 'Respite', byDefault: true, fields: respite },
]

/** The fields of the section of this name, in lower case. */
export function infoFields(engine: Engine, name: string): InfoFields {
  return SECTIONS.find(({ title }) => title.toLowerCase() === name)?.fields(engine) ?? []
}

function info(client: Client, args: Arguments): void {
  const wanted = new Set<string>()
  for (let i = 1; i < args.count; i++) {
    const name = args.text(i).toLowerCase()
    wanted.add(name === 'module_list' ? 'modules' : name)
  }
  client.reply.verbatim('txt', infoText(client.engine, wanted))
}

/** The text of INFO with these arguments, in lower case; with none the default sections. */
export function infoText(engine: Engine, wanted: ReadonlySet<string>): string {
  const all = wanted.has('all') || wanted.has('everything')
  const bare = wanted.size === 0 || wanted.has('default')
  return SECTIONS.filter(
    ({ title, byDefault }) => all || (bare && byDefault) || wanted.has(title.toLowerCase()),
  )
    .map(({ title, fields }) => {
      const lines = fields(engine).map(([name, value]) => `${name}:${value}\r\n`)
      return `# ${title}\r\n${lines.join('')}`
    })
    .join('\r\n')
}

function server({ settings, configuration, clock, runId, startedAt, supervisedBy }: Engine): InfoFields {
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
    ['atomicvar_api', 'none'],
    ['gcc_version', '0.0.0'],
    ['process_id', PROCESS_ID],
    ['process_supervised', supervisedBy],
    ['run_id', runId],
    ['tcp_port', settings.port],
    ['server_time_usec', clock.epochMicros()],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / 86_400)],
    ['hz', settings.hz],
    ['configured_hz', settings.hz],
    ['lru_clock', lruAccess(clock.now)],
    ['executable', EXECUTABLE],
    ['config_file', configuration.file],
    ['io_threads_active', 0],
    ...listeners(settings),
  ]
}

/** Where the server listens, as 7.2 lists it. */
function listeners({ port, bind, unixsocket }: Settings): [string, string][] {
  const texts: string[] = []
  if (port > 0) texts.push(`name=tcp,${bind.map((address) => `bind=${address},`).join('')}port=${port}`)
  if (unixsocket !== '') texts.push(`name=unix,bind=${unixsocket}`)
  return texts.map((text, index) => [`listener${index}`, text])
}

function clients({ clients: connected, settings, pause, blocking, tracking }: Engine): InfoFields {
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
    ['total_blocking_keys', blocking.keyCount],
    ['total_blocking_keys_on_nokey', 0],
  ]
}

function memory(engine: Engine): InfoFields {
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
    ['mem_not_counted_for_evict', report.clients + report.aofBuffer],
    ['mem_counted_for_evict_peak', data.eviction.peakBytes],
    ['mem_replication_backlog', 0],
    ['mem_total_replication_buffers', 0],
    ['mem_clients_slaves', 0],
    ['mem_clients_normal', report.clients],
    ['mem_cluster_links', 0],
    ['mem_aof_buffer', report.aofBuffer],
    ['mem_allocator', 'respite-arena'],
    ['active_defrag_running', data.defragmentation.isRunning ? Math.round(data.defragmentation.effort) : 0],
    ['lazyfree_pending_objects', data.lazyFree.pendingObjects],
    ['lazyfreed_objects', data.stats.lazyFreedObjects],
  ]
}

/** There are no scripts yet; tools expect the fields. */
const SCRIPTING_MEMORY: InfoFields = [
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

function persistence(engine: Engine): InfoFields {
  const { dataset } = engine
  return [
    ['loading', (engine.gates & GATE_LOADING) !== 0 || engine.faults.loading ? 1 : 0],
    ['async_loading', 0],
    ...snapshotFields(engine),
    ...appendOnlyFields(engine),
    ...loading(dataset.loading),
  ]
}

function loading(progress: LoadProgress | null): InfoFields {
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

function replication({ replicationId }: Engine): InfoFields {
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

function keyspace({ keyspace: { databases } }: Engine): InfoFields {
  return databases
    .filter((db) => db.size > 0)
    .map((db) => [
      `db${db.id}`,
      `keys=${db.size},expires=${db.deadlines.count},avg_ttl=${Math.round(db.averageTtl)}`,
    ])
}

/** What is ours: the version under the emulated one, and the figures of running on Node. */
function respite({ stats: counters }: Engine): InfoFields {
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
