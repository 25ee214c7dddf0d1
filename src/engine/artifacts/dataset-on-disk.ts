/**
 * What is on disk of the dataset, an RDB file or the files of a manifest: its identity begins with the save id where
 * there is one, and ends with what tells other content under the same id. Nothing here reads a dataset.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { baseSaveId, isNamedRdb } from '../../persistence/aof-directory.ts'
import { type AofManifest, loadManifest, manifestName } from '../../persistence/aof-manifest.ts'
import { rdbFault, rdbIdentity, saveIdOf } from '../../persistence/rdb-identity.ts'
import { fileIdentity, identityOf, type OnDisk } from './artifact.ts'

/** INFO's fields of save ids, with identities put in; '' where a file has none. */
export function saveIdFields(identities: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(identities).map(([field, identity]) => [
    `artifact_dataset_${field}`,
    saveIdOf(identity),
  ])
}

/** The RDB file at `path`; one whose beginning and end are an RDB file's is taken for one. */
export function rdbOnDisk(path: string): OnDisk {
  const identity = rdbIdentity(path)
  return { identity, fault: identity === null ? null : rdbFault(path) }
}

/** The manifest of the append-only file whose parts lie in `directory`, and the parts as far as they must be there. */
export function manifestOnDisk(directory: string, appendfilename: string): OnDisk {
  try {
    const manifest = loadManifest(directory, appendfilename)
    if (manifest.text() === '') return { identity: null, fault: null }
    return {
      identity: manifestIdentity(baseSaveId(directory, manifest), manifest),
      fault: faultOfParts(directory, manifest),
    }
  } catch (error) {
    const bytes = fileIdentity(join(directory, manifestName(appendfilename)))
    return { identity: bytes ?? '', fault: (error as Error).message }
  }
}

/** `SAVEID-HASH` of the base's save id and the manifest's content; without the save id where there is none. */
export function manifestIdentity(saveId: string, manifest: AofManifest): string {
  const hash = identityOf(Buffer.from(manifest.text()))
  return saveId === '' ? hash : `${saveId}-${hash}`
}

/** Of parts that are not there, or can be seen not to be what they are named. */
function faultOfParts(directory: string, { base, files }: AofManifest): string | null {
  const gone = files.find(({ name }) => !isThere(join(directory, name)))
  if (gone !== undefined) return `The manifest names ${gone.name}, which is not there`
  const fault = base !== null && isNamedRdb(base) ? rdbFault(join(directory, base.name)) : null
  return fault === null ? null : `${base?.name}: ${fault}`
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
