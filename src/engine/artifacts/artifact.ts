/**
 * A file, or files that belong together, that the server has in effect: what of it is in effect, and what became of
 * the attempts to load it again. What is on disk now is looked at by those who ask.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

export type ArtifactName = 'config' | 'acl' | 'tls_cert' | 'tls_key' | 'tls_ca' | 'dataset'

/** What is on disk: `fault` is why it could not be loaded. A file that is not there has no identity. */
export interface OnDisk {
  readonly identity: string | null
  readonly fault: string | null
}

/** `drift`: it could be loaded and is not what is in effect. */
export type ArtifactState = 'insync' | 'drift' | 'missing' | 'invalid'

export interface ArtifactReport {
  readonly name: ArtifactName
  readonly state: ArtifactState
  /** What is in effect; '' where nothing was there to be loaded. */
  readonly identity: string
  /** '' where there is none. */
  readonly diskIdentity: string
  /** How many contents have been in effect. */
  readonly generation: number
  /** Milliseconds since the epoch, 0 for never: of the last time that it was loaded, and that this was tried. */
  readonly loadedAt: number
  readonly lastAttempt: number
  /** Why the last attempt failed, or why what is on disk would; '' when nothing is wrong. */
  readonly lastError: string
}

export class Artifact {
  readonly name: ArtifactName
  identity: string
  private generation: number
  /** Milliseconds since the epoch, 0 for never. */
  loadedAt: number
  private lastAttempt: number
  private lastError: string

  constructor(name: ArtifactName) {
    this.name = name
    this.identity = ''
    this.generation = 0
    this.loadedAt = 0
    this.lastAttempt = 0
    this.lastError = ''
  }

  /** This is in effect since `now`, milliseconds since the epoch. */
  loaded(identity: string, now: number): void {
    if (identity !== this.identity || this.generation === 0) this.generation++
    this.identity = identity
    this.loadedAt = now
    this.lastAttempt = now
    this.lastError = ''
  }

  /** An attempt to load it failed; what was in effect is. */
  failed(fault: string, now: number): void {
    this.lastAttempt = now
    this.lastError = fault
  }

  /** `agrees` is false when something beside the files' contents is other than they say. */
  report(disk: OnDisk, agrees: boolean): ArtifactReport {
    const { name, identity, generation, loadedAt, lastAttempt } = this
    const state = this.stateFor(disk, agrees)
    const lastError = disk.fault ?? (state === 'insync' ? '' : this.lastError)
    const diskIdentity = disk.identity ?? ''
    return { name, state, identity, diskIdentity, generation, loadedAt, lastAttempt, lastError }
  }

  private stateFor(disk: OnDisk, agrees: boolean): ArtifactState {
    if (disk.identity === null) return 'missing'
    if (disk.fault !== null) return 'invalid'
    return agrees && disk.identity === this.identity ? 'insync' : 'drift'
  }
}

/** SHA-256 of bytes, in hexadecimal. */
export function identityOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The same of a file's content; null when it can't be read. */
export function fileIdentity(path: string): string | null {
  try {
    return identityOf(readFileSync(path))
  } catch {
    return null
  }
}
