/**
 * Resident memory per key and per list element: growth of a new server's RSS over a known load. A tenth of the load
 * comes first, ten times, and is flushed each time, so that what a process takes once to get going is not counted as
 * data: with as many commands behind it, V8 has compiled what it compiles, which is some 3 MB.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Contestant, type Program, settle, startContestant } from './contestant.ts'
import { loadKeys, loadList } from './loader.ts'
import type { Progress } from './progress.ts'
import { pairedRatio, type Spread, spread } from './statistics.ts'

/** A thing to store many of. */
interface Item {
  title: string
  /** The most we promise to use, as a ratio to Redis 7.0. */
  goal: number
  load: (port: number, count: number) => Promise<void>
}

/** What one item showed. The first of each pair is ours, the second theirs; ratios are ours to theirs. */
export interface MemoryRow {
  title: string
  goal: number
  count: number
  /** RSS growth per item in bytes. */
  bytesPerItem: [Spread, Spread]
  ratio: Spread
  /** RSS of the empty server in bytes. */
  emptyRss: [number, number]
  /** What the server's used_memory says after the load, as a share of its RSS. */
  usedShare: [number, number]
}

const ITEMS: Item[] = [
  { title: '16 B key, 32 B value', goal: 0.65, load: (port, count) => loadKeys(port, 0, count, 32) },
  { title: 'element of 10 B', goal: 1.1, load: (port, count) => loadList(port, 'list', count, 10) },
  { title: 'element of 100 B', goal: 1, load: (port, count) => loadList(port, 'list', count, 100) },
]

/** How many steps measureMemory takes on its progress. */
export const MEMORY_STEPS: number = ITEMS.length

/** Time for a server to give back what it does not need (a collection, a decay) before RSS is read. */
const REST_MS = 1_000

/** The loads that come first are this part of the whole, and as many. */
const WARM_UP_SHARE = 10

interface Sample {
  perItem: number
  emptyRss: number
  usedShare: number
}

/** Every sample of one item: bytes of RSS an item, a list for each server, in the order of the runs. */
export interface MemoryRuns {
  title: string
  count: number
  bytesPerItem: number[][]
}

/** Loads `count` of each item into fresh servers, `runs` times each, and resolves to one row an item. */
export async function measureMemory(
  programs: [Program, Program],
  count: number,
  runs: number,
  progress: Progress,
): Promise<MemoryRow[]> {
  const all = await sampleInTurn(programs, count, runs, progress)
  return all.map(({ item, samples }) => {
    const [ours, theirs] = samples.map((of) => of.map((one) => one.perItem)) as [number[], number[]]
    const last = samples.map((of) => of.at(-1)) as [Sample, Sample]
    return {
      title: item.title,
      goal: item.goal,
      count,
      bytesPerItem: [spread(ours), spread(theirs)],
      ratio: pairedRatio(ours, theirs),
      emptyRss: [last[0].emptyRss, last[1].emptyRss],
      usedShare: [last[0].usedShare, last[1].usedShare],
    }
  })
}

/** As measureMemory(), for any number of servers and with every sample. */
export async function measureMemoryRuns(
  programs: readonly Program[],
  count: number,
  runs: number,
  progress: Progress,
): Promise<MemoryRuns[]> {
  const all = await sampleInTurn(programs, count, runs, progress)
  return all.map(({ item, samples }) => ({
    title: item.title,
    count,
    bytesPerItem: samples.map((of) => of.map((one) => one.perItem)),
  }))
}

async function sampleInTurn(
  programs: readonly Program[],
  count: number,
  runs: number,
  progress: Progress,
): Promise<{ item: Item; samples: Sample[][] }[]> {
  const all: { item: Item; samples: Sample[][] }[] = []
  for (const item of ITEMS) {
    progress.begin(`memory: ${count} × ${item.title}`)
    const samples: Sample[][] = programs.map(() => [])
    for (let i = 0; i < runs; i++) {
      for (const [server, program] of programs.entries()) {
        samples[server].push(await sample(program, item, count))
      }
    }
    all.push({ item, samples })
  }
  return all
}

async function sample(program: Program, item: Item, count: number): Promise<Sample> {
  const contestant = await startContestant(program)
  const { control, port } = contestant
  try {
    for (let i = 0; i < WARM_UP_SHARE; i++) {
      await item.load(port, count / WARM_UP_SHARE)
      await control.send('FLUSHALL')
      await settle(contestant)
    }
    // What the flushed loads left behind would be taken for room that costs nothing.
    await control.send('MEMORY', 'PURGE')
    const before = await memoryOf(contestant)
    await item.load(port, count)
    const after = await memoryOf(contestant)
    return {
      perItem: (after.rss - before.rss) / count,
      emptyRss: before.rss,
      usedShare: after.used / after.rss,
    }
  } finally {
    await contestant.stop()
  }
}

/** Bytes that are resident, and that the server says it uses, once it has come to rest. */
export async function memoryOf(contestant: Contestant): Promise<{ rss: number; used: number }> {
  await settle(contestant)
  await sleep(REST_MS)
  const { rssBytes } = await contestant.usage()
  return { rss: rssBytes, used: Number((await contestant.control.info()).get('used_memory')) }
}
