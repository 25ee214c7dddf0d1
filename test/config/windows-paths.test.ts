/** Paths in the configuration as Windows has them, by Node's own path functions for it and folders that are made up. */
import { win32 } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

const folders: Readonly<Record<string, readonly string[]>> = {
  'C:\\respite\\conf.d': ['b.conf', 'a.conf', 'a.txt'],
  'D:\\': ['one.conf'],
  '\\\\server\\share\\': ['far.conf'],
}

beforeAll(() => {
  vi.resetModules()
  vi.doMock('node:path', () => ({ ...win32, default: win32 }))
  vi.doMock('node:fs', () => ({
    statSync: () => ({ isDirectory: () => true }),
    existsSync: () => true,
    readdirSync: (folder: string) => {
      if (folders[folder] === undefined) throw new Error(`ENOENT ${folder}`)
      return [...folders[folder]]
    },
  }))
})
afterAll(() => {
  vi.doUnmock('node:path')
  vi.doUnmock('node:fs')
  vi.resetModules()
})

test('include: drives, shares, both kinds of strokes', async () => {
  const { includePaths } = await import('../../src/config/include-paths.ts')
  const both = ['C:\\respite\\conf.d\\a.conf', 'C:\\respite\\conf.d\\b.conf']
  expect(includePaths('C:\\respite\\conf.d\\*.conf', 'D:\\')).toEqual(both)
  expect(includePaths('c*.d/?.conf', 'C:\\respite')).toEqual([])
  expect(includePaths('conf.d/?.conf', 'C:\\respite')).toEqual(both)
  expect(includePaths('D:/*.conf', 'C:\\respite')).toEqual(['D:\\one.conf'])
  expect(includePaths('\\\\server\\share\\*.conf', 'C:\\')).toEqual(['\\\\server\\share\\far.conf'])
  expect(includePaths('conf.d\\x.conf', 'C:\\respite')).toEqual(['C:\\respite\\conf.d\\x.conf'])
})

test('a file name has no folder and no drive in it', async () => {
  const { Configuration } = await import('../../src/config/configuration.ts')
  for (const name of ['..\\a.rdb', 'C:a.rdb', 'a/b.rdb']) {
    expect(() => new Configuration({ dbfilename: name }), name).toThrow(
      "dbfilename can't be a path, just a filename",
    )
  }
  const configuration = new Configuration({ dir: 'C:\\data', dbfilename: 'a.rdb', logfile: 'logs\\a.log' })
  expect(configuration.path('dbfilename')).toBe('C:\\data\\a.rdb')
  expect(configuration.path('logfile')).toBe('C:\\data\\logs\\a.log')
})
