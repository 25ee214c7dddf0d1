/** Which clients the ACL gate is up for: those of restricted users, and nobody else. */
import { expect, test } from 'vitest'
import { GATE_ACL, GATE_AUTH } from '../../../src/engine/gates.ts'
import { type Session, session } from '../../commands/session.ts'

const gates = ({ client }: Session): number => client.gates & (GATE_ACL | GATE_AUTH)

test('the default user passes no gate', () => {
  const s = session()
  expect(s.client.gates).toBe(0)
  s.run('ACL SETUSER alice on nopass +get')
  s.run('ACL SETUSER default >x')
  expect(s.client.gates).toBe(0)
})

test('the gate follows the user and the rules', () => {
  const s = session()
  const a = s.another()
  s.run('ACL SETUSER alice on nopass +@all ~* &*')
  a.run('AUTH alice x')
  expect(gates(a)).toBe(0)
  s.run('ACL SETUSER alice -flushall')
  expect(gates(a)).toBe(GATE_ACL)
  s.run('ACL SETUSER alice +flushall resetchannels')
  expect(gates(a)).toBe(GATE_ACL)
  s.run('ACL SETUSER alice allchannels')
  expect(gates(a)).toBe(0)
  s.run('ACL SETUSER alice resetkeys')
  a.run('AUTH default x')
  expect(gates(a)).toBe(0)
  a.run('AUTH alice x')
  expect(gates(a)).toBe(GATE_ACL)
  a.run('RESET')
  expect(gates(a)).toBe(0)
})

test('the gate of those who have not logged in follows the default user', () => {
  const s = session({ config: { requirepass: 'secret' } })
  const early = s.another()
  expect(gates(s)).toBe(GATE_AUTH)
  s.run('AUTH secret')
  expect(gates(s)).toBe(0)
  s.run('ACL SETUSER default nopass')
  expect(gates(early)).toBe(0)
  s.run('ACL SETUSER default off')
  expect(gates(early)).toBe(GATE_AUTH)
  expect(gates(s)).toBe(0)
  s.run('ACL SETUSER default on -get')
  expect(gates(early)).toBe(GATE_ACL)
})

test('a client without the gate is judged by no selector', () => {
  const s = session()
  s.run('SET k v')
  Object.assign(s.engine.acl.defaultUser, { selectors: [] })
  expect(s.run('GET k')).toBe('$1\r\nv\r\n')
})

test('a removed user disconnects its clients, the one that asks after its reply', () => {
  const s = session()
  s.run('ACL SETUSER alice on nopass +@all ~* &*')
  const [a, b] = [s.another(), s.another()]
  a.run('AUTH alice x')
  b.run('AUTH alice x')
  let cut = 0
  Object.assign(b.client, { link: { ...b.client.link, destroy: () => cut++ } })
  expect(a.run('ACL DELUSER alice')).toBe(':1\r\n')
  expect([a.client.closeAfterReply, cut]).toEqual([true, 1])
  expect([gates(a), gates(b)]).toEqual([0, 0])
})

test('names are bytes', () => {
  const s = session()
  const a = s.another()
  s.call('ACL', 'SETUSER', Buffer.from('é'), 'on', 'nopass', '+@all', '-get')
  a.call('AUTH', Buffer.from('é'), 'x')
  expect(a.run('ACL WHOAMI')).toBe('$2\r\n\xc3\xa9\r\n')
  expect(s.run('CLIENT LIST')).toContain(' user=\xc3\xa9 ')
  a.run('GET k')
  expect(s.run('ACL LOG')).toContain(' user=\xc3\xa9 ')
  expect(s.run('ACL LOG')).toContain('$8\r\nusername\r\n$2\r\n\xc3\xa9\r\n')
})
