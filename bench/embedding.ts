/**
 * A server inside one's own process: how long it takes to start and to answer first, what an empty one weighs, what a
 * call without a socket costs, what a day of manual time costs, and a fork of a large dataset; then the time to start
 * beside other servers. Run alone, after a build:
 * `node --expose-gc --import tsx bench/embedding.ts [--keys N] [--package DIR] [--runs N] [--no-others] [--save]`
 * (--expose-gc for the memory). With --save the results are kept in results/embedding.md.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createServer, type RespiteServer, type ServerOptions } from '../src/index.ts'
import { asProgram } from './as-program.ts'
import { machineLine } from './machine.ts'
import { Progress } from './progress.ts'
import { redisVersion, START_STEPS, startTimes } from './start-times.ts'
import { percentile } from './statistics.ts'
import { table } from './table.ts'

const STARTS = 300
const EMPTY = 100
const CALLS = 200_000
const DAY = 86_400_000

const rows: string[][] = []
const millis = (value: number): string => `${value.toFixed(2)} ms`

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}

/** Start to first reply, and close. */
async function starts(name: string, options: ServerOptions): Promise<void> {
  const started: number[] = []
  const closed: number[] = []
  for (let i = 0; i < STARTS; i++) {
    let server: RespiteServer | undefined
    started.push(
      await timed(async () => {
        server = await createServer(options)
        await server.call('PING')
      }),
    )
    closed.push(await timed(async () => server?.close()))
  }
  rows.push(
    [`start to first reply, ${name}: p50`, millis(percentile(started, 0.5))],
    ['… p99', millis(percentile(started, 0.99))],
    ['close, p50', millis(percentile(closed, 0.5))],
  )
}

/** Before anything else, or the memory that others have left behind would be used again; what the first takes is not an empty server's. */
async function emptyServers(): Promise<void> {
  const { gc } = globalThis
  await (await createServer()).close()
  gc?.()
  const before = process.memoryUsage()
  const servers = await Promise.all(Array.from({ length: EMPTY }, () => createServer()))
  gc?.()
  const after = process.memoryUsage()
  const each = (now: number, then: number): string => `${((now - then) / EMPTY / 1024).toFixed(0)} KiB`
  rows.push(
    ['an empty server: heap', each(after.heapUsed, before.heapUsed)],
    ['… buffers', each(after.arrayBuffers, before.arrayBuffers)],
    ['… resident', each(after.rss, before.rss)],
  )
  await Promise.all(servers.map((server) => server.close()))
}

async function calls(): Promise<void> {
  const server = await createServer({ listen: false })
  const took = await timed(async () => {
    for (let i = 0; i < CALLS; i++) await server.call('SET', 'key', 'value')
  })
  rows.push(['one call at a time', `${((took * 1000) / CALLS).toFixed(2)} µs`])
  await server.close()
}

async function manualDay(): Promise<void> {
  const server = await createServer({ clock: 'manual', listen: false })
  rows.push(['a day of manual time, nothing due', millis(await timed(() => server.clock.advance(DAY)))])
  for (let i = 0; i < 10_000; i++) await server.call('SET', `key:${i}`, 'v', 'PX', 1 + i * 8640)
  rows.push(['… 10 000 keys expiring on the way', millis(await timed(() => server.clock.advance(DAY)))])
  await server.close()
}

async function forks(keys: number): Promise<void> {
  const server = await createServer({ listen: false })
  const connection = server.connection()
  for (let i = 0; i < keys; i += 1000) {
    const batch = Array.from({ length: Math.min(1000, keys - i) }, (_, j) =>
      connection.call('SET', `key:${i + j}`, `some value, number ${i + j}`),
    )
    await Promise.all(batch)
  }
  let bytes: Buffer = Buffer.alloc(0)
  rows.push([`snapshot() of ${keys} keys`, millis(await timed(async () => (bytes = server.snapshot())))])
  let fork: RespiteServer | undefined
  rows.push(['fork()', millis(await timed(async () => (fork = await server.fork())))])
  rows.push(['restore()', millis(await timed(async () => fork?.restore(bytes)))])
  await fork?.close()
  await server.close()
}

async function inProcess(keys: number): Promise<void> {
  await emptyServers()
  await starts('on a port', {})
  await starts('without a socket', { listen: false })
  await calls()
  await manualDay()
  await forks(keys)
}

await asProgram(async () => {
  const { values } = parseArgs({
    options: {
      keys: { type: 'string', default: '1000000' },
      package: { type: 'string', default: '.' },
      runs: { type: 'string', default: '15' },
      'no-others': { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
    },
  })
  const progress = new Progress(1 + (values['no-others'] ? 0 : START_STEPS))
  progress.begin('in this process')
  await inProcess(Number(values.keys))
  const others = values['no-others'] ? [] : [await startTimes(values.package, Number(values.runs), progress)]
  progress.clear()
  const head = [
    '# Start, and a server in the process',
    '',
    machineLine(),
    `- \`node --expose-gc --import tsx bench/embedding.ts\`${redisVersion() === undefined ? '' : `, ${redisVersion()}`}`,
  ].join('\n')
  const ours = `${STARTS} starts one after the other, ${EMPTY} empty servers at a time:`
  const text = `${[head, ours, table(['what', 'figure'], rows), ...others].join('\n\n')}\n`
  process.stdout.write(text)
  if (values.save) writeFileSync(new URL('results/embedding.md', import.meta.url), text)
})
