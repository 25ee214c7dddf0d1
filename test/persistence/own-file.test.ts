/** Not writing over a file that somebody else has put where ours was. */
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { OwnFile, ReplacedFileError, stampOf } from '../../src/persistence/own-file.ts'

let directory = ''
let file = ''
let looks = 0
let own: OwnFile
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'own-file-'))
  file = join(directory, 'file')
  looks = 0
  own = new OwnFile(content)
})
afterEach(() => rmSync(directory, { recursive: true }))

function content(path: string): string | null {
  looks++
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

const know = (): void => own.know(file, stampOf(file), 'ours')

test('what was written or loaded may be written over, and costs no second look', () => {
  writeFileSync(file, 'ours')
  know()
  own.check(file)
  expect(looks).toBe(0)
})

test('the same content, touched or copied, is as good', () => {
  writeFileSync(file, 'ours')
  know()
  utimesSync(file, 1, 1)
  own.check(file)
  expect(looks).toBe(1)
  own.check(file)
  expect(looks).toBe(1)
  copyFileSync(file, `${file}.copy`)
  renameSync(`${file}.copy`, file)
  own.check(file)
  expect(looks).toBe(2)
})

test('another content is not, changed in place or under another inode, even of the same size', () => {
  writeFileSync(file, 'ours')
  know()
  const { atime, mtime } = statSync(file)
  writeFileSync(`${file}.new`, 'your')
  utimesSync(`${file}.new`, atime, mtime)
  renameSync(`${file}.new`, file)
  expect(() => own.check(file)).toThrow(ReplacedFileError)
  expect(() => own.check(file)).toThrow(
    /^.*file is not what this server last loaded or wrote: .*save-over-replaced/,
  )
  writeFileSync(file, 'ours and more')
  expect(() => own.check(file)).toThrow(ReplacedFileError)
  writeFileSync(file, 'ours')
  own.check(file)
})

test('a file that is gone, one at a place not looked at yet', () => {
  writeFileSync(file, 'anything')
  own.check(file)
  know()
  rmSync(file)
  own.check(file)
  writeFileSync(join(directory, 'other'), 'x')
  own.check(join(directory, 'other'))
  expect(stampOf(join(file, 'below'))).toBe('')
})

test('one that is there although there was none', () => {
  own.know(file, stampOf(file), null)
  own.check(file)
  writeFileSync(file, 'theirs')
  expect(() => own.check(file)).toThrow(ReplacedFileError)
})
