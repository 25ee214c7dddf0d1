/**
 * One run of everything that the report shows, on any number of servers: every single measurement is kept, in the order
 * it was made, so that the report can be drawn again without measuring. What is drawn of it is figures.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Contestant, type Program, settle, startContestant, versionOf } from './contestant.ts'
import { loadKeys } from './loader.ts'
import { describeMachine, type Machine } from './machine.ts'
import { MEMORY_STEPS, type MemoryRuns, measureMemoryRuns } from './memory.ts'
import { type Latency, startOpenLoop } from './open-loop.ts'
import type { Progress } from './progress.ts'
import { type PacedSave, saveAtRate } from './saving.ts'
import { runInTurn, type WorkRuns } from './throughput.ts'
import { COMMANDS, type CommandName, type Workload, workloads } from './workloads.ts'

export const PARTS = ['depth', 'size', 'commands', 'latency', 'memory', 'save'] as const
export type PartName = (typeof PARTS)[number]

/** Latencies at one rate of requests, a list for each server. */
export interface LatencyRuns {
  perSecond: number
  seconds: number
  runs: Latency[][]
}

/** Saves of `keys` keys while requests come in at one rate, a list for each server. */
export interface SaveRuns {
  keys: number
  perSecond: number
  runs: PacedSave[][]
}

/** What the report is drawn from. A part that was not run is left out. */
export interface Comparison {
  command: string
  machine: Machine
  /** The first is the one measured, the others are what it is measured against. */
  servers: { label: string; version: string }[]
  minutes: number
  depth?: WorkRuns[]
  size?: WorkRuns[]
  commands?: WorkRuns[]
  latency?: LatencyRuns[]
  memory?: MemoryRuns[]
  save?: SaveRuns
}

/** How much is measured: `full` takes some ten minutes with two servers, `quick` less than two. */
interface Extent {
  depths: number[]
  sizes: number[]
  commands: readonly CommandName[]
  alternations: number
  /** Of each timed run of redis-benchmark, at most. */
  seconds: number
  rates: number[]
  latencyRuns: number
  latencySeconds: number
  memoryItems: number
  memoryRuns: number
  saveKeys: number
  saveRuns: number
}

const FULL: Extent = {
  depths: [1, 2, 4, 8, 16, 32, 64, 128],
  sizes: [16, 64, 256, 1024, 4096, 16_384],
  commands: COMMANDS,
  alternations: 5,
  seconds: 0.5,
  rates: [10_000, 40_000],
  latencyRuns: 5,
  latencySeconds: 3,
  memoryItems: 1_000_000,
  memoryRuns: 3,
  saveKeys: 3_000_000,
  saveRuns: 3,
}

const QUICK: Extent = {
  depths: [1, 16, 64],
  sizes: [64, 1024, 16_384],
  commands: COMMANDS,
  alternations: 2,
  seconds: 0.2,
  rates: [10_000],
  latencyRuns: 2,
  latencySeconds: 2,
  memoryItems: 200_000,
  memoryRuns: 2,
  saveKeys: 500_000,
  saveRuns: 2,
}

const KEYS = 100_000
/** Fewer where values are large: what is measured is their way through the server, not the machine's memory. */
const SIZED_KEYS = 5_000
const VALUE_BYTES = 32
/** At which the commands are compared, and at which the sizes are. */
const COMMAND_DEPTHS = [1, 16]
const SIZE_DEPTH = 16
const SAVE_RATE = 20_000
const WARM_UP_MS = 1_000

/** Measures `parts` of `programs`; `command` is how this run can be repeated. */
export async function compare(
  programs: readonly Program[],
  options: { quick: boolean; parts: readonly PartName[]; command: string },
  progress: Progress,
): Promise<Comparison> {
  const extent = options.quick ? QUICK : FULL
  const started = performance.now()
  const servers = programs.map((program) => ({ label: program.label, version: versionOf(program) }))
  const found: Comparison = { command: options.command, machine: describeMachine(), servers, minutes: 0 }
  const wants = (part: PartName): boolean => options.parts.includes(part)
  const turns = { alternations: extent.alternations, seconds: extent.seconds }
  const throughput = (works: Workload[]) => runInTurn(programs, works, turns, progress)
  if (wants('depth')) found.depth = await throughput(depthWorks(extent))
  if (wants('size')) found.size = await throughput(sizeWorks(extent))
  if (wants('commands')) found.commands = await throughput(commandWorks(extent))
  if (wants('latency')) found.latency = await latencies(programs, extent, progress)
  if (wants('memory')) {
    found.memory = await measureMemoryRuns(programs, extent.memoryItems, extent.memoryRuns, progress)
  }
  if (wants('save')) found.save = await saves(programs, extent, progress)
  found.minutes = (performance.now() - started) / 60_000
  return found
}

/** How many steps compare() takes on its progress. */
export function comparisonSteps(quick: boolean, parts: readonly PartName[], servers: number): number {
  const extent = quick ? QUICK : FULL
  const steps: Record<PartName, number> = {
    depth: depthWorks(extent).length,
    size: sizeWorks(extent).length,
    commands: commandWorks(extent).length,
    latency: extent.rates.length * servers * (extent.latencyRuns + 1),
    memory: MEMORY_STEPS,
    save: servers * (extent.saveRuns + 1),
  }
  return parts.reduce((sum, part) => sum + steps[part], 0)
}

function depthWorks({ depths }: Extent): Workload[] {
  return worksOf({ only: ['set', 'get'], depths, keys: [KEYS], sizes: [VALUE_BYTES] })
}

function sizeWorks({ sizes }: Extent): Workload[] {
  return worksOf({ only: ['set', 'get'], depths: [SIZE_DEPTH], keys: [SIZED_KEYS], sizes })
}

function commandWorks({ commands }: Extent): Workload[] {
  return worksOf({ only: commands, depths: COMMAND_DEPTHS, keys: [KEYS], sizes: [VALUE_BYTES] })
}

function worksOf(choice: {
  only: readonly CommandName[]
  depths: number[]
  keys: number[]
  sizes: number[]
}): Workload[] {
  return workloads({ ...choice, requests: undefined, quick: false })
}

/** SETs at fixed rates, on one server after the other; the first turn of each is not counted. */
async function latencies(
  programs: readonly Program[],
  { rates, latencyRuns, latencySeconds: seconds }: Extent,
  progress: Progress,
): Promise<LatencyRuns[]> {
  return onAll(programs, async (contestants) => {
    for (const { port } of contestants) await loadKeys(port, 0, KEYS, VALUE_BYTES)
    const all: LatencyRuns[] = []
    for (const perSecond of rates) {
      const runs: Latency[][] = contestants.map(() => [])
      for (let i = 0; i <= latencyRuns; i++) {
        for (const [server, contestant] of contestants.entries()) {
          progress.begin(`latency at ${perSecond} requests a second, ${contestant.program.label}`)
          const latency = await latencyAt(contestant, perSecond, seconds)
          if (i > 0) runs[server].push(latency)
        }
      }
      all.push({ perSecond, seconds, runs })
    }
    return all
  })
}

async function latencyAt(contestant: Contestant, perSecond: number, seconds: number): Promise<Latency> {
  await settle(contestant)
  const load = await startOpenLoop({ port: contestant.port, perSecond, keys: KEYS })
  try {
    await sleep(WARM_UP_MS)
    await load.begin()
    await sleep(seconds * 1000)
    return await load.end()
  } finally {
    load.stop()
  }
}

async function saves(
  programs: readonly Program[],
  { saveKeys: keys, saveRuns }: Extent,
  progress: Progress,
): Promise<SaveRuns> {
  return onAll(programs, async (contestants) => {
    for (const { port, program } of contestants) {
      progress.begin(`${keys} keys into ${program.label}`)
      await loadKeys(port, 0, keys, VALUE_BYTES)
    }
    const runs: PacedSave[][] = contestants.map(() => [])
    for (let i = 0; i < saveRuns; i++) {
      for (const [server, contestant] of contestants.entries()) {
        progress.begin(`BGSAVE of ${keys} keys, ${contestant.program.label}`)
        await settle(contestant)
        runs[server].push(await saveAtRate(contestant, keys, SAVE_RATE, true))
      }
    }
    return { keys, perSecond: SAVE_RATE, runs }
  })
}

async function onAll<Result>(
  programs: readonly Program[],
  work: (contestants: readonly Contestant[]) => Promise<Result>,
): Promise<Result> {
  const contestants: Contestant[] = []
  try {
    for (const program of programs) contestants.push(await startContestant(program))
    return await work(contestants)
  } finally {
    for (const contestant of contestants) await contestant.stop()
  }
}
