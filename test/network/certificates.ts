/** Certificates made by the openssl program for tests; null where there is none. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder with a certificate authority that makes certificates for 127.0.0.1. */
export class Certificates {
  readonly folder: string

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'tls-'))
    const subject = ['-subj', '/CN=test authority', '-days', '2']
    openssl(['req', '-x509', ...KEY, '-keyout', this.path('ca.key'), '-out', this.path('ca.crt'), ...subject])
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** Makes `name`.crt and `name`.key; valid from now for so many days, which may be in the past. */
  make(name: string, days = 1): void {
    const request = this.path(`${name}.csr`)
    openssl(['req', ...KEY, '-keyout', this.path(`${name}.key`), '-out', request, '-subj', `/CN=${name}`])
    this.sign(name, days)
  }

  /** Makes `name`.crt for the key of `other`: the next certificate of the same server. */
  renew(name: string, other: string): void {
    const key = ['-key', this.path(`${other}.key`)]
    openssl(['req', '-new', ...key, '-out', this.path(`${name}.csr`), '-subj', `/CN=${other}`])
    this.sign(name, 1)
  }

  private sign(name: string, days: number): void {
    const request = this.path(`${name}.csr`)
    const extensions = this.path('extensions')
    writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1\n')
    const authority = ['-CA', this.path('ca.crt'), '-CAkey', this.path('ca.key'), '-CAcreateserial']
    const validity = ['-days', `${days}`, '-extfile', extensions]
    openssl(['x509', '-req', '-in', request, ...authority, ...validity, '-out', this.path(`${name}.crt`)])
  }

  remove(): void {
    if (existsSync(this.folder)) rmSync(this.folder, { recursive: true })
  }
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}

/** Whether there is an openssl program. */
export const hasOpenssl: boolean = ((): boolean => {
  try {
    openssl(['version'])
    return true
  } catch {
    return false
  }
})()
