/** The list commands that push, pop, read and change one list by its ends or by index. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { keyAt } from '../engine/key-specs.ts'
import type { Database } from '../keyspace/database.ts'
import { type Entry, TYPE_LIST } from '../keyspace/entry.ts'
import { NOTIFY_GENERIC, NOTIFY_LIST } from '../keyspace/notifications.ts'
import type { Arguments } from '../protocol/arguments.ts'
import {
  INDEX_OUT_OF_RANGE,
  MUST_BE_POSITIVE,
  NO_SUCH_KEY,
  SYNTAX_ERROR,
  wrongArguments,
} from '../protocol/error-replies.ts'
import { equalBytes } from '../structures/block.ts'
import { afterShrinking, beforeGrowth } from '../values/list-encoding.ts'
import { LIST_ROOT_SIZE } from '../values/list-root.ts'
import type { ListView } from '../values/list-value.ts'

/** LEFT is the head. */
export type End = 'head' | 'tail'

/** The end that argument `index` names, LEFT or RIGHT. Throws SYNTAX_ERROR. */
export function endArgument(args: Arguments, index: number): End {
  if (args.is(index, 'LEFT')) return 'head'
  if (args.is(index, 'RIGHT')) return 'tail'
  throw SYNTAX_ERROR
}

/** The server's list view, pointed at the list of `entry`. */
export function listOf(client: Client, entry: Entry): ListView {
  const { list } = client.engine.keyspace
  list.point(entry.block, entry.valueOffset)
  return list
}

/** A new empty list under the key that argument `key` names, which the last lookup did not find. */
export function createList(db: Database, args: Arguments, key: number, into?: Entry): Entry {
  const entry = db.create(args, key, TYPE_LIST, LIST_ROOT_SIZE, into)
  const { list } = db.keyspace
  list.point(entry.block, entry.valueOffset)
  list.initialize()
  return entry
}

/** What follows the removal of `count` elements: event, and the end of a list without elements. */
export function afterRemoval(
  client: Client,
  entry: Entry,
  args: Arguments,
  key: number,
  list: ListView,
  event: string,
  count: number,
): void {
  const { db } = client
  db.changed(args, key, NOTIFY_LIST, event, count)
  if (list.length === 0) {
    db.remove(entry)
    db.notify(args, key, NOTIFY_GENERIC, 'del')
  } else afterShrinking(list, client.engine.settings.listMaxListpackSize)
}

/** Replies with the element the view shows. */
export function replyElement(client: Client, list: ListView): void {
  client.reply.bulk(list.elementBlock, list.elementOffset, list.elementLength)
}

/** Takes `count` elements off one end and replies with each; `count` is at most the list's length. */
export function popElements(client: Client, list: ListView, end: End, count: number): void {
  for (let i = 0; i < count; i++) {
    if (end === 'head') {
      list.peekHead()
      replyElement(client, list)
      list.dropHead()
    } else {
      list.peekTail()
      replyElement(client, list)
      list.dropTail()
    }
  }
}

/** LPUSH, RPUSH and, with `onlyExisting`, LPUSHX and RPUSHX. */
function push(client: Client, args: Arguments, end: End, onlyExisting: boolean): void {
  const { db, reply } = client
  let entry = db.writeTyped(args, 1, TYPE_LIST)
  if (entry === null) {
    if (onlyExisting) {
      reply.integer(0)
      return
    }
    entry = createList(db, args, 1)
  }
  const list = listOf(client, entry)
  const { block, offsets, lengths, count } = args
  let bytes = 0
  for (let i = 2; i < count; i++) bytes += lengths[i]
  beforeGrowth(list, client.engine.settings.listMaxListpackSize, count - 2, bytes)
  if (end === 'head') for (let i = 2; i < count; i++) list.pushHead(block, offsets[i], lengths[i])
  else for (let i = 2; i < count; i++) list.pushTail(block, offsets[i], lengths[i])
  db.changed(args, 1, NOTIFY_LIST, end === 'head' ? 'lpush' : 'rpush', count - 2)
  reply.integer(list.length)
}

/** LPOP and RPOP. */
function pop(client: Client, args: Arguments, end: End): void {
  const { db, reply } = client
  if (args.count > 3) throw wrongArguments(end === 'head' ? 'lpop' : 'rpop')
  const counted = args.count > 2
  const asked = counted ? args.integerOr(2, MUST_BE_POSITIVE) : 1
  if (asked < 0) throw MUST_BE_POSITIVE
  const entry = db.writeTyped(args, 1, TYPE_LIST)
  if (entry === null) {
    if (counted) reply.nullArray()
    else reply.null()
    return
  }
  const list = listOf(client, entry)
  const count = Math.min(asked, list.length)
  if (counted) reply.arrayHeader(count)
  popElements(client, list, end, count)
  if (count > 0) afterRemoval(client, entry, args, 1, list, end === 'head' ? 'lpop' : 'rpop', count)
}

function llen(client: Client, args: Arguments): void {
  const entry = client.db.readTyped(args, 1, TYPE_LIST)
  client.reply.integer(entry === null ? 0 : listOf(client, entry).length)
}

function lindex(client: Client, args: Arguments): void {
  const entry = client.db.readTyped(args, 1, TYPE_LIST)
  if (entry === null) {
    client.reply.null()
    return
  }
  const list = listOf(client, entry)
  const index = args.integer(2)
  if (list.seek(index < 0 ? index + list.length : index)) replyElement(client, list)
  else client.reply.null()
}

function lset(client: Client, args: Arguments): void {
  const { db, reply } = client
  const entry = db.writeTyped(args, 1, TYPE_LIST)
  if (entry === null) throw NO_SUCH_KEY
  const list = listOf(client, entry)
  const index = args.integer(2)
  const limit = client.engine.settings.listMaxListpackSize
  if (!list.seek(index < 0 ? index + list.length : index)) throw INDEX_OUT_OF_RANGE
  beforeGrowth(list, limit, 1, args.lengths[3])
  list.replace(args.block, args.offsets[3], args.lengths[3])
  afterShrinking(list, limit)
  db.changed(args, 1, NOTIFY_LIST, 'lset')
  reply.ok()
}

function lrange(client: Client, args: Arguments): void {
  const { db, reply } = client
  let start = args.integer(2)
  let stop = args.integer(3)
  const entry = db.readTyped(args, 1, TYPE_LIST)
  if (entry === null) {
    reply.arrayHeader(0)
    return
  }
  const list = listOf(client, entry)
  const length = list.length
  start = Math.max(0, start < 0 ? start + length : start)
  stop = Math.min(length - 1, stop < 0 ? stop + length : stop)
  if (start > stop) {
    reply.arrayHeader(0)
    return
  }
  reply.arrayHeader(stop - start + 1)
  list.seek(start)
  for (let left = stop - start; ; left--) {
    reply.bulk(list.elementBlock, list.elementOffset, list.elementLength)
    if (left === 0) return
    list.advance()
  }
}

function ltrim(client: Client, args: Arguments): void {
  const { db, reply } = client
  let start = args.integer(2)
  let stop = args.integer(3)
  const entry = db.writeTyped(args, 1, TYPE_LIST)
  if (entry !== null) {
    const list = listOf(client, entry)
    const length = list.length
    start = Math.max(0, start < 0 ? start + length : start)
    stop = Math.min(length - 1, stop < 0 ? stop + length : stop)
    if (start > stop) {
      db.changed(args, 1, NOTIFY_LIST, 'ltrim', length)
      db.remove(entry)
      db.notify(args, 1, NOTIFY_GENERIC, 'del')
    } else {
      list.trim(start, stop)
      afterRemoval(client, entry, args, 1, list, 'ltrim', length - list.length)
    }
  }
  reply.ok()
}

/** Whether the element the view shows is argument `index`. */
export function isElement(list: ListView, args: Arguments, index: number): boolean {
  const length = args.lengths[index]
  if (list.elementLength !== length) return false
  return equalBytes(list.elementBlock, list.elementOffset, args.block, args.offsets[index], length)
}

function lrem(client: Client, args: Arguments): void {
  const { db, reply } = client
  const count = args.integer(2)
  const entry = db.writeTyped(args, 1, TYPE_LIST)
  if (entry === null) {
    reply.integer(0)
    return
  }
  const list = listOf(client, entry)
  const most = count === 0 ? Number.POSITIVE_INFINITY : Math.abs(count)
  let removed = 0
  let standing = list.seek(count < 0 ? list.length - 1 : 0)
  while (standing && removed < most) {
    const found = isElement(list, args, 3)
    if (found) removed++
    if (count >= 0) standing = found ? list.removeAt() : list.advance()
    else {
      if (found) list.removeAt()
      standing = list.retreat()
    }
  }
  if (removed > 0) afterRemoval(client, entry, args, 1, list, 'lrem', removed)
  reply.integer(removed)
}

function linsert(client: Client, args: Arguments): void {
  const { db, reply } = client
  const after = args.is(2, 'AFTER')
  if (!after && !args.is(2, 'BEFORE')) throw SYNTAX_ERROR
  const entry = db.writeTyped(args, 1, TYPE_LIST)
  if (entry === null) {
    reply.integer(0)
    return
  }
  const list = listOf(client, entry)
  let standing = list.seek(0)
  while (standing && !isElement(list, args, 3)) standing = list.advance()
  if (!standing) {
    reply.integer(-1)
    return
  }
  beforeGrowth(list, client.engine.settings.listMaxListpackSize, 1, args.lengths[4])
  if (after) list.insertAfter(args.block, args.offsets[4], args.lengths[4])
  else list.insertBefore(args.block, args.offsets[4], args.lengths[4])
  db.changed(args, 1, NOTIFY_LIST, 'linsert')
  reply.integer(list.length)
}

/** The list commands on one key. */
export const listCommands: Family = family('list', {
  LPUSH: {
    summary: "Prepends one or more elements to a list. Creates the key if it doesn't exist.",
    since: '1.0.0',
    complexity:
      'O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.',
    syntax: 'key element [element ...]',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'RW', 'insert')],
    history: [['2.4.0', 'Accepts multiple `element` arguments.']],
    run: (client, args) => push(client, args, 'head', false),
  },
  RPUSH: {
    summary: "Appends one or more elements to a list. Creates the key if it doesn't exist.",
    since: '1.0.0',
    complexity:
      'O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.',
    syntax: 'key element [element ...]',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'RW', 'insert')],
    history: [['2.4.0', 'Accepts multiple `element` arguments.']],
    run: (client, args) => push(client, args, 'tail', false),
  },
  LPUSHX: {
    summary: 'Prepends one or more elements to a list only when the list exists.',
    since: '2.2.0',
    complexity:
      'O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.',
    syntax: 'key element [element ...]',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'RW', 'insert')],
    history: [['4.0.0', 'Accepts multiple `element` arguments.']],
    run: (client, args) => push(client, args, 'head', true),
  },
  RPUSHX: {
    summary: 'Appends an element to a list only when the list exists.',
    since: '2.2.0',
    complexity:
      'O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.',
    syntax: 'key element [element ...]',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'RW', 'insert')],
    history: [['4.0.0', 'Accepts multiple `element` arguments.']],
    run: (client, args) => push(client, args, 'tail', true),
  },
  LPOP: {
    summary:
      'Returns the first elements in a list after removing it. Deletes the list if the last element was popped.',
    since: '1.0.0',
    complexity: 'O(N) where N is the number of elements returned',
    syntax: 'key [count]',
    flags: ['write', 'fast'],
    keys: [keyAt(1, 'RW', 'access', 'delete')],
    history: [['6.2.0', 'Added the `count` argument.']],
    run: (client, args) => pop(client, args, 'head'),
  },
  RPOP: {
    summary:
      'Returns and removes the last elements of a list. Deletes the list if the last element was popped.',
    since: '1.0.0',
    complexity: 'O(N) where N is the number of elements returned',
    syntax: 'key [count]',
    flags: ['write', 'fast'],
    keys: [keyAt(1, 'RW', 'access', 'delete')],
    history: [['6.2.0', 'Added the `count` argument.']],
    run: (client, args) => pop(client, args, 'tail'),
  },
  LLEN: {
    summary: 'Returns the length of a list.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['readonly', 'fast'],
    keys: [keyAt(1, 'RO')],
    run: llen,
  },
  LINDEX: {
    summary: 'Returns an element from a list by its index.',
    since: '1.0.0',
    complexity:
      'O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for the first or the last element of the list O(1).',
    syntax: 'key index',
    flags: ['readonly'],
    keys: [keyAt(1, 'RO', 'access')],
    run: lindex,
  },
  LSET: {
    summary: 'Sets the value of an element in a list by its index.',
    since: '1.0.0',
    complexity:
      'O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1).',
    syntax: 'key index element',
    flags: ['write', 'denyoom'],
    keys: [keyAt(1, 'RW', 'update')],
    run: lset,
  },
  LRANGE: {
    summary: 'Returns a range of elements from a list.',
    since: '1.0.0',
    complexity:
      'O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the specified range.',
    syntax: 'key start stop',
    flags: ['readonly'],
    keys: [keyAt(1, 'RO', 'access')],
    run: lrange,
  },
  LTRIM: {
    summary: 'Removes elements from both ends a list. Deletes the list if all elements were trimmed.',
    since: '1.0.0',
    complexity: 'O(N) where N is the number of elements to be removed by the operation.',
    syntax: 'key start stop',
    flags: ['write'],
    keys: [keyAt(1, 'RW', 'delete')],
    run: ltrim,
  },
  LREM: {
    summary: 'Removes elements from a list. Deletes the list if the last element was removed.',
    since: '1.0.0',
    complexity: 'O(N+M) where N is the length of the list and M is the number of elements removed.',
    syntax: 'key count element',
    flags: ['write'],
    keys: [keyAt(1, 'RW', 'delete')],
    run: lrem,
  },
  LINSERT: {
    summary: 'Inserts an element before or after another element in a list.',
    since: '2.2.0',
    complexity:
      'O(N) where N is the number of elements to traverse before seeing the value pivot. This means that inserting somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on the right end (tail) is O(N).',
    syntax: 'key <BEFORE | AFTER> pivot element',
    flags: ['write', 'denyoom'],
    keys: [keyAt(1, 'RW', 'insert')],
    run: linsert,
  },
})
