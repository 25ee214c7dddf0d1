/** Locks on files: one holder at a time, whatever path leads there, and none left behind by a process that was killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { FileLock } from '../../src/platform/file-lock.ts'

const directory = mkdtempSync(join(tmpdir(), 'lock-'))
afterAll(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'dump.rdb')

test('one at a time; names beside each other do not matter to each other', async () => {
  const first = FileLock.take(file)
  expect(first).not.toBeNull()
  expect(FileLock.take(file)).toBeNull()
  const other = FileLock.take(join(directory, 'other.rdb'))
  expect(other).not.toBeNull()
  await first?.release()
  const second = FileLock.take(file)
  expect(second).not.toBeNull()
  await Promise.all([second?.release(), other?.release()])
})

test.skipIf(process.platform === 'win32')(
  'another path to the same directory means the same file',
  async () => {
    const inner = join(directory, 'inner')
    const alias = join(directory, 'alias')
    mkdirSync(inner)
    symlinkSync(inner, alias)
    const lock = FileLock.take(join(inner, 'a'))
    expect(FileLock.take(join(alias, 'a'))).toBeNull()
    await lock?.release()
  },
)

test('a directory that is not there', () => {
  expect(() => FileLock.take(join(directory, 'gone', 'a'))).toThrow(/ENOENT/)
})

test('a process that is killed holds nothing', async () => {
  const module = fileURLToPath(new URL('../../src/platform/file-lock.ts', import.meta.url))
  const script = `import { FileLock } from ${JSON.stringify(module)}
    console.log(FileLock.take(${JSON.stringify(file)}) !== null)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await once(child.stdout, 'data')
  expect(String(said)).toBe('true\n')
  expect(FileLock.take(file)).toBeNull()
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = FileLock.take(file)
  expect(lock).not.toBeNull()
  await lock?.release()
})

async function takeTwice(): Promise<void> {
  vi.resetModules()
  const { FileLock } = await import('../../src/platform/file-lock.ts')
  for (let i = 0; i < 2; i++) expect(FileLock.take(join(directory, 'shared'))).not.toBeNull()
}

describe('where the system has no locks to give, everybody gets one', () => {
  afterEach(() => {
    vi.doUnmock('node:net')
    vi.doUnmock('node:fs')
    vi.unstubAllGlobals()
    vi.resetModules()
  })

  test('a sandbox without local names', async () => {
    const server = { on: () => server, listen: () => server, unref: () => server, listening: false }
    vi.doMock('node:net', () => ({ createServer: () => server }))
    await takeTwice()
  })

  test('a network file system on macOS', async () => {
    vi.stubGlobal('process', Object.create(process, { platform: { value: 'darwin' } }))
    const opened = vi.fn(() => {
      throw Object.assign(new Error('not supported'), { code: 'ENOTSUP' })
    })
    vi.doMock('node:fs', async (original) => ({ ...(await original<object>()), openSync: opened }))
    await takeTwice()
    expect(opened).toHaveBeenCalledTimes(2)
  })
})
