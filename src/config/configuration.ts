/**
 * One server's configuration: its Settings, CONFIG GET and CONFIG SET over them, and who is told of a change.
 * It reads no files (see config-file.ts) and knows no clients.
 */
import { resolve } from 'node:path'
import { ConfigError, type ConfigPlace, UNKNOWN_DIRECTIVE } from './config-error.ts'
import type { Directive } from './directive.ts'
import { type ParseContext, type ParsedValue, parseDirective, wordsOf } from './directive-values.ts'
import { DIRECTIVE_NAMES, DIRECTIVES, type DirectiveName, findDirective } from './directives.ts'
import { InvalidValue } from './numbers.ts'
import { type SettingName, type Settings, settingName } from './settings.ts'

/** Told after a change, with the new and the old value; a returned text refuses it and undoes the whole SET. */
export type ChangeListener<Name extends SettingName> = (
  value: Settings[Name],
  previous: Settings[Name],
) => string | undefined

type AnyListener = (value: unknown, previous: unknown) => string | undefined

/** One `rename-command` line: `to` is '' for a command nobody shall call. */
export interface Rename {
  readonly from: string
  readonly to: string
  readonly place: ConfigPlace
}

/** One `user` line: the user's name and rules. */
export interface UserLine {
  readonly words: readonly string[]
  readonly place: ConfigPlace
}

/** Where directives come from, in the order in which they are taken: at start, and again when it is reloaded. */
export interface ConfigSource {
  /** Null for none. */
  readonly file: string | null
  /** What standard input said; null where it was not asked. */
  readonly standardInput: Uint8Array | null
  /** Those of the command line: words, and how they were written. */
  readonly directives: readonly { readonly words: readonly string[]; readonly text: string }[]
}

/** One directive of a CONFIG SET, checked and not yet in force. */
interface Change {
  readonly given: string
  readonly name: DirectiveName
  readonly parsed: ParsedValue
  readonly before: ParsedValue
}

const parsedDefaults = new Map<DirectiveName, ParsedValue>()

// Object.fromEntries and the spread of its result give an object whose properties V8 finds at a fixed offset;
// assigning 200 properties one by one gives a dictionary. test/config/configuration.test.ts watches this.
function defaultValues(): Settings {
  for (const name of DIRECTIVE_NAMES) {
    const context = { name, current: undefined, append: false, directory: '.' }
    const row = DIRECTIVES[name]
    parsedDefaults.set(name, parseDirective(row, wordsOf(row, row.default), context))
  }
  return Object.fromEntries(
    DIRECTIVE_NAMES.map((name) => [settingName(name), parsedDefaults.get(name)?.value]),
  ) as unknown as Settings
}

const DEFAULTS: Settings = defaultValues()

/** The default settings with some replaced, without a Configuration. */
export function settingsWith(changes: Partial<Settings>): Settings {
  return { ...DEFAULTS, ...changes }
}

/** Whether the value is one at which a directive we do not have asks for nothing. */
function asksForNothing(row: Directive, text: string, name: DirectiveName): boolean {
  return text === parsedDefaults.get(name)?.text || (row.idle?.includes(text) ?? false)
}

function notSupported(row: Directive, name: DirectiveName): string {
  const accepted = [row.default, ...(row.idle ?? [])].map((text) => `'${text}'`).join(' or ')
  return `${name} is not supported: only ${accepted} is accepted`
}

export class Configuration {
  /** The values in force. The object stays the same for good; its properties change with CONFIG SET. */
  readonly settings: Settings
  /** The file it was started with, as an absolute path; '' without one. */
  file: string = ''
  /** Null for one that was not loaded from anywhere. */
  source: ConfigSource | null = null
  /** SHA-256 of the files it was loaded from, with those they include; '' without any. */
  identity: string = ''
  /** What only the file says and CONFIG does not know, in the order of the lines. */
  readonly renames: Rename[] = []
  readonly users: UserLine[] = []
  readonly #texts: Map<DirectiveName, string> = new Map()
  readonly #listeners: Map<SettingName, AnyListener[]> = new Map()

  /** Redis's defaults, then `given` as redis.conf would state them; throws ConfigError for a bad one. */
  constructor(given: Readonly<Partial<Record<DirectiveName, string>>> = {}) {
    this.settings = { ...DEFAULTS }
    for (const [name, parsed] of parsedDefaults) this.#texts.set(name, parsed.text)
    // The process may have changed its directory since this module was loaded.
    this.#store('dir', parseDirective(DIRECTIVES.dir, ['.'], this.#context('dir', false)))
    for (const [name, text] of Object.entries(given)) {
      const row = DIRECTIVES[name as DirectiveName]
      const refused = this.load(name, wordsOf(row, text), false) ?? this.unsupported(name as DirectiveName)
      if (refused !== null) throw new ConfigError(`${name}: ${refused}`)
    }
  }

  /** The value of `name` as CONFIG GET prints it. */
  text(name: DirectiveName): string {
    return this.#texts.get(name) as string
  }

  isDefault(name: DirectiveName): boolean {
    return this.text(name) === parsedDefaults.get(name)?.text
  }

  /** Whether `name` has the same value there. Two sets of event classes can have the same text. */
  agrees(other: Configuration, name: DirectiveName): boolean {
    const setting = settingName(name)
    return (
      this.text(name) === other.text(name) &&
      (DIRECTIVES[name].type !== 'event-classes' || this.settings[setting] === other.settings[setting])
    )
  }

  /** A path among the settings, made absolute from `dir`; '' stays ''. */
  path(name: 'logfile' | 'pidfile' | 'unixsocket' | 'aclfile' | 'dbfilename' | 'appenddirname'): string {
    const path = this.settings[name]
    return path === '' ? '' : resolve(this.settings.dir, path)
  }

  /**
   * CONFIG GET: names and texts of the directives that match any of `patterns`, each once. A pattern without
   * `*`, `?` or `[` is a name, also of a hidden directive, and comes back in the case it was asked in.
   * `matches` is the glob matcher, case-insensitive.
   */
  get(patterns: readonly string[], matches: (pattern: string, name: string) => boolean): [string, string][] {
    const found = new Map<string, [string, string]>()
    const add = (shown: string, name: DirectiveName): void => {
      if (!found.has(shown.toLowerCase())) found.set(shown.toLowerCase(), [shown, this.text(name)])
    }
    for (const pattern of patterns) {
      if (!/[*?[]/.test(pattern)) {
        const name = findDirective(pattern)
        if (name !== undefined) add(pattern, name)
        continue
      }
      for (const name of DIRECTIVE_NAMES) {
        const { alias, hidden } = DIRECTIVES[name]
        if (hidden) continue
        if (matches(pattern, name)) add(name, name)
        if (alias !== undefined && matches(pattern, alias)) add(alias, name)
      }
    }
    return [...found.values()]
  }

  /**
   * Takes one directive of the configuration file or the command line. Returns null, or why it is refused.
   * `append` says that an earlier line of the same kind was taken (`save` adds up). Whether we have the
   * directive is not looked at: what counts is the value a later one leaves, see unsupported().
   */
  load(given: string, words: readonly string[], append: boolean): string | null {
    const name = findDirective(given)
    if (name === undefined) return UNKNOWN_DIRECTIVE
    try {
      this.#store(name, parseDirective(DIRECTIVES[name], words, this.#context(name, append)))
      return null
    } catch (error) {
      if (error instanceof InvalidValue) return error.message
      throw error
    }
  }

  /** Why the value of `name` in force cannot be served, or null. */
  unsupported(name: DirectiveName): string | null {
    const row = DIRECTIVES[name]
    return row.support === 'supported' || asksForNothing(row, this.text(name), name)
      ? null
      : notSupported(row, name)
  }

  /**
   * CONFIG SET of all `pairs` or none; throws ConfigError whose message is the error reply. `allowGuarded`
   * says that enable-protected-configs lets this client change guarded directives.
   */
  set(pairs: readonly (readonly [string, string])[], allowGuarded: boolean): void {
    this.#apply(this.#check(pairs, allowGuarded))
  }

  /** The settings as set() would leave them; throws as it does, unless whoever is told of a change refuses. */
  preview(pairs: readonly (readonly [string, string])[], allowGuarded: boolean): Settings {
    const changes = this.#check(pairs, allowGuarded)
    const values = changes.map(({ name, parsed }) => [settingName(name), parsed.value])
    return { ...this.settings, ...Object.fromEntries(values) }
  }

  #check(pairs: readonly (readonly [string, string])[], allowGuarded: boolean): Change[] {
    const names = this.#namesOf(pairs, allowGuarded)
    const changes = new Map<DirectiveName, Change>()
    for (const [index, [given, text]] of pairs.entries()) {
      const name = names[index]
      const before = { value: this.settings[settingName(name)], text: this.text(name) }
      try {
        const row = DIRECTIVES[name]
        const parsed = parseDirective(row, wordsOf(row, text), this.#context(name, false))
        if (row.support === 'not-supported' && !asksForNothing(row, parsed.text, name)) {
          throw new InvalidValue(notSupported(row, name))
        }
        changes.set(name, { given, name, parsed, before })
      } catch (error) {
        if (error instanceof InvalidValue) throw setFailed(given, error.message)
        throw error
      }
    }
    return [...changes.values()].filter(differs)
  }

  /** Takes the values that `names` have in `other`, all or none; throws ConfigError when one is refused. */
  adopt(other: Configuration, names: readonly DirectiveName[]): void {
    const changes = names.map((name) => ({
      given: name,
      name,
      parsed: { value: other.settings[settingName(name)], text: other.text(name) },
      before: { value: this.settings[settingName(name)], text: this.text(name) },
    }))
    this.#apply(changes.filter(differs))
  }

  /** The same values, users and renames in a configuration that nobody changes. */
  copy(): Configuration {
    const copy = new Configuration()
    copy.adopt(this, DIRECTIVE_NAMES)
    copy.renames.push(...this.renames)
    copy.users.push(...this.users)
    copy.identity = this.identity
    return copy
  }

  /** Has `listener` told of every change of `name` by CONFIG SET. Returns what ends that. */
  onChange<Name extends SettingName>(name: Name, listener: ChangeListener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? []
    this.#listeners.set(name, listeners)
    listeners.push(listener as AnyListener)
    return () => {
      const index = listeners.indexOf(listener as AnyListener)
      if (index >= 0) listeners.splice(index, 1)
    }
  }

  /** What each pair sets, with Redis's order of checks: all names first, then each pair's own standing. */
  #namesOf(pairs: readonly (readonly [string, string])[], allowGuarded: boolean): DirectiveName[] {
    const names: DirectiveName[] = []
    const seen = new Set<string>()
    for (const [given] of pairs) {
      const name = findDirective(given)
      if (name === undefined) {
        throw new ConfigError(`ERR Unknown option or number of arguments for CONFIG SET - '${given}'`)
      }
      const row = DIRECTIVES[name]
      if (row.fixed) throw setFailed(given, "can't set immutable config")
      if (row.guarded && !allowGuarded) throw setFailed(given, "can't set protected config")
      // A name and its alias are two parameters to Redis; the later one counts.
      if (seen.has(given.toLowerCase())) throw setFailed(given, 'duplicate parameter')
      seen.add(given.toLowerCase())
      names.push(name)
    }
    return names
  }

  #apply(changes: readonly Change[]): void {
    for (const { name, parsed } of changes) this.#store(name, parsed)
    for (const [index, change] of changes.entries()) {
      const refused = this.#tell(change.name, change.parsed.value, change.before.value)
      if (refused === undefined) continue
      for (const { name, before } of changes) this.#store(name, before)
      // Those told before, and this one's other listeners, go back to what was.
      for (const told of changes.slice(0, index + 1).toReversed()) {
        this.#tell(told.name, told.before.value, told.parsed.value)
      }
      throw setFailed(change.given, refused)
    }
  }

  #tell(name: DirectiveName, value: unknown, previous: unknown): string | undefined {
    for (const listener of this.#listeners.get(settingName(name)) ?? []) {
      const refused = listener(value, previous)
      if (refused !== undefined) return refused
    }
    return undefined
  }

  #context(name: DirectiveName, append: boolean): ParseContext {
    return { name, current: this.settings[settingName(name)], append, directory: this.settings.dir }
  }

  #store(name: DirectiveName, parsed: ParsedValue): void {
    const values = this.settings as Record<SettingName, unknown>
    values[settingName(name)] = parsed.value
    this.#texts.set(name, parsed.text)
  }
}

/** Whether a change changes anything. Two sets of event classes can have the same text. */
function differs({ parsed, before }: Change): boolean {
  if (parsed.text !== before.text) return true
  return typeof parsed.value === 'string' && parsed.value !== before.value
}

function setFailed(given: string, reason: string): ConfigError {
  return new ConfigError(`ERR CONFIG SET failed (possibly related to argument '${given}') - ${reason}`)
}
