/**
 * Where the users come from and go to: the file that `aclfile` names, or redis.conf's `user` lines. The text is
 * user-file.ts's.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError, STANDARD_INPUT } from '../../config/config-error.ts'
import type { Configuration, UserLine } from '../../config/configuration.ts'
import { reasonOf } from '../../config/system-errors.ts'
import { replaceFile } from '../../persistence/rdb-file.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import { Artifact, identityOf } from '../artifacts/artifact.ts'
import type { Client } from '../client.ts'
import type { AccessList } from './access-list.ts'
import type { User } from './user.ts'
import { formatUserFile, type Parsed, parseUserFile, parseUserLines, userLine } from './user-file.ts'

/** What was read, and the SHA-256 of its bytes, null when it could not be read. */
export type UserFile = Parsed & { readonly identity: string | null }

export class AclFile {
  readonly artifact: Artifact
  private readonly acl: AccessList
  private readonly configuration: Configuration
  private readonly clock: Clock
  private readonly log: Log

  constructor(acl: AccessList, configuration: Configuration, clock: Clock, log: Log) {
    this.artifact = new Artifact('acl')
    this.acl = acl
    this.configuration = configuration
    this.clock = clock
    this.log = log
  }

  /** Takes the users the configuration names. Throws ConfigError. */
  start(): void {
    const { users, settings } = this.configuration
    if (settings.aclfile !== '' && users.length > 0) {
      throw new ConfigError(
        'Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid. ' +
          'This setup is very likely to lead to configuration errors and security holes, please define either an ' +
          'ACL file or declare users directly in your redis.conf, but not both.',
        users[0].place,
      )
    }
    if (settings.aclfile !== '') {
      const faults = this.load(null)
      if (faults !== null) throw new ConfigError(`Aborting Redis startup because of ACL errors: ${faults}`)
    } else if (users.length > 0) this.takeLines()
  }

  /** Reads and checks the file, and changes nothing. */
  read(): UserFile {
    const { aclfile } = this.configuration.settings
    let bytes: Buffer
    try {
      bytes = readFileSync(this.configuration.path('aclfile'))
    } catch (error) {
      return {
        faults: `Error loading ACLs, opening file '${aclfile}': ${reasonOf(error)}`,
        identity: null,
      }
    }
    const parsed = parseUserFile(bytes.toString('latin1'), aclfile, (name) => this.acl.newUser(name))
    return { ...parsed, identity: identityOf(bytes) }
  }

  /** Has the users that were read and no others, or everything as it was. Returns null, or the file's faults. */
  take(file: UserFile, by: Client | null): string | null {
    const { artifact, clock } = this
    if ('faults' in file) {
      artifact.failed(file.faults, clock.now)
      return file.faults
    }
    this.acl.replaceUsers(file.users, by)
    artifact.loaded(file.identity ?? '', clock.now)
    return null
  }

  /** ACL LOAD. Returns null, or the file's faults. */
  load(by: Client | null): string | null {
    return this.take(this.read(), by)
  }

  /** ACL SAVE. False when the file could not be written; it is as it was then, and the log tells why. */
  save(): boolean {
    const path = this.configuration.path('aclfile')
    try {
      const bytes = Buffer.from(formatUserFile(this.acl.all()), 'latin1')
      // A file that only its owner may read stays one.
      const mode = statSync(path, { throwIfNoEntry: false })?.mode
      const temporary = `${path.slice(dirname(path).length + 1)}.tmp`
      replaceFile(path, temporary, (write) => write(bytes), mode === undefined ? undefined : mode & 0o7777)
      this.artifact.loaded(identityOf(bytes), this.clock.now)
      return true
    } catch (error) {
      this.log.warning(`Saving the ACL file '${path}': ${reasonOf(error)}`)
      return false
    }
  }

  /**
   * redis.conf's `user` lines for the users as they are; null where the ACL file has them. Those that an included file
   * declares stay there: throws an Error when they are no longer what it says.
   */
  configLines(): string[] | null {
    const { users, settings, file } = this.configuration
    if (settings.aclfile !== '') return null
    const lines = new Map(this.acl.all().map((user) => [user.name, userLine(user)]))
    for (const { words, place } of users) {
      if (place.line === 0 || place.origin === file || place.origin === STANDARD_INPUT) continue
      const declared = this.parse([words], () => new Error('unreadable'))
      for (const [name, user] of declared) {
        if (lines.get(name) !== userLine(user)) {
          throw new Error(
            `user '${name}' was changed, and is declared in ${place.origin}, line ${place.line}`,
          )
        }
        lines.delete(name)
      }
    }
    return [...lines.values()]
  }

  /**
   * The users there are when redis.conf's lines become `next`: those whose lines are as before stay as they are. Null
   * when no line changes. Throws ConfigError, and changes nothing.
   */
  afterLines(next: readonly UserLine[]): ReadonlyMap<string, User> | null {
    const before = new Set(this.configuration.users.map(textOf))
    const after = new Set(next.map(textOf))
    const changed = next.filter((line) => !before.has(textOf(line)))
    const gone = this.configuration.users.filter((line) => !after.has(textOf(line)))
    const parsed = this.parse(
      next.map(({ words }) => words),
      (index, text) => new ConfigError(text, next[index].place),
    )
    if (changed.length === 0 && gone.length === 0) return null
    const users = new Map(this.acl.all().map((user) => [user.name, user]))
    for (const line of gone) users.delete(nameOf(line))
    for (const line of changed) users.set(nameOf(line), parsed.get(nameOf(line)) as User)
    return users
  }

  private parse(
    lines: readonly (readonly string[])[],
    refuse: (index: number, text: string) => Error,
  ): ReadonlyMap<string, User> {
    return parseUserLines(
      lines.map((words) => words.map((word) => Buffer.from(word).toString('latin1'))),
      (name) => this.acl.newUser(name),
      refuse,
    )
  }

  private takeLines(): void {
    const { users } = this.configuration
    const parsed = this.parse(
      users.map(({ words }) => words),
      (index, text) => new ConfigError(text, users[index].place),
    )
    const all = new Map(this.acl.all().map((user) => [user.name, user]))
    for (const [name, user] of parsed) {
      all.set(name, user)
      if (!user.enabled) {
        this.log.notice(
          `The user '${name}' is disabled (there is no 'on' modifier in the user description). Make sure this is not a configuration error.`,
        )
      }
    }
    this.acl.replaceUsers(all, null)
  }
}

function textOf({ words }: UserLine): string {
  return words.join(' ')
}

function nameOf({ words }: UserLine): string {
  return Buffer.from(words[0]).toString('latin1')
}
