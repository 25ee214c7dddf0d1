/**
 * Charts as SVG text, drawn by echarts without a browser: their panels, axes, colours and what a screen reader says.
 * They carry their dark colours with them. What the marks look like is marks.ts; which figures there are, figures.ts.
 */
import { type EChartsOption, init, type SeriesOption } from 'echarts'

/** Each colour on a light and on a dark page. Lower case: they are found again in what echarts writes. */
export const COLOURS = {
  paper: ['#ffffff', '#0d1117'],
  ink: ['#1f2328', '#e6edf3'],
  muted: ['#59636e', '#9aa4af'],
  grid: ['#d9dfe5', '#353c45'],
} as const

/** What is drawn for the first server, the second and so on; told apart by lightness and by SYMBOLS too. */
const SERVER_COLOURS = [
  ['#0969da', '#58a6ff'],
  ['#c2500a', '#ffa657'],
  ['#7b3fc4', '#c8a6ff'],
  ['#0f766e', '#56d4c4'],
] as const
const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond'] as const

const FONT = 'system-ui, sans-serif'
const WIDTH = 900
/** Pixels around each panel: the axis's figures left, its name above, what is told below. */
const MARGIN = { left: 62, right: 28, top: 52, bottom: 46 }
const LEGEND_HEIGHT = 30

export interface Axis {
  /** With its unit. */
  name: string
  type: 'category' | 'value' | 'log'
  categories?: readonly string[]
  min?: number
  max?: number
  interval?: number
  label?: (value: number) => string
}

/** One plot of a chart. Series name no axis: they are put on this panel's. */
export interface Panel {
  title: string
  x: Axis
  y: Axis
  series: SeriesOption[]
}

export interface Chart {
  /** Also the prefix of the ids in it, so that several charts can be on one page. */
  name: string
  title: string
  /** What a reader who does not see it should know. */
  description: string
  panels: readonly Panel[]
  columns: number
  panelHeight: number
  /** More room for long names on the left. */
  left?: number
  /** Names of series; none for no legend. */
  legend: readonly string[]
}

/** The colour of server number `server` on a light page. */
export function serverColour(server: number): string {
  return SERVER_COLOURS[server % SERVER_COLOURS.length][0]
}

/** The shape of the points of server number `server`. */
export function serverSymbol(server: number): string {
  return SYMBOLS[server % SYMBOLS.length]
}

/** `chart` as an SVG document that stands alone and can also stand in a page. */
export function drawChart(chart: Chart): string {
  const left = chart.left ?? MARGIN.left
  const top = topMargin(chart.panels)
  const legendHeight = chart.legend.length > 0 ? LEGEND_HEIGHT : 0
  const panelWidth = WIDTH / chart.columns
  const height = legendHeight + Math.ceil(chart.panels.length / chart.columns) * chart.panelHeight
  const places = chart.panels.map((_, i) => ({
    left: (i % chart.columns) * panelWidth,
    top: legendHeight + Math.floor(i / chart.columns) * chart.panelHeight,
  }))
  const option: EChartsOption = {
    title: chart.panels.map(({ title }, i) => ({
      text: title,
      left: places[i].left + (left === MARGIN.left ? 14 : left),
      top: places[i].top,
      padding: [4, 0],
      textStyle: { color: COLOURS.ink[0], fontFamily: FONT, fontSize: 14 },
    })),
    grid: places.map((place) => ({
      left: place.left + left,
      top: place.top + top,
      width: panelWidth - left - MARGIN.right,
      height: chart.panelHeight - top - MARGIN.bottom,
      outerBoundsMode: 'none' as const,
    })),
    xAxis: chart.panels.map(({ x }, i) => ({ gridIndex: i, ...xAxis(x) })),
    yAxis: chart.panels.map(({ y }, i) => ({ gridIndex: i, ...yAxis(y) })),
    series: chart.panels.flatMap(({ series }, i) =>
      series.map((one) => ({ ...one, xAxisIndex: i, yAxisIndex: i })),
    ),
    legend: {
      show: chart.legend.length > 0,
      data: [...chart.legend],
      left: 14,
      top: 0,
      itemGap: 28,
      textStyle: { color: COLOURS.ink[0], fontFamily: FONT, fontSize: 13 },
    },
  }
  return drawSvg({ ...chart, width: WIDTH, height, option })
}

/** Less where no panel has a title, and hardly any where no name stands above an axis either. */
function topMargin(panels: readonly Panel[]): number {
  if (panels.some(({ title }) => title !== '')) return MARGIN.top
  return panels.some(({ y }) => y.name !== '') ? 30 : 8
}

/** An echarts option as an SVG document; drawChart() makes such options for panels with axes. */
export function drawSvg(picture: {
  name: string
  title: string
  description: string
  width: number
  height: number
  option: EChartsOption
}): string {
  const { name, title, description, width, height } = picture
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  chart.setOption({
    animation: false,
    backgroundColor: COLOURS.paper[0],
    textStyle: { fontFamily: FONT },
    ...picture.option,
  })
  const text = chart.renderToSVGString()
  chart.dispose()
  return labelled(withoutInteraction(text).replaceAll(/\bzr\d+-/g, `${name}-`), name, title, description)
}

/** A style sheet that turns the colours of every chart into those for a dark page. */
export function darkStyle(): string {
  const rules = [...Object.values(COLOURS), ...SERVER_COLOURS].map(
    ([light, dark]) => `[fill="${light}"]{fill:${dark}}[stroke="${light}"]{stroke:${dark}}`,
  )
  return `@media (prefers-color-scheme:dark){${rules.join('')}}`
}

/** `text` so that HTML and SVG show it as it is. */
export function escapeMarkup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** echarts marks what a mouse may point at, and lays unseen shapes there: half of the text. */
function withoutInteraction(svg: string): string {
  return svg
    .replaceAll(/ (?:ecmeta_\w+|pointer-events|class)="[^"]*"/g, '')
    .replace(/<style >[^]*?<\/style>\n?/, '')
    .replaceAll(/<path [^>]*fill-opacity="0" stroke="[^"]*" stroke-width="0"><\/path>\n/g, '')
    .replaceAll(' fill="#000"', '')
    .replaceAll(/ (?:d|transform|x|y|width|height)="[^"]*"/g, rounded)
}

/** A tenth of a pixel is as fine as anyone sees; level lines, of which there are many, need no second y. */
function rounded(attribute: string): string {
  return attribute
    .replaceAll(/\d+\.\d{2,}/g, (number) => `${Math.round(Number(number) * 10) / 10}`)
    .replaceAll(/(M[-\d.]+ ([-\d.]+))L([-\d.]+) \2(?![\d.])/g, '$1H$3')
}

function labelled(svg: string, name: string, title: string, description: string): string {
  const size = /width="(\d+)" height="(\d+)"/.exec(svg)
  const head = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size?.[1]}" height="${size?.[2]}"`,
    ` viewBox="0 0 ${size?.[1]} ${size?.[2]}" role="img" aria-labelledby="${name}-title ${name}-desc">\n`,
    `<title id="${name}-title">${escapeMarkup(title)}</title>\n`,
    `<desc id="${name}-desc">${escapeMarkup(description)}</desc>\n`,
    `<style>${darkStyle()}</style>`,
  ].join('')
  return `${svg.replace(/^<svg[^>]*>/, head).trim()}\n`
}

function axisOf(axis: Axis): Record<string, unknown> {
  const { type, min, max, interval, categories, label } = axis
  const all = { min, max, interval, data: categories }
  const given = Object.entries(all).filter(([, value]) => value !== undefined)
  return {
    type,
    ...Object.fromEntries(given),
    axisLine: { show: true, onZero: false, lineStyle: { color: COLOURS.muted[0] } },
    axisTick: { show: false },
    splitLine: { show: type !== 'category', lineStyle: { color: COLOURS.grid[0] } },
    axisLabel: {
      color: COLOURS.muted[0],
      fontSize: 12,
      ...(label === undefined ? {} : { formatter: label }),
      ...(type === 'category' ? { interval: 0 } : {}),
    },
    nameTextStyle: { color: COLOURS.muted[0], fontSize: 12 },
  }
}

function xAxis(axis: Axis): object {
  return { ...axisOf(axis), name: axis.name, nameLocation: 'middle', nameGap: 28 }
}

/** Its name stands above it, flush with its figures, where it can be read without turning one's head. */
function yAxis(axis: Axis): object {
  const own = axisOf(axis)
  if (axis.type === 'category') return { ...own, inverse: true }
  const nameTextStyle = { color: COLOURS.muted[0], fontSize: 12, align: 'left', padding: [0, 0, 0, -48] }
  return { ...own, name: axis.name, nameLocation: 'end', nameGap: 10, nameTextStyle }
}
