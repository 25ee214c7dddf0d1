/**
 * The programs beside the server that `respite NAME …` runs: each says what it is called with, and gives its exit
 * code. Loaded one by one when they are asked for.
 */

import { type CommandLine, parseCommandLine } from '../config/command-line.ts'
import { ConfigError } from '../config/config-error.ts'

/** The process as a program sees it. */
export interface ProgramTerminal {
  print(text: string): void
  printError(text: string): void
  readAnswer(): Promise<string>
  /** A variable of the environment; undefined when it is not set. */
  variable(name: string): string | undefined
}

type Program = (words: readonly string[], terminal: ProgramTerminal) => Promise<number>

const PROGRAMS: ReadonlyMap<string, Program> = new Map([
  ['check-rdb', checkRdbFile],
  ['check-aof', checkAofFile],
  ['healthcheck', healthcheck],
  ['status', status],
])

/** The program of this name; undefined when there is none. */
export function findProgram(name: string | undefined): Program | undefined {
  return name === undefined ? undefined : PROGRAMS.get(name)
}

async function checkRdbFile(paths: readonly string[], terminal: ProgramTerminal): Promise<number> {
  if (paths.length !== 1) {
    terminal.printError('Usage: respite check-rdb <rdb-file-name>\n')
    return 1
  }
  const { checkRdb } = await import('../persistence/rdb-check.ts')
  return checkRdb(paths[0], (text) => terminal.print(text))
}

async function checkAofFile(words: readonly string[], terminal: ProgramTerminal): Promise<number> {
  const fix = words.length === 2 && words[0] === '--fix'
  const toTimestamp = words.length === 3 && words[0] === '--truncate-to-timestamp'
  if (words.length !== 1 && !fix && !toTimestamp) {
    terminal.printError(
      'Usage: respite check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n',
    )
    return 1
  }
  const timestamp = toTimestamp ? words[1] : '0'
  if (!/^\s*[+-]?\d{1,15}$/.test(timestamp)) {
    terminal.print('Invalid timestamp, aborting...\n')
    return 1
  }
  const { checkAof } = await import('../persistence/aof-check.ts')
  return checkAof(words[words.length - 1], {
    fix,
    timestamp: Number(timestamp),
    print: (text) => terminal.print(text),
    confirm: async () => /^y/i.test(await terminal.readAnswer()),
  })
}

/** 0 when a server would start on what is on disk, 1 when it would not. Arguments are the server's own. */
async function status(words: readonly string[], terminal: ProgramTerminal): Promise<number> {
  const { diskStatus } = await import('./status.ts')
  let commandLine: CommandLine
  try {
    commandLine = parseCommandLine(words)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    terminal.printError(
      `${error.message}\nUsage: respite status [/path/to/redis.conf] [--directive value ...]\n`,
    )
    return 1
  }
  const { configFile, directives } = commandLine
  const { lines, good } = diskStatus({ file: configFile, standardInput: null, directives })
  for (const line of lines) terminal.print(`${line}\n`)
  return good ? 0 : 1
}

/** 0 when the server at the URL serves clients, 1 when it does not (yet) or can't be asked. */
async function healthcheck(words: readonly string[], terminal: ProgramTerminal): Promise<number> {
  const { checkHealth } = await import('./health-check.ts')
  const url = words[0] ?? terminal.variable('RESPITE_URL') ?? 'redis://127.0.0.1:6379'
  if (words.length > 1 || url.startsWith('-')) {
    terminal.printError(
      'Usage: respite healthcheck [redis://[user:password@]host:port | rediss://… | unix:///path/to.sock]\n' +
        'Without a URL it asks $RESPITE_URL or redis://127.0.0.1:6379; the password may be in $REDISCLI_AUTH.\n' +
        'Exit code 0: the server serves clients; 1: it does not, or not yet.\n',
    )
    return 1
  }
  const trouble = await checkHealth(url, terminal.variable('REDISCLI_AUTH'))
  if (trouble === null) terminal.print('ready\n')
  else terminal.printError(`not ready: ${trouble}\n`)
  return trouble === null ? 0 : 1
}
