/** What a BGSAVE costs while it runs: throughput under full load, latency at a fixed rate, memory, one huge list. */
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Contestant } from './contestant.ts'
import { loadList } from './loader.ts'
import { type Latency, type OpenLoop, startOpenLoop } from './open-loop.ts'
import { startPingProbe } from './ping-probe.ts'
import { readTreeBytes } from './process-usage.ts'
import { CLIENTS } from './workloads.ts'

/** A BGSAVE under as much load as redis-benchmark makes. */
export interface LoadedSave {
  /** Commands a second before the save, and during it. */
  baseRate: number
  savingRate: number
  seconds: number
  /** Most memory in use during the save, above what was in use before it; the server's and its child's, bytes. */
  extraBytes: number
}

/** A BGSAVE at a fixed rate of SETs. */
export interface PacedSave {
  base: Latency
  saving: Latency
  seconds: number
}

/** A BGSAVE of one list that is pushed to and popped from meanwhile. */
export interface ListSave {
  seconds: number
  /** PING every millisecond: longest answer before and during the save, milliseconds. */
  basePingMs: number
  pingMs: number
  /** Longest turn of the server's event loop during the save, if it tells. */
  loopStallMs: number | undefined
  requests: Latency
}

const BASE_MS = 2000
const POLL_MS = 50
const SAVE_WITHIN_MS = 600_000
/** For what begins with the load (a warm-up, growth of buffers) to be over. */
const WARM_UP_MS = 1000
const LIST_PER_SECOND = 5000

/** Saves under redis-benchmark's SETs of random ones of `keys` keys at depth 16. */
export async function saveUnderLoad(contestant: Contestant, keys: number): Promise<LoadedSave> {
  const load = startBenchmark(contestant.port, keys)
  try {
    await sleep(WARM_UP_MS)
    const baseRate = await rateDuring(contestant, () => sleep(BASE_MS))
    const before = readTreeBytes(contestant.pid)
    let most = 0
    let seconds = 0
    const savingRate = await rateDuring(contestant, async () => {
      seconds = await bgsave(contestant, () => {
        const bytes = readTreeBytes(contestant.pid)
        if (bytes > most) most = bytes
      })
    })
    return { baseRate, savingRate, seconds, extraBytes: most - before }
  } finally {
    await end(load)
  }
}

/** Saves while `perSecond` SETs a second come in; with a timeline only where it is wanted. */
export async function saveAtRate(
  contestant: Contestant,
  keys: number,
  perSecond: number,
  timeline: boolean = false,
): Promise<PacedSave> {
  const load = await startOpenLoop({ port: contestant.port, perSecond, keys, timeline })
  try {
    await sleep(WARM_UP_MS)
    const [base] = await during(load, () => sleep(BASE_MS))
    const [saving, seconds] = await during(load, () => bgsave(contestant))
    return { base, saving, seconds }
  } finally {
    load.stop()
  }
}

/** Fills the empty server with one list of `elements` elements of 10 bytes, and saves it while it is written. */
export async function saveList(contestant: Contestant, elements: number): Promise<ListSave> {
  const { port, control } = contestant
  await loadList(port, 'list', elements, 10)
  const load = await startOpenLoop({ port, perSecond: LIST_PER_SECOND, keys: 0, list: 'list' })
  try {
    await sleep(WARM_UP_MS)
    const stopBase = await startPingProbe(port, 1)
    await sleep(BASE_MS)
    const base = await stopBase()
    const stopProbe = await startPingProbe(port, 1)
    await control.send('CONFIG', 'RESETSTAT')
    const [requests, seconds] = await during(load, () => bgsave(contestant))
    const ping = await stopProbe()
    const stall = Number((await control.info()).get('loop_stall_max_us'))
    return {
      seconds,
      basePingMs: base.max,
      pingMs: ping.max,
      loopStallMs: Number.isFinite(stall) ? stall / 1000 : undefined,
      requests,
    }
  } finally {
    load.stop()
  }
}

async function during<Result>(load: OpenLoop, work: () => Promise<Result>): Promise<[Latency, Result]> {
  await load.begin()
  const result = await work()
  return [await load.end(), result]
}

/** Commands a second that the server says it processed during `work`. */
async function rateDuring(contestant: Contestant, work: () => Promise<void>): Promise<number> {
  const from = await processed(contestant)
  await work()
  const to = await processed(contestant)
  return ((to.commands - from.commands) * 1000) / (to.at - from.at)
}

async function processed({ control }: Contestant): Promise<{ commands: number; at: number }> {
  const commands = Number((await control.info()).get('total_commands_processed'))
  return { commands, at: performance.now() }
}

/** Saves in the background and resolves to the seconds it took; calls `look` now and then meanwhile. */
async function bgsave({ control, program }: Contestant, look: () => void = () => {}): Promise<number> {
  const start = performance.now()
  await control.send('BGSAVE')
  for (;;) {
    await sleep(POLL_MS)
    look()
    const info = await control.info()
    const seconds = (performance.now() - start) / 1000
    if (info.get('rdb_bgsave_in_progress') === '0') {
      if (info.get('rdb_last_bgsave_status') === 'ok') return seconds
      throw new Error(`${program.label}: BGSAVE failed`)
    }
    if (seconds * 1000 > SAVE_WITHIN_MS) throw new Error(`${program.label}: BGSAVE does not end`)
  }
}

/** redis-benchmark without an end in sight. */
function startBenchmark(port: number, keys: number): ChildProcess {
  const work = ['-t', 'set', '-r', `${keys}`, '-d', '32', '-P', '16', '-c', `${CLIENTS}`, '-n', '2000000000']
  return spawn('redis-benchmark', ['-h', '127.0.0.1', '-p', `${port}`, '-q', ...work], { stdio: 'ignore' })
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
