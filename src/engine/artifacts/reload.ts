/**
 * RELOAD, SIGHUP and the self-check: configuration, users and certificates are loaded again from their files while
 * clients stay connected. Everything is read and checked first; then all of it takes effect, or nothing.
 *
 * A setting that CONFIG SET has changed since the last load stays, unless the file changed that setting itself. What
 * needs a new start is told and not touched. The dataset is never loaded again.
 */
import { ConfigError } from '../../config/config-error.ts'
import type { Configuration } from '../../config/configuration.ts'
import type { Settings } from '../../config/settings.ts'
import { settingName } from '../../config/settings.ts'
import type { UserFile } from '../acl/acl-file.ts'
import type { User } from '../acl/user.ts'
import type { Client } from '../client.ts'
import type { Engine } from '../engine.ts'
import type { ConfigDifferences } from './artifacts.ts'

export type ReloadPart = 'config' | 'acl' | 'tls'

export const RELOAD_PARTS: readonly ReloadPart[] = ['config', 'acl', 'tls']

/** What a reload did, or would do: directives, `user`, `acl` and `tls`. */
export interface ReloadOutcome {
  readonly applied: readonly string[]
  /** Other than in the file, because CONFIG SET changed them. */
  readonly kept: readonly string[]
  readonly restart: readonly string[]
}

/** What is about to take effect; null for what is not asked for or not in use. */
interface Plan {
  readonly config: ConfigPlan | null
  readonly acl: UserFile | null
  readonly tls: boolean
}

interface ConfigPlan extends ConfigDifferences {
  readonly configuration: Configuration
  readonly users: ReadonlyMap<string, User> | null
}

/**
 * Loads these parts again, at the request of `by`, or only tells what that would do. Throws a ConfigError in one line
 * when something is wrong with the files; then everything is as it was, and INFO tells of it.
 */
export function reload(
  engine: Engine,
  parts: readonly ReloadPart[],
  dryRun: boolean,
  by: Client | null,
): ReloadOutcome {
  const plan = prepare(engine, parts, dryRun)
  if (!dryRun) apply(engine, plan, by)
  const { config } = plan
  return {
    applied: [
      ...(config?.changed ?? []),
      ...(config === null || config.users === null ? [] : ['user']),
      ...(plan.acl === null ? [] : ['acl']),
      ...(plan.tls ? ['tls'] : []),
    ],
    kept: config?.overridden ?? [],
    restart: config?.restart ?? [],
  }
}

/** reload() of everything, whose outcome goes to the log. */
export function reloadAll(engine: Engine): void {
  const { log } = engine
  try {
    const { applied, kept, restart } = reload(engine, RELOAD_PARTS, false, null)
    log.notice(`Reloaded${applied.length === 0 ? '' : `: ${applied.join(' ')}`}`)
    if (kept.length > 0) log.notice(`Kept as CONFIG SET left them: ${kept.join(' ')}`)
    if (restart.length > 0) log.warning(`Changed in the file, and need a restart: ${restart.join(' ')}`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    log.warning(`Reload failed, everything stays as it was: ${error.message}`)
  }
}

/** The self-check: tells of what is not in sync, and loads it again if that is what self-check-action asks for. */
export function checkItself(engine: Engine): void {
  const { artifacts, settings } = engine
  const reports = artifacts.selfCheck()
  if (settings.selfCheckAction !== 'reload') return
  const due = reports.some(
    ({ name, state, identity, diskIdentity }) =>
      name !== 'dataset' && state === 'drift' && identity !== diskIdentity,
  )
  if (!due) return
  reloadAll(engine)
  artifacts.selfCheck()
}

function prepare(engine: Engine, parts: readonly ReloadPart[], dryRun: boolean): Plan {
  const { artifacts, acl, clock, settings, configuration } = engine
  const fail = (report: (fault: string) => void, fault: string): never => {
    if (!dryRun) report(fault)
    throw new ConfigError(fault)
  }
  let config: ConfigPlan | null = null
  if (parts.includes('config') && configuration.file !== '') {
    const { configuration: onDisk, fault } = artifacts.readConfig()
    if (fault !== null) return fail((text) => artifacts.config.failed(text, clock.now), fault)
    const users = settings.aclfile === '' ? acl.file.afterLines(onDisk.users) : null
    config = { ...artifacts.differences(onDisk), configuration: onDisk, users }
  }
  const file = parts.includes('acl') && settings.aclfile !== '' ? acl.file.read() : null
  if (file !== null && 'faults' in file) return fail(() => acl.file.take(file, null), file.faults)
  const { tls } = artifacts
  const wanted = parts.includes('tls') && tls?.loaded != null
  if (wanted) {
    const refused = tls?.check(settingsAfter(settings, config), clock.now) ?? null
    if (refused !== null) return fail((text) => failTls(engine, text), refused)
  }
  return { config, acl: file, tls: wanted }
}

function settingsAfter(settings: Settings, config: ConfigPlan | null): Settings {
  if (config === null) return settings
  const names = config.changed.map(settingName)
  return {
    ...settings,
    ...Object.fromEntries(names.map((name) => [name, config.configuration.settings[name]])),
  }
}

function failTls({ artifacts, clock }: Engine, fault: string): void {
  for (const artifact of artifacts.certificate) artifact.failed(fault, clock.now)
}

/** First what can still be refused: a part of the server may not take a setting. */
function apply(engine: Engine, { config, acl: file, tls }: Plan, by: Client | null): void {
  const { artifacts, acl, configuration, clock } = engine
  if (config !== null) {
    try {
      configuration.adopt(config.configuration, config.changed)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      // The reply to CONFIG SET names the setting.
      const fault = error.message.replace(/^.*argument '(.*?)'\) - /, '$1: ')
      artifacts.config.failed(fault, clock.now)
      throw new ConfigError(fault)
    }
  }
  if (tls) {
    const refused = artifacts.tls?.configure(clock.now) ?? null
    if (refused !== null) {
      failTls(engine, refused)
      throw new ConfigError(refused)
    }
  }
  if (config !== null) {
    if (config.users !== null) acl.replaceUsers(config.users, by)
    artifacts.configLoaded(config.configuration)
  }
  if (file !== null) acl.file.take(file, by)
}
