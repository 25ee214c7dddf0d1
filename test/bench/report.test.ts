/** The bench's output: figures as text, tables that line up, the whole report, the progress line. */
import { describe, expect, it } from 'vitest'
import { parseInfo } from '../../bench/control-client.ts'
import { progressLine } from '../../bench/progress.ts'
import { markdown, type Results } from '../../bench/report.ts'
import { ratio, short, table, verdict } from '../../bench/table.ts'

it('table lines up and keeps the first column left', () => {
  expect(
    table(
      ['a', 'number'],
      [
        ['wide', '1'],
        ['b', '12345678'],
      ],
    ),
  ).toBe(
    ['| a    |   number |', '| ---- | -------: |', '| wide |        1 |', '| b    | 12345678 |'].join('\n'),
  )
})

it.each([
  [1_234_567, '1.23 M'],
  [999_600, '1.00 M'],
  [123_456, '123 k'],
  [9_994, '9994'],
  [12.34, '12.3'],
  [1.234, '1.23'],
  [Number.NaN, '–'],
])('short(%d) is %s', (number, text) => {
  expect(short(number)).toBe(text)
})

it('ratio shows its spread', () => {
  expect(ratio({ median: 1.434, min: 1, max: 2.005 })).toMatch(/^1\.43 \(1\.00–2\.0[01]\)$/)
  expect(ratio({ median: Number.NaN, min: 0, max: 0 })).toBe('–')
})

it('verdict holds a goal in its own direction', () => {
  expect(verdict('≥', 1.4, 1.4)).toBe('≥ 1.4 met')
  expect(verdict('≥', 1.4, 1.39)).toBe('≥ 1.4 MISSED')
  expect(verdict('≤', 0.65, 0.66)).toBe('≤ 0.65 MISSED')
  expect(verdict('≥', undefined, 5)).toBe('')
})

it('parseInfo reads fields and leaves headings', () => {
  const info = parseInfo('# Server\r\nredis_version:7.2.4\r\n\r\n# Respite\r\nurl:a:b\r\n')
  expect([...info]).toEqual([
    ['redis_version', '7.2.4'],
    ['url', 'a:b'],
  ])
})

it('progressLine counts and judges the time left by the time so far', () => {
  expect(progressLine(0, 4, 3, 'SET')).toBe(`[${'.'.repeat(30)}] 0/4  SET`)
  expect(progressLine(1, 3, 30, 'GET')).toBe(`[${'#'.repeat(10)}${'.'.repeat(20)}] 1/3 about 60 s left  GET`)
  expect(progressLine(1, 11, 60, 'GET')).toContain('about 10 min left')
})

const twice = (median: number) => ({ median, min: median / 2, max: median * 2 })

describe('markdown', () => {
  const results: Results = {
    command: 'npm run bench',
    machine: {
      cpu: 'A CPU',
      cores: 2,
      memoryGiB: 24,
      kernel: 'Linux 6',
      node: 'v20.20.2',
      loadGenerator: 'redis-benchmark 7.0.15',
      date: '2030-01-02',
      loadBefore: 0.25,
    },
    servers: ['respite', 'redis-server'],
    versions: ['0.1.0', '7.0.15'],
    alternations: 5,
    goals: true,
    throughput: [
      {
        work: { command: 'set', depth: 16, keys: 100_000, valueBytes: 32, requests: 1 },
        requestsPerSecond: [twice(900_000), twice(600_000)],
        cpuMicros: [twice(1), twice(2)],
        throughputRatio: twice(1.5),
        cpuRatio: twice(0.5),
      },
    ],
    memory: [
      {
        title: 'element of 10 B',
        goal: 1.1,
        count: 1_000_000,
        bytesPerItem: [twice(16), twice(12.5)],
        ratio: twice(1.28),
        emptyRss: [50e6, 12e6],
        usedShare: [0.9, 0.85],
      },
    ],
    load: [
      {
        label: 'respite',
        keys: 1e7,
        seconds: 10,
        ping: { pings: 100, p50: 0.5, p99: 4, max: 11 },
        loopStallsMs: [4.1, 12.5],
        heapBytes: [5e6, undefined],
        rssBytes: 1.2e9,
      },
    ],
  }

  it('shows each section with its figures and verdicts', () => {
    const text = markdown(results)
    const row = (start: string) =>
      text
        .split('\n')
        .find((line) => line.startsWith(start))
        ?.split(/ *\| */)
    expect(row('| SET')?.slice(2, -1)).toEqual([
      '16',
      '100 k',
      '32 B',
      '900 k',
      '600 k',
      '1.50 (0.75–3.00)',
      '≥ 1.4 met',
      '1.00',
      '2.00',
      '0.50 (0.25–1.00)',
    ])
    expect(row('| element')).toContain('≤ 1.1 MISSED')
    expect(row('| respite')).toEqual(
      expect.arrayContaining(['4.1 12.5', '≤ 15 met', '11.0', '1200', '5.0 –']),
    )
  })

  it('leaves out sections that were not run, and goals that do not apply', () => {
    const text = markdown({ ...results, goals: false, memory: [], load: [] })
    expect(text).not.toContain('## Memory')
    expect(text).not.toContain('## Loading')
    expect(text).not.toContain('≥ 1.4')
  })
})
