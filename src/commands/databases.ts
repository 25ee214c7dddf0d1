/** The commands on whole databases: how many keys, emptying, swapping. SELECT belongs to the connection. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import type { Database } from '../keyspace/database.ts'
import type { Arguments } from '../protocol/arguments.ts'
import {
  type ErrorReply,
  INVALID_FIRST_DB,
  INVALID_SECOND_DB,
  SYNTAX_ERROR,
} from '../protocol/error-replies.ts'
import { databaseAt } from './database-argument.ts'

function dbsize(client: Client): void {
  client.reply.integer(client.db.size)
}

/** SYNC and ASYNC are the same here: the keys are gone at once, and their memory follows in slices. */
function flush(client: Client, args: Arguments, databases: readonly Database[]): void {
  if (args.count > 2 || (args.count === 2 && !args.is(1, 'ASYNC') && !args.is(1, 'SYNC'))) throw SYNTAX_ERROR
  const { keyspace } = client.engine
  keyspace.dirty += keyspace.flush(databases)
  // As in Redis also when there was nothing to remove.
  client.engine.propagation.verbatim(client, args)
  client.reply.ok()
}

function flushall(client: Client, args: Arguments): void {
  const { keyspace, backgroundSave, dataset, settings } = client.engine
  flush(client, args, keyspace.databases)
  // Redis counts FLUSHALL as a change even when there was nothing to remove.
  keyspace.dirty++
  // What is being saved is not wanted any more, and a crash must not bring it back.
  backgroundSave.kill()
  if (settings.save.length > 0 && dataset.enabled) dataset.trySave()
}

function swapdb(client: Client, args: Arguments): void {
  const first = indexArgument(args, 1, INVALID_FIRST_DB)
  const second = indexArgument(args, 2, INVALID_SECOND_DB)
  const db = databaseAt(client, first)
  const other = databaseAt(client, second)
  if (db !== other) db.keyspace.swap(db, other)
  client.engine.keyspace.dirty++
  client.reply.ok()
}

function indexArgument(args: Arguments, index: number, error: ErrorReply): number {
  const value = args.integerOr(index, error)
  if (value !== (value | 0)) throw error
  return value
}

const FLUSH_HISTORY = [
  ['4.0.0', 'Added the `ASYNC` flushing mode modifier.'],
  ['6.2.0', 'Added the `SYNC` flushing mode modifier.'],
] as const

export const databaseCommands: Family = family('server', {
  DBSIZE: {
    summary: 'Returns the number of keys in the database.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['readonly', 'fast'],
    categories: ['keyspace'],
    tips: ['request_policy:all_shards', 'response_policy:agg_sum'],
    run: dbsize,
  },
  FLUSHALL: {
    summary: 'Removes all keys from all databases.',
    since: '1.0.0',
    complexity: 'O(N) where N is the total number of keys in all databases',
    syntax: '[ASYNC | SYNC]',
    flags: ['write'],
    categories: ['keyspace', 'dangerous'],
    tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
    history: FLUSH_HISTORY,
    run: flushall,
  },
  FLUSHDB: {
    summary: 'Remove all keys from the current database.',
    since: '1.0.0',
    complexity: 'O(N) where N is the number of keys in the selected database',
    syntax: '[ASYNC | SYNC]',
    flags: ['write'],
    categories: ['keyspace', 'dangerous'],
    tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
    history: FLUSH_HISTORY,
    run: (client, args) => flush(client, args, [client.db]),
  },
  SWAPDB: {
    summary: 'Swaps two Redis databases.',
    since: '4.0.0',
    complexity: 'O(N) where N is the count of clients watching or blocking on keys from both databases.',
    syntax: 'index1 index2',
    flags: ['write', 'fast'],
    categories: ['keyspace', 'dangerous'],
    run: swapdb,
  },
})
