/** ACL, AUTH and what they refuse, beside redis-server: byte for byte, and by random rules. */
import Parser from 'redis-parser'
import { expect, test } from 'vitest'
import { Dice } from './random.ts'
import { RawClient } from './raw-client.ts'
import {
  closed,
  elementsOf,
  masked,
  on,
  type Step,
  type StepLike,
  toStep,
  unorderedPairs,
  varies,
} from './steps.ts'
import { compat } from './suite.ts'

type Reply = string | number | null | Error | Reply[]

/** Users outlive FLUSHALL: each script starts without those it names. */
const fresh: readonly StepLike[] = [
  { ...toStep('ACL DELUSER alice bob carol'), normalize: () => Buffer.alloc(0) },
  'ACL LOG RESET',
]

/** ACL LOG without what tells time and connection, and without the fields that came with 7.2. */
function log(like: StepLike): Step {
  const reason = 'age and client differ; ids and timestamps came with 7.2'
  return { ...toStep(like), normalize: firstFields, reason }
}

function firstFields(frame: Buffer): Buffer {
  return Buffer.concat(elementsOf(frame).map((entry) => Buffer.concat(elementsOf(entry).slice(0, 10))))
}

compat('acl', ({ script, pair }) => {
  script('users', [
    ...fresh,
    'ACL WHOAMI',
    'ACL USERS',
    'ACL LIST',
    'ACL GETUSER default',
    'ACL SETUSER alice',
    'ACL GETUSER alice',
    'ACL SETUSER bob on >secret >other nopass >third ~a* ~b &ch +get',
    'ACL GETUSER bob',
    'ACL SETUSER bob <third #2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b',
    'ACL SETUSER bob skip-sanitize-payload resetkeys %R~r %W~w %RW~rw %rw~rw2 %R~w',
    'ACL SETUSER bob "(+get ~x)" ( +set %W~y &z )',
    'ACL GETUSER bob',
    'ACL SETUSER bob sanitize-payload clearselectors resetchannels resetpass off',
    'ACL GETUSER bob',
    'ACL SETUSER bob allkeys allchannels allcommands on nopass',
    'ACL LIST',
    'ACL SETUSER bob reset',
    'ACL GETUSER bob',
    'ACL GETUSER nobody',
    'ACL DELUSER nobody',
    'ACL DELUSER alice nobody bob alice',
    'ACL USERS',
    'ACL DELUSER alice default',
    ['ACL', 'SETUSER', 'carol', '>\xff\x00', '~\xff*', '&\xfe'],
    'ACL GETUSER carol',
    'ACL SETUSER carol ""',
    'ACL HELP',
  ])

  script('rules that are refused, and refuse all that came with them', [
    ...fresh,
    'ACL SETUSER alice on >x +get',
    ...[
      '+client|id|x',
      '+client|',
      '+client|nosuch',
      '+nosuch|x',
      '+get|',
      '-get|x',
      '-client|nosuch',
      '+nosuch',
      '-nosuch',
      '+@nosuch',
      '-@nosuch',
      '+',
      '-',
      '+@',
      '%~x',
      '%RR~x',
      '%X~x',
      '%R',
      '~"a b"',
      '&"a b"',
      'nosuch',
      '#abc',
      '!abc',
      '<x2',
      '(nosuch)',
      '(+nosuch)',
      '(on)',
      '()',
      '(+get',
      '+get)',
      '( +get',
    ].map((rule) => ['ACL', 'SETUSER', 'alice', 'off', rule.replaceAll('"', '')]),
    'ACL GETUSER alice',
    'ACL SETUSER alice allkeys ~x',
    'ACL SETUSER alice allkeys %R~x',
    'ACL SETUSER alice allkeys ~*',
    'ACL SETUSER alice allchannels &x',
    'ACL SETUSER alice allchannels &*',
    'ACL SETUSER "a b"',
    ['ACL', 'SETUSER', 'a\x00b'],
    'ACL SETUSER',
    'ACL GETUSER',
    'ACL DELUSER',
    'ACL NOSUCH',
    'ACL',
    'ACL CAT nosuch',
    'ACL CAT read write',
    'ACL GENPASS 0',
    'ACL GENPASS -1',
    'ACL GENPASS 4097',
    'ACL GENPASS x',
    'ACL GENPASS 1 2',
    'ACL LOG x',
    'ACL LOG 1 2',
    'ACL SAVE',
    'ACL LOAD',
    'ACL USERS x',
    'ACL WHOAMI x',
    'CLIENT KILL USER nosuch',
  ])

  script('logging in', [
    ...fresh,
    'ACL SETUSER alice on >secret >other +@all ~* &*',
    'ACL SETUSER bob off nopass +@all',
    on('a', 'AUTH alice wrong'),
    on('a', 'AUTH alice secret'),
    on('a', 'ACL WHOAMI'),
    on('a', 'AUTH alice wrong'),
    on('a', 'ACL WHOAMI'),
    on('a', 'AUTH alice other'),
    on('a', 'AUTH bob x'),
    on('a', 'AUTH nobody x'),
    on('a', 'AUTH x'),
    on('a', 'AUTH default x'),
    on('a', 'ACL WHOAMI'),
    on('a', 'AUTH a b c'),
    on('a', 'AUTH alice secret'),
    on('a', 'RESET'),
    on('a', 'ACL WHOAMI'),
    on('b', 'HELLO 2 AUTH alice wrong'),
    on('b', 'MULTI'),
    on('b', 'AUTH alice wrong'),
    on('b', 'EXEC'),
    log('ACL LOG'),
    log('ACL LOG 1'),
    log('ACL LOG 0'),
    log('ACL LOG -1'),
    'ACL LOG RESET',
    'ACL LOG',
    'ACL SETUSER alice <secret',
    on('a', 'AUTH alice secret'),
    on('a', 'AUTH alice other'),
  ])

  script(
    'the default user',
    [
      ...fresh,
      'ACL SETUSER alice on nopass +@all ~* &*',
      on('admin', 'AUTH alice x'),
      on('early', 'PING'),
      on('admin', 'ACL SETUSER default >secret'),
      on('admin', 'ACL GETUSER default'),
      on('early', 'PING'),
      on('late', 'PING'),
      on('late', 'AUTH wrong'),
      on('late', 'AUTH secret'),
      on('late', 'PING'),
      on('admin', 'CONFIG GET requirepass'),
      on('admin', 'CONFIG SET requirepass other'),
      on('late', 'AUTH secret'),
      on('late', 'AUTH other'),
      on('admin', 'ACL GETUSER default'),
      on('admin', 'ACL SETUSER default off'),
      on('late', 'AUTH other'),
      on('late', 'PING'),
      on('later', 'PING'),
      on('admin', 'ACL SETUSER default nopass'),
      on('later', 'PING'),
      on('later', 'AUTH x'),
      on('admin', 'ACL SETUSER default on'),
      on('later', 'PING'),
      on('later', 'AUTH x'),
      on('admin', ['CONFIG', 'SET', 'requirepass', '']),
      on('admin', 'ACL LIST'),
    ],
    { protocols: [2] },
  )

  script('what is refused, and told of', [
    ...fresh,
    'ACL SETUSER alice on nopass ~a* %R~r* %W~w* &ch &p* +@all -flushall -acl|list',
    on('a', 'AUTH alice x'),
    ...[
      'FLUSHALL',
      'ACL LIST',
      'ACL WHOAMI',
      'GET b',
      'GET a',
      'GET r',
      'SET r 1',
      'SET w 1',
      'GET w',
      'SET w 1 GET',
      'GETSET w 1',
      'APPEND w x',
      'MSET a 1 b 2',
      'MSET a 1 w 2',
      'MGET a r',
      'MGET a w',
      'COPY r w',
      'COPY w r',
      'RENAME a w',
      'EXISTS w',
      'EXISTS b',
      'TYPE w',
      'LMPOP 2 a b LEFT',
      'LMPOP 1 w LEFT',
      'LMOVE a w LEFT LEFT',
      'LMOVE r a LEFT LEFT',
      'BITFIELD r GET u8 0',
      'BITFIELD r SET u8 0 1',
      'BITFIELD w SET u8 0 1',
      'BITOP AND w r r',
      'BITOP AND r w w',
      'OBJECT ENCODING b',
      'OBJECT ENCODING r',
      'SORT r',
      'SORT r STORE w',
      'SORT r STORE r',
      'SORT r BY nosort',
      'SORT r BY x*',
      'SORT r GET #',
      'SORT_RO r BY x* GET y*',
      'WATCH b',
      'WATCH w',
      'UNWATCH',
      'PUBLISH ch x',
      'PUBLISH other x',
      'SPUBLISH other x',
      'PSUBSCRIBE other*',
      'PSUBSCRIBE p',
      'SUBSCRIBE ch other',
      'SSUBSCRIBE other',
      'GET',
      'NOSUCH b',
      'LPUSH b',
      'MULTI',
      'SET a 1',
      'FLUSHALL',
      'EXEC',
      'MULTI',
      'GET b',
      'EXEC',
      'MULTI',
      'SHUTDOWN',
      'EXEC',
    ].map((command) => on('a', command)),
    log('ACL LOG 50'),
    ...['GET b', 'GET b', 'GET b'].map((command) => on('a', command)),
    log('ACL LOG 2'),
  ])

  script('commands allowed by their first argument, and subcommands', [
    ...fresh,
    'ACL SETUSER alice on nopass ~* +select|1 +select|2 +SELECT|1 +client|id +config -config|set',
    'ACL DRYRUN alice select 1',
    'ACL DRYRUN alice SELECT 2',
    'ACL DRYRUN alice select 3',
    'ACL DRYRUN alice client id',
    'ACL DRYRUN alice CLIENT GETNAME',
    'ACL DRYRUN alice config get x',
    'ACL DRYRUN alice config set x y',
    'ACL DRYRUN alice auth x',
    'ACL DRYRUN alice reset',
    'ACL DRYRUN alice get',
    'ACL DRYRUN alice config',
    'ACL DRYRUN alice config nosuch',
    'ACL DRYRUN alice nosuch x',
    'ACL DRYRUN nobody get x',
    'ACL DRYRUN alice get x',
    on('a', 'AUTH alice x'),
    on('a', 'SELECT 1'),
    on('a', 'SELECT 3'),
    on('a', 'CLIENT SETNAME x'),
    'ACL SETUSER alice -select',
    on('a', 'SELECT 1'),
    'ACL SETUSER alice +select|1 +@connection -@connection',
    on('a', 'SELECT 1'),
  ])

  script('selectors', [
    ...fresh,
    'ACL SETUSER alice on nopass +get ~a (+set ~b) (+@read ~c &ch +publish)',
    ...[
      'get a',
      'get b',
      'set a 1',
      'set b 1',
      'get c',
      'mget a c',
      'mget c c',
      'publish ch x',
      'publish other x',
      'append a x',
      'set c 1 get',
    ].map((command) => `ACL DRYRUN alice ${command}`),
    on('a', 'AUTH alice x'),
    on('a', 'MGET a c'),
    on('a', 'MGET c d'),
    on('a', 'SET c x'),
    log('ACL LOG'),
  ])

  script('rights that change while commands are queued', [
    ...fresh,
    'ACL SETUSER alice on nopass ~* &* +@all',
    on('a', 'AUTH alice x'),
    on('a', 'MULTI'),
    on('a', 'SET a 1'),
    on('a', 'GET b'),
    on('a', 'PUBLISH ch x'),
    on('a', 'INCR a'),
    'ACL SETUSER alice resetkeys ~a resetchannels -incr',
    on('a', 'EXEC'),
    log('ACL LOG'),
    'ACL SETUSER alice -exec',
    on('a', 'MULTI'),
    on('a', 'SET a 1'),
    on('a', 'EXEC'),
    on('a', 'PING'),
  ])

  script(
    'who is disconnected',
    [
      ...fresh,
      'ACL SETUSER alice on nopass ~* &* +@all',
      'ACL SETUSER bob on nopass ~* &a &b* +@all',
      on('a', 'AUTH alice x'),
      on('a', 'SUBSCRIBE x'),
      on('a2', 'AUTH alice x'),
      on('b', 'AUTH bob x'),
      on('b', 'PSUBSCRIBE b*'),
      on('b2', 'AUTH bob x'),
      on('b2', 'SSUBSCRIBE a'),
      'ACL SETUSER bob resetchannels &a &b* &c',
      on('b', 'PING'),
      'ACL SETUSER bob resetchannels &a',
      closed('b'),
      on('b2', 'PING'),
      'ACL SETUSER bob resetchannels',
      closed('b2'),
      'ACL SETUSER alice resetchannels &x*',
      on('a', 'PING'),
      'ACL SETUSER alice resetchannels',
      closed('a'),
      on('a2', 'PING'),
      'ACL SETUSER alice off',
      on('a2', 'PING'),
      on('a2', 'ACL DELUSER alice'),
      closed('a2'),
      on('c', 'PING'),
      'ACL SETUSER carol on nopass +@all',
      on('c', 'AUTH carol x'),
      'CLIENT KILL USER carol',
      closed('c'),
    ],
    { protocols: [2] },
  )

  test('ACL CAT lists the same commands', async () => {
    const ours = await asking(pair().respite.port)
    const theirs = await asking(pair().oracle.port)
    const [known, there] = [await commandNames(ours), await commandNames(theirs)]
    const categories = (await theirs('ACL', 'CAT')) as string[]
    expect(await ours('ACL', 'CAT')).toEqual(categories)
    for (const category of categories) {
      const expected = (await theirs('ACL', 'CAT', category)) as string[]
      const listed = (await ours('ACL', 'CAT', category)) as string[]
      expect(listed.filter((name) => there.has(name)).sort(), category).toEqual(
        expected.filter((name) => known.has(name)).sort(),
      )
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

compat(
  'acl by directives',
  ({ script }) => {
    script('renamed commands', [
      'GET k',
      'FETCH k',
      'FETCH',
      'OBJECT HELP',
      'STRLEN k',
      masked('COMMAND COUNT', /\d+/, 'the oracle has more commands'),
      masked('COMMAND INFO get object', /nothing/, 'both are unknown now'),
      varies('COMMAND INFO fetch', 'sets come in any order'),
      'COMMAND GETKEYS fetch k',
      'COMMAND GETKEYS get k',
      'ACL SETUSER bob +get',
      'ACL SETUSER bob +fetch',
      'ACL DRYRUN bob fetch k',
      'ACL DRYRUN bob get k',
      'ACL GETUSER bob',
      'ACL DELUSER bob',
    ])

    script('users of the configuration', [
      'ACL LIST',
      unorderedPairs('CONFIG GET acl*', 'hash order'),
      'ACL SETUSER bob',
      'ACL GETUSER bob',
      'ACL SETUSER bob resetchannels &x reset',
      'ACL GETUSER bob',
      'ACL DELUSER bob',
      'ACL LOG RESET',
      on('a', 'AUTH alice secret'),
      ...['a', 'b', 'c', 'b', 'a'].map((key) => on('a', `SET ${key} 1`)),
      log('ACL LOG'),
      'CONFIG SET acllog-max-len 1',
      log('ACL LOG'),
      'CONFIG SET acllog-max-len 0',
      on('a', 'SET d 1'),
      log('ACL LOG'),
      'CONFIG SET acllog-max-len 2',
      'CONFIG SET acl-pubsub-default nosuch',
      'CONFIG SET aclfile x',
    ])
  },
  [
    ...['--rename-command', 'get', 'fetch'],
    ...['--rename-command', 'OBJECT', ''],
    ...['--acllog-max-len', '2'],
    ...['--acl-pubsub-default', 'allchannels'],
    ...['--user', 'alice', 'on', '>secret', '+@all', '-object', '(+get', '~x)'],
  ],
)

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
