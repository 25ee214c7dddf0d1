/** The list commands that search a list (LPOS), move between lists, or pop from the first of several. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { keyAt, keyCount } from '../engine/key-specs.ts'
import { type Entry, TYPE_LIST } from '../keyspace/entry.ts'
import { NOTIFY_LIST } from '../keyspace/notifications.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { type ErrorReply, err, SYNTAX_ERROR } from '../protocol/error-replies.ts'
import { INT64_MIN } from '../structures/integers.ts'
import { beforeGrowth } from '../values/list-encoding.ts'
import {
  afterRemoval,
  createList,
  type End,
  endArgument,
  isElement,
  listOf,
  popElements,
  replyElement,
} from './lists.ts'

const COUNT_NEGATIVE = err("COUNT can't be negative")
const MAXLEN_NEGATIVE = err("MAXLEN can't be negative")
const NUMKEYS_NOT_POSITIVE = err('numkeys should be greater than 0')
const COUNT_NOT_POSITIVE = err('count should be greater than 0')
/** The one rank that has no opposite. */
const RANK_OUT_OF_RANGE = err(
  'value is out of range, value must between -9223372036854775807 and 9223372036854775807',
)

interface Search {
  /** Matches to skip, from the end when negative: 1 and -1 skip none. */
  rank: number
  /** Matches to report; null asks for one, replied bare. */
  count: number | null
  /** Elements to compare with. */
  most: number
}

function readSearch(args: Arguments): Search {
  const search: Search = { rank: 1, count: null, most: 0 }
  for (let i = 3; i < args.count; i += 2) {
    if (i + 1 >= args.count) throw SYNTAX_ERROR
    if (args.is(i, 'RANK')) {
      search.rank = args.integer(i + 1)
      if (args.int64(i + 1) === INT64_MIN) throw RANK_OUT_OF_RANGE
      if (search.rank === 0) {
        throw err(
          "RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
        )
      }
    } else if (args.is(i, 'COUNT')) search.count = naturalArgument(args, i + 1, COUNT_NEGATIVE)
    else if (args.is(i, 'MAXLEN')) search.most = naturalArgument(args, i + 1, MAXLEN_NEGATIVE)
    else throw SYNTAX_ERROR
  }
  return search
}

/** Argument `index` as a number from zero; anything else is refused with `refusal`. */
function naturalArgument(args: Arguments, index: number, refusal: ErrorReply): number {
  const value = args.integerOr(index, refusal)
  if (value < 0) throw refusal
  return value
}

function lpos(client: Client, args: Arguments): void {
  const { db, reply } = client
  const { rank, count, most } = readSearch(args)
  const entry = db.readTyped(args, 1, TYPE_LIST)
  const found: number[] = []
  if (entry !== null) {
    const list = listOf(client, entry)
    const length = list.length
    const wanted = count === null ? 1 : count === 0 ? length : count
    const looks = most === 0 ? length : Math.min(most, length)
    let skip = Math.abs(rank) - 1
    let standing = list.seek(rank > 0 ? 0 : length - 1)
    for (let looked = 0; standing && looked < looks && found.length < wanted; looked++) {
      if (isElement(list, args, 2) && skip-- <= 0) found.push(rank > 0 ? looked : length - 1 - looked)
      standing = rank > 0 ? list.advance() : list.retreat()
    }
  }
  if (count === null) {
    if (found.length === 0) reply.null()
    else reply.integer(found[0])
    return
  }
  reply.arrayHeader(found.length)
  for (const index of found) reply.integer(index)
}

/** LMOVE and RPOPLPUSH; with a source that is there, also BLMOVE and BRPOPLPUSH. */
export function move(client: Client, args: Arguments, from: End, to: End): void {
  const { db, reply } = client
  const source = db.writeTyped(args, 1, TYPE_LIST)
  if (source === null) {
    reply.null()
    return
  }
  const target = db.writeTyped(args, 2, TYPE_LIST, db.second)
  if (target !== null && target.address === source.address) rotate(client, args, source, from, to)
  else transfer(client, args, source, target, from, to)
}

/** LMOVE of a list onto itself. */
function rotate(client: Client, args: Arguments, entry: Entry, from: End, to: End): void {
  const list = listOf(client, entry)
  if (from !== to) list.rotate(from === 'tail')
  else if (from === 'head') list.peekHead()
  else list.peekTail()
  replyElement(client, list)
  client.db.changed(args, 1, NOTIFY_LIST, to === 'head' ? 'lpush' : 'rpush')
  client.db.notify(args, 1, NOTIFY_LIST, from === 'head' ? 'lpop' : 'rpop')
}

function transfer(
  client: Client,
  args: Arguments,
  source: Entry,
  target: Entry | null,
  from: End,
  to: End,
): void {
  const { db } = client
  const { keyspace, settings } = client.engine
  const into = target ?? createList(db, args, 2, db.second)
  const list = listOf(client, source)
  const other = keyspace.otherList
  other.point(into.block, into.valueOffset)
  if (from === 'head') list.peekHead()
  else list.peekTail()
  replyElement(client, list)
  beforeGrowth(other, settings.listMaxListpackSize, 1, list.elementLength)
  if (to === 'head') other.pushHead(list.elementBlock, list.elementOffset, list.elementLength)
  else other.pushTail(list.elementBlock, list.elementOffset, list.elementLength)
  db.changed(args, 2, NOTIFY_LIST, to === 'head' ? 'lpush' : 'rpush', 0)
  if (from === 'head') list.dropHead()
  else list.dropTail()
  afterRemoval(client, source, args, 1, list, from === 'head' ? 'lpop' : 'rpop', 1)
}

/** What LMPOP and BLMPOP are asked for. */
export interface MultiPop {
  /** Indexes of the arguments that are keys. */
  readonly firstKey: number
  readonly lastKey: number
  readonly end: End
  /** Elements at most. */
  readonly most: number
}

/** "numkeys key [key ...] LEFT|RIGHT [COUNT count]" from argument `at` on. Throws the error for anything else. */
export function readMultiPop(args: Arguments, at: number): MultiPop {
  const keys = positiveArgument(args, at, NUMKEYS_NOT_POSITIVE)
  const after = at + 1 + keys
  if (after >= args.count) throw SYNTAX_ERROR
  const end = endArgument(args, after)
  let most = 1
  if (args.count > after + 1) {
    if (args.count === after + 2 || !args.is(after + 1, 'COUNT')) throw SYNTAX_ERROR
    most = positiveArgument(args, after + 2, COUNT_NOT_POSITIVE)
    if (args.count > after + 3) throw SYNTAX_ERROR
  }
  return { firstKey: at + 1, lastKey: after - 1, end, most }
}

/** Takes up to `most` elements off the list under argument `key`; the reply names the key. False: no list there. */
export function popSome(client: Client, args: Arguments, key: number, end: End, most: number): boolean {
  const { db, reply } = client
  const entry = db.writeTyped(args, key, TYPE_LIST)
  if (entry === null) return false
  const list = listOf(client, entry)
  const count = Math.min(most, list.length)
  reply.arrayHeader(2)
  reply.bulk(args.block, args.offsets[key], args.lengths[key])
  reply.arrayHeader(count)
  popElements(client, list, end, count)
  afterRemoval(client, entry, args, key, list, end === 'head' ? 'lpop' : 'rpop', count)
  client.engine.propagation.replace(client, args, end === 'head' ? 'LPOP' : 'RPOP', key, String(count))
  return true
}

function lmpop(client: Client, args: Arguments): void {
  const { firstKey, lastKey, end, most } = readMultiPop(args, 1)
  for (let key = firstKey; key <= lastKey; key++) {
    if (popSome(client, args, key, end, most)) return
  }
  client.reply.nullArray()
}

/** Argument `index` as a number above zero; anything else is refused with `refusal`. */
function positiveArgument(args: Arguments, index: number, refusal: ErrorReply): number {
  const value = args.integerOr(index, refusal)
  if (value <= 0) throw refusal
  return value
}

/** The list commands that look into a list or at several. */
export const listSearchCommands: Family = family('list', {
  LPOS: {
    summary: 'Returns the index of matching elements in a list.',
    since: '6.0.6',
    complexity:
      'O(N) where N is the number of elements in the list, for the average case. When searching for elements near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant time.',
    syntax: 'key element [RANK rank] [COUNT num-matches] [MAXLEN len]',
    flags: ['readonly'],
    keys: [keyAt(1, 'RO', 'access')],
    run: lpos,
  },
  LMOVE: {
    summary:
      'Returns an element after popping it from one list and pushing it to another. Deletes the list if the last element was moved.',
    since: '6.2.0',
    complexity: 'O(1)',
    syntax: 'source destination <LEFT | RIGHT> <LEFT | RIGHT>',
    flags: ['write', 'denyoom'],
    keys: [keyAt(1, 'RW', 'access', 'delete'), keyAt(2, 'RW', 'insert')],
    run: (client, args) => move(client, args, endArgument(args, 3), endArgument(args, 4)),
  },
  RPOPLPUSH: {
    summary:
      'Returns the last element of a list after removing and pushing it to another list. Deletes the list if the last element was popped.',
    since: '1.2.0',
    complexity: 'O(1)',
    syntax: 'source destination',
    flags: ['write', 'denyoom'],
    keys: [keyAt(1, 'RW', 'access', 'delete'), keyAt(2, 'RW', 'insert')],
    deprecated: { since: '6.2.0', replacedBy: '`LMOVE` with the `RIGHT` and `LEFT` arguments' },
    run: (client, args) => move(client, args, 'tail', 'head'),
  },
  LMPOP: {
    summary:
      'Returns multiple elements from a list after removing them. Deletes the list if the last element was popped.',
    since: '7.0.0',
    complexity: 'O(N+M) where N is the number of provided keys and M is the number of elements returned.',
    syntax: 'numkeys key [key ...] <LEFT | RIGHT> [COUNT count]',
    flags: ['write'],
    keys: [keyCount(1, 'RW', 'access', 'delete')],
    run: lmpop,
  },
})
