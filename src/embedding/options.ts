/**
 * What createServer() takes: the directives of redis.conf as typed options, and what only an embedder can give. Turns
 * the former into a Configuration; what the latter do is theirs to say.
 */
import { inspect } from 'node:util'
import { ConfigError, type ConfigPlace } from '../config/config-error.ts'
import { Configuration } from '../config/configuration.ts'
import type { BufferLimits, Directive, SavePoint } from '../config/directive.ts'
import { wordsOf } from '../config/directive-values.ts'
import { DIRECTIVE_NAMES, DIRECTIVES, type DirectiveName, type DirectiveTable } from '../config/directives.ts'
import { splitArguments } from '../config/split-args.ts'
import type { Moment } from '../platform/clock.ts'
import type { Logger } from './logger.ts'

type MemoryUnit = 'b' | 'k' | 'kb' | 'm' | 'mb' | 'g' | 'gb'

/** Bytes, as a number or with redis.conf's units: 1048576, '1mb'. */
export type MemorySize = number | `${number}` | `${number}${MemoryUnit | Uppercase<MemoryUnit>}`

/** What the option of a directive's row may be. */
type OptionOf<R> = R extends { readonly type: 'boolean' }
  ? boolean | 'yes' | 'no'
  : R extends { readonly type: 'integer' | 'octal' }
    ? number | `${number}`
    : R extends { readonly type: 'memory' }
      ? MemorySize
      : R extends { readonly type: 'memory-or-percent' }
        ? MemorySize | `${number}%`
        : R extends { readonly type: 'enum'; readonly values: readonly (infer V)[] }
          ? V
          : R extends { readonly type: 'flags'; readonly values: readonly (infer V)[] }
            ? V | readonly V[]
            : R extends { readonly type: 'save-points' }
              ? string | readonly SavePoint[]
              : R extends { readonly type: 'buffer-limits' }
                ? string | Partial<BufferLimits>
                : R extends { readonly type: 'percentiles' | 'oom-scores' }
                  ? string | readonly number[]
                  : R extends { readonly type: 'addresses' | 'host-and-port' }
                    ? string | readonly string[]
                    : string

/** The directives of redis.conf under their names; undefined leaves the default. */
export type DirectiveOptions = {
  readonly [Name in DirectiveName]?: OptionOf<DirectiveTable[Name]> | undefined
}

export interface ServerOptions extends DirectiveOptions {
  /** Users and their rules, as redis.conf's lines have them behind that word: 'app on >secret ~app:* +@all'. */
  readonly user?: string | readonly string[] | undefined
  /** Other names for commands, by their own; '' for one that nobody shall call. */
  readonly 'rename-command'?: Readonly<Record<string, string>> | undefined
  /** Where the log's lines go; console and pino's loggers will do. The server is silent without. */
  readonly logger?: Logger | undefined
  /** False: no socket at all; it is reached by call() and connection() only. */
  readonly listen?: boolean | undefined
  /** True: the process stays while the server runs, as it does for a server of Node's. */
  readonly keepAlive?: boolean | undefined
  /** 'manual': time stands still until server.clock moves it; sockets and files work all the same. */
  readonly clock?: 'real' | 'manual' | undefined
  /** Where manual time begins; the real time without it. */
  readonly now?: Moment | undefined
  /** Makes chance (sampling, SPOP, RANDOMKEY, faults) the same at every run. */
  readonly seed?: number | undefined
}

/** The options that are no directives. */
const OWN_OPTIONS: ReadonlySet<string> = new Set([
  'user',
  'rename-command',
  'logger',
  'listen',
  'keepAlive',
  'seed',
  'clock',
  'now',
])

/** What is wrong with an option that is no directive, if anything is: not everybody's values are type-checked. */
const FAULTS: Readonly<Partial<Record<string, (options: ServerOptions) => boolean>>> = {
  logger: ({ logger }) => !hasLevels(logger),
  listen: ({ listen }) => typeof listen !== 'boolean',
  keepAlive: ({ keepAlive }) => typeof keepAlive !== 'boolean',
  seed: ({ seed }) => !Number.isSafeInteger(seed),
  clock: ({ clock }) => clock !== 'real' && clock !== 'manual',
  now: ({ now }) => !Number.isFinite(Number(now)),
}

/**
 * The configuration that the options describe: Redis's defaults, but on 127.0.0.1 only and without save points. Throws
 * ConfigError for a name or a value that is none.
 * @internal
 */
export function configurationOf(options: ServerOptions): Configuration {
  const given: Partial<Record<DirectiveName, string>> = { bind: '127.0.0.1', save: '', port: '0' }
  // A century would be a lot of looks at files.
  if (options.clock === 'manual') given['self-check-interval'] = '0'
  else if (options.now !== undefined) throw new ConfigError("now: the clock is the real one, not 'manual'")
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (FAULTS[name]?.(options)) throw new ConfigError(`${name}: ${inspect(value)} will not do`)
    if (OWN_OPTIONS.has(name)) continue
    if (!Object.hasOwn(DIRECTIVES, name)) throw new ConfigError(`${name}: there is no such option`)
    given[name as DirectiveName] = textOf(DIRECTIVES[name as DirectiveName], value)
  }
  if (given.appendonly?.toLowerCase() === 'yes' && given.dir === undefined) {
    throw new ConfigError('appendonly: there is nowhere to write, since no dir is given')
  }
  const configuration = new Configuration(given)
  takeLines(configuration, options)
  return configuration
}

/** What in redis.conf is a line and no directive. */
function takeLines(configuration: Configuration, options: ServerOptions): void {
  for (const [from, to] of Object.entries(options['rename-command'] ?? {})) {
    configuration.renames.push({ from, to, place: placeOf(`rename-command ${from} "${to}"`) })
  }
  for (const line of [options.user ?? []].flat()) {
    const words = splitArguments(Buffer.from(line))?.map(String) ?? []
    if (words.length === 0) throw new ConfigError('user: unbalanced quotes, or nothing at all')
    configuration.users.push({ words, place: placeOf(`user ${line}`) })
  }
}

function placeOf(text: string): ConfigPlace {
  return { origin: 'createServer()', line: 0, text }
}

function hasLevels(logger: unknown): boolean {
  const levels = logger as Partial<Record<string, unknown>> | null
  return ['debug', 'info', 'warn'].every((level) => typeof levels?.[level] === 'function')
}

/** Where a server is found and what it keeps on disk, which no two servers share. */
const OWN_PLACES: readonly DirectiveName[] = [
  'port',
  'tls-port',
  'unixsocket',
  'metrics-port',
  'dir',
  'appendonly',
  'aclfile',
  'logfile',
  'pidfile',
]

/**
 * The options of a server like one that was started with `options`, in a place of its own.
 * @internal
 */
export function optionsElsewhere(options: ServerOptions): ServerOptions {
  return { ...options, ...Object.fromEntries(OWN_PLACES.map((name) => [name, undefined])) }
}

/**
 * Has `configuration` say what `model` says now, but for places. No server may be using it yet.
 * @internal
 */
export function inheritSettings(configuration: Configuration, model: Configuration): void {
  for (const name of DIRECTIVE_NAMES) {
    const text = model.text(name)
    if (OWN_PLACES.includes(name) || configuration.text(name) === text) continue
    configuration.load(name, wordsOf(DIRECTIVES[name], text), false)
  }
}

/** The value as redis.conf states it. What is no value of the row's stays for its parser to refuse. */
function textOf(row: Directive, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') return row.type === 'octal' ? value.toString(8) : String(value)
  if (row.type === 'save-points' && Array.isArray(value)) {
    return (value as SavePoint[]).map(({ seconds, changes }) => `${seconds} ${changes}`).join(' ')
  }
  if (Array.isArray(value)) return value.join(' ')
  if (row.type === 'buffer-limits' && typeof value === 'object') {
    return Object.entries(value as BufferLimits)
      .map(([name, limit]) => `${name} ${limit.hardBytes} ${limit.softBytes} ${limit.softSeconds}`)
      .join(' ')
  }
  return String(value)
}
