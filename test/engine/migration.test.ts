/** A migration seen from inside: what it guards, appends and keeps open. The rest is in test/compat/migrate.test.ts. */
import { createServer, type Server } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Session, session } from '../commands/session.ts'

let s: Session
let server: Server
let port: number
/** What the other server answers to each request. */
let answer: string

beforeEach(async () => {
  s = session()
  server = createServer((socket) => socket.on('data', () => socket.write(answer)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  port = address !== null && typeof address === 'object' ? address.port : 0
})

afterEach(() => {
  s.engine.migrations.close()
  server.close()
})

/** Runs MIGRATE to its end and returns the reply. */
async function migrate(...rest: string[]): Promise<string> {
  const { client } = s
  expect(s.call('MIGRATE', '127.0.0.1', port, ...rest)).toBe('')
  while (client.held !== 0) await new Promise((resolve) => setTimeout(resolve, 1))
  const reply = client.reply.block.bytes.toString('latin1', 0, client.reply.length)
  client.reply.release()
  return reply
}

test('what arrived is appended as DEL, also when something else was refused', async () => {
  const { propagation } = s.engine
  s.run('MSET a 1 b 2 c 3')
  propagation.activate(true)
  s.events()
  answer = '+OK\r\n+OK\r\n-BUSYKEY it is\r\n+OK\r\n'
  expect(await migrate('', '0', '1000', 'KEYS', 'a', 'b', 'c')).toBe(
    '-ERR Target instance replied with error: BUSYKEY it is\r\n',
  )
  const { stream } = propagation
  expect(stream.block.bytes.toString('latin1', 0, stream.length)).toBe(
    '*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nDEL\r\n$1\r\na\r\n$1\r\nc\r\n',
  )
  expect(s.events()).toEqual(['del a 0', 'del c 0'])
})

test('COPY appends nothing', async () => {
  s.run('SET a 1')
  s.engine.propagation.activate(true)
  answer = '+OK\r\n+OK\r\n'
  expect(await migrate('a', '0', '1000', 'COPY')).toBe('+OK\r\n')
  expect(s.engine.propagation.stream.length).toBe(0)
})

test('a connection is kept for ten seconds of idleness', async () => {
  answer = '+OK\r\n+OK\r\n'
  s.run('SET a 1')
  await migrate('a', '0', '1000', 'COPY')
  s.timers.advance(9_000)
  answer = '+OK\r\n'
  await migrate('a', '0', '1000', 'COPY')
  s.timers.advance(9_999)
  expect(s.engine.migrations.connections).toBe(1)
  s.timers.advance(1)
  expect(s.engine.migrations.connections).toBe(0)
})

test.each([
  ['GET a', true],
  ['MOVE a 1', true],
  ['COPY b a DB 3', true],
  ['MSET b 1 a 2', true],
  ['DBSIZE', true],
  ['SORT b', true],
  ['EVAL none 0', false],
  ['GET b', false],
  ['PUBLISH a b', false],
  ['INFO', false],
])('while a is under way, %s waits: %s', async (line, waits) => {
  answer = ''
  s.run('SET a 1')
  s.call('MIGRATE', '127.0.0.1', port, 'a', '0', '100')
  const other = s.another()
  if (waits) expect(() => other.run(line)).toThrow('held back')
  else other.run(line)
  expect(other.client.held !== 0).toBe(waits)
  s.timers.advance(100)
  while (s.client.held !== 0) {
    s.timers.advance(100)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  expect(other.client.held).toBe(0)
})
