/** The commands about when a key goes: EXPIRE and its relatives, TTL and its relatives, PERSIST. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { keyAt } from '../engine/key-specs.ts'
import { wordsFrom } from '../engine/propagation.ts'
import type { Entry } from '../keyspace/entry.ts'
import { NOTIFY_GENERIC } from '../keyspace/notifications.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { EXPIRE_GT_WITH_LT, EXPIRE_NX_WITH_OTHERS, err } from '../protocol/error-replies.ts'
import { INT64_MAX, INT64_MIN } from '../structures/integers.ts'
import { invalidExpireTime } from './set-options.ts'

const NX = 1
const XX = 2
const GT = 4
const LT = 8

/** EXPIRE, PEXPIRE (relative to now), EXPIREAT, PEXPIREAT; `unit` is what the argument counts, in milliseconds. */
function expire(client: Client, args: Arguments, unit: number, relative: boolean): void {
  const { db, reply, engine } = client
  const { now } = engine.clock
  const conditions = readConditions(args)
  const deadline = deadlineArgument(client, args, unit, relative ? now : 0)
  const entry = db.write(args, 1)
  if (entry === null || !allowed(entry, conditions, deadline)) {
    reply.integer(0)
    return
  }
  // What is loaded may make it live longer yet.
  if (deadline <= now && !engine.keyspace.loading) {
    db.remove(entry)
    db.changed(args, 1, NOTIFY_GENERIC, 'del')
    engine.propagation.replace(client, args, engine.settings.lazyfreeLazyExpire ? 'UNLINK' : 'DEL', 1)
  } else {
    db.setDeadline(entry, deadline)
    db.changed(args, 1, NOTIFY_GENERIC, 'expire')
    engine.propagation.replace(client, args, 'PEXPIREAT', 1, String(deadline), ...wordsFrom(args, 3))
  }
  reply.integer(1)
}

function readConditions(args: Arguments): number {
  let conditions = 0
  for (let i = 3; i < args.count; i++) {
    if (args.is(i, 'NX')) conditions |= NX
    else if (args.is(i, 'XX')) conditions |= XX
    else if (args.is(i, 'GT')) conditions |= GT
    else if (args.is(i, 'LT')) conditions |= LT
    // Redis prints it as a C string, up to a NUL.
    else throw err(`Unsupported option ${args.text(i).split('\0', 1)[0]}`)
  }
  if ((conditions & NX) !== 0 && conditions !== NX) throw EXPIRE_NX_WITH_OTHERS
  if ((conditions & (GT | LT)) === (GT | LT)) throw EXPIRE_GT_WITH_LT
  return conditions
}

/**
 * Argument 2 as milliseconds since the epoch: a number while that is exact, else a bigint. Throws
 * NOT_AN_INTEGER, or the expire-time error when it does not fit 64 bits.
 */
function deadlineArgument(client: Client, args: Arguments, unit: number, base: number): number | bigint {
  const given = args.integer(2)
  const deadline = given * unit + base
  // A product that is rounded and yet leads here is far below zero, where only the sign matters.
  if (Number.isSafeInteger(deadline)) return deadline
  const exact = args.int64(2) * BigInt(unit)
  if (exact < INT64_MIN || exact > INT64_MAX - BigInt(base)) throw invalidExpireTime(client)
  return exact + BigInt(base)
}

/** Whether NX, XX, GT, LT let the key have this deadline; a key without one counts as living for ever. */
function allowed(entry: Entry, conditions: number, deadline: number | bigint): boolean {
  if (conditions === 0) return true
  const current = entry.hasDeadline ? entry.deadlineInt64 : null
  if ((conditions & NX) !== 0) return current === null
  if ((conditions & XX) !== 0 && current === null) return false
  if ((conditions & GT) !== 0) return current !== null && deadline > current
  return (conditions & LT) === 0 || current === null || deadline < current
}

/** TTL, PTTL (`relative`), EXPIRETIME, PEXPIRETIME: -2 without the key, -1 without a deadline. */
function timeToLive(client: Client, args: Arguments, unit: number, relative: boolean): void {
  const { reply, engine } = client
  const entry = client.db.inspect(args, 1)
  if (entry === null || !entry.hasDeadline) {
    reply.integer(entry === null ? -2 : -1)
    return
  }
  const base = relative ? engine.clock.now : 0
  const left = entry.deadline - base
  // Seconds are rounded to the nearest, as in Redis.
  if (Number.isSafeInteger(entry.deadline)) reply.integer(unit === 1 ? left : Math.floor((left + 500) / 1000))
  else {
    const exact = entry.deadlineInt64 - BigInt(base)
    reply.int64(unit === 1 ? exact : (exact + 500n) / 1000n)
  }
}

function persist(client: Client, args: Arguments): void {
  const { db, reply } = client
  const entry = db.write(args, 1)
  if (entry === null || !db.clearDeadline(entry)) {
    reply.integer(0)
    return
  }
  db.changed(args, 1, NOTIFY_GENERIC, 'persist')
  reply.integer(1)
}

const EXPIRE_HISTORY = [['7.0.0', 'Added options: `NX`, `XX`, `GT` and `LT`.']] as const
const TTL_HISTORY = [['2.8.0', 'Added the -2 reply.']] as const

export const expireCommands: Family = family('generic', {
  EXPIRE: {
    summary: 'Sets the expiration time of a key in seconds.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key seconds [NX | XX | GT | LT]',
    flags: ['write', 'fast'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RW', 'update')],
    history: EXPIRE_HISTORY,
    run: (client, args) => expire(client, args, 1000, true),
  },
  PEXPIRE: {
    summary: 'Sets the expiration time of a key in milliseconds.',
    since: '2.6.0',
    complexity: 'O(1)',
    syntax: 'key milliseconds [NX | XX | GT | LT]',
    flags: ['write', 'fast'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RW', 'update')],
    history: EXPIRE_HISTORY,
    run: (client, args) => expire(client, args, 1, true),
  },
  EXPIREAT: {
    summary: 'Sets the expiration time of a key to a Unix timestamp.',
    since: '1.2.0',
    complexity: 'O(1)',
    syntax: 'key unix-time-seconds [NX | XX | GT | LT]',
    flags: ['write', 'fast'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RW', 'update')],
    history: EXPIRE_HISTORY,
    run: (client, args) => expire(client, args, 1000, false),
  },
  PEXPIREAT: {
    summary: 'Sets the expiration time of a key to a Unix milliseconds timestamp.',
    since: '2.6.0',
    complexity: 'O(1)',
    syntax: 'key unix-time-milliseconds [NX | XX | GT | LT]',
    flags: ['write', 'fast'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RW', 'update')],
    history: EXPIRE_HISTORY,
    run: (client, args) => expire(client, args, 1, false),
  },
  TTL: {
    summary: 'Returns the expiration time in seconds of a key.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['readonly', 'fast'],
    categories: ['keyspace'],
    tips: ['nondeterministic_output'],
    keys: [keyAt(1, 'RO', 'access')],
    history: TTL_HISTORY,
    run: (client, args) => timeToLive(client, args, 1000, true),
  },
  PTTL: {
    summary: 'Returns the expiration time in milliseconds of a key.',
    since: '2.6.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['readonly', 'fast'],
    categories: ['keyspace'],
    tips: ['nondeterministic_output'],
    keys: [keyAt(1, 'RO', 'access')],
    history: TTL_HISTORY,
    run: (client, args) => timeToLive(client, args, 1, true),
  },
  EXPIRETIME: {
    summary: 'Returns the expiration time of a key as a Unix timestamp.',
    since: '7.0.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['readonly', 'fast'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RO', 'access')],
    run: (client, args) => timeToLive(client, args, 1000, false),
  },
  PEXPIRETIME: {
    summary: 'Returns the expiration time of a key as a Unix milliseconds timestamp.',
    since: '7.0.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['readonly', 'fast'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RO', 'access')],
    run: (client, args) => timeToLive(client, args, 1, false),
  },
  PERSIST: {
    summary: 'Removes the expiration time of a key.',
    since: '2.2.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['write', 'fast'],
    categories: ['keyspace'],
    keys: [keyAt(1, 'RW', 'update')],
    run: persist,
  },
})
