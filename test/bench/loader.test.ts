/** The loader against a small server that records what it is sent. */
import net from 'node:net'
import Parser from 'redis-parser'
import { afterEach, describe, expect, it } from 'vitest'
import { keyTemplate, loadKeys, loadList, pushTemplate, writeDigits } from '../../bench/loader.ts'

let server: net.Server | undefined
const sockets: net.Socket[] = []

afterEach(() => {
  server?.close()
  server = undefined
  sockets.length = 0
})

/** Starts a server that hands each request to `answer` and sends what it returns; resolves to its port. */
function listen(answer: (request: string[]) => string): Promise<number> {
  return new Promise((resolve) => {
    const listener = net.createServer((socket) => {
      let replies = ''
      sockets.push(socket)
      const parser = new Parser({
        returnReply: (request: string[]) => {
          replies += answer(request)
        },
        returnError: () => {},
      })
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        parser.execute(chunk)
        socket.write(replies)
        replies = ''
      })
    })
    server = listener
    listener.listen(0, '127.0.0.1', () => resolve((listener.address() as net.AddressInfo).port))
  })
}

describe('loadKeys', () => {
  it('sets every key once, named as redis-benchmark names them', async () => {
    const names: string[] = []
    const values = new Set<string>()
    const port = await listen(([, name, value]) => {
      names.push(name)
      values.add(value)
      return '+OK\r\n'
    })
    await loadKeys(port, 95, 20_123, 32)
    const expected = Array.from({ length: 20_028 }, (_, i) => `key:${String(i + 95).padStart(12, '0')}`)
    expect(names).toEqual(expected)
    expect([...values]).toEqual(['x'.repeat(32)])
  })

  it('sends no more than four batches of 64 KiB while nothing is answered', async () => {
    let received = 0
    const port = await listen(() => {
      received++
      return ''
    })
    const loading = loadKeys(port, 0, 100_000, 32)
    const most = Math.floor((4 * 64 * 1024) / keyTemplate(32).bytes.length)
    await expect.poll(() => received).toBeGreaterThan(most / 2)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(received).toBeLessThanOrEqual(most)
    for (const socket of sockets) socket.destroy()
    await expect(loading).rejects.toThrow('closed while loading')
  })

  it('does nothing for no keys', async () => {
    await loadKeys(1, 5, 5, 32)
  })

  it("rejects with the server's error", async () => {
    let seen = 0
    const port = await listen(() => (++seen === 700 ? '-OOM no room\r\n' : '+OK\r\n'))
    await expect(loadKeys(port, 0, 100_000, 32)).rejects.toThrow('OOM no room')
  })

  it('rejects when the server closes', async () => {
    const port = await listen(() => '')
    const loading = loadKeys(port, 0, 10, 32)
    server?.on('connection', (socket) => socket.end())
    await expect(loading).rejects.toThrow('closed while loading')
  })
})

it.each([
  [10_000, 10],
  [999, 1024],
  [3, 100],
])('loadList pushes exactly %i elements of %i bytes', async (count, size) => {
  const lengths = new Map<number, number>()
  const port = await listen(([name, key, ...elements]) => {
    expect([name, key]).toEqual(['RPUSH', 'mylist'])
    for (const element of elements) lengths.set(element.length, (lengths.get(element.length) ?? 0) + 1)
    return ':1\r\n'
  })
  await loadList(port, 'mylist', count, size)
  expect([...lengths]).toEqual([[size, count]])
})

it('templates are one request each', () => {
  expect(keyTemplate(3).bytes.toString()).toBe('*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$3\r\nxxx\r\n')
  expect(pushTemplate('l', 2, 1).bytes.toString()).toBe(
    '*4\r\n$5\r\nRPUSH\r\n$1\r\nl\r\n$1\r\nx\r\n$1\r\nx\r\n',
  )
})

it('writeDigits writes twelve digits over what was there', () => {
  const bytes = Buffer.from('<999999999999>')
  writeDigits(bytes, 13, 40_207)
  expect(bytes.toString()).toBe('<000000040207>')
  writeDigits(bytes, 13, 123_456_789_012)
  expect(bytes.toString()).toBe('<123456789012>')
})
