/** SAVE and its relatives, the dataset to disk, and what INFO says of it. */

import { reasonOf } from '../config/system-errors.ts'
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import type { Engine } from '../engine/engine.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { type ErrorReply, err, SYNTAX_ERROR } from '../protocol/error-replies.ts'

const IN_PROGRESS: ErrorReply = err('Background save already in progress')

function save(client: Client): void {
  const { dataset, backgroundSave } = client.engine
  if (backgroundSave.isRunning) throw IN_PROGRESS
  dataset.saves++
  try {
    dataset.save()
  } catch (error) {
    throw err(`SAVE failed: ${reasonOf(error)}`)
  }
  client.reply.ok()
}

function bgsave(client: Client, args: Arguments): void {
  const { backgroundSave, snapshots, inExec } = client.engine
  const schedule = args.count === 2 && args.is(1, 'SCHEDULE')
  if (args.count > 1 && !schedule) throw SYNTAX_ERROR
  if (backgroundSave.isRunning) throw IN_PROGRESS
  // In the middle of a transaction half of it would be saved.
  if (snapshots.current !== null || inExec) {
    if (!schedule && !inExec) {
      throw err(
        "Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.",
      )
    }
    backgroundSave.scheduled = true
    client.reply.simple('Background saving scheduled')
    return
  }
  try {
    backgroundSave.start()
  } catch (error) {
    throw err(`BGSAVE failed: ${reasonOf(error)}`)
  }
  client.reply.simple('Background saving started')
}

function lastsave(client: Client): void {
  client.reply.integer(client.engine.dataset.lastSave)
}

/** The fields of INFO persistence about the snapshot under way and the RDB file. */
export function snapshotFields(engine: Engine): [string, string | number][] {
  const { snapshots, backgroundSave, dataset, keyspace } = engine
  const { current } = snapshots
  const processed = current?.keysProcessed ?? 0
  const total = current?.keysTotal ?? 0
  const early = current?.preImageBytes ?? 0
  return [
    // Copied by no fork but by commands: what they had written early.
    ['current_cow_peak', early],
    ['current_cow_size', early],
    ['current_cow_size_age', 0],
    ['current_fork_perc', (total === 0 ? 0 : (processed / total) * 100).toFixed(2)],
    ['current_save_keys_processed', processed],
    ['current_save_keys_total', total],
    ['rdb_changes_since_last_save', keyspace.dirty],
    ['rdb_bgsave_in_progress', backgroundSave.isRunning ? 1 : 0],
    ['rdb_last_save_time', dataset.lastSave],
    ['rdb_last_bgsave_status', dataset.lastSaveOk ? 'ok' : 'err'],
    ['rdb_last_bgsave_time_sec', backgroundSave.lastSeconds],
    ['rdb_current_bgsave_time_sec', backgroundSave.currentSeconds],
    ['rdb_saves', dataset.saves],
    ['rdb_last_cow_size', backgroundSave.lastPreImageBytes],
    ['rdb_last_load_keys_expired', dataset.lastExpired],
    ['rdb_last_load_keys_loaded', dataset.lastLoaded],
  ]
}

export const persistenceCommands: Family = family('server', {
  SAVE: {
    summary: 'Synchronously saves the database(s) to disk.',
    since: '1.0.0',
    complexity: 'O(N) where N is the total number of keys in all databases',
    syntax: '',
    flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
    run: save,
  },
  BGSAVE: {
    summary: 'Asynchronously saves the database(s) to disk.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: '[SCHEDULE]',
    flags: ['admin', 'noscript', 'no_async_loading'],
    history: [['3.2.2', 'Added the `SCHEDULE` option.']],
    run: bgsave,
  },
  LASTSAVE: {
    summary: 'Returns the Unix timestamp of the last successful save to disk.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['loading', 'stale', 'fast'],
    categories: ['admin', 'dangerous'],
    tips: ['nondeterministic_output'],
    run: lastsave,
  },
})
