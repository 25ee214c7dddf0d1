/**
 * Whether resident memory stays where it is while keys of random sizes are overwritten with other sizes, deleted
 * and made anew, at a constant size of the dataset: `npx tsx bench/steady-memory.ts [--minutes N] [--megabytes N]
 * [--rate N] [--drift] [--config "activedefrag yes"] [--subject PATH] [--against PATH] [--out FILE]`. At its rate it
 * keeps nobody busy, so it needs no quiet machine. Both servers are sent the same commands.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../src/platform/random.ts'
import { asProgram } from './as-program.ts'
import { type Contestant, type Program, programAt, startContestant, versionOf } from './contestant.ts'
import { machineLine } from './machine.ts'
import { table } from './table.ts'

const MIB = 1024 * 1024
const SMALLEST = 16
const LARGEST = 64 * 1024
/** Of the ranges of sizes that a drift goes through, one after the other. */
const DRIFTS: readonly (readonly [number, number])[] = [
  [16, 512],
  [512, 8192],
  [8192, LARGEST],
  [SMALLEST, LARGEST],
]
const DRIFT_SECONDS = 120
/** Commands sent together. */
const BATCH = 50
/** What may be above the least afterwards, by the goal. */
const FLAT_PERCENT = 15
const ROOM = 'x'.repeat(LARGEST)

interface Sample {
  readonly minute: number
  readonly rss: readonly number[]
  readonly used: readonly number[]
  readonly dataset: number
  readonly keys: number
}

/** The dataset as it should be: the size of each key's value. */
class Plan {
  bytes: number = 0
  readonly sizes: number[] = []
  private readonly random: SeededRandom
  private readonly drift: boolean

  constructor(drift: boolean) {
    this.random = new SeededRandom(11)
    this.drift = drift
  }

  /** Logarithmic in its range: as many between 16 and 32 bytes as between 32 and 64 KiB. */
  size(seconds: number): number {
    const phase = Math.floor(seconds / DRIFT_SECONDS) % DRIFTS.length
    const [least, most] = this.drift ? DRIFTS[phase] : [SMALLEST, LARGEST]
    return Math.floor(least * (most / least) ** this.random.fraction())
  }

  /** The next command: a new key, one overwritten, or one deleted, so that the dataset stays near `target` bytes. */
  next(seconds: number, target: number): string[] {
    const { sizes, random } = this
    if (this.bytes > target && sizes.length > 1) return this.remove(random.below(sizes.length))
    const fresh = this.bytes < target * 0.98 || random.below(2) === 0
    const at = fresh ? sizes.length : random.below(sizes.length)
    const size = this.size(seconds)
    this.bytes += size - (sizes[at] ?? 0)
    sizes[at] = size
    return ['SET', `key:${at}`, ROOM.slice(0, size)]
  }

  /** The last key takes the number of the removed one, so that numbers stay dense. */
  private remove(at: number): string[] {
    const { sizes } = this
    this.bytes -= sizes[at]
    const last = sizes.length - 1
    sizes[at] = sizes[last]
    sizes.pop()
    return at === last ? ['DEL', `key:${at}`] : ['RENAME', `key:${last}`, `key:${at}`]
  }
}

async function sampleOf(pair: readonly Contestant[], plan: Plan, minute: number): Promise<Sample> {
  const usages = await Promise.all(pair.map((one) => one.usage()))
  const infos = await Promise.all(pair.map((one) => one.control.info()))
  return {
    minute,
    rss: usages.map(({ rssBytes }) => rssBytes),
    used: infos.map((info) => Number(info.get('used_memory'))),
    dataset: plan.bytes,
    keys: plan.sizes.length,
  }
}

async function fill(pair: readonly Contestant[], plan: Plan, target: number): Promise<void> {
  while (plan.bytes < target * 0.98) {
    const commands = Array.from({ length: BATCH }, () => plan.next(0, target))
    await Promise.all(pair.flatMap(({ control }) => commands.map((command) => control.send(...command))))
  }
}

async function churn(
  pair: readonly Contestant[],
  plan: Plan,
  target: number,
  minutes: number,
  rate: number,
): Promise<Sample[]> {
  const samples: Sample[] = []
  const started = performance.now()
  for (let sent = 0; ; sent += BATCH) {
    const seconds = (performance.now() - started) / 1000
    if (seconds >= samples.length * 10) samples.push(await sampleOf(pair, plan, seconds / 60))
    if (seconds >= minutes * 60) return samples
    const commands = Array.from({ length: BATCH }, () => plan.next(seconds, target))
    await Promise.all(pair.flatMap(({ control }) => commands.map((command) => control.send(...command))))
    const due = started + ((sent + BATCH) * 1000) / rate
    if (due > performance.now() + 1) await sleep(due - performance.now())
  }
}

function mb(bytes: number): string {
  return (bytes / MIB).toFixed(1)
}

function report(
  programs: readonly Program[],
  samples: readonly Sample[],
  what: string,
  moved: readonly string[],
): string {
  // The first tenth is not counted: pages come into use, and Node's heap finds its size.
  const counted = samples.slice(Math.ceil(samples.length / 10))
  const step = Math.max(1, Math.round(samples.length / 30))
  const rows = samples
    .filter((_, i) => i % step === 0)
    .map(({ minute, rss, used, dataset, keys }) => [
      minute.toFixed(1),
      mb(dataset),
      `${keys}`,
      mb(rss[0]),
      mb(rss[1]),
      mb(used[0]),
      mb(used[1]),
    ])
  const verdicts = programs.map(({ label }, side) => {
    const values = counted.map(({ rss }) => rss[side])
    const least = Math.min(...values)
    const percent = (Math.max(...values) / least - 1) * 100
    const met = percent <= FLAT_PERCENT ? 'met' : 'MISSED'
    return `- ${label}: RSS from ${mb(least)} to ${mb(Math.max(...values))} MiB after the first tenth, ${percent.toFixed(1)} % (flat within ${FLAT_PERCENT} %: ${met}); entries moved: ${moved[side]}`
  })
  const labels = programs.map(({ label }) => label)
  return [
    '# Resident memory at constant dataset size',
    '',
    machineLine(),
    `- ${programs.map(versionOf).join(' / ')}`,
    `- ${what}`,
    ...verdicts,
    '',
    table(
      [
        'minute',
        'data, MiB',
        'keys',
        ...labels.map((label) => `${label} RSS`),
        ...labels.map((label) => `${label} used_memory`),
      ],
      rows,
    ),
    '',
  ].join('\n')
}

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      megabytes: { type: 'string', default: '256' },
      rate: { type: 'string', default: '1000' },
      drift: { type: 'boolean', default: false },
      config: { type: 'string' },
      out: { type: 'string' },
      subject: { type: 'string', default: 'dist/cli.js' },
      against: { type: 'string', default: 'redis-server' },
    },
  })
  const programs = [programAt(values.subject), programAt(values.against)]
  const pair: Contestant[] = []
  try {
    for (const program of programs) pair.push(await startContestant(program))
    if (values.config !== undefined) await pair[0].control.send('CONFIG', 'SET', ...values.config.split(' '))
    const plan = new Plan(values.drift)
    const target = Number(values.megabytes) * MIB
    await fill(pair, plan, target)
    const samples = await churn(pair, plan, target, Number(values.minutes), Number(values.rate))
    const infos = await Promise.all(pair.map(({ control }) => control.info()))
    const moved = infos.map((info) => info.get('active_defrag_hits') ?? '?')
    const sizes = values.drift
      ? `ranges of sizes that change every ${DRIFT_SECONDS} s`
      : `sizes of ${SMALLEST} B to 64 KiB, spread evenly over their logarithm`
    const what = `${values.minutes} minutes, ${values.megabytes} MiB of values, ${values.rate} commands a second (new keys, overwrites, deletes), ${sizes}`
    const text = report(programs, samples, what, moved)
    process.stdout.write(text)
    if (values.out !== undefined) writeFileSync(values.out, text)
  } finally {
    for (const contestant of pair) await contestant.stop()
  }
}

await asProgram(bench)
