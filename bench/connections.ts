/**
 * Many connections, beside another server: memory of an idle one, throughput of 200 active ones beside 10 000 idle ones,
 * and what a minute of connecting, asking once and closing leaves behind. Run alone, after a build, and with room for
 * descriptors: `ulimit -n 30000; npx tsx bench/connections.ts [--section idle,active,churn] [--idle N] [--active N]
 * [--runs N] [--alternations N] [--churn SECONDS] [--rest SECONDS] [--against PATH] [--subject PATH] [--save]`. It takes
 * some eight minutes; two and a half with `--rest 5 --churn 15 --alternations 1`, whose memory figures say less. With
 * --save the results are kept in results/.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { asProgram } from './as-program.ts'
import { type Contestant, type Program, programAt, settle, startContestant, versionOf } from './contestant.ts'
import { type IdleConnections, openIdle } from './idle-connections.ts'
import { loadGenerator, machineLine } from './machine.ts'
import { Progress } from './progress.ts'
import { requestsPerSecond } from './redis-benchmark.ts'
import { median, pairedRatio, spread } from './statistics.ts'
import { ratio, short, table, verdict } from './table.ts'

const SECTIONS = ['idle', 'active', 'churn'] as const

const IDLE_GOAL_BYTES = 10_240
const KEYS = 100_000
const CHURN_CLIENTS = 50
/** Churn before the one that is measured, so that V8 has compiled what it compiles. */
const WARM_UP_SECONDS = 5
/** V8 gives the young generation back when it has been idle for a while, which is not the same each time. */
const BACK_WITHIN_MS = 120_000
/** What may stay after the churn: noise of a collection and of the allocator. */
const HEAP_LEFT_BYTES = 1e6
const RSS_LEFT_BYTES = 4e6

const WORKS = [
  { name: 'GET', depth: 1, requests: 100_000 },
  { name: 'SET', depth: 1, requests: 100_000 },
  { name: 'GET', depth: 16, requests: 600_000 },
  { name: 'SET', depth: 16, requests: 600_000 },
] as const
type Work = (typeof WORKS)[number]

interface Options {
  programs: [Program, Program]
  idle: number
  active: number
  runs: number
  alternations: number
  churnSeconds: number
  sections: readonly string[]
  /**
   * Before memory is read. Half a minute is what V8 takes to shrink the young generation that a storm of connections has
   * made it grow; Redis's cron takes some seconds to shrink their buffers.
   */
  restMs: number
}

/** The first of each pair is the subject's. */
type Pair<Value> = [Value, Value]

interface WorkRow {
  work: Work
  /** Requests a second of each run. */
  rates: Pair<number[]>
}

/** What a server holds at one moment. */
interface Holdings {
  heapBytes: number
  rssBytes: number
  descriptors: number
  clients: number
}

interface Churn {
  connections: number
  seconds: number
  before: Holdings
  after: Holdings
  /** From the last connection to `after`. */
  restedMs: number
}

interface Results {
  /** Growth of RSS by an idle connection, bytes, of each run. */
  idleBytes: Pair<number[]>
  works: WorkRow[]
  /** Of each program. */
  churn: Churn[]
}

async function bench(options: Options): Promise<Results> {
  const { programs, idle, active, runs, sections, churnSeconds } = options
  const progress = new Progress(2 * runs + WORKS.length + 2)
  const results: Results = { idleBytes: [[], []], works: [], churn: [] }
  for (let run = 0; sections.includes('idle') && run < runs; run++) {
    for (const side of [0, 1] as const) {
      progress.begin(`${idle} idle connections, ${programs[side].label}`)
      const bytes = await within(options, programs[side], (server) => bytesOfIdle(server, options))
      results.idleBytes[side].push(bytes)
    }
  }
  if (sections.includes('active')) {
    results.works = await beside(options, (work) =>
      progress.begin(`${work.name} depth ${work.depth}, ${active} clients beside ${idle} idle ones`),
    )
  }
  for (const program of sections.includes('churn') ? programs : []) {
    progress.begin(`${churnSeconds} s of churn, ${program.label}`)
    results.churn.push(await within(options, program, (server) => churn(server, options)))
  }
  progress.clear()
  return results
}

function start(program: Program, { idle, active }: Options): Promise<Contestant> {
  return startContestant(program, ['--maxclients', `${idle + active + 100}`])
}

async function within<Result>(
  options: Options,
  program: Program,
  work: (contestant: Contestant) => Promise<Result>,
): Promise<Result> {
  const contestant = await start(program, options)
  try {
    return await work(contestant)
  } finally {
    await contestant.stop()
  }
}

async function bytesOfIdle(contestant: Contestant, { idle, restMs }: Options): Promise<number> {
  // As many commands and a few connections first: what a process takes once to get going is not a connection's.
  await requestsPerSecond(contestant.port, ['-c', '50', '-n', '200000', '-P', '16', '-t', 'ping_mbulk'])
  const before = await held(contestant, restMs)
  const connections = await openIdle(contestant.port, idle)
  const after = await held(contestant, restMs)
  await connections.close()
  return (after.rssBytes - before.rssBytes) / idle
}

/** Runs the works on both servers in turn, each with its idle connections all the while. */
async function beside(options: Options, begin: (work: Work) => void): Promise<WorkRow[]> {
  const { programs, active, alternations, idle } = options
  const pair: Contestant[] = []
  const held: IdleConnections[] = []
  try {
    for (const program of programs) {
      const contestant = await start(program, options)
      pair.push(contestant)
      held.push(await openIdle(contestant.port, idle))
    }
    const rows: WorkRow[] = []
    for (const work of WORKS) {
      begin(work)
      const rates: Pair<number[]> = [[], []]
      for (const { port } of pair) await requestsPerSecond(port, benchmark(work, active, work.requests / 4))
      for (let i = 0; i < alternations; i++) {
        for (const side of [0, 1] as const) {
          await settle(pair[side])
          rates[side].push(await requestsPerSecond(pair[side].port, benchmark(work, active, work.requests)))
        }
      }
      rows.push({ work, rates })
    }
    return rows
  } finally {
    for (const connections of held) await connections.close()
    for (const contestant of pair) await contestant.stop()
  }
}

function benchmark({ name, depth }: Work, clients: number, requests: number): string[] {
  const shape = ['-c', `${clients}`, '-n', `${requests}`, '-P', `${depth}`, '-r', `${KEYS}`, '-d', '32']
  return [...shape, '-t', name.toLowerCase()]
}

/** Connects, asks once and closes for so long, several times a millisecond. */
async function churn(contestant: Contestant, { churnSeconds, restMs }: Options): Promise<Churn> {
  await churnFor(contestant.port, WARM_UP_SECONDS)
  const before = await held(contestant, restMs)
  const begun = performance.now()
  const connections = await churnFor(contestant.port, churnSeconds)
  const taken = (performance.now() - begun) / 1000
  let after = await held(contestant, restMs)
  let restedMs = restMs
  for (; !isBack(before, after) && restedMs < BACK_WITHIN_MS; restedMs += restMs) {
    after = await held(contestant, restMs)
  }
  return { connections, seconds: taken, before, after, restedMs }
}

/** Nothing of the connections has stayed. */
function isBack(before: Holdings, after: Holdings): boolean {
  return (
    after.descriptors <= before.descriptors &&
    after.clients <= before.clients &&
    !(after.heapBytes - before.heapBytes > HEAP_LEFT_BYTES) &&
    after.rssBytes - before.rssBytes <= RSS_LEFT_BYTES
  )
}

/** Resolves to the number of connections. */
async function churnFor(port: number, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000
  let connections = 0
  let count = 5_000
  while (performance.now() < until) {
    // Without keep-alive each request has a connection of its own.
    const shape = `-k 0 -c ${CHURN_CLIENTS} -n ${count} -t ping_mbulk`
    const rate = await requestsPerSecond(port, shape.split(' '))
    connections += count
    count = Math.ceil(Math.max(1000, Math.min(rate, (rate * (until - performance.now())) / 1000)))
  }
  return connections
}

async function held(contestant: Contestant, restMs: number): Promise<Holdings> {
  await settle(contestant)
  await sleep(restMs)
  await contestant.control.send('MEMORY', 'PURGE')
  await settle(contestant)
  const info = await contestant.control.info()
  return {
    heapBytes: Number(info.get('js_heap_used_bytes')),
    rssBytes: (await contestant.usage()).rssBytes,
    descriptors: descriptorsOf(contestant.pid),
    clients: Number(info.get('connected_clients')),
  }
}

/** NaN where there is no /proc. */
function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return Number.NaN
  }
}

function markdown(options: Options, results: Results): string {
  const { programs, idle, active, alternations, runs, restMs } = options
  const labels = programs.map(({ label }) => label)
  const [ours, theirs] = results.idleBytes
  const goals = verdict('≤', IDLE_GOAL_BYTES, median(ours))
  const idleRow = [`RSS of an idle connection, B`, short(median(ours)), short(median(theirs)), goals]
  const workRows = results.works.map(({ work, rates }) => [
    `${work.name}, depth ${work.depth}`,
    ...rates.map((of) => short(spread(of).median)),
    ratio(pairedRatio(...rates)),
  ])
  return [
    `# ${idle} idle and ${active} active connections`,
    '',
    machineLine(),
    `- ${programs.map(versionOf).join(' / ')}; ${loadGenerator()}`,
    `- memory: growth of RSS from no connection to ${idle} that have each had one answer, ${restMs / 1000} s later; medians of ${runs} fresh servers`,
    `- throughput: redis-benchmark with ${active} clients while ${idle} others are idle; ${alternations} alternations, ratio with least and greatest`,
    '',
    ...(ours.length === 0 ? [] : [table(['', ...labels, 'goal'], [idleRow]), '']),
    ...(workRows.length === 0 ? [] : [table(['requests a second', ...labels, 'ratio'], workRows), '']),
    ...(results.churn.length === 0 ? [] : churnPart(results.churn, options)),
  ].join('\n')
}

function churnPart(churns: readonly Churn[], { programs, restMs }: Options): string[] {
  return [
    '## Churn: connect, PING, close',
    '',
    `Before is read ${restMs / 1000} s after ${WARM_UP_SECONDS} s of churn; after, when it is back to that, or two minutes later.`,
    '',
    ...churns.map((one, side) => `${churnText(one, programs[side].label)}\n`),
  ]
}

function megabytes(bytes: number): string {
  return Number.isNaN(bytes) ? '–' : (bytes / 1e6).toFixed(1)
}

function holdingsRow(title: string, one: Holdings): string[] {
  return [title, megabytes(one.heapBytes), megabytes(one.rssBytes), `${one.descriptors}`, `${one.clients}`]
}

function churnText({ connections, seconds, before, after, restedMs }: Churn, label: string): string {
  const perMs = connections / seconds / 1000
  return [
    `${label}: ${short(connections)} connections in ${seconds.toFixed(0)} s, ${perMs.toFixed(1)} a millisecond; ${isBack(before, after) ? 'back to start' : 'NOT back to start'} ${restedMs / 1000} s later.`,
    '',
    table(
      ['', 'JS heap, MB', 'RSS, MB', 'descriptors', 'clients'],
      [holdingsRow('before', before), holdingsRow('after', after)],
    ),
  ].join('\n')
}

await asProgram(async () => {
  const { values } = parseArgs({
    options: {
      idle: { type: 'string', default: '10000' },
      active: { type: 'string', default: '200' },
      runs: { type: 'string', default: '1' },
      alternations: { type: 'string', default: '3' },
      churn: { type: 'string', default: '60' },
      rest: { type: 'string', default: '30' },
      section: { type: 'string', default: SECTIONS.join(',') },
      save: { type: 'boolean', default: false },
      subject: { type: 'string', default: 'dist/cli.js' },
      against: { type: 'string', default: 'redis-server' },
    },
  })
  const options: Options = {
    programs: [programAt(values.subject), programAt(values.against)],
    idle: Number(values.idle),
    active: Number(values.active),
    runs: Number(values.runs),
    alternations: Number(values.alternations),
    churnSeconds: Number(values.churn),
    sections: values.section.split(','),
    restMs: Number(values.rest) * 1000,
  }
  const text = markdown(options, await bench(options))
  process.stdout.write(text)
  if (values.save) writeFileSync(new URL('results/connections.md', import.meta.url), text)
})
