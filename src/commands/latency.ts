/** LATENCY: the spikes that keyspace/latency-monitor.ts recorded, and the histograms of commands. */
import type { Client } from '../engine/client.ts'
import { type Command, type Family, family } from '../engine/command.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err } from '../protocol/error-replies.ts'
import type { LatencyHistogram } from '../structures/latency-histogram.ts'
import { replyHelp } from './help.ts'
import { latencyDiagnosis, latencyGraph } from './latency-report.ts'

function latest(client: Client): void {
  const { reply, engine } = client
  const { series } = engine.keyspace.latency
  reply.arrayHeader(series.size)
  for (const [event, { samples, max }] of series) {
    const last = samples[samples.length - 1]
    reply.arrayHeader(4)
    reply.bulkText(event)
    reply.integer(last.time)
    reply.integer(last.latency)
    reply.integer(max)
  }
}

function history(client: Client, args: Arguments): void {
  const { reply, engine } = client
  const samples = engine.keyspace.latency.series.get(args.text(2))?.samples ?? []
  reply.arrayHeader(samples.length)
  for (const { time, latency } of samples) {
    reply.arrayHeader(2)
    reply.integer(time)
    reply.integer(latency)
  }
}

function reset(client: Client, args: Arguments): void {
  const { latency } = client.engine.keyspace
  const events = args.count === 2 ? [...latency.series.keys()] : []
  for (let i = 2; i < args.count; i++) events.push(args.text(i))
  client.reply.integer(events.filter((event) => latency.forget(event)).length)
}

function graph(client: Client, args: Arguments): void {
  const { keyspace, clock } = client.engine
  const event = args.text(2)
  const series = keyspace.latency.series.get(event)
  if (series === undefined) throw err(`No samples available for event '${event}'`)
  client.reply.verbatim('txt', latencyGraph(event, series, Math.floor(clock.now / 1000)))
}

function doctor(client: Client): void {
  const { keyspace, settings, clock } = client.engine
  const now = Math.floor(clock.now / 1000)
  client.reply.verbatim('txt', latencyDiagnosis(keyspace.latency.series, settings, now))
}

function histogram(client: Client, args: Arguments): void {
  const { commands } = client.engine
  const wanted: Command[] = args.count === 2 ? [...commands.commands] : []
  for (let i = 2; i < args.count; i++) {
    const command = commands.get(args.text(i))
    if (command !== undefined) wanted.push(command)
  }
  const measured: [string, LatencyHistogram][] = []
  for (const command of wanted) {
    for (const { name, latency } of [command, ...(command.subcommands?.values() ?? [])]) {
      if (latency !== null) measured.push([name, latency])
    }
  }
  const { reply } = client
  reply.mapHeader(measured.length)
  for (const [name, latency] of measured) {
    reply.bulkText(name)
    reply.mapHeader(2)
    reply.bulkText('calls')
    reply.integer(latency.total)
    reply.bulkText('histogram_usec')
    const bounds = latency.cumulative()
    reply.mapHeader(bounds.length)
    for (const [micros, count] of bounds) {
      reply.integer(micros)
      reply.integer(count)
    }
  }
}

const HELP: readonly string[] = [
  'DOCTOR',
  '    Return a human readable latency analysis report.',
  'GRAPH <event>',
  '    Return an ASCII latency graph for the <event> class.',
  'HISTORY <event>',
  '    Return time-latency samples for the <event> class.',
  'LATEST',
  '    Return the latest latency samples for all events.',
  'RESET [<event> ...]',
  '    Reset latency data of one or more <event> classes.',
  '    (default: reset all data for all event classes)',
  'HISTOGRAM [COMMAND ...]',
  '    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.',
  '    If no commands are specified then all histograms are replied.',
]

const REPORT = {
  since: '2.8.13',
  complexity: 'O(1)',
  flags: ['admin', 'noscript', 'loading', 'stale'],
  tips: ['nondeterministic_output', 'request_policy:all_nodes', 'response_policy:special'],
} as const

export const latencyCommands: Family = family('server', {
  LATENCY: {
    summary: 'A container for latency diagnostics commands.',
    since: '2.8.13',
    complexity: 'Depends on subcommand.',
    syntax: '',
    flags: [],
    subcommands: {
      DOCTOR: {
        ...REPORT,
        summary: 'Returns a human-readable latency analysis report.',
        syntax: '',
        run: doctor,
      },
      GRAPH: {
        ...REPORT,
        summary: 'Returns a latency graph for an event.',
        syntax: 'event',
        run: graph,
      },
      HISTOGRAM: {
        ...REPORT,
        summary: 'Returns the cumulative distribution of latencies of a subset or all commands.',
        since: '7.0.0',
        complexity: 'O(N) where N is the number of commands with latency information being retrieved.',
        syntax: '[command [command ...]]',
        run: histogram,
      },
      HISTORY: {
        ...REPORT,
        summary: 'Returns timestamp-latency samples for an event.',
        syntax: 'event',
        run: history,
      },
      LATEST: {
        ...REPORT,
        summary: 'Returns the latest latency samples for all events.',
        syntax: '',
        run: latest,
      },
      RESET: {
        ...REPORT,
        summary: 'Resets the latency data for one or more events.',
        syntax: '[event [event ...]]',
        tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
        run: reset,
      },
      HELP: {
        summary: 'Returns helpful text about the different subcommands.',
        since: '2.8.13',
        complexity: 'O(1)',
        syntax: '',
        flags: ['loading', 'stale'],
        run: (client) => replyHelp(client, 'LATENCY', HELP),
      },
    },
  },
})
