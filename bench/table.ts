/** Rows of text as a Markdown table whose columns also line up on a terminal, and figures as short text. */
import type { Spread } from './statistics.ts'

/** A Markdown table. The first column stands left, the others right; every row has as many cells as `head`. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(3, title.length, ...rows.map((row) => row[i].length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

/** `number` with about three significant digits: 1234567 → "1.23 M", 12345 → "12.3 k", 1.234 → "1.23". */
export function short(number: number): string {
  if (!Number.isFinite(number)) return '–'
  if (number >= 999_500) return `${threeDigits(number / 1e6)} M`
  if (number >= 9_995) return `${threeDigits(number / 1e3)} k`
  return threeDigits(number)
}

/** A ratio with its least and greatest: "1.43 (1.39–1.50)". */
export function ratio(spread: Spread): string {
  if (!Number.isFinite(spread.median)) return '–'
  return `${spread.median.toFixed(2)} (${spread.min.toFixed(2)}–${spread.max.toFixed(2)})`
}

/** "≥ 1.40 met", "≥ 1.40 MISSED", or nothing where there is no goal. */
export function verdict(sign: '≥' | '≤', goal: number | undefined, value: number): string {
  if (goal === undefined) return ''
  const met = sign === '≥' ? value >= goal : value <= goal
  return `${sign} ${goal} ${met ? 'met' : 'MISSED'}`
}

function threeDigits(number: number): string {
  if (number >= 100) return number.toFixed(0)
  return number >= 10 ? number.toFixed(1) : number.toFixed(2)
}
