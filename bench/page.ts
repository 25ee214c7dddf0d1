/** The report as one page that needs nothing beside itself: no script, no font, no request. */
import { COLOURS, darkStyle, escapeMarkup } from './chart.ts'
import type { Comparison } from './comparison.ts'
import type { Figure } from './figure.ts'
import { figuresOf } from './figures.ts'

/** The page of `found`, and the SVG document of each of its figures by name. */
export function reportOf(found: Comparison): { html: string; svgs: Map<string, string> } {
  const figures = figuresOf(found)
  return { html: page(found, figures), svgs: new Map(figures.map(({ name, svg }) => [name, svg])) }
}

function page(found: Comparison, figures: readonly Figure[]): string {
  const title = found.servers.map(({ label }) => label).join(' beside ')
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${escapeMarkup(title)}</title>`,
    `<style>${STYLE}${darkStyle()}</style>`,
    '</head>',
    '<body>',
    `<header>\n<h1>${escapeMarkup(title)}</h1>`,
    circumstances(found),
    contents(figures),
    '</header>',
    '<main>',
    ...figures.map(section),
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n')
}

function circumstances({ command, machine, servers, minutes }: Comparison): string {
  const facts: [string, string][] = [
    ['date', machine.date],
    ['command', `${command} (${Math.max(1, Math.round(minutes))} min)`],
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.kernel}`],
    [
      'load',
      `${machine.loadGenerator}, node ${machine.node}; on the same cores as the servers, load average before ${machine.loadBefore.toFixed(1)}`,
    ],
    ...servers.map(({ label, version }): [string, string] => [label, version]),
    [
      'method',
      'One server is measured at a time, all in turn, again and again; ratios are taken between neighbours in time. In brackets: least and greatest of the runs.',
    ],
  ]
  const rows = facts.map(([name, fact]) => `<dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(fact)}</dd>`)
  return `<dl>\n${rows.join('\n')}\n</dl>`
}

function contents(figures: readonly Figure[]): string {
  const links = figures.map(({ name, title }) => `<a href="#${name}">${escapeMarkup(title)}</a>`)
  return `<nav>${links.join(' · ')}</nav>`
}

function section({ name, title, note, svg, head, rows }: Figure): string {
  return [
    `<section id="${name}">`,
    `<h2>${escapeMarkup(title)}</h2>`,
    `<p>${escapeMarkup(note)}</p>`,
    // The page has its style sheet already, and HTML knows what an <svg> is.
    `<figure>${svg
      .replace(/<style>[^]*?<\/style>/, '')
      .replace(/ xmlns="[^"]*"/, '')
      .trim()}</figure>`,
    // The overview's numbers are all in its picture, and would push the next figures far down.
    `<details${name.startsWith('overview') ? '' : ' open'}><summary>Numbers</summary>`,
    '<div class="table"><table>',
    `<thead><tr>${cells('th', head)}</tr></thead>`,
    '<tbody>',
    ...rows.map((row) => `<tr>${cells('td', row)}</tr>`),
    '</tbody></table></div></details>',
    '</section>',
  ].join('\n')
}

function cells(tag: 'td' | 'th', texts: readonly string[]): string {
  return texts.map((text) => `<${tag}>${escapeMarkup(text)}</${tag}>`).join('')
}

const [INK, MUTED, GRID, PAPER] = ['ink', 'muted', 'grid', 'paper'].map((name) => `var(--${name})`)

function variables(dark: 0 | 1): string {
  return Object.entries(COLOURS)
    .map(([name, pair]) => `--${name}:${pair[dark]}`)
    .join(';')
}

const STYLE = [
  `:root{color-scheme:light dark;${variables(0)}}`,
  `@media (prefers-color-scheme:dark){:root{${variables(1)}}}`,
  `body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:60rem;background:${PAPER};color:${INK}`,
  ';font:16px/1.5 system-ui,sans-serif}',
  'h1{font-size:1.8rem;margin:0 0 1rem}h2{font-size:1.25rem;margin:0 0 .25rem}a{color:inherit}',
  `p{margin:.25rem 0 1rem;color:${MUTED};max-width:46rem}`,
  `section{margin-top:3rem;padding-top:1.5rem;border-top:1px solid ${GRID}}`,
  'figure{margin:0}svg{max-width:100%;height:auto;display:block}',
  `dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0 0 1rem;font-size:.9rem}`,
  `dt{color:${MUTED}}dd{margin:0;overflow-wrap:anywhere}nav{font-size:.9rem}`,
  `summary{margin-top:1rem;cursor:pointer;font-size:.85rem;color:${MUTED}}.table{overflow-x:auto}`,
  'table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums;min-width:100%}',
  `th,td{padding:.25rem .75rem;text-align:right;white-space:nowrap;border-bottom:1px solid ${GRID}}`,
  `th{color:${MUTED};font-weight:600}th:first-child,td:first-child{text-align:left;padding-left:0}`,
].join('')
