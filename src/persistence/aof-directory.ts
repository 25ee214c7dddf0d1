/** The directory of the append-only file's parts: where they lie, which of them the manifest names, what is left over. */
import { mkdirSync, rm, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../config/settings.ts'
import { reasonOf } from '../config/system-errors.ts'
import type { Log } from '../platform/log.ts'
import { PROCESS_ID } from '../platform/process.ts'
import { AofManifest, loadManifest, saveManifest } from './aof-manifest.ts'
import { upgradeSingleFile } from './aof-upgrade.ts'

export class AofDirectory {
  path: string
  /** What is on disk, as of the last load or save. */
  manifest: AofManifest
  /** Where a new base is written before it is one. */
  temporaryBase: string
  private readonly settings: Settings
  private readonly log: Log

  constructor(settings: Settings, log: Log) {
    this.path = ''
    this.manifest = AofManifest.empty
    this.temporaryBase = ''
    this.settings = settings
    this.log = log
  }

  /** Goes where the settings say, and stays there whatever becomes of `dir`. Throws an Error in one line. */
  settle(): void {
    const { dir, appenddirname, appendfilename } = this.settings
    this.path = join(dir, appenddirname)
    this.temporaryBase = join(dir, `temp-rewriteaof-bg-${PROCESS_ID}.aof`)
    this.manifest = loadManifest(this.path, appendfilename)
  }

  /** settle() where a server before Redis 7 may have left its single file, which becomes a part. */
  settleUpgrading(): void {
    this.settle()
    this.manifest = upgradeSingleFile(this.path, this.settings.appendfilename, this.manifest, this.log)
  }

  /** Makes the directory if it is not there. Throws the system's error, as all from here on do. */
  make(): void {
    mkdirSync(this.path, { recursive: true })
  }

  /** The path of the part of this name. */
  at(name: string): string {
    return join(this.path, name)
  }

  /** Where commands are written while their base is being made. */
  get temporaryIncrement(): string {
    return `temp-${this.settings.appendfilename}.incr`
  }

  /** Bytes of all parts that the manifest names, and of the base among them. */
  get size(): number {
    let size = 0
    for (const { name } of this.manifest.files) size += this.sizeOf(name)
    return size
  }

  get baseSize(): number {
    const { base } = this.manifest
    return base === null ? 0 : this.sizeOf(base.name)
  }

  /** Bytes of a part, 0 when it is not there. */
  sizeOf(name: string): number {
    return statSync(this.at(name), { throwIfNoEntry: false })?.size ?? 0
  }

  /** From now on `manifest` holds, also after a crash. On an error the one from before does. */
  save(manifest: AofManifest): void {
    if (manifest === this.manifest) return
    saveManifest(this.path, this.settings.appendfilename, manifest)
    this.manifest = manifest
  }

  /** Removes what no manifest needs any more; what stays, after a crash or an error, goes the next time. */
  removeHistory(): void {
    const { manifest } = this
    if (this.settings.aofDisableAutoGc || manifest.history.length === 0) return
    for (const { name } of manifest.history) rm(this.at(name), { force: true }, () => {})
    try {
      this.save(manifest.withoutHistory())
    } catch (error) {
      this.log.warning(`Can't save the AOF manifest: ${reasonOf(error)}`)
    }
  }
}
