/** The side-by-side runs: the same redis-benchmark work on every server in turn, A B A B, one at a time. */
import { type Contestant, type Program, settle, startContestant } from './contestant.ts'
import { readCpuMicros } from './process-usage.ts'
import type { Progress } from './progress.ts'
import { requestsPerSecond } from './redis-benchmark.ts'
import { pairedRatio, type Spread, spread } from './statistics.ts'
import { benchmarkArguments, nameOf, prepare, readsOnly, sameDataset, type Workload } from './workloads.ts'

/** What one workload showed. The first of each pair is ours, the second theirs; ratios are ours to theirs. */
export interface ThroughputRow {
  work: Workload
  requestsPerSecond: [Spread, Spread]
  /** Microseconds of server CPU per command, user and system. */
  cpuMicros: [Spread, Spread]
  throughputRatio: Spread
  cpuRatio: Spread
}

/** Every timed run of one workload: a list for each server, in the order of the runs, so that they pair up. */
export interface WorkRuns {
  work: Workload
  requestsPerSecond: number[][]
  cpuMicros: number[][]
}

/** How often and with what each workload is run. */
export interface TurnOptions {
  alternations: number
  /** Settings of all servers beside the bench's own. */
  settings?: readonly string[]
  /** If given, a run has only as many of its requests as the slowest server answers in so many seconds. */
  seconds?: number
}

interface Run {
  rps: number
  cpuMicros: number
}

/** So much of a run before the timed ones, so that no server is measured cold; all of it on servers that just started. */
const WARM_UP_SHARE = 0.25

/** Runs all `works` on a fresh pair of servers, started with `settings`, and resolves to one row for each. */
export async function measureThroughput(
  programs: [Program, Program],
  works: readonly Workload[],
  alternations: number,
  progress: Progress,
  settings: readonly string[] = [],
): Promise<ThroughputRow[]> {
  return (await runInTurn(programs, works, { alternations, settings }, progress)).map(rowOf)
}

/** Runs all `works` on a fresh server of each program, one server after the other, again and again. */
export async function runInTurn(
  programs: readonly Program[],
  works: readonly Workload[],
  options: TurnOptions,
  progress: Progress,
): Promise<WorkRuns[]> {
  const contestants: Contestant[] = []
  try {
    for (const program of programs) contestants.push(await startContestant(program, options.settings))
    const rows: WorkRuns[] = []
    let loaded: Workload | undefined
    for (const work of works) {
      progress.begin(titleOf(work))
      if (readsOnly(work) && !(loaded !== undefined && sameDataset(loaded, work))) {
        for (const contestant of contestants) await reload(contestant, work, work.requests)
        loaded = work
      } else if (!readsOnly(work)) {
        loaded = undefined
      }
      const warmUp = rows.length === 0 ? 1 : WARM_UP_SHARE
      rows.push(await alternate(contestants, work, Math.ceil(work.requests * warmUp), options))
    }
    return rows
  } finally {
    for (const contestant of contestants) await contestant.stop()
  }
}

/** `work` in a few words, for the progress bar. */
export function titleOf(work: Workload): string {
  const keys = work.keys > 0 ? `, ${work.keys} keys` : ''
  const size = work.valueBytes > 0 ? `, ${work.valueBytes} B` : ''
  return `${nameOf(work)} depth ${work.depth}${keys}${size}`
}

async function alternate(
  contestants: readonly Contestant[],
  work: Workload,
  warmUp: number,
  { alternations, seconds }: TurnOptions,
): Promise<WorkRuns> {
  const runs: Run[][] = contestants.map(() => [])
  let slowest = Number.POSITIVE_INFINITY
  for (const contestant of contestants) {
    slowest = Math.min(slowest, (await timedRun(contestant, work, warmUp)).rps)
  }
  const requests =
    seconds === undefined ? work.requests : Math.min(work.requests, Math.ceil(slowest * seconds))
  for (let i = 0; i < alternations; i++) {
    for (const [server, contestant] of contestants.entries()) {
      runs[server].push(await timedRun(contestant, work, requests))
    }
  }
  return {
    work: { ...work, requests },
    requestsPerSecond: runs.map((of) => of.map((run) => run.rps)),
    cpuMicros: runs.map((of) => of.map((run) => run.cpuMicros)),
  }
}

function rowOf({ work, requestsPerSecond, cpuMicros }: WorkRuns): ThroughputRow {
  const [ourRps, theirRps] = requestsPerSecond
  const [ourCpu, theirCpu] = cpuMicros
  return {
    work,
    requestsPerSecond: [spread(ourRps), spread(theirRps)],
    cpuMicros: [spread(ourCpu), spread(theirCpu)],
    throughputRatio: pairedRatio(ourRps, theirRps),
    cpuRatio: pairedRatio(ourCpu, theirCpu),
  }
}

async function timedRun(contestant: Contestant, work: Workload, requests: number): Promise<Run> {
  if (readsOnly(work)) await settle(contestant)
  else await reload(contestant, work, requests)
  const before = await cpuMicrosOf(contestant)
  const rps = await requestsPerSecond(contestant.port, benchmarkArguments(work, requests))
  const after = await cpuMicrosOf(contestant)
  return { rps, cpuMicros: (after - before) / requests }
}

async function cpuMicrosOf(contestant: Contestant): Promise<number> {
  return readCpuMicros(contestant.pid) ?? (await contestant.usage()).cpuMicros
}

async function reload(contestant: Contestant, work: Workload, requests: number): Promise<void> {
  await contestant.control.send('FLUSHALL')
  await prepare(contestant.port, work, requests)
  await settle(contestant)
}
