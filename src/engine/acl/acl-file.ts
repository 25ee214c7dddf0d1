/**
 * Where the users come from and go to: the file that `aclfile` names, or redis.conf's `user` lines. The text is
 * user-file.ts's.
 */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError } from '../../config/config-error.ts'
import type { Configuration } from '../../config/configuration.ts'
import { reasonOf } from '../../config/system-errors.ts'
import { replaceFile } from '../../persistence/rdb-file.ts'
import type { Log } from '../../platform/log.ts'
import type { Client } from '../client.ts'
import type { AccessList } from './access-list.ts'
import { formatUserFile, type Parsed, parseUserFile, parseUserLines } from './user-file.ts'

export class AclFile {
  private readonly acl: AccessList
  private readonly configuration: Configuration
  private readonly log: Log

  constructor(acl: AccessList, configuration: Configuration, log: Log) {
    this.acl = acl
    this.configuration = configuration
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
  read(): Parsed {
    const { aclfile } = this.configuration.settings
    let text: string
    try {
      text = readFileSync(this.configuration.path('aclfile'), 'latin1')
    } catch (error) {
      return { faults: `Error loading ACLs, opening file '${aclfile}': ${reasonOf(error)}` }
    }
    return parseUserFile(text, aclfile, (name) => this.acl.newUser(name))
  }

  /** ACL LOAD: the users of the file and no others, or everything as it was. Returns null, or the file's faults. */
  load(by: Client | null): string | null {
    const parsed = this.read()
    if ('faults' in parsed) return parsed.faults
    this.acl.replaceUsers(parsed.users, by)
    return null
  }

  /** ACL SAVE. False when the file could not be written; it is as it was then, and the log tells why. */
  save(): boolean {
    const path = this.configuration.path('aclfile')
    try {
      const text = formatUserFile(this.acl.all())
      replaceFile(path, `${path.slice(dirname(path).length + 1)}.tmp`, (write) =>
        write(Buffer.from(text, 'latin1')),
      )
      return true
    } catch (error) {
      this.log.warning(`Saving the ACL file '${path}': ${reasonOf(error)}`)
      return false
    }
  }

  private takeLines(): void {
    const { users } = this.configuration
    const lines = users.map(({ words }) => words.map((word) => Buffer.from(word).toString('latin1')))
    const parsed = parseUserLines(
      lines,
      (name) => this.acl.newUser(name),
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
