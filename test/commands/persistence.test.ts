/** SAVE, LASTSAVE, BGSAVE, SHUTDOWN's saving and DEBUG RELOAD, as a client sees them. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { bulks, type Session, session } from './session.ts'

const directories: string[] = []
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

function server(config: Record<string, string> = {}): { s: Session; file: string; directory: string } {
  const directory = mkdtempSync(join(tmpdir(), 'save-'))
  directories.push(directory)
  const s = session({ config: { dir: directory, 'enable-debug-command': 'yes', ...config } })
  return { s, directory, file: join(directory, 'dump.rdb') }
}

test('SAVE and LASTSAVE', () => {
  const { s, file } = server()
  const start = Math.floor(s.clock.now / 1000)
  expect(s.run('LASTSAVE')).toBe(`:${start}\r\n`)
  s.run('SET a 1')
  s.clock.advance(5000)
  expect(s.run('SAVE')).toBe('+OK\r\n')
  expect(s.run('LASTSAVE')).toBe(`:${start + 5}\r\n`)
  expect(s.engine.keyspace.dirty).toBe(0)
  expect(existsSync(file)).toBe(true)
})

test('DEBUG RELOAD brings everything back', () => {
  const { s } = server()
  s.run('SET a 1 PX 5000')
  s.run('RPUSH l x y')
  expect(s.run('DEBUG RELOAD')).toBe('+OK\r\n')
  expect(s.run('PTTL a')).toBe(':5000\r\n')
  expect(s.run('LRANGE l 0 -1')).toBe(bulks('x', 'y'))
  s.run('SET b 2')
  expect(s.run('DEBUG RELOAD NOSAVE')).toBe('+OK\r\n')
  expect(s.run('EXISTS a b')).toBe(':1\r\n')
  expect(s.run('DEBUG RELOAD MERGE')).toMatch(/^-ERR /)
})

test('what is loaded is news to nobody', () => {
  const { s } = server()
  s.run('SET a 1')
  const told: string[] = []
  s.engine.keyChanges.add({
    following: true,
    keyChanged: (_db, key, _type, event) => told.push(`${event} ${key.toString()}`),
    keyEvent: (_db, key, _type, event) => told.push(`${event} ${key.toString()}`),
    databaseReplaced: () => {},
  })
  s.run('DEBUG RELOAD')
  expect(told).toEqual([])
  s.run('SET b 1')
  expect(told).toEqual(['new b', 'set b'])
})

test('DEBUG RELOAD keeps the dataset when it cannot save it', () => {
  const { s, directory } = server()
  s.run('SET a 1')
  rmSync(directory, { recursive: true })
  expect(s.run('DEBUG RELOAD')).toBe('-ERR Error trying to save the RDB dump, check server logs.\r\n')
  expect(s.run('GET a')).toBe('$1\r\n1\r\n')
})

test('DEBUG RELOAD NOSAVE of a damaged file', () => {
  const { s, file } = server()
  writeFileSync(file, 'REDIS0010 and so on')
  expect(s.run('DEBUG RELOAD NOSAVE')).toBe('-ERR Error trying to load the RDB dump, check server logs.\r\n')
})

test('SHUTDOWN saves where there are save points, or when it is told to', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['3600 1 300 100 60 10000', 'SHUTDOWN', true],
    ['3600 1 300 100 60 10000', 'SHUTDOWN NOSAVE', false],
    ['', 'SHUTDOWN', false],
    ['', 'SHUTDOWN SAVE NOW', true],
  ]
  for (const [save, command, saved] of cases) {
    const { s, file } = server({ save })
    s.run(command)
    expect(existsSync(file), `${save} ${command}`).toBe(saved)
  }
})

test('SHUTDOWN does not stop when it cannot save, unless forced', () => {
  const { s, directory } = server({ save: '' })
  rmSync(directory, { recursive: true })
  expect(s.run('SHUTDOWN SAVE')).toBe('-ERR Errors trying to SHUTDOWN. Check logs.\r\n')
  expect(s.run('SHUTDOWN SAVE FORCE')).toBe('')
})
