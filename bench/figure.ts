/** What a figure of the report is made of: a chart, what to know about it, and a table of its numbers with their spread. */
import { type Chart, drawChart } from './chart.ts'
import { pairedRatio, type Spread, spread } from './statistics.ts'
import { ratio } from './table.ts'

export interface Figure {
  /** Of the SVG file, and in the page's address. */
  name: string
  title: string
  note: string
  svg: string
  head: string[]
  rows: string[][]
}

/** How charts are to be read. */
export const WHISKERS = 'Points and bars are medians, whiskers reach from the least to the greatest run.'

/** `note` is also what a reader hears who does not see the chart. */
export function figureOf(
  { note, ...chart }: Omit<Chart, 'description'> & { note: string },
  table: { head: string[]; rows: string[][] },
): Figure {
  const { name, title } = chart
  return { name, title, note, svg: drawChart({ ...chart, description: note }), ...table }
}

/** Columns of row(): the name, every server, then the first to each of the others. */
export function headOf(labels: readonly string[], unit: string): string[] {
  const ratios = labels.slice(1).map((label) => `${labels[0]} ÷ ${label}`)
  return ['', ...labels.map((label) => (unit === '' ? label : `${label}, ${unit}`)), ...ratios]
}

/** One line: every server, then the first to each of the others. */
export function row(title: string, runs: readonly number[][], show: (value: number) => string): string[] {
  const figures = runs.map((values) => spreadText(spread(values), show))
  return [title, ...figures, ...runs.slice(1).map((theirs) => ratio(pairedRatio(runs[0], theirs)))]
}

function spreadText({ median, min, max }: Spread, show: (value: number) => string): string {
  return `${show(median)} (${show(min)}–${show(max)})`
}

/** With two decimals. */
export function two(value: number): string {
  return value.toFixed(2)
}
