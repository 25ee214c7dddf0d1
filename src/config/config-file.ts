/**
 * Loads redis.conf text, from files, standard input and the command line, into a Configuration. The line
 * syntax, `include`, and the lines that are not directives of CONFIG stand here.
 */
import { createHash, type Hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { TextDecoder } from 'node:util'
import { ConfigError, type ConfigPlace, STANDARD_INPUT, UNKNOWN_DIRECTIVE } from './config-error.ts'
import type { ConfigSource, Configuration } from './configuration.ts'
import { type DirectiveName, findDirective, RETIRED_DIRECTIVES } from './directives.ts'
import { includePaths } from './include-paths.ts'
import { splitArguments } from './split-args.ts'
import { reasonOf } from './system-errors.ts'

/** Includes nested deeper than this are taken for a loop. */
const INCLUDE_DEPTH_MAX = 32

/** What only the configuration file knows, CONFIG does not, and we do not have. */
const FILE_ONLY: ReadonlySet<string> = new Set(['loadmodule'])

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * One start's configuration being put together: later directives override earlier ones. finish() ends it;
 * until then a value we do not support may stand, because a later line (`--appendonly no`) may lift it.
 */
export class ConfigLoader {
  readonly configuration: Configuration
  /** Directives taken that have no effect, each as one sentence for the log. */
  readonly warnings: string[] = []
  /** Where each directive was given last. */
  readonly #places: Map<DirectiveName, ConfigPlace> = new Map()
  readonly #hash: Hash = createHash('sha256')
  #depth: number = 0
  #sawSave: boolean = false

  constructor(configuration: Configuration) {
    this.configuration = configuration
  }

  /** Takes everything from there, and finishes; throws ConfigError. */
  source(source: ConfigSource): void {
    this.configuration.source = source
    if (source.file !== null) this.file(source.file)
    if (source.standardInput !== null) this.text(source.standardInput, STANDARD_INPUT)
    for (const { words, text } of source.directives) {
      this.directive(words, { origin: 'the command line', line: 0, text })
    }
    this.finish()
  }

  /** Takes the file at `path`, from the process's directory if relative; throws ConfigError. */
  file(path: string): void {
    const absolute = resolve(path)
    this.configuration.file = absolute
    this.configuration.source ??= { file: path, standardInput: null, directives: [] }
    this.text(this.#read(absolute, null), absolute)
  }

  /** Takes the lines of `bytes`; `origin` is what errors call their source. Throws ConfigError. */
  text(bytes: Uint8Array, origin: string): void {
    let start = 0
    for (let line = 1; start <= bytes.length; line++) {
      const feed = bytes.indexOf(0x0a, start)
      const end = feed < 0 ? bytes.length : feed
      this.#line(bytes.subarray(start, end), origin, line)
      start = end + 1
    }
  }

  /** Takes one directive given as words; `place` says where it stands. Throws ConfigError. */
  directive(words: readonly string[], place: ConfigPlace): void {
    const refused = this.#take(words, place)
    if (refused === null) return
    if (refused !== UNKNOWN_DIRECTIVE) throw new ConfigError(refused, place)
    // Nobody knows what a name that is misspelt was to be followed by: it may be a password.
    throw new ConfigError(refused, { ...place, text: place.text.replace(/\s.*/s, ' …') })
  }

  /** Throws ConfigError if the configuration asks for something we do not have. */
  finish(): void {
    for (const [name, place] of this.#places) {
      const refused = this.configuration.unsupported(name)
      if (refused !== null) throw new ConfigError(refused, place)
    }
  }

  #line(bytes: Uint8Array, origin: string, line: number): void {
    const text = Buffer.from(bytes).toString().trim()
    if (text === '' || text.startsWith('#')) return
    const place: ConfigPlace = { origin, line, text }
    const words = splitArguments(bytes)
    if (words === null) throw new ConfigError('Unbalanced quotes in configuration line', place)
    if (words.length === 0) return
    this.directive(
      words.map((word) => decode(word, place)),
      place,
    )
  }

  #take(words: readonly string[], place: ConfigPlace): string | null {
    const [given = '', ...values] = words
    const name = given.toLowerCase()
    if (name === 'include' && values.length === 1) {
      this.#include(values[0], place)
      return null
    }
    if (name === 'rename-command' && values.length === 2) {
      this.configuration.renames.push({ from: values[0], to: values[1], place })
      return null
    }
    if (name === 'user' && values.length > 0) {
      this.configuration.users.push({ words: values, place })
      return null
    }
    if (FILE_ONLY.has(name) && values.length > 0) return `${name} is not supported`
    if (name === 'sentinel') return 'sentinel directive while not in sentinel mode'
    if (RETIRED_DIRECTIVES.includes(name) && values.length === 1) {
      this.warnings.push(`${name} has had no effect since Redis 7 and is ignored`)
      return null
    }
    const directive = findDirective(name)
    // Nowhere but in CONFIG GET's answer is this one a single word.
    if (directive === 'replicaof' && values.length !== 2) return 'wrong number of arguments'
    const refused = this.configuration.load(name, values, this.#sawSave)
    if (directive === 'save') this.#sawSave = true
    if (directive !== undefined) this.#places.set(directive, place)
    return refused
  }

  #read(path: string, place: ConfigPlace | null): Uint8Array {
    const bytes = readConfigFile(path, place)
    this.#hash.update(`${path}\0${bytes.length}\0`).update(bytes)
    this.configuration.identity = this.#hash.copy().digest('hex')
    return bytes
  }

  #include(pattern: string, place: ConfigPlace): void {
    if (this.#depth === INCLUDE_DEPTH_MAX) {
      throw new ConfigError(`Files include each other more than ${INCLUDE_DEPTH_MAX} levels deep`, place)
    }
    this.#depth++
    for (const path of includePaths(pattern, this.configuration.settings.dir)) {
      this.text(this.#read(path, place), path)
    }
    this.#depth--
  }
}

function readConfigFile(path: string, place: ConfigPlace | null): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new ConfigError(`Can't open config file '${path}': ${reasonOf(error)}`, place)
  }
}

// Values become JavaScript strings and are written to clients as UTF-8; other bytes would come back changed.
function decode(word: Uint8Array, place: ConfigPlace): string {
  try {
    return UTF_8.decode(word)
  } catch {
    throw new ConfigError('Values have to be valid UTF-8', place)
  }
}
