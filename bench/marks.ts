/** The marks of the charts: lines, bars and dots, each with whiskers from the least to the greatest measurement. */
import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemReturn, SeriesOption } from 'echarts'
import { COLOURS, serverColour, serverSymbol } from './chart.ts'
import type { Spread } from './statistics.ts'

/** Half of the width of a whisker's ends, pixels. */
const CAP = 3.5
/** Share of the room of a category that its bars take. */
const BAR_SHARE = 0.72
/** Of the fields of dataOf(): axes reach as far as the whiskers do. */
const ENCODE = { x: 0, y: [1, 2, 3] }

/** Where on its axes a value stands. On an axis of categories the first value is the category's number. */
export interface Mark {
  at: number
  spread: Spread
}

/** A line through the medians, its whiskers upright. */
export function lineMarks(name: string, server: number, marks: readonly Mark[]): SeriesOption[] {
  const colour = serverColour(server)
  return [
    whiskers(name, colour, marks),
    {
      type: 'line',
      name,
      silent: true,
      symbol: serverSymbol(server),
      symbolSize: 7,
      color: colour,
      itemStyle: { color: colour },
      lineStyle: { color: colour, width: 2 },
      data: marks.map(({ at, spread }) => [at, spread.median]),
    },
  ]
}

/** A thin line without points for each of `runs`, which are told apart only from those of other servers. */
export function courseMarks(
  name: string,
  server: number,
  runs: readonly (readonly [number, number][])[],
): SeriesOption[] {
  const colour = serverColour(server)
  return runs.map((data) => ({
    type: 'line',
    name,
    silent: true,
    symbol: 'none',
    color: colour,
    lineStyle: { color: colour, width: 1.25, opacity: 0.8 },
    data: data.map(([at, value]) => [at, value]),
  }))
}

/** Bars as high as the medians, those of `servers` servers beside each other. */
export function barMarks(
  name: string,
  server: number,
  servers: number,
  marks: readonly Mark[],
  label: ((value: number) => string) | undefined,
): SeriesOption[] {
  const colour = serverColour(server)
  const renderItem = (_: unknown, api: CustomSeriesRenderItemAPI): CustomSeriesRenderItemReturn => {
    const [middle, top] = api.coord([api.value(0), api.value(1)])
    const [, bottom] = api.coord([api.value(0), 0])
    const [step] = api.coord([Number(api.value(0)) + 1, 0])
    const room = (step - middle) * BAR_SHARE
    const width = room / servers
    const x = middle - room / 2 + server * width
    const median = Number(api.value(1))
    const text = label === undefined ? [] : [barLabel(label(median), x + width / 2, highest(api) - 5)]
    const shape = { x: x + 1, y: top, width: width - 2, height: bottom - top }
    return {
      type: 'group',
      children: [
        { type: 'rect', shape, style: { fill: colour } },
        upright(api, x + width / 2, COLOURS.ink[0]),
        ...text,
      ],
    }
  }
  return [
    { type: 'custom', name, silent: true, color: colour, renderItem, encode: ENCODE, data: dataOf(marks) },
  ]
}

/** Dots on a row each, their whiskers level, and an upright line at 0. */
export function dotMarks(name: string, colour: string, marks: readonly Mark[]): SeriesOption {
  const renderItem = (_: unknown, api: CustomSeriesRenderItemAPI): CustomSeriesRenderItemReturn => {
    const at = (value: number): number[] => api.coord([api.value(value), api.value(0)])
    const [[x, y], [from], [to]] = [at(1), at(2), at(3)]
    const pathData = `M${from} ${y - CAP}V${y + CAP}M${from} ${y}H${to}M${to} ${y - CAP}V${y + CAP}`
    return {
      type: 'group',
      children: [
        { type: 'path', shape: { pathData }, style: { stroke: colour, lineWidth: 1.5, fill: 'none' } },
        { type: 'circle', shape: { cx: x, cy: y, r: 4.5 }, style: { fill: colour } },
      ],
    }
  }
  const encode = { x: [1, 2, 3], y: 0 }
  const line = { color: COLOURS.ink[0], width: 1.5, type: 'solid' as const }
  const markLine = {
    silent: true,
    symbol: 'none',
    label: { show: false },
    lineStyle: line,
    data: [{ xAxis: 0 }],
  }
  return {
    type: 'custom',
    name,
    silent: true,
    color: colour,
    renderItem,
    encode,
    data: dataOf(marks),
    markLine,
  }
}

function whiskers(name: string, colour: string, marks: readonly Mark[]): SeriesOption {
  const renderItem = (_: unknown, api: CustomSeriesRenderItemAPI): CustomSeriesRenderItemReturn =>
    upright(api, api.coord([api.value(0), api.value(1)])[0], colour)
  return {
    type: 'custom',
    name,
    silent: true,
    color: colour,
    renderItem,
    encode: ENCODE,
    data: dataOf(marks),
  }
}

function upright(api: CustomSeriesRenderItemAPI, x: number, colour: string) {
  const [, low] = api.coord([api.value(0), api.value(2)])
  const high = highest(api)
  const pathData = `M${x - CAP} ${low}H${x + CAP}M${x} ${low}V${high}M${x - CAP} ${high}H${x + CAP}`
  return {
    type: 'path' as const,
    shape: { pathData },
    style: { stroke: colour, lineWidth: 1.25, fill: 'none' },
  }
}

function highest(api: CustomSeriesRenderItemAPI): number {
  return api.coord([api.value(0), api.value(3)])[1]
}

function barLabel(text: string, x: number, y: number) {
  const font = '11px system-ui, sans-serif'
  const style = { text, x, y, align: 'center' as const, verticalAlign: 'bottom' as const, font }
  return { type: 'text' as const, style: { ...style, fill: COLOURS.ink[0] } }
}

function dataOf(marks: readonly Mark[]): number[][] {
  return marks.map(({ at, spread }) => [at, spread.median, spread.min, spread.max])
}
