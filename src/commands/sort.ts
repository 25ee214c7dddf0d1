/** SORT and SORT_RO: options, the range asked for, and what becomes of the sorted elements. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { type KeyReference, type KeySpec, keyAt } from '../engine/key-specs.ts'
import { type Entry, TYPE_LIST } from '../keyspace/entry.ts'
import { NOTIFY_GENERIC, NOTIFY_LIST } from '../keyspace/notifications.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err, SYNTAX_ERROR, WRONG_TYPE } from '../protocol/error-replies.ts'
import { copyBytes, EMPTY_BLOCK, newBlock } from '../structures/block.ts'
import { beforeGrowth } from '../values/list-encoding.ts'
import { LIST_ROOT_SIZE } from '../values/list-root.ts'
import type { ListView } from '../values/list-value.ts'
import { SortPattern } from './sort-pattern.ts'
import { SortVector } from './sort-vector.ts'

const BY_DENIED = err('BY option of SORT denied due to insufficient ACL permissions.')
const GET_DENIED = err('GET option of SORT denied due to insufficient ACL permissions.')

interface SortOptions {
  descending: boolean
  alpha: boolean
  offset: number
  /** Negative: all. */
  count: number
  by: SortPattern | null
  /** A BY without a star came, which a later BY with one does not undo. */
  unsorted: boolean
  readonly gets: SortPattern[]
  /** Index of the argument that names the key to store the result under; 0: it is the reply. */
  store: number
}

/** The part of the sorted elements that LIMIT selects, both ends included; empty when `end` < `start`. */
interface Range {
  readonly start: number
  readonly end: number
}

function sort(client: Client, args: Arguments, mayStore: boolean): void {
  const options = readOptions(client, args, mayStore)
  const { db } = client
  const entry = db.read(args, 1)
  if (entry !== null && entry.type !== TYPE_LIST) throw WRONG_TYPE
  const list = entry === null ? null : db.keyspace.list
  if (entry !== null) list?.point(entry.block, entry.valueOffset)
  const length = list?.length ?? 0
  let range = rangeOf(options, length)
  let vector: SortVector
  const { by, descending } = options
  if (options.unsorted) {
    // Nothing to sort: only the range is read, from the list's end with DESC.
    const { start, end } = range
    vector = new SortVector(list, descending ? length - 1 - start : start, end - start + 1, descending)
    range = { start: 0, end: end - start }
  } else {
    vector = new SortVector(list, 0, length, false)
    if (options.alpha) vector.sortByText(db, by, descending)
    else vector.sortByNumber(db, by, descending)
  }
  if (options.store === 0) replySorted(client, vector, range, options.gets)
  else storeSorted(client, args, vector, range, options)
}

function readOptions(client: Client, args: Arguments, mayStore: boolean): SortOptions {
  const options: SortOptions = {
    descending: false,
    alpha: false,
    offset: 0,
    count: -1,
    by: null,
    unsorted: false,
    gets: [],
    store: 0,
  }
  for (let i = 2; i < args.count; i++) {
    const left = args.count - i - 1
    if (args.is(i, 'ASC')) options.descending = false
    else if (args.is(i, 'DESC')) options.descending = true
    else if (args.is(i, 'ALPHA')) options.alpha = true
    else if (args.is(i, 'LIMIT') && left >= 2) {
      options.offset = args.integer(++i)
      options.count = args.integer(++i)
    } else if (mayStore && args.is(i, 'STORE') && left >= 1) options.store = ++i
    else if (args.is(i, 'BY') && left >= 1) {
      options.by = new SortPattern(args.text(++i))
      options.unsorted ||= !options.by.hasStar
      if (options.by.hasStar && !mayReadAnyKey(client, args)) throw BY_DENIED
    } else if (args.is(i, 'GET') && left >= 1) {
      if (!mayReadAnyKey(client, args)) throw GET_DENIED
      options.gets.push(new SortPattern(args.text(++i)))
    } else throw SYNTAX_ERROR
  }
  return options
}

/** Whether the client may read the keys that patterns lead to, which could be any. */
function mayReadAnyKey(client: Client, args: Arguments): boolean {
  const { lastCommand: command, engine } = client
  return command !== null && engine.acl.mayReadAnyKey(client, command, args)
}

function rangeOf(options: SortOptions, length: number): Range {
  const start = Math.max(0, options.offset)
  const end = options.count < 0 ? length - 1 : Math.min(length, start + options.count) - 1
  return start >= length ? { start: 0, end: -1 } : { start, end }
}

function replySorted(client: Client, vector: SortVector, range: Range, gets: readonly SortPattern[]): void {
  const { db, reply } = client
  const { blocks, offsets, lengths } = vector.elements
  reply.arrayHeader((range.end - range.start + 1) * Math.max(1, gets.length))
  for (let j = range.start; j <= range.end; j++) {
    const i = vector.order[j]
    if (gets.length === 0) reply.bulk(blocks[i], offsets[i], lengths[i])
    for (const get of gets) {
      if (get.isElement) reply.bulk(blocks[i], offsets[i], lengths[i])
      else {
        const entry = get.lookup(db, blocks[i], offsets[i], lengths[i])
        if (entry === null) reply.null()
        else reply.bulk(entry.block, entry.valueOffset, entry.valueLength)
      }
    }
  }
}

/** Makes a list of the result and replies with its length. Nothing to store removes the key. */
function storeSorted(
  client: Client,
  args: Arguments,
  vector: SortVector,
  range: Range,
  options: SortOptions,
): void {
  const { db, reply } = client
  if (range.end < range.start) {
    const old = db.find(args, options.store)
    if (old !== null) {
      db.remove(old)
      db.changed(args, options.store, NOTIFY_GENERIC, 'del')
    }
    reply.integer(0)
    return
  }
  // Built aside: the key may hold the very list that is being sorted.
  const root = newBlock(LIST_ROOT_SIZE)
  const { list } = db.keyspace
  list.point(root, 0)
  list.initialize()
  const { blocks, offsets, lengths } = vector.elements
  for (let j = range.start; j <= range.end; j++) {
    const i = vector.order[j]
    if (options.gets.length === 0) list.pushTail(blocks[i], offsets[i], lengths[i])
    for (const get of options.gets) {
      if (get.isElement) list.pushTail(blocks[i], offsets[i], lengths[i])
      else pushValue(list, get.lookup(db, blocks[i], offsets[i], lengths[i]))
    }
  }
  const { length } = list
  beforeGrowth(list, client.engine.settings.listMaxListpackSize, 0, 0)
  const entry = db.overwrite(args, options.store, TYPE_LIST, LIST_ROOT_SIZE, false)
  copyBytes(root, 0, entry.block, entry.valueOffset, LIST_ROOT_SIZE)
  db.changed(args, options.store, NOTIFY_LIST, 'sortstore', length)
  reply.integer(length)
}

/** What GET does not find is stored as an empty element. */
function pushValue(list: ListView, entry: Entry | null): void {
  if (entry === null) list.pushTail(EMPTY_BLOCK, 0, 0)
  else list.pushTail(entry.block, entry.valueOffset, entry.valueLength)
}

const COMPLEXITY =
  'O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N).'
const SORTED_TYPES = ['set', 'sortedset', 'list', 'dangerous'] as const
const PATTERN_KEYS: KeySpec = {
  begin: { type: 'unknown' },
  find: { type: 'unknown' },
  flags: ['RO', 'access'],
  incomplete: true,
  notes:
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
}
const STORED_KEY: KeySpec = {
  begin: { type: 'unknown' },
  find: { type: 'unknown' },
  flags: ['OW', 'update'],
  incomplete: true,
  notes:
    "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
}

/** The key behind STORE; the last one counts. */
function storedKey(args: Arguments): KeyReference[] {
  let found: KeyReference[] = []
  for (let i = 2; i < args.count; i++) {
    if (args.is(i, 'LIMIT')) i += 2
    else if (args.is(i, 'GET') || args.is(i, 'BY')) i++
    else if (args.is(i, 'STORE') && i + 1 < args.count) found = [{ index: ++i, flags: ['OW', 'update'] }]
  }
  return found
}

export const sortCommands: Family = family('generic', {
  SORT: {
    summary: 'Sorts the elements in a list, a set, or a sorted set, optionally storing the result.',
    since: '1.0.0',
    complexity: COMPLEXITY,
    syntax:
      'key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]',
    flags: ['write', 'denyoom'],
    categories: SORTED_TYPES,
    keys: [keyAt(1, 'RO', 'access'), PATTERN_KEYS, STORED_KEY],
    findKeys: (args) => [{ index: 1, flags: ['RO', 'access'] }, ...storedKey(args)],
    run: (client, args) => sort(client, args, true),
  },
  SORT_RO: {
    summary: 'Returns the sorted elements of a list, a set, or a sorted set.',
    since: '7.0.0',
    complexity: COMPLEXITY,
    syntax: 'key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]',
    flags: ['readonly'],
    categories: SORTED_TYPES,
    keys: [keyAt(1, 'RO', 'access'), PATTERN_KEYS],
    findKeys: () => [{ index: 1, flags: ['RO', 'access'] }],
    run: (client, args) => sort(client, args, false),
  },
})
