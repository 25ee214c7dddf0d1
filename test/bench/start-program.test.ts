/** The programs that are timed: each starts as many servers as it is told, on the built package. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { type EmbeddedStarts, startProgram } from '../../bench/start-program.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'respite-starts-'))
const modules = join(folder, 'node_modules')
mkdirSync(modules)
symlinkSync(root, join(modules, 'respite'), 'junction')
symlinkSync(join(root, 'node_modules', 'ioredis'), join(modules, 'ioredis'), 'junction')
afterAll(() => rmSync(folder, { recursive: true }))

test
  .skipIf(!existsSync(join(root, 'dist', 'index.js')))
  .each(['respite', 'respite without a socket'] as const)('%s', (what) => {
  const file = join(folder, 'start.mjs')
  writeFileSync(file, startProgram(what))
  const text = execFileSync(process.execPath, [file, '3'], { encoding: 'utf8', timeout: 20_000 })
  const { first, starts, closes } = JSON.parse(text) as EmbeddedStarts
  expect([starts.length, closes.length]).toEqual([3, 3])
  expect(Math.min(first, ...starts, ...closes)).toBeGreaterThan(0)
})
