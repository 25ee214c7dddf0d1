/** Which name leads to which command, renamed ones included. */
import { describe, expect, test } from 'vitest'
import { families } from '../../src/commands/families.ts'
import type { Rename } from '../../src/config/configuration.ts'
import { CommandTable } from '../../src/engine/command-table.ts'
import { argumentsOf } from '../commands/session.ts'

const place = { origin: 'redis.conf', line: 1, text: 'rename-command …' }
const renames = (...pairs: [string, string][]): Rename[] => pairs.map(([from, to]) => ({ from, to, place }))
const found = (table: CommandTable, ...words: string[]): string | undefined =>
  table.resolve(argumentsOf(words))?.name

describe('without renames', () => {
  const table = new CommandTable(families)
  test('every command is found by its name in any case, and has an id of its own', () => {
    const ids = new Set<number>()
    for (const command of table.commands) {
      expect(found(table, command.name.toUpperCase())).toBe(command.name)
      for (const one of [command, ...(command.subcommands?.values() ?? [])]) ids.add(one.id)
    }
    expect([...ids].sort((a, b) => a - b)).toEqual(Array.from({ length: ids.size }, (_, i) => i))
  })
  test('a name that differs in one byte from the one found last is another', () => {
    for (const { name } of table.commands) {
      for (let at = 0; at < name.length; at++) {
        const other = `${name.slice(0, at)}#${name.slice(at + 1)}`
        expect(found(table, name)).toBe(name)
        expect(found(table, other)).toBeUndefined()
      }
      expect(found(table, name)).toBe(name)
      expect(found(table, '')).toBeUndefined()
      expect(found(table, `${name}#`)).toBeUndefined()
      expect(found(table, name.slice(1))).not.toBe(name)
    }
  })
  test('what is none', () => {
    for (const words of [[''], ['nosuch'], ['get|x'], ['client', 'nosuch']]) {
      expect(found(table, ...words)).toBeUndefined()
    }
    for (const name of ['', 'client|', 'client|id|x', 'get|x']) expect(table.get(name)).toBeUndefined()
  })
  test('subcommands', () => {
    expect(found(table, 'Client', 'iD', 'x')).toBe('client|id')
    expect(found(table, 'client')).toBe('client')
    expect(table.get('CLIENT|ID')?.name).toBe('client|id')
  })
})

test('renamed and removed commands', () => {
  const table = new CommandTable(
    families,
    renames(['Config', 'Hidden'], ['get', ''], ['set', 'get'], ['ping', '']),
  )
  expect(found(table, 'CONFIG', 'GET')).toBeUndefined()
  expect(found(table, 'hidden', 'get')).toBe('config|get')
  expect(found(table, 'get')).toBe('set')
  expect(found(table, 'set')).toBeUndefined()
  expect(found(table, '')).toBeUndefined()
  expect(table.commands.map(({ name }) => name)).not.toContain('ping')
  expect(table.all.map(({ name }) => name)).toContain('ping')
})

test.each<[[string, string][], string]>([
  [[['nosuch', 'x']], 'No such command in rename-command'],
  [[['get', 'set']], 'Target command name already exists'],
  [
    [
      ['get', ''],
      ['get', 'x'],
    ],
    'No such command in rename-command',
  ],
])('%j is refused', (pairs, message) => {
  expect(() => new CommandTable(families, renames(...pairs))).toThrow(message)
})
