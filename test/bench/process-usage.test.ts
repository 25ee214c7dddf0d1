/** Reading /proc: the fields of stat and status, and no answer where there is none. */
import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parseCpuMicros, parseRssBytes, readProcessUsage } from '../../bench/process-usage.ts'

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
