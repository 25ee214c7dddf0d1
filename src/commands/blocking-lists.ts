/** The list commands that wait for an element when there is none: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH. */
import type { Serve } from '../engine/blocking.ts'
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { keyAt, keyCount, keyRange } from '../engine/key-specs.ts'
import { TYPE_LIST } from '../keyspace/entry.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { move, popSome, readMultiPop } from './list-search.ts'
import { afterRemoval, type End, endArgument, listOf, popElements } from './lists.ts'
import { timeoutArgument } from './timeout-argument.ts'

/** BLPOP and BRPOP. */
function blockingPop(client: Client, args: Arguments, end: End): void {
  const lastKey = args.count - 2
  const timeout = timeoutArgument(client, args, args.count - 1)
  for (let key = 1; key <= lastKey; key++) if (popOne(client, args, key, end)) return
  if (client.inTransaction) client.reply.nullArray()
  else waitForList(client, args, 1, lastKey, timeout, end === 'head' ? serveHead : serveTail)
}

/** Takes one element off the list under argument `key`; the reply names the key. False: no list there. */
function popOne(client: Client, args: Arguments, key: number, end: End): boolean {
  const { db, reply } = client
  const entry = db.writeTyped(args, key, TYPE_LIST)
  if (entry === null) return false
  const list = listOf(client, entry)
  reply.arrayHeader(2)
  reply.bulk(args.block, args.offsets[key], args.lengths[key])
  popElements(client, list, end, 1)
  afterRemoval(client, entry, args, key, list, end === 'head' ? 'lpop' : 'rpop', 1)
  client.engine.propagation.replace(client, args, end === 'head' ? 'LPOP' : 'RPOP', key)
  return true
}

const serveHead: Serve = (client, args, key) => {
  popOne(client, args, key, 'head')
}

const serveTail: Serve = (client, args, key) => {
  popOne(client, args, key, 'tail')
}

function blmpop(client: Client, args: Arguments): void {
  const { firstKey, lastKey, end, most } = readMultiPop(args, 2)
  const timeout = timeoutArgument(client, args, 1)
  for (let key = firstKey; key <= lastKey; key++) if (popSome(client, args, key, end, most)) return
  if (client.inTransaction) client.reply.nullArray()
  else waitForList(client, args, firstKey, lastKey, timeout, serveSome)
}

const serveSome: Serve = (client, args, key) => {
  const { end, most } = readMultiPop(args, 2)
  popSome(client, args, key, end, most)
}

/** BLMOVE and BRPOPLPUSH; `run` moves, given that there is something to move. */
function blockingMove(client: Client, args: Arguments, timeout: number, run: Serve): void {
  if (client.db.writeTyped(args, 1, TYPE_LIST) !== null) run(client, args, 1)
  else if (client.inTransaction) client.reply.null()
  else waitForList(client, args, 1, 1, timeout, run)
}

function blmove(client: Client, args: Arguments): void {
  endArgument(args, 3)
  endArgument(args, 4)
  blockingMove(client, args, timeoutArgument(client, args, 5), moveBetweenEnds)
}

const moveBetweenEnds: Serve = (client, args) => {
  move(client, args, endArgument(args, 3), endArgument(args, 4))
  client.engine.propagation.replace(client, args, 'LMOVE', 1, 2, 3, 4)
}

const moveTailToHead: Serve = (client, args) => {
  move(client, args, 'tail', 'head')
  client.engine.propagation.replace(client, args, 'RPOPLPUSH', 1, 2)
}

function waitForList(
  client: Client,
  args: Arguments,
  firstKey: number,
  lastKey: number,
  timeout: number,
  serve: Serve,
): void {
  const wait = { firstKey, lastKey, type: TYPE_LIST, timeout, serve, inVain: replyNone }
  client.engine.blocking.block(client, args, wait)
}

function replyNone(client: Client): void {
  client.reply.nullArray()
}

const FLOAT_TIMEOUT = [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']] as const

/** The blocking list commands. */
export const blockingListCommands: Family = family('list', {
  BLPOP: {
    summary:
      'Removes and returns the first element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped.',
    since: '2.0.0',
    complexity: 'O(N) where N is the number of provided keys.',
    syntax: 'key [key ...] timeout',
    flags: ['write', 'noscript', 'blocking'],
    keys: [keyRange(1, -2, 1, 'RW', 'access', 'delete')],
    history: FLOAT_TIMEOUT,
    run: (client, args) => blockingPop(client, args, 'head'),
  },
  BRPOP: {
    summary:
      'Removes and returns the last element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped.',
    since: '2.0.0',
    complexity: 'O(N) where N is the number of provided keys.',
    syntax: 'key [key ...] timeout',
    flags: ['write', 'noscript', 'blocking'],
    keys: [keyRange(1, -2, 1, 'RW', 'access', 'delete')],
    history: FLOAT_TIMEOUT,
    run: (client, args) => blockingPop(client, args, 'tail'),
  },
  BLMOVE: {
    summary:
      'Pops an element from a list, pushes it to another list and returns it. Blocks until an element is available otherwise. Deletes the list if the last element was moved.',
    since: '6.2.0',
    complexity: 'O(1)',
    syntax: 'source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout',
    flags: ['write', 'denyoom', 'noscript', 'blocking'],
    keys: [keyAt(1, 'RW', 'access', 'delete'), keyAt(2, 'RW', 'insert')],
    run: blmove,
  },
  BRPOPLPUSH: {
    summary:
      'Pops an element from a list, pushes it to another list and returns it. Block until an element is available otherwise. Deletes the list if the last element was popped.',
    since: '2.2.0',
    complexity: 'O(1)',
    syntax: 'source destination timeout',
    flags: ['write', 'denyoom', 'noscript', 'blocking'],
    keys: [keyAt(1, 'RW', 'access', 'delete'), keyAt(2, 'RW', 'insert')],
    history: FLOAT_TIMEOUT,
    deprecated: { since: '6.2.0', replacedBy: '`BLMOVE` with the `RIGHT` and `LEFT` arguments' },
    run: (client, args) => blockingMove(client, args, timeoutArgument(client, args, 3), moveTailToHead),
  },
  BLMPOP: {
    summary:
      'Pops the first element from one of multiple lists. Blocks until an element is available otherwise. Deletes the list if the last element was popped.',
    since: '7.0.0',
    complexity: 'O(N+M) where N is the number of provided keys and M is the number of elements returned.',
    syntax: 'timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]',
    flags: ['write', 'blocking'],
    keys: [keyCount(2, 'RW', 'access', 'delete')],
    run: blmpop,
  },
})
