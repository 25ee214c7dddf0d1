/** Which sessions are kept, how many and how long; and peers that resume them, and do not without the cache. */
import { constants } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createServer, type RespiteServer } from '../../src/index.ts'
import { TlsSessions } from '../../src/network/tls-sessions.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { freePort } from '../compat/server-process.ts'
import { Certificates, hasOpenssl } from './certificates.ts'

/** The beginning of a session as OpenSSL writes it. */
const session = (version: string): Buffer => Buffer.from(`30819b0201010202${version}0402c02c`, 'hex')
const OLD = session('0303')
const NEW = session('0304')

test('the newest so many, of TLS 1.2 and older', () => {
  const sessions = new TlsSessions(2, 300, new ManualClock(0))
  for (const id of ['a', 'b', 'c']) sessions.add(id, OLD)
  sessions.add('d', NEW)
  expect(['a', 'b', 'c', 'd'].map((id) => sessions.find(id)?.equals(OLD) ?? null)).toEqual([
    null,
    true,
    true,
    null,
  ])
  expect(sessions.count).toBe(2)
})

test('for so long; and with no limit of number, what is over goes', () => {
  const clock = new ManualClock(0)
  const sessions = new TlsSessions(0, 10, clock)
  for (let i = 0; i < 100; i++) sessions.add(`${i}`, OLD)
  clock.advance(10_000)
  expect(sessions.find('0')).not.toBe(null)
  expect(sessions.count).toBe(100)
  clock.advance(1)
  expect(sessions.find('0')).toBe(null)
  sessions.add('fresh', OLD)
  expect(sessions.count).toBe(1)
})

describe.skipIf(!hasOpenssl)('a server', () => {
  let files: Certificates
  let server: RespiteServer | null = null
  beforeAll(() => {
    files = new Certificates()
    files.make('server')
  })
  afterAll(() => files.remove())
  afterEach(async () => {
    await server?.close()
    server = null
  })

  /** Whether each of three connections of a peer without tickets resumed the session before. */
  async function resumptions(options: Record<string, string>): Promise<boolean[]> {
    const port = await freePort()
    server = await createServer({
      port: '0',
      'tls-port': `${port}`,
      'tls-cert-file': files.path('server.crt'),
      'tls-key-file': files.path('server.key'),
      'tls-ca-cert-file': files.path('ca.crt'),
      'tls-auth-clients': 'no',
      ...options,
    })
    const reused: boolean[] = []
    let known: Buffer | undefined
    for (let i = 0; i < 3; i++) {
      await new Promise<void>((resolve, reject) => {
        const socket = connect({
          port,
          host: '127.0.0.1',
          ca: readFileSync(files.path('ca.crt')),
          maxVersion: 'TLSv1.2',
          secureOptions: constants.SSL_OP_NO_TICKET,
          ...(known === undefined ? {} : { session: known }),
        })
        socket.on('session', (data) => {
          known = data
        })
        socket.on('error', reject)
        socket.on('close', () => resolve())
        socket.on('data', () => socket.destroy())
        socket.on('secureConnect', () => {
          reused.push(socket.isSessionReused())
          socket.write('PING\r\n')
        })
      })
    }
    return reused
  }

  test('resumes what it has kept', async () => {
    expect(await resumptions({})).toEqual([false, true, true])
  })

  test('keeps nothing with tls-session-caching no', async () => {
    expect(await resumptions({ 'tls-session-caching': 'no' })).toEqual([false, false, false])
  })
})
