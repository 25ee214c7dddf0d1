/** The house rules, checked on the tree; and each rule on a tree that breaks it, so that none is asleep. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  ambient,
  cycles,
  deadFiles,
  fileSizes,
  headers,
  layers,
  MAX_FILE_LINES,
  MAX_FUNCTION_LINES,
  namedPaths,
  names,
  noAny,
  type Tree,
} from './house-rules.ts'
import { codeOf, importsOf } from './source-text.ts'

/** Files over 400 lines, each with the reason why it is better whole. */
const LONG_FILES: Readonly<Record<string, string>> = {}

/** Functions over 60 lines ("path name"), each with the reason why it is better whole. */
const LONG_FUNCTIONS: Readonly<Record<string, string>> = {}

const root = fileURLToPath(new URL('..', import.meta.url))

function readTree(folder: string): Tree {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const sources = paths.filter((path) => path.endsWith('.ts')).sort()
  return new Map(
    sources.map((path) => [path.replaceAll('\\', '/'), readFileSync(join(folder, path), 'utf8')]),
  )
}

const src = readTree(join(root, 'src'))
const tree = (files: Record<string, string>): Tree => new Map(Object.entries(files))

describe('the tree', () => {
  test('layers: imports go down', () => expect(layers(src)).toEqual([]))
  test('no import cycles', () => expect(cycles(src)).toEqual([]))
  test('no dead files', () => expect(deadFiles(src)).toEqual([]))
  test('every file says what it is for', () => expect(headers(src)).toEqual([]))
  test('no file is called utils', () => expect(names(src)).toEqual([]))
  test(`no file over ${MAX_FILE_LINES} lines`, () => expect(fileSizes(src, LONG_FILES)).toEqual([]))
  test('time, chance and process only in platform/ and cli.ts', () => expect(ambient(src)).toEqual([]))
  test('no any', () => expect(noAny(src)).toEqual([]))
  test(`no function over ${MAX_FUNCTION_LINES} lines`, () => {
    const long = longFunctions(join(root, 'src'), MAX_FUNCTION_LINES)
    expect(long.filter(({ name }) => !(name in LONG_FUNCTIONS)).map(({ text }) => text)).toEqual([])
    const found = new Set(long.map(({ name }) => name))
    expect(Object.keys(LONG_FUNCTIONS).filter((name) => !found.has(name))).toEqual([])
  })
  test.skipIf(!existsSync(join(root, 'README.md')))('README names files that exist', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8')
    expect(namedPaths(readme, (path) => existsSync(join(root, path)), src)).toEqual([])
  })
})

describe('each rule catches its fault', () => {
  test('layers', () => {
    const up = "import { a } from '../engine/a.ts'\n"
    expect(layers(tree({ 'values/v.ts': up, 'engine/a.ts': '' }))).toHaveLength(1)
    expect(layers(tree({ 'server/v.ts': up, 'engine/a.ts': '' }))).toEqual([])
    expect(layers(tree({ 'values/v.ts': up }))).toEqual([
      'values/v.ts imports engine/a.ts, which does not exist',
    ])
    const beside = "import type { P } from '../protocol/p.ts'\n"
    expect(layers(tree({ 'values/v.ts': beside, 'protocol/p.ts': '' }))).toHaveLength(1)
    expect(layers(tree({ 'keyspace/v.ts': beside, 'protocol/p.ts': '' }))).toEqual([])
    expect(layers(tree({ 'engine/a.ts': "export * from '../cli.ts'\n", 'cli.ts': '' }))).toHaveLength(1)
    expect(layers(tree({ 'new/a.ts': '' }))).toEqual(['new/a.ts: its folder is in no row'])
  })
  test('cycles', () => {
    const a = "import { b } from './b.ts'\n"
    expect(cycles(tree({ 'a.ts': a, 'b.ts': "import { a } from './a.ts'\n" }))).toEqual([
      'a.ts → b.ts → a.ts',
    ])
    expect(cycles(tree({ 'a.ts': a, 'b.ts': "import type { A } from './a.ts'\n" }))).toEqual([])
  })
  test('dead files', () => {
    const files = { 'cli.ts': "import './a.ts'\n", 'a.ts': '', 'b.ts': '' }
    expect(deadFiles(tree(files))).toEqual(['b.ts: nothing imports it'])
    expect(deadFiles(tree({ 'b.ts': '' }))).toEqual([])
  })
  test('headers', () => {
    expect(headers(tree({ 'a.ts': "import './b.ts'\n/** This is what it is for. */\n" }))).toHaveLength(1)
    expect(headers(tree({ 'a.ts': '/** */\nexport const a = 1\n' }))).toHaveLength(1)
    expect(headers(tree({ 'a.ts': '/** What this file is for. */\n' }))).toEqual([])
    expect(headers(tree({ 'a.ts': '#!/usr/bin/env node\n/**\n * What this file is for.\n */\n' }))).toEqual(
      [],
    )
  })
  test('names', () => {
    const bad = ['utils.ts', 'a/helpers.ts', 'common/x.ts', 'a/core.ts', 'a/list-utils.ts']
    expect(names(tree(Object.fromEntries(bad.map((path) => [path, '']))))).toHaveLength(bad.length)
    expect(names(tree({ 'a/score.ts': '', 'a/common-prefix.ts': '' }))).toHaveLength(1)
  })
  test('file sizes', () => {
    expect(fileSizes(tree({ 'a.ts': 'x\n'.repeat(MAX_FILE_LINES + 1) }))).toEqual(['a.ts: 401 lines'])
    expect(fileSizes(tree({ 'a.ts': 'x\n'.repeat(MAX_FILE_LINES) }))).toEqual([])
    expect(fileSizes(tree({ 'a.ts': '' }), { 'a.ts': 'was long' })).toEqual([
      'a.ts needs no exception any more',
    ])
  })
  test('function sizes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidy-'))
    const line = '  x()\n'
    writeFileSync(
      join(folder, 'a.ts'),
      `function long() {\n${line.repeat(59)}}\nfunction fits() {\n${line.repeat(58)}}\n`,
    )
    expect(longFunctions(folder, MAX_FUNCTION_LINES).map(({ name }) => name)).toEqual(['a.ts long'])
    rmSync(folder, { recursive: true })
  })
  test('time, chance and process', () => {
    const bad = [
      'new Date()',
      'performance.now()',
      'setTimeout(f)',
      'Math.random()',
      'process.env',
      '`${Date}`',
    ]
    for (const code of bad) expect(ambient(tree({ 'engine/a.ts': code })), code).toHaveLength(1)
    const good = [
      '// Date',
      "'process'",
      'clock.Date()',
      '/setTimeout/.test(x)',
      '`a ${b} Date`',
      'a / b // Date',
    ]
    for (const code of good) expect(ambient(tree({ 'engine/a.ts': code })), code).toEqual([])
    expect(ambient(tree({ 'engine/a.ts': "import { setTimeout } from 'node:timers'" }))).toHaveLength(2)
    expect(ambient(tree({ 'platform/a.ts': 'Date', 'cli.ts': 'process' }))).toEqual([])
  })
  test('any', () => {
    expect(noAny(tree({ 'a.ts': 'let a: any\nlet b = c as any // any\nlet many = "any"' }))).toHaveLength(2)
  })
  test('named paths', () => {
    const onDisk = new Set(['test/tidy.test.ts'])
    const text = 'see `test/tidy.test.ts`, `engine/a.ts`, `a.ts`, `src/gone.ts`, `npm test`'
    expect(namedPaths(text, (path) => onDisk.has(path), tree({ 'engine/a.ts': '' }))).toEqual([
      'src/gone.ts is named but does not exist',
    ])
  })
})

describe('reading source', () => {
  test('imports of every form', () => {
    const text = [
      "import a from './a.ts'",
      "import type { B } from './b.ts'",
      "import {\n  c,\n  type D,\n} from './c.ts'",
      "import './d.ts'",
      "export { e } from './e.ts'",
      "export type * from './f.ts'",
      "const g = await import('./g.ts')",
      "// import './no.ts'",
    ].join('\n')
    expect(importsOf(text)).toEqual([
      { from: './a.ts', typeOnly: false },
      { from: './b.ts', typeOnly: true },
      { from: './c.ts', typeOnly: false },
      { from: './d.ts', typeOnly: false },
      { from: './e.ts', typeOnly: false },
      { from: './f.ts', typeOnly: true },
      { from: './g.ts', typeOnly: false },
    ])
  })
  test('code without comments, strings and regular expressions', () => {
    const text = 'a(`x${ `y${z}` + {b: 1}.b }w`) /* c */ + d / e / f; /g"[/]\'/.test("h\\"i") // j'
    expect(codeOf(text).replaceAll(/\s+/g, ' ')).toBe(
      'a(` { ` {z}` + {b: 1}.b } `) + d / e / f; / /.test(" ") ',
    )
  })
})

/** Functions longer than `max` lines, by oxlint, which parses where we would guess. */
function longFunctions(folder: string, max: number): { name: string; text: string }[] {
  const temp = mkdtempSync(join(tmpdir(), 'tidy-'))
  const config = join(temp, 'oxlintrc.json')
  const rules = { 'max-lines-per-function': ['error', { max }] }
  writeFileSync(config, JSON.stringify({ categories: { correctness: 'off' }, rules }))
  const oxlint = join(root, 'node_modules/oxlint/bin/oxlint')
  const args = [oxlint, '--config', config, '--format', 'json', '.']
  const run = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  rmSync(temp, { recursive: true })
  const report = JSON.parse(run.stdout) as {
    number_of_files: number
    diagnostics: { message: string; filename: string; labels: { span: { line: number } }[] }[]
  }
  if (report.number_of_files === 0) throw new Error(`oxlint looked at no file: ${run.stdout}${run.stderr}`)
  return report.diagnostics.map(({ message, filename, labels }) => ({
    name: `${filename} ${/`([^`]*)`/.exec(message)?.[1] ?? '(anonymous)'}`,
    text: `${filename}:${labels[0]?.span.line}: ${message}`,
  }))
}
