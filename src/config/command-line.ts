/** Reads the arguments of `respite` with redis-server's syntax. It carries nothing out (see cli.ts). */
import { ConfigError, UNKNOWN_DIRECTIVE } from './config-error.ts'
import { splitArguments } from './split-args.ts'

/** One `--directive value …`: the directive and its values, and how it was written. */
export interface CommandLineDirective {
  readonly words: readonly string[]
  readonly text: string
}

export interface CommandLine {
  readonly action: 'run' | 'check-config' | 'version' | 'help'
  /** Null where none was named. */
  readonly configFile: string | null
  /** Whether `-` asked for more configuration from standard input, read after the file. */
  readonly standardInput: boolean
  /** Read last, in this order. */
  readonly directives: readonly CommandLineDirective[]
}

/** Modes of redis-server that need a program of their own. */
const OTHER_MODES: ReadonlySet<string> = new Set([
  '--sentinel',
  '--test-memory',
  '--check-system',
  '--check-rdb',
  '--check-aof',
])

const CHECK_CONFIG = '--check-config'
const ORIGIN = 'the command line'

function refuse(text: string, reason: string): ConfigError {
  return new ConfigError(reason, { origin: ORIGIN, line: 0, text })
}

/** `argv` without the program's name. Throws ConfigError. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const first = argv[0] ?? ''
  const nothing = { configFile: null, standardInput: false, directives: [] }
  if (first === '-v' || first === '--version') return { action: 'version', ...nothing }
  if (first === '-h' || first === '--help') return { action: 'help', ...nothing }

  let action: CommandLine['action'] = first.toLowerCase() === CHECK_CONFIG ? 'check-config' : 'run'
  const start = action === 'run' ? 0 : 1
  const file = argv[start] ?? ''
  const configFile = file !== '' && !file.startsWith('-') ? file : null
  const directives: CommandLineDirective[] = []
  let standardInput = false
  const firstOption = configFile === null ? start : start + 1
  let index = firstOption
  while (index < argv.length) {
    const argument = argv[index]
    if (argument === '-' && (index === firstOption || index === argv.length - 1)) {
      standardInput = true
      index++
    } else if (argument.toLowerCase() === CHECK_CONFIG) {
      action = 'check-config'
      index++
    } else {
      const end = directiveEnd(argv, index)
      directives.push(directiveOf(argv.slice(index, end)))
      index = end
    }
  }
  return { action, configFile, standardInput, directives }
}

/**
 * Where the directive at `index` ends: before the next `--…`. Its first value may itself begin with `--`
 * (`--requirepass --x`), except after `--save`, which then means no save points, and after a directive
 * written with its value in one argument (`'--port 7000'`).
 */
function directiveEnd(argv: readonly string[], index: number): number {
  const name = argv[index]
  let end = index + 1
  if (isDirective(name) && !/\s/.test(name.trim()) && name.toLowerCase() !== '--save') end++
  while (end < argv.length && !isDirective(argv[end])) {
    if (argv[end] === '-' && end === argv.length - 1) break
    end++
  }
  return Math.min(end, argv.length)
}

const isDirective = (argument: string): boolean => argument.startsWith('--')

function directiveOf(argv: readonly string[]): CommandLineDirective {
  const [given = '', ...values] = argv
  const text = argv
    .map((argument) => (/^[\w./:=*-]+$/.test(argument) ? argument : JSON.stringify(argument)))
    .join(' ')
  if (OTHER_MODES.has(given.toLowerCase())) throw refuse(text, `${given} is not supported`)
  if (!isDirective(given)) throw refuse(text, UNKNOWN_DIRECTIVE)
  if (given.includes('=') && !/\s/.test(given)) {
    const [name] = given.split('=', 1)
    throw refuse(text, `${UNKNOWN_DIRECTIVE} (write '${name} <value>')`)
  }
  const words = splitArguments(Buffer.from(given.slice(2)))
  if (words === null) throw refuse(text, 'Unbalanced quotes in configuration line')
  const all = [...words.map(String), ...values]
  // `--save` alone clears the save points; so does `--save ''`, which arrives as one empty value.
  if (all.length === 1 && all[0]?.toLowerCase() === 'save') all.push('')
  if (all.length === 0) throw refuse(text, UNKNOWN_DIRECTIVE)
  return { words: all, text }
}
