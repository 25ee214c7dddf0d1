/** maxclients beside the descriptors that the system allows: lowered with a warning, refused, or left alone. */
import { expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { LineLog } from '../../src/platform/log.ts'
import { descriptorLimit, openFilesOf } from '../../src/platform/process.ts'
import { Server } from '../../src/server/server.ts'
import { keepWithinLimits } from '../../src/server/system-limits.ts'

function limited(
  descriptors: number | null,
  config: Record<string, string> = {},
  backlog: number | null = null,
): { configuration: Configuration; warnings: string[] } {
  const warnings: string[] = []
  const configuration = new Configuration({ save: '', ...config })
  const log = new LineLog('warning', (line) => warnings.push(line.replace(/^.*# /, '').trimEnd()))
  const { engine } = new Server({ configuration, log })
  keepWithinLimits(engine, { descriptors, backlog })
  return { configuration, warnings }
}

test('enough descriptors, or no limit: nothing is said', () => {
  for (const descriptors of [10_064, 1_000_000, null]) {
    const { configuration, warnings } = limited(descriptors)
    expect([configuration.text('maxclients'), ...warnings]).toEqual(['10000'])
  }
})

test('too few: maxclients is lowered, and CONFIG SET cannot raise it beyond', () => {
  const { configuration, warnings } = limited(500)
  expect(warnings).toEqual([
    'You requested maxclients of 10000 requiring at least 10064 max file descriptors.',
    'Current maximum open files is 500. maxclients has been reduced to 436 to compensate for low ulimit. ' +
      "If you need higher maxclients increase 'ulimit -n'.",
  ])
  expect(configuration.settings.maxclients).toBe(436)
  expect(() => configuration.set([['maxclients', '437']], false)).toThrow(
    'The operating system is not able to handle the specified number of clients, try with 436',
  )
  configuration.set([['maxclients', '400']], false)
  configuration.set([['maxclients', '436']], false)
  expect(configuration.text('maxclients')).toBe('436')
})

test('not enough for one client: it does not start', () => {
  expect(() => limited(64)).toThrow(
    "Your current 'ulimit -n' of 64 is not enough for the server to start. " +
      'Please increase your open file limit to at least 10064. Exiting.',
  )
})

test('a backlog that the system cuts short', () => {
  expect(limited(null, {}, 128).warnings).toEqual([
    'WARNING: The TCP backlog setting of 511 cannot be enforced because /proc/sys/net/core/somaxconn is set to ' +
      'the lower value of 128.',
  ])
  expect(limited(null, { 'tcp-backlog': '128' }, 128).warnings).toEqual([])
})

test('what the system says', () => {
  const text =
    'Limit       Soft Limit  Hard Limit  Units\nMax open files            1024                 4096  files\n'
  expect(openFilesOf(text)).toBe(1024)
  expect(openFilesOf(text.replace('1024', 'unlimited'))).toBe(null)
  expect(openFilesOf('')).toBe(null)
  const here = descriptorLimit()
  if (process.platform === 'linux' && here !== null) expect(here).toBeGreaterThan(0)
  // Where there is no /proc.
  expect(descriptorLimit('/nowhere')).toBe(here)
})
