/** What README says of the commands is what they declare. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { families } from '../src/commands/families.ts'

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
