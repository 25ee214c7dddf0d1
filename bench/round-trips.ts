/**
 * A client that waits for each reply before it goes on, as `await redis.get(…)` does: our server as it comes, without
 * idle-poll-time-us, and another server. Run alone, after a build:
 * `npx tsx bench/round-trips.ts [--quick] [--against PATH] [--subject PATH] [--save]`.
 *
 * The client is ioredis in this process. Between a reply and the next request it takes some 10 µs; the pauses that
 * further cases make are random, exponentially distributed, and pass in a busy loop, as a program's own work would.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { asProgram } from './as-program.ts'
import { type Contestant, type Program, programAt, settle, startContestant, versionOf } from './contestant.ts'
import { machineLine } from './machine.ts'
import { Progress } from './progress.ts'
import { median, pairedRatio, percentile } from './statistics.ts'
import { ratio, table } from './table.ts'

const KEYS = 1000
const VALUE = 'x'.repeat(32)
const RUN_MS = 2000
const RESULTS = new URL('results/round-trips.md', import.meta.url)
/** Pauses between a reply and the next request, microseconds in the mean, and what a row calls them. */
const CASES: readonly { readonly title: string; readonly pause: number }[] = [
  { title: 'at once', pause: 0 },
  { title: 'after 20 µs', pause: 20 },
  { title: 'after 100 µs', pause: 100 },
  { title: 'after 1 ms', pause: 1000 },
  { title: 'after 10 ms', pause: 10_000 },
]

/** Microseconds each. */
interface Run {
  readonly call: number
  readonly call99: number
  readonly serverCpu: number
  /** Of the server, percent of one core. */
  readonly busy: number
}

/** Passes `micros` as a program that works would; only long ones are slept through in part. */
async function pass(micros: number): Promise<void> {
  const until = performance.now() + micros / 1000
  if (micros > 3000) await sleep(micros / 1000 - 2)
  while (performance.now() < until);
}

async function timedRun(contestant: Contestant, pause: number, milliseconds: number): Promise<Run> {
  const redis = new Redis(contestant.port, '127.0.0.1')
  try {
    for (let i = 0; i < KEYS; i++) await redis.set(`key:${i}`, VALUE)
    await settle(contestant)
    const before = await contestant.usage()
    const calls: number[] = []
    const began = performance.now()
    while (performance.now() - began < milliseconds) {
      if (pause > 0) await pass(-Math.log(1 - Math.random()) * pause)
      const key = `key:${calls.length % KEYS}`
      const sent = performance.now()
      if (calls.length % 2 === 0) await redis.get(key)
      else await redis.set(key, VALUE)
      calls.push((performance.now() - sent) * 1000)
    }
    const seconds = (performance.now() - began) / 1000
    const cpuMicros = (await contestant.usage()).cpuMicros - before.cpuMicros
    return {
      call: median(calls),
      call99: percentile(calls, 0.99),
      serverCpu: cpuMicros / calls.length,
      busy: cpuMicros / seconds / 1e4,
    }
  } finally {
    redis.disconnect()
  }
}

/** The median over the runs of each contestant, beside one another. */
function figures(runs: readonly Run[][], of: (run: Run) => number): string {
  return runs.map((each) => median(each.map(of)).toFixed(0)).join(' / ')
}

function row(title: string, runs: readonly Run[][]): string[] {
  const speed = runs.map((each) => each.map((run) => 1 / run.call))
  return [
    title,
    figures(runs, (run) => run.call),
    ratio(pairedRatio(speed[0], speed[2])),
    figures(runs, (run) => run.call99),
    figures(runs, (run) => run.serverCpu),
    figures(runs, (run) => run.busy),
  ]
}

function contestants(subject: string, against: string): Program[] {
  const ours = programAt(subject)
  const sleeping = { ...ours, label: 'without polling', args: [...ours.args, '--idle-poll-time-us', '0'] }
  return [ours, sleeping, programAt(against)]
}

await asProgram(async () => {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      subject: { type: 'string', default: 'dist/cli.js' },
      against: { type: 'string', default: 'redis-server' },
      save: { type: 'boolean', default: false },
    },
  })
  const programs = contestants(values.subject, values.against)
  const alternations = values.quick ? 2 : 5
  const progress = new Progress(CASES.length)
  const servers: Contestant[] = []
  const rows: string[][] = []
  try {
    for (const program of programs) servers.push(await startContestant(program))
    for (const { title, pause } of CASES) {
      progress.begin(title)
      const runs: Run[][] = servers.map(() => [])
      for (let i = 0; i < alternations; i++) {
        for (const [at, server] of servers.entries()) {
          runs[at].push(await timedRun(server, pause, values.quick ? RUN_MS / 4 : RUN_MS))
        }
      }
      rows.push(row(title, runs))
    }
  } finally {
    for (const server of servers) await server.stop()
  }
  progress.clear()
  const text = [
    '# A client that waits for each reply',
    '',
    machineLine(),
    `- ${versionOf(programs[0])} / the same with --idle-poll-time-us 0 / ${versionOf(programs[2])}; ioredis, GET and SET of 32 bytes in turn`,
    `- medians of ${alternations} alternations; the ratio is the first to the third, with least and greatest`,
    '',
    table(['next request', 'µs a call', 'speed', '99 %, µs', 'server CPU a call, µs', 'server CPU, %'], rows),
    '',
  ].join('\n')
  process.stdout.write(text)
  if (values.save) writeFileSync(RESULTS, text)
})
