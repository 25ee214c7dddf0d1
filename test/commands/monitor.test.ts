/** MONITOR by the exact bytes, at a time that stands still. */
import { expect, test } from 'vitest'
import { bulk, type Session, session } from './session.ts'

const shown = (words: string, db = 0): string => `+1700000000.000000 [${db} 127.0.0.1:50000] ${words}\r\n`

function taken({ client }: Session): string {
  const text = client.reply.block.bytes.toString('latin1', 0, client.reply.length)
  client.reply.release()
  return text
}

test('shows what others and the monitor itself run, after it has run', () => {
  const m = session()
  const b = m.another()
  expect(m.run('MONITOR')).toBe('+OK\r\n')
  expect(m.run('MONITOR')).toBe('')
  b.call('SET', 'k', 'a\n"\xff')
  expect(taken(m)).toBe(shown('"SET" "k" "a\\n\\"\\xff"'))
  b.run('select 3')
  expect(taken(m)).toBe(shown('"select" "3"', 3))
  expect(m.run('PING')).toBe(`+PONG\r\n${shown('"PING"')}`)
  m.run('RESET')
  b.run('PING')
  expect(taken(m)).toBe('')
})

test('a transaction of the monitor is shown after its reply, not within it', () => {
  const m = session()
  m.run('MONITOR')
  m.run('MULTI')
  m.run('ECHO a')
  m.run('ECHO b')
  const lines = ['"ECHO" "a"', '"ECHO" "b"', '"EXEC"'].map((words) => shown(words)).join('')
  expect(m.run('EXEC')).toBe(`*2\r\n${bulk('a')}${bulk('b')}${lines}`)
})

test('passwords are hidden', () => {
  const m = session({ config: { requirepass: 'secret' } })
  m.run('AUTH secret')
  const b = m.another()
  m.run('MONITOR')
  b.run('AUTH wrong')
  b.run('PING')
  b.run('HELLO 3 AUTH default secret')
  b.run('CONFIG SET requirepass other')
  expect(taken(m)).toBe(shown('"AUTH" "(redacted)"') + shown('"HELLO" "3" "AUTH" "(redacted)" "(redacted)"'))
})

test.each([
  'AUTH default secret more',
  'HELLO AUTH default secret',
  'HELLO 3 AUTH secret',
  'HELLO 3 AUTH default x AUTH default secret',
  'HELLO 3 SETNAME AUTH default secret',
  'MIGRATE host 1 k 0 10 AUTH secret NOSUCH',
  'MIGRATE host 1 k 0 10 NOSUCH AUTH2 user secret',
  'MIGRATE host 1 k 0 10 AUTH2 user secret KEYS k',
  'MIGRATE host 1 k 0 10 AUTH2 secret',
  'MIGRATE host 1 k 0 10 AUTH secret AUTH x',
  'COMMAND GETKEYS MIGRATE host 1 k 0 10 AUTH secret',
  'CONFIG SET requirepass secret hz',
  'CONFIG SET hz requirepass secret',
  'ACL DRYRUN default AUTH secret',
])('passwords in requests that are refused, or that others ask about: %s', (line) => {
  const m = session({ config: { 'slowlog-log-slower-than': '0' } })
  const b = m.another()
  m.run('MONITOR')
  b.run(line)
  const { args } = m.engine.slowLog.latest()[0]
  expect(args[0].toString()).toBe(line.split(' ')[0])
  expect(args.map(String)).toContain('(redacted)')
  expect(args.map(String)).not.toContain('secret')
  expect(taken(m)).not.toContain('secret')
})

test('costs nothing when nobody watches', () => {
  const m = session()
  m.run('MONITOR')
  expect(m.engine.gates).not.toBe(0)
  m.engine.disconnect(m.client)
  expect(m.engine.gates).toBe(0)
})

test('keeps off the keyspace, and is exempt from pauses', () => {
  const m = session()
  const b = m.another()
  m.run('MONITOR')
  expect(m.run('GET k')).toBe("-ERR Replica can't interact with the keyspace\r\n")
  b.run('CLIENT PAUSE 1000 ALL')
  expect(m.run('PING')).toContain('+PONG')
  expect(() => b.run('PING')).toThrow('held back')
})
