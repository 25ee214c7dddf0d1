/** `npm run bench -- --report`: measures, or reads what was measured before, and writes the page, its SVGs and the numbers. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BenchOptions, repeatableCommand } from './arguments.ts'
import { type Comparison, compare, comparisonSteps } from './comparison.ts'
import { type Program, programAt } from './contestant.ts'
import { reportOf } from './page.ts'
import { Progress } from './progress.ts'
import { roundedNumbers } from './report.ts'

/** Does what `options.report` or `options.reportFrom` asks for; resolves to the names of the files written. */
export async function report(options: BenchOptions, words: readonly string[]): Promise<string[]> {
  if (options.reportFrom !== undefined) {
    return writeReport(JSON.parse(readFileSync(options.reportFrom, 'utf8')) as Comparison, options.out)
  }
  const { quick, parts } = options
  const programs = contestants(options)
  const progress = new Progress(comparisonSteps(quick, parts, programs.length))
  const found = await compare(programs, { quick, parts, command: repeatableCommand(words) }, progress)
  progress.clear()
  const json = JSON.stringify(found, roundedNumbers, 1).replaceAll(
    /\n +(?=-?\d|null)|(?<=\d|null)\n +(?=\])/g,
    '',
  )
  mkdirSync(options.out, { recursive: true })
  const file = join(options.out, 'report.json')
  writeFileSync(file, `${json}\n`)
  // From the file, so that a report drawn again is the same.
  return [file, ...writeReport(JSON.parse(json) as Comparison, options.out)]
}

function writeReport(found: Comparison, directory: string): string[] {
  const { html, svgs } = reportOf(found)
  mkdirSync(directory, { recursive: true })
  const files = new Map([['report.html', html]])
  for (const [name, svg] of svgs) files.set(`report-${name}.svg`, svg)
  for (const [name, text] of files) writeFileSync(join(directory, name), text)
  return [...files.keys()].map((name) => join(directory, name))
}

/** Ours, the other, and Valkey where it is installed; each under a name of its own. */
export function contestants({ subject, against }: Pick<BenchOptions, 'subject' | 'against'>): Program[] {
  const paths = [subject, against]
  if (!against.endsWith('valkey-server') && runs('valkey-server')) paths.push('valkey-server')
  const programs = paths.map(programAt)
  for (const [i, program] of programs.entries()) {
    if (programs.findIndex(({ label }) => label === program.label) < i) program.label += ' (other)'
  }
  return programs
}

function runs(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
