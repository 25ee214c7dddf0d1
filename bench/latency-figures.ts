/** The figures of latency: its distribution at fixed rates, before and during a save, and in the course of a save. */
import { latencyAxis, ninesOf, plainShort, quantileAxis } from './axes.ts'
import type { Axis, Panel } from './chart.ts'
import type { LatencyRuns, SaveRuns } from './comparison.ts'
import { type Figure, figureOf, headOf, row, two, WHISKERS } from './figure.ts'
import { courseMarks, lineMarks, type Mark } from './marks.ts'
import { QUANTILES, TIMELINE_STEP_MS } from './open-loop.ts'
import { each, LATENCIES } from './outcomes.ts'
import type { PacedSave } from './saving.ts'
import { spread } from './statistics.ts'
import { short } from './table.ts'

/** Latency at every rate. */
export function latency(all: readonly LatencyRuns[], labels: readonly string[]): Figure {
  const y = latencyAxis(all.flatMap(({ runs }) => runs.flat().flatMap(({ curve }) => curve)))
  const panels = all.map(
    ({ perSecond, runs }): Panel => ({
      title: `${plainShort(perSecond)} SET a second`,
      x: quantileAxis,
      y,
      series: labels.flatMap((label, server) =>
        lineMarks(label, server, curveMarks(runs[server].map(({ curve }) => curve))),
      ),
    }),
  )
  const note = `${OPEN_LOOP} ${all[0].seconds} s a run. ${WHISKERS}`
  const columns = Math.min(2, all.length)
  const chart = {
    name: 'latency',
    title: 'Latency distribution',
    note,
    panels,
    columns,
    panelHeight: 340,
    legend: labels,
  }
  const rows = all.flatMap(({ perSecond, runs }) =>
    LATENCIES.map(([what, read]) => row(`${plainShort(perSecond)}/s: ${what}`, each(runs, read), two)),
  )
  return figureOf(chart, { head: headOf(labels, 'ms'), rows })
}

const OPEN_LOOP = [
  'Requests leave at a fixed rate over 20 connections, however fast the answers come, so a server that stalls lets them',
  'pile up as it would with real clients. Both axes are logarithmic. The client is a Node process on the same machine and',
  'sends once a millisecond: its own delays are in every curve.',
].join(' ')

function curveMarks(curves: readonly number[][]): Mark[] {
  return QUANTILES.map((quantile, i) => ({
    at: ninesOf(quantile),
    spread: spread(curves.map((curve) => curve[i])),
  }))
}

/** Latency before and during saves. */
export function save({ keys, perSecond, runs }: SaveRuns, labels: readonly string[]): Figure {
  const y = latencyAxis(runs.flat().flatMap(({ base, saving }) => base.curve.concat(saving.curve)))
  const panels = (['base', 'saving'] as const).map(
    (when): Panel => ({
      title: when === 'base' ? 'Before the save' : 'During BGSAVE',
      x: quantileAxis,
      y,
      series: labels.flatMap((label, server) =>
        lineMarks(label, server, curveMarks(runs[server].map((run) => run[when].curve))),
      ),
    }),
  )
  const title = 'What a save does to latency'
  const note = `BGSAVE of ${short(keys)} keys while ${plainShort(perSecond)} SET a second come in. ${OPEN_LOOP} ${WHISKERS}`
  const chart = { name: 'save', title, note, panels, columns: 2, panelHeight: 340, legend: labels }
  const rows = [
    ...LATENCIES.map(([what, read]) =>
      row(
        `before: ${what}, ms`,
        each(runs, (run) => read(run.base)),
        two,
      ),
    ),
    ...LATENCIES.map(([what, read]) =>
      row(
        `during: ${what}, ms`,
        each(runs, (run) => read(run.saving)),
        two,
      ),
    ),
    row(
      'duration of the save, s',
      each(runs, (run) => run.seconds),
      two,
    ),
  ]
  return figureOf(chart, { head: headOf(labels, ''), rows })
}

/** The same saves in the course of time: each of them a line, from a second before it. */
export function saveCourse({ keys, perSecond, runs }: SaveRuns, labels: readonly string[]): Figure {
  const courses = runs.map((of) => of.map(courseOf))
  const points = courses.flat(2)
  const x: Axis = {
    name: 'seconds since BGSAVE',
    type: 'value',
    min: -1,
    max: Math.ceil(Math.max(1, ...points.map(([at]) => at))),
  }
  const series = labels.flatMap((label, server) => courseMarks(label, server, courses[server]))
  const panels: Panel[] = [{ title: '', x, y: latencyAxis(points.map(([, worst]) => worst)), series }]
  const note = [
    `The longest latency of what was sent in each ${TIMELINE_STEP_MS} ms, of the same saves of ${short(keys)} keys`,
    `under ${plainShort(perSecond)} SET a second; every save is a line of its own, which ends with it.`,
  ].join(' ')
  const chart = {
    name: 'stall',
    title: 'The stall of a save',
    note,
    panels,
    columns: 1,
    panelHeight: 330,
    legend: labels,
  }
  const rows = [row('longest latency during the save', each(runs, longest), two)]
  return figureOf(chart, { head: headOf(labels, 'ms'), rows })
}

function longest(run: PacedSave): number {
  return Math.max(...courseOf(run).map(([at, worst]) => (at < 0 ? 0 : worst)))
}

/** [seconds since the save began, worst milliseconds] from a second before it. */
function courseOf({ base, saving }: PacedSave): [number, number][] {
  const before = base.worst ?? []
  return [...before, ...(saving.worst ?? [])].flatMap((worst, i): [number, number][] => {
    const at = ((i - before.length) * TIMELINE_STEP_MS) / 1000
    return worst === null || at < -1 ? [] : [[at, worst]]
  })
}
