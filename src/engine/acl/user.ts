/**
 * One ACL user: on or off, passwords, selectors; and the rules that change it, as ACL SETUSER, ACL files and
 * `user` lines give them. It knows no clients. Texts are latin1: one character for each byte.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { splitArguments } from '../../config/split-args.ts'
import type { CommandCatalog } from './command-catalog.ts'
import { BAD_HASH, NO_SUCH_PASSWORD } from './rule-error.ts'
import { Selector } from './selector.ts'

export class User {
  readonly name: string
  enabled: boolean
  /** Any password will do. */
  nopass: boolean
  /** SHA-256 digests in hexadecimal. */
  passwords: string[]
  /** What was said of checking RESTORE's payloads, which here is done for everyone: kept and shown. '' for nothing. */
  payloadFlag: string
  /** The first is the one that rules without parentheses change. */
  selectors: Selector[]
  private readonly catalog: CommandCatalog
  /** `acl-pubsub-default allchannels`, for new selectors. */
  private readonly allChannelsByDefault: boolean

  /** A user who is off and may do nothing. */
  constructor(name: string, catalog: CommandCatalog, allChannelsByDefault: boolean) {
    this.name = name
    this.enabled = false
    this.nopass = false
    this.passwords = []
    this.payloadFlag = ''
    this.allChannelsByDefault = allChannelsByDefault
    this.catalog = catalog
    this.selectors = [this.newSelector()]
  }

  /** Takes all that `other` is, but for the name. */
  become(other: User): void {
    this.enabled = other.enabled
    this.nopass = other.nopass
    this.passwords = [...other.passwords]
    this.payloadFlag = other.payloadFlag
    this.selectors = other.selectors.map((selector) => selector.copy())
  }

  get root(): Selector {
    return this.selectors[0]
  }

  /** Whether nothing is refused to the user once logged in. */
  get isUnrestricted(): boolean {
    return this.selectors.some((selector) => selector.allowsAll)
  }

  /** Takes one rule. Returns null, or why it is refused; refused rules may leave traces. */
  apply(rule: string): string | null {
    if (rule === '') return null
    switch (rule.toLowerCase()) {
      case 'on':
      case 'off':
        this.enabled = rule.length === 2
        return null
      case 'nopass':
      case 'resetpass':
        this.nopass = rule.toLowerCase() === 'nopass'
        this.passwords = []
        return null
      case 'sanitize-payload':
      case 'skip-sanitize-payload':
        this.payloadFlag = rule.toLowerCase()
        return null
      case 'clearselectors':
        this.selectors.length = 1
        return null
      case 'reset':
        return this.reset()
    }
    switch (rule[0]) {
      case '>':
        return this.addPassword(hashOf(Buffer.from(rule.slice(1), 'latin1')))
      case '#':
        return this.addPassword(rule.slice(1))
      case '<':
        return this.removePassword(hashOf(Buffer.from(rule.slice(1), 'latin1')))
      case '!':
        return this.removePassword(rule.slice(1))
    }
    if (rule.startsWith('(') && rule.endsWith(')')) return this.addSelector(rule.slice(1, -1))
    return this.root.apply(rule)
  }

  /** Whether the user may log in with the password. How long it takes tells nothing of it. */
  accepts(password: Uint8Array): boolean {
    if (!this.enabled) return false
    if (this.nopass) return true
    const given = Buffer.from(hashOf(password))
    let right = false
    for (const hash of this.passwords) if (timingSafeEqual(given, Buffer.from(hash))) right = true
    return right
  }

  /** Whether a connection that has not logged in may not do what this user, the default one, may do. */
  get needsPassword(): boolean {
    return !this.nopass || !this.enabled
  }

  /** "on", "nopass", …, as ACL GETUSER lists them. */
  get flags(): string[] {
    const flags = [this.enabled ? 'on' : 'off']
    if (this.nopass) flags.push('nopass')
    if (this.payloadFlag !== '') flags.push(this.payloadFlag)
    return flags
  }

  /** All rules that make such a user, as ACL LIST prints them after the name. */
  describe(): string {
    return [
      ...this.flags,
      ...this.passwords.map((hash) => `#${hash}`),
      this.root.describe(),
      ...this.selectors.slice(1).map((selector) => `(${selector.describe()})`),
    ].join(' ')
  }

  private newSelector(): Selector {
    const selector = new Selector(this.catalog)
    selector.allChannels = this.allChannelsByDefault
    return selector
  }

  private reset(): null {
    this.nopass = false
    this.passwords = []
    this.enabled = false
    this.payloadFlag = 'sanitize-payload'
    this.selectors = [this.newSelector()]
    return null
  }

  private addPassword(hash: string): string | null {
    if (!isHash(hash)) return BAD_HASH
    if (!this.passwords.includes(hash)) this.passwords.push(hash)
    this.nopass = false
    return null
  }

  private removePassword(hash: string): string | null {
    if (!isHash(hash)) return BAD_HASH
    const at = this.passwords.indexOf(hash)
    if (at === -1) return NO_SUCH_PASSWORD
    this.passwords.splice(at, 1)
    return null
  }

  /** `rules` is what stands between the parentheses. */
  private addSelector(rules: string): string | null {
    const selector = this.newSelector()
    for (const word of splitArguments(Buffer.from(rules, 'latin1')) ?? []) {
      const refused = selector.apply(word.toString('latin1'))
      if (refused !== null) return refused
    }
    this.selectors.push(selector)
    return null
  }
}

/** SHA-256 in hexadecimal, which is all that is kept of a password. */
export function hashOf(password: Uint8Array): string {
  return createHash('sha256').update(password).digest('hex')
}

function isHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

/**
 * Rules with those in parentheses, which may be several arguments, joined to one each. Returns the index of the
 * argument that opens a parenthesis which none closes, if there is one.
 */
export function joinSelectors(rules: readonly string[]): string[] | number {
  const joined: string[] = []
  let open = -1
  for (const [index, rule] of rules.entries()) {
    if (open !== -1) joined[joined.length - 1] += ` ${rule}`
    else joined.push(rule)
    if (open === -1 && rule.startsWith('(') && !rule.endsWith(')')) open = index
    else if (open !== -1 && rule.endsWith(')')) open = -1
  }
  return open === -1 ? joined : open
}
