/** RELOAD and SELFCHECK, which are ours, and INFO artifacts: what is in effect against what is on disk. */
import { ConfigError } from '../config/config-error.ts'
import type { ArtifactReport } from '../engine/artifacts/artifact.ts'
import { saveIdFields } from '../engine/artifacts/dataset-on-disk.ts'
import { RELOAD_PARTS, type ReloadPart, reload } from '../engine/artifacts/reload.ts'
import { certificateFields } from '../engine/artifacts/tls-files.ts'
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import type { Engine } from '../engine/engine.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err, SYNTAX_ERROR } from '../protocol/error-replies.ts'
import type { InfoFields } from './info-stats.ts'

/** RELOAD [CONFIG|ACL|TLS|ALL] [DRYRUN] */
function reloadFiles(client: Client, args: Arguments): void {
  const words: string[] = []
  for (let i = 1; i < args.count; i++) words.push(args.text(i).toLowerCase())
  const dryRun = words.at(-1) === 'dryrun'
  if (dryRun) words.pop()
  if (words.length > 1) throw SYNTAX_ERROR
  const [word = 'all'] = words
  const parts = RELOAD_PARTS.filter((part: ReloadPart) => word === 'all' || word === part)
  if (parts.length === 0) throw SYNTAX_ERROR
  try {
    const { applied, kept, restart } = reload(client.engine, parts, dryRun, client)
    replyLists(client, { applied, kept, restart })
  } catch (error) {
    if (error instanceof ConfigError) throw err(`RELOAD failed: ${error.message}`)
    throw error
  }
}

function replyLists({ reply }: Client, lists: Readonly<Record<string, readonly string[]>>): void {
  const entries = Object.entries(lists)
  reply.mapHeader(entries.length)
  for (const [name, words] of entries) {
    reply.bulkText(name)
    reply.arrayHeader(words.length)
    for (const word of words) reply.bulkText(word)
  }
}

function selfCheck(client: Client): void {
  const reports = client.engine.artifacts.selfCheck()
  client.reply.mapHeader(reports.length)
  for (const { name, state } of reports) {
    client.reply.bulkText(name)
    client.reply.bulkText(state)
  }
}

/** INFO artifacts. */
export function artifactFields(engine: Engine): InfoFields {
  const { artifacts, configuration, settings } = engine
  const fields: [string, string | number][] = []
  for (const report of artifacts.reports()) fields.push(...fieldsOf(report))
  const onDisk = configuration.file === '' ? null : artifacts.readConfig()
  if (onDisk?.fault === null) {
    const { overridden, restart } = artifacts.differences(onDisk.configuration)
    fields.push(
      ['artifact_config_overridden', overridden.join(',')],
      ['artifact_config_restart_required', restart.join(',')],
    )
  }
  const certificate = artifacts.tls?.certificate ?? null
  const onDiskNow = artifacts.tls?.certificateOnDisk(settings) ?? null
  if (certificate !== null) {
    fields.push(...certificateFields('', certificate))
    if (onDiskNow !== null) fields.push(...certificateFields('disk_', onDiskNow))
  }
  return fields
}

function fieldsOf(report: ArtifactReport): [string, string | number][] {
  const fields: [string, string | number][] = [
    ['state', report.state],
    ['identity', report.identity],
    ['disk_identity', report.diskIdentity],
    ['generation', report.generation],
    ['loaded_at', Math.floor(report.loadedAt / 1000)],
    ['last_attempt', Math.floor(report.lastAttempt / 1000)],
    ['last_error', report.lastError.replaceAll(/[\r\n]+/g, ' ')],
  ]
  const named: [string, string | number][] = fields.map(([field, value]) => [
    `artifact_${report.name}_${field}`,
    value,
  ])
  if (report.name !== 'dataset') return named
  return [...named, ...saveIdFields({ save_id: report.identity, disk_save_id: report.diskIdentity })]
}

export const reloadCommands: Family = family('server', {
  RELOAD: {
    summary: 'Loads configuration, users and certificates again from their files, all or nothing.',
    since: '7.2.0',
    complexity: 'O(N) where N is the size of the files',
    syntax: '[CONFIG | ACL | TLS | ALL] [DRYRUN]',
    flags: ['admin', 'noscript', 'loading', 'stale'],
    run: reloadFiles,
  },
  SELFCHECK: {
    summary: 'Compares files on disk with what is in effect.',
    since: '7.2.0',
    complexity: 'O(N) where N is the size of the files',
    syntax: '',
    flags: ['admin', 'noscript', 'loading', 'stale'],
    run: selfCheck,
  },
})
