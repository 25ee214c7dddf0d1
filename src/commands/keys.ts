/** The commands on keys whatever they hold: deleting, renaming, copying, moving, asking for existence and type. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { keyAt, keyRange } from '../engine/key-specs.ts'
import type { Database } from '../keyspace/database.ts'
import { DEADLINE_FIELD, Entry, TYPE_LIST, TYPE_NAMES } from '../keyspace/entry.ts'
import { NOTIFY_GENERIC } from '../keyspace/notifications.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { NO_SUCH_KEY, SAME_OBJECT, SYNTAX_ERROR } from '../protocol/error-replies.ts'
import { copyBytes, equalBytes } from '../structures/block.ts'
import { databaseArgument } from './database-argument.ts'

/** The second key of a command; the first is in the database's own view. */
const second = new Entry()

/** DEL and UNLINK: the database frees large values in slices either way. */
function del(client: Client, args: Arguments): void {
  const { db } = client
  let removed = 0
  for (let i = 1; i < args.count; i++) {
    const entry = db.find(args, i)
    if (entry === null) continue
    db.remove(entry)
    db.changed(args, i, NOTIFY_GENERIC, 'del')
    removed++
  }
  client.reply.integer(removed)
}

function exists(client: Client, args: Arguments): void {
  let count = 0
  for (let i = 1; i < args.count; i++) if (client.db.inspect(args, i) !== null) count++
  client.reply.integer(count)
}

function touch(client: Client, args: Arguments): void {
  let count = 0
  for (let i = 1; i < args.count; i++) if (client.db.read(args, i) !== null) count++
  client.reply.integer(count)
}

function type(client: Client, args: Arguments): void {
  const entry = client.db.inspect(args, 1)
  client.reply.simple(entry === null ? 'none' : TYPE_NAMES[entry.type])
}

function rename(client: Client, args: Arguments): void {
  renameKey(client.db, args, false)
  client.reply.ok()
}

function renamenx(client: Client, args: Arguments): void {
  client.reply.integer(renameKey(client.db, args, true) ? 1 : 0)
}

/** Renames argument 1 to argument 2. Returns whether it did; a key renamed to itself is left alone. */
function renameKey(db: Database, args: Arguments, onlyIfAbsent: boolean): boolean {
  const entry = db.write(args, 1)
  if (entry === null) throw NO_SUCH_KEY
  if (sameArgument(args, 1, 2)) return false
  const target = db.write(args, 2, second)
  if (target !== null) {
    if (onlyIfAbsent) return false
    db.remove(target)
  }
  db.rename(entry, args, 2, second)
  db.notify(args, 1, NOTIFY_GENERIC, 'rename_from')
  db.changed(args, 2, NOTIFY_GENERIC, 'rename_to')
  return true
}

function sameArgument(args: Arguments, a: number, b: number): boolean {
  const { block, offsets, lengths } = args
  return lengths[a] === lengths[b] && equalBytes(block, offsets[a], block, offsets[b], lengths[a])
}

function move(client: Client, args: Arguments): void {
  const { db, reply } = client
  const target = databaseArgument(client, args, 2)
  if (target === db) throw SAME_OBJECT
  const entry = db.write(args, 1)
  if (entry === null || target.write(args, 1, second) !== null) {
    reply.integer(0)
    return
  }
  db.moveTo(target, entry)
  db.notify(args, 1, NOTIFY_GENERIC, 'move_from')
  target.changed(args, 1, NOTIFY_GENERIC, 'move_to')
  reply.integer(1)
}

function copy(client: Client, args: Arguments): void {
  const { db, reply } = client
  let target = db
  let replace = false
  for (let i = 3; i < args.count; i++) {
    if (args.is(i, 'REPLACE')) replace = true
    else if (args.is(i, 'DB') && i + 1 < args.count) target = databaseArgument(client, args, ++i)
    else throw SYNTAX_ERROR
  }
  if (target === db && sameArgument(args, 1, 2)) throw SAME_OBJECT
  const entry = db.read(args, 1)
  if (entry === null) {
    reply.integer(0)
    return
  }
  const replaced = target.write(args, 2, second)
  if (replaced !== null) {
    if (!replace) {
      reply.integer(0)
      return
    }
    target.remove(replaced)
  }
  copyEntry(entry, target, args)
  target.changed(args, 2, NOTIFY_GENERIC, 'copy_to')
  reply.integer(1)
}

/** Makes a copy of `entry` under argument 2, which the last lookup with `second` did not find (any more). */
function copyEntry(entry: Entry, target: Database, args: Arguments): void {
  const made = target.create(args, 2, entry.type, entry.valueLength, second)
  if (entry.type === TYPE_LIST) {
    const { list } = target.keyspace
    list.point(entry.block, entry.valueOffset)
    list.copyTo(made.block, made.valueOffset)
  } else copyBytes(entry.block, entry.valueOffset, made.block, made.valueOffset, entry.valueLength)
  made.flags |= entry.flags & ~DEADLINE_FIELD
  if (entry.hasDeadline) target.setDeadline(made, entry.deadlineInt64)
}

export const keyCommands: Family = family('generic', {
  DEL: {
    summary: 'Deletes one or more keys.',
    since: '1.0.0',
    complexity:
      'O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).',
    syntax: 'key [key ...]',
    flags: ['write'],
    categories: ['keyspace'],
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    keys: [keyRange(1, -1, 1, 'RM', 'delete')],
    run: del,
  },
  UNLINK: {
    summary: 'Asynchronously deletes one or more keys.',
    since: '4.0.0',
    complexity:
      'O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.',
    syntax: 'key [key ...]',
    flags: ['write', 'fast'],
    categories: ['keyspace'],
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    keys: [keyRange(1, -1, 1, 'RM', 'delete')],
    run: del,
  },
  EXISTS: {
    summary: 'Determines whether one or more keys exist.',
    since: '1.0.0',
    complexity: 'O(N) where N is the number of keys to check.',
    syntax: 'key [key ...]',
    flags: ['readonly', 'fast'],
    categories: ['keyspace'],
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    keys: [keyRange(1, -1, 1, 'RO')],
    history: [['3.0.3', 'Accepts multiple `key` arguments.']],
    run: exists,
  },
  TYPE: {
    summary: 'Determines the type of value stored at a key.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['readonly', 'fast'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RO')],
    run: type,
  },
  TOUCH: {
    summary:
      'Returns the number of existing keys out of those specified after updating the time they were last accessed.',
    since: '3.2.1',
    complexity: 'O(N) where N is the number of keys that will be touched.',
    syntax: 'key [key ...]',
    flags: ['readonly', 'fast'],
    categories: ['keyspace'],
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    keys: [keyRange(1, -1, 1, 'RO')],
    run: touch,
  },
  RENAME: {
    summary: 'Renames a key and overwrites the destination.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key newkey',
    flags: ['write'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RW', 'access', 'delete'), keyAt(2, 'OW', 'update')],
    run: rename,
  },
  RENAMENX: {
    summary: "Renames a key only when the target key name doesn't exist.",
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key newkey',
    flags: ['write', 'fast'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RW', 'access', 'delete'), keyAt(2, 'OW', 'insert')],
    history: [
      ['3.2.0', 'The command no longer returns an error when source and destination names are the same.'],
    ],
    run: renamenx,
  },
  COPY: {
    summary: 'Copies the value of a key to a new key.',
    since: '6.2.0',
    complexity:
      'O(N) worst case for collections, where N is the number of nested items. O(1) for string values.',
    syntax: 'source destination [DB destination-db] [REPLACE]',
    flags: ['write', 'denyoom'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RO', 'access'), keyAt(2, 'OW', 'update')],
    run: copy,
  },
  MOVE: {
    summary: 'Moves a key to another database.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key db',
    flags: ['write', 'fast'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RW', 'access', 'update')],
    run: move,
  },
})
