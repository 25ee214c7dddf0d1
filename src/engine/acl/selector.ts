/**
 * What one set of ACL rules allows: commands, keys and channels. A user has one, and may have more in
 * parentheses. It takes rules, prints them and answers for single commands, keys and channels; a whole request
 * is judged in permission.ts.
 *
 * Permission for commands is a byte for each command id, so that a check is one read. The rules that led to
 * them are kept beside it, in their order: Redis 7.2 prints those, and only they mean the same to a server that
 * has other commands. A rule that a later one covers entirely is dropped, or the text would grow with each change.
 *
 * Texts are latin1: one character for each byte.
 */
import { globMatches } from '../../structures/glob.ts'
import type { Command } from '../command.ts'
import type { CommandCatalog } from './command-catalog.ts'
import {
  AFTER_ALL_CHANNELS,
  AFTER_ALL_KEYS,
  FIRST_ARGUMENT_OF_SUBCOMMAND,
  hasSpaces,
  UNKNOWN_COMMAND,
  WRONG_SYNTAX,
} from './rule-error.ts'

/** What may be done to the keys of a pattern. */
export const MAY_READ = 1
export const MAY_WRITE = 2
const MAY_ALL = MAY_READ | MAY_WRITE

interface KeyPattern {
  readonly text: string
  readonly bytes: Buffer
  /** MAY_* bits. */
  access: number
}

interface ChannelPattern {
  readonly text: string
  readonly bytes: Buffer
}

export class Selector {
  readonly catalog: CommandCatalog
  allKeys: boolean
  allChannels: boolean
  private keys: KeyPattern[]
  private channels: ChannelPattern[]
  /** By command id: 1 when it is allowed. */
  private readonly allowed: Uint8Array
  /** By command id: the first arguments with which a command is allowed that otherwise is not. */
  private readonly firstArguments: Map<number, string[]>
  /** The rules start from +@all, not -@all. */
  private startsWithAll: boolean
  /** "+get", "-@write", "+select|0". */
  private commandRules: string[]

  /** Allows nothing. */
  constructor(catalog: CommandCatalog) {
    this.catalog = catalog
    this.allKeys = false
    this.allChannels = false
    this.keys = []
    this.channels = []
    this.allowed = new Uint8Array(catalog.size)
    this.firstArguments = new Map()
    this.startsWithAll = false
    this.commandRules = []
  }

  copy(): Selector {
    const copy = new Selector(this.catalog)
    copy.allKeys = this.allKeys
    copy.allChannels = this.allChannels
    copy.keys = this.keys.map((pattern) => ({ ...pattern }))
    copy.channels = [...this.channels]
    copy.allowed.set(this.allowed)
    for (const [id, words] of this.firstArguments) copy.firstArguments.set(id, [...words])
    copy.startsWithAll = this.startsWithAll
    copy.commandRules = [...this.commandRules]
    return copy
  }

  /** Whether nothing is refused. */
  get allowsAll(): boolean {
    return this.allKeys && this.allChannels && this.allowed.every((bit) => bit === 1)
  }

  /** Takes one rule. Returns null, or why it is refused. */
  apply(rule: string): string | null {
    switch (rule.toLowerCase()) {
      case 'allkeys':
      case '~*':
        return this.resetKeys(true)
      case 'resetkeys':
        return this.resetKeys(false)
      case 'allchannels':
      case '&*':
        return this.resetChannels(true)
      case 'resetchannels':
        return this.resetChannels(false)
      case 'allcommands':
      case '+@all':
        return this.resetCommands(true)
      case 'nocommands':
      case '-@all':
        return this.resetCommands(false)
    }
    switch (rule[0]) {
      case '~':
      case '%':
        return this.addKeys(rule)
      case '&':
        return this.addChannels(rule.slice(1))
      case '+':
      case '-':
        return this.changeCommands(rule.slice(1), rule[0] === '+')
      default:
        return WRONG_SYNTAX
    }
  }

  /** "~a* %R~b resetchannels &news -@all +get", as ACL LIST prints it. */
  describe(): string {
    const keys = this.describeKeys()
    const channels = this.allChannels ? '&*' : ['resetchannels', ...this.describeChannels()].join(' ')
    return `${keys === '' ? '' : `${keys} `}${channels} ${this.describeCommands()}`
  }

  /** The rules for keys; '' for no keys. */
  describeKeys(): string {
    if (this.allKeys) return '~*'
    return this.keys
      .map(({ text, access }) => {
        if (access === MAY_ALL) return `~${text}`
        return `%${(access & MAY_READ) === 0 ? 'W' : 'R'}~${text}`
      })
      .join(' ')
  }

  /** The rules for channels, one by one. */
  describeChannels(): string[] {
    return this.allChannels ? ['&*'] : this.channels.map(({ text }) => `&${text}`)
  }

  /** "+@all -flushall". */
  describeCommands(): string {
    return [this.startsWithAll ? '+@all' : '-@all', ...this.commandRules].join(' ')
  }

  /** The channel patterns, as texts. */
  get channelPatterns(): readonly string[] {
    return this.channels.map(({ text }) => text)
  }

  allowsCommand(command: Command): boolean {
    return this.allowed[command.id] === 1
  }

  /** Whether the command is allowed for the sake of its first argument. */
  allowsFirstArgument(command: Command, argument: string): boolean {
    return this.firstArguments.get(command.id)?.includes(argument.toLowerCase()) ?? false
  }

  /** Whether one pattern allows all of `access` (MAY_* bits) to the key. */
  allowsKey(bytes: Uint8Array, offset: number, length: number, access: number): boolean {
    if (this.allKeys) return true
    for (const pattern of this.keys) {
      if ((pattern.access & access) !== access) continue
      const { bytes: glob } = pattern
      if (globMatches(glob, 0, glob.length, bytes, offset, length, false)) return true
    }
    return false
  }

  /** Whether `access` is allowed to every key there can be. */
  allowsAnyKey(access: number): boolean {
    return this.allKeys || this.keys.some(({ text, access: a }) => text === '*' && (a & access) === access)
  }

  /** Whether the channel, or the pattern of channels (taken by its letters), is allowed. */
  allowsChannel(name: string, isPattern: boolean): boolean {
    if (this.allChannels) return true
    if (isPattern) return this.channels.some(({ text }) => text === name)
    const bytes = Buffer.from(name, 'latin1')
    return this.channels.some(({ bytes: glob }) =>
      globMatches(glob, 0, glob.length, bytes, 0, bytes.length, false),
    )
  }

  private resetKeys(all: boolean): null {
    this.allKeys = all
    this.keys = []
    return null
  }

  private resetChannels(all: boolean): null {
    this.allChannels = all
    this.channels = []
    return null
  }

  private resetCommands(all: boolean): null {
    this.allowed.fill(all ? 1 : 0)
    this.startsWithAll = all
    this.commandRules = []
    this.firstArguments.clear()
    return null
  }

  private addKeys(rule: string): string | null {
    if (this.allKeys) return AFTER_ALL_KEYS
    let access = MAY_ALL
    let text = rule.slice(1)
    if (rule[0] === '%') {
      const [, letters = '', pattern = ''] = /^%(R|W|RW|WR)(?:~([^]*))?$/i.exec(rule) ?? []
      if (letters === '') return WRONG_SYNTAX
      access = (/r/i.test(letters) ? MAY_READ : 0) | (/w/i.test(letters) ? MAY_WRITE : 0)
      text = pattern
    }
    if (hasSpaces(text)) return WRONG_SYNTAX
    const known = this.keys.find((pattern) => pattern.text === text)
    if (known === undefined) this.keys.push({ text, bytes: Buffer.from(text, 'latin1'), access })
    else known.access |= access
    return null
  }

  private addChannels(text: string): string | null {
    if (this.allChannels) return AFTER_ALL_CHANNELS
    if (hasSpaces(text)) return WRONG_SYNTAX
    const known = this.channels.some((pattern) => pattern.text === text)
    if (!known) this.channels.push({ text, bytes: Buffer.from(text, 'latin1') })
    return null
  }

  private changeCommands(given: string, allow: boolean): string | null {
    const name = given.toLowerCase()
    if (name.startsWith('@')) {
      const commands = this.catalog.category(name.slice(1))
      if (commands === undefined) return UNKNOWN_COMMAND
      for (const command of commands) this.change(command, allow)
    } else {
      const command = this.catalog.command(name)
      if (command !== undefined) this.change(command, allow)
      else {
        const refused = allow ? this.allowFirstArgument(name) : UNKNOWN_COMMAND
        if (refused !== null) return refused
      }
    }
    this.recordRule(name, allow)
    return null
  }

  /** `text` is "command|argument", and not a subcommand. */
  private allowFirstArgument(text: string): string | null {
    const bar = text.lastIndexOf('|')
    const command = bar === -1 ? undefined : this.catalog.command(text.slice(0, bar))
    if (command === undefined) return UNKNOWN_COMMAND
    if (command.parent !== null) return FIRST_ARGUMENT_OF_SUBCOMMAND
    const argument = text.slice(bar + 1)
    if (argument === '') return WRONG_SYNTAX
    if (command.subcommands !== null) return UNKNOWN_COMMAND
    const known = this.firstArguments.get(command.id) ?? []
    if (!known.includes(argument)) known.push(argument)
    this.firstArguments.set(command.id, known)
    return null
  }

  /** A container takes its subcommands along. */
  private change(command: Command, allow: boolean): void {
    this.allowed[command.id] = allow ? 1 : 0
    this.firstArguments.delete(command.id)
    for (const child of command.subcommands?.values() ?? []) this.allowed[child.id] = allow ? 1 : 0
  }

  /** Earlier rules for the same name, or for a part of it, have no effect any more. */
  private recordRule(name: string, allow: boolean): void {
    this.commandRules = this.commandRules.filter((rule) => {
      const earlier = rule.slice(1)
      return earlier !== name && !earlier.startsWith(`${name}|`)
    })
    this.commandRules.push(`${allow ? '+' : '-'}${name}`)
  }
}
