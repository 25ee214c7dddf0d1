/** check-rdb: exit codes, and what it prints of good files and of bad ones. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkRdb } from '../../src/persistence/rdb-check.ts'
import { session } from '../commands/session.ts'

const directory = mkdtempSync(join(tmpdir(), 'check-'))
afterAll(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'dump.rdb')

function check(path: string): { code: number; text: string } {
  let text = ''
  const code = checkRdb(path, (part) => {
    text += part
  })
  return { code, text }
}

const s = session({ config: { dir: directory, databases: '1000' } })
s.run('SET a 1')
s.run('SET b 1 PX 1')
s.run('SELECT 999')
s.run('RPUSH l a b c')
s.run('SAVE')
const good = readFileSync(file)

test('a good file, of more databases than there are by default', () => {
  const { code, text } = check(file)
  expect(code).toBe(0)
  expect(text).toContain(`[offset 0] Checking RDB file ${file}\n`)
  expect(text).toContain("AUX FIELD redis-bits = '64'\n")
  expect(text).toContain(`[offset ${good.length}] \\o/ RDB looks OK! \\o/\n`)
  // The clock of the test's server stands in the past.
  expect(text).toContain('[info] 3 keys read\n[info] 1 expires\n[info] 1 already expired\n')
})

test('damaged files and none', () => {
  const bad = join(directory, 'bad.rdb')
  writeFileSync(bad, good.subarray(0, -20))
  expect(check(bad).code).toBe(1)
  expect(check(bad).text).toContain('--- RDB ERROR DETECTED ---\n')
  writeFileSync(bad, Buffer.concat([good.subarray(0, -1), Buffer.from('x')]))
  expect(check(bad)).toMatchObject({ code: 1 })
  expect(check(bad).text).toContain('RDB CRC error: Wrong RDB checksum expected: (')
  expect(check(join(directory, 'none.rdb'))).toEqual({
    code: 1,
    text: `Cannot open file ${directory}/none.rdb: No such file or directory\n`,
  })
  expect(check(directory).text).toContain('Is a directory')
})
