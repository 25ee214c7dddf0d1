/** Raw TCP over loopback: requests cut anywhere, large ones, closing in every way; by both ways of reading. */
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Client } from '../../src/engine/client.ts'
import { bulk, type Harness, listen, type RawClient, request, until } from './harness.ts'

const PONG = '+PONG\r\n'

function text(body: string): string {
  return bulk(body).toString()
}

describe.each([
  ['reading into the shared block', false],
  ["reading by 'data' events", true],
])('%s', (_, plain) => {
  let server: Harness
  let client: RawClient

  beforeEach(async () => {
    server = await listen({ 'client-query-buffer-limit': '200mb' }, plain)
    client = await server.client()
  })
  afterEach(() => server.close())

  /** The server's side of the connection made last. */
  function last(): Client {
    return [...server.engine.clients.values()].at(-1) as Client
  }

  /** Writes, and waits until the server has read it. */
  async function deliver(bytes: Uint8Array | string): Promise<void> {
    const before = server.engine.stats.netInputBytes
    client.write(bytes)
    await until(() => server.engine.stats.netInputBytes >= before + bytes.length)
  }

  test('what is not answered is looked beyond at once, what is when it has been', async () => {
    let renewed = 0
    server.engine.idlePoll.renew = () => renewed++
    await deliver('PING\r\n')
    expect(await client.readText(7)).toBe(PONG)
    expect(renewed).toBe(0)
    await deliver('PI')
    await deliver('NG')
    expect(renewed).toBe(2)
    await deliver('\r\n')
    expect(await client.readText(7)).toBe(PONG)
    expect(renewed).toBe(2)
  })

  test('a pipeline cut at any byte', async () => {
    const body = 'x\r\n$1\r\n'
    const bytes = Buffer.concat([
      request('PING'),
      request('ECHO', body),
      Buffer.from('ECHO "a b"\n'),
      request('PING'),
    ])
    const replies = `${PONG}${text(body)}${text('a b')}${PONG}`
    for (let cut = 1; cut < bytes.length; cut++) {
      await deliver(bytes.subarray(0, cut))
      await deliver(bytes.subarray(cut))
      expect(await client.readText(replies.length)).toBe(replies)
    }
  })

  test('a pipeline in pieces of any sizes, large arguments among them', async () => {
    const size = fc.oneof(
      fc.nat(50),
      fc.integer({ min: 60_000, max: 70_000 }),
      fc.integer({ min: 200_000, max: 700_000 }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(size, { minLength: 1, maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 4 }),
        async (bodies, pieces) => {
          const buffers = bodies.map((length, index) => Buffer.alloc(length, 65 + index))
          const bytes = Buffer.concat(buffers.map((body) => request('ECHO', body)))
          let turn = 0
          for (let at = 0; at < bytes.length; turn++) {
            const length = Math.max(pieces[turn % pieces.length], bytes.length >> 5)
            await deliver(bytes.subarray(at, at + length))
            at += length
          }
          const expected = Buffer.concat(buffers.map((body) => bulk(body)))
          expect((await client.read(expected.length)).equals(expected)).toBe(true)
        },
      ),
      { numRuns: 20 },
    )
  })

  test.each([1024 * 1024, 100 * 1024 * 1024])('an argument of %i bytes there and back', async (length) => {
    const body = Buffer.alloc(length)
    for (let at = 0; at + 4 <= length; at += 4096) body.writeInt32LE(at, at)
    client.write(request('ECHO', body))
    client.write(request('PING'))
    const reply = await client.read(length + bulk('').length + String(length).length - 1)
    expect(reply.equals(bulk(body))).toBe(true)
    expect(await client.readText(PONG.length)).toBe(PONG)
    expect(last().link.inputRoom).toBe(0)
  })

  test('50 000 commands in one write', async () => {
    client.write(Buffer.concat(Array.from({ length: 50_000 }, () => request('PING'))))
    expect(await client.readText(50_000 * PONG.length)).toBe(PONG.repeat(50_000))
  })

  test('a client that goes away in the middle of a command', async () => {
    await deliver(request('ECHO', 'abc').subarray(0, -4))
    expect(last().link.inputBytes).toBeGreaterThan(0)
    client.socket.destroy()
    await until(() => server.engine.clients.size === 0)
  })

  test('a client that resets the connection', async () => {
    await deliver('*1\r\n$4\r\n')
    client.socket.resetAndDestroy()
    await until(() => server.engine.clients.size === 0)
    client = await server.client()
    client.write('PING\r\n')
    expect(await client.readText(PONG.length)).toBe(PONG)
  })

  test('a client that ends its side gets the replies, then the end', async () => {
    client.socket.end(
      Buffer.concat([request('PING'), request('ECHO', Buffer.alloc(3_000_000)), request('PING')]),
    )
    const all = await client.readAll()
    expect(all.length).toBe(2 * PONG.length + '$3000000\r\n\r\n'.length + 3_000_000)
    await until(() => server.engine.clients.size === 0)
  })

  test('a client that ends its side while it is held is let go', async () => {
    await deliver(request('HOLD'))
    client.socket.end(request('PING'))
    expect(await client.readAll()).toBe('')
    await until(() => server.engine.clients.size === 0)
  })

  test('a protocol error is answered, then the connection closes', async () => {
    client.write('PING\r\n*x\r\nPING\r\n')
    expect(await client.readAll()).toBe(`${PONG}-ERR Protocol error: invalid multibulk length\r\n`)
  })

  test('a command that closes the connection is the last to run', async () => {
    client.write(Buffer.concat([request('PING'), request('BYE'), request('PING')]))
    expect(await client.readAll()).toBe(`${PONG}+OK\r\n`)
    await until(() => server.engine.clients.size === 0)
  })

  test('destroy() closes at once', async () => {
    client.write(Buffer.concat([request('PING'), request('KILL'), request('PING')]))
    expect(await client.readAll()).toBe('')
    expect(server.engine.clients.size).toBe(0)
  })

  test('commands behind one that waits run when the client is resumed', async () => {
    await deliver(
      Buffer.concat([request('PING'), request('HOLD'), request('PING'), request('PING').subarray(0, 6)]),
    )
    expect(await client.readText(PONG.length)).toBe(PONG)
    await deliver(request('PING').subarray(6))
    expect(last().link.inputBytes).toBe(2 * request('PING').length)
    last().held = 0
    last().link.resume()
    expect(await client.readText(2 * PONG.length)).toBe(PONG.repeat(2))
  })

  test('what they say to others leaves with the next turn, after what must precede it', async () => {
    const { engine } = server
    const [teller, other] = [last(), await server.client()]
    await deliver(Buffer.concat([request('HOLD'), request('TELL', 'news')]))
    const told = last()
    const written: number[] = []
    engine.turn.beforeReplies.push(() => written.push(told.netOutput))
    teller.held = 0
    teller.link.resume()
    told.reply.simple('own')
    told.link.flushSoon()
    expect(await other.readText(13)).toBe('+own\r\n+news\r\n')
    expect(written).toEqual([0, 6])
  })

  test.each([1, 200_000])('commands that may not run yet run after the pause (%i bytes)', async (length) => {
    const { engine } = server
    const bytes = Buffer.concat([request('ECHO', 'a'.repeat(length)), request('ECHO', 'b')])
    engine.pause.start('all', engine.clock.now + 1_000_000)
    await deliver(bytes)
    expect(last().link.inputBytes).toBe(bytes.length)
    await deliver(request('PING'))
    engine.pause.stop()
    const expected = text('a'.repeat(length)) + text('b') + PONG
    expect((await client.readText(expected.length)) === expected).toBe(true)
  })

  test('a client over client-query-buffer-limit is cut off', async () => {
    client.write(request('ECHO', Buffer.alloc(201 * 1024 * 1024)))
    await until(() => server.engine.stats.queryBufferDisconnections === 1)
    expect(await client.readAll()).toBe('')
  })

  test('a client that does not read is not read from, and gets everything later', async () => {
    const body = Buffer.alloc(1024 * 1024)
    client.socket.pause()
    for (let i = 0; i < 150; i++) client.write(request('ECHO', body))
    const { link } = last()
    let quietTurns = 0
    let input = -1
    await until(() => {
      const { netInputBytes } = server.engine.stats
      quietTurns = netInputBytes === input ? quietTurns + 1 : 0
      input = netInputBytes
      return quietTurns > 5000 && link.unsentBytes > 0
    })
    expect(input).toBeLessThan(100 * body.length)
    expect(link.unsentBytes).toBeGreaterThan(64 * 1024 * 1024)
    expect(link.unsentBytes).toBeLessThan(70 * 1024 * 1024)
    client.socket.resume()
    const size = bulk(body).length * 150
    expect((await client.read(size)).length).toBe(size)
  })

  test('messages to a client that does not read wait and come in order, the last one before closing', async () => {
    const other = await server.client()
    const [first] = server.engine.clients.values()
    const { reply, link } = first
    client.socket.pause()
    let expected = ''
    const say = async (message: string): Promise<void> => {
      reply.bulkText(message)
      expected += text(message)
      link.flushSoon()
      await nextTurn()
    }
    // Until the buffers of the system are full, each message in a reply block that will be used again.
    for (let n = 0; link.unsentBytes === 0; n++) await say(`${n % 10}`.repeat(10_000))
    for (let n = 0; n < 3000; n++) await say(`message ${n}`)
    other.write(request('ECHO', 'x'.repeat(10_000)))
    await other.read(10_000)
    client.write(request('BYE'))
    await until(() => first.closeAfterReply)
    await nextTurn()
    client.socket.resume()
    expect((await client.readAll()) === `${expected}+OK\r\n`).toBe(true)
  })

  test('megabytes that nothing answers do not stop the reading', async () => {
    client.write('\r\n'.repeat(2_000_000))
    client.write(request('PING'))
    expect(await client.readText(PONG.length)).toBe(PONG)
  })

  test('close() delivers what was answered and ends everything', async () => {
    await deliver(request('PING'))
    await server.listener.close()
    expect(await client.readAll()).toBe(PONG)
    expect(server.engine.clients.size).toBe(0)
  })

  test('bytes in and out are counted', async () => {
    await deliver(request('PING'))
    await client.read(PONG.length)
    const { stats } = server.engine
    expect([stats.netInputBytes, stats.netOutputBytes]).toEqual([request('PING').length, PONG.length])
    expect([last().netInput, last().netOutput]).toEqual([request('PING').length, PONG.length])
    expect(stats.connectionsReceived).toBe(1)
  })

  test('addresses and descriptor', async () => {
    const { link } = last()
    expect(link.remoteAddress).toBe(`127.0.0.1:${client.socket.localPort}`)
    expect(link.localAddress).toBe(`127.0.0.1:${client.socket.remotePort}`)
    expect(link.fd).toBeGreaterThan(2)
  })

  test('many clients at once', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => server.client()))
    for (let round = 0; round < 20; round++) {
      for (const [index, one] of clients.entries()) {
        const bytes = request('ECHO', `${index}:${round}`)
        one.write(bytes.subarray(0, 7))
        setImmediate(() => one.write(bytes.subarray(7)))
      }
      for (const [index, one] of clients.entries()) {
        const expected = text(`${index}:${round}`)
        expect(await one.readText(expected.length)).toBe(expected)
      }
    }
    client.socket.destroy()
    await once(client.socket, 'close')
  })

  test('large requests of many clients at once, whose blocks are used again', async () => {
    const clients = await Promise.all(Array.from({ length: 12 }, () => server.client()))
    for (let round = 0; round < 4; round++) {
      const bodies = clients.map((_, i) => Buffer.alloc(70_000 + 90_000 * ((i + round) % 7), 65 + i + round))
      const requests = bodies.map((body) => Buffer.concat([request('ECHO', body), request('PING')]))
      const longest = Math.max(...requests.map(({ length }) => length))
      for (let at = 0; at < longest; at += 50_000 + 1000 * round) {
        for (const [i, one] of clients.entries()) {
          if (at < requests[i].length) one.write(requests[i].subarray(at, at + 50_000 + 1000 * round))
        }
        await nextTurn()
      }
      for (const [i, one] of clients.entries()) {
        const expected = Buffer.concat([bulk(bodies[i]), Buffer.from(PONG)])
        expect((await one.read(expected.length)).equals(expected)).toBe(true)
      }
    }
  })
})
