/** What tells RDB files from one another: the save id in each that this server writes, and the rest of an identity. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { newSaveId, rdbFault, rdbIdentity, rdbSaveId, saveIdOf } from '../../src/persistence/rdb-identity.ts'
import { type Session, session } from '../commands/session.ts'

const SAVE_ID = /^[0-9a-f]{40}$/
const directory = mkdtempSync(join(tmpdir(), 'rdb-identity-'))
afterAll(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'dump.rdb')
beforeEach(() => rmSync(file, { force: true }))

function server(config: Record<string, string> = {}): Session {
  return session({ config: { dir: directory, save: '', ...config } })
}

async function saved(s: Session): Promise<void> {
  for (let i = 0; s.engine.snapshots.current !== null && i < 10_000; i++) {
    s.timers.run()
    await sleep(1)
  }
}

test('each save has an id of its own, SAVE and BGSAVE, and who loads the file knows it', async () => {
  const s = server()
  s.run('SET a 1')
  s.run('SAVE')
  const first = rdbIdentity(file) ?? ''
  expect(first).toMatch(new RegExp(`^[0-9a-f]{40}-${readFileSync(file).length}-[0-9a-f]{16}$`))
  expect(s.engine.dataset.identity).toBe(first)
  s.run('BGSAVE')
  await saved(s)
  const second = rdbIdentity(file) ?? ''
  expect(saveIdOf(second)).toMatch(SAVE_ID)
  expect(saveIdOf(second)).not.toBe(saveIdOf(first))
  expect(s.engine.dataset.identity).toBe(second)
  const other = server()
  other.engine.dataset.loadAtOnce()
  expect(other.engine.dataset.identity).toBe(second)
  expect(rdbSaveId(file)).toBe(saveIdOf(second))
  expect(rdbFault(file)).toBe(null)
})

test('a file that comes while SAVE is writing, or right behind a save, is not taken for ours', () => {
  const s = server()
  const { dataset } = s.engine
  s.run('SAVE')
  const check = dataset.checkOwn.bind(dataset)
  dataset.checkOwn = (path) => {
    check(path)
    writeFileSync(file, 'theirs')
  }
  expect(s.run('SAVE')).toMatch(/^-ERR SAVE failed: .* is not what this server last loaded or wrote/)
  expect(readFileSync(file, 'utf8')).toBe('theirs')
  dataset.checkOwn = check
  rmSync(file)
  s.run('SAVE')
  dataset.saved(file, newSaveId())
  expect(dataset.identity).toMatch(/^[0-9a-f]{40}-replaced$/)
  expect(s.run('SAVE')).toMatch(/^-ERR SAVE failed: /)
})

test('a file without a save id is told by its checksum, and without that by its time', () => {
  const s = server({ 'rdb-version': '6' })
  s.run('SET a 1')
  s.run('SAVE')
  expect(rdbIdentity(file)).toMatch(/^\d+-[0-9a-f]{16}$/)
  expect(rdbSaveId(file)).toBe('')
  s.run('SAVE')
  expect(s.engine.dataset.lastSaveOk).toBe(true)
  const blind = server({ 'rdb-version': '6', rdbchecksum: 'no' })
  blind.run('SAVE')
  utimesSync(file, 7, 7)
  expect(rdbIdentity(file)).toMatch(/^\d+-7000$/)
})

test('damage that can be seen without reading it all', () => {
  const s = server()
  s.run('SET a 1')
  s.run('SAVE')
  const bytes = readFileSync(file)
  for (let size = bytes.length - 1; size >= 0; size--) {
    truncateSync(file, size)
    expect(rdbFault(file), `${size} bytes`).not.toBe(null)
    expect(rdbIdentity(file)).not.toBe(null)
  }
  writeFileSync(file, Buffer.concat([bytes, Buffer.from('x')]))
  expect(rdbFault(file)).toContain('Unexpected EOF')
  writeFileSync(file, Buffer.concat([Buffer.from('REDIS0099'), bytes.subarray(9)]))
  expect(rdbFault(file)).toBe("Can't handle RDB format version 99")
  writeFileSync(file, 'nothing of the kind')
  expect(rdbFault(file)).toContain('Wrong signature')
  expect(rdbSaveId(file)).toBe(null)
  rmSync(file)
  expect([rdbIdentity(file), rdbFault(file), rdbSaveId(file)]).toEqual([null, null, null])
  expect(rdbIdentity(directory)).toBe(null)
})

test('a save id is forty digits, and nothing else is taken for one', () => {
  const id = 'a0'.repeat(20)
  expect(saveIdOf(`${id}-12-00`)).toBe(id)
  for (const text of ['', id, `${id}0-1`, `x${id}-1`, '12-0011223344556677']) expect(saveIdOf(text)).toBe('')
})
