/**
 * What is on disk for a server with this configuration, without a server: `respite status`. The lines are those of INFO
 * artifacts, so that the two can be compared: they differ exactly where a server has something else in effect.
 */
import { join } from 'node:path'
import { ConfigError } from '../config/config-error.ts'
import { ConfigLoader } from '../config/config-file.ts'
import { type ConfigSource, Configuration } from '../config/configuration.ts'
import type { ArtifactName, OnDisk } from '../engine/artifacts/artifact.ts'
import { manifestOnDisk, rdbOnDisk, saveIdFields } from '../engine/artifacts/dataset-on-disk.ts'
import { certificateFields } from '../engine/artifacts/tls-files.ts'
import { TlsFront } from '../network/tls.ts'
import { engineFor } from './check.ts'

export interface DiskStatus {
  readonly lines: readonly string[]
  /** Whether a server would start on it. */
  readonly good: boolean
}

/** What there is of one, and further fields of INFO about it. */
type Found = readonly [name: ArtifactName, disk: OnDisk, more?: readonly [string, string | number][]]

/** What `respite status` prints. A dataset that is not there is no fault: a server would start without one. */
export function diskStatus(source: ConfigSource): DiskStatus {
  const found = artifactsOnDisk(source)
  const lines = found.flatMap(([name, { identity, fault }, more = []]) => [
    `artifact_${name}_state:${fault === null ? (identity === null ? 'missing' : 'present') : 'invalid'}`,
    `artifact_${name}_disk_identity:${identity ?? ''}`,
    ...more.map((field) => field.join(':')),
    `artifact_${name}_last_error:${(fault ?? '').replaceAll(/[\r\n]+/g, ' ')}`,
  ])
  const good = found.every(
    ([name, { identity, fault }]) => fault === null && (identity !== null || name === 'dataset'),
  )
  return { lines, good }
}

function artifactsOnDisk(source: ConfigSource): Found[] {
  const configuration = new Configuration()
  const found: Found[] = []
  const addConfig = (fault: string | null): void => {
    if (source.file !== null) found.push(['config', { identity: configuration.identity || null, fault }])
    else if (fault !== null) found.push(['config', { identity: '', fault }])
  }
  try {
    new ConfigLoader(configuration).source(source)
    addConfig(null)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { message, place } = error
    // The rest is where the configuration says, which nobody knows now.
    addConfig(place === null || place.line === 0 ? message : `${place.origin}:${place.line}: ${message}`)
    return found
  }
  return [...found, ...aclOnDisk(configuration), ...tlsOnDisk(configuration), datasetOnDisk(configuration)]
}

function aclOnDisk(configuration: Configuration): Found[] {
  if (configuration.settings.aclfile === '') return []
  const read = engineFor(configuration).acl.file.read()
  return [['acl', { identity: read.identity, fault: 'faults' in read ? read.faults : null }]]
}

function tlsOnDisk(configuration: Configuration): Found[] {
  const { settings } = configuration
  if (settings.tlsPort === 0) return []
  const { clock } = engineFor(configuration)
  const front = new TlsFront(settings, () => {}, clock)
  const fault = front.check(settings, clock.now)
  const { cert, key, ca } = front.onDisk(settings)
  const certificate = front.certificateOnDisk(settings)
  const found: Found[] = [
    [
      'tls_cert',
      { identity: cert, fault },
      certificate === null ? [] : certificateFields('disk_', certificate),
    ],
    ['tls_key', { identity: key, fault }],
  ]
  return ca === '' ? found : [...found, ['tls_ca', { identity: ca, fault }]]
}

function datasetOnDisk(configuration: Configuration): Found {
  const { dir, appendonly, appenddirname, appendfilename } = configuration.settings
  const onDisk = appendonly
    ? manifestOnDisk(join(dir, appenddirname), appendfilename)
    : rdbOnDisk(configuration.path('dbfilename'))
  return ['dataset', onDisk, saveIdFields({ disk_save_id: onDisk.identity ?? '' })]
}
