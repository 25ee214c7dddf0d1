/** How LFU's counter grows with the hits on a key, for several lfu-log-factors: the table of Redis's documentation. */
import type { Contestant } from './contestant.ts'
import { requestsPerSecond } from './redis-benchmark.ts'
import { table } from './table.ts'

/** What the documentation says, by factor, for each number of HITS. */
const DOCUMENTED: readonly (readonly [factor: number, counters: readonly number[]])[] = [
  [0, [104, 255, 255, 255, 255]],
  [1, [18, 49, 255, 255, 255]],
  [10, [10, 18, 142, 255, 255]],
  [100, [8, 11, 49, 143, 255]],
]
const HITS = [100, 1_000, 100_000, 1_000_000, 10_000_000]

/** How many steps lfuGrowth takes on a progress. */
export const GROWTH_STEPS: number = DOCUMENTED.length

/**
 * The table, each cell "ours / theirs / documented". Counters are left to chance, so they differ by some; `begin` is
 * told of each row, and the last `skipped` numbers of hits are left out.
 */
export async function lfuGrowth(
  pair: readonly Contestant[],
  skipped: number,
  begin: (label: string) => void,
): Promise<string> {
  const hits = HITS.slice(0, HITS.length - skipped)
  const rows: string[][] = []
  for (const [factor, documented] of DOCUMENTED) {
    begin(`LFU counter, factor ${factor}`)
    const found = await Promise.all(pair.map((one) => counters(one, factor, hits)))
    rows.push([`${factor}`, ...hits.map((_, i) => `${found[0][i]} / ${found[1][i]} / ${documented[i]}`)])
  }
  return table(['factor', ...hits.map((count) => `${count} hits`)], rows)
}

async function counters(
  { control, port }: Contestant,
  factor: number,
  hits: readonly number[],
): Promise<number[]> {
  // Nothing decays, however long a million hits take.
  const settings = ['maxmemory-policy', 'allkeys-lfu', 'lfu-decay-time', '0', 'lfu-log-factor', `${factor}`]
  // Without a maxmemory Redis shares the objects of small integers, and their counters with them.
  await control.send('CONFIG', 'SET', 'maxmemory', '10gb', ...settings)
  await control.send('DEL', 'counted')
  await control.send('SET', 'counted', '0')
  const found: number[] = []
  let done = 0
  for (const count of hits) {
    const more = count - done
    // redis-benchmark has no rate to tell of when so few are over at once.
    if (more <= 1000) for (let i = 0; i < more; i++) await control.send('INCR', 'counted')
    else await requestsPerSecond(port, ['-n', `${more}`, '-P', '50', '-c', '1', 'INCR', 'counted'])
    done = count
    found.push(Number(await control.send('OBJECT', 'FREQ', 'counted')))
  }
  return found
}
