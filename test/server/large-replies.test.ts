/** Large replies of a pipeline are written while it runs, and never before what must precede them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createServer, type RespiteServer, type ServerOptions } from '../../src/index.ts'
import { bulk, request } from '../network/harness.ts'

const LARGE = Buffer.alloc(20_000, 'v')
const MANY = 40

let dir: string
let server: RespiteServer
let socket: Socket

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'respite-large-'))
})

afterEach(async () => {
  socket.destroy()
  await server.close()
  rmSync(dir, { recursive: true })
})

async function start(options: ServerOptions = {}): Promise<void> {
  server = await createServer({ dir, ...options })
  await server.call('SET', 'large', LARGE)
  socket = connect(server.port, '127.0.0.1')
}

/** Sends the requests at once; resolves to what comes back, once it is as long as `length`. */
function exchange(requests: Buffer[], length: number, onFirst: () => void = () => {}): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let got = 0
    socket.on('data', (chunk) => {
      if (got === 0) onFirst()
      chunks.push(chunk)
      got += chunk.length
      if (got < length) return
      socket.removeAllListeners('data')
      resolve(Buffer.concat(chunks))
    })
    socket.write(Buffer.concat(requests))
  })
}

async function writes(): Promise<number> {
  const info: string = await server.call('INFO', 'stats')
  return Number(/total_writes_processed:(\d+)/.exec(info)?.[1])
}

/** Whether the append-only file has `text`. */
function isWritten(text: string): boolean {
  const folder = join(dir, 'appendonlydir')
  return readdirSync(folder).some((file) => readFileSync(join(folder, file)).includes(text))
}

const gets = Array.from({ length: MANY }, () => request('GET', 'large'))
const replies = Array.from({ length: MANY }, () => bulk(LARGE))

test('they leave in pieces, in order and whole', async () => {
  await start()
  const before = await writes()
  const expected = Buffer.concat([Buffer.from(':1\r\n'), ...replies, Buffer.from('+PONG\r\n')])
  const got = await exchange([request('INCR', 'n'), ...gets, request('PING')], expected.length)
  expect(got.equals(expected)).toBe(true)
  expect((await writes()) - before).toBeGreaterThan(5)
})

test('not before a command that the append-only file has yet to get', async () => {
  await start({ appendonly: 'yes', appendfsync: 'always' })
  let early = true
  const before = await writes()
  const expected = Buffer.concat([Buffer.from('+OK\r\n'), ...replies])
  const got = await exchange([request('SET', 'acknowledged', '1'), ...gets], expected.length, () => {
    early = !isWritten('acknowledged')
  })
  expect(got.equals(expected)).toBe(true)
  expect(early).toBe(false)
  // All at the end of the turn: the file is written and synced once.
  expect((await writes()) - before).toBeLessThanOrEqual(2)
})

test('an invalidation by prefix precedes the reply of a command behind its cause', async () => {
  await start()
  const hello = await exchange([request('HELLO', '3')], 1)
  expect(hello.toString()).toContain('server')
  const track = await exchange([request('CLIENT', 'TRACKING', 'ON', 'BCAST')], 5)
  expect(track.toString()).toBe('+OK\r\n')
  const push = Buffer.from('>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nn\r\n')
  const length = 4 + push.length + replies[0].length * MANY
  const got = (await exchange([request('INCR', 'n'), ...gets], length)).toString()
  expect(got.length).toBe(length)
  // Between two replies, once.
  expect(got.replace(push.toString(), '')).toBe(`:1\r\n${Buffer.concat(replies).toString()}`)
  expect(got.indexOf(push.toString())).toBeLessThan(6 * replies[0].length)
})

test('a client that does not read is sent no more until it does', async () => {
  await start()
  socket.pause()
  for (let i = 0; i < 20; i++) socket.write(Buffer.concat(gets))
  const expected = replies[0].length * MANY * 20
  let got = 0
  await new Promise<void>((resolve) => {
    setTimeout(() => {
      socket.on('data', (chunk) => {
        got += chunk.length
        if (got >= expected) resolve()
      })
      socket.resume()
    }, 100)
  })
  expect(got).toBe(expected)
})
