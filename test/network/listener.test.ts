/** Where the listener listens, and whom it lets in. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { Listener } from '../../src/network/listener.ts'
import { type Config, newEngine, RawClient, until } from './harness.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

function newListener(config: Config): Listener {
  const listener = new Listener(newEngine(config))
  closing.push(() => listener.close())
  return listener
}

async function talk(where: { host?: string; port?: number; path?: string }): Promise<RawClient> {
  const client = new RawClient(connect(where as { port: number }))
  closing.unshift(() => client.socket.destroy())
  await client.connected
  return client
}

async function ping(where: { host?: string; port?: number; path?: string }): Promise<string> {
  const client = await talk(where)
  client.write('PING\r\n')
  return client.readText(7)
}

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'listener-'))
  closing.push(() => rmSync(path, { recursive: true }))
  return path
}

/** An address of this machine that is not loopback. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find((address) => address !== undefined && !address.internal && address.family === 'IPv4')?.address

async function hasIPv6(): Promise<boolean> {
  return new Promise((resolve) => {
    const server: Server = createServer()
    server.once('error', () => resolve(false))
    server.listen(0, '::1', () => server.close(() => resolve(true)))
  })
}
const ipv6 = await hasIPv6()

describe('bind', () => {
  test('several addresses share the port', async () => {
    const addresses = await newListener({ bind: '127.0.0.1 127.0.0.2' }).listen({ ephemeral: true })
    expect(addresses.map((address) => address.host)).toEqual(['127.0.0.1', '127.0.0.2'])
    expect(addresses[0].port).toBe(addresses[1].port)
    for (const { port } of addresses) expect(await ping({ host: '127.0.0.2', port })).toBe('+PONG\r\n')
  })

  test('* is every interface', async () => {
    const [address] = await newListener({ bind: '*' }).listen({ ephemeral: true })
    expect(address.host).toBe('0.0.0.0')
    expect(await ping({ host: '127.0.0.1', port: address.port })).toBe('+PONG\r\n')
  })

  test.runIf(ipv6)('IPv6 addresses have sockets of their own', async () => {
    const addresses = await newListener({ bind: '* -::*' }).listen({ ephemeral: true })
    expect(addresses.map((address) => address.host)).toEqual(['0.0.0.0', '::'])
    expect(await ping({ host: '::1', port: addresses[1].port })).toBe('+PONG\r\n')
  })

  test('an address that is not there is skipped where it is optional', async () => {
    const listener = newListener({ bind: '127.0.0.1 -192.0.2.1' })
    expect(await listener.listen({ ephemeral: true })).toHaveLength(1)
  })

  test('an address that is not there is an error where it is not', async () => {
    const listener = newListener({ bind: '127.0.0.1 192.0.2.1' })
    await expect(listener.listen({ ephemeral: true })).rejects.toThrow(
      /^Could not create server TCP listening socket 192\.0\.2\.1:\d+: bind: /,
    )
    expect(listener.addresses).toEqual([])
  })

  test('a port in use is an error of one line', async () => {
    const [address] = await newListener({ bind: '127.0.0.1' }).listen({ ephemeral: true })
    const second = newListener({ bind: '127.0.0.1', port: String(address.port) })
    await expect(second.listen()).rejects.toThrow(
      `Could not create server TCP listening socket 127.0.0.1:${address.port}: bind: Address already in use`,
    )
  })
})

test('port 0 and no unix socket is nothing to listen on', async () => {
  await expect(newListener({ port: '0' }).listen()).rejects.toThrow(
    'Configured to not listen anywhere, exiting.',
  )
})

describe('unixsocket', () => {
  test('with its mode, gone after close()', async () => {
    const path = join(directory(), 'r.sock')
    const listener = newListener({ port: '0', unixsocket: path, unixsocketperm: '700' })
    expect(await listener.listen()).toEqual([{ host: null, port: 0, path, secure: false }])
    expect(statSync(path).mode & 0o777).toBe(0o700)
    const client = await talk({ path })
    client.write('PING\r\n')
    expect(await client.readText(7)).toBe('+PONG\r\n')
    await listener.close()
    expect(existsSync(path)).toBe(false)
  })

  test('replaces the socket a dead server left behind', async () => {
    const path = join(directory(), 'r.sock')
    await newListener({ port: '0', unixsocket: path }).listen()
    const listener = newListener({ port: '0', unixsocket: path })
    await listener.listen()
    expect(await ping({ path })).toBe('+PONG\r\n')
  })

  test('does not replace another file', async () => {
    const path = join(directory(), 'precious')
    writeFileSync(path, 'data')
    await expect(newListener({ port: '0', unixsocket: path }).listen()).rejects.toThrow(
      'Failed opening Unix socket: bind: Address already in use',
    )
  })

  test('says that its folder is not there', async () => {
    const path = join(directory(), 'absent', 'r.sock')
    await expect(newListener({ port: '0', unixsocket: path }).listen()).rejects.toThrow(
      'Failed opening Unix socket: bind: No such file or directory',
    )
  })

  test('the client is named by the path', async () => {
    const path = join(directory(), 'r.sock')
    const engine = newEngine({ port: '0', unixsocket: path })
    const listener = new Listener(engine)
    closing.push(() => listener.close())
    await listener.listen()
    await ping({ path })
    const [client] = engine.clients.values()
    expect([client?.link.remoteAddress, client?.isLocal]).toEqual([`${path}:0`, true])
  })
})

test('maxclients', async () => {
  const engine = newEngine({ bind: '127.0.0.1', maxclients: '2' })
  const listener = new Listener(engine)
  closing.push(() => listener.close())
  const [address] = await listener.listen({ ephemeral: true })
  const port = address.port
  const first = await talk({ port })
  const second = await talk({ port })
  await until(() => engine.clients.size === 2)
  expect(await (await talk({ port })).readAll()).toBe('-ERR max number of clients reached\r\n')
  expect(engine.stats.rejectedConnections).toBe(1)
  first.socket.destroy()
  await until(() => engine.clients.size === 1)
  expect(await ping({ port })).toBe('+PONG\r\n')
  second.socket.destroy()
})

describe.runIf(outside !== undefined)('protected mode', () => {
  const host = outside as string

  test('refuses clients from outside when there is no password', async () => {
    const [address] = await newListener({ bind: '*' }).listen({ ephemeral: true })
    const port = address.port
    expect(await (await talk({ host, port })).readAll()).toMatch(
      /^-DENIED Redis is running in protected mode .*\r\n$/,
    )
    expect(await ping({ host: '127.0.0.1', port })).toBe('+PONG\r\n')
  })

  test.each([{ 'protected-mode': 'no' }, { requirepass: 'secret' }])(
    'lets them in with %j',
    async (config) => {
      const [address] = await newListener({ bind: '*', ...config }).listen({ ephemeral: true })
      expect(await ping({ host, port: address.port })).toMatch(/^(\+PONG|-NOAUTH)/)
    },
  )
})

describe('closeIdle()', () => {
  test('closes clients that were idle for longer than timeout', async () => {
    const engine = newEngine({ bind: '127.0.0.1', timeout: '10' })
    const listener = new Listener(engine)
    closing.push(() => listener.close())
    const [address] = await listener.listen({ ephemeral: true })
    const client = await talk({ port: address.port })
    await until(() => engine.clients.size === 1)
    listener.closeIdle()
    expect(engine.clients.size).toBe(1)
    for (const one of engine.clients.values()) one.lastInteraction -= 11_000
    listener.closeIdle()
    expect(engine.clients.size).toBe(0)
    expect(await client.readAll()).toBe('')
  })

  test('spares clients that wait for a command', async () => {
    const engine = newEngine({ bind: '127.0.0.1', timeout: '10' })
    const listener = new Listener(engine)
    closing.push(() => listener.close())
    const [address] = await listener.listen({ ephemeral: true })
    const client = await talk({ port: address.port })
    client.write('HOLD\r\n')
    await until(() => [...engine.clients.values()].some((one) => one.held !== 0))
    for (const one of engine.clients.values()) one.lastInteraction -= 11_000
    listener.closeIdle()
    expect(engine.clients.size).toBe(1)
  })
})

test('a socket of the same path and port can be had again after close()', async () => {
  const listener = newListener({ bind: '127.0.0.1' })
  const [address] = await listener.listen({ ephemeral: true })
  const client: Socket = connect(address.port, '127.0.0.1')
  closing.unshift(() => client.destroy())
  await listener.close()
  const again = newListener({ bind: '127.0.0.1', port: String(address.port) })
  expect(await again.listen()).toEqual([address])
})
