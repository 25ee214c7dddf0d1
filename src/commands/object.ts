/** OBJECT: what the server knows about a key beyond its value. */
import type { Client } from '../engine/client.ts'
import { type CommandSpec, type Family, family } from '../engine/command.ts'
import { keyAt } from '../engine/key-specs.ts'
import { idleMillis, lfuCounter } from '../keyspace/access-clock.ts'
import { type Entry, RAW_STRING, TEXT_STRING, TYPE_LIST } from '../keyspace/entry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { IS_LFU, NOT_LFU } from '../protocol/error-replies.ts'
import { isInt64, parseInteger } from '../structures/integers.ts'
import { listEncoding } from '../values/list-encoding.ts'
import { replyHelp } from './help.ts'

/** Redis stores a string of up to this many bytes in one allocation with its header. */
const EMBEDDED_MAX = 44
/** Redis has one object each for the integers below this, and for OBJECT REFCOUNT they count this often. */
const SHARED_INTEGERS = 10_000
const SHARED_REFCOUNT = 2147483647

/** How Redis would say the value is encoded. */
export function encodingOf(keyspace: Keyspace, entry: Entry): string {
  if (entry.type === TYPE_LIST) {
    keyspace.list.point(entry.block, entry.valueOffset)
    return listEncoding(keyspace.list)
  }
  if ((entry.flags & RAW_STRING) !== 0) return 'raw'
  const text = (entry.flags & TEXT_STRING) !== 0
  if (!text && isInt64(entry.block, entry.valueOffset, entry.valueLength)) return 'int'
  return entry.valueLength <= EMBEDDED_MAX ? 'embstr' : 'raw'
}

/** How many references Redis would say the value has. Under LRU and LFU eviction it shares no integers. */
export function refcountOf(keyspace: Keyspace, entry: Entry): number {
  const { maxmemory, maxmemoryPolicy } = keyspace.settings
  if (maxmemory > 0 && /l[rf]u$/.test(maxmemoryPolicy)) return 1
  if (encodingOf(keyspace, entry) !== 'int') return 1
  const value = parseInteger(entry.block, entry.valueOffset, entry.valueLength)
  return value >= 0 && value < SHARED_INTEGERS ? SHARED_REFCOUNT : 1
}

/** Whole seconds since the key was last used. */
export function idleSeconds(keyspace: Keyspace, entry: Entry): number {
  return idleMillis(entry.access, keyspace.clock.now) / 1000
}

/** The entry of argument 2, or null after replying so. */
function lookup(client: Client, args: Arguments): Entry | null {
  const entry = client.db.inspect(args, 2, false)
  if (entry === null) client.reply.null()
  return entry
}

function encoding(client: Client, args: Arguments): void {
  const entry = lookup(client, args)
  if (entry !== null) client.reply.bulkText(encodingOf(client.engine.keyspace, entry))
}

function refcount(client: Client, args: Arguments): void {
  const entry = lookup(client, args)
  if (entry !== null) client.reply.integer(refcountOf(client.engine.keyspace, entry))
}

function idletime(client: Client, args: Arguments): void {
  const { keyspace } = client.engine
  const entry = lookup(client, args)
  if (entry === null) return
  if (keyspace.lfu) throw IS_LFU
  client.reply.integer(idleSeconds(keyspace, entry))
}

function freq(client: Client, args: Arguments): void {
  const { keyspace } = client.engine
  const entry = lookup(client, args)
  if (entry === null) return
  if (!keyspace.lfu) throw NOT_LFU
  client.reply.integer(lfuCounter(entry.access, keyspace.clock.now, keyspace.settings.lfuDecayTime))
}

const HELP = [
  'ENCODING <key>',
  '    Return the kind of internal representation used in order to store the value',
  '    associated with a <key>.',
  'FREQ <key>',
  '    Return the access frequency index of the <key>. The returned integer is',
  '    proportional to the logarithm of the recent access frequency of the key.',
  'IDLETIME <key>',
  '    Return the idle time of the <key>, that is the approximated number of',
  '    seconds elapsed since the last access to the key.',
  'REFCOUNT <key>',
  '    Return the number of references of the value associated with the specified',
  '    <key>.',
]

const ABOUT_A_KEY = {
  complexity: 'O(1)',
  syntax: 'key',
  flags: ['readonly'],
  categories: ['keyspace'],
  tips: ['nondeterministic_output'],
  keys: [keyAt(2, 'RO')],
} satisfies Partial<CommandSpec>

export const objectCommands: Family = family('generic', {
  OBJECT: {
    summary: 'A container for object introspection commands.',
    since: '2.2.3',
    complexity: 'Depends on subcommand.',
    syntax: '',
    flags: [],
    subcommands: {
      ENCODING: {
        ...ABOUT_A_KEY,
        summary: 'Returns the internal encoding of a Redis object.',
        since: '2.2.3',
        run: encoding,
      },
      FREQ: {
        ...ABOUT_A_KEY,
        summary: 'Returns the logarithmic access frequency counter of a Redis object.',
        since: '4.0.0',
        run: freq,
      },
      HELP: {
        summary: 'Returns helpful text about the different subcommands.',
        since: '6.2.0',
        complexity: 'O(1)',
        syntax: '',
        flags: ['loading', 'stale'],
        categories: ['keyspace'],
        run: (client) => replyHelp(client, 'OBJECT', HELP),
      },
      IDLETIME: {
        ...ABOUT_A_KEY,
        summary: 'Returns the time since the last access to a Redis object.',
        since: '2.2.3',
        run: idletime,
      },
      REFCOUNT: {
        ...ABOUT_A_KEY,
        summary: 'Returns the reference count of a value of a key.',
        since: '2.2.3',
        run: refcount,
      },
    },
  },
})
