/** What a run found, as text: the Markdown tables, and the files in results/. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { type LoadRow, STALL_GOAL_MS } from './big-load.ts'
import { type Machine, machineLine } from './machine.ts'
import type { MemoryRow } from './memory.ts'
import { ratio, short, table, verdict } from './table.ts'
import type { ThroughputRow } from './throughput.ts'
import { goalOf, nameOf } from './workloads.ts'

export interface Results {
  command: string
  machine: Machine
  /** Labels and versions of the server measured and of the other. */
  servers: [string, string]
  versions: [string, string]
  alternations: number
  /** Whether the other server is the one our goals are set against. */
  goals: boolean
  throughput: ThroughputRow[]
  memory: MemoryRow[]
  load: LoadRow[]
}

/** The whole report in Markdown, which is also what the terminal shows. */
export function markdown(results: Results): string {
  const parts = [heading(results)]
  if (results.throughput.length > 0) parts.push(throughputPart(results))
  if (results.memory.length > 0) parts.push(memoryPart(results))
  if (results.load.length > 0) parts.push(loadPart(results))
  return `${parts.join('\n\n')}\n`
}

/** Writes <date>-<host kind>.json and latest.md into `directory`. */
export function save(results: Results, directory: URL): void {
  const kind = `${process.platform}-${process.arch}-${results.machine.cores}cores`
  mkdirSync(directory, { recursive: true })
  const json = JSON.stringify(results, roundedNumbers, 2)
  writeFileSync(new URL(`${results.machine.date}-${kind}.json`, directory), `${json}\n`)
  writeFileSync(new URL('latest.md', directory), markdown(results))
}

function heading(results: Results): string {
  const { machine, servers, versions } = results
  return [
    `# ${servers[0]} beside ${servers[1]}`,
    '',
    machineLine(machine),
    `- \`${results.command}\`, ${machine.loadGenerator}`,
    `- ${servers[0]}: ${versions[0]}`,
    `- ${servers[1]}: ${versions[1]}`,
  ].join('\n')
}

function throughputPart(results: Results): string {
  const [ours, theirs] = results.servers
  const head = ['command', 'depth', 'keys', 'value', `${ours} req/s`, `${theirs} req/s`, 'throughput', 'goal']
  const rows = results.throughput.map((row) => [
    nameOf(row.work),
    `${row.work.depth}`,
    row.work.keys === 0 ? '–' : short(row.work.keys),
    row.work.valueBytes === 0 ? '–' : `${row.work.valueBytes} B`,
    ...row.requestsPerSecond.map((rps) => short(rps.median)),
    ratio(row.throughputRatio),
    verdict('≥', results.goals ? goalOf(row.work) : undefined, row.throughputRatio.median),
    ...row.cpuMicros.map((cpu) => cpu.median.toFixed(2)),
    ratio(row.cpuRatio),
  ])
  return [
    '## Throughput and CPU',
    '',
    `Medians of ${results.alternations} alternations; ratios are ${ours} to ${theirs}, run by run (least–greatest).`,
    'CPU is user and system time of the server per command, in µs.',
    '',
    table([...head, `${ours} µs`, `${theirs} µs`, 'CPU'], rows),
  ].join('\n')
}

function memoryPart(results: Results): string {
  const [ours, theirs] = results.servers
  const head = ['1 M of', `${ours} B`, `${theirs} B`, 'ratio', 'goal', 'empty RSS, MB', 'used_memory / RSS']
  const rows = results.memory.map((row) => [
    row.title,
    ...row.bytesPerItem.map((bytes) => bytes.median.toFixed(1)),
    ratio(row.ratio),
    verdict('≤', results.goals ? row.goal : undefined, row.ratio.median),
    row.emptyRss.map((bytes) => megabytes(bytes)).join(' / '),
    row.usedShare.map((share) => share.toFixed(2)).join(' / '),
  ])
  return [
    '## Memory',
    '',
    'Growth of RSS per item, after a tenth of them was loaded and flushed ten times, which is as many commands as are measured.',
    '',
    table(head, rows),
  ].join('\n')
}

function loadPart(results: Results): string {
  const head = ['server', 'keys', 'seconds', 'keys/s', 'loop stall, ms', 'goal', 'PING p50, ms', 'p99', 'max']
  const rows = results.load.map((row) => [
    row.label,
    short(row.keys),
    row.seconds.toFixed(1),
    short(row.keys / row.seconds),
    row.loopStallsMs.map((stall) => stall.toFixed(1)).join(' ') || '–',
    row.loopStallsMs.length === 0 ? '' : verdict('≤', STALL_GOAL_MS, Math.max(...row.loopStallsMs)),
    row.ping.p50.toFixed(2),
    row.ping.p99.toFixed(1),
    row.ping.max.toFixed(1),
    megabytes(row.rssBytes),
    row.heapBytes.map((bytes) => megabytes(bytes)).join(' '),
  ])
  return [
    '## Loading many keys',
    '',
    'One pipelined connection to a server that just started; PING every 5 ms from another process. Longest turn of the',
    'loop in each tenth of the load; heap before, after each tenth, at rest.',
    '',
    table([...head, 'RSS, MB', 'JS heap, MB'], rows),
  ].join('\n')
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? '–' : (bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)
}

/** For JSON.stringify(): four decimals are more than any of these figures deserve, and keep the files small. */
export function roundedNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value
}
