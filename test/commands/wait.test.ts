/** WAIT and the commands of a cluster's nodes: what a server without either answers, with time moved by hand. */
import { expect, test } from 'vitest'
import { LocalConnection } from '../../src/network/local-connection.ts'
import { session } from './session.ts'

test('WAIT answers when its time is over', () => {
  const server = session()
  const a = new LocalConnection(server.engine)
  const run = (line: string): string => {
    if (line !== '') a.send(line.split(' '))
    server.timers.run()
    return a.take().toString('latin1')
  }
  expect(run('WAIT 1 500')).toBe('')
  expect(server.run('INFO clients')).toMatch(
    /blocked_clients:1\r\n[^]*clients_in_timeout_table:1\r\ntotal_blocking_keys:0\r\n/,
  )
  expect(server.run(`CLIENT LIST ID ${a.client.id}`)).toMatch(/ flags=b .* cmd=wait /)
  server.timers.advance(499)
  expect(run('')).toBe('')
  server.timers.advance(1)
  expect(run('')).toBe(':0\r\n')
  expect(server.run('INFO clients')).toMatch(/blocked_clients:0\r\n[^]*clients_in_timeout_table:0\r\n/)
  expect(run('PING')).toBe('+PONG\r\n')
})

test('who waits for a key is served after another has waited for replicas', () => {
  const server = session()
  const [a, b] = [new LocalConnection(server.engine), new LocalConnection(server.engine)]
  a.send(['BLPOP', 'k', '0'])
  b.send(['WAIT', '1', '5'])
  server.timers.advance(5)
  server.timers.run()
  expect(b.take().toString()).toBe(':0\r\n')
  server.run('RPUSH k 1')
  server.timers.run()
  expect(a.take().toString()).toBe('*2\r\n$1\r\nk\r\n$1\r\n1\r\n')
})

test('WAIT for nobody, inside MULTI, and for too long', () => {
  const server = session()
  expect(server.run('WAIT 0 0')).toBe(':0\r\n')
  expect(server.run('WAIT -1 1000')).toBe(':0\r\n')
  expect(server.run('WAIT 1 9223372036854775807')).toBe('-ERR timeout is out of range\r\n')
  expect(server.run('CLIENT PAUSE 9223372036854775807')).toBe('-ERR timeout is out of range\r\n')
  server.run('MULTI')
  server.run('WAIT 1 0')
  expect(server.run('EXEC')).toBe('*1\r\n:0\r\n')
})

test('the server is no node of a cluster', () => {
  const server = session()
  const refused = '-ERR This instance has cluster support disabled\r\n'
  for (const line of ['CLUSTER INFO', 'CLUSTER MYSHARDID', 'READONLY', 'READWRITE', 'ASKING']) {
    expect(server.run(line)).toBe(refused)
  }
})
