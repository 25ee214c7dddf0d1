/**
 * What persistence costs, beside another server: saving under load and at a fixed rate, memory while saving, loading,
 * the append-only file, and one huge list that is written while it is saved. Run alone, after a build:
 * `npx tsx bench/persistence.ts [--keys N] [--elements N] [--rate N] [--alternations N] [--section NAMES] [--save]
 * [--against PATH] [--subject PATH]`. With --save the results are kept in results/.
 */
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { asProgram } from './as-program.ts'
import {
  type Contestant,
  newDirectory,
  type Program,
  programAt,
  settle,
  startContestant,
  versionOf,
} from './contestant.ts'
import { loadKeys } from './loader.ts'
import { loadGenerator, machineLine } from './machine.ts'
import { Progress } from './progress.ts'
import {
  type ListSave,
  type LoadedSave,
  type PacedSave,
  saveAtRate,
  saveList,
  saveUnderLoad,
} from './saving.ts'
import { median, pairedRatio } from './statistics.ts'
import { ratio, short, table, verdict } from './table.ts'
import { measureThroughput, type ThroughputRow } from './throughput.ts'
import { workloads } from './workloads.ts'

const SECTIONS = ['saving', 'latency', 'loading', 'aof', 'list'] as const
type Section = (typeof SECTIONS)[number]

const VALUE_BYTES = 32
const STALL_GOAL_MS = 15

interface Options {
  programs: [Program, Program]
  sections: Section[]
  keys: number
  elements: number
  /** SETs a second where the rate is fixed. */
  rate: number
  alternations: number
}

/** The first of each pair is the subject's. */
type Pair<Value> = [Value, Value]

interface Results {
  /** Bytes that the keys take: growth of the server's memory while they were loaded. */
  datasetBytes?: Pair<number>
  saving?: Pair<LoadedSave[]>
  latency?: Pair<PacedSave[]>
  loading?: Pair<number[]>
  aof?: { policy: string; row: ThroughputRow; goal: number }[]
  list?: Pair<ListSave>
}

async function bench(options: Options): Promise<Results> {
  const { programs, sections } = options
  const results: Results = {}
  const wants = (section: Section): boolean => sections.includes(section)
  const others = sections.filter((section) => section !== 'saving' && section !== 'latency')
  const saves = others.length < sections.length ? 2 + 2 * options.alternations : 0
  const progress = new Progress(saves + 2 * others.length)
  if (wants('saving') || wants('latency')) await savings(options, results, progress)
  if (wants('loading')) results.loading = await loadings(options, progress)
  if (wants('aof')) results.aof = await appending(options, progress)
  if (wants('list')) {
    const rows: ListSave[] = []
    for (const program of programs) {
      progress.begin(`BGSAVE of a list of ${options.elements} elements, ${program.label}`)
      rows.push(await within(program, (contestant) => saveList(contestant, options.elements)))
    }
    results.list = rows as Pair<ListSave>
  }
  progress.clear()
  return results
}

async function within<Result>(
  program: Program,
  work: (contestant: Contestant) => Promise<Result>,
): Promise<Result> {
  const contestant = await startContestant(program)
  try {
    return await work(contestant)
  } finally {
    await contestant.stop()
  }
}

/** Both servers full of keys, saving in turn. */
async function savings(options: Options, results: Results, progress: Progress): Promise<void> {
  const { programs, keys, sections, alternations } = options
  const pair: Contestant[] = []
  try {
    const sizes: number[] = []
    for (const program of programs) {
      progress.begin(`${keys} keys into ${program.label}`)
      const contestant = await startContestant(program)
      pair.push(contestant)
      const empty = (await contestant.usage()).rssBytes
      await loadKeys(contestant.port, 0, keys, VALUE_BYTES)
      await settle(contestant)
      sizes.push((await contestant.usage()).rssBytes - empty)
    }
    results.datasetBytes = sizes as Pair<number>
    const loaded: Pair<LoadedSave[]> = [[], []]
    const paced: Pair<PacedSave[]> = [[], []]
    for (let i = 0; i < alternations; i++) {
      for (const side of [0, 1] as const) {
        progress.begin(`BGSAVE of ${keys} keys, ${programs[side].label}`)
        if (sections.includes('saving')) loaded[side].push(await saveUnderLoad(pair[side], keys))
        await settle(pair[side])
        if (sections.includes('latency')) paced[side].push(await saveAtRate(pair[side], keys, options.rate))
        await settle(pair[side])
      }
    }
    if (sections.includes('saving')) results.saving = loaded
    if (sections.includes('latency')) results.latency = paced
  } finally {
    for (const contestant of pair) await contestant.stop()
  }
}

/** Seconds from start to answer of each server with the same file, which the other server wrote. */
async function loadings(
  { programs, keys, alternations }: Options,
  progress: Progress,
): Promise<Pair<number[]>> {
  const seconds: Pair<number[]> = [[], []]
  progress.begin(`a file of ${keys} keys`)
  await within(programs[1], async (writer) => {
    await loadKeys(writer.port, 0, keys, VALUE_BYTES)
    await writer.control.send('SAVE')
    progress.begin(`loading ${keys} keys`)
    for (let i = 0; i < alternations; i++) {
      for (const side of [0, 1] as const) {
        const dir = newDirectory()
        copyFileSync(join(writer.dir, 'dump.rdb'), join(dir, 'dump.rdb'))
        const start = performance.now()
        const reader = await startContestant(programs[side], [], dir)
        seconds[side].push((performance.now() - start) / 1000)
        const size = await reader.control.send('DBSIZE')
        await reader.stop()
        if (size !== keys) throw new Error(`${programs[side].label} loaded ${String(size)} keys of ${keys}`)
      }
    }
  })
  return seconds
}

/** SETs at depth 16 with an append-only file that is never rewritten. */
async function appending(
  { programs, alternations }: Options,
  progress: Progress,
): Promise<{ policy: string; row: ThroughputRow; goal: number }[]> {
  const rows: { policy: string; row: ThroughputRow; goal: number }[] = []
  for (const [policy, requests, goal] of [
    ['everysec', 1_000_000, 1.3],
    ['always', 300_000, 1],
  ] as const) {
    const settings = ['--appendonly', 'yes', '--appendfsync', policy, '--auto-aof-rewrite-percentage', '0']
    const works = workloads({
      only: ['set'],
      depths: [16],
      keys: [100_000],
      sizes: [VALUE_BYTES],
      requests,
      quick: false,
    })
    const [row] = await measureThroughput(programs, works, alternations, progress, settings)
    rows.push({ policy, row, goal })
  }
  return rows
}

function report(options: Options, results: Results, command: string): string {
  const { programs } = options
  const parts = [
    [
      `# Persistence: ${programs[0].label} beside ${programs[1].label}`,
      '',
      machineLine(),
      `- ${programs.map(versionOf).join(' / ')}; \`${command}\`, ${loadGenerator()}`,
      `- ${options.keys} keys of 16 bytes with values of ${VALUE_BYTES}; medians of ${options.alternations} alternations, ratios of the first to the second`,
    ].join('\n'),
  ]
  const rows: string[][] = []
  if (results.saving !== undefined && results.datasetBytes !== undefined) {
    rows.push(...savingRows(results.saving, results.datasetBytes))
  }
  if (results.latency !== undefined) rows.push(...latencyRows(options, results.latency))
  if (results.loading !== undefined) {
    rows.push(row('load of the same RDB file, s', results.loading, (x) => x.toFixed(2), '≤', 1.5))
  }
  for (const { policy, row: work, goal } of results.aof ?? []) rows.push(...aofRows(policy, work, goal))
  if (results.list !== undefined) rows.push(...listRows(options, results.list))
  const head = ['', ...programs.map(({ label }) => label), 'ratio', 'goal']
  parts.push(table(head, rows))
  return `${parts.join('\n\n')}\n`
}

/** One line: medians of both, their ratio run by run, and whether the goal for it is met. */
function row(
  title: string,
  values: Pair<number[]>,
  show: (value: number) => string,
  sign?: '≥' | '≤',
  goal?: number,
): string[] {
  const spread = pairedRatio(values[0], values[1])
  return [
    title,
    ...values.map((of) => show(median(of))),
    ratio(spread),
    sign === undefined ? '' : verdict(sign, goal, spread.median),
  ]
}

function each<Item>(of: Pair<Item[]>, read: (item: Item) => number): Pair<number[]> {
  return [of[0].map(read), of[1].map(read)]
}

function savingRows(saves: Pair<LoadedSave[]>, datasetBytes: Pair<number>): string[][] {
  const extra = saves.map((of, side) =>
    of.map(({ extraBytes }) => (100 * extraBytes) / datasetBytes[side]),
  ) as Pair<number[]>
  return [
    row(
      'full load: SET/s before the save',
      each(saves, (save) => save.baseRate),
      short,
    ),
    row(
      'full load: SET/s during the save',
      each(saves, (save) => save.savingRate),
      short,
      '≥',
      1,
    ),
    row(
      '… as a part of that before',
      each(saves, (save) => save.savingRate / save.baseRate),
      two,
    ),
    row(
      'full load: seconds of the save',
      each(saves, (save) => save.seconds),
      two,
    ),
    [
      'full load: extra memory, % of the dataset',
      ...extra.map((of) => median(of).toFixed(1)),
      '',
      verdict('≤', 5, median(extra[0])),
    ],
    ['dataset, MB', ...datasetBytes.map((bytes) => (bytes / 1e6).toFixed(0)), '', ''],
  ]
}

function latencyRows({ rate }: Options, saves: Pair<PacedSave[]>): string[][] {
  const title = (what: string): string => `${short(rate)} SET/s: ${what}, ms`
  return [
    row(
      title('p99.9 before the save'),
      each(saves, (save) => save.base.p999),
      two,
    ),
    row(
      title('max before the save'),
      each(saves, (save) => save.base.max),
      two,
    ),
    row(
      title('p50 during the save'),
      each(saves, (save) => save.saving.p50),
      two,
    ),
    row(
      title('p99.9 during the save'),
      each(saves, (save) => save.saving.p999),
      two,
      '≤',
      1,
    ),
    row(
      title('max during the save'),
      each(saves, (save) => save.saving.max),
      two,
      '≤',
      1,
    ),
    row(
      `${short(rate)} SET/s: seconds of the save`,
      each(saves, (save) => save.seconds),
      two,
    ),
  ]
}

function aofRows(
  policy: string,
  { requestsPerSecond, throughputRatio, cpuMicros, cpuRatio }: ThroughputRow,
  goal: number,
): string[][] {
  return [
    [
      `AOF ${policy}: SET/s, depth 16`,
      ...requestsPerSecond.map((of) => short(of.median)),
      ratio(throughputRatio),
      verdict('≥', goal, throughputRatio.median),
    ],
    [`AOF ${policy}: server CPU, µs a SET`, ...cpuMicros.map((of) => two(of.median)), ratio(cpuRatio), ''],
  ]
}

function listRows({ elements }: Options, lists: Pair<ListSave>): string[][] {
  const line = (what: string, read: (list: ListSave) => number | undefined, goal?: number): string[] => {
    const values = lists.map(read)
    return [
      `list of ${short(elements)}: ${what}`,
      ...values.map((value) => (value === undefined ? '–' : two(value))),
      '',
      goal === undefined ? '' : verdict('≤', goal, values[0] ?? Number.NaN),
    ]
  }
  return [
    line('seconds of the save', (list) => list.seconds),
    line('longest PING before, ms', (list) => list.basePingMs),
    line('longest PING during, ms', (list) => list.pingMs, STALL_GOAL_MS),
    line('longest turn of the loop during, ms', (list) => list.loopStallMs),
    line('p99.9 of pushes and pops during, ms', (list) => list.requests.p999),
  ]
}

function two(value: number): string {
  return value.toFixed(2)
}

function optionsOf(values: Readonly<Record<string, string | boolean | undefined>>): Options {
  const number = (name: string, otherwise: number): number => Number(values[name] ?? otherwise)
  const named = String(values.section ?? SECTIONS.join(',')).split(',')
  const sections = SECTIONS.filter((section) => named.includes(section))
  if (sections.length !== named.length) throw new Error(`--section: one of ${SECTIONS.join(', ')}`)
  return {
    programs: [programAt(String(values.subject)), programAt(String(values.against))],
    sections,
    keys: number('keys', 5_000_000),
    elements: number('elements', 5_000_000),
    rate: number('rate', 20_000),
    alternations: number('alternations', 3),
  }
}

await asProgram(async () => {
  const { values } = parseArgs({
    options: {
      keys: { type: 'string' },
      elements: { type: 'string' },
      rate: { type: 'string' },
      alternations: { type: 'string' },
      section: { type: 'string' },
      save: { type: 'boolean', default: false },
      subject: { type: 'string', default: 'dist/cli.js' },
      against: { type: 'string', default: 'redis-server' },
    },
  })
  const options = optionsOf(values)
  const shown = process.argv.slice(2).map((word) => word.replace(/^.*\//, ''))
  const command = ['npx tsx bench/persistence.ts', ...shown].join(' ')
  const results = await bench(options)
  const text = report(options, results, command)
  process.stdout.write(text)
  if (values.save) {
    const directory = new URL('results/', import.meta.url)
    writeFileSync(new URL('persistence.md', directory), text)
    writeFileSync(new URL('persistence.json', directory), `${JSON.stringify(results, null, 2)}\n`)
  }
})
