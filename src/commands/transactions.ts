/** MULTI, EXEC, DISCARD, WATCH, UNWATCH. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { GATE_MULTI } from '../engine/gates.ts'
import { keyRange } from '../engine/key-specs.ts'
import { discardTransaction, Transaction } from '../engine/transaction.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { ErrorReply, err } from '../protocol/error-replies.ts'

function multi(client: Client): void {
  if (client.transaction !== null) throw err('MULTI calls can not be nested')
  client.transaction = new Transaction()
  client.gates |= GATE_MULTI
  client.reply.ok()
}

function exec(client: Client): void {
  const { transaction, engine, reply } = client
  if (transaction === null) throw err('EXEC without MULTI')
  const stale = engine.watches.isStale(client)
  discardTransaction(client)
  if (transaction.aborted) {
    throw new ErrorReply('EXECABORT Transaction discarded because of previous errors.')
  }
  if (stale) {
    reply.nullArray()
    return
  }
  reply.arrayHeader(transaction.queue.length)
  client.inTransaction = true
  engine.inExec = true
  for (const { command, args } of transaction.queue) engine.dispatcher.runQueued(client, command, args)
  engine.inExec = false
  client.inTransaction = false
  transaction.finished()
}

function discard(client: Client): void {
  if (client.transaction === null) throw err('DISCARD without MULTI')
  discardTransaction(client)
  client.reply.ok()
}

function watch(client: Client, args: Arguments): void {
  if (client.transaction !== null) throw err('WATCH inside MULTI is not allowed')
  // A transaction that is lost already has nothing to gain from more watches.
  if (client.watchList === null || !client.watchList.changed) {
    for (let i = 1; i < args.count; i++) client.engine.watches.watch(client, args.copy(i))
  }
  client.reply.ok()
}

function unwatch(client: Client): void {
  client.engine.watches.unwatch(client)
  client.reply.ok()
}

/** Transactions. */
export const transactionCommands: Family = family('transactions', {
  MULTI: {
    summary: 'Starts a transaction.',
    since: '1.2.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    unqueued: true,
    run: multi,
  },
  EXEC: {
    summary: 'Executes all commands in a transaction.',
    since: '1.2.0',
    complexity: 'Depends on commands in the transaction',
    syntax: '',
    flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
    unqueued: true,
    leavesMulti: true,
    runsQueue: true,
    run: exec,
  },
  DISCARD: {
    summary: 'Discards a transaction.',
    since: '2.0.0',
    complexity: 'O(N), when N is the number of queued commands',
    syntax: '',
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    unqueued: true,
    leavesMulti: true,
    run: discard,
  },
  WATCH: {
    summary: 'Monitors changes to keys to determine the execution of a transaction.',
    since: '2.2.0',
    complexity: 'O(1) for every key.',
    syntax: 'key [key ...]',
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    keys: [keyRange(1, -1, 1, 'RO')],
    unqueued: true,
    run: watch,
  },
  UNWATCH: {
    summary: 'Forgets about watched keys of a transaction.',
    since: '2.2.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    run: unwatch,
  },
})
