/** Which work is run side by side: commands × depths × keys × value sizes, what each needs first, its goal. */
import { loadKeys, loadList } from './loader.ts'

export const COMMANDS = ['set', 'get', 'incr', 'lpush', 'lpop', 'lrange_100', 'mset'] as const
export type CommandName = (typeof COMMANDS)[number]

/** One row of the throughput table. */
export interface Workload {
  command: CommandName
  depth: number
  /** Number of random keys; 0 when the work is on one list. */
  keys: number
  /** Size of each value in bytes; 0 where the command has none of its own. */
  valueBytes: number
  requests: number
}

/** Which part of the product of all work to run. */
export interface WorkChoice {
  only: readonly CommandName[]
  depths: readonly number[]
  keys: readonly number[]
  sizes: readonly number[]
  /** Requests of every run; undefined: chosen for each workload. */
  requests: number | undefined
  quick: boolean
}

export const CLIENTS = 50
const LIST = 'mylist'
/** redis-benchmark's MSET sets ten keys. */
const KEYS_PER_MSET = 10

/** What varies for each command; what does not is left out of the product. */
const VARIES: Record<CommandName, { keys: boolean; value: boolean }> = {
  set: { keys: true, value: true },
  get: { keys: true, value: true },
  incr: { keys: true, value: false },
  lpush: { keys: false, value: true },
  lpop: { keys: false, value: true },
  lrange_100: { keys: false, value: true },
  mset: { keys: true, value: true },
}

/** Every workload of `choice`. Depths of one dataset stand together, so that it is loaded once. */
export function workloads(choice: WorkChoice): Workload[] {
  const rows: Workload[] = []
  for (const command of choice.only) {
    const varies = VARIES[command]
    for (const keys of varies.keys ? choice.keys : [0]) {
      for (const valueBytes of varies.value ? choice.sizes : [0]) {
        for (const depth of choice.depths) {
          const requests = choice.requests ?? requestsFor(command, depth, valueBytes, choice.quick)
          rows.push({ command, depth, keys, valueBytes, requests })
        }
      }
    }
  }
  return rows
}

/** Enough requests for about a second on the machine this was written on; a third of it for --quick. */
function requestsFor(command: CommandName, depth: number, valueBytes: number, quick: boolean): number {
  const base = depth === 1 ? 100_000 : depth < 64 ? 500_000 : 1_000_000
  const large = valueBytes > 256
  let share = large && depth > 1 ? 0.5 : 1
  if (command === 'mset') share = large ? 0.1 : 0.25
  if (command === 'lrange_100') share = large ? 0.05 : depth === 1 ? 0.5 : 0.15
  return Math.round(base * share * (quick ? 1 / 3 : 1))
}

/** redis-benchmark's arguments for `work`. */
export function benchmarkArguments(work: Workload, requests: number): string[] {
  const args = ['-c', `${CLIENTS}`, '-n', `${requests}`, '-P', `${work.depth}`]
  if (work.keys > 0) args.push('-r', `${work.keys}`)
  if (work.valueBytes > 0) args.push('-d', `${work.valueBytes}`)
  // Its own LRANGE test pushes as many elements as there are requests first: we load the list ourselves.
  if (work.command === 'lrange_100') args.push('LRANGE', LIST, '0', '99')
  else args.push('-t', work.command)
  return args
}

/** True if `work` only reads, so that one dataset serves all its runs. */
export function readsOnly(work: Workload): boolean {
  return work.command === 'get' || work.command === 'lrange_100'
}

/** Puts into the empty server on `port` what `work` of `requests` requests needs. */
export async function prepare(port: number, work: Workload, requests: number): Promise<void> {
  if (work.command === 'get') await loadKeys(port, 0, work.keys, work.valueBytes)
  if (work.command === 'lrange_100') await loadList(port, LIST, 1_000, work.valueBytes)
  // More than it pops: a depth's worth of requests of each client may be sent beyond the number asked for.
  if (work.command === 'lpop') {
    await loadList(port, LIST, requests + CLIENTS * work.depth, work.valueBytes)
  }
}

/** True if both run on one dataset (and one load of it). */
export function sameDataset(a: Workload, b: Workload): boolean {
  return a.command === b.command && a.keys === b.keys && a.valueBytes === b.valueBytes
}

/** The least ratio of throughput to Redis 7.0 we promise for `work`, if we promise one. */
export function goalOf(work: Workload): number | undefined {
  if (work.depth === 1) return 0.97
  if (work.command === 'set' || work.command === 'get') {
    if (work.depth === 16) return 1.4
    if (work.depth === 64) return 2
  }
  if (work.command === 'lrange_100' && work.depth === 16) return 1
  return undefined
}

/** What the tables call `work`, for example "MSET (10 keys)". */
export function nameOf(work: Workload): string {
  return work.command === 'mset' ? `MSET (${KEYS_PER_MSET} keys)` : work.command.toUpperCase()
}
