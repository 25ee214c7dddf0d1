/** What README says of commands and settings is what they declare. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { families } from '../src/commands/families.ts'
import { datasetDirectives } from '../src/config/dataset-directives.ts'
import type { Directive } from '../src/config/directive.ts'
import { DIRECTIVES } from '../src/config/directives.ts'
import { networkDirectives } from '../src/config/network-directives.ts'
import { persistenceDirectives } from '../src/config/persistence-directives.ts'
import { processDirectives } from '../src/config/process-directives.ts'
import { replicationDirectives } from '../src/config/replication-directives.ts'
import { respiteDirectives } from '../src/config/respite-directives.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

test('its table has every command, in its group', () => {
  const declared = new Map<string, string[]>()
  for (const { group, specs } of families) {
    declared.set(group, [...(declared.get(group) ?? []), ...Object.keys(specs)].toSorted())
  }
  const told = new Map<string, string[]>()
  for (const [, group, names] of readme.matchAll(/^\| ([a-z]+) \| ((?:[A-Z_]+ ?)+) \|$/gm)) {
    told.set(group, names.split(' '))
  }
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(declared))
})

/** What is Respite's own: its table, and what stands among Redis's for its meaning. */
const OWN: Readonly<Record<string, Directive>> = {
  'rdb-version': DIRECTIVES['rdb-version'],
  ...respiteDirectives,
}

const AREAS: Readonly<Record<string, Readonly<Record<string, Directive>>>> = {
  'network and access': networkDirectives,
  process: processDirectives,
  dataset: datasetDirectives,
  persistence: persistenceDirectives,
  'replication, cluster': replicationDirectives,
}

test('its table has every directive of Redis, and whether it acts', () => {
  const rows = Object.entries(AREAS).map(([area, directives]) => {
    const names = (support: string): string =>
      Object.entries(directives)
        .filter(([name, row]) => row.support === support && !(name in OWN))
        .map(([name]) => name)
        .toSorted()
        .join(' ')
    return `| ${area} | ${names('supported')} | ${names('not-supported')} |`.replaceAll('|  |', '| |')
  })
  expect(rowsBelow('| area |')).toEqual(rows)
})

test('its table has every directive of Respite’s own, with values and default', () => {
  const rows = Object.entries(OWN).map(([name, row]) => `| ${name} | ${valuesOf(row)} | ${row.default} |`)
  const told = rowsBelow('| Respite’s own |')
  expect(told.map((row) => row.split('|').slice(0, 4).join('|').concat('|'))).toEqual(rows)
  for (const row of told) expect(row).toMatch(/\| \w[^|]+ \|$/)
})

function valuesOf(row: Directive): string {
  if ('values' in row) return row.values.join(', ')
  if (row.type === 'boolean') return 'yes, no'
  if (row.type !== 'integer') return row.type
  return row.max === undefined ? `from ${row.min ?? 0}` : `${row.min ?? 0} to ${row.max}`
}

/** The rows of the table whose head begins so. */
function rowsBelow(head: string): string[] {
  const lines = readme.split('\n')
  const start = lines.findIndex((line) => line.startsWith(head)) + 2
  return lines.slice(start, lines.indexOf('', start))
}
