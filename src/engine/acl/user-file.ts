/**
 * The text of an ACL file and of redis.conf's `user` lines: "user alice on #… ~* +@all". Reading one leads to
 * all its users or to the list of its faults; nothing takes effect here.
 */
import { DUPLICATE_USER, hasSpaces, UNKNOWN_COMMAND } from './rule-error.ts'
import { joinSelectors, type User } from './user.ts'

/** The users of a text, or every fault found in it as one line, Redis's. */
export type Parsed = { readonly users: ReadonlyMap<string, User> } | { readonly faults: string }

/** Reads the text of the ACL file called `path` in errors; `create` makes a user who may do nothing. */
export function parseUserFile(text: string, path: string, create: (name: string) => User): Parsed {
  const users = new Map<string, User>()
  let faults = ''
  for (const [index, untrimmed] of text.split('\n').entries()) {
    const line = untrimmed.replaceAll(/^[ \t\r]+|[ \t\r]+$/g, '')
    if (line === '') continue
    faults += parseLine(line.split(' '), `${path}:${index + 1}`, index + 1, users, create)
  }
  if (faults === '') return { users }
  const kept = 'WARNING: ACL errors detected, no change to the previously active ACL rules was performed'
  return { faults: faults + kept }
}

/** One rule about commands, keys or channels. A log is no place for others: passwords, and what may have been meant as one. */
const HARMLESS = /^\(?[+\-~%&]\S*$/

/** Adds the user of one line. Returns its faults, '' for none. */
function parseLine(
  words: readonly string[],
  place: string,
  number: number,
  users: Map<string, User>,
  create: (name: string) => User,
): string {
  const [keyword, name, ...rules] = words
  if (keyword !== 'user' || name === undefined) {
    return `${place} should start with user keyword followed by the username. `
  }
  if (hasSpaces(name)) return `'${place}: username '${name}' contains invalid characters. `
  if (users.has(name)) return `WARNING: Duplicate user '${name}' found on line ${number}. `
  const user = create(name)
  users.set(name, user)
  const joined = joinSelectors(rules)
  if (typeof joined === 'number') return `${place}: Unmatched parenthesis in selector definition.`
  let faults = ''
  let told = false
  for (const untrimmed of joined) {
    const rule = untrimmed.replaceAll(/^[\t\r\n]+|[\t\r\n]+$/g, '')
    const refused = user.apply(rule)
    if (refused === null) continue
    // Only a command's name is repeated. What else is wrong may follow from the first.
    if (refused === UNKNOWN_COMMAND && HARMLESS.test(rule)) {
      faults += `${place}: Error in applying operation '${rule}': ${refused}. `
    } else if (!told) {
      faults += `${place}: ${refused}. `
      told = true
    }
  }
  return faults
}

/** The text of a file that leads to these users. */
export function formatUserFile(users: Iterable<User>): string {
  let text = ''
  for (const user of users) text += `${userLine(user)}\n`
  return text
}

/** "user alice on …", as ACL LIST prints it. */
export function userLine(user: User): string {
  return `user ${user.name} ${user.describe()}`
}

/**
 * Reads redis.conf's `user` lines, given as words without the keyword. Throws what `refuse` makes of a line's
 * fault; `index` is that of the line.
 */
export function parseUserLines(
  lines: readonly (readonly string[])[],
  create: (name: string) => User,
  refuse: (index: number, text: string) => Error,
): ReadonlyMap<string, User> {
  const users = new Map<string, User>()
  for (const [index, [name, ...rules]] of lines.entries()) {
    const fault = (word: string, text: string): Error =>
      refuse(index, `Error in user declaration '${word}': ${text}`)
    if (users.has(name)) throw fault(name, DUPLICATE_USER)
    if (hasSpaces(name)) throw refuse(index, 'Spaces not allowed in ACL usernames')
    const joined = joinSelectors(rules)
    const shown = (rule: string): string => (HARMLESS.test(rule) ? rule : name)
    if (typeof joined === 'number') {
      throw fault(shown(rules[joined]), 'Unmatched parenthesis in selector definition')
    }
    const user = create(name)
    users.set(name, user)
    for (const rule of joined) {
      const refused = user.apply(rule)
      if (refused !== null) throw fault(shown(rule), refused)
    }
  }
  return users
}
