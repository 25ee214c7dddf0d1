/** Reading /proc: the fields of stat and status, and no answer where there is none. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import {
  parseCpuMicros,
  parsePssBytes,
  parseRssBytes,
  parseRunNanos,
  readCpuMicros,
  readProcessUsage,
  readTreeBytes,
} from '../../bench/process-usage.ts'

it('adds utime and stime, whatever the process is called', () => {
  const rest = 'S 1 2 3 4 5 6 7 8 9 10 1234 66 14 15 16'
  expect(parseCpuMicros(`42 (node) ${rest}`)).toBe(13_000_000)
  expect(parseCpuMicros(`42 (a) b (c) ${rest}`)).toBe(13_000_000)
})

it('reads VmRSS, not VmHWM', () => {
  expect(parseRssBytes('Name:\tx\nVmHWM:\t  900 kB\nVmRSS:\t  512 kB\nThreads:\t1\n')).toBe(524_288)
  expect(parseRssBytes('Name:\tx\n')).toBeNaN()
})

it('knows nothing of a process that is not there', () => {
  expect(readProcessUsage(2 ** 30)).toBeUndefined()
})

it.skipIf(!existsSync('/proc/self/stat'))('sees this process', () => {
  const usage = readProcessUsage(process.pid)
  expect(usage?.cpuMicros).toBeGreaterThan(0)
  expect(usage?.rssBytes).toBeGreaterThan(1e6)
})

it('reads the time that a thread ran, not that it waited', () => {
  expect(parseRunNanos('202840 297938 4\n')).toBe(202_840)
  expect(readCpuMicros(2 ** 30)).toBeUndefined()
})

it.skipIf(!existsSync('/proc/self/schedstat'))('sees the same CPU time finely as in ticks', () => {
  const ticks = readProcessUsage(process.pid)?.cpuMicros ?? 0
  const fine = readCpuMicros(process.pid) ?? 0
  // Threads that ended are in the first only; so it is no more than a bound.
  expect(fine).toBeGreaterThan(0)
  expect(fine).toBeLessThan(ticks + 1e6)
})

it('reads Pss, not its parts', () => {
  expect(parsePssBytes('Rss:    900 kB\nPss:    512 kB\nPss_Anon:  7 kB\n')).toBe(524_288)
  expect(readTreeBytes(2 ** 30)).toBeNaN()
})

it.skipIf(!existsSync('/proc/self/smaps_rollup'))('counts the children too', () => {
  const alone = readTreeBytes(process.pid)
  expect(alone).toBeGreaterThan(1e6)
  const child = spawn('sleep', ['5'])
  expect(readTreeBytes(process.pid)).not.toBeNaN()
  child.kill()
})
