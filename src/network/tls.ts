/**
 * TLS in front of connections: certificates and options out of the settings, and the handshake with each accepted
 * socket. It listens on nothing (listener.ts does) and knows no clients.
 *
 * A configuration is built whole before it replaces the one before: a bad file changes nothing, and connections
 * made under an older one live on. So each has a tls.Server of its own, which never listens but is handed sockets.
 */
import { constants, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { resolve } from 'node:path'
import { createServer, type SecureVersion, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import type { Settings } from '../config/settings.ts'
import { reasonOf } from '../config/system-errors.ts'
import { fileIdentity, identityOf } from '../engine/artifacts/artifact.ts'
import type { CertificateFacts, TlsFiles, TlsIdentities } from '../engine/artifacts/tls-files.ts'
import { type Clock, parseTime } from '../platform/clock.ts'
import { TlsSessions } from './tls-sessions.ts'

/** A peer that has not finished its handshake after this long is cut off, milliseconds. */
const HANDSHAKE_MAX = 30_000

/** In the order of their age; `off` tells OpenSSL not to use it. */
const VERSIONS: readonly { readonly name: SecureVersion; readonly off: number }[] = [
  { name: 'TLSv1', off: constants.SSL_OP_NO_TLSv1 },
  { name: 'TLSv1.1', off: constants.SSL_OP_NO_TLSv1_1 },
  { name: 'TLSv1.2', off: constants.SSL_OP_NO_TLSv1_2 },
  { name: 'TLSv1.3', off: constants.SSL_OP_NO_TLSv1_3 },
]

/** The settings of which a change asks for a new configuration. */
export const TLS_SETTINGS = [
  'tlsAuthClients',
  'tlsPreferServerCiphers',
  'tlsSessionCaching',
  'tlsSessionCacheSize',
  'tlsSessionCacheTimeout',
  'tlsCertFile',
  'tlsKeyFile',
  'tlsKeyFilePass',
  'tlsDhParamsFile',
  'tlsCaCertFile',
  'tlsCaCertDir',
  'tlsProtocols',
  'tlsCiphers',
  'tlsCiphersuites',
] as const

/** The certificate that new connections are shown. */
export interface CertificateInUse extends CertificateFacts {
  /** Milliseconds since the epoch. */
  readonly validFrom: number
}

/** A configuration that could be put to use. */
interface Prepared {
  readonly options: TlsOptions
  readonly certificate: CertificateInUse
  readonly server: Server
}

export class TlsFront implements TlsFiles {
  /** Null before the first configure() that succeeded. */
  certificate: CertificateInUse | null
  loaded: TlsFiles['loaded']
  onLoaded: (() => void) | null
  private readonly settings: Settings
  private readonly established: (socket: TLSSocket) => void
  private readonly clock: Clock
  private server: Server | null
  /** Sockets whose handshake is not over, by the address of the peer. */
  private readonly shaking: Map<string, Socket>

  /** `established` is given each socket whose handshake has succeeded and whose peer may come in. */
  constructor(settings: Settings, established: (socket: TLSSocket) => void, clock: Clock) {
    this.certificate = null
    this.loaded = null
    this.onLoaded = null
    this.settings = settings
    this.established = established
    this.clock = clock
    this.server = null
    this.shaking = new Map()
  }

  /** Connections that are not clients yet. */
  get handshakes(): number {
    return this.shaking.size
  }

  /**
   * Reads the files the settings name and has new connections use them. Returns null, or one line why not; then
   * everything stays as it was. `now` is milliseconds since the epoch: what has expired is no replacement.
   */
  configure(now: number): string | null {
    const prepared = this.prepare(this.settings, now)
    if (typeof prepared === 'string') return prepared
    const { options, certificate } = prepared
    this.server = prepared.server
    this.certificate = certificate
    this.loaded = { identities: identitiesOf(options), at: now }
    this.onLoaded?.()
    return null
  }

  /** Why configure() would refuse what these settings name; null when it would not. */
  check(settings: Settings, now: number): string | null {
    const prepared = this.prepare(settings, now)
    return typeof prepared === 'string' ? prepared : null
  }

  onDisk(settings: Settings): TlsIdentities {
    const { dir, tlsCertFile, tlsKeyFile } = settings
    let ca: string | null = null
    try {
      ca = joinedIdentity(authorities(settings, false))
    } catch {}
    return { cert: fileIdentity(resolve(dir, tlsCertFile)), key: fileIdentity(resolve(dir, tlsKeyFile)), ca }
  }

  certificateOnDisk(settings: Settings): CertificateFacts | null {
    try {
      return certificateOf(read(settings, 'tls-cert-file', settings.tlsCertFile))
    } catch {
      return null
    }
  }

  private prepare(settings: Settings, now: number): Prepared | string {
    const missing = missingSetting(settings)
    if (missing !== null) return missing
    try {
      const options = optionsOf(settings)
      const certificate = certificateOf(options.cert as Buffer)
      if (this.certificate !== null && certificate.validTo < now) {
        return `The certificate in '${settings.tlsCertFile}' has expired`
      }
      const server = createServer(options, (socket) => this.secured(socket))
      // The peer is gone, or spoke no TLS, or not to us: its socket is closed by then.
      server.on('tlsClientError', (_error, socket) => socket.destroy())
      const { tlsSessionCaching, tlsSessionCacheSize, tlsSessionCacheTimeout } = settings
      if (tlsSessionCaching) {
        new TlsSessions(tlsSessionCacheSize, tlsSessionCacheTimeout, this.clock).serve(server)
      }
      return { options, certificate, server }
    } catch (error) {
      return faultOf(error)
    }
  }

  /** Begins the handshake with a socket that has just been accepted. */
  take(socket: Socket): void {
    // Until the handshake is over nobody else listens for its errors.
    socket.on('error', () => {})
    if (this.server === null) {
      socket.destroy()
      return
    }
    // Until it is over, a peer that sends nothing more has given up; secured() allows it again.
    socket.allowHalfOpen = false
    const peer = peerOf(socket)
    this.shaking.set(peer, socket)
    socket.once('close', () => {
      if (this.shaking.get(peer) === socket) this.shaking.delete(peer)
    })
    this.server.emit('connection', socket)
  }

  /** Ends all handshakes: the server stops. */
  close(): void {
    for (const socket of this.shaking.values()) socket.destroy()
  }

  private secured(socket: TLSSocket): void {
    this.shaking.delete(peerOf(socket))
    socket.allowHalfOpen = true
    // After a record that is none Node only says so, and keeps a connection that nobody can use any more.
    socket.on('error', () => socket.destroy())
    // "optional": who shows a certificate has to show a good one.
    const shown = this.settings.tlsAuthClients === 'optional' && socket.getPeerX509Certificate() !== undefined
    if (shown && !socket.authorized) socket.destroy()
    else this.established(socket)
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function missingSetting(settings: Settings): string | null {
  if (settings.tlsCertFile === '') return 'No tls-cert-file configured!'
  if (settings.tlsKeyFile === '') return 'No tls-key-file configured!'
  if (settings.tlsAuthClients !== 'no' && settings.tlsCaCertFile === '' && settings.tlsCaCertDir === '') {
    return 'Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication or tls-auth-clients are enabled!'
  }
  return null
}

/** A file of the settings could not be read; its message says which. */
class UnreadableFile extends Error {}

function optionsOf(settings: Settings): TlsOptions {
  const versions = versionsOf(settings.tlsProtocols)
  const ca = authorities(settings, true)
  return {
    cert: read(settings, 'tls-cert-file', settings.tlsCertFile),
    key: read(settings, 'tls-key-file', settings.tlsKeyFile),
    ...(settings.tlsKeyFilePass === '' ? {} : { passphrase: settings.tlsKeyFilePass }),
    ...(ca.length === 0 ? {} : { ca }),
    ...(settings.tlsDhParamsFile === ''
      ? {}
      : { dhparam: read(settings, 'tls-dh-params-file', settings.tlsDhParamsFile) }),
    ciphers: ciphersOf(settings),
    honorCipherOrder: settings.tlsPreferServerCiphers,
    minVersion: versions.oldest,
    maxVersion: versions.newest,
    secureOptions: versions.off | (settings.tlsSessionCaching ? 0 : constants.SSL_OP_NO_TICKET),
    sessionTimeout: settings.tlsSessionCacheTimeout,
    requestCert: settings.tlsAuthClients !== 'no',
    rejectUnauthorized: settings.tlsAuthClients === 'yes',
    handshakeTimeout: HANDSHAKE_MAX,
  }
}

function read(settings: Settings, directive: string, path: string): Buffer {
  try {
    return readFileSync(resolve(settings.dir, path))
  } catch (error) {
    throw new UnreadableFile(`Failed to load ${directive} '${path}': ${reasonOf(error)}`, { cause: error })
  }
}

/** With `check`, files without a whole certificate are refused: OpenSSL would pass over what it can't read. */
function authorities(settings: Settings, check: boolean): Buffer[] {
  const { tlsCaCertFile, tlsCaCertDir } = settings
  const files = tlsCaCertFile === '' ? [] : [read(settings, 'tls-ca-cert-file', tlsCaCertFile)]
  if (check && files.length > 0) checkAuthorities('tls-ca-cert-file', tlsCaCertFile, files[0], 1)
  if (tlsCaCertDir === '') return files
  let names: string[]
  try {
    names = readdirSync(resolve(settings.dir, tlsCaCertDir))
  } catch (error) {
    throw new UnreadableFile(`Failed to load tls-ca-cert-dir '${tlsCaCertDir}': ${reasonOf(error)}`, {
      cause: error,
    })
  }
  for (const name of names.sort()) {
    const path = `${tlsCaCertDir}/${name}`
    const file = read(settings, 'tls-ca-cert-dir', path)
    if (check) checkAuthorities('tls-ca-cert-dir', path, file, 0)
    files.push(file)
  }
  return files
}

/** Throws an UnreadableFile unless there are `least` certificates in it, and all of them whole. */
function checkAuthorities(directive: string, path: string, pem: Buffer, least: number): void {
  const beginning = /^(?=-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----)/m
  const certificates = pem
    .toString('latin1')
    .split(beginning)
    .filter((text) => beginning.test(text))
  const fail = (reason: string, cause?: unknown): never => {
    throw new UnreadableFile(`Failed to load ${directive} '${path}': ${reason}`, { cause })
  }
  if (certificates.length < least) fail('there is no certificate in it')
  for (const [index, certificate] of certificates.entries()) {
    try {
      certificateOf(Buffer.from(certificate, 'latin1'))
    } catch (error) {
      fail(`certificate ${index + 1} in it is not whole`, error)
    }
  }
}

/** `tls-protocols`, names separated by blanks; '' is Redis's default, the two newest. */
function versionsOf(text: string): { oldest: SecureVersion; newest: SecureVersion; off: number } {
  const words = text === '' ? ['TLSv1.2', 'TLSv1.3'] : text.toLowerCase().split(/\s+/)
  const wanted = VERSIONS.filter(({ name }) =>
    words.some((word) => word.toLowerCase() === name.toLowerCase()),
  )
  if (wanted.length < words.length) throw new UnreadableFile('Invalid tls-protocols specified')
  let off = 0
  for (const version of VERSIONS) if (!wanted.includes(version)) off |= version.off
  return { oldest: wanted[0].name, newest: wanted[wanted.length - 1].name, off }
}

/** OpenSSL has one list for TLS 1.3 and one for the versions before; Node takes both in one. */
function ciphersOf({ tlsCiphers, tlsCiphersuites }: Settings): string {
  const defaults = constants.defaultCoreCipherList.split(':')
  const suites = tlsCiphersuites || defaults.filter((name) => name.startsWith('TLS_')).join(':')
  const older = tlsCiphers || defaults.filter((name) => !name.startsWith('TLS_')).join(':')
  return `${suites}:${older}`
}

function identitiesOf({ cert, key, ca }: TlsOptions): TlsIdentities {
  return {
    cert: identityOf(cert as Buffer),
    key: identityOf(key as Buffer),
    ca: joinedIdentity((ca ?? []) as Buffer[]),
  }
}

function joinedIdentity(files: readonly Buffer[]): string {
  return files.length === 0 ? '' : identityOf(Buffer.concat(files))
}

/** The server's own certificate comes first in its file. */
function certificateOf(pem: Buffer): CertificateInUse {
  const { serialNumber, validFrom, validTo } = new X509Certificate(pem)
  return { serial: serialNumber, validFrom: parseTime(validFrom), validTo: parseTime(validTo) }
}

/** One line about why no context could be made: OpenSSL puts its reason last. */
function faultOf(error: unknown): string {
  if (error instanceof UnreadableFile) return error.message
  return `Failed to configure TLS: ${(error as Error).message.split(':').at(-1)?.trim()}`
}
