/** The directory of the append-only file's parts: where they lie, which of them the manifest names, what is left over. */
import { mkdirSync, rm, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../config/settings.ts'
import { reasonOf } from '../config/system-errors.ts'
import type { Log } from '../platform/log.ts'
import { PROCESS_ID } from '../platform/process.ts'
import { type AofFile, AofManifest, loadManifest, manifestName, saveManifest } from './aof-manifest.ts'
import { upgradeSingleFile } from './aof-upgrade.ts'
import { OwnFile, stampOf } from './own-file.ts'
import { rdbSaveId } from './rdb-identity.ts'

export class AofDirectory {
  path: string
  /** What is on disk, as of the last load or save. */
  manifest: AofManifest
  /** Where a new base is written before it is one. */
  temporaryBase: string
  /** Save id of the base that the manifest names: the one inside, where it has one. */
  saveId: string
  private readonly own: OwnFile
  private readonly settings: Settings
  private readonly log: Log

  constructor(settings: Settings, log: Log) {
    this.path = ''
    this.manifest = AofManifest.empty
    this.temporaryBase = ''
    this.saveId = ''
    this.own = new OwnFile(() => manifestText(this.path, this.settings.appendfilename))
    this.settings = settings
    this.log = log
  }

  /** Goes where the settings say, and stays there whatever becomes of `dir`. Throws an Error in one line. */
  settle(): void {
    const { dir, appenddirname, appendfilename } = this.settings
    this.path = join(dir, appenddirname)
    this.temporaryBase = join(dir, `temp-rewriteaof-bg-${PROCESS_ID}.aof`)
    const stamp = stampOf(this.manifestPath)
    this.manifest = loadManifest(this.path, appendfilename)
    this.own.know(this.manifestPath, stamp, this.manifest.text())
    this.saveId = baseSaveId(this.path, this.manifest)
    const { base } = this.manifest
    if (base?.saveId === undefined || base.saveId === this.saveId) return
    this.log.warning(
      `The base ${base.name} of the AOF is not the one that its manifest was written for: somebody has replaced it`,
    )
  }

  /** settle() where a server before Redis 7 may have left its single file, which becomes a part. */
  settleUpgrading(): void {
    this.settle()
    const { manifest } = this
    this.manifest = upgradeSingleFile(this.path, this.settings.appendfilename, manifest, this.log)
    if (this.manifest !== manifest) this.saved()
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
    this.checkOwn()
    saveManifest(this.path, this.settings.appendfilename, manifest)
    this.manifest = manifest
    this.saved()
  }

  /** Throws a ReplacedFileError if somebody has put another manifest there, and that is not to be written over. */
  checkOwn(): void {
    if (!this.settings.saveOverReplaced) this.own.check(this.manifestPath)
  }

  private saved(): void {
    this.own.know(this.manifestPath, stampOf(this.manifestPath), this.manifest.text())
    this.saveId = baseSaveId(this.path, this.manifest)
  }

  private get manifestPath(): string {
    return this.at(manifestName(this.settings.appendfilename))
  }

  /** Removes what no manifest needs any more; what stays, after a crash or an error, goes the next time. */
  removeHistory(): void {
    const { manifest } = this
    if (this.settings.aofDisableAutoGc || manifest.history.length === 0) return
    try {
      this.checkOwn()
      for (const { name } of manifest.history) rm(this.at(name), { force: true }, () => {})
      this.save(manifest.withoutHistory())
    } catch (error) {
      this.log.warning(`Can't save the AOF manifest: ${reasonOf(error)}`)
    }
  }
}

/**
 * The save id of the base in `directory` that the manifest names: the one inside for an RDB file, the manifest's for one
 * of commands; '' where there is none.
 */
export function baseSaveId(directory: string, { base }: AofManifest): string {
  if (base === null) return ''
  return rdbSaveId(join(directory, base.name)) ?? (isNamedRdb(base) ? '' : (base.saveId ?? ''))
}

/** Whether its name says that a base is an RDB file, as servers write it. */
export function isNamedRdb({ name }: AofFile): boolean {
  return name.endsWith('.rdb')
}

/** AofManifest.text() of the manifest in `directory`, null for one that can't be read or is broken. */
function manifestText(directory: string, appendfilename: string): string | null {
  try {
    return loadManifest(directory, appendfilename).text()
  } catch {
    return null
  }
}
