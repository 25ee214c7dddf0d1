/** The figures of the report, from what was measured: each a chart, what to know about it, and a table of its numbers. */
import { doublingRateAxis, inDoublings, inRateDoublings, rateAxis, timesAxis } from './axes.ts'
import { type Axis, COLOURS, type Panel, serverColour } from './chart.ts'
import type { Comparison } from './comparison.ts'
import { type Figure, figureOf, headOf, row, two, WHISKERS } from './figure.ts'
import { latency, save, saveCourse } from './latency-figures.ts'
import { barMarks, dotMarks, lineMarks, type Mark } from './marks.ts'
import { type Outcome, outcomesOf, type Verdict, verdictOf, workTitle } from './outcomes.ts'
import { type Spread, spread } from './statistics.ts'
import { ratio, short } from './table.ts'
import type { WorkRuns } from './throughput.ts'
import { CLIENTS, type CommandName, nameOf } from './workloads.ts'

/** Every figure that `found` has measurements for; the overviews first. */
export function figuresOf(found: Comparison): Figure[] {
  const all: Figure[] = []
  const labels = found.servers.map(({ label }) => label)
  for (let other = 1; other < labels.length; other++) all.push(overview(found, labels, other))
  if (found.depth !== undefined) all.push(byDepth(found.depth, labels))
  if (found.size !== undefined) all.push(bySize(found.size, labels))
  if (found.commands !== undefined) all.push(byCommand(found.commands, labels), cpu(found.commands, labels))
  if (found.latency !== undefined) all.push(latency(found.latency, labels))
  if (found.memory !== undefined) all.push(memory(found.memory, labels))
  if (found.save !== undefined) all.push(save(found.save, labels), saveCourse(found.save, labels))
  return all
}

const UNDECIDED = COLOURS.muted[0]

function overview(found: Comparison, labels: readonly string[], other: number): Figure {
  const outcomes = outcomesOf(found, other)
  const [ours, theirs] = [labels[0], labels[other]]
  const counts = countVerdicts(outcomes)
  const note = [
    `A dot right of 1: ${ours} is ahead by that factor; left of 1: ${theirs} is. It is counted as ahead or behind`,
    `only if every pair of runs says so (the whisker, least to greatest, does not touch 1): ahead in ${counts.ahead}`,
    `of ${outcomes.length}, behind in ${counts.behind}, not to be told apart in ${counts.even}.`,
  ].join(' ')
  const marks = (verdict: Verdict): Mark[] =>
    outcomes
      .map(({ advantage }, at) => ({ at, advantage }))
      .filter(({ advantage }) => verdictOf(advantage) === verdict)
      .map(({ at, advantage }) => ({ at, spread: inDoublings(advantage) }))
  const series = [
    dotMarks(`${ours} ahead`, serverColour(0), marks('ahead')),
    dotMarks(`${theirs} ahead`, serverColour(other), marks('behind')),
    dotMarks('not to be told apart', UNDECIDED, marks('even')),
  ]
  const legend = series.map((one) => `${one.name}`)
  const x: Axis = {
    name: `times better than ${theirs}`,
    ...timesAxis(outcomes.map(({ advantage }) => advantage)),
  }
  const y: Axis = {
    name: '',
    type: 'category',
    categories: outcomes.map(({ group, what }) => `${group}: ${what}`),
  }
  const panels: Panel[] = [{ title: '', x, y, series }]
  const name = other === 1 ? 'overview' : `overview-${other}`
  const title = `All comparisons of ${ours} with ${theirs}`
  const panelHeight = 60 + outcomes.length * 17
  const rows = outcomes.map((one) => [
    `${one.group}: ${one.what}`,
    ratio(one.advantage),
    verdictOf(one.advantage),
  ])
  const head = ['', `times better than ${theirs}`, ours]
  return figureOf({ name, title, note, panels, columns: 1, panelHeight, left: 260, legend }, { head, rows })
}

function countVerdicts(outcomes: readonly Outcome[]): Record<Verdict, number> {
  const counts = { ahead: 0, behind: 0, even: 0 }
  for (const { advantage } of outcomes) counts[verdictOf(advantage)]++
  return counts
}

const LOAD = `redis-benchmark with ${CLIENTS} clients on the same machine`

function byDepth(runs: readonly WorkRuns[], labels: readonly string[]): Figure {
  const axis = { name: 'pipeline depth, commands', of: (row: WorkRuns) => `${row.work.depth}` }
  const note = `${LOAD}, ${short(runs[0].work.keys)} random keys, values of ${runs[0].work.valueBytes} bytes. ${WHISKERS}`
  return throughputLines('depth', 'Throughput against pipeline depth', note, runs, labels, axis)
}

function bySize(runs: readonly WorkRuns[], labels: readonly string[]): Figure {
  const axis = { name: 'value size, bytes', of: (row: WorkRuns) => binary(row.work.valueBytes) }
  const note = `${LOAD}, pipeline depth ${runs[0].work.depth}, ${short(runs[0].work.keys)} random keys. ${WHISKERS}`
  return throughputLines('size', 'Throughput against value size', note, runs, labels, axis)
}

function throughputLines(
  name: string,
  title: string,
  note: string,
  runs: readonly WorkRuns[],
  labels: readonly string[],
  axis: { name: string; of: (row: WorkRuns) => string },
): Figure {
  const commands = [...new Set(runs.map(({ work }) => work.command))]
  const y = doublingRateAxis(runs.flatMap(({ requestsPerSecond }) => requestsPerSecond.flat()))
  const panels = commands.map((command): Panel => {
    const rows = runs.filter(({ work }) => work.command === command)
    const series = labels.flatMap((label, server) =>
      lineMarks(
        label,
        server,
        marksOf(
          rows.map((row) => row.requestsPerSecond[server]),
          inRateDoublings,
        ),
      ),
    )
    const x: Axis = { name: axis.name, type: 'category', categories: rows.map(axis.of) }
    return { title: nameOf(rows[0].work), x, y, series }
  })
  const chart = { name, title, note, panels, columns: commands.length, panelHeight: 320, legend: labels }
  return figureOf(
    chart,
    workTable(runs, labels, 'requests/s', (row) => row.requestsPerSecond, short),
  )
}

/** Bars for every command, a panel for each depth. */
function commandBars(
  runs: readonly WorkRuns[],
  labels: readonly string[],
  y: Axis,
  read: (row: WorkRuns) => number[][],
): Panel[] {
  const depths = [...new Set(runs.map(({ work }) => work.depth))]
  return depths.map((depth) => {
    const rows = runs.filter(({ work }) => work.depth === depth)
    const series = labels.flatMap((label, server) =>
      barMarks(label, server, labels.length, marksOf(rows.map((row) => read(row)[server])), undefined),
    )
    const categories = rows.map(({ work }) => shortName(work.command))
    const x: Axis = { name: 'command', type: 'category', categories }
    return { title: depth === 1 ? 'Depth 1: no pipeline' : `Pipeline depth ${depth}`, x, y, series }
  })
}

function byCommand(runs: readonly WorkRuns[], labels: readonly string[]): Figure {
  const panels = commandBars(runs, labels, rateAxis, (row) => row.requestsPerSecond)
  const title = 'Throughput by command'
  const note = `${LOAD}, ${MSET_LRANGE} ${WHISKERS}`
  const chart = { name: 'commands', title, note, panels, columns: 2, panelHeight: 310, legend: labels }
  return figureOf(
    chart,
    workTable(runs, labels, 'requests/s', (row) => row.requestsPerSecond, short),
  )
}

const MSET_LRANGE = 'values of 32 bytes; MSET sets ten keys, LRANGE reads 100 elements.'

function cpu(runs: readonly WorkRuns[], labels: readonly string[]): Figure {
  const y: Axis = { name: 'µs of CPU a command (less is better)', type: 'value', min: 0 }
  const panels = commandBars(runs, labels, y, (row) => row.cpuMicros)
  const title = 'CPU per command'
  const note = `User and system time of all threads of the server, in the same runs; ${MSET_LRANGE} ${WHISKERS}`
  const chart = { name: 'cpu', title, note, panels, columns: 2, panelHeight: 310, legend: labels }
  return figureOf(
    chart,
    workTable(runs, labels, 'µs', (row) => row.cpuMicros, two),
  )
}

function memory(all: NonNullable<Comparison['memory']>, labels: readonly string[]): Figure {
  const series = labels.flatMap((label, server) =>
    barMarks(label, server, labels.length, marksOf(all.map((item) => item.bytesPerItem[server])), (bytes) =>
      bytes.toFixed(0),
    ),
  )
  const x: Axis = { name: 'what is stored', type: 'category', categories: all.map(({ title }) => title) }
  const y: Axis = { name: 'bytes each (less is better)', type: 'value', min: 0 }
  const title = 'Bytes per key and per list element'
  const note = [
    `Growth of resident memory while ${short(all[0].count)} of them are loaded into a server that has run before.`,
    WHISKERS,
  ].join(' ')
  const panels = [{ title: '', x, y, series }]
  const chart = { name: 'memory', title, note, panels, columns: 1, panelHeight: 300, legend: labels }
  const rows = all.map((item) => row(item.title, item.bytesPerItem, (bytes) => bytes.toFixed(1)))
  return figureOf(chart, { head: headOf(labels, 'bytes'), rows })
}

/** A mark for each list of measurements, one after the other on the axis; `place` is where on the other a spread is. */
function marksOf(
  runs: readonly number[][],
  place: (measured: Spread) => Spread = (measured) => measured,
): Mark[] {
  return runs.map((values, at) => ({ at, spread: place(spread(values)) }))
}

function workTable(
  runs: readonly WorkRuns[],
  labels: readonly string[],
  unit: string,
  read: (row: WorkRuns) => number[][],
  show: (value: number) => string,
): { head: string[]; rows: string[][] } {
  return { head: headOf(labels, unit), rows: runs.map((one) => row(workTitle(one), read(one), show)) }
}

function binary(bytes: number): string {
  return bytes >= 1024 ? `${Math.round(bytes / 1024)} Ki` : `${bytes}`
}

function shortName(command: CommandName): string {
  return command === 'lrange_100' ? 'LRANGE' : command.toUpperCase()
}
