/** MEMORY: where the memory is, what a key takes, and giving back what is not needed. */
import type { Client } from '../engine/client.ts'
import { type CommandSpec, type Family, family } from '../engine/command.ts'
import { keyAt } from '../engine/key-specs.ts'
import { datasetPercent, type MemoryReport, memoryReport, ratio } from '../engine/memory-report.ts'
import { keyBytes } from '../keyspace/memory.ts'
import { collectGarbage } from '../platform/garbage.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { SYNTAX_ERROR } from '../protocol/error-replies.ts'
import { replyHelp } from './help.ts'

const MIB = 1024 * 1024
/** Below this a server holds too little to be judged. */
const JUDGED_FROM = 5 * MIB

function usage(client: Client, args: Arguments): void {
  for (let i = 3; i < args.count; i += 2) {
    if (!args.is(i, 'SAMPLES') || i + 1 === args.count) throw SYNTAX_ERROR
    // Sizes are known without sampling, so the number only has to be one.
    if (args.integer(i + 1) < 0) throw SYNTAX_ERROR
  }
  // As in Redis the lookup counts nothing, touches nothing, and does not mind a deadline that has passed.
  const entry = client.db.peek(args.block, args.offsets[2], args.lengths[2])
  if (entry === null) client.reply.null()
  else client.reply.integer(keyBytes(client.engine.keyspace, entry))
}

function stats(client: Client): void {
  const { engine, reply } = client
  const report = memoryReport(engine)
  const { used, peak, startup, overhead, dataset, allocated, active, resident, keys } = report
  const filled = engine.keyspace.databases.filter((db) => db.size > 0)
  const integers = (fields: readonly (readonly [string, number])[]): void => {
    for (const [name, value] of fields) {
      reply.bulkText(name)
      reply.integer(Math.floor(value))
    }
  }
  const share = (name: string, value: number): void => {
    reply.bulkText(name)
    reply.double(value)
  }
  reply.mapHeader(27 + filled.length)
  integers([
    ['peak.allocated', peak],
    ['total.allocated', used],
    ['startup.allocated', startup],
    ['replication.backlog', 0],
    ['clients.slaves', 0],
    ['clients.normal', report.clients],
    ['cluster.links', 0],
    ['aof.buffer', report.aofBuffer],
    ['lua.caches', 0],
    ['functions.caches', 0],
  ])
  for (const { id, index, deadlines } of filled) {
    reply.bulkText(`db.${id}`)
    reply.mapHeader(3)
    integers([
      ['overhead.hashtable.main', index.bytes],
      ['overhead.hashtable.expires', deadlines.bytes],
      ['overhead.hashtable.slot-to-keys', 0],
    ])
  }
  integers([
    ['overhead.total', overhead],
    ['keys.count', keys],
    ['keys.bytes-per-key', ratio(used - startup, keys)],
    ['dataset.bytes', dataset],
  ])
  share('dataset.percentage', datasetPercent(report))
  share('peak.percentage', ratio(used * 100, peak))
  const arenaResident = Math.min(active, resident)
  integers([
    ['allocator.allocated', allocated],
    ['allocator.active', active],
    ['allocator.resident', arenaResident],
  ])
  share('allocator-fragmentation.ratio', ratio(active, allocated))
  integers([['allocator-fragmentation.bytes', active - allocated]])
  share('allocator-rss.ratio', ratio(arenaResident, active))
  integers([['allocator-rss.bytes', arenaResident - active]])
  share('rss-overhead.ratio', ratio(resident, arenaResident))
  integers([['rss-overhead.bytes', resident - arenaResident]])
  share('fragmentation', ratio(resident, used))
  integers([['fragmentation.bytes', resident - used]])
}

/** What a report gives reason to say, one paragraph each. */
export function findings(report: MemoryReport, clients: number): string[] {
  const { used, peak, allocated, active, resident } = report
  const found: string[] = []
  if (peak > used * 1.5) {
    found.push(
      'Peak memory: the most that was ever in use is more than 150% of what is in use now. What was freed is given back in slices, the resident size follows with delay, and MEMORY PURGE hastens it. If the peak was unexpected, look for what filled the server then.',
    )
  }
  if (active > allocated * 1.4 && active - allocated > 64 * MIB) {
    found.push(
      'High allocator fragmentation: the arena holds more than 140% of what the keys and values take, as after many deletes. Entries are moved together in the background, and segments that empty are returned to the system.',
    )
  }
  if (resident > used * 1.4 && resident - used > 128 * MIB) {
    found.push(
      'High total RSS: the process is resident with more than 140% of what is in use, 128 MB or more on top. About 50 MB belong to Node.js itself; beyond that it is garbage not yet collected, or pages the system has not taken back.',
    )
  }
  if (clients > 0 && report.clients / clients > 200 * 1024) {
    found.push(
      'Big client buffers: clients hold more than 200 KB each on average: long pipelines, or readers slower than what they ask for. CLIENT LIST tells who (tot-mem), client-output-buffer-limit bounds it.',
    )
  }
  return found
}

function doctor(client: Client): void {
  client.reply.verbatim('txt', diagnosis(memoryReport(client.engine), client.engine.clients.size))
}

/** MEMORY DOCTOR's answer; its greetings are Redis's. */
export function diagnosis(report: MemoryReport, clients: number): string {
  if (report.used < JUDGED_FROM) {
    return "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back to our programming as soon as I finished rebooting.\n"
  }
  const found = findings(report, clients)
  if (found.length === 0) {
    return "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n"
  }
  return `Sam, I detected a few issues in this instance's memory:\n\n${found.map((text) => ` * ${text}\n`).join('\n')}`
}

/** Returns what is free as a whole at once; what has to be moved together for it follows in slices. */
function purge(client: Client): void {
  const { arena, defragmentation } = client.engine.keyspace
  arena.trim()
  defragmentation.begin(true)
  collectGarbage()
  client.reply.ok()
}

function mallocStats(client: Client): void {
  const { arena, defragmentation } = client.engine.keyspace
  const text = [
    '___ Begin respite-arena statistics ___',
    `Live objects: ${arena.liveObjects}, bytes: ${arena.bytesUsed}`,
    `Held from the system, bytes: ${arena.bytesReserved} (parts never touched are not resident)`,
    `Segments: ${arena.segmentCount}, pages of 64 KiB in use: ${arena.pageCount}`,
    `Objects with a buffer of their own (above 16 KiB): ${arena.ownBuffers}`,
    `Defragmentation: ${defragmentation.isRunning ? 'running' : 'idle'}, objects moved: ${arena.moves}`,
    '--- End respite-arena statistics ---',
    '',
  ].join('\n')
  client.reply.verbatim('txt', text)
}

const HELP = [
  'DOCTOR',
  '    Return memory problems reports.',
  'MALLOC-STATS',
  '    Return internal statistics report from the memory allocator.',
  'PURGE',
  '    Attempt to purge dirty pages for reclamation by the allocator.',
  'STATS',
  '    Return information about the memory usage of the server.',
  'USAGE <key> [SAMPLES <count>]',
  '    Return memory in bytes used by <key> and its value. Nested values are',
  '    sampled up to <count> times (default: 5, 0 means sample all).',
]

const ABOUT_THE_SERVER = {
  since: '4.0.0',
  complexity: 'O(1)',
  syntax: '',
  flags: [],
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
} satisfies Partial<CommandSpec>

/** MEMORY. */
export const memoryCommands: Family = family('server', {
  MEMORY: {
    summary: 'A container for memory diagnostics commands.',
    since: '4.0.0',
    complexity: 'Depends on subcommand.',
    syntax: '',
    flags: [],
    subcommands: {
      DOCTOR: { ...ABOUT_THE_SERVER, summary: 'Outputs a memory problems report.', run: doctor },
      HELP: {
        summary: 'Returns helpful text about the different subcommands.',
        since: '4.0.0',
        complexity: 'O(1)',
        syntax: '',
        flags: ['loading', 'stale'],
        run: (client) => replyHelp(client, 'MEMORY', HELP),
      },
      'MALLOC-STATS': {
        ...ABOUT_THE_SERVER,
        summary: 'Returns the allocator statistics.',
        complexity: 'Depends on how much memory is allocated, could be slow',
        run: mallocStats,
      },
      PURGE: {
        ...ABOUT_THE_SERVER,
        summary: 'Asks the allocator to release memory.',
        complexity: 'Depends on how much memory is allocated, could be slow',
        tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
        run: purge,
      },
      STATS: { ...ABOUT_THE_SERVER, summary: 'Returns details about memory usage.', run: stats },
      USAGE: {
        summary: 'Estimates the memory usage of a key.',
        since: '4.0.0',
        complexity: 'O(N) where N is the number of samples.',
        syntax: 'key [SAMPLES count]',
        flags: ['readonly'],
        keys: [keyAt(2, 'RO')],
        run: usage,
      },
    },
  },
})
