/** COMMAND: the server's commands as data, all of it read off their declarations. */
import { type AclCategory, categoriesOf } from '../engine/acl-categories.ts'
import type { Client } from '../engine/client.ts'
import { type Command, type CommandSpec, type Family, FLAG, FLAG_NAMES, family } from '../engine/command.ts'
import { type KeyReference, type KeySpec, keysBySpecs } from '../engine/key-specs.ts'
import { Arguments } from '../protocol/arguments.ts'
import { err, SYNTAX_ERROR } from '../protocol/error-replies.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import { globMatches } from '../structures/glob.ts'
import { commandDocs, replyStatusSet } from './command-docs.ts'
import { replyHelp } from './help.ts'
import { migrateSecrets } from './migrate.ts'

const INVALID_COMMAND = err('Invalid command specified')
const NO_KEYS = err('The command has no key arguments')
const INVALID_COUNT = err('Invalid number of arguments specified for command')
const INVALID_ARGUMENTS = err('Invalid arguments specified for command')

/** The flags that COMMAND INFO shows: Redis keeps the other to itself. */
const SHOWN_FLAGS = FLAG_NAMES.filter((flag) => flag !== 'may_replicate')

const HELP = [
  '(no subcommand)',
  '    Return details about all Redis commands.',
  'COUNT',
  '    Return the total number of commands in this Redis server.',
  'LIST',
  '    Return a list of all commands in this Redis server.',
  'INFO [<command-name> ...]',
  '    Return details about multiple Redis commands.',
  '    If no command names are given, documentation details for all',
  '    commands are returned.',
  'DOCS [<command-name> ...]',
  '    Return documentation details about multiple Redis commands.',
  '    If no command names are given, documentation details for all',
  '    commands are returned.',
  'GETKEYS <full-command>',
  '    Return the keys from a full Redis command.',
  'GETKEYSANDFLAGS <full-command>',
  '    Return the keys and the access flags from a full Redis command.',
]

/** COMMAND and COMMAND INFO: those named from argument 2 on, or all. */
function info(client: Client, args: Arguments): void {
  const { reply, engine } = client
  if (args.count <= 2) {
    replyCommands(reply, engine.commands.commands)
    return
  }
  reply.arrayHeader(args.count - 2)
  for (let i = 2; i < args.count; i++) {
    const command = engine.commands.get(args.text(i))
    if (command === undefined) reply.null()
    else replyCommand(reply, command)
  }
}

function replyCommands(reply: ReplyWriter, commands: readonly Command[]): void {
  reply.arrayHeader(commands.length)
  for (const command of commands) replyCommand(reply, command)
}

function replyCommand(reply: ReplyWriter, command: Command): void {
  const { name, arity, flags, spec, subcommands } = command
  reply.arrayHeader(10)
  reply.bulkText(name)
  reply.integer(arity)
  replyStatusSet(
    reply,
    SHOWN_FLAGS.filter((flag) => (flags & FLAG[flag]) !== 0),
  )
  const { first, last, step } = keyRangeOf(spec.keys ?? [])
  reply.integer(first)
  reply.integer(last)
  reply.integer(step)
  replyStatusSet(
    reply,
    categoriesOf(command).map((category) => `@${category}`),
  )
  const tips = spec.tips ?? []
  reply.setHeader(tips.length)
  for (const tip of tips) reply.bulkText(tip)
  const keys = spec.keys ?? []
  reply.setHeader(keys.length)
  for (const key of keys) replyKeySpec(reply, key)
  if (subcommands === null) reply.setHeader(0)
  else replyCommands(reply, [...subcommands.values()])
}

interface KeyRange {
  readonly first: number
  readonly last: number
  readonly step: number
}

const NO_RANGE: KeyRange = { first: 0, last: 0, step: 0 }

/**
 * The keys as one range of arguments, the older way to tell where they are: the one specification that is a
 * range, or several that touch.
 */
function keyRangeOf(keys: readonly KeySpec[]): KeyRange {
  let range = NO_RANGE
  for (const { begin, find } of keys) {
    if (begin.type !== 'index' || find.type !== 'range') continue
    const last = find.last < 0 ? find.last : begin.index + find.last
    if (range === NO_RANGE) range = { first: begin.index, last, step: find.step }
    else if (find.step !== 1 || range.step !== 1 || range.last !== begin.index - 1) return NO_RANGE
    else range = { ...range, last }
  }
  return range
}

function replyKeySpec(reply: ReplyWriter, { begin, find, flags, notes }: KeySpec): void {
  reply.mapHeader(notes === undefined ? 3 : 4)
  if (notes !== undefined) {
    reply.bulkText('notes')
    reply.bulkText(notes)
  }
  reply.bulkText('flags')
  replyStatusSet(reply, flags)
  reply.bulkText('begin_search')
  if (begin.type === 'index') replySearch(reply, 'index', [['index', begin.index]])
  else if (begin.type === 'unknown') replySearch(reply, 'unknown', [])
  else {
    const { keyword, startFrom } = begin
    replySearch(reply, 'keyword', [
      ['keyword', keyword],
      ['startfrom', startFrom],
    ])
  }
  reply.bulkText('find_keys')
  if (find.type === 'unknown') replySearch(reply, 'unknown', [])
  else if (find.type === 'range') {
    replySearch(reply, 'range', [
      ['lastkey', find.last],
      ['keystep', find.step],
      ['limit', find.limit],
    ])
  } else {
    replySearch(reply, 'keynum', [
      ['keynumidx', find.keynum],
      ['firstkey', find.first],
      ['keystep', find.step],
    ])
  }
}

function replySearch(
  reply: ReplyWriter,
  type: string,
  spec: readonly (readonly [name: string, value: string | number])[],
): void {
  reply.mapHeader(2)
  reply.bulkText('type')
  reply.bulkText(type)
  reply.bulkText('spec')
  reply.mapHeader(spec.length)
  for (const [name, value] of spec) {
    reply.bulkText(name)
    if (typeof value === 'number') reply.integer(value)
    else reply.bulkText(value)
  }
}

/** COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN glob], subcommands included. */
function list(client: Client, args: Arguments): void {
  const { reply } = client
  const accepts = readFilter(args)
  const names: string[] = []
  for (const command of client.engine.commands.commands) {
    if (accepts(command)) names.push(command.name)
    for (const child of command.subcommands?.values() ?? []) if (accepts(child)) names.push(child.name)
  }
  reply.arrayHeader(names.length)
  for (const name of names) reply.bulkText(name)
}

function readFilter(args: Arguments): (command: Command) => boolean {
  if (args.count === 2) return () => true
  if (args.count !== 5 || !args.is(2, 'FILTERBY')) throw SYNTAX_ERROR
  if (args.is(3, 'MODULE')) return () => false
  if (args.is(3, 'ACLCAT')) {
    const category = args.text(4).toLowerCase()
    return (command) => categoriesOf(command).includes(category as AclCategory)
  }
  if (!args.is(3, 'PATTERN')) throw SYNTAX_ERROR
  const pattern = args.copy(4)
  return (command) => {
    const name = Buffer.from(command.name)
    return globMatches(pattern, 0, pattern.length, name, 0, name.length, true)
  }
}

/** The keys of the command that begins at argument 2, which is not run. */
function keysOf(client: Client, args: Arguments): { whole: Arguments; keys: KeyReference[] } {
  const whole = Arguments.tail(args, 2)
  const command = client.engine.commands.resolve(whole)
  if (command === null) throw INVALID_COMMAND
  const { spec } = command
  if (spec.keys === undefined) throw NO_KEYS
  if (whole.count < command.minArguments || whole.count > command.maxArguments) throw INVALID_COUNT
  const keys = spec.findKeys === undefined ? keysBySpecs(spec.keys, whole) : spec.findKeys(whole)
  if (keys !== null && keys.length > 0) return { whole, keys }
  if ((command.flags & FLAG.no_mandatory_keys) === 0) throw INVALID_ARGUMENTS
  return { whole, keys: [] }
}

function getkeys(client: Client, args: Arguments): void {
  const { whole, keys } = keysOf(client, args)
  client.reply.arrayHeader(keys.length)
  for (const { index } of keys) client.reply.bulk(whole.block, whole.offsets[index], whole.lengths[index])
}

function getkeysandflags(client: Client, args: Arguments): void {
  const { reply } = client
  const { whole, keys } = keysOf(client, args)
  reply.arrayHeader(keys.length)
  for (const { index, flags } of keys) {
    reply.arrayHeader(2)
    reply.bulk(whole.block, whole.offsets[index], whole.lengths[index])
    replyStatusSet(reply, flags)
  }
}

/** MIGRATE is the one command that has both keys and a password. */
function innerSecrets(args: Arguments): number[] {
  return args.is(2, 'MIGRATE') ? migrateSecrets(Arguments.tail(args, 2)).map((index) => index + 2) : []
}

/** What COMMAND and its subcommands share. */
const ANYTIME = { flags: ['loading', 'stale'], categories: ['connection'] } satisfies Partial<CommandSpec>
const UNORDERED = ['nondeterministic_output_order']

export const commandCommands: Family = family('server', {
  COMMAND: {
    ...ANYTIME,
    summary: 'Returns detailed information about all commands.',
    since: '2.8.13',
    complexity: 'O(N) where N is the total number of Redis commands',
    syntax: '',
    arity: -1,
    tips: UNORDERED,
    subcommands: {
      COUNT: {
        ...ANYTIME,
        summary: 'Returns a count of commands.',
        since: '2.8.13',
        complexity: 'O(1)',
        syntax: '',
        run: (client) => client.reply.integer(client.engine.commands.commands.length),
      },
      DOCS: {
        ...ANYTIME,
        summary: 'Returns documentary information about one, multiple or all commands.',
        since: '7.0.0',
        complexity: 'O(N) where N is the number of commands to look up',
        syntax: '[command-name [command-name ...]]',
        tips: UNORDERED,
        run: commandDocs,
      },
      GETKEYS: {
        ...ANYTIME,
        summary: 'Extracts the key names from an arbitrary command.',
        since: '2.8.13',
        complexity: 'O(N) where N is the number of arguments to the command',
        syntax: '',
        arity: -4,
        secrets: innerSecrets,
        run: getkeys,
      },
      GETKEYSANDFLAGS: {
        ...ANYTIME,
        summary: 'Extracts the key names and access flags for an arbitrary command.',
        since: '7.0.0',
        complexity: 'O(N) where N is the number of arguments to the command',
        syntax: '',
        arity: -4,
        secrets: innerSecrets,
        run: getkeysandflags,
      },
      HELP: {
        ...ANYTIME,
        summary: 'Returns helpful text about the different subcommands.',
        since: '5.0.0',
        complexity: 'O(1)',
        syntax: '',
        run: (client) => replyHelp(client, 'COMMAND', HELP),
      },
      INFO: {
        ...ANYTIME,
        summary: 'Returns information about one, multiple or all commands.',
        since: '2.8.13',
        complexity: 'O(N) where N is the number of commands to look up',
        syntax: '[command-name [command-name ...]]',
        tips: UNORDERED,
        history: [['7.0.0', 'Allowed to be called with no argument to get info on all commands.']],
        run: info,
      },
      LIST: {
        ...ANYTIME,
        summary: 'Returns a list of command names.',
        since: '7.0.0',
        complexity: 'O(N) where N is the total number of Redis commands',
        syntax: '[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]',
        tips: UNORDERED,
        run: list,
      },
    },
    run: info,
  },
})
