/** The classic picture of what a cache keeps: every key a cell, the oldest first, coloured by what became of it. */
import type { CustomSeriesRenderItemReturn } from 'echarts'
import { COLOURS, drawSvg, serverColour } from './chart.ts'

/** Evicted or still there; of those added last. */
export type Fate = 'evicted' | 'kept' | 'added'

const FATE_COLOURS: Record<Fate, string> = {
  evicted: COLOURS.grid[0],
  kept: COLOURS.muted[0],
  added: serverColour(3),
}
const FATES: readonly Fate[] = ['evicted', 'kept', 'added']

/** Cells of so many pixels, so many in a row; a line between them shows through. */
const CELL = 4
const CELLS_PER_ROW = 100
const PANEL_WIDTH = CELLS_PER_ROW * CELL
const COLUMNS = 2
const GAP = 20
const TITLE_HEIGHT = 24

type Element = NonNullable<CustomSeriesRenderItemReturn>

/** One panel for each server or setting, as an SVG document. All have as many keys. */
export function drawFates(panels: readonly { title: string; fates: readonly Fate[] }[]): string {
  const rows = Math.ceil(panels[0].fates.length / CELLS_PER_ROW)
  const panelHeight = TITLE_HEIGHT + rows * CELL + GAP
  const elements = panels.flatMap(({ title, fates }, panel) => {
    const left = GAP + (panel % COLUMNS) * (PANEL_WIDTH + GAP)
    const top = GAP + Math.floor(panel / COLUMNS) * panelHeight
    const cells = FATES.map(
      (fate): Element => ({
        type: 'path',
        shape: { pathData: cellsPath(fates, fate, left, top + TITLE_HEIGHT) },
        style: { stroke: FATE_COLOURS[fate], lineWidth: CELL - 1, fill: 'none' },
      }),
    )
    return [label(title, left, top), ...cells]
  })
  const below = GAP + Math.ceil(panels.length / COLUMNS) * panelHeight
  const legend = FATES.flatMap((fate, i): Element[] => {
    const shape = { x: GAP + i * 120, y: below, width: 12, height: 12 }
    return [{ type: 'rect', shape, style: { fill: FATE_COLOURS[fate] } }, label(fate, shape.x + 18, below)]
  })
  const renderItem = (): CustomSeriesRenderItemReturn => ({
    type: 'group',
    children: [...elements, ...legend],
  })
  return drawSvg({
    name: 'eviction',
    title: 'What a cache keeps',
    description:
      'Keys in the order they were added and last read, by rows: which were evicted and which are still there.',
    width: COLUMNS * (PANEL_WIDTH + GAP) + GAP,
    height: below + 12 + GAP,
    option: { series: [{ type: 'custom', coordinateSystem: 'none', silent: true, data: [0], renderItem }] },
  })
}

/** A stroke for every run of cells of one fate in a row, which keeps the file small. */
function cellsPath(fates: readonly Fate[], fate: Fate, left: number, top: number): string {
  let path = ''
  for (let i = 0; i < fates.length; ) {
    let end = i + 1
    while (end < fates.length && fates[end] === fates[i] && end % CELLS_PER_ROW !== 0) end++
    const x = left + (i % CELLS_PER_ROW) * CELL
    const y = top + Math.floor(i / CELLS_PER_ROW) * CELL
    if (fates[i] === fate) path += `M${x} ${y}h${(end - i) * CELL - 1}`
    i = end
  }
  return path
}

function label(text: string, x: number, y: number): Element {
  const style = { text, x, y, font: '13px system-ui, sans-serif', fill: COLOURS.ink[0] }
  return { type: 'text', style }
}
