/** ACL rules, patterns and categories beside redis-server, by random users. */
import Parser from 'redis-parser'
import { expect, test } from 'vitest'
import { Dice } from './random.ts'
import { RawClient } from './raw-client.ts'
import { compat } from './suite.ts'

type Reply = string | number | null | Error | Reply[]

compat('acl, random', ({ pair }) => {
  test('ACL CAT lists the same commands', async () => {
    const ours = await asking(pair().respite.port)
    const theirs = await asking(pair().oracle.port)
    const [known, there] = [await commandNames(ours), await commandNames(theirs)]
    const categories = (await theirs('ACL', 'CAT')) as string[]
    expect(await ours('ACL', 'CAT')).toEqual(categories)
    for (const category of categories) {
      const expected = (await theirs('ACL', 'CAT', category)) as string[]
      const listed = (await ours('ACL', 'CAT', category)) as string[]
      // WAIT has the flag since 7.2.
      const old = listed.filter((name) => there.has(name) && !(category === 'blocking' && name === 'wait'))
      expect(old.sort(), category).toEqual(expected.filter((name) => known.has(name)).sort())
    }
  })

  test.each(Array.from({ length: 12 }, (_, i) => i + Number(process.env.COMPAT_SEED ?? 1)))(
    'random rules, seed %i',
    async (seed) => {
      const ours = await asking(pair().respite.port)
      const theirs = await asking(pair().oracle.port)
      const both = [...(await commandNames(ours))].filter(hasTwin(await commandNames(theirs))).sort()
      const dice = new Dice(seed)
      await compareRules(
        ours,
        theirs,
        Array.from({ length: dice.between(1, 30) }, () => rule(dice, both)),
      )
      await comparePermissions(ours, theirs, both)
      await compareTexts(ours, theirs)
    },
    30_000,
  )

  test.each(Array.from({ length: 12 }, (_, i) => i + Number(process.env.COMPAT_SEED ?? 1)))(
    'random patterns, seed %i',
    async (seed) => {
      const ours = await asking(pair().respite.port)
      const theirs = await asking(pair().oracle.port)
      const dice = new Dice(seed)
      const rules = ['+@all', ...dice.many(1, 6, () => patternRule(dice))]
      if (dice.oneIn(2)) rules.push(`(${['+@all', ...dice.many(1, 4, () => patternRule(dice))].join(' ')})`)
      await compareRules(ours, theirs, rules)
      for (let i = 0; i < 300; i++) {
        const command = keyed(dice)
        const call = ['ACL', 'DRYRUN', 'random', ...command]
        expect(await ours(...call), `${rules.join(' ')}: ${command.join(' ')}`).toEqual(await theirs(...call))
      }
    },
    30_000,
  )
})

type Ask = (...command: string[]) => Promise<Reply>

/** A function that asks one server. */
async function asking(port: number): Promise<Ask> {
  const client = await RawClient.open(port)
  return async (...command) => {
    let reply: Reply = null
    const parser = new Parser({
      returnReply: (value: Reply) => {
        reply = value
      },
      returnError: (error: Error) => {
        reply = new Error(error.message)
      },
    })
    parser.execute(await client.call(...command))
    return reply
  }
}

async function commandNames(ask: Ask): Promise<Set<string>> {
  const names = new Set<string>()
  const add = (row: Reply): void => {
    const [name, , , , , , , , , children] = row as Reply[]
    names.add(name as string)
    for (const child of children as Reply[]) add(child)
  }
  for (const row of (await ask('COMMAND')) as Reply[]) add(row)
  return names
}

const hasTwin =
  (others: ReadonlySet<string>) =>
  (name: string): boolean =>
    others.has(name)

const CATEGORIES = [
  'read',
  'write',
  'list',
  'string',
  'fast',
  'slow',
  'admin',
  'dangerous',
  'connection',
  'pubsub',
]

function rule(dice: Dice, commands: readonly string[]): string {
  const sign = dice.pick(['+', '-'])
  switch (dice.below(12)) {
    case 0:
      return dice.pick(['+@all', '-@all', 'allcommands', 'nocommands', 'reset', 'clearselectors'])
    case 1:
    case 2:
    case 3:
      return `${sign}@${dice.case(dice.pick(CATEGORIES))}`
    case 4:
      return `+${dice.case(dice.pick(['select', 'get', 'debug']))}|${dice.pick(['0', '1', 'Object', 'x'])}`
    case 5:
      return dice.pick(['on', 'off', 'nopass', '>a', '>b', '<a', 'resetpass', 'skip-sanitize-payload'])
    case 6:
      return `(${sign}${dice.pick(commands)} ${patternRule(dice)} +@${dice.pick(CATEGORIES)})`
    default:
      return `${sign}${dice.case(dice.pick(commands))}`
  }
}

function patternRule(dice: Dice): string {
  const glob = dice.pick(['a*', 'b', '*', 'a?', '[ab]c', 'k1', 'k[0-3]', 'ch*', ''])
  return dice
    .pick(['~', '%R~', '%W~', '%RW~', '%wr~', '&', '~', 'resetkeys'])
    .replace(/~$|&$/, (end) => end + glob)
}

function keyed(dice: Dice): string[] {
  const key = (): string => dice.pick(['a', 'ab', 'b', 'ac', 'bc', 'k1', 'k2', 'k9', 'ch1', 'x', ''])
  return dice.pick([
    () => ['GET', key()],
    () => ['SET', key(), 'v'],
    () => ['SET', key(), 'v', 'GET'],
    () => ['MSET', key(), 'v', key(), 'v'],
    () => ['COPY', key(), key()],
    () => ['RENAME', key(), key()],
    () => ['DEL', key(), key()],
    () => ['EXISTS', key()],
    () => ['LMOVE', key(), key(), 'LEFT', 'LEFT'],
    () => ['BLPOP', key(), key(), '1'],
    () => ['BLMPOP', '1', '2', key(), key(), 'LEFT'],
    () => ['LMPOP', '2', key(), key(), 'LEFT'],
    () => ['LMPOP', dice.pick(['x', '5', '0', '-1']), key(), 'LEFT'],
    () => ['BITOP', 'AND', key(), key(), key()],
    () => ['BITFIELD', key(), 'GET', 'u8', '0'],
    () => ['BITFIELD', key(), 'SET', 'u8', '0', '1'],
    () => ['SORT', key(), 'STORE', key()],
    () => ['OBJECT', 'FREQ', key()],
    () => ['MEMORY', 'USAGE', key()],
    () => ['PUBLISH', key(), 'x'],
    () => ['SUBSCRIBE', key(), key()],
    () => ['PSUBSCRIBE', dice.pick(['a*', 'b', 'ch*', '*'])],
    () => ['SSUBSCRIBE', key()],
    () => ['UNSUBSCRIBE', key()],
    () => ['FLUSHALL'],
  ])()
}

/** Gives both servers a user with the rules, one by one; what they answer is the same. */
async function compareRules(ours: Ask, theirs: Ask, rules: readonly string[]): Promise<void> {
  for (const ask of [ours, theirs]) await ask('ACL', 'SETUSER', 'random', 'reset')
  for (const [index, given] of rules.entries()) {
    const call = ['ACL', 'SETUSER', 'random', given]
    expect(await ours(...call), rules.slice(0, index + 1).join(' ')).toEqual(await theirs(...call))
  }
}

/** Every command is allowed on both servers, or on neither. */
async function comparePermissions(ours: Ask, theirs: Ask, names: readonly string[]): Promise<void> {
  for (const ask of [ours, theirs]) await ask('ACL', 'SETUSER', 'random', 'allkeys', 'allchannels')
  const infos = (await theirs('COMMAND', 'INFO', ...names)) as Reply[][]
  for (const [index, name] of names.entries()) {
    const words = name.split('|')
    const arity = Math.abs(infos[index][1] as number)
    while (words.length < arity) words.push('1')
    const call = ['ACL', 'DRYRUN', 'random', ...words]
    expect(await ours(...call), name).toEqual(await theirs(...call))
  }
}

/**
 * Both tell the same of the user. The rules for commands are told otherwise since 7.2: as they were given. Given to
 * the oracle they lead to the same user.
 */
async function compareTexts(ours: Ask, theirs: Ask): Promise<void> {
  const told = (await ours('ACL', 'GETUSER', 'random')) as Reply[]
  const expected = (await theirs('ACL', 'GETUSER', 'random')) as Reply[]
  const list = ((await ours('ACL', 'LIST')) as string[]).find((line) => line.startsWith('user random ')) ?? ''
  await theirs('ACL', 'SETUSER', 'again', 'reset')
  expect(await theirs('ACL', 'SETUSER', 'again', ...list.split(' ').slice(2))).toBe('OK')
  const again = (await theirs('ACL', 'GETUSER', 'again')) as Reply[]
  expect(withSortedRules(again)).toEqual(withSortedRules(expected))
  const withoutRules = (reply: Reply[]): Reply[] => reply.toSpliced(5, 1).slice(0, 9)
  expect(withoutRules(told)).toEqual(withoutRules(expected))
}

/** The rules for commands come in the order of the oracle's hash table. Since 7.2 they are in lower case. */
function withSortedRules(user: Reply): Reply {
  if (typeof user === 'string' && /^[+-]@all/.test(user))
    return user.toLowerCase().split(' ').sort().join(' ')
  return Array.isArray(user) ? user.map(withSortedRules) : user
}
