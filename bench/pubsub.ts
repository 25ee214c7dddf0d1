/**
 * PUBLISH to few and to many, beside another server: delivered messages per second and server CPU for each.
 * Run alone, after a build: `npx tsx bench/pubsub.ts [--quick] [--against PATH] [--subject PATH]`.
 *
 * Every subscriber is a connection, so 10 000 of them take 10 000 descriptors here and as many in the server:
 * `ulimit -n` has to be a little above; where it is not, the case runs with fewer and says so. One process
 * reads for all subscribers, and where that is the slower part (many connections, little in each) the rates of
 * both servers say more about it than about them; CPU per message does not suffer from that.
 */
import { execFileSync } from 'node:child_process'
import net from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { asProgram } from './as-program.ts'
import { type Contestant, programAt, settle, startContestant, versionOf } from './contestant.ts'
import { machineLine } from './machine.ts'
import { Progress } from './progress.ts'
import { requestsPerSecond } from './redis-benchmark.ts'
import { pairedRatio, spread } from './statistics.ts'
import { ratio, short, table } from './table.ts'

/** Descriptors that are not subscribers'. */
const OTHER_DESCRIPTORS = 200
const CHANNEL = 'news:1'
const MESSAGE = 'x'.repeat(64)
const STALLED_AFTER_MS = 60_000
/** Clients that publish at once, as many as redis-benchmark has by default. */
const CROWD = 50

interface Case {
  readonly title: string
  readonly subscribers: number
  /** Sent by subscriber `index` before anything is measured. */
  readonly subscribe: (index: number) => string[]
  /** Bytes one PUBLISH leads to, all subscribers together, and the messages they are. */
  readonly bytes: number
  readonly deliveries: number
  /** Connections that publish: 1 waits for every delivery before it goes on, more are redis-benchmark's. */
  readonly publishers: number
  /** PUBLISHes of a publisher on their way at a time, and in a run. */
  readonly depth: number
  readonly publishes: number
}

interface Run {
  readonly perSecond: number
  /** Microseconds of server CPU per unit: a delivered message, or a PUBLISH where none is delivered. */
  readonly cpuMicros: number
}

function frame(...parts: string[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`
}

const DIRECT = frame('message', CHANNEL, MESSAGE).length

function direct(subscribers: number, publishers: number, depth: number, publishes: number): Case {
  return {
    title: `${subscribers} subscribers, ${publishers} publishing, depth ${depth}`,
    subscribers,
    publishers,
    subscribe: () => ['SUBSCRIBE', CHANNEL],
    bytes: subscribers * DIRECT,
    deliveries: subscribers,
    depth,
    publishes,
  }
}

/** A thousand patterns over ten connections, of which all match or none does. */
function patterns(matching: boolean, depth: number, publishes: number): Case {
  // The first class differs and still takes the channel's first byte.
  const pattern = (i: number): string => (matching ? `[n${i}]?ws:*` : `other:${i}:*`)
  let bytes = 0
  if (matching) {
    for (let i = 0; i < 1000; i++) bytes += frame('pmessage', pattern(i), CHANNEL, MESSAGE).length
  }
  return {
    title: `1000 patterns, ${matching ? 'all match' : 'none matches'}, depth ${depth}`,
    subscribers: 10,
    subscribe: (index) => ['PSUBSCRIBE', ...Array.from({ length: 100 }, (_, i) => pattern(index * 100 + i))],
    bytes,
    deliveries: matching ? 1000 : 0,
    publishers: 1,
    depth,
    publishes,
  }
}

function cases(quick: boolean, most: number): Case[] {
  const share = quick ? 0.2 : 1
  const some = (publishes: number): number => Math.max(1, Math.round(publishes * share))
  return [
    direct(1, 1, 1, some(20_000)),
    direct(1, CROWD, 1, some(200_000)),
    direct(1, 1, 64, some(400_000)),
    direct(100, 1, 1, some(2000)),
    direct(100, CROWD, 1, some(40_000)),
    direct(100, 1, 16, some(40_000)),
    direct(Math.min(10_000, most), 1, 1, some(40)),
    direct(Math.min(10_000, most), 1, 16, some(640)),
    patterns(true, 1, some(1000)),
    patterns(false, 16, some(100_000)),
  ]
}

/** The subscribers of a case: they count bytes and look at none. */
class Audience {
  received = 0
  onData: () => void = () => {}
  private readonly sockets: net.Socket[] = []
  private readonly scratch = Buffer.allocUnsafeSlow(64 * 1024)

  async open(port: number, work: Case): Promise<void> {
    for (let at = 0; at < work.subscribers; at += 200) {
      const batch = Math.min(200, work.subscribers - at)
      await Promise.all(Array.from({ length: batch }, (_, i) => this.add(port, work.subscribe(at + i))))
    }
    this.received = 0
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  /** Resolves when the first byte of the confirmations is here; settling waits for the rest. */
  private add(port: number, command: string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({
        port,
        host: '127.0.0.1',
        onread: {
          buffer: this.scratch,
          callback: (size) => {
            this.received += size
            resolve()
            this.onData()
            return true
          },
        },
      })
      this.sockets.push(socket)
      socket.on('error', reject)
      socket.write(frame(...command))
    })
  }
}

/** Publishes and waits for every delivery; resolves to the seconds it took. */
function publishAll(port: number, work: Case, audience: Audience, publishes: number): Promise<number> {
  const request = Buffer.from(frame('PUBLISH', CHANNEL, MESSAGE))
  const replyBytes = `:${work.deliveries}\r\n`.length
  return new Promise((resolve, reject) => {
    const publisher = net.connect({ port, host: '127.0.0.1', noDelay: true })
    const stalled = setTimeout(() => publisher.destroy(new Error('nothing moves')), STALLED_AFTER_MS)
    let sent = 0
    let answered = 0
    let started = 0
    const goOn = (): void => {
      const delivered = work.bytes === 0 ? Number.POSITIVE_INFINITY : audience.received / work.bytes
      const done = Math.min(answered / replyBytes, delivered)
      if (done >= publishes) {
        clearTimeout(stalled)
        publisher.destroy()
        resolve((performance.now() - started) / 1000)
        return
      }
      // In batches, as a pipelining client sends them.
      if (sent - done > 0) return
      const count = Math.min(work.depth, publishes - sent)
      sent += count
      publisher.write(Buffer.concat(Array.from({ length: count }, () => request)))
    }
    audience.received = 0
    audience.onData = goOn
    publisher.on('data', (chunk) => {
      answered += chunk.length
      goOn()
    })
    publisher.on('error', reject)
    publisher.on('connect', () => {
      started = performance.now()
      goOn()
    })
  })
}

/** Publishes from many connections; resolves to the seconds until all was delivered. */
async function publishFromMany(
  port: number,
  work: Case,
  audience: Audience,
  publishes: number,
): Promise<number> {
  const { publishers, depth, bytes } = work
  audience.received = 0
  const load = ['-c', `${publishers}`, '-P', `${depth}`, '-n', `${publishes}`, 'PUBLISH', CHANNEL, MESSAGE]
  const perSecond = await requestsPerSecond(port, load)
  const ended = performance.now()
  while (audience.received < publishes * bytes) {
    if (performance.now() - ended > STALLED_AFTER_MS) throw new Error('nothing moves')
    await nextTurn()
  }
  return publishes / perSecond + (performance.now() - ended) / 1000
}

async function timedRun(contestant: Contestant, work: Case): Promise<Run> {
  const audience = new Audience()
  try {
    await audience.open(contestant.port, work)
    const publish = work.publishers === 1 ? publishAll : publishFromMany
    await publish(contestant.port, work, audience, Math.ceil(work.publishes / 4))
    await settle(contestant)
    const before = await contestant.usage()
    const seconds = await publish(contestant.port, work, audience, work.publishes)
    const after = await contestant.usage()
    const units = work.publishes * Math.max(1, work.deliveries)
    return { perSecond: units / seconds, cpuMicros: (after.cpuMicros - before.cpuMicros) / units }
  } finally {
    audience.close()
    await settle(contestant)
  }
}

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      subject: { type: 'string', default: 'dist/cli.js' },
      against: { type: 'string', default: 'redis-server' },
    },
  })
  const programs = [programAt(values.subject), programAt(values.against)]
  const descriptors = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }))
  const works = cases(values.quick, (descriptors || 1e9) - OTHER_DESCRIPTORS)
  const alternations = values.quick ? 2 : 5
  const progress = new Progress(works.length)
  const pair: Contestant[] = []
  const rows: string[][] = []
  try {
    for (const program of programs) pair.push(await startContestant(program))
    for (const { control } of pair) await control.send('CONFIG', 'SET', 'maxclients', '10100')
    for (const work of works) {
      progress.begin(work.title)
      const runs: [Run[], Run[]] = [[], []]
      for (let i = 0; i < alternations; i++) {
        for (const side of [0, 1]) runs[side].push(await timedRun(pair[side], work))
      }
      rows.push(row(work, runs))
    }
  } finally {
    for (const contestant of pair) await contestant.stop()
  }
  progress.clear()
  process.stdout.write(
    [
      `# PUBLISH: ${programs[0].label} beside ${programs[1].label}`,
      '',
      machineLine(),
      `- ${programs.map(versionOf).join(' / ')}, ulimit -n ${descriptors}`,
      `- medians of ${alternations} alternations; per delivered message, or per PUBLISH where none is delivered`,
      '',
      table(['case', `${programs[0].label}/s`, 'other/s', 'throughput', 'µs', 'other µs', 'CPU'], rows),
      '',
    ].join('\n'),
  )
}

function row(work: Case, runs: readonly [Run[], Run[]]): string[] {
  const [rates, cpus] = [
    runs.map((of) => of.map((run) => run.perSecond)),
    runs.map((of) => of.map((run) => run.cpuMicros)),
  ]
  return [
    work.title,
    ...rates.map((of) => short(spread(of).median)),
    ratio(pairedRatio(rates[0], rates[1])),
    ...cpus.map((of) => spread(of).median.toFixed(2)),
    ratio(pairedRatio(cpus[0], cpus[1])),
  ]
}

await asProgram(bench)
