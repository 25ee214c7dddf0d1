/**
 * What clients blocked on lists cost, beside another server: unrelated SET and LPUSH while 10 000 clients wait,
 * and pushes that serve them. Run alone, after a build:
 * `npx tsx bench/blocking.ts [--quick] [--clients N] [--against PATH] [--subject PATH]`.
 *
 * Every client that waits is a connection, and clients wait at both servers, so 10 000 of them take 20 000 descriptors
 * here: `ulimit -n` has to be a little above; where it is not, the cases run with fewer and say so.
 */
import { execFileSync } from 'node:child_process'
import net from 'node:net'
import { parseArgs } from 'node:util'
import { asProgram } from './as-program.ts'
import { type Contestant, programAt, settle, startContestant, versionOf } from './contestant.ts'
import { machineLine } from './machine.ts'
import { Progress } from './progress.ts'
import { requestsPerSecond } from './redis-benchmark.ts'
import { pairedRatio, spread } from './statistics.ts'
import { ratio, short, table } from './table.ts'

/** Descriptors that are not waiting clients'. */
const OTHER_DESCRIPTORS = 200
const STALLED_AFTER_MS = 60_000
const BLOCKED_WITHIN_MS = 30_000
/** Pushes on their way at a time where they serve clients. */
const DEPTH = 16

interface Case {
  readonly title: string
  /** Clients that wait, and the key that number `index` waits for. */
  readonly clients: number
  readonly keyOf: (index: number) => string
  /** redis-benchmark's arguments for the load; null: pushes to the keys waited for, each serving a client. */
  readonly load: readonly string[] | null
  readonly requests: number
}

interface Run {
  readonly perSecond: number
  /** Microseconds of server CPU per request, the serving of a client included. */
  readonly cpuMicros: number
}

const SET = ['-t', 'set', '-r', '100000', '-d', '32', '-P', '16']
const LPUSH = ['-t', 'lpush', '-d', '32', '-P', '16']
/** Every push makes a list: the dearest an unrelated push can be. */
const NEW_LISTS = ['-r', '100000000', '-P', '16', 'LPUSH', 'list:__rand_int__', 'element']

const oneKey = (): string => 'waited-for'
const ownKey = (index: number): string => `waited-for:${index}`

function cases(quick: boolean, clients: number): Case[] {
  const share = quick ? 0.5 : 1
  const waits: [string, number, (index: number) => string][] = [
    ['nobody waits', 0, oneKey],
    [`${clients} wait for one key`, clients, oneKey],
    [`${clients} wait for a key each`, clients, ownKey],
  ]
  const loads: [string, readonly string[], number][] = [
    ['SET', SET, 400_000],
    ['LPUSH', LPUSH, 400_000],
    ['LPUSH to new lists', NEW_LISTS, 200_000],
  ]
  const unrelated = loads.flatMap(([name, load, requests]) =>
    waits.map(([who, count, keyOf]) => ({
      title: `${name}, ${who}`,
      clients: count,
      keyOf,
      load,
      requests: Math.round(requests * share),
    })),
  )
  const serving = waits.slice(1).map(([who, count, keyOf]) => ({
    title: `LPUSH that serves one, ${who}`,
    clients: count,
    keyOf,
    load: null,
    requests: Math.round(40_000 * share),
  }))
  return [...unrelated, ...serving]
}

function frame(...parts: string[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`
}

/** The clients that wait; one that is served waits again at once. */
class Waiters {
  served = 0
  onServed: () => void = () => {}
  private readonly sockets: net.Socket[] = []
  private readonly scratch = Buffer.allocUnsafeSlow(64 * 1024)

  async open({ control, port }: Contestant, work: Case): Promise<void> {
    for (let i = 0; i < work.clients; i++) {
      const wait = Buffer.from(frame('BLPOP', work.keyOf(i), '0'))
      await new Promise<void>((resolve, reject) => {
        const served = (): boolean => {
          this.served++
          socket.write(wait)
          this.onServed()
          return true
        }
        const socket = net.connect({
          port,
          host: '127.0.0.1',
          onread: { buffer: this.scratch, callback: served },
        })
        this.sockets.push(socket)
        socket.on('error', reject)
        socket.once('connect', () => socket.write(wait, () => resolve()))
      })
    }
    const deadline = Date.now() + BLOCKED_WITHIN_MS
    while (Number((await control.info()).get('blocked_clients')) < work.clients) {
      if (Date.now() > deadline) throw new Error('the clients do not block')
    }
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
  }
}

/** Pushes to the keys in turn, each push serving a client; resolves to the pushes per second. */
function serveAll(port: number, work: Case, waiters: Waiters, pushes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const pusher = net.connect({ port, host: '127.0.0.1', noDelay: true })
    const stalled = setTimeout(() => pusher.destroy(new Error('nothing moves')), STALLED_AFTER_MS)
    let sent = 0
    let started = 0
    const goOn = (): void => {
      if (waiters.served >= pushes) {
        clearTimeout(stalled)
        pusher.destroy()
        resolve(pushes / ((performance.now() - started) / 1000))
        return
      }
      // In batches, as a pipelining client sends them.
      if (waiters.served < sent) return
      let batch = ''
      for (let i = Math.min(DEPTH, pushes - sent); i > 0; i--) {
        batch += frame('LPUSH', work.keyOf(sent++ % work.clients), 'element')
      }
      pusher.write(batch)
    }
    waiters.served = 0
    waiters.onServed = goOn
    pusher.on('data', () => {})
    pusher.on('error', reject)
    pusher.on('connect', () => {
      started = performance.now()
      goOn()
    })
  })
}

/** One server of a case, with the clients that wait there from one run to the next. */
class Side {
  private readonly contestant: Contestant
  private readonly work: Case
  private readonly waiters = new Waiters()

  constructor(contestant: Contestant, work: Case) {
    this.contestant = contestant
    this.work = work
  }

  async open(): Promise<void> {
    await this.waiters.open(this.contestant, this.work)
    await this.run()
  }

  async timedRun(): Promise<Run> {
    const { contestant, work } = this
    const before = await contestant.usage()
    const perSecond = await this.run()
    const after = await contestant.usage()
    return { perSecond, cpuMicros: (after.cpuMicros - before.cpuMicros) / work.requests }
  }

  async close(): Promise<void> {
    this.waiters.close()
    await this.contestant.control.send('FLUSHALL')
    await settle(this.contestant)
  }

  private run(): Promise<number> {
    const { contestant, work, waiters } = this
    return work.load === null
      ? serveAll(contestant.port, work, waiters, work.requests)
      : requestsPerSecond(contestant.port, ['-c', '50', '-n', `${work.requests}`, ...work.load])
  }
}

/** Short runs of the two in turn: what slows the machine for a second or more slows both. */
async function alternate(
  pair: readonly Contestant[],
  work: Case,
  alternations: number,
): Promise<[Run[], Run[]]> {
  const sides = pair.map((contestant) => new Side(contestant, work))
  const runs: [Run[], Run[]] = [[], []]
  try {
    for (const side of sides) await side.open()
    for (let turn = 0; turn < alternations; turn++) {
      for (const [i, side] of sides.entries()) runs[i].push(await side.timedRun())
    }
  } finally {
    for (const side of sides) await side.close()
  }
  return runs
}

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      clients: { type: 'string', default: '10000' },
      subject: { type: 'string', default: 'dist/cli.js' },
      against: { type: 'string', default: 'redis-server' },
    },
  })
  const programs = [programAt(values.subject), programAt(values.against)]
  const descriptors = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }))
  const clients = Math.min(Number(values.clients), Math.floor(((descriptors || 1e9) - OTHER_DESCRIPTORS) / 2))
  const works = cases(values.quick, clients)
  const alternations = values.quick ? 3 : 15
  const progress = new Progress(works.length)
  const pair: Contestant[] = []
  const rows: string[][] = []
  try {
    for (const program of programs) pair.push(await startContestant(program))
    for (const { control } of pair) await control.send('CONFIG', 'SET', 'maxclients', `${clients + 100}`)
    for (const work of works) {
      progress.begin(work.title)
      rows.push(row(work, await alternate(pair, work, alternations)))
    }
  } finally {
    for (const contestant of pair) await contestant.stop()
  }
  progress.clear()
  process.stdout.write(
    [
      `# Blocked clients: ${programs[0].label} beside ${programs[1].label}`,
      '',
      machineLine(),
      `- ${programs.map(versionOf).join(' / ')}, ulimit -n ${descriptors}`,
      `- medians of ${alternations} alternations; CPU is the server's per request`,
      '',
      table(['case', `${programs[0].label}/s`, 'other/s', 'throughput', 'µs', 'other µs', 'CPU'], rows),
      '',
    ].join('\n'),
  )
}

function row(work: Case, runs: readonly [Run[], Run[]]): string[] {
  const rates = runs.map((of) => of.map((run) => run.perSecond))
  const cpus = runs.map((of) => of.map((run) => run.cpuMicros))
  return [
    work.title,
    ...rates.map((of) => short(spread(of).median)),
    ratio(pairedRatio(rates[0], rates[1])),
    ...cpus.map((of) => spread(of).median.toFixed(2)),
    ratio(pairedRatio(cpus[0], cpus[1])),
  ]
}

await asProgram(bench)
