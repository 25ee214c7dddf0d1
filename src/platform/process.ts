/** What the server tells about its process and machine, read from Node. */
import { arch, platform, release, totalmem, type } from 'node:os'

export const PROCESS_ID: number = process.pid
/** "Linux 6.1.0 x64". */
export const OS_NAME: string = `${type()} ${release()} ${arch()}`
export const EVENT_API: string = platform() === 'linux' ? 'epoll' : platform() === 'win32' ? 'iocp' : 'kqueue'
export const EXECUTABLE: string = process.argv[1] ?? process.execPath
export const TOTAL_MEMORY_BYTES: number = totalmem()

/** Resident set size of the process, bytes. */
export function residentBytes(): number {
  return process.memoryUsage.rss()
}

/** Bytes used on the JavaScript heap, which holds none of the dataset. */
export function heapBytes(): number {
  return process.memoryUsage().heapUsed
}

/** Processor time of the process so far, microseconds. */
export function cpuMicros(): { readonly user: number; readonly system: number } {
  return process.cpuUsage()
}

/** Holds the whole process for `milliseconds`, event loop included: DEBUG SLEEP, which is meant to hurt. */
export function holdProcess(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}
