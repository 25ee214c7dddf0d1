/** CONFIG: reading and changing settings of the running server. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { ConfigError } from '../config/config-error.ts'
import { rewrittenConfig } from '../config/config-rewrite.ts'
import { reasonOf } from '../config/system-errors.ts'
import { type Client, HELD_BY_BLOCK } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { GATE_LOADING } from '../engine/gates.ts'
import { replaceFile } from '../persistence/rdb-file.ts'
import { PROCESS_ID } from '../platform/process.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { ErrorReply, err, LOADING, NO_CONFIG_FILE, SYNTAX_ERROR } from '../protocol/error-replies.ts'
import { globMatches } from '../structures/glob.ts'
import { replyHelp } from './help.ts'

function get(client: Client, args: Arguments): void {
  const patterns: string[] = []
  for (let i = 2; i < args.count; i++) patterns.push(args.copy(i).toString())
  const found = client.engine.configuration.get(patterns, globMatchesName)
  client.reply.mapHeader(found.length)
  for (const [name, text] of found) {
    client.reply.bulkText(name)
    client.reply.bulkText(text)
  }
}

function globMatchesName(pattern: string, name: string): boolean {
  const [glob, text] = [Buffer.from(pattern), Buffer.from(name)]
  return globMatches(glob, 0, glob.length, text, 0, text.length, true)
}

function set(client: Client, args: Arguments): void {
  if (args.count % 2 !== 0) throw SYNTAX_ERROR
  const pairs: [string, string][] = []
  for (let i = 2; i < args.count; i += 2) pairs.push([args.copy(i).toString(), args.copy(i + 1).toString()])
  const guarded = allowsGuarded(client)
  if ((client.engine.gates & GATE_LOADING) !== 0 && pairs.some(([name]) => waitsForDataset(name, guarded))) {
    throw LOADING
  }
  const given = movingName(client, pairs, guarded)
  if (given === null) setNow(client, pairs, guarded)
  else setWhenListening(client, { pairs, guarded, given })
}

/** As CONFIG SET was given it. */
interface Request {
  readonly pairs: readonly [string, string][]
  readonly guarded: boolean
  /** The first of its names that asks to listen elsewhere. */
  readonly given: string
}

function setNow(client: Client, pairs: readonly [string, string][], guarded: boolean): void {
  try {
    client.engine.configuration.set(pairs, guarded)
  } catch (error) {
    throw refusalOf(error)
  }
  client.reply.ok()
}

function refusalOf(error: unknown): unknown {
  return error instanceof ConfigError ? new ErrorReply(error.message) : error
}

/** Where the server listens, and what Redis says when it can't. */
const LISTENING: ReadonlyMap<string, string> = new Map([
  ['port', 'Unable to listen on this port. Check server logs.'],
  ['tls-port', 'Unable to listen on this port. Check server logs.'],
  ['bind', 'Failed to bind to specified addresses.'],
])

/** The first name that changes where the server listens; null when none does. Throws for what set() would refuse. */
function movingName(client: Client, pairs: readonly [string, string][], guarded: boolean): string | null {
  const { configuration, settings, relisten } = client.engine
  const found = pairs.find(([name]) => LISTENING.has(name.toLowerCase()))
  if (found === undefined || relisten === null) return null
  try {
    const { port, tlsPort, bind } = configuration.preview(pairs, guarded)
    const same = port === settings.port && tlsPort === settings.tlsPort
    return same && bind.join(' ') === settings.bind.join(' ') ? null : found[0]
  } catch (error) {
    throw refusalOf(error)
  }
}

/** Listening takes a turn of the loop or more: the client has its answer when it is known what came of it. */
function setWhenListening(client: Client, request: Request): void {
  const { engine, lastCommand } = client
  const refused = (reason: string): ErrorReply =>
    err(`CONFIG SET failed (possibly related to argument '${request.given}') - ${reason}`)
  if (engine.inExec || lastCommand === null) throw refused('it cannot be changed inside a transaction')
  client.held |= HELD_BY_BLOCK
  const finish = (answer: () => void): void => {
    const { dispatcher } = engine
    dispatcher.beginBatch()
    dispatcher.finishBlocked(client, lastCommand, answer)
    client.held &= ~HELD_BY_BLOCK
    client.link.flushSoon()
    client.link.resume()
    dispatcher.endBatch()
  }
  const { configuration, relisten, log } = engine
  const moved = relisten?.(configuration.preview(request.pairs, request.guarded)) ?? Promise.resolve()
  moved.then(
    () => finish(() => setMoved(client, request)),
    (error: unknown) => {
      const { message } = error as Error
      log.warning(message)
      finish(() => {
        throw refused(
          message.startsWith('Failed to configure TLS')
            ? 'Unable to update TLS configuration. Check server logs.'
            : (LISTENING.get(request.given.toLowerCase()) ?? message),
        )
      })
    },
  )
}

/** The server listens there; if the settings are refused after all, it goes back. */
function setMoved(client: Client, { pairs, guarded }: Request): void {
  const { settings, relisten, log } = client.engine
  try {
    setNow(client, pairs, guarded)
  } catch (error) {
    relisten?.(settings).catch((fault: unknown) => log.warning((fault as Error).message))
    throw error
  }
}

/** Settings whose values nobody may read in a log. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'requirepass',
  'masteruser',
  'masterauth',
  'tls-key-file-pass',
  'tls-client-key-file-pass',
])

/** Whatever follows such a name, also where names and values are not in pairs. */
function secretsOfSet(args: Arguments): number[] {
  const secrets: number[] = []
  for (let i = 3; i < args.count; i++) {
    if (SECRET_NAMES.has(args.text(i - 1).toLowerCase())) secrets.push(i)
  }
  return secrets
}

/** Whether it is for later to change this directive, when the dataset is there: for one that may be changed at all. */
function waitsForDataset(name: string, guarded: boolean): boolean {
  return /^appendonly$/i.test(name) || (guarded && /^dir$/i.test(name))
}

/** Whether enable-protected-configs lets this client change guarded settings. */
function allowsGuarded(client: Client): boolean {
  const { enableProtectedConfigs } = client.engine.settings
  return enableProtectedConfigs === 'yes' || (enableProtectedConfigs === 'local' && client.isLocal)
}

function resetstat(client: Client): void {
  const { stats, keyspace, commands } = client.engine
  stats.reset()
  keyspace.stats.reset()
  commands.resetCounters()
  client.reply.ok()
}

/** CONFIG REWRITE: the configuration file states what is in force. Its permissions stay, and links to it. */
function rewrite(client: Client): void {
  const { configuration, acl, artifacts, log } = client.engine
  if (configuration.file === '') throw NO_CONFIG_FILE
  try {
    const path = existsSync(configuration.file) ? realpathSync(configuration.file) : configuration.file
    const old = existsSync(path) ? { text: readFileSync(path, 'latin1'), mode: statSync(path).mode } : null
    const text = rewrittenConfig(old?.text ?? '', configuration, acl.file.configLines())
    replaceFile(
      path,
      `temp-${PROCESS_ID}-${basename(path)}`,
      (write) => write(Buffer.from(text, 'latin1')),
      old === null ? undefined : old.mode & 0o7777,
    )
  } catch (error) {
    const reason = reasonOf(error)
    log.warning(`CONFIG REWRITE failed: ${reason}`)
    throw err(`Rewriting config file: ${reason}`)
  }
  const { configuration: onDisk, fault } = artifacts.readConfig()
  if (fault === null) artifacts.configLoaded(onDisk)
  log.notice('CONFIG REWRITE executed with success.')
  client.reply.ok()
}

const HELP: readonly string[] = [
  'GET <pattern>',
  '    Return parameters matching the glob-like <pattern> and their values.',
  'SET <directive> <value>',
  '    Set the configuration <directive> to <value>.',
  'RESETSTAT',
  '    Reset statistics reported by the INFO command.',
  'REWRITE',
  '    Rewrite the configuration file.',
]

function help(client: Client): void {
  replyHelp(client, 'CONFIG', HELP)
}

/** CONFIG and its subcommands. */
export const configCommands: Family = family('server', {
  CONFIG: {
    summary: 'A container for server configuration commands.',
    since: '2.0.0',
    complexity: 'Depends on subcommand.',
    syntax: '',
    flags: [],
    subcommands: {
      GET: {
        summary: 'Returns the effective values of configuration parameters.',
        since: '2.0.0',
        complexity: 'O(N) when N is the number of configuration parameters provided',
        syntax: 'parameter [parameter ...]',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        history: [['7.0.0', 'Added the ability to pass multiple pattern parameters in one call']],
        run: get,
      },
      SET: {
        summary: 'Sets configuration parameters in-flight.',
        since: '2.0.0',
        complexity: 'O(N) when N is the number of configuration parameters provided',
        syntax: 'parameter value [parameter value ...]',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        history: [['7.0.0', 'Added the ability to set multiple parameters in one call.']],
        secrets: secretsOfSet,
        run: set,
      },
      RESETSTAT: {
        summary: "Resets the server's statistics.",
        since: '2.0.0',
        complexity: 'O(1)',
        syntax: '',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        run: resetstat,
      },
      REWRITE: {
        summary: 'Persists the effective configuration to file.',
        since: '2.8.0',
        complexity: 'O(1)',
        syntax: '',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        run: rewrite,
      },
      HELP: {
        summary: 'Returns helpful text about the different subcommands.',
        since: '5.0.0',
        complexity: 'O(1)',
        syntax: '',
        flags: ['loading', 'stale'],
        run: help,
      },
    },
  },
})
