/** A user's rules and their text: what is printed leads to the same user, and passwords are what they are. */
import { array, assert, constantFrom, oneof, property, tuple } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { families } from '../../../src/commands/families.ts'
import { CommandCatalog } from '../../../src/engine/acl/command-catalog.ts'
import { hashOf, joinSelectors, User } from '../../../src/engine/acl/user.ts'
import { ACL_CATEGORIES } from '../../../src/engine/acl-categories.ts'
import { CommandTable } from '../../../src/engine/command-table.ts'

const { all } = new CommandTable(families)
const commands = all.flatMap(({ subcommands }, i) =>
  subcommands === null ? [all[i]] : [all[i]].concat([...subcommands.values()]),
)
const catalog = new CommandCatalog(all)
const newUser = (allChannels = false): User => new User('alice', catalog, allChannels)

/** Which commands the user may run, and with which first arguments, keys and channels; per selector. */
function rights(user: User): string {
  return user.selectors
    .map((selector) => {
      const allowed = commands.filter((command) => selector.allowsCommand(command)).map(({ name }) => name)
      const first = commands.flatMap((command) =>
        ['0', '1']
          .filter((word) => selector.allowsFirstArgument(command, word))
          .map((word) => command.name + word),
      )
      return [allowed, first, selector.describeKeys(), selector.describeChannels()].join('\n')
    })
    .join('\n')
}

const sign = constantFrom('+', '-')
const name = constantFrom(...commands.map((command) => command.name))
const rule = oneof(
  tuple(sign, name).map(([s, n]) => s + n),
  tuple(sign, constantFrom('all', ...ACL_CATEGORIES)).map(([s, c]) => `${s}@${c}`),
  tuple(constantFrom('select', 'get'), constantFrom('0', '1')).map(([c, word]) => `+${c}|${word}`),
  constantFrom(
    '~a*',
    '%R~b',
    '%W~b',
    '~*',
    'resetkeys',
    '&x',
    '&*',
    'resetchannels',
    'clearselectors',
    'reset',
  ),
  constantFrom('on', 'off', 'nopass', '>a', '>b', '<a', 'resetpass', 'skip-sanitize-payload'),
)
const selector = array(rule, { maxLength: 4 }).map((rules) => `(${rules.join(' ')})`)

test('what is printed leads to the same user', () => {
  assert(
    property(array(oneof({ weight: 9, arbitrary: rule }, selector), { maxLength: 25 }), (rules) => {
      const user = newUser()
      for (const each of rules) user.apply(each)
      const again = newUser()
      for (const each of joinSelectors(user.describe().split(' ')) as string[]) {
        expect(again.apply(each), each).toBeNull()
      }
      expect(rights(again)).toBe(rights(user))
      expect(again.describe()).toBe(user.describe())
    }),
    { numRuns: 300 },
  )
})

test('the text does not grow with repetition', () => {
  const user = newUser()
  for (let i = 0; i < 3; i++)
    for (const each of ['+get', '-@write', '+config|get', '+select|1']) user.apply(each)
  expect(user.root.describeCommands()).toBe('-@all +get -@write +config|get +select|1')
  user.apply('-config')
  user.apply('-select')
  expect(user.root.describeCommands()).toBe('-@all +get -@write -config -select')
  user.apply('+@all')
  expect(user.root.describeCommands()).toBe('+@all')
})

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('passwords', () => {
  test('any of them, while the user is on', () => {
    const user = newUser()
    for (const each of ['>a', `#${hashOf(bytes('b'))}`, '>\xff\x00']) user.apply(each)
    expect(user.accepts(bytes('a'))).toBe(false)
    user.apply('on')
    for (const [password, right] of [
      ['a', true],
      ['b', true],
      ['\xff\x00', true],
      ['c', false],
      ['', false],
    ] as const) {
      expect(user.accepts(bytes(password)), password).toBe(right)
    }
    user.apply('<a')
    expect(user.accepts(bytes('a'))).toBe(false)
  })

  test('nopass, and back', () => {
    const user = newUser()
    for (const each of ['on', '>a', 'nopass']) user.apply(each)
    expect(user.accepts(bytes('x'))).toBe(true)
    user.apply('>a')
    expect(user.accepts(bytes('x'))).toBe(false)
    user.apply('resetpass')
    expect(user.accepts(bytes('a'))).toBe(false)
  })

  test('are kept as digests only', () => {
    const user = newUser()
    user.apply('>correct horse')
    expect(user.passwords).toEqual([hashOf(bytes('correct horse'))])
    expect(user.describe()).not.toContain('horse')
  })
})

test('acl-pubsub-default allchannels', () => {
  const user = newUser(true)
  expect(user.root.describeChannels()).toEqual(['&*'])
  user.apply('resetchannels')
  user.apply('reset')
  expect(user.root.describeChannels()).toEqual(['&*'])
})

test('who is refused nothing', () => {
  const user = newUser()
  for (const each of ['+@all', '~*', '&*']) {
    expect(user.isUnrestricted).toBe(false)
    user.apply(each)
  }
  expect(user.isUnrestricted).toBe(true)
  user.apply('-get')
  expect(user.isUnrestricted).toBe(false)
  user.apply('(+@all ~* &*)')
  expect(user.isUnrestricted).toBe(true)
})
