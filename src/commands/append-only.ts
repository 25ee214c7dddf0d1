/** The append-only file: rewriting it by command, and what INFO says of it. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import type { Engine } from '../engine/engine.ts'
import { err } from '../protocol/error-replies.ts'

function bgrewriteaof(client: Client): void {
  const { aof, dataset, inExec } = client.engine
  if (!dataset.enabled) throw err('this server keeps no file, since no dir was given')
  if (aof.rewriting) throw err('Background append only file rewriting already in progress')
  if (aof.busy || inExec) {
    aof.rewriteScheduled = true
    client.reply.simple('Background append only file rewriting scheduled')
    return
  }
  if (aof.rewrite() !== null) {
    throw err("Can't execute an AOF background rewriting. Please check the server logs for more information.")
  }
  client.reply.simple('Background append only file rewriting started')
}

/** The fields of INFO persistence about the append-only file. */
export function appendOnlyFields({ aof, clock }: Engine): [string, string | number][] {
  const { writer, state } = aof
  const since = Math.floor(clock.now / 1000) - Math.floor(aof.rewriteStartedAt / 1000)
  const fields: [string, string | number][] = [
    ['aof_enabled', state === 'off' ? 0 : 1],
    ['aof_rewrite_in_progress', aof.rewriting ? 1 : 0],
    ['aof_rewrite_scheduled', aof.rewriteScheduled ? 1 : 0],
    ['aof_last_rewrite_time_sec', aof.lastRewriteSeconds],
    ['aof_current_rewrite_time_sec', aof.rewriting ? since : -1],
    ['aof_last_bgrewrite_status', aof.lastRewriteOk ? 'ok' : 'err'],
    ['aof_rewrites', aof.rewrites],
    ['aof_rewrites_consecutive_failures', aof.failures],
    ['aof_last_write_status', writer.failure === null ? 'ok' : 'err'],
    ['aof_last_cow_size', aof.lastPreImageBytes],
    // There are no modules and no forks; dashboards ask for both all the same.
    ['module_fork_in_progress', 0],
    ['module_fork_last_cow_size', 0],
  ]
  if (state === 'off') return fields
  return [
    ...fields,
    ['aof_current_size', aof.size],
    ['aof_base_size', aof.rewrittenSize],
    ['aof_pending_rewrite', aof.rewriteScheduled ? 1 : 0],
    ['aof_buffer_length', aof.bufferedBytes],
    ['aof_pending_bio_fsync', writer.isSyncing ? 1 : 0],
    ['aof_delayed_fsync', writer.delayed],
  ]
}

export const appendOnlyCommands: Family = family('server', {
  BGREWRITEAOF: {
    summary: 'Asynchronously rewrites the append-only file to disk.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['admin', 'noscript', 'no_async_loading'],
    run: bgrewriteaof,
  },
})
