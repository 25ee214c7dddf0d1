/** The bench's command line, from words to options. Reads nothing else. */
import { parseArgs } from 'node:util'
import { PARTS, type PartName } from './comparison.ts'
import { COMMANDS, type CommandName } from './workloads.ts'

export const SECTIONS = ['throughput', 'memory', 'load'] as const
export type SectionName = (typeof SECTIONS)[number]

export interface BenchOptions {
  quick: boolean
  sections: SectionName[]
  only: CommandName[]
  depths: number[]
  keys: number[]
  sizes: number[]
  alternations: number
  /** Requests of each run; undefined: chosen for each workload. */
  requests: number | undefined
  /** Keys of the big load, and of the memory measurements. */
  loadKeys: number
  memoryItems: number
  memoryRuns: number
  /** The server measured, and the one it is measured against. */
  subject: string
  against: string
  /** Write bench/results; the plain full run does, any other only when asked. */
  save: boolean
  /** Measure what the report shows and write it, instead of the sections. */
  report: boolean
  /** Write the report from this file, without measuring. */
  reportFrom: string | undefined
  parts: PartName[]
  /** Directory for the report. */
  out: string
}

export const USAGE = `npm run bench -- [options]
  --quick                fewer cases, keys and alternations: under two minutes
  --section NAMES        of ${SECTIONS.join(',')} (all)
  --only NAMES           of ${COMMANDS.join(',')} (all)
  --depth N,N            pipeline depths (1,16,64)
  --keys N,N             numbers of random keys (100000,1000000)
  --size N,N             value sizes in bytes (32,1024)
  --alternations N       timed runs of each server for each case (5)
  --requests N           requests of each timed run (chosen for each case)
  --load-keys N          keys of the big load (10000000)
  --against PATH         the other server: a program, or the cli.js of another build (redis-server)
  --subject PATH         the server measured (dist/cli.js)
  --save                 write bench/results (the run without options always does)
  --report               instead: figures of the main properties, as report.html, its SVGs and report.json
                         (some ten minutes; with --quick under two)
  --parts NAMES          of the report: of ${PARTS.join(',')} (all)
  --report-from FILE     the report from an earlier report.json, without measuring
  --out DIR              where the report goes (bench/results)
  --help`

const FLAGS = {
  quick: { type: 'boolean', default: false },
  section: { type: 'string' },
  only: { type: 'string' },
  depth: { type: 'string' },
  keys: { type: 'string' },
  size: { type: 'string' },
  alternations: { type: 'string' },
  requests: { type: 'string' },
  'load-keys': { type: 'string' },
  against: { type: 'string', default: 'redis-server' },
  subject: { type: 'string', default: 'dist/cli.js' },
  save: { type: 'boolean', default: false },
  report: { type: 'boolean', default: false },
  'report-from': { type: 'string' },
  parts: { type: 'string' },
  out: { type: 'string', default: 'bench/results' },
  help: { type: 'boolean', default: false },
} as const

/** The options `words` ask for, or undefined for --help; throws with a line to show for anything unclear. */
export function parseArguments(words: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({ args: [...words], options: FLAGS, allowPositionals: false })
  if (values.help) return undefined
  const quick = values.quick
  return {
    quick,
    sections: names('--section', values.section, SECTIONS),
    only: commandNames(values.only),
    depths: numbers('--depth', values.depth, [1, 16, 64]),
    keys: numbers('--keys', values.keys, quick ? [100_000] : [100_000, 1_000_000]),
    sizes: numbers('--size', values.size, quick ? [32] : [32, 1024]),
    alternations: number('--alternations', values.alternations) ?? (quick ? 3 : 5),
    requests: number('--requests', values.requests),
    loadKeys: number('--load-keys', values['load-keys']) ?? (quick ? 2_000_000 : 10_000_000),
    memoryItems: 1_000_000,
    memoryRuns: quick ? 1 : 3,
    subject: values.subject,
    against: values.against,
    save: values.save || words.length === 0,
    report: values.report,
    reportFrom: values['report-from'],
    parts: names('--parts', values.parts, PARTS),
    out: values.out,
  }
}

/** The command as it can be repeated, without the directories of this machine. */
export function repeatableCommand(words: readonly string[]): string {
  const shown = words.map((word) => (word.includes('/') ? word.replace(/[^=]*\//, '') : word))
  return ['npm run bench', ...(shown.length > 0 ? ['--', ...shown] : [])].join(' ')
}

/** As `names`, but `lrange` is short for `lrange_100`. */
function commandNames(text: string | undefined): CommandName[] {
  const full = text?.split(',').map((name) => (name.toLowerCase() === 'lrange' ? 'lrange_100' : name))
  return names('--only', full?.join(','), COMMANDS)
}

function names<Name extends string>(flag: string, text: string | undefined, all: readonly Name[]): Name[] {
  if (text === undefined) return [...all]
  return text.split(',').map((word) => {
    const known = all.find((name) => name === word.toLowerCase())
    if (known === undefined) throw new Error(`${flag}: '${word}' is not one of ${all.join(', ')}`)
    return known
  })
}

function numbers(flag: string, text: string | undefined, otherwise: number[]): number[] {
  if (text === undefined) return otherwise
  return text.split(',').map((word) => number(flag, word) as number)
}

function number(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${flag}: '${text}' is not a positive integer`)
  return value
}
