/** `npm run bench`: runs the sections asked for on our server and another and prints the tables, or makes the report. */

import { type BenchOptions, parseArguments, repeatableCommand, USAGE } from './arguments.ts'
import { asProgram } from './as-program.ts'
import { LOAD_STEPS, measureLoad } from './big-load.ts'
import { type Program, programAt, versionOf } from './contestant.ts'
import { describeMachine } from './machine.ts'
import { MEMORY_STEPS, measureMemory } from './memory.ts'
import { Progress } from './progress.ts'
import { markdown, type Results, save } from './report.ts'
import { report } from './report-files.ts'
import { measureThroughput } from './throughput.ts'
import { workloads } from './workloads.ts'

const RESULTS = new URL('results/', import.meta.url)

async function bench(options: BenchOptions, words: readonly string[]): Promise<void> {
  const programs = programsOf(options)
  const results: Results = {
    command: repeatableCommand(words),
    machine: describeMachine(),
    servers: [programs[0].label, programs[1].label],
    versions: [versionOf(programs[0]), versionOf(programs[1])],
    alternations: options.alternations,
    goals: options.against === 'redis-server',
    throughput: [],
    memory: [],
    load: [],
  }
  const wants = (section: BenchOptions['sections'][number]) => options.sections.includes(section)
  const works = wants('throughput') ? workloads(options) : []
  const steps = works.length + (wants('memory') ? MEMORY_STEPS : 0) + (wants('load') ? LOAD_STEPS : 0)
  const progress = new Progress(steps)
  if (works.length > 0) {
    results.throughput = await measureThroughput(programs, works, options.alternations, progress)
  }
  if (wants('memory')) {
    results.memory = await measureMemory(programs, options.memoryItems, options.memoryRuns, progress)
  }
  if (wants('load')) results.load = await measureLoad(programs, options.loadKeys, progress)
  progress.clear()
  process.stdout.write(markdown(results))
  if (options.save) save(results, RESULTS)
}

/** The two servers, under names that tell them apart. */
function programsOf(options: BenchOptions): [Program, Program] {
  const subject = programAt(options.subject)
  const against = programAt(options.against)
  if (subject.label === against.label) against.label += ' (other)'
  return [subject, against]
}

await asProgram(async () => {
  const words = process.argv.slice(2)
  const options = parseArguments(words)
  if (options === undefined) process.stdout.write(`${USAGE}\n`)
  else if (options.report || options.reportFrom !== undefined) {
    process.stdout.write(`${(await report(options, words)).join('\n')}\n`)
  } else await bench(options, words)
})
