/**
 * Whether used_memory is what the process really takes: its growth beside that of the resident memory, for strings,
 * lists and values of mixed sizes: `npx tsx bench/calibration.ts [--counts 100000,1000000] [--runs N]
 * [--subject PATH] [--against PATH] [--out FILE]`. maxmemory limits the first; what is paid for is the second.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { asProgram } from './as-program.ts'
import { type Program, programAt, startContestant, versionOf } from './contestant.ts'
import { loadKeys, loadList } from './loader.ts'
import { machineLine } from './machine.ts'
import { memoryOf } from './memory.ts'
import { Progress } from './progress.ts'
import { median } from './statistics.ts'
import { short, table } from './table.ts'

/** Bytes of the values of `mixed`, as many of each: small ones, and some with a buffer of their own. */
const MIXED = [8, 24, 60, 150, 400, 1_000, 2_500, 20_000]
/** What used_memory may be off by, in percent of the growth of RSS. */
const OFF_PERCENT = 10

/** Items that are there before anything is measured: by then V8 has compiled what it compiles. */
const FIRST = 300_000

/** Loads the items from number `from` up to but not including `to`. */
type Load = (port: number, from: number, to: number) => Promise<void>

/** What is loaded; of `share` of the count, since a million values of mixed sizes are 3 GB. */
const LOADS: readonly { title: string; share: number; load: Load }[] = [
  { title: 'strings of 32 B', share: 1, load: (port, from, to) => loadKeys(port, from, to, 32) },
  { title: 'strings of 200 B', share: 1, load: (port, from, to) => loadKeys(port, from, to, 200) },
  {
    title: 'list elements of 10 B',
    share: 1,
    load: (port, from, to) => loadList(port, 'list', to - from, 10),
  },
  {
    title: 'list elements of 100 B',
    share: 1,
    load: (port, from, to) => loadList(port, 'list', to - from, 100),
  },
  { title: 'strings of 8 B to 20 kB', share: 0.1, load: loadMixed },
]

async function loadMixed(port: number, from: number, to: number): Promise<void> {
  for (const [i, bytes] of MIXED.entries()) {
    const at = (share: number): number => from + Math.floor(((to - from) * share) / MIXED.length)
    await loadKeys(port, at(i), at(i + 1), bytes)
  }
}

/** By how much a fresh server's used_memory and RSS grow by an item, in bytes. */
async function growth(program: Program, load: Load, first: number, count: number): Promise<[number, number]> {
  const contestant = await startContestant(program)
  try {
    await load(contestant.port, 0, first)
    const before = await memoryOf(contestant)
    await load(contestant.port, first, first + count)
    const after = await memoryOf(contestant)
    return [(after.used - before.used) / count, (after.rss - before.rss) / count]
  } finally {
    await contestant.stop()
  }
}

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      counts: { type: 'string', default: '100000,1000000' },
      runs: { type: 'string', default: '3' },
      out: { type: 'string' },
      subject: { type: 'string', default: 'dist/cli.js' },
      against: { type: 'string', default: 'redis-server' },
    },
  })
  const counts = values.counts.split(',').map(Number)
  const programs = [programAt(values.subject), programAt(values.against)]
  const progress = new Progress(counts.length * LOADS.length)
  const rows: string[][] = []
  for (const { title, share, load } of LOADS) {
    for (const all of counts) {
      const count = all * share
      progress.begin(`${count} ${title}`)
      const row = [`${short(count)} ${title}`]
      for (const program of programs) {
        const used: number[] = []
        const rss: number[] = []
        for (let run = 0; run < Number(values.runs); run++) {
          const [usedGrowth, rssGrowth] = await growth(program, load, FIRST * share, count)
          used.push(usedGrowth)
          rss.push(rssGrowth)
        }
        const off = (median(used) / median(rss) - 1) * 100
        const verdict = Math.abs(off) <= OFF_PERCENT ? '' : ' !'
        row.push(median(used).toFixed(1), median(rss).toFixed(1), `${off.toFixed(1)} %${verdict}`)
      }
      rows.push(row)
    }
  }
  progress.clear()
  const heads = programs.flatMap(({ label }) => [`${label} used, B`, 'RSS, B', 'off'])
  const text = [
    '# used_memory beside resident memory',
    '',
    machineLine(),
    `- ${programs.map(versionOf).join(' / ')}`,
    `- growth of each by an item, medians of ${values.runs} fresh servers that held ${FIRST} items before (or the like share); "!" is more than ${OFF_PERCENT} % off`,
    '',
    table(['load', ...heads], rows),
    '',
  ].join('\n')
  process.stdout.write(text)
  if (values.out !== undefined) writeFileSync(values.out, text)
}

await asProgram(bench)
