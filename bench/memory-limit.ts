/**
 * Whether maxmemory holds: SETs of 16 B to 1 MB, pipelined on several connections, into a full server, and the memory
 * in use asked for every millisecond: `npx tsx bench/memory-limit.ts [--seconds N] [--maxmemory BYTES] [--policy P]
 * [--depth N] [--mix even|extreme] [--subject PATH] [--against PATH]`. What is above the limit matters here, not the speed.
 *
 * A busy server answers less often than every millisecond. Ours also tells the most it found in a look before every
 * command of the whole time, which no moment between two samples escapes.
 */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../src/platform/random.ts'
import { asProgram } from './as-program.ts'
import { type Contestant, programAt, startContestant, versionOf } from './contestant.ts'
import { machineLine } from './machine.ts'
import { table } from './table.ts'

const MIB = 1024 * 1024
const SMALLEST = 16
const LARGEST = MIB
const CONNECTIONS = 4
const BODY = Buffer.alloc(LARGEST, 'x')
/** What the goal allows above maxmemory. */
const ABOVE_PERCENT = 1

interface Outcome {
  readonly samples: number
  /** The most in use, without the clients' buffers, and how often it was above the limit, and above 1 % more. */
  readonly most: number
  /** The same by the server's own look before every command; undefined where it does not tell. */
  readonly peak: number | undefined
  readonly above: number
  readonly farAbove: number
  readonly commands: number
  readonly evicted: number
  readonly refused: number
  readonly cpuMicros: number
  readonly seconds: number
  readonly stallMs: number | undefined
}

/** Sizes of values by name: spread evenly over their logarithm, or thousands of small ones for each large one. */
const MIXES: Readonly<Record<string, (random: SeededRandom) => number>> = {
  even: (random) => Math.floor(SMALLEST * (LARGEST / SMALLEST) ** random.fraction()),
  extreme: (random) => (random.below(5000) === 0 ? LARGEST : SMALLEST + random.below(48)),
}

/** SETs of random sizes, `depth` unanswered at a time, until stopped; `counts` are replies and errors among them. */
function pour(
  port: number,
  { depth, mix }: { depth: number; mix: string },
  seed: number,
  counts: { replies: number; errors: number },
): () => void {
  const sizes = MIXES[mix]
  const random = new SeededRandom(seed)
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
  const request = (): void => {
    const size = sizes(random)
    const key = `key:${random.below(1_000_000)}`
    socket.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${size}\r\n`)
    socket.write(BODY.subarray(0, size))
    socket.write('\r\n')
  }
  socket.on('connect', () => {
    for (let i = 0; i < depth; i++) request()
  })
  socket.on('data', (chunk: Buffer) => {
    socket.cork()
    for (const byte of chunk) {
      // Replies are +OK or -OOM.
      if (byte === 0x2d) counts.errors++
      if (byte !== 0x0a) continue
      counts.replies++
      request()
    }
    socket.uncork()
  })
  socket.on('error', () => {})
  return () => socket.destroy()
}

async function measure(
  { control, port, usage }: Contestant,
  options: { seconds: number; maxmemory: number; policy: string; depth: number; mix: string },
): Promise<Outcome> {
  await control.send('CONFIG', 'SET', 'maxmemory', `${options.maxmemory}`, 'maxmemory-policy', options.policy)
  await control.send('CONFIG', 'RESETSTAT')
  const counts = { replies: 0, errors: 0 }
  const before = (await usage()).cpuMicros
  const stops = Array.from({ length: CONNECTIONS }, (_, i) => pour(port, options, i + 1, counts))
  let most = 0
  let above = 0
  let farAbove = 0
  let samples = 0
  const started = performance.now()
  const end = started + options.seconds * 1000
  while (performance.now() < end) {
    const text = String(await control.send('INFO', 'memory'))
    const figure = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1])
    const used = figure('used_memory') - figure('mem_clients_normal')
    samples++
    most = Math.max(most, used)
    if (used > options.maxmemory) above++
    if (used > options.maxmemory * (1 + ABOVE_PERCENT / 100)) farAbove++
    await sleep(1)
  }
  for (const stop of stops) stop()
  const seconds = (performance.now() - started) / 1000
  const info = await control.info()
  const told = (name: string): number | undefined => {
    const value = info.get(name)
    return value === undefined ? undefined : Number(value)
  }
  const stall = told('loop_stall_max_us')
  return {
    samples,
    most,
    peak: told('mem_counted_for_evict_peak'),
    above,
    farAbove,
    commands: counts.replies,
    evicted: Number(info.get('evicted_keys')),
    refused: counts.errors,
    cpuMicros: (await usage()).cpuMicros - before,
    seconds,
    stallMs: stall === undefined ? undefined : stall / 1000,
  }
}

const HEAD = [
  'server',
  'samples',
  'most, MiB',
  'peak, MiB',
  'above',
  'samples above',
  'by more than 1 %',
  'SETs',
  'SETs/s',
  'CPU µs/SET',
  'evicted',
  '-OOM',
  'loop stall, ms',
]

function cells(found: Outcome, maxmemory: number): string[] {
  return [
    `${found.samples}`,
    (found.most / MIB).toFixed(2),
    found.peak === undefined ? '' : (found.peak / MIB).toFixed(2),
    `${((Math.max(found.most, found.peak ?? 0) / maxmemory - 1) * 100).toFixed(2)} %`,
    `${found.above}`,
    `${found.farAbove}`,
    `${found.commands}`,
    (found.commands / found.seconds).toFixed(0),
    (found.cpuMicros / found.commands).toFixed(1),
    `${found.evicted}`,
    `${found.refused}`,
    found.stallMs === undefined ? '' : found.stallMs.toFixed(1),
  ]
}

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      maxmemory: { type: 'string', default: `${64 * MIB}` },
      policy: { type: 'string', default: 'allkeys-lru' },
      depth: { type: 'string', default: '16' },
      mix: { type: 'string', default: 'even' },
      subject: { type: 'string', default: 'dist/cli.js' },
      against: { type: 'string', default: 'redis-server' },
    },
  })
  const maxmemory = Number(values.maxmemory)
  const options = {
    maxmemory,
    seconds: Number(values.seconds),
    policy: values.policy,
    depth: Number(values.depth),
    mix: values.mix,
  }
  const rows: string[][] = []
  const programs = [programAt(values.subject), programAt(values.against)]
  for (const program of programs) {
    const contestant = await startContestant(program)
    try {
      const found = await measure(contestant, options)
      rows.push([program.label, ...cells(found, maxmemory)])
    } finally {
      await contestant.stop()
    }
  }
  process.stdout.write(
    [
      '# Memory in use under maxmemory',
      '',
      machineLine(),
      `- ${programs.map(versionOf).join(' / ')}`,
      `- ${values.seconds} s of SETs of 16 B to 1 MB (${values.mix}) at depth ${values.depth} on ${CONNECTIONS} connections, maxmemory ${maxmemory / MIB} MiB, ${values.policy}`,
      '- in use: used_memory less mem_clients_normal, asked for every millisecond as far as the server answers; the peak is by a look before every command',
      '',
      table(HEAD, rows),
      '',
    ].join('\n'),
  )
}

await asProgram(bench)
