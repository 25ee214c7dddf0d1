/** A client without a socket: bytes in, bytes out, at once. */
import { expect, test } from 'vitest'
import { HELD_BY_BLOCK } from '../../src/engine/client.ts'
import { LocalConnection } from '../../src/network/local-connection.ts'
import { newEngine, request } from './harness.ts'

const PONG = '+PONG\r\n'

test('call() answers at once', () => {
  const connection = new LocalConnection(newEngine())
  expect(connection.call('PING').toString()).toBe(PONG)
  expect(connection.call('ECHO', Buffer.from([0, 255])).toString('latin1')).toBe('$2\r\n\0\xff\r\n')
})

test('send() takes raw bytes cut anywhere, and take() what they answered', () => {
  const connection = new LocalConnection(newEngine())
  const bytes = Buffer.concat([request('ECHO', 'abc'), Buffer.from('PING\r\n')])
  for (let cut = 0; cut <= bytes.length; cut++) {
    connection.send(bytes.subarray(0, cut))
    connection.send(bytes.subarray(cut))
    expect(connection.take().toString()).toBe(`$3\r\nabc\r\n${PONG}`)
  }
  expect(connection.inputRoom).toBe(0)
})

test('take() returns what others wrote to the client, too', () => {
  const connection = new LocalConnection(newEngine())
  connection.client.reply.simple('message')
  connection.flushSoon()
  expect(connection.take().toString()).toBe('+message\r\n')
  expect(connection.take().length).toBe(0)
})

test('a held client goes on when it is resumed', async () => {
  const connection = new LocalConnection(newEngine())
  connection.send(request('HOLD'))
  expect(connection.client.held).toBe(HELD_BY_BLOCK)
  expect(connection.call('PING').toString()).toBe('')
  connection.client.held = 0
  connection.resume()
  await new Promise((resolve) => setImmediate(resolve))
  expect(connection.take().toString()).toBe(PONG)
})

test('more commands, and larger replies, than a socket runs in one turn', () => {
  const connection = new LocalConnection(newEngine())
  connection.send(Buffer.concat(Array.from({ length: 25_000 }, () => request('PING'))))
  expect(connection.take().length).toBe(25_000 * PONG.length)
})

test('closing, by either side', () => {
  const engine = newEngine()
  const connection = new LocalConnection(engine)
  connection.send(Buffer.concat([request('BYE'), request('PING')]))
  expect(connection.take().toString()).toBe('+OK\r\n')
  expect([connection.closed, engine.clients.size]).toEqual([true, 0])
  expect(connection.call('PING').length).toBe(0)

  const killed = new LocalConnection(engine)
  killed.send(Buffer.concat([request('PING'), request('KILL'), request('PING')]))
  expect([killed.closed, killed.take().length, engine.clients.size]).toEqual([true, 0, 0])

  const left = new LocalConnection(engine)
  expect(engine.clients.size).toBe(1)
  left.close()
  expect(engine.clients.size).toBe(0)
})

test('a protocol error behind a request that waits is answered after it, behind one that closes not at all', async () => {
  const waiting = new LocalConnection(newEngine())
  waiting.send(Buffer.concat([request('PING'), request('HOLD'), Buffer.from('*x\r\n')]))
  expect(waiting.take().toString()).toBe(PONG)
  expect(waiting.client.closeAfterReply).toBe(false)
  waiting.client.held = 0
  waiting.resume()
  await new Promise(setImmediate)
  expect(waiting.take().toString()).toBe('-ERR Protocol error: invalid multibulk length\r\n')

  const leaving = new LocalConnection(newEngine())
  leaving.send(Buffer.concat([request('PING'), request('BYE'), Buffer.from('*x\r\n')]))
  expect(leaving.take().toString()).toBe(`${PONG}+OK\r\n`)
})
