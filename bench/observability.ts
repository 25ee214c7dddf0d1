/**
 * What observing costs: one build with everything on that may stay on, and looked at every second as a monitoring system
 * does, beside the same build with all of it off. Run alone, after a build:
 * `npx tsx bench/observability.ts [--quick] [--subject PATH] [--alternations N] [--save]`.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { asProgram } from './as-program.ts'
import { freePort, type Program, programAt, versionOf } from './contestant.ts'
import { loadGenerator, machineLine } from './machine.ts'
import { Progress } from './progress.ts'
import { ratio, short, table, verdict } from './table.ts'
import { measureThroughput, type ThroughputRow } from './throughput.ts'
import { nameOf, workloads } from './workloads.ts'

const GOAL = 0.95
const LOOK_MS = 1_000
const KEYS = 100_000
const RESULTS = new URL('results/observability.md', import.meta.url)

/** redis-benchmark runs no command for a millisecond: nothing is recorded, but everything is timed. */
const ON =
  '--latency-tracking yes --latency-monitor-threshold 1 --slowlog-log-slower-than 10000 --slowlog-max-len 1024 --loglevel verbose'
const OFF =
  '--latency-tracking no --latency-monitor-threshold 0 --slowlog-log-slower-than -1 --loglevel warning'

function variant(subject: string, label: string, settings: string): Program {
  const { command, args } = programAt(subject)
  return { label, command, args: [...args, ...settings.split(' ')] }
}

/** Asks for the page again and again until the returned function is called; it gives how many pages there were. */
function startLooking(port: number): () => number {
  let pages = 0
  const look = async (): Promise<void> => {
    try {
      await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      pages++
    } catch {
      // Not up yet, or not any more.
    }
  }
  const timer = setInterval(() => void look(), LOOK_MS)
  return () => {
    clearInterval(timer)
    return pages
  }
}

function cells({ work, requestsPerSecond, cpuMicros, throughputRatio, cpuRatio }: ThroughputRow): string[] {
  return [
    `${nameOf(work)}, depth ${work.depth}`,
    ...requestsPerSecond.map(({ median }) => short(median)),
    ratio(throughputRatio),
    ...cpuMicros.map(({ median }) => median.toFixed(2)),
    ratio(cpuRatio),
    verdict('≥', GOAL, throughputRatio.median),
  ]
}

await asProgram(async () => {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      subject: { type: 'string', default: 'dist/cli.js' },
      alternations: { type: 'string' },
      save: { type: 'boolean', default: false },
    },
  })
  const alternations = Number(values.alternations ?? (values.quick ? 3 : 7))
  const port = await freePort()
  const { subject, quick } = values
  const programs: [Program, Program] = [
    variant(subject, 'on', `${ON} --metrics-port ${port}`),
    variant(subject, 'off', OFF),
  ]
  const works = workloads({
    only: ['set', 'get', 'lpush', 'lrange_100'],
    depths: [1, 16, 64],
    keys: [KEYS],
    sizes: [32],
    requests: undefined,
    quick,
  })
  const progress = new Progress(works.length)
  const stopLooking = startLooking(port)
  const rows = await measureThroughput(programs, works, alternations, progress)
  const pages = stopLooking()
  progress.clear()
  const text = [
    '# What observing costs',
    '',
    machineLine(),
    `- ${versionOf(programAt(subject))} beside itself; ${loadGenerator()}`,
    `- on: \`${ON} --metrics-port\`, whose page was fetched ${pages} times, once a second`,
    `- off: \`${OFF}\``,
    `- medians of ${alternations} alternations, ratios on to off with least and greatest; CPU is the server's, microseconds a command`,
    '',
    table(['', 'on/s', 'off/s', 'throughput', 'on, µs', 'off, µs', 'CPU', 'goal'], rows.map(cells)),
    '',
  ].join('\n')
  process.stdout.write(text)
  if (values.save) writeFileSync(RESULTS, text)
})
