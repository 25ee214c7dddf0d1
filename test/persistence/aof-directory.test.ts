/** The directory of the append-only file's parts, when somebody else writes there too. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { AofDirectory } from '../../src/persistence/aof-directory.ts'
import { ReplacedFileError } from '../../src/persistence/own-file.ts'
import { LineLog } from '../../src/platform/log.ts'

const MANIFEST = 'file old seq 1 type h\nfile a seq 2 type i\n'
const THEIRS = 'file old seq 1 type b\n'

let dir = ''
let path = ''
let lines: string[]
let configuration: Configuration
let directory: AofDirectory
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aof-directory-'))
  mkdirSync(join(dir, 'appendonlydir'))
  path = join(dir, 'appendonlydir', 'appendonly.aof.manifest')
  writeFileSync(path, MANIFEST)
  writeFileSync(join(dir, 'appendonlydir', 'old'), 'x')
  configuration = new Configuration({ dir })
  lines = []
  directory = new AofDirectory(configuration.settings, new LineLog('notice', (line) => void lines.push(line)))
  directory.settle()
})
afterEach(() => rmSync(dir, { recursive: true }))

const further = (): void => directory.save(directory.manifest.withIncrement({ name: 'b', seq: 3 }))

test('its own manifest is written over, again and again, and in other words too', () => {
  further()
  directory.save(directory.manifest.withIncrement({ name: 'c', seq: 4 }))
  writeFileSync(path, `# a remark\n${readFileSync(path, 'latin1')}`)
  directory.save(directory.manifest.withIncrement({ name: 'd', seq: 5 }))
  rmSync(path)
  directory.save(directory.manifest.withIncrement({ name: 'e', seq: 6 }))
  expect(readFileSync(path, 'latin1')).toBe(directory.manifest.text())
})

test('that of somebody else, or a broken one, is not, and nothing it may need is removed', async () => {
  for (const text of [THEIRS, 'nonsense\n']) {
    writeFileSync(path, text)
    expect(further).toThrow(ReplacedFileError)
    directory.removeHistory()
    // Files go in the background.
    await sleep(50)
    expect(readFileSync(path, 'latin1')).toBe(text)
    expect(readFileSync(join(dir, 'appendonlydir', 'old'), 'latin1')).toBe('x')
  }
  expect(lines.join('')).toContain("Can't save the AOF manifest: ")
  expect(directory.manifest.text()).toBe(MANIFEST)
  configuration.set([['save-over-replaced', 'yes']], false)
  further()
  expect(readFileSync(path, 'latin1')).toBe(`${MANIFEST}file b seq 3 type i\n`)
})
