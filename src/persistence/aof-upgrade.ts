/** Takes the single append-only file of a server before Redis 7 into the directory of files that a manifest names. */
import { mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { reasonOf } from '../config/system-errors.ts'
import type { Log } from '../platform/log.ts'
import { AofManifest, saveManifest } from './aof-manifest.ts'
import { syncDirectory } from './directory-sync.ts'

/**
 * Makes the file called `appendfilename` beside `directory` the base of a new manifest, if there is such a file and
 * no manifest names others already. Returns the manifest that holds then. Throws a one-line Error.
 *
 * The manifest comes first and the file is moved after it: a crash between the two leaves a manifest that names
 * nothing but this file, which is not there yet; the next start takes that for an upgrade to be finished.
 */
export function upgradeSingleFile(
  directory: string,
  appendfilename: string,
  manifest: AofManifest,
  log: Log,
): AofManifest {
  const parent = dirname(directory)
  const old = join(parent, appendfilename)
  const moved = join(directory, appendfilename)
  const { base, files } = manifest
  const halfDone = files.length === 1 && base?.name === appendfilename && !isFile(moved)
  if (!isFile(old) || (files.length > 0 && !halfDone)) return manifest
  const upgraded = new AofManifest({ name: appendfilename, seq: 1 }, [], manifest.history)
  try {
    mkdirSync(directory, { recursive: true })
    syncDirectory(parent)
  } catch (error) {
    throw new Error(`Can't open or create append-only dir ${directory}: ${reasonOf(error)}`, { cause: error })
  }
  try {
    saveManifest(directory, appendfilename, upgraded)
    renameSync(old, moved)
    syncDirectory(directory)
    syncDirectory(parent)
  } catch (error) {
    throw new Error(
      `Error trying to move the old AOF file ${old} into dir ${directory}: ${reasonOf(error)}`,
      {
        cause: error,
      },
    )
  }
  log.notice(`Successfully migrated an old-style AOF file (${old}) into the AOF directory (${directory}).`)
  return upgraded
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
