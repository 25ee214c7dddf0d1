/** CPU time and resident memory of another process, from Linux's /proc. Elsewhere the answer is undefined. */
import { readFileSync } from 'node:fs'

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

/** utime + stime of a /proc/<pid>/stat line in microseconds. The process's name may hold blanks and brackets. */
export function parseCpuMicros(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK
}

/** VmRSS of a /proc/<pid>/status text in bytes; NaN when the line is missing. */
export function parseRssBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
