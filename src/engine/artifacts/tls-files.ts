/** What artifacts know of TLS, which the listener has. */
import type { Settings } from '../../config/settings.ts'

/** SHA-256 of each; null for a file that is not there, '' where none is named. */
export interface TlsIdentities {
  readonly cert: string | null
  readonly key: string | null
  readonly ca: string | null
}

export interface TlsFiles {
  /** What new connections get; null without TLS. `at` is milliseconds since the epoch. */
  readonly loaded: { readonly identities: TlsIdentities; readonly at: number } | null
  /** Called when `loaded` has become another. */
  onLoaded: (() => void) | null
  /** Hexadecimal serial number and end in milliseconds since the epoch, of the certificate in use. */
  readonly certificate: { readonly serial: string; readonly validTo: number } | null
  /** What the files are that these settings name. */
  onDisk(settings: Settings): TlsIdentities
  /** Why these settings and their files would be refused now; null when they would not. Changes nothing. */
  check(settings: Settings, now: number): string | null
  /** Has new connections use what is on disk now. Returns null, or why not; then everything stays as it was. */
  configure(now: number): string | null
}
