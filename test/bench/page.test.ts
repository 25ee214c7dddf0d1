/** The report: a page and SVGs drawn from a small made-up run of three servers, and the files it is written to. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { parseArguments } from '../../bench/arguments.ts'
import { COLOURS, darkStyle, drawSvg } from '../../bench/chart.ts'
import type { Comparison } from '../../bench/comparison.ts'
import { type Latency, QUANTILES } from '../../bench/open-loop.ts'
import { outcomesOf, verdictOf } from '../../bench/outcomes.ts'
import { reportOf } from '../../bench/page.ts'
import { contestants, report } from '../../bench/report-files.ts'
import type { WorkRuns } from '../../bench/throughput.ts'
import type { CommandName } from '../../bench/workloads.ts'

const PATH = process.env.PATH
let directory: string | undefined
afterEach(() => {
  process.env.PATH = PATH
  if (directory !== undefined) rmSync(directory, { recursive: true })
  directory = undefined
})

function newDirectory(): string {
  directory = mkdtempSync(join(tmpdir(), 'respite-report-'))
  return directory
}

/** Ours is a third faster than the first other and takes more CPU than it; the second other is as fast as ours. */
function work(command: CommandName, depth: number, valueBytes: number): WorkRuns {
  return {
    work: { command, depth, keys: 100_000, valueBytes, requests: 1_000 },
    requestsPerSecond: [
      [400_000, 440_000],
      [300_000, 310_000],
      [410_000, 430_000],
    ],
    cpuMicros: [
      [2.5, 2.25],
      [1.25, 1.5],
      [2.5, 2.25],
    ],
  }
}

function latency(scale: number): Latency {
  const curve = QUANTILES.map((quantile) => scale / (1 - quantile))
  return { count: 1_000, p50: 2 * scale, p99: 9 * scale, p999: 20 * scale, max: 50 * scale, curve }
}

const three = <Value>(make: (scale: number) => Value): Value[][] => [
  [make(0.1), make(0.11)],
  [make(0.2), make(0.21)],
  [make(0.1), make(0.12)],
]

const found: Comparison = {
  command: 'npm run bench -- --report',
  machine: {
    cpu: 'A CPU <fast>',
    cores: 2,
    memoryGiB: 24,
    kernel: 'Linux 6',
    node: 'v20.20.2',
    loadGenerator: 'redis-benchmark 7.0.15',
    date: '2030-01-02',
    loadBefore: 0.25,
  },
  servers: [
    { label: 'respite', version: '0.1.0' },
    { label: 'redis-server', version: '7.0.15' },
    { label: 'valkey-server', version: '8.0.0' },
  ],
  minutes: 9.6,
  depth: [work('set', 1, 32), work('set', 16, 32), work('get', 1, 32), work('get', 16, 32)],
  size: [work('set', 16, 32), work('set', 16, 2048)],
  commands: [work('lpop', 1, 32), work('mset', 16, 32)],
  latency: [{ perSecond: 10_000, seconds: 3, runs: three(latency) }],
  memory: [
    {
      title: 'element of 10 B',
      count: 1e6,
      bytesPerItem: [
        [16, 16.4],
        [12, 12],
        [12, 12.2],
      ],
    },
  ],
  save: {
    keys: 3e6,
    perSecond: 20_000,
    runs: three((scale) => ({
      base: { ...latency(scale), worst: Array.from({ length: 100 }, () => scale) },
      saving: { ...latency(3 * scale), worst: [scale, 40 * scale, null, scale] },
      seconds: 2,
    })),
  },
}
const NAMES = [
  'overview',
  'overview-2',
  'depth',
  'size',
  'commands',
  'cpu',
  'latency',
  'memory',
  'save',
  'stall',
]
const { html, svgs } = reportOf(found)

describe('the page', () => {
  it('needs nothing beside itself', () => {
    expect(html).not.toMatch(/https?:|<script|<link|<img|url\((?!#)|@import/)
  })

  it('has every figure, with its chart and a table, and says what was measured with what', () => {
    for (const name of NAMES) {
      const section = new RegExp(`<section id="${name}">[^]*?</section>`).exec(html)?.[0]
      expect(section, name).toMatch(/<svg [^]*<title id="[^]*<desc id="[^]*<table>/)
    }
    for (const text of ['2030-01-02', 'npm run bench -- --report (10 min)', 'A CPU &lt;fast&gt;', '8.0.0']) {
      expect(html).toContain(text)
    }
  })

  it('leaves out what was not run', () => {
    const { size: _size, commands: _commands, save: _save, ...rest } = found
    const part = reportOf(rest)
    expect([...part.svgs.keys()]).toEqual(['overview', 'overview-2', 'depth', 'latency', 'memory'])
  })

  it('tells figures and ratios with their spread', () => {
    const row = /<tr><td>element of 10 B<\/td>(.*?)<\/tr>/.exec(html)?.[1]
    expect(row?.split(/<\/?td>/).filter((cell) => cell !== '')).toEqual([
      '16.2 (16.0–16.4)',
      '12.0 (12.0–12.0)',
      '12.1 (12.0–12.2)',
      '1.35 (1.33–1.37)',
      '1.34 (1.33–1.34)',
    ])
  })

  it('counts losses as it counts gains', () => {
    expect(html).toMatch(/ahead in \d+ of \d+, behind in [1-9]\d*, not to be told apart in \d+\./)
    expect(html).toContain('<td>bytes: element of 10 B</td><td>0.74 (0.73–0.75)</td><td>behind</td>')
  })
})

function verdicts(other: number): Map<string, string> {
  const all = outcomesOf(found, other)
  return new Map(all.map(({ group, what, advantage }) => [`${group}: ${what}`, verdictOf(advantage)]))
}

function labels(subject: string, against: string): string[] {
  return contestants({ subject, against }).map(({ label }) => label)
}

describe('outcomes', () => {
  it('are ahead for more throughput and for less CPU, latency and memory', () => {
    const all = verdicts(1)
    expect(all.get('throughput: LPOP, depth 1')).toBe('ahead')
    expect(all.get('CPU: LPOP, depth 1')).toBe('behind')
    expect(all.get('latency: p99, 10.0 k/s')).toBe('ahead')
    expect(all.get('bytes: element of 10 B')).toBe('behind')
    expect(all.get('throughput: SET of 2048 B, depth 16')).toBe('ahead')
  })

  it('are even where the runs do not agree', () => {
    expect(verdicts(2).get('throughput: LPOP, depth 1')).toBe('even')
    expect(verdicts(2).get('duration of a save: 3.00 M keys')).toBe('even')
  })
})

describe('the charts', () => {
  it('are drawn for every figure, with each server and no figure missing', () => {
    expect([...svgs.keys()]).toEqual(NAMES)
    for (const [name, svg] of svgs) {
      expect(svg, name).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="900"/)
      expect(svg, name).toMatch(/role="img" aria-labelledby="[a-z0-9-]+-title [a-z0-9-]+-desc"/)
      expect(svg, name).not.toMatch(/NaN|undefined|Infinity/)
      if (!name.startsWith('overview')) {
        for (const { label } of found.servers) expect(svg, name).toContain(`>${label}</text>`)
      }
    }
    expect(svgs.get('depth')).toContain('>pipeline depth, commands</text>')
    expect(svgs.get('latency')).toContain('>99.99 %</text>')
  })

  it('have a colour for a dark page for each of theirs', () => {
    const style = darkStyle()
    for (const [name, svg] of svgs) {
      const used = new Set([...svg.matchAll(/ (?:fill|stroke)="(#[^"]*)"/g)].map(([, colour]) => colour))
      expect(used.size, name).toBeGreaterThan(2)
      for (const colour of used) expect(style, `${name} ${colour}`).toContain(`[fill="${colour}"]`)
    }
  })

  it('keep what texts say when coordinates are rounded', () => {
    const option = {
      graphic: [{ type: 'text' as const, x: 1.23456, style: { text: '0.12345', fill: COLOURS.ink[0] } }],
    }
    const svg = drawSvg({ name: 'a', title: 'b', description: 'c', width: 100, height: 50, option })
    expect(svg).toContain('>0.12345</text>')
    expect(svg).toContain('translate(1.2')
    expect(svg).not.toContain('1.23456')
  })
})

describe('report', () => {
  it('writes the page and the charts again from the numbers of an earlier run', async () => {
    const out = newDirectory()
    const file = join(out, 'report.json')
    writeFileSync(file, JSON.stringify(found))
    const options = parseArguments(['--report-from', file, '--out', out])
    expect(options).toBeDefined()
    if (options === undefined) return
    const written = await report(options, [])
    const svgFiles = NAMES.map((name) => `report-${name}.svg`)
    expect(readdirSync(out).sort()).toEqual(['report.html', 'report.json', ...svgFiles].sort())
    expect(written).toContain(join(out, 'report.html'))
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toBe(html)
  })

  it.skipIf(process.platform === 'win32')('takes Valkey where there is one', () => {
    const bin = newDirectory()
    process.env.PATH = `${bin}${delimiter}${PATH}`
    const before = labels('dist/cli.js', 'redis-server')
    writeFileSync(join(bin, 'valkey-server'), '#!/bin/sh\necho Valkey\n')
    chmodSync(join(bin, 'valkey-server'), 0o755)
    expect(before.slice(0, 2)).toEqual(['respite', 'redis-server'])
    expect(labels('dist/cli.js', 'redis-server')).toEqual(['respite', 'redis-server', 'valkey-server'])
    expect(labels('a/cli.js', 'b/cli.js')[1]).toBe('respite (other)')
  })
})
