/** The parts of INFO that count what the server did: stats, cpu, commands, errors, latencies. */
import type { Command } from '../engine/command.ts'
import type { CommandTable } from '../engine/command-table.ts'
import type { Engine } from '../engine/engine.ts'
import type { Stats } from '../engine/stats.ts'
import { cpuMicros } from '../platform/process.ts'

/** The lines of one section of INFO. */
export type InfoFields = readonly (readonly [name: string, value: string | number])[]

/** Defragmentation; its times in milliseconds, from the start of a walk to its end. */
function defragmentation({ keyspace: { stats: keys, defragmentation: walk } }: Engine): InfoFields {
  return [
    ['active_defrag_hits', keys.defragHits],
    ['active_defrag_misses', keys.defragMisses],
    ['active_defrag_key_hits', keys.defragKeyHits],
    ['active_defrag_key_misses', keys.defragKeyMisses],
    ['total_active_defrag_time', Math.floor((keys.defragMicros + walk.currentMicros) / 1000)],
    ['current_active_defrag_time', Math.floor(walk.currentMicros / 1000)],
  ]
}

/** INFO stats. */
export function statsFields(engine: Engine): InfoFields {
  const { stats: counters, pubsub, clock } = engine
  const { stats: keys } = engine.keyspace
  const { totals } = engine.tracking
  const exceededSince = keys.evictionExceededSince
  const exceeded = exceededSince === 0 ? 0 : clock.monotonicMicros() - exceededSince
  return [
    ['total_connections_received', counters.connectionsReceived],
    ['total_commands_processed', counters.commandsProcessed],
    ['instantaneous_ops_per_sec', Math.round(counters.commandRate.average)],
    ['total_net_input_bytes', counters.netInputBytes],
    ['total_net_output_bytes', counters.netOutputBytes],
    ['total_net_repl_input_bytes', 0],
    ['total_net_repl_output_bytes', 0],
    ['instantaneous_input_kbps', (counters.inputRate.average / 1024).toFixed(2)],
    ['instantaneous_output_kbps', (counters.outputRate.average / 1024).toFixed(2)],
    ['instantaneous_input_repl_kbps', '0.00'],
    ['instantaneous_output_repl_kbps', '0.00'],
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
    ['slave_expires_tracked_keys', 0],
    ...defragmentation(engine),
    ['tracking_total_keys', totals.keys],
    ['tracking_total_items', totals.items],
    ['tracking_total_prefixes', totals.prefixes],
    ['unexpected_error_replies', 0],
    ['total_error_replies', counters.errorReplies],
    ['dump_payload_sanitizations', 0],
    ['total_reads_processed', counters.readsProcessed],
    ['total_writes_processed', counters.writesProcessed],
    ['io_threaded_reads_processed', 0],
    ['io_threaded_writes_processed', 0],
    ['reply_buffer_shrinks', 0],
    ['reply_buffer_expands', 0],
    ...refusals(counters),
  ]
}

/** What 7.2 counts of clients that were stopped. */
function refusals(counters: Stats): InfoFields {
  return [
    ['client_query_buffer_limit_disconnections', counters.queryBufferDisconnections],
    ['client_output_buffer_limit_disconnections', counters.outputBufferDisconnections],
    ['acl_access_denied_auth', counters.aclDeniedAuth],
    ['acl_access_denied_cmd', counters.aclDeniedCommand],
    ['acl_access_denied_key', counters.aclDeniedKey],
    ['acl_access_denied_channel', counters.aclDeniedChannel],
  ]
}

/** INFO cpu: the whole process, of which one thread runs commands. */
export function cpuFields(): InfoFields {
  const { user, system } = cpuMicros()
  return [
    ['used_cpu_sys', (system / 1e6).toFixed(6)],
    ['used_cpu_user', (user / 1e6).toFixed(6)],
    ['used_cpu_sys_children', '0.000000'],
    ['used_cpu_user_children', '0.000000'],
    ['used_cpu_sys_main_thread', (system / 1e6).toFixed(6)],
    ['used_cpu_user_main_thread', (user / 1e6).toFixed(6)],
  ]
}

/** INFO commandstats. */
export function commandFields({ commands }: Engine): InfoFields {
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

/** INFO latencystats. */
export function latencyFields({ commands, settings }: Engine): InfoFields {
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

/** INFO errorstats. */
export function errorFields({ stats: { errorCodes } }: Engine): InfoFields {
  return [...errorCodes].map(([code, count]) => [`errorstat_${code}`, `count=${count}`])
}
