/** What artifacts know of TLS, which the listener has. */
import type { Settings } from '../../config/settings.ts'

/** SHA-256 of each; null for a file that is not there, '' where none is named. */
export interface TlsIdentities {
  readonly cert: string | null
  readonly key: string | null
  readonly ca: string | null
}

/** A certificate, as far as it is told of. */
export interface CertificateFacts {
  /** Hexadecimal, as openssl prints it. */
  readonly serial: string
  /** The end, milliseconds since the epoch. */
  readonly validTo: number
}

/** Fields of INFO and `respite status` about a certificate, whose names begin as `prefix` says. */
export function certificateFields(
  prefix: string,
  { serial, validTo }: CertificateFacts,
): [string, string | number][] {
  return [
    [`artifact_tls_cert_${prefix}serial`, serial],
    [`artifact_tls_cert_${prefix}expires_at`, Math.floor(validTo / 1000)],
  ]
}

export interface TlsFiles {
  /** What new connections get; null without TLS. `at` is milliseconds since the epoch. */
  readonly loaded: { readonly identities: TlsIdentities; readonly at: number } | null
  /** Called when `loaded` has become another. */
  onLoaded: (() => void) | null
  /** The one in use. */
  readonly certificate: CertificateFacts | null
  /** What the files are that these settings name. */
  onDisk(settings: Settings): TlsIdentities
  /** The certificate that these settings name; null when there is none to be read. */
  certificateOnDisk(settings: Settings): CertificateFacts | null
  /** Why these settings and their files would be refused now; null when they would not. Changes nothing. */
  check(settings: Settings, now: number): string | null
  /** Has new connections use what is on disk now. Returns null, or why not; then everything stays as it was. */
  configure(now: number): string | null
}
