/** SAVE and its relatives: the dataset to disk. */

import { reasonOf } from '../config/system-errors.ts'
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { err } from '../protocol/error-replies.ts'

function save(client: Client): void {
  try {
    client.engine.dataset.save()
  } catch (error) {
    throw err(`SAVE failed: ${reasonOf(error)}`)
  }
  client.reply.ok()
}

function bgsave(): void {
  throw err('BGSAVE is not supported yet: use SAVE, which serves nobody while it writes')
}

function lastsave(client: Client): void {
  client.reply.integer(client.engine.dataset.lastSave)
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
