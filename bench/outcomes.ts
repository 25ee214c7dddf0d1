/**
 * Who is ahead in what, by how much, and whether the measurements can tell: every comparison of the first server with
 * another, turned so that above 1 the first is ahead. Says nothing of how it is drawn.
 */
import type { Comparison } from './comparison.ts'
import type { Latency } from './open-loop.ts'
import { pairedRatio, type Spread } from './statistics.ts'
import { short } from './table.ts'
import type { WorkRuns } from './throughput.ts'
import { nameOf } from './workloads.ts'

export type Verdict = 'ahead' | 'behind' | 'even'

export interface Outcome {
  group: string
  what: string
  /** Above 1: the first server is ahead. */
  advantage: Spread
}

/** Ahead or behind only if every single run says so. */
export function verdictOf({ min, max }: Spread): Verdict {
  if (min > 1) return 'ahead'
  return max < 1 ? 'behind' : 'even'
}

/** All comparisons of the first server with server number `other`. */
export function outcomesOf(found: Comparison, other: number): Outcome[] {
  const all: Outcome[] = []
  const add = (group: string, what: string, runs: number[][], more: 'better' | 'worse'): void => {
    const [ours, theirs] = more === 'better' ? [runs[0], runs[other]] : [runs[other], runs[0]]
    all.push({ group, what, advantage: pairedRatio(ours, theirs) })
  }
  for (const row of found.commands ?? []) add('throughput', workTitle(row), row.requestsPerSecond, 'better')
  for (const row of sizesBeyond(found)) add('throughput', workTitle(row), row.requestsPerSecond, 'better')
  for (const row of found.commands ?? []) add('CPU', workTitle(row), row.cpuMicros, 'worse')
  for (const { perSecond, runs } of found.latency ?? []) {
    for (const [name, read] of LATENCIES)
      add('latency', `${name}, ${short(perSecond)}/s`, each(runs, read), 'worse')
  }
  for (const { title, bytesPerItem } of found.memory ?? []) add('bytes', title, bytesPerItem, 'worse')
  if (found.save !== undefined) {
    const { runs } = found.save
    for (const [name, read] of LATENCIES) {
      add(
        'latency in a save',
        name,
        each(runs, (run) => read(run.saving)),
        'worse',
      )
    }
    add(
      'duration of a save',
      `${short(found.save.keys)} keys`,
      each(runs, (run) => run.seconds),
      'worse',
    )
  }
  return all
}

/** The percentiles of latency that are told as figures. */
export const LATENCIES: readonly (readonly [string, (latency: Latency) => number])[] = [
  ['p50', (latency) => latency.p50],
  ['p99', (latency) => latency.p99],
  ['p99.9', (latency) => latency.p999],
  ['max', (latency) => latency.max],
]

/** `runs` of each server, each run as the number that `read` finds in it. */
export function each<Run>(runs: readonly Run[][], read: (run: Run) => number): number[][] {
  return runs.map((of) => of.map(read))
}

/** What was run, in a few words: "GET, depth 16", "SET of 2048 B, depth 16". */
export function workTitle({ work }: WorkRuns): string {
  const size = work.valueBytes === 0 || work.valueBytes === USUAL_BYTES ? '' : ` of ${work.valueBytes} B`
  return `${nameOf(work)}${size}, depth ${work.depth}`
}

/** With values of the usual size the commands are compared already. */
const USUAL_BYTES = 32

function sizesBeyond(found: Comparison): WorkRuns[] {
  return (found.size ?? []).filter(({ work }) => work.valueBytes > USUAL_BYTES)
}
