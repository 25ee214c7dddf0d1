/** The string commands: reading, storing and changing whole values and ranges of them. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { type KeyReference, keyAt, keyRange } from '../engine/key-specs.ts'
import { wordsFrom } from '../engine/propagation.ts'
import { RAW_STRING, TYPE_STRING } from '../keyspace/entry.ts'
import { NOTIFY_GENERIC, NOTIFY_STRING } from '../keyspace/notifications.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { OFFSET_OUT_OF_RANGE, wrongArguments } from '../protocol/error-replies.ts'
import { copyBytes } from '../structures/block.ts'
import { deadlineArgument, optionDeadline, readStringOptions } from './set-options.ts'
import { checkStringLength, replyValue, storeArgument } from './string-reply.ts'

function get(client: Client, args: Arguments): void {
  replyValue(client, client.db.readTyped(args, 1, TYPE_STRING))
}

function set(client: Client, args: Arguments): void {
  const { db, reply } = client
  if (args.count === 3) {
    storeArgument(db, args, 1, 2, false)
    reply.ok()
    return
  }
  const options = readStringOptions(args, 3, 'set')
  const deadline = optionDeadline(client, args, options)
  if (options.get) replyValue(client, db.readTyped(args, 1, TYPE_STRING))
  if (options.condition !== null) {
    const exists = db.write(args, 1) !== null
    if (exists !== (options.condition === 'XX')) {
      if (!options.get) reply.null()
      return
    }
  }
  const entry = storeArgument(db, args, 1, 2, options.keepTtl)
  if (deadline !== null) {
    db.setDeadline(entry, deadline)
    db.notify(args, 1, NOTIFY_GENERIC, 'expire')
    client.engine.propagation.replace(client, args, 'SET', 1, 2, 'PXAT', String(deadline))
  } else if (options.get) propagateWithoutGet(client, args)
  if (!options.get) reply.ok()
}

/** Nobody reads the reply of a command that is run again. */
function propagateWithoutGet(client: Client, args: Arguments): void {
  const kept = wordsFrom(args, 0).filter((i) => i < 3 || !args.is(i, 'GET'))
  client.engine.propagation.replace(client, args, ...kept)
}

/** SETEX (seconds) and PSETEX. */
function setWithTtl(client: Client, args: Arguments, seconds: boolean): void {
  const deadline = deadlineArgument(client, args, 2, seconds, false)
  const entry = storeArgument(client.db, args, 1, 3, false)
  client.db.setDeadline(entry, deadline)
  client.db.notify(args, 1, NOTIFY_GENERIC, 'expire')
  client.engine.propagation.replace(client, args, 'SET', 1, 3, 'PXAT', String(deadline))
  client.reply.ok()
}

function setnx(client: Client, args: Arguments): void {
  if (client.db.write(args, 1) !== null) {
    client.reply.integer(0)
    return
  }
  storeArgument(client.db, args, 1, 2, false)
  client.reply.integer(1)
}

function getset(client: Client, args: Arguments): void {
  replyValue(client, client.db.readTyped(args, 1, TYPE_STRING))
  storeArgument(client.db, args, 1, 2, false)
  client.engine.propagation.replace(client, args, 'SET', 1, 2)
}

function getdel(client: Client, args: Arguments): void {
  const { db } = client
  const entry = db.readTyped(args, 1, TYPE_STRING)
  replyValue(client, entry)
  if (entry === null) return
  db.remove(entry)
  db.changed(args, 1, NOTIFY_GENERIC, 'del')
  client.engine.propagation.replace(client, args, 'DEL', 1)
}

function getex(client: Client, args: Arguments): void {
  const { db, engine } = client
  const options = readStringOptions(args, 2, 'getex')
  const entry = db.readTyped(args, 1, TYPE_STRING)
  replyValue(client, entry)
  if (entry === null) return
  const deadline = optionDeadline(client, args, options)
  if (deadline !== null) {
    if (options.expiry?.absolute && deadline <= engine.clock.now) {
      db.remove(entry)
      db.changed(args, 1, NOTIFY_GENERIC, 'del')
      engine.propagation.replace(client, args, 'DEL', 1)
      return
    }
    db.setDeadline(entry, deadline)
    db.changed(args, 1, NOTIFY_GENERIC, 'expire')
    engine.propagation.replace(client, args, 'PEXPIREAT', 1, String(deadline))
  } else if (options.persist && db.clearDeadline(entry)) {
    db.changed(args, 1, NOTIFY_GENERIC, 'persist')
    engine.propagation.replace(client, args, 'PERSIST', 1)
  }
}

function mget(client: Client, args: Arguments): void {
  const { db, reply } = client
  const { lookahead } = db.keyspace
  lookahead.keys(db, args, 1, 1)
  reply.arrayHeader(args.count - 1)
  try {
    for (let i = 1; i < args.count; i++) {
      const entry = db.read(args, i)
      replyValue(client, entry !== null && entry.type === TYPE_STRING ? entry : null)
    }
  } finally {
    lookahead.keysRan()
  }
}

function mset(client: Client, args: Arguments): void {
  if (args.count % 2 === 0) throw wrongArguments('mset')
  const { db, reply } = client
  const { lookahead } = db.keyspace
  lookahead.keys(db, args, 1, 2)
  try {
    for (let i = 1; i < args.count; i += 2) storeArgument(db, args, i, i + 1, false)
  } finally {
    lookahead.keysRan()
  }
  reply.ok()
}

function msetnx(client: Client, args: Arguments): void {
  if (args.count % 2 === 0) throw wrongArguments('msetnx')
  for (let i = 1; i < args.count; i += 2) {
    if (client.db.write(args, i) !== null) {
      client.reply.integer(0)
      return
    }
  }
  for (let i = 1; i < args.count; i += 2) storeArgument(client.db, args, i, i + 1, false)
  client.reply.integer(1)
}

function strlen(client: Client, args: Arguments): void {
  client.reply.integer(client.db.readTyped(args, 1, TYPE_STRING)?.valueLength ?? 0)
}

function append(client: Client, args: Arguments): void {
  const { db } = client
  const entry = db.writeTyped(args, 1, TYPE_STRING)
  const added = args.lengths[2]
  if (entry === null) {
    const created = db.create(args, 1, TYPE_STRING, added)
    copyBytes(args.block, args.offsets[2], created.block, created.valueOffset, added)
    client.reply.integer(added)
  } else {
    const before = entry.valueLength
    checkStringLength(client, before + added)
    db.resizeValue(entry, before + added)
    copyBytes(args.block, args.offsets[2], entry.block, entry.valueOffset + before, added)
    entry.flags |= RAW_STRING
    client.reply.integer(before + added)
  }
  db.changed(args, 1, NOTIFY_STRING, 'append')
}

function setrange(client: Client, args: Arguments): void {
  const { db, reply } = client
  const offset = args.integer(2)
  const length = args.lengths[3]
  if (offset < 0) throw OFFSET_OUT_OF_RANGE
  let entry = db.writeTyped(args, 1, TYPE_STRING)
  const before = entry?.valueLength ?? 0
  if (length === 0) {
    reply.integer(before)
    return
  }
  const after = Math.max(before, offset + length)
  checkStringLength(client, offset + length)
  if (entry === null) entry = db.create(args, 1, TYPE_STRING, after)
  else if (after > before) db.resizeValue(entry, after)
  db.edit(entry, offset, length)
  if (offset > before) entry.block.bytes.fill(0, entry.valueOffset + before, entry.valueOffset + offset)
  copyBytes(args.block, args.offsets[3], entry.block, entry.valueOffset + offset, length)
  entry.flags |= RAW_STRING
  db.changed(args, 1, NOTIFY_STRING, 'setrange')
  reply.integer(after)
}

function getrange(client: Client, args: Arguments): void {
  let start = args.integer(2)
  let end = args.integer(3)
  const entry = client.db.readTyped(args, 1, TYPE_STRING)
  const length = entry?.valueLength ?? 0
  if (entry === null || (start < 0 && end < 0 && start > end)) {
    client.reply.bulkText('')
    return
  }
  start = Math.max(0, start < 0 ? start + length : start)
  end = Math.min(length - 1, Math.max(0, end < 0 ? end + length : end))
  if (start > end || length === 0) client.reply.bulkText('')
  else client.reply.bulk(entry.block, entry.valueOffset + start, end - start + 1)
}

/** SET reads its key only with GET among the options. */
function setKeys(args: Arguments): KeyReference[] {
  for (let i = 3; i < args.count; i++) {
    if (args.is(i, 'GET')) return [{ index: 1, flags: ['RW', 'access', 'update'] }]
  }
  return [{ index: 1, flags: ['OW', 'update'] }]
}

export const stringCommands: Family = family('string', {
  SET: {
    summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
    since: '1.0.0',
    complexity: 'O(1)',
    syntax:
      'key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]',
    flags: ['write', 'denyoom'],
    keys: [
      {
        ...keyAt(1, 'RW', 'access', 'update', 'variable_flags'),
        notes: 'RW and ACCESS due to the optional `GET` argument',
      },
    ],
    history: [
      ['2.6.12', 'Added the `EX`, `PX`, `NX` and `XX` options.'],
      ['6.0.0', 'Added the `KEEPTTL` option.'],
      ['6.2.0', 'Added the `GET`, `EXAT` and `PXAT` option.'],
      ['7.0.0', 'Allowed the `NX` and `GET` options to be used together.'],
    ],
    findKeys: setKeys,
    run: set,
  },
  GET: {
    summary: 'Returns the string value of a key.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['readonly', 'fast'],
    keys: [keyAt(1, 'RO', 'access')],
    run: get,
  },
  MGET: {
    summary: 'Atomically returns the string values of one or more keys.',
    since: '1.0.0',
    complexity: 'O(N) where N is the number of keys to retrieve.',
    syntax: 'key [key ...]',
    flags: ['readonly', 'fast'],
    tips: ['request_policy:multi_shard'],
    keys: [keyRange(1, -1, 1, 'RO', 'access')],
    run: mget,
  },
  MSET: {
    summary: 'Atomically creates or modifies the string values of one or more keys.',
    since: '1.0.1',
    complexity: 'O(N) where N is the number of keys to set.',
    syntax: 'key value [key value ...]',
    flags: ['write', 'denyoom'],
    tips: ['request_policy:multi_shard', 'response_policy:all_succeeded'],
    keys: [keyRange(1, -1, 2, 'OW', 'update')],
    run: mset,
  },
  MSETNX: {
    summary: "Atomically modifies the string values of one or more keys only when all keys don't exist.",
    since: '1.0.1',
    complexity: 'O(N) where N is the number of keys to set.',
    syntax: 'key value [key value ...]',
    flags: ['write', 'denyoom'],
    tips: ['request_policy:multi_shard', 'response_policy:agg_min'],
    keys: [keyRange(1, -1, 2, 'OW', 'insert')],
    run: msetnx,
  },
  SETNX: {
    summary: "Set the string value of a key only when the key doesn't exist.",
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key value',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'OW', 'insert')],
    run: setnx,
  },
  SETEX: {
    summary: "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
    since: '2.0.0',
    complexity: 'O(1)',
    syntax: 'key seconds value',
    flags: ['write', 'denyoom'],
    keys: [keyAt(1, 'OW', 'update')],
    run: (client, args) => setWithTtl(client, args, true),
  },
  PSETEX: {
    summary:
      "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.",
    since: '2.6.0',
    complexity: 'O(1)',
    syntax: 'key milliseconds value',
    flags: ['write', 'denyoom'],
    keys: [keyAt(1, 'OW', 'update')],
    run: (client, args) => setWithTtl(client, args, false),
  },
  GETSET: {
    summary: 'Returns the previous string value of a key after setting it to a new value.',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: 'key value',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'RW', 'access', 'update')],
    deprecated: { since: '6.2.0', replacedBy: '`SET` with the `!GET` argument' },
    run: getset,
  },
  GETDEL: {
    summary: 'Returns the string value of a key after deleting the key.',
    since: '6.2.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['write', 'fast'],
    keys: [keyAt(1, 'RW', 'access', 'delete')],
    run: getdel,
  },
  GETEX: {
    summary: 'Returns the string value of a key after setting its expiration time.',
    since: '6.2.0',
    complexity: 'O(1)',
    syntax:
      'key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]',
    flags: ['write', 'fast'],
    keys: [{ ...keyAt(1, 'RW', 'access', 'update'), notes: 'RW and UPDATE because it changes the TTL' }],
    run: getex,
  },
  STRLEN: {
    summary: 'Returns the length of a string value.',
    since: '2.2.0',
    complexity: 'O(1)',
    syntax: 'key',
    flags: ['readonly', 'fast'],
    keys: [keyAt(1, 'RO')],
    run: strlen,
  },
  APPEND: {
    summary: "Appends a string to the value of a key. Creates the key if it doesn't exist.",
    since: '2.0.0',
    complexity:
      'O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation.',
    syntax: 'key value',
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, 'RW', 'insert')],
    run: append,
  },
  SETRANGE: {
    summary:
      "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
    since: '2.2.0',
    complexity:
      'O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.',
    syntax: 'key offset value',
    flags: ['write', 'denyoom'],
    keys: [keyAt(1, 'RW', 'update')],
    run: setrange,
  },
  GETRANGE: {
    summary: 'Returns a substring of the string stored at a key.',
    since: '2.4.0',
    complexity:
      'O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.',
    syntax: 'key start end',
    flags: ['readonly'],
    keys: [keyAt(1, 'RO', 'access')],
    run: getrange,
  },
  SUBSTR: {
    summary: 'Returns a substring from a string value.',
    since: '1.0.0',
    complexity:
      'O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.',
    syntax: 'key start end',
    flags: ['readonly'],
    keys: [keyAt(1, 'RO', 'access')],
    deprecated: { since: '2.0.0', replacedBy: '`GETRANGE`' },
    run: getrange,
  },
})
