/**
 * What is loaded against what is on disk: the configuration file with its includes, the ACL file, TLS certificate, key
 * and authorities, the dataset. Contents are compared, not times. Loading them again is reload.ts's.
 */
import { ConfigError } from '../../config/config-error.ts'
import { ConfigLoader } from '../../config/config-file.ts'
import { Configuration } from '../../config/configuration.ts'
import { DIRECTIVE_NAMES, DIRECTIVES, type DirectiveName } from '../../config/directives.ts'
import type { Engine } from '../engine.ts'
import { Artifact, type ArtifactReport, type ArtifactState } from './artifact.ts'
import { manifestIdentity, manifestOnDisk, rdbOnDisk } from './dataset-on-disk.ts'
import type { TlsFiles } from './tls-files.ts'

/** Directives that CONFIG SET changes and a reload does not: all of it takes effect at once, and listening does not. */
const LISTENING: ReadonlySet<DirectiveName> = new Set(['port', 'tls-port', 'bind'])

/** How the values in force differ from the file's. */
export interface ConfigDifferences {
  /** Changed in the file since it was loaded: a reload applies them. */
  readonly changed: readonly DirectiveName[]
  /** Set by CONFIG SET since: a reload leaves them. */
  readonly overridden: readonly DirectiveName[]
  /** Changed in the file: they take a new start. Directives, and rename-command. */
  readonly restart: readonly string[]
}

/** The configuration as it would be loaded now; `fault` is why it would not. */
export interface ConfigOnDisk {
  readonly configuration: Configuration
  readonly fault: string | null
}

export class Artifacts {
  /** Of the listener; null where there is none. */
  tls: TlsFiles | null
  readonly config: Artifact
  readonly certificate: readonly [Artifact, Artifact, Artifact]
  private readonly dataset: Artifact
  private readonly engine: Engine
  /** The configuration as it was loaded last: what differs from it was changed by CONFIG SET. */
  private base: Configuration
  /** What selfCheck() has told the log. */
  private readonly told: Map<string, ArtifactState>

  constructor(engine: Engine) {
    const { configuration, clock } = engine
    this.tls = null
    this.config = new Artifact('config')
    this.certificate = [new Artifact('tls_cert'), new Artifact('tls_key'), new Artifact('tls_ca')]
    this.dataset = new Artifact('dataset')
    this.engine = engine
    this.base = configuration
    this.told = new Map()
    if (configuration.file === '') return
    this.base = configuration.copy()
    this.config.loaded(configuration.identity, clock.now)
  }

  /** TLS is this listener's: whatever it loads, by a reload or by CONFIG SET, is in effect from then on. */
  follow(tls: TlsFiles): void {
    this.tls = tls
    tls.onLoaded = () => this.tlsLoaded(tls)
    this.tlsLoaded(tls)
  }

  private tlsLoaded({ loaded }: TlsFiles): void {
    if (loaded === null) return
    const { cert, key, ca } = loaded.identities
    for (const [index, identity] of [cert, key, ca].entries()) {
      this.certificate[index].loaded(identity ?? '', loaded.at)
    }
  }

  /** What is in use, each with its state now. */
  reports(): ArtifactReport[] {
    return [...this.reportConfig(), ...this.reportAcl(), ...this.reportTls(), ...this.reportDataset()]
  }

  /** reports(), with a line in the log for each whose state is another than the last time. */
  selfCheck(): ArtifactReport[] {
    const { log } = this.engine
    const reports = this.reports()
    for (const { name, state, lastError } of reports) {
      if ((this.told.get(name) ?? 'insync') === state) continue
      this.told.set(name, state)
      const why = lastError === '' ? '' : `: ${lastError}`
      if (state === 'insync') log.notice(`Self-check: ${name} on disk is what is in effect`)
      else log.warning(`Self-check: ${name} on disk is not what is in effect (${state})${why}`)
    }
    return reports
  }

  /** Reads the configuration's files, and changes nothing. */
  readConfig(): ConfigOnDisk {
    const { configuration: running, acl } = this.engine
    const configuration = new Configuration()
    try {
      if (running.source !== null) new ConfigLoader(configuration).source(running.source)
      if (running.settings.aclfile === '') acl.file.afterLines(configuration.users)
      return { configuration, fault: null }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      const { message, place } = error
      const where = place === null || place.line === 0 ? '' : `${place.origin}:${place.line}: `
      return { configuration, fault: where + message }
    }
  }

  differences(onDisk: Configuration): ConfigDifferences {
    const { configuration } = this.engine
    const differing = DIRECTIVE_NAMES.filter((name) => !configuration.agrees(onDisk, name))
    const set = differing.filter((name) => !isFixed(name) && onDisk.agrees(this.base, name))
    const inFile = differing.filter((name) => !set.includes(name))
    const renamed = renamesOf(onDisk) === renamesOf(configuration) ? [] : ['rename-command']
    return {
      changed: inFile.filter((name) => !needsRestart(name)),
      overridden: set,
      restart: [...inFile.filter(needsRestart), ...renamed],
    }
  }

  /** The configuration in force is what its files say, but for what differs from `loaded`. */
  configLoaded(loaded: Configuration): void {
    const { configuration, clock } = this.engine
    const waiting = [...LISTENING].filter((name) => !configuration.agrees(loaded, name))
    loaded.adopt(this.base, waiting)
    this.base = loaded
    configuration.users.splice(0, configuration.users.length, ...loaded.users)
    configuration.identity = loaded.identity
    this.config.loaded(loaded.identity, clock.now)
  }

  private reportConfig(): ArtifactReport[] {
    const { configuration } = this.engine
    if (configuration.file === '') return []
    const { configuration: onDisk, fault } = this.readConfig()
    const { changed, overridden, restart } = this.differences(onDisk)
    const agrees = changed.length + overridden.length + restart.length === 0
    return [this.config.report({ identity: onDisk.identity || null, fault }, agrees)]
  }

  private reportAcl(): ArtifactReport[] {
    const { settings, acl } = this.engine
    if (settings.aclfile === '') return []
    const read = acl.file.read()
    return [acl.file.artifact.report({ ...read, fault: 'faults' in read ? read.faults : null }, true)]
  }

  private reportTls(): ArtifactReport[] {
    const { tls, engine } = this
    if (tls?.loaded == null) return []
    const identities = tls.onDisk(engine.settings)
    const { cert, key, ca } = tls.loaded.identities
    const same = identities.cert === cert && identities.key === key && identities.ca === ca
    const fault = same ? null : tls.check(engine.settings, engine.clock.now)
    const reportOf = (artifact: Artifact, identity: string | null): ArtifactReport =>
      // Files that cannot be used together are all invalid but those that are in use.
      artifact.report({ identity, fault: identity === artifact.identity ? null : fault }, true)
    const [certificate, privateKey, authorities] = this.certificate
    const reports = [reportOf(certificate, identities.cert), reportOf(privateKey, identities.key)]
    return ca === '' ? reports : [...reports, reportOf(authorities, identities.ca)]
  }

  /** It is only reported: nothing reads it while the server runs. */
  private reportDataset(): ArtifactReport[] {
    const { dataset, settings, aof, clock } = this.engine
    if (!dataset.enabled) return []
    if (settings.appendonly && aof.directory.path !== '') {
      const identity = manifestIdentity(aof.directory.saveId, aof.directory.manifest)
      if (identity !== this.dataset.identity) this.dataset.loaded(identity, clock.now)
      return [this.dataset.report(manifestOnDisk(aof.directory.path, settings.appendfilename), true)]
    }
    const onDisk = rdbOnDisk(dataset.path)
    // Neither loaded nor saved: what is there all the same was put there since.
    if (dataset.identity === null) return onDisk.identity === null ? [] : [this.dataset.report(onDisk, true)]
    if (dataset.identity !== this.dataset.identity) {
      this.dataset.loaded(dataset.identity, dataset.identifiedAt)
    }
    return [this.dataset.report(onDisk, true)]
  }
}

function needsRestart(name: DirectiveName): boolean {
  return isFixed(name) || LISTENING.has(name)
}

function isFixed(name: DirectiveName): boolean {
  return DIRECTIVES[name].fixed === true
}

function renamesOf({ renames }: Configuration): string {
  return renames.map(({ from, to }) => `${from} ${to}`).join('\n')
}
