/**
 * A certificate is rotated under fifty connected clients of a server in its own process, by RELOAD and by the signal:
 * a pair that has expired or does not match is refused, the good one is shown to whoever comes from then on, and those
 * who were there stay.
 */
import { X509Certificate } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { RawClient } from '../compat/raw-client.ts'
import { startRespite } from '../compat/respite.ts'
import { freePort, type ServerProcess } from '../compat/server-process.ts'
import { Certificates, hasOpenssl } from '../network/certificates.ts'

const CLIENTS = 50

/** A connection on which answers come in the order of what was asked. */
class TlsClient {
  readonly socket: TLSSocket
  private readonly waiting: ((line: string) => void)[] = []
  private text = ''
  closed = false

  constructor(port: number, ca: string) {
    this.socket = connect({ port, host: '127.0.0.1', ca })
    this.socket.on('data', (data) => {
      this.text += data.toString('latin1')
      for (let end = this.text.indexOf('\r\n'); end >= 0; end = this.text.indexOf('\r\n')) {
        this.waiting.shift()?.(this.text.slice(0, end))
        this.text = this.text.slice(end + 2)
      }
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.closed = true
      for (const answer of this.waiting.splice(0)) answer('closed')
    })
  }

  ask(command: string): Promise<string> {
    if (this.closed) return Promise.resolve('closed')
    return new Promise((resolve) => {
      this.waiting.push(resolve)
      this.socket.write(`${command}\r\n`)
    })
  }

  get serial(): string {
    return this.socket.getPeerCertificate().serialNumber
  }
}

describe.skipIf(!hasOpenssl)('rotation', () => {
  let files: Certificates
  let directory = ''
  let server: ServerProcess | null = null
  const clients: TlsClient[] = []
  beforeAll(() => {
    files = new Certificates()
    for (const name of ['old', 'new']) files.make(name)
    files.make('expired', -1)
  })
  afterAll(() => files.remove())
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy()
    await server?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const serialOf = (name: string): string =>
    new X509Certificate(readFileSync(files.path(`${name}.crt`))).serialNumber

  const use = (certificate: string, key: string): void => {
    copyFileSync(files.path(`${certificate}.crt`), join(directory, 'used.crt'))
    copyFileSync(files.path(`${key}.key`), join(directory, 'used.key'))
  }

  test.each(['RELOAD', 'SIGHUP'])('by %s', { timeout: 60_000 }, async (way) => {
    directory = mkdtempSync(join(tmpdir(), 'rotation-'))
    use('old', 'old')
    const port = await freePort()
    const ca = readFileSync(files.path('ca.crt'), 'utf8')
    const started = await startRespite(
      Object.entries({
        '--tls-port': `${port}`,
        '--tls-cert-file': join(directory, 'used.crt'),
        '--tls-key-file': join(directory, 'used.key'),
        '--tls-ca-cert-file': files.path('ca.crt'),
        '--tls-auth-clients': 'no',
      }).flat(),
    )
    server = started
    for (let i = 0; i < CLIENTS; i++) clients.push(new TlsClient(port, ca))
    const ids = await Promise.all(clients.map((client) => client.ask('CLIENT ID')))
    expect(new Set(ids).size).toBe(CLIENTS)

    const plain = await RawClient.open(started.port)
    /** Loads the files again while everybody is asking something; resolves with what came of it. */
    const again = async (): Promise<string> => {
      const before = outcomesIn(started.log()).length
      const busy = clients.map((client) => client.ask('PING'))
      let outcome = ''
      if (way === 'RELOAD') outcome = (await plain.call('RELOAD', 'TLS')).toString('latin1')
      else {
        process.kill(started.pid, 'SIGHUP')
        await expect.poll(() => outcomesIn(started.log()).length, { timeout: 20_000 }).toBeGreaterThan(before)
        outcome = outcomesIn(started.log()).at(-1) ?? ''
      }
      expect(new Set(await Promise.all(busy))).toEqual(new Set(['+PONG']))
      expect(await Promise.all(clients.map((client) => client.ask('CLIENT ID')))).toEqual(ids)
      return outcome
    }
    const expectNewcomersSee = async (name: string): Promise<void> => {
      const newcomer = new TlsClient(port, ca)
      expect(await newcomer.ask('PING')).toBe('+PONG')
      expect(newcomer.serial).toBe(serialOf(name))
      newcomer.socket.destroy()
    }

    use('expired', 'expired')
    expect(await again()).toContain('has expired')
    await expectNewcomersSee('old')
    use('new', 'old')
    expect(await again()).toMatch(/failed.*key values mismatch/)
    await expectNewcomersSee('old')
    use('new', 'new')
    expect(await again()).not.toContain('failed')
    await expectNewcomersSee('new')
    expect(new Set(clients.map(({ serial }) => serial))).toEqual(new Set([serialOf('old')]))
    plain.close()
  })
})

/** What each reload said in the log. */
function outcomesIn(log: string): string[] {
  return log.match(/(Reloaded|Reload failed).*/g) ?? []
}
