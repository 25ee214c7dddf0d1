/**
 * How well sampled eviction chooses, beside another server: hit ratios on the same traces, the classic picture of
 * what LRU keeps, and SETs into a full server. Run alone, after a build:
 * `npx tsx bench/eviction.ts [--quick] [--part choice|speed] [--seconds N] [--svg FILE] [--out FILE] [--against PATH]
 * [--subject PATH]`.
 *
 * The LRU clock has a resolution of a second on both servers, so a trace has to last to mean anything: each takes
 * `--seconds` (30), both servers side by side, which keeps neither busy.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { asProgram } from './as-program.ts'
import { type Contestant, type Program, programAt, startContestant, versionOf } from './contestant.ts'
import { drawFates, type Fate } from './eviction-picture.ts'
import { GROWTH_STEPS, lfuGrowth } from './lfu-growth.ts'
import { machineLine } from './machine.ts'
import { Progress } from './progress.ts'
import { requestsPerSecond } from './redis-benchmark.ts'
import { pairedRatio, spread } from './statistics.ts'
import { ratio, short, table } from './table.ts'
import { evictionTraces, type Trace } from './traces.ts'

const POLICIES = [
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
]
/** Those whose speed is measured. */
const FAST_POLICIES = POLICIES.slice(0, 3)
/** Keys the caches hold, of so many that are read. */
const CAPACITY = 5_000
const ITEMS = 20_000
const READS = 150_000
/** Large against what an entry costs beside it, so that both hold about the same number. */
const VALUE = 'x'.repeat(1024)
/** Reads sent together. */
const BATCH = 50
const SAMPLES = [3, 5, 10]
/** The picture: so many keys filled and read in order, and then half as many new ones. */
const PICTURE_KEYS = 4_000

interface HitRow {
  readonly title: string
  readonly policy: string
  /** Percent of the reads after the first tenth. */
  readonly hits: readonly [number, number]
  readonly keys: readonly [number, number]
}

/** Sets maxmemory to what is in use now, as far as it counts for eviction. */
async function limitToUse({ control }: Contestant): Promise<void> {
  const info = await control.info()
  const bytes = Number(info.get('used_memory')) - Number(info.get('mem_not_counted_for_evict') ?? 0)
  await control.send('CONFIG', 'SET', 'maxmemory', `${bytes}`)
}

async function reset({ control }: Contestant, policy: string, samples: number): Promise<void> {
  await control.send('CONFIG', 'SET', 'maxmemory', '0')
  await control.send('FLUSHALL')
  await control.send('CONFIG', 'SET', 'maxmemory-policy', policy, 'maxmemory-samples', `${samples}`)
}

/** Reads the trace through a cache of CAPACITY keys, misses filled; resolves to the hits in percent. */
async function hitPercent(
  contestant: Contestant,
  trace: Trace,
  policy: string,
  seconds: number,
): Promise<number> {
  const { control } = contestant
  await reset(contestant, policy, 5)
  // Under volatile-ttl those read least end soonest: a client's own guess, as good as LFU's.
  const lives = (key: number): string[] =>
    policy.startsWith('volatile') ? ['EX', `${3600 + Math.floor(1e6 / (1 + key))}`] : []
  await Promise.all(
    Array.from({ length: CAPACITY }, (_, i) => control.send('SET', `warm:${i}`, VALUE, ...lives(ITEMS + i))),
  )
  await limitToUse(contestant)
  const counted = Math.floor(trace.keys.length / 10)
  const started = performance.now()
  let hits = 0
  for (let at = 0; at < trace.keys.length; at += BATCH) {
    const keys = [...trace.keys.subarray(at, at + BATCH)]
    const replies = await Promise.all(keys.map((key) => control.send('GET', `key:${key}`)))
    const missing = new Set(keys.filter((_, i) => replies[i] === null))
    if (at >= counted) hits += replies.filter((reply) => reply !== null).length
    await Promise.all([...missing].map((key) => control.send('SET', `key:${key}`, VALUE, ...lives(key))))
    const due = started + (seconds * 1000 * (at + BATCH)) / trace.keys.length
    if (due > performance.now() + 1) await sleep(due - performance.now())
  }
  return (hits * 100) / (trace.keys.length - counted)
}

async function keysOf({ control }: Contestant): Promise<number> {
  return Number(await control.send('DBSIZE'))
}

/** Fills, reads all keys in order, adds half as many; resolves to what became of each. */
async function picture(contestant: Contestant, samples: number, seconds: number): Promise<Fate[]> {
  const { control } = contestant
  const added = PICTURE_KEYS / 2
  await reset(contestant, 'allkeys-lru', samples)
  for (let i = 0; i < PICTURE_KEYS; i++) await control.send('SET', `key:${i}`, VALUE)
  const started = performance.now()
  for (let i = 0; i < PICTURE_KEYS; i += BATCH) {
    await Promise.all(Array.from({ length: BATCH }, (_, j) => control.send('GET', `key:${i + j}`)))
    const due = started + (seconds * 1000 * (i + BATCH)) / PICTURE_KEYS
    if (due > performance.now() + 1) await sleep(due - performance.now())
  }
  await limitToUse(contestant)
  for (let i = 0; i < added; i++) await control.send('SET', `key:${PICTURE_KEYS + i}`, VALUE)
  const there = await Promise.all(
    Array.from({ length: PICTURE_KEYS + added }, (_, i) => control.send('EXISTS', `key:${i}`)),
  )
  return there.map((reply, i) => (reply === 0 ? 'evicted' : i < PICTURE_KEYS ? 'kept' : 'added'))
}

/** Of the keys evicted, the share in percent that true LRU would have evicted too. */
function rightPercent(fates: readonly Fate[]): number {
  const gone = fates.filter((fate) => fate === 'evicted').length
  const right = fates.slice(0, gone).filter((fate) => fate === 'evicted').length
  return gone === 0 ? Number.NaN : (right * 100) / gone
}

function trueLru(): Fate[] {
  return Array.from({ length: PICTURE_KEYS * 1.5 }, (_, i) => {
    if (i < PICTURE_KEYS / 2) return 'evicted'
    return i < PICTURE_KEYS ? 'kept' : 'added'
  })
}

async function pairOf(programs: readonly Program[]): Promise<Contestant[]> {
  return [await startContestant(programs[0]), await startContestant(programs[1])]
}

async function hitRows(
  pair: Contestant[],
  quick: boolean,
  seconds: number,
  progress: Progress,
): Promise<HitRow[]> {
  const traces = evictionTraces(ITEMS, quick ? READS / 10 : READS)
  const rows: HitRow[] = []
  for (const trace of quick ? traces.slice(1, 2) : traces) {
    for (const policy of POLICIES) {
      progress.begin(`${trace.title}, ${policy}`)
      const hits = await Promise.all(pair.map((one) => hitPercent(one, trace, policy, seconds)))
      const keys = await Promise.all(pair.map(keysOf))
      rows.push({
        title: trace.title,
        policy,
        hits: hits as [number, number],
        keys: keys as [number, number],
      })
    }
  }
  return rows
}

/** The medians of both sides and their ratio, as text. */
function compared([ours, theirs]: readonly [number[], number[]]): string[] {
  return [short(spread(ours).median), short(spread(theirs).median), ratio(pairedRatio(ours, theirs))]
}

/** The longest that a server of ours held its loop, and evicted at a stretch, since RESETSTAT; milliseconds. */
async function stallOf({ control }: Contestant): Promise<{ loop: number; eviction: number }> {
  const events = (await control.send('LATENCY', 'LATEST')) as [string, number, number, number][]
  const eviction = events.find(([event]) => event === 'eviction-cycle')?.[3] ?? 0
  return { loop: Number((await control.info()).get('loop_stall_max_us')) / 1000, eviction }
}

/** SETs at depth 16 into servers that evict a key for each; one row of the table. */
async function speed(pair: Contestant[], quick: boolean, progress: Progress): Promise<string[][]> {
  const requests = quick ? 200_000 : 2_000_000
  const rows: string[][] = []
  for (const policy of FAST_POLICIES.slice(0, quick ? 1 : FAST_POLICIES.length)) {
    progress.begin(`SET into a full server, ${policy}`)
    const set = ['-t', 'set', '-r', '1000000000', '-d', '32', '-P', '16', '-c', '50']
    const rates: [number[], number[]] = [[], []]
    const micros: [number[], number[]] = [[], []]
    for (const contestant of pair) {
      await reset(contestant, policy, 5)
      await requestsPerSecond(contestant.port, [...set, '-n', `${requests}`])
      await limitToUse(contestant)
      // What comes first is not counted: the limit has just been lowered.
      await requestsPerSecond(contestant.port, [...set, '-n', `${requests / 10}`])
      await contestant.control.send('CONFIG', 'SET', 'latency-monitor-threshold', '1')
      await contestant.control.send('CONFIG', 'RESETSTAT')
      await contestant.control.send('LATENCY', 'RESET')
    }
    for (let i = 0; i < (quick ? 1 : 5); i++) {
      for (const side of [0, 1]) {
        const before = (await pair[side].usage()).cpuMicros
        rates[side].push(await requestsPerSecond(pair[side].port, [...set, '-n', `${requests}`]))
        micros[side].push(((await pair[side].usage()).cpuMicros - before) / requests)
      }
    }
    const { loop, eviction } = await stallOf(pair[0])
    rows.push([policy, ...compared(rates), ...compared(micros), loop.toFixed(1), `${eviction}`])
  }
  return rows
}

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      part: { type: 'string' },
      seconds: { type: 'string' },
      svg: { type: 'string' },
      out: { type: 'string' },
      subject: { type: 'string', default: 'dist/cli.js' },
      against: { type: 'string', default: 'redis-server' },
    },
  })
  const programs = [programAt(values.subject), programAt(values.against)]
  const seconds = Number(values.seconds ?? (values.quick ? 4 : 30))
  const { part, quick } = values
  const progress = new Progress(
    (part === 'speed' ? 0 : (quick ? 10 : 38) + GROWTH_STEPS) + (part === 'choice' ? 0 : quick ? 1 : 3),
  )
  let pair: Contestant[] = []
  try {
    pair = await pairOf(programs)
    const tables = [
      ...(part === 'speed' ? [] : await choice(pair, quick, seconds, progress, values.svg)),
      ...(part === 'choice' ? [] : speedTable(programs, await speed(pair, quick, progress))),
    ]
    progress.clear()
    const text = [...heading(programs), ...tables, ''].join('\n')
    process.stdout.write(text)
    if (values.out !== undefined) writeFileSync(values.out, text)
  } finally {
    for (const contestant of pair) await contestant.stop()
  }
}

/** What is evicted, as tables; the picture goes to the file `svgFile`. */
async function choice(
  pair: Contestant[],
  quick: boolean,
  seconds: number,
  progress: Progress,
  svgFile: string | undefined,
): Promise<string[]> {
  const labels = pair.map(({ program }) => program.label)
  const rows = await hitRows(pair, quick, seconds, progress)
  const panels: { title: string; fates: Fate[] }[] = []
  const right: string[][] = []
  for (const samples of SAMPLES) {
    progress.begin(`picture, ${samples} samples`)
    const fates = await Promise.all(pair.map((one) => picture(one, samples, seconds)))
    labels.forEach((label, side) => {
      panels.push({ title: `${label}, ${samples} samples`, fates: fates[side] })
    })
    right.push([`${samples}`, ...fates.map((of) => `${rightPercent(of).toFixed(1)} %`)])
  }
  const growth = await lfuGrowth(pair, quick ? 2 : 0, (label) => progress.begin(label))
  if (svgFile !== undefined) {
    writeFileSync(svgFile, drawFates([...panels, { title: 'true LRU', fates: trueLru() }]))
  }
  return [
    `Hits in percent of the reads after the first tenth; ${ITEMS} keys read, about ${CAPACITY} fit, ${seconds} s a trace, 5 samples:`,
    '',
    table(['trace, policy', ...labels, 'points', 'keys', 'other keys'], rows.map(hitRow)),
    '',
    'Keys evicted that true LRU evicts too, keys read in order and half as many added:',
    '',
    table(['samples', ...labels], right),
    '',
    `The counter of LFU, as OBJECT FREQ tells it, by lfu-log-factor and hits: ${labels.join(' / ')} / Redis's documentation:`,
    '',
    growth,
    '',
  ]
}

function hitRow({ title, policy, hits, keys }: HitRow): string[] {
  return [
    `${title}, ${policy}`,
    ...hits.map((percent) => percent.toFixed(2)),
    (hits[0] - hits[1]).toFixed(2),
    ...keys.map(String),
  ]
}

function speedTable(programs: readonly Program[], rows: readonly string[][]): string[] {
  const labels = programs.map(({ label }) => label)
  return [
    'SETs of new keys at depth 16 into a full server, requests a second, and CPU of the server a command;',
    'the longest that our loop was held up (a busy machine holds it up too), and a stretch of evicting, milliseconds, 0 below 1:',
    '',
    table(
      [
        'policy',
        ...labels,
        'ratio',
        ...labels.map((label) => `${label} µs`),
        'CPU ratio',
        'loop stall',
        'eviction',
      ],
      rows,
    ),
    '',
  ]
}

function heading(programs: readonly Program[]): string[] {
  return [
    `# Eviction: ${programs.map(({ label }) => label).join(' beside ')}`,
    '',
    machineLine(),
    `- ${programs.map(versionOf).join(' / ')}`,
    '',
  ]
}

await asProgram(bench)
