/** The side-by-side runs: the same redis-benchmark work on both servers in turn, A B A B, one at a time. */
import { type Contestant, type Program, settle, startContestant } from './contestant.ts'
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

interface Run {
  rps: number
  cpuMicros: number
}

/** A quarter of a run before the timed ones, so that neither server is measured cold. */
const WARM_UP_SHARE = 0.25

/** Runs all `works` on a fresh pair of servers, started with `settings`, and resolves to one row for each. */
export async function measureThroughput(
  programs: [Program, Program],
  works: readonly Workload[],
  alternations: number,
  progress: Progress,
  settings: readonly string[] = [],
): Promise<ThroughputRow[]> {
  const pair: Contestant[] = []
  try {
    for (const program of programs) pair.push(await startContestant(program, settings))
    const rows: ThroughputRow[] = []
    let loaded: Workload | undefined
    for (const work of works) {
      progress.begin(titleOf(work))
      if (readsOnly(work) && !(loaded !== undefined && sameDataset(loaded, work))) {
        for (const contestant of pair) await reload(contestant, work, work.requests)
        loaded = work
      } else if (!readsOnly(work)) {
        loaded = undefined
      }
      rows.push(await alternate(pair as [Contestant, Contestant], work, alternations))
    }
    return rows
  } finally {
    for (const contestant of pair) await contestant.stop()
  }
}

/** `work` in a few words, for the progress bar. */
export function titleOf(work: Workload): string {
  const keys = work.keys > 0 ? `, ${work.keys} keys` : ''
  const size = work.valueBytes > 0 ? `, ${work.valueBytes} B` : ''
  return `${nameOf(work)} depth ${work.depth}${keys}${size}`
}

async function alternate(
  pair: [Contestant, Contestant],
  work: Workload,
  alternations: number,
): Promise<ThroughputRow> {
  const runs: [Run[], Run[]] = [[], []]
  const warmUp = Math.max(1, Math.round(work.requests * WARM_UP_SHARE))
  for (const contestant of pair) await timedRun(contestant, work, warmUp)
  for (let i = 0; i < alternations; i++) {
    runs[0].push(await timedRun(pair[0], work, work.requests))
    runs[1].push(await timedRun(pair[1], work, work.requests))
  }
  const [rps, cpu] = [
    runs.map((of) => of.map((run) => run.rps)),
    runs.map((of) => of.map((run) => run.cpuMicros)),
  ]
  const [ourRps, theirRps] = rps as [number[], number[]]
  const [ourCpu, theirCpu] = cpu as [number[], number[]]
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
  const before = await contestant.usage()
  const rps = await requestsPerSecond(contestant.port, benchmarkArguments(work, requests))
  const after = await contestant.usage()
  return { rps, cpuMicros: (after.cpuMicros - before.cpuMicros) / requests }
}

async function reload(contestant: Contestant, work: Workload, requests: number): Promise<void> {
  await contestant.control.send('FLUSHALL')
  await prepare(contestant.port, work, requests)
  await settle(contestant)
}
