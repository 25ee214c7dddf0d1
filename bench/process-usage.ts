/** CPU time and memory of other processes, from Linux's /proc. Elsewhere there is no answer. */
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessUsage {
  /** User plus system time of all threads since the process began, in microseconds (10 ms steps). */
  cpuMicros: number
  /** Resident set size in bytes. */
  rssBytes: number
}

/** Linux reports these times in USER_HZ, which is 100 on every architecture Node runs on. */
const MICROS_PER_TICK = 10_000

/** Usage of process `pid`, or undefined where /proc has nothing on it. */
export function readProcessUsage(pid: number): ProcessUsage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    return { cpuMicros: parseCpuMicros(stat), rssBytes: parseRssBytes(status) }
  } catch {
    return undefined
  }
}

/**
 * CPU time of all threads that process `pid` has now, in microseconds; undefined where the scheduler does not tell. Finer
 * than readProcessUsage(), for what is measured over less than a second; a thread that ended is not counted.
 */
export function readCpuMicros(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const nanos = threads.map((thread) =>
      parseRunNanos(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1')),
    )
    return nanos.reduce((sum, one) => sum + one, 0) / 1000
  } catch {
    return undefined
  }
}

/** The time on the CPU in a schedstat line, nanoseconds. */
export function parseRunNanos(schedstat: string): number {
  return Number(schedstat.split(' ', 1)[0])
}

/** utime + stime of a /proc/<pid>/stat line in microseconds. The process's name may hold blanks and brackets. */
export function parseCpuMicros(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK
}

/** VmRSS of a /proc/<pid>/status text in bytes; NaN when the line is missing. */
export function parseRssBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/**
 * Memory in use by process `pid` and its children in bytes, a page that several share counted once (PSS): what a save
 * by fork copies is in it. NaN where /proc does not tell.
 */
export function readTreeBytes(pid: number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ')
    const own = parsePssBytes(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))
    return children.reduce(
      (sum, child) => (child === '' ? sum : sum + readTreeBytesOrNone(Number(child))),
      own,
    )
  } catch {
    return Number.NaN
  }
}

/** The Pss line of a /proc/<pid>/smaps_rollup text in bytes; NaN when the line is missing. */
export function parsePssBytes(rollup: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]) * 1024
}

/** A child may have ended meanwhile. */
function readTreeBytesOrNone(pid: number): number {
  const bytes = readTreeBytes(pid)
  return Number.isNaN(bytes) ? 0 : bytes
}
