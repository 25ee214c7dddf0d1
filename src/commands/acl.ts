/** ACL: the users and what they may do, as commands. The rules themselves are engine/acl/'s. */

import { denialOf } from '../engine/acl/permission.ts'
import { hasSpaces } from '../engine/acl/rule-error.ts'
import type { Selector } from '../engine/acl/selector.ts'
import { userLine } from '../engine/acl/user-file.ts'
import { ACL_CATEGORIES } from '../engine/acl-categories.ts'
import type { Client } from '../engine/client.ts'
import { type CommandSpec, type Family, family } from '../engine/command.ts'
import { randomBytes } from '../platform/random.ts'
import { Arguments } from '../protocol/arguments.ts'
import { type ErrorReply, err, wrongArguments } from '../protocol/error-replies.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'
import { replyHelp } from './help.ts'

const GENERATED_BITS_MAX = 4096
const SHOWN_ENTRIES = 10
const WITHOUT_FILE = err(
  'This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.',
)
const NOT_SAVED = err(
  'There was an error trying to save the ACLs. Please check the server logs for more information',
)

function bulkLatin1(reply: ReplyWriter, text: string): void {
  reply.bulkBytes(Buffer.from(text, 'latin1'))
}

function bulkArray(reply: ReplyWriter, texts: readonly string[]): void {
  reply.arrayHeader(texts.length)
  for (const text of texts) bulkLatin1(reply, text)
}

/** Arguments from `first` on. */
function textsFrom(args: Arguments, first: number): string[] {
  const texts: string[] = []
  for (let i = first; i < args.count; i++) texts.push(args.text(i))
  return texts
}

function wrongUse(args: Arguments): ErrorReply {
  return err(`unknown subcommand or wrong number of arguments for '${args.text(1)}'. Try ACL HELP.`)
}

function setuser(client: Client, args: Arguments): void {
  const name = args.text(2)
  if (hasSpaces(name)) throw err("Usernames can't contain spaces or null characters")
  const refused = client.engine.acl.setUser(name, textsFrom(args, 3), client)
  if (refused !== null) throw err(refused)
  client.reply.ok()
}

function deluser(client: Client, args: Arguments): void {
  const names = textsFrom(args, 2)
  if (names.includes('default')) throw err("The 'default' user cannot be removed")
  client.reply.integer(client.engine.acl.deleteUsers(names, client))
}

function getuser(client: Client, args: Arguments): void {
  const { reply, engine } = client
  const user = engine.acl.user(args.text(2))
  if (user === undefined) {
    reply.null()
    return
  }
  reply.mapHeader(6)
  reply.bulkText('flags')
  reply.setHeader(user.flags.length)
  for (const flag of user.flags) reply.bulkText(flag)
  reply.bulkText('passwords')
  bulkArray(reply, user.passwords)
  replySelector(reply, user.root)
  reply.bulkText('selectors')
  reply.arrayHeader(user.selectors.length - 1)
  for (const selector of user.selectors.slice(1)) {
    reply.mapHeader(3)
    replySelector(reply, selector)
  }
}

/** Three pairs of a map. */
function replySelector(reply: ReplyWriter, selector: Selector): void {
  reply.bulkText('commands')
  bulkLatin1(reply, selector.describeCommands())
  reply.bulkText('keys')
  bulkLatin1(reply, selector.describeKeys())
  reply.bulkText('channels')
  bulkLatin1(reply, selector.describeChannels().join(' '))
}

function list(client: Client): void {
  bulkArray(
    client.reply,
    client.engine.acl.all().map((user) => userLine(user)),
  )
}

function users(client: Client): void {
  bulkArray(client.reply, client.engine.acl.names())
}

function whoami(client: Client): void {
  bulkLatin1(client.reply, client.user.name)
}

function cat(client: Client, args: Arguments): void {
  if (args.count > 3) throw wrongUse(args)
  if (args.count === 2) {
    bulkArray(client.reply, ACL_CATEGORIES)
    return
  }
  const commands = client.engine.acl.category(args.text(2))
  if (commands === undefined) throw err(`Unknown category '${args.text(2)}'`)
  bulkArray(
    client.reply,
    commands.map(({ name }) => name),
  )
}

function genpass(client: Client, args: Arguments): void {
  if (args.count > 3) throw wrongUse(args)
  const bits = args.count === 3 ? args.integer(2) : 256
  if (bits <= 0 || bits > GENERATED_BITS_MAX) {
    throw err(
      `ACL GENPASS argument must be the number of bits for the output password, a positive number up to ${GENERATED_BITS_MAX}`,
    )
  }
  const digits = Math.ceil(bits / 4)
  client.reply.bulkText(
    randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits),
  )
}

function log(client: Client, args: Arguments): void {
  if (args.count > 3) throw wrongUse(args)
  const { reply, engine } = client
  if (args.count === 3 && args.is(2, 'RESET')) {
    engine.acl.log.trim(0)
    reply.ok()
    return
  }
  const count = args.count === 3 ? Math.max(0, args.integer(2)) : SHOWN_ENTRIES
  const entries = engine.acl.log.entries.slice(0, count)
  reply.arrayHeader(entries.length)
  for (const entry of entries) {
    reply.mapHeader(10)
    reply.bulkText('count')
    reply.integer(entry.count)
    for (const field of ['reason', 'context', 'object', 'username'] as const) {
      reply.bulkText(field)
      bulkLatin1(reply, entry[field])
    }
    reply.bulkText('age-seconds')
    reply.double((engine.clock.now - entry.updatedAt) / 1000)
    reply.bulkText('client-info')
    reply.bulkText(entry.clientInfo)
    reply.bulkText('entry-id')
    reply.integer(entry.id)
    reply.bulkText('timestamp-created')
    reply.integer(entry.createdAt)
    reply.bulkText('timestamp-last-updated')
    reply.integer(entry.updatedAt)
  }
}

function dryrun(client: Client, args: Arguments): void {
  const { reply, engine } = client
  const user = engine.acl.user(args.text(2))
  if (user === undefined) throw err(`User '${args.text(2)}' not found`)
  const whole = Arguments.tail(args, 3)
  const command = engine.commands.resolve(whole)
  if (command === null) throw err(`Command '${args.text(3)}' not found`)
  if (whole.count < command.minArguments || whole.count > command.maxArguments) {
    throw wrongArguments(command.name)
  }
  const denial = denialOf(user, command, whole)
  if (denial === null) reply.ok()
  else if (denial.reason === 'command') {
    bulkLatin1(reply, `This user has no permissions to run the '${command.name}' command`)
  } else {
    const object = whole.text(denial.index)
    bulkLatin1(reply, `This user has no permissions to access the '${object}' ${denial.reason}`)
  }
}

function save(client: Client): void {
  const { acl, settings } = client.engine
  if (settings.aclfile === '') throw WITHOUT_FILE
  if (!acl.file.save()) throw NOT_SAVED
  client.reply.ok()
}

function load(client: Client): void {
  const { acl, settings } = client.engine
  if (settings.aclfile === '') throw WITHOUT_FILE
  const faults = acl.file.load(client)
  if (faults !== null) throw err(faults)
  client.reply.ok()
}

const HELP: readonly string[] = [
  'CAT [<category>]',
  '    List all commands that belong to <category>, or all command categories',
  '    when no category is specified.',
  'DELUSER <username> [<username> ...]',
  '    Delete a list of users.',
  'DRYRUN <username> <command> [<arg> ...]',
  '    Returns whether the user can execute the given command without executing the command.',
  'GETUSER <username>',
  "    Get the user's details.",
  'GENPASS [<bits>]',
  '    Generate a secure 256-bit user password. The optional `bits` argument can',
  '    be used to specify a different size.',
  'LIST',
  '    Show users details in config file format.',
  'LOAD',
  '    Reload users from the ACL file.',
  'LOG [<count> | RESET]',
  '    Show the ACL log entries.',
  'SAVE',
  '    Save the current config to the ACL file.',
  'SETUSER <username> <attribute> [<attribute> ...]',
  '    Create or modify a user with the specified attributes.',
  'USERS',
  '    List all the registered usernames.',
  'WHOAMI',
  '    Return the current connection username.',
]

/** All arguments from the user's name on: rules are passwords, and names are half of a login. */
function namesAndRules(args: Arguments): number[] {
  return Array.from({ length: Math.max(0, args.count - 2) }, (_, i) => i + 2)
}

const ADMIN = { flags: ['admin', 'noscript', 'loading', 'stale'] } satisfies Partial<CommandSpec>
const ANYONE = { flags: ['noscript', 'loading', 'stale'] } satisfies Partial<CommandSpec>
const PER_USER = 'O(N). Where N is the number of configured users.'

const subcommands: Readonly<Record<string, CommandSpec>> = {
  CAT: {
    ...ANYONE,
    summary: 'Lists the ACL categories, or the commands inside a category.',
    since: '6.0.0',
    complexity: 'O(1) since the categories and commands are a fixed set.',
    syntax: '[categoryname]',
    run: cat,
  },
  DELUSER: {
    ...ADMIN,
    summary: 'Deletes ACL users, and terminates their connections.',
    since: '6.0.0',
    complexity: 'O(1) amortized time considering the typical user.',
    syntax: 'username [username ...]',
    secrets: namesAndRules,
    run: deluser,
  },
  DRYRUN: {
    ...ADMIN,
    summary: 'Simulates the execution of a command by a user, without executing the command.',
    since: '7.0.0',
    complexity: 'O(1).',
    syntax: 'username command [arg [arg ...]]',
    secrets: (args) => namesAndRules(args).slice(2),
    run: dryrun,
  },
  GENPASS: {
    ...ANYONE,
    summary: 'Generates a pseudorandom, secure password that can be used to identify ACL users.',
    since: '6.0.0',
    complexity: 'O(1)',
    syntax: '[bits]',
    run: genpass,
  },
  GETUSER: {
    ...ADMIN,
    summary: 'Lists the ACL rules of a user.',
    since: '6.0.0',
    complexity: 'O(N). Where N is the number of password, command and pattern rules that the user has.',
    syntax: 'username',
    history: [
      ['6.2.0', 'Added Pub/Sub channel patterns.'],
      [
        '7.0.0',
        'Added selectors and changed the format of key and channel patterns from a list to their rule representation.',
      ],
    ],
    secrets: namesAndRules,
    run: getuser,
  },
  LIST: {
    ...ADMIN,
    summary: 'Dumps the effective rules in ACL file format.',
    since: '6.0.0',
    complexity: PER_USER,
    syntax: '',
    run: list,
  },
  LOAD: {
    ...ADMIN,
    summary: 'Reloads the rules from the configured ACL file.',
    since: '6.0.0',
    complexity: PER_USER,
    syntax: '',
    run: load,
  },
  LOG: {
    ...ADMIN,
    summary: 'Lists recent security events generated due to ACL rules.',
    since: '6.0.0',
    complexity: 'O(N) with N being the number of entries shown.',
    syntax: '[count | RESET]',
    history: [['7.2.0', 'Added entry ID, timestamp created, and timestamp last updated.']],
    run: log,
  },
  SAVE: {
    ...ADMIN,
    summary: 'Saves the effective ACL rules in the configured ACL file.',
    since: '6.0.0',
    complexity: PER_USER,
    syntax: '',
    run: save,
  },
  SETUSER: {
    ...ADMIN,
    summary: 'Creates and modifies an ACL user and its rules.',
    since: '6.0.0',
    complexity: 'O(N). Where N is the number of rules provided.',
    syntax: 'username [rule [rule ...]]',
    history: [
      ['6.2.0', 'Added Pub/Sub channel patterns.'],
      ['7.0.0', 'Added selectors and key based permissions.'],
    ],
    secrets: namesAndRules,
    run: setuser,
  },
  USERS: {
    ...ADMIN,
    summary: 'Lists all ACL users.',
    since: '6.0.0',
    complexity: PER_USER,
    syntax: '',
    run: users,
  },
  WHOAMI: {
    ...ANYONE,
    summary: 'Returns the authenticated username of the current connection.',
    since: '6.0.0',
    complexity: 'O(1)',
    syntax: '',
    run: whoami,
  },
  HELP: {
    summary: 'Returns helpful text about the different subcommands.',
    since: '6.0.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['loading', 'stale'],
    run: (client) => replyHelp(client, 'ACL', HELP),
  },
}

export const aclCommands: Family = family('server', {
  ACL: {
    summary: 'A container for Access List Control commands.',
    since: '6.0.0',
    complexity: 'Depends on subcommand.',
    syntax: '',
    flags: [],
    subcommands,
  },
})
