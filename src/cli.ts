#!/usr/bin/env node
/**
 * The `respite` program: arguments and configuration files to a running server, its log, pid file, process
 * title, signals and exit code. Everything the server does once it runs is server/'s.
 */
import { EventEmitter, once } from 'node:events'
import { appendFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type CommandLine, parseCommandLine } from './config/command-line.ts'
import { ConfigError } from './config/config-error.ts'
import { ConfigLoader } from './config/config-file.ts'
import { Configuration } from './config/configuration.ts'
import type { Settings } from './config/settings.ts'
import { startupWarnings } from './config/startup-warnings.ts'
import { reasonOf } from './config/system-errors.ts'
import { lowerBackgroundThreads } from './platform/background-threads.ts'
import { inlineDeeply } from './platform/inlining.ts'
import { LineLog, type Log, openLog } from './platform/log.ts'
import { processTerminal, type StopSignal, type Terminal } from './platform/terminal.ts'
import { NODE_VERSION, REDIS_VERSION, RESPITE_VERSION } from './platform/version.ts'
import { findProgram } from './server/programs.ts'

/** What main() needs of a server that was started. */
export interface RunningServer {
  /** Begins an orderly shutdown; `closed` tells when it is done. False when it can't, and goes on. */
  shutdown(signal: StopSignal): boolean
  /** Loads configuration, users and certificates again; the log tells what came of it. */
  reload(): void
  /** It loads its dataset and serves nobody yet. */
  readonly loading: boolean
  /** Lines for the log about an error that nobody caught. */
  crashReport(error: unknown): string[]
  /** Settles when the server has ended for whatever reason (a signal, SHUTDOWN); rejects when it broke. */
  readonly closed: Promise<void>
}

/** Resolves once the server accepts connections; rejects with one clear sentence when it cannot. */
export type StartServer = (configuration: Configuration, log: Log) => Promise<RunningServer>

const USAGE = `Usage: respite [/path/to/redis.conf] [--directive value ...] [-]
       respite - (read the configuration from standard input)
       respite --check-config [/path/to/redis.conf] [--directive value ...]
       respite check-rdb /path/to/dump.rdb
       respite check-aof [--fix|--truncate-to-timestamp $timestamp] /path/to/file.manifest|file.aof
       respite healthcheck [redis://[user:password@]host:port | rediss://... | unix:///path/to.sock]
       respite status [/path/to/redis.conf] [--directive value ...]
       respite -v or --version
       respite -h or --help

Examples:
       respite (run the server with the default configuration)
       echo 'maxclients 100' | respite -
       respite /etc/redis/redis.conf
       respite --port 7777 --save ''
       respite /etc/redis/redis.conf --loglevel verbose
`

/** Runs the program to its end and resolves to its exit code: 0, or 1 for what could not be started. */
export async function main(argv: readonly string[], terminal: Terminal, start: StartServer): Promise<number> {
  const program = findProgram(argv[0])
  if (program !== undefined) return program(argv.slice(1), terminal)
  let commandLine: CommandLine
  const configuration = new Configuration()
  const loader = new ConfigLoader(configuration)
  try {
    commandLine = parseCommandLine(argv)
    load(commandLine, loader, terminal)
    if (commandLine.action === 'run') checkLogFile(configuration)
    if (commandLine.action === 'check-config') await checkAll(configuration)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    terminal.printError(fatalConfigError(error))
    return 1
  }
  switch (commandLine.action) {
    case 'version':
      terminal.print(
        `Respite v=${RESPITE_VERSION} redis_version=${REDIS_VERSION} node=${NODE_VERSION} bits=64\n`,
      )
      return 0
    case 'help':
      terminal.print(USAGE)
      return 0
    case 'check-config':
      for (const warning of warningsOf(loader)) terminal.print(`Warning: ${warning}\n`)
      terminal.print('OK\n')
      return 0
    default:
      return run(commandLine, loader, terminal, start)
  }
}

/** Users, renamed commands and certificates too, which need more of the server than others. */
async function checkAll(configuration: Configuration): Promise<void> {
  const { checkConfiguration } = await import('./server/check.ts')
  checkConfiguration(configuration)
}

/** In this order, so that the command line wins over standard input and that over the file. */
function load(commandLine: CommandLine, loader: ConfigLoader, terminal: Terminal): void {
  const { configFile, standardInput, directives } = commandLine
  loader.source({
    file: configFile,
    standardInput: standardInput ? terminal.readStandardInput() : null,
    directives,
  })
}

function checkLogFile(configuration: Configuration): void {
  const path = configuration.path('logfile')
  if (path === '') return
  try {
    appendFileSync(path, '')
  } catch (error) {
    throw new ConfigError(`Can't open the log file '${path}': ${reasonOf(error)}`)
  }
}

function warningsOf(loader: ConfigLoader): string[] {
  return [...loader.warnings, ...startupWarnings(loader.configuration.settings)]
}

function fatalConfigError(error: ConfigError): string {
  const lines = ['', `*** FATAL CONFIG FILE ERROR (Respite ${RESPITE_VERSION}) ***`]
  const { place } = error
  if (place !== null) {
    const { origin, line, text } = place
    lines.push(
      line === 0 ? `Reading ${origin}` : `Reading the configuration file '${origin}', at line ${line}`,
      `>>> '${text}'`,
    )
  }
  return `${[...lines, error.message].join('\n')}\n`
}

async function run(
  commandLine: CommandLine,
  loader: ConfigLoader,
  terminal: Terminal,
  start: StartServer,
): Promise<number> {
  const { configuration } = loader
  const { settings } = configuration
  const log = logFor(configuration, terminal)
  announce(commandLine, loader, log, terminal)
  keepTitle(configuration, commandLine.configFile ?? '', terminal)
  let running: RunningServer
  try {
    running = await start(configuration, log)
  } catch (error) {
    return failed(log, terminal, settings, error)
  }
  const pidFile = writePidFile(configuration, log, terminal.pid)
  const stopListening = listenForSignals(running, log, terminal)
  const stopReloading = terminal.onHangUp(() => {
    log.notice('Received SIGHUP: reloading configuration, users and certificates')
    running.reload()
  })
  const stopWatching = terminal.onCrash((error) => {
    for (const line of running.crashReport(error)) log.warning(line)
    terminal.exit(1)
  })
  try {
    await running.closed
    return 0
  } catch (error) {
    return failed(log, terminal, settings, error)
  } finally {
    stopListening()
    stopReloading()
    stopWatching()
    if (pidFile !== '') rmSync(pidFile, { force: true })
  }
}

function logFor(configuration: Configuration, terminal: Terminal): Log {
  const { settings } = configuration
  const log =
    settings.logfile === ''
      ? new LineLog(settings.loglevel, (line) => terminal.print(line))
      : openLog(settings.loglevel, configuration.path('logfile'))
  configuration.onChange('loglevel', (level) => {
    log.level = level
    return undefined
  })
  const format = (): undefined => {
    log.format = settings.logFormat
    log.timestamps = settings.logTimestampFormat
  }
  format()
  configuration.onChange('logFormat', format)
  configuration.onChange('logTimestampFormat', format)
  return log
}

function announce(commandLine: CommandLine, loader: ConfigLoader, log: Log, terminal: Terminal): void {
  const { settings } = loader.configuration
  log.role = 'C'
  log.notice('oO0OoO0OoO0Oo Respite is starting oO0OoO0OoO0Oo')
  log.notice(`Respite version=${RESPITE_VERSION}, bits=64, pid=${terminal.pid}, just started`)
  const { configFile, standardInput, directives } = commandLine
  if (configFile === null && !standardInput && directives.length === 0) {
    log.warning(
      'Warning: no config file specified, using the default config. ' +
        'In order to specify a config file use respite /path/to/redis.conf',
    )
  } else {
    log.notice('Configuration loaded')
  }
  log.role = 'M'
  if (settings.alwaysShowLogo || (terminal.isTerminal && settings.logfile === '')) {
    terminal.print(logo(settings, terminal.pid))
  } else {
    log.notice(`Running mode=standalone, port=${settings.port}.`)
  }
  for (const warning of warningsOf(loader)) log.warning(`WARNING ${warning}`)
}

function logo(settings: Settings, pid: number): string {
  return `
    .------.
    |  ..  |     Respite ${RESPITE_VERSION}, speaking Redis ${REDIS_VERSION}
    |  ||  |     Running in standalone mode
    |  ||  |     Port: ${settings.port}
    '------'     PID: ${pid}

`
}

/** The process title in Redis's template language, trimmed. */
export function processTitle(settings: Settings, configFile: string): string {
  const { port, unixsocket, tlsPort, bind } = settings
  const host = (bind[0] ?? '*').replace(/^-/, '')
  const variables: Record<string, string> = {
    title: 'respite',
    'listen-addr': port === 0 && unixsocket !== '' ? unixsocket : `${host}:${port}`,
    'server-mode': '',
    port: String(port),
    'tls-port': String(tlsPort),
    unixsocket,
    'config-file': configFile,
  }
  return settings.procTitleTemplate
    .replaceAll(/\{\{|\{([^{}]*)\}/g, (match, name: string) =>
      match === '{{' ? '{' : (variables[name] ?? ''),
    )
    .trim()
}

function keepTitle(configuration: Configuration, configFile: string, terminal: Terminal): void {
  const { settings } = configuration
  if (!settings.setProcTitle) return
  const show = (): undefined => terminal.setTitle(processTitle(settings, configFile)) as undefined
  show()
  configuration.onChange('procTitleTemplate', show)
  configuration.onChange('port', show)
  configuration.onChange('bind', show)
}

/** Returns the path written, or ''. A server without its pid file is still of use: only a warning. */
function writePidFile(configuration: Configuration, log: Log, pid: number): string {
  const path = configuration.path('pidfile')
  if (path === '') return ''
  try {
    writeFileSync(path, `${pid}\n`)
    return path
  } catch (error) {
    log.warning(`Failed to write PID file '${path}': ${reasonOf(error)}`)
    return ''
  }
}

function listenForSignals(running: RunningServer, log: Log, terminal: Terminal): () => void {
  let stopping = false
  return terminal.onSignal((signal) => {
    if (!stopping) {
      log.notice(
        running.loading
          ? 'Received shutdown signal during loading, scheduling shutdown.'
          : `Received ${signal} scheduling shutdown...`,
      )
      stopping = terminal.interruptible(() => running.shutdown(signal))
    } else if (signal === 'SIGINT') {
      log.warning('You insist... exiting now.')
      terminal.exit(1)
    }
  })
}

/**
 * Logs why the server could not start or go on, and on standard error too when the log is a file. A plain
 * Error is one of ours or the system's and says all; any other kind is a mistake of ours and shows its stack.
 */
function failed(log: Log, terminal: Terminal, settings: Settings, error: unknown): number {
  const { code, message, stack, constructor } = error as NodeJS.ErrnoException
  const expected = (constructor === Error && !code?.startsWith('ERR_')) || error instanceof ConfigError
  const place = error instanceof ConfigError ? error.place : null
  const where =
    place === null ? '' : ` (${place.origin}${place.line === 0 ? '' : `, line ${place.line}`}: ${place.text})`
  const text = expected ? message + where : String(stack ?? error)
  log.warning(text)
  if (settings.logfile !== '') terminal.printError(`${text}\n`)
  return 1
}

/** Server as main() wants it. Loaded here and not above, so that --version and a bad file answer at once. */
async function startServer(configuration: Configuration, log: Log): Promise<RunningServer> {
  const { Server } = await import('./server/server.ts')
  const events = new EventEmitter()
  const closed = once(events, 'stopped').then(() => undefined)
  const stopped = (): void => void events.emit('stopped')
  const failed = (error: Error): void => void events.emit('error', error)
  const server = new Server({ configuration, log, onStopped: stopped, onFailed: failed })
  await server.listen({ ownProcess: true })
  // It can be told to stop while it loads, too.
  const served = server.load().then(() => closed)
  return {
    shutdown: (signal) => server.shutdown(signal),
    crashReport: (error) => server.crashReport(error),
    reload: () => server.reload(),
    get loading(): boolean {
      return server.loading
    },
    closed: served,
  }
}

/** Whether this file is the program and not imported; npm's bin entry is a symbolic link to it. */
function isProgram(): boolean {
  const program = process.argv[1]
  try {
    return program !== undefined && realpathSync(program) === fileURLToPath(import.meta.url)
  } catch {
    return false
  }
}

if (isProgram()) {
  inlineDeeply()
  lowerBackgroundThreads()
  // A reader that goes away (`respite | head`) must not end the server.
  process.stdout.on('error', () => {})
  // Not process.exit(): it would cut off output still on its way to a pipe.
  process.exitCode = await main(process.argv.slice(2), processTerminal(), startServer)
}
