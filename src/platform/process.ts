/** What the server tells about its process and machine, read from Node. */
import { readFileSync } from 'node:fs'
import { availableParallelism, machine, platform, release, totalmem, type } from 'node:os'
import { getHeapStatistics } from 'node:v8'

export const PROCESS_ID: number = process.pid
/** "Linux 6.1.0 x86_64", as Redis has it from uname. */
export const OS_NAME: string = `${type()} ${release()} ${machine()}`
export const EVENT_API: string = platform() === 'linux' ? 'epoll' : platform() === 'win32' ? 'iocp' : 'kqueue'
export const EXECUTABLE: string = process.argv[1] ?? process.execPath
/** Processor cores the process may use. */
export const CORES: number = availableParallelism()
export const TOTAL_MEMORY_BYTES: number = totalmem()

/** Milliseconds. */
const RESIDENT_FRESH = 100
let resident = 0
let residentLookedAt = Number.NEGATIVE_INFINITY

/** Resident set size of the process, bytes, as it was at most 100 ms ago: looking is slow, and Redis's cron looks so often. */
export function residentBytes(): number {
  const now = performance.now()
  if (now - residentLookedAt >= RESIDENT_FRESH) {
    residentLookedAt = now
    resident = process.memoryUsage.rss()
  }
  return resident
}

/** Bytes used on the JavaScript heap, which holds none of the dataset. */
export function heapBytes(): number {
  // Not process.memoryUsage(), which looks at the resident size as well.
  return getHeapStatistics().used_heap_size
}

/** Processor time of the process so far, microseconds. */
export function cpuMicros(): { readonly user: number; readonly system: number } {
  return process.cpuUsage()
}

/** Holds the whole process for `milliseconds`, event loop included: for what is meant to hurt, as DEBUG SLEEP. */
export function holdProcess(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

/**
 * How many descriptors the process may have open at once; null where nothing limits them or nothing tells. Node has
 * raised what it may use to all that it may ask for before any of this runs.
 */
export function descriptorLimit(limits: string = '/proc/self/limits'): number | null {
  try {
    return openFilesOf(readFileSync(limits, 'latin1'))
  } catch {
    // A report takes some 10 ms: only where there is no /proc. Windows limits none.
    const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft: unknown } } }
    const soft = userLimits?.open_files?.soft
    return typeof soft === 'number' ? soft : null
  }
}

/** What a text of /proc/PID/limits says of open files; null for "unlimited". */
export function openFilesOf(limits: string): number | null {
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1]
  return soft === undefined ? null : Number(soft)
}

/** The longest queue of connections to accept that the system allows; null where it does not tell. */
export function backlogLimit(): number | null {
  try {
    return Number(readFileSync('/proc/sys/net/core/somaxconn', 'latin1'))
  } catch {
    return null
  }
}
