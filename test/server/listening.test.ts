/** CONFIG SET port, bind and tls-port: the server listens elsewhere, or as before where that can't be had. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createNetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import type { DirectiveName } from '../../src/config/directives.ts'
import { silentLog } from '../../src/platform/log.ts'
import { Server } from '../../src/server/server.ts'
import { RawClient } from '../compat/raw-client.ts'
import { freePort } from '../compat/server-process.ts'
import { Certificates, hasOpenssl } from '../network/certificates.ts'

const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end()
})

async function serve(config: Partial<Record<DirectiveName, string>> = {}): Promise<{
  server: Server
  port: number
  client: RawClient
  set: (...words: string[]) => Promise<string>
}> {
  const port = await freePort()
  const configuration = new Configuration({ port: `${port}`, bind: '127.0.0.1', ...config })
  const server = new Server({ configuration, log: silentLog() })
  await server.start({ load: false })
  const client = await RawClient.open(port)
  ended.push(
    () => server.stop(),
    () => client.close(),
  )
  const set = async (...words: string[]): Promise<string> =>
    (await client.call('CONFIG', 'SET', ...words)).toString()
  return { server, port, client, set }
}

/** Whether a server answers there. */
async function answers(port: number, host = '127.0.0.1'): Promise<boolean> {
  const redis = new Redis({ port, host, lazyConnect: true, retryStrategy: () => null, connectTimeout: 2000 })
  redis.on('error', () => {})
  try {
    await redis.connect()
    return (await redis.ping()) === 'PONG'
  } catch {
    return false
  } finally {
    redis.disconnect()
  }
}

const UNABLE = 'Unable to listen on this port. Check server logs.'
const refused = (name: string, reason: string): string =>
  `-ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}\r\n`

describe('CONFIG SET', () => {
  test('another port: the old one is closed, who is connected stays, what was sent after it is answered', async () => {
    const { server, port, client, set } = await serve()
    const other = await freePort()
    client.write(`CONFIG SET port ${other}\r\nPING\r\n`)
    expect([await client.frame(), await client.frame()].map(String)).toEqual(['+OK\r\n', '+PONG\r\n'])
    expect([await answers(other), await answers(port)]).toEqual([true, false])
    expect(server.engine.settings.port).toBe(other)
    expect(await set('port', `${other}`)).toBe('+OK\r\n')
    expect(await set('port', `${port}`, 'hz', '33')).toBe('+OK\r\n')
    expect([await answers(other), await answers(port)]).toEqual([false, true])
    expect(server.engine.settings.hz).toBe(33)
  })

  test('a port that is taken: everything stays', async () => {
    const { server, port, set } = await serve()
    const other = await freePort()
    const taken = createNetServer()
    await new Promise<void>((resolve) => void taken.listen(other, '127.0.0.1', resolve))
    ended.push(() => void taken.close())
    expect(await set('hz', '33', 'port', `${other}`)).toBe(refused('port', UNABLE))
    expect([await answers(port), server.engine.settings.port, server.engine.settings.hz]).toEqual([
      true,
      port,
      10,
    ])
  })

  test('addresses, also such as cover those from before', async () => {
    const { server, port, set } = await serve()
    expect(await set('bind', '127.0.0.1 127.0.0.2')).toBe('+OK\r\n')
    expect(await answers(port, '127.0.0.2')).toBe(true)
    expect(await set('bind', '*')).toBe('+OK\r\n')
    expect(server.engine.settings.bind).toEqual(['*'])
    expect([await answers(port, '127.0.0.3'), await answers(port)]).toEqual([true, true])
    expect(await set('bind', '127.0.0.2 203.0.113.9')).toBe(
      refused('bind', 'Failed to bind to specified addresses.'),
    )
    expect(await answers(port, '127.0.0.3')).toBe(true)
    expect(await set('bind', '127.0.0.2 -203.0.113.9')).toBe('+OK\r\n')
    expect([await answers(port, '127.0.0.2'), await answers(port)]).toEqual([true, false])
  })

  test('no port at all, and a unix socket that stays', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'respite-listening-'))
    ended.push(() => rmSync(directory, { recursive: true }))
    const { server, port, set } = await serve({ unixsocket: join(directory, 'socket') })
    expect(await set('port', '0')).toBe('+OK\r\n')
    expect(await answers(port)).toBe(false)
    const redis = new Redis({ path: join(directory, 'socket') })
    expect(await redis.config('SET', 'port', `${port}`)).toBe('OK')
    redis.disconnect()
    expect(await answers(port)).toBe(true)
    expect(server.engine.settings.port).toBe(port)
  })

  test('inside a transaction it is refused', async () => {
    const { client, port } = await serve()
    await client.call('MULTI')
    await client.call('CONFIG', 'SET', 'port', `${await freePort()}`)
    expect((await client.call('EXEC')).toString()).toBe(
      `*1\r\n${refused('port', 'it cannot be changed inside a transaction')}`,
    )
    expect(await answers(port)).toBe(true)
  })

  test('refused for another reason: it listens as before', async () => {
    const { server, port, set } = await serve()
    const other = await freePort()
    expect(await set('port', `${other}`, 'hz', 'x')).toContain("'hz'")
    server.engine.configuration.onChange('hz', () => 'not today')
    expect(await set('port', `${other}`, 'hz', '33')).toBe(refused('hz', 'not today'))
    await expect.poll(() => answers(port)).toBe(true)
    await expect.poll(() => answers(other)).toBe(false)
  })

  test('two at once: one after the other', async () => {
    const { server, port, set } = await serve()
    const [one, two] = [await freePort(), await freePort()]
    const client = await RawClient.open(port)
    const replies = await Promise.all([set('port', `${one}`), client.call('CONFIG', 'SET', 'port', `${two}`)])
    expect(replies.map(String)).toEqual(['+OK\r\n', '+OK\r\n'])
    const last = server.engine.settings.port
    expect(await answers(last)).toBe(true)
    expect(await answers(last === one ? two : one)).toBe(false)
    client.close()
  })

  test.skipIf(!hasOpenssl)('a TLS port', async () => {
    const files = new Certificates()
    ended.push(() => files.remove())
    files.make('server')
    const { server, port, set } = await serve()
    const other = await freePort()
    expect(await set('tls-port', `${other}`)).toBe(
      refused('tls-port', 'Unable to update TLS configuration. Check server logs.'),
    )
    await set('tls-cert-file', files.path('server.crt'), 'tls-key-file', files.path('server.key'))
    await set('tls-auth-clients', 'no')
    expect(await set('tls-port', `${other}`)).toBe('+OK\r\n')
    const redis = new Redis({ port: other, tls: { rejectUnauthorized: false } })
    expect(await redis.ping()).toBe('PONG')
    expect(await set('port', '0')).toBe('+OK\r\n')
    expect(await answers(port)).toBe(false)
    expect(await redis.ping()).toBe('PONG')
    expect(await set('tls-port', '0', 'port', `${port}`)).toBe('+OK\r\n')
    expect(server.engine.settings.tlsPort).toBe(0)
    expect(await redis.ping()).toBe('PONG')
    redis.disconnect()
    expect(await answers(port)).toBe(true)
  })
})
