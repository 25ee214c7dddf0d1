/**
 * The server's users, and which of them each client is: logging in, changing and removing users with what
 * that means for those connected, and the refusal of commands. Rules are user.ts's and selector.ts's.
 */
import type { Arguments } from '../../protocol/arguments.ts'
import { ErrorReply } from '../../protocol/error-replies.ts'
import type { Client } from '../client.ts'
import { clientLine } from '../client-line.ts'
import type { Command } from '../command.ts'
import type { Engine } from '../engine.ts'
import { GATE_ACL, GATE_AUTH } from '../gates.ts'
import { AclFile } from './acl-file.ts'
import { CommandCatalog } from './command-catalog.ts'
import { type DenialContext, DenialLog, type Refusal } from './denial-log.ts'
import { allowsAnyKey, type Denial, denialOf } from './permission.ts'
import { MAY_READ } from './selector.ts'
import { losesSubscription } from './subscriptions.ts'
import { joinSelectors, User } from './user.ts'

const DEFAULT = 'default'

/** Why EXEC leaves out a command that was allowed when it was queued. */
const SINCE_FORBIDDEN: Readonly<Record<Denial['reason'], string>> = {
  command: 'no permission to execute the command or subcommand',
  key: 'no permission to touch the specified keys',
  channel: 'no permission to access one of the channels used as arguments',
}

export class AccessList {
  /** Who a connection is before it logs in. Always the same object. */
  readonly defaultUser: User
  readonly log: DenialLog
  readonly file: AclFile
  private readonly engine: Engine
  private readonly catalog: CommandCatalog
  private users: Map<string, User>

  constructor(engine: Engine) {
    const { configuration, settings } = engine
    this.engine = engine
    this.catalog = new CommandCatalog(engine.commands.all)
    this.log = new DenialLog()
    this.file = new AclFile(this, configuration, engine.clock, engine.log)
    this.defaultUser = this.openUser()
    this.users = new Map([[DEFAULT, this.defaultUser]])
    if (settings.requirepass !== '') this.requirePassword(settings.requirepass)
    configuration.onChange('requirepass', (password) => this.requirePassword(password))
  }

  /** Latin1 names in the order of their bytes. */
  names(): string[] {
    return [...this.users.keys()].sort((a, b) => (a < b ? -1 : 1))
  }

  user(name: string): User | undefined {
    return this.users.get(name)
  }

  /** All users, in the order of their names. */
  all(): User[] {
    return this.names().map((name) => this.users.get(name) as User)
  }

  /** The commands and subcommands of a category; undefined when there is no such category. */
  category(name: string): readonly Command[] | undefined {
    return this.catalog.category(name)
  }

  /** A user who is off and may do nothing, and whom the list does not know. */
  newUser(name: string): User {
    return new User(name, this.catalog, this.engine.settings.aclPubsubDefault === 'allchannels')
  }

  /** Creates or changes a user by all of `rules` or none. Returns null, or the text of the error. */
  setUser(name: string, rules: readonly string[], by: Client | null): string | null {
    const joined = joinSelectors(rules)
    if (typeof joined === 'number') {
      return `Unmatched parenthesis in acl selector starting at '${rules[joined]}'.`
    }
    const known = this.users.get(name)
    const changed = this.newUser(name)
    if (known !== undefined) changed.become(known)
    for (const rule of joined) {
      const refused = changed.apply(rule)
      if (refused !== null) return `Error in ACL SETUSER modifier '${rule}': ${refused}`
    }
    if (known === undefined) this.users.set(name, changed)
    else this.change(known, changed, by)
    this.updateGates()
    return null
  }

  /** Removes users, all but the default one, and disconnects them. Returns how many there were. */
  deleteUsers(names: readonly string[], by: Client): number {
    let deleted = 0
    for (const name of names) {
      const user = this.users.get(name)
      if (user === undefined || user === this.defaultUser || !this.users.delete(name)) continue
      deleted++
      this.disconnect(by, (client) => client.user === user)
    }
    this.updateGates()
    return deleted
  }

  /**
   * Has `users` and nobody else. Clients stay logged in as users who stay; others, and those who lose a channel they
   * subscribe to, are disconnected. Without a default user among them there is one who may do everything.
   */
  replaceUsers(users: ReadonlyMap<string, User>, by: Client | null): void {
    const before = this.users
    this.users = new Map()
    for (const [name, user] of users) {
      const known = before.get(name)
      if (known !== undefined) this.change(known, user, by)
      this.users.set(name, known ?? user)
    }
    if (!users.has(DEFAULT)) {
      this.change(this.defaultUser, this.openUser(), by)
      this.users.set(DEFAULT, this.defaultUser)
    }
    this.disconnect(by, (client) => this.users.get(client.user.name) !== client.user)
    this.updateGates()
  }

  /** Takes a client for the default user's, as it is when it connects and after RESET. */
  greet(client: Client): void {
    client.user = this.defaultUser
    client.authenticated = !this.defaultUser.needsPassword
    this.updateGatesOf(client)
  }

  /** Logs the client in. Returns false, and notes it, when name and password are not those of a user who is on. */
  logIn(client: Client, name: string, password: Uint8Array, command: string): boolean {
    const user = this.users.get(name)
    if (user?.accepts(password) !== true) {
      this.engine.stats.aclDeniedAuth++
      this.note(client, 'auth', command, name, contextOf(client))
      return false
    }
    client.user = user
    client.authenticated = true
    this.updateGatesOf(client)
    return true
  }

  /** Why a client behind GATE_ACL may not run or queue the command now; null when it may. Refusals are noted. */
  refusal(client: Client, command: Command, args: Arguments): ErrorReply | null {
    const denial = denialOf(client.user, command, args)
    if (denial === null) return null
    this.noteDenial(client, command, args, denial, contextOf(client))
    if (denial.reason === 'command') {
      return new ErrorReply(`NOPERM this user has no permissions to run the '${command.name}' command`)
    }
    return new ErrorReply(
      `NOPERM this user has no permissions to access one of the ${denial.reason}s used as arguments`,
    )
  }

  /** The same for a command that EXEC is about to run. */
  refusalInExec(client: Client, command: Command, args: Arguments): ErrorReply | null {
    const denial = denialOf(client.user, command, args)
    if (denial === null) return null
    this.noteDenial(client, command, args, denial, 'multi')
    return new ErrorReply(
      'NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. ' +
        `This command is no longer allowed for the following reason: ${SINCE_FORBIDDEN[denial.reason]}`,
    )
  }

  /** Whether the client's command, which it may run, may also read keys that its arguments do not name. */
  mayReadAnyKey(client: Client, command: Command, args: Arguments): boolean {
    return (client.gates & GATE_ACL) === 0 || allowsAnyKey(client.user, command, args, MAY_READ)
  }

  /** The default user of a server that nobody has closed. */
  private openUser(): User {
    const user = this.newUser(DEFAULT)
    for (const rule of ['on', 'nopass', '~*', '&*', '+@all']) user.apply(rule)
    return user
  }

  private requirePassword(password: string): undefined {
    const user = this.defaultUser
    user.apply('resetpass')
    if (password === '') user.apply('nopass')
    else user.apply(`>${Buffer.from(password).toString('latin1')}`)
    this.updateGates()
    return undefined
  }

  private change(known: User, changed: User, by: Client | null): void {
    this.disconnect(by, (client) => client.user === known && losesSubscription(client, known, changed))
    known.become(changed)
  }

  /** Closes clients; the one at whose request it happens has its reply first. */
  private disconnect(by: Client | null, which: (client: Client) => boolean): void {
    for (const client of this.engine.clients.values()) {
      if (!which(client)) continue
      client.user = this.defaultUser
      client.authenticated = false
      if (client === by) client.closeAfterReply = true
      else client.link.destroy()
    }
  }

  private updateGates(): void {
    for (const client of this.engine.clients.values()) this.updateGatesOf(client)
  }

  private updateGatesOf(client: Client): void {
    client.gates &= ~(GATE_AUTH | GATE_ACL)
    if (!client.authenticated && this.defaultUser.needsPassword) client.gates |= GATE_AUTH
    if (!client.user.isUnrestricted) client.gates |= GATE_ACL
  }

  private noteDenial(
    client: Client,
    command: Command,
    args: Arguments,
    { reason, index }: Denial,
    context: DenialContext,
  ): void {
    const { stats } = this.engine
    if (reason === 'command') stats.aclDeniedCommand++
    else if (reason === 'key') stats.aclDeniedKey++
    else stats.aclDeniedChannel++
    client.lastCommand = command
    const object = reason === 'command' ? command.name : args.text(index)
    this.note(client, reason, object, client.user.name, context)
  }

  private note(
    client: Client,
    reason: Refusal['reason'],
    object: string,
    username: string,
    context: DenialContext,
  ): void {
    const { clock, settings } = this.engine
    const refusal = { reason, context, object, username, clientInfo: clientLine(client) }
    this.log.note(refusal, clock.now, settings.acllogMaxLen)
  }
}

function contextOf(client: Client): DenialContext {
  return client.transaction !== null || client.inTransaction ? 'multi' : 'toplevel'
}
