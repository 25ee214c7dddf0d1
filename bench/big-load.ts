/** Loads many keys at full speed and reports the longest stall, from inside and outside, and heap growth. */
import { type Contestant, type Program, settle, startContestant } from './contestant.ts'
import { loadKeys } from './loader.ts'
import { type PingLatency, startPingProbe } from './ping-probe.ts'
import type { Progress } from './progress.ts'

/** What one server showed. Fields only our server reports are undefined for others. */
export interface LoadRow {
  label: string
  keys: number
  seconds: number
  ping: PingLatency
  /** Longest turn of the server's event loop during each tenth of the load, in milliseconds; none if it does not tell. */
  loopStallsMs: number[]
  /** JavaScript heap before the load, after each tenth of it, and at rest, in bytes. */
  heapBytes: (number | undefined)[]
  rssBytes: number
}

/** The longest stall we promise, in milliseconds. */
export const STALL_GOAL_MS = 15

const PARTS = 10
const VALUE_BYTES = 32

/** How many steps measureLoad takes on its progress. */
export const LOAD_STEPS = 2

/** Loads `keys` keys into each program's fresh server, one after the other. */
export async function measureLoad(
  programs: [Program, Program],
  keys: number,
  progress: Progress,
): Promise<LoadRow[]> {
  const rows: LoadRow[] = []
  for (const program of programs) {
    progress.begin(`load: ${keys} keys into ${program.label}`)
    const contestant = await startContestant(program)
    try {
      rows.push(await load(contestant, keys))
    } finally {
      await contestant.stop()
    }
  }
  return rows
}

async function load(contestant: Contestant, keys: number): Promise<LoadRow> {
  await settle(contestant)
  const heapBytes = [await infoNumber(contestant, 'js_heap_used_bytes')]
  const stopProbe = await startPingProbe(contestant.port)
  const loopStallsMs: number[] = []
  const start = performance.now()
  for (let part = 0; part < PARTS; part++) {
    await contestant.control.send('CONFIG', 'RESETSTAT')
    const from = Math.floor((keys * part) / PARTS)
    await loadKeys(contestant.port, from, Math.floor((keys * (part + 1)) / PARTS), VALUE_BYTES)
    heapBytes.push(await infoNumber(contestant, 'js_heap_used_bytes'))
    const stallMicros = await infoNumber(contestant, 'loop_stall_max_us')
    if (stallMicros !== undefined) loopStallsMs.push(stallMicros / 1000)
  }
  const seconds = (performance.now() - start) / 1000
  const ping = await stopProbe()
  await settle(contestant)
  heapBytes.push(await infoNumber(contestant, 'js_heap_used_bytes'))
  return {
    label: contestant.program.label,
    keys,
    seconds,
    ping,
    loopStallsMs,
    heapBytes,
    rssBytes: (await contestant.usage()).rssBytes,
  }
}

/** A field of INFO as a number; undefined where the server has no such field. */
async function infoNumber(contestant: Contestant, field: string): Promise<number | undefined> {
  const value = Number((await contestant.control.info()).get(field))
  return Number.isFinite(value) ? value : undefined
}
