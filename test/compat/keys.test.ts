/** The generic key commands: every form, valid and not. */
import { differences } from './differences.ts'
import type { Dice } from './random.ts'
import { masked, on, remaining, type StepLike, scanned, unordered } from './steps.ts'
import { compat } from './suite.ts'

const HASH_ORDER = 'keys come in hash order'
const INT64_MAX = '9223372036854775807'
const INT64_MIN = '-9223372036854775808'
/** Some day in 2100, in seconds. */
const FUTURE = 4_102_444_800

/** Each command with every number of arguments below the right one, and with too many. */
function wrongCounts(commands: Readonly<Record<string, number>>): StepLike[] {
  const steps: StepLike[] = []
  for (const [name, exact] of Object.entries(commands)) {
    for (let count = 0; count < exact; count++) steps.push(name + ' x'.repeat(count))
    steps.push(name + ' x'.repeat(8))
  }
  return steps
}

compat('keys', ({ script, random }) => {
  script(
    'wrong numbers of arguments',
    wrongCounts({
      TYPE: 1,
      TTL: 1,
      PTTL: 1,
      EXPIRETIME: 1,
      PEXPIRETIME: 1,
      PERSIST: 1,
      RENAME: 2,
      RENAMENX: 2,
      MOVE: 2,
      SWAPDB: 2,
      KEYS: 1,
      RANDOMKEY: 0,
      DBSIZE: 0,
      FLUSHDB: 0,
      FLUSHALL: 0,
      OBJECT: 1,
      'OBJECT ENCODING': 1,
      'OBJECT FREQ': 1,
      'OBJECT IDLETIME': 1,
      'OBJECT REFCOUNT': 1,
      'OBJECT HELP': 0,
    }).concat(
      'DEL',
      'UNLINK',
      'EXISTS',
      'TOUCH',
      'EXPIRE',
      'EXPIRE k',
      'COPY',
      'COPY a',
      'SCAN',
      'SORT',
      'SORT_RO',
    ),
  )

  script('DEL, UNLINK, EXISTS, TOUCH, TYPE', [
    'MSET a 1 b 2 c 3',
    'RPUSH l x y z',
    'EXISTS a b nokey a l',
    'TOUCH a nokey l',
    'TYPE a',
    'TYPE l',
    'TYPE nokey',
    'DEL a nokey a',
    'UNLINK b l b',
    'EXISTS a b c l',
    'dEl c',
    'DBSIZE',
    ['SET', '\0\r\n\xff', 'binary'],
    ['EXISTS', '\0\r\n\xff', '\0\r\n'],
    ['DEL', '\0\r\n\xff'],
    ['SET', 'k'.repeat(100_000), 'long'],
    ['EXISTS', 'k'.repeat(100_000)],
    ['DEL', 'k'.repeat(100_000)],
    'SET "" empty',
    'EXISTS ""',
    'DEL ""',
  ])

  const expires = ['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT']
  script(
    'the limits of expire times',
    expires.flatMap((name) =>
      [
        '0',
        '-1',
        '100000',
        '-0',
        '+1',
        '1.0',
        '',
        'x',
        INT64_MAX,
        INT64_MIN,
        '9223372036854775808',
        '-9223372036854775809',
        '9223372036854775',
        '9223372036854776',
        '-9223372036854775',
        '-9223372036854776',
        '9223370000000000000',
        '9007199254740993',
      ].flatMap((time): StepLike[] => [
        'SET k v',
        [name, 'k', time],
        [name, 'nokey', time],
        'EXISTS k',
        name.endsWith('AT') ? 'PEXPIRETIME k' : masked('PEXPIRETIME k', /\d{6}\r/, 'the time'),
        name.endsWith('AT') ? 'EXPIRETIME k' : masked('EXPIRETIME k', /\d{3}\r/, 'the time'),
      ]),
    ),
  )

  script(
    'NX, XX, GT and LT',
    [
      'NX',
      'XX',
      'GT',
      'LT',
      'xx gt',
      'XX LT',
      'NX XX',
      'NX GT',
      'NX LT',
      'GT LT',
      'NX GT LT',
      'NX NX',
      'FOO',
      'NX FOO',
    ]
      .flatMap((options): StepLike[] => [
        'SET k v',
        `EXPIREAT k ${FUTURE} ${options}`,
        'PEXPIRETIME k',
        `EXPIREAT k ${FUTURE} ${options}`,
        `EXPIREAT k ${FUTURE + 1} ${options}`,
        'PEXPIRETIME k',
        `EXPIREAT k ${FUTURE - 1} ${options}`,
        'PEXPIRETIME k',
        `EXPIREAT nokey ${FUTURE} ${options}`,
        `EXPIREAT k x ${options}`,
        `EXPIREAT k -5 ${options}`,
        'EXISTS k',
      ])
      .concat([['EXPIRE', 'k', '1', 'a\nb\0c']]),
  )

  script('TTL and its relatives, PERSIST', [
    'SET k v',
    ...['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME', 'PERSIST'].flatMap((name) => [
      `${name} k`,
      `${name} nokey`,
    ]),
    'EXPIRE k 1000',
    'TTL k',
    `PEXPIREAT k ${FUTURE}499`,
    'EXPIRETIME k',
    `PEXPIREAT k ${FUTURE}500`,
    'EXPIRETIME k',
    'PEXPIRETIME k',
    'PERSIST k',
    'PERSIST k',
    'TTL k',
    'SET k v EX 100',
    'APPEND k v',
    'TTL k',
    'SET k v',
    'TTL k',
    'RPUSH l a',
    'EXPIRE l 100',
    'RPUSH l b',
    'TTL l',
    'LPOP l 2',
    'TTL l',
  ])

  script('keys expire by themselves', [
    'SET a v PX 30',
    'RPUSH l a b',
    'PEXPIRE l 30',
    'SET b v',
    'DEBUG SLEEP 0.06',
    'GET a',
    'LRANGE l 0 -1',
    'EXISTS a b l',
    'KEYS *',
    'DBSIZE',
    'TTL a',
    'OBJECT ENCODING a',
    'RENAME a c',
    'SORT l',
  ])

  script('RENAME and RENAMENX', [
    'RENAME a b',
    'RENAME a a',
    'RENAMENX a b',
    'MSET a 1 b 2',
    'RENAMENX a b',
    'RENAMENX a a',
    'RENAME a a',
    'RENAME a b',
    'MGET a b',
    `EXPIREAT b ${FUTURE}`,
    'RENAME b c',
    'EXPIRETIME c',
    'SET d x',
    'RENAME d c',
    'EXPIRETIME c',
    'RPUSH l a b c',
    'RENAME l c',
    'LRANGE c 0 -1',
    'OBJECT ENCODING nokey',
    'SET i 12',
    'RENAME i j',
    'OBJECT ENCODING j',
    'APPEND j 3',
    'RENAME j i',
    'OBJECT ENCODING i',
  ])

  script('COPY', [
    'COPY a b',
    'COPY a a',
    'COPY a a DB 0',
    'COPY a a DB 1',
    'SET a 1',
    'COPY a b',
    'COPY a b',
    'COPY a b REPLACE',
    'COPY a b replace REPLACE',
    'COPY a b DB 1',
    'COPY a a DB 1',
    'COPY a a DB 1 REPLACE DB 2',
    'COPY a a DB 2',
    'COPY a b DB',
    'COPY a b DB x',
    'COPY a b DB -1',
    'COPY a b DB 16',
    'COPY a b DB 99999999999',
    'COPY a b REPLACE DB 99999999999999999999',
    'COPY a b FOO',
    `EXPIREAT a ${FUTURE}`,
    'COPY a b REPLACE',
    'EXPIRETIME b',
    'RPUSH l a b c',
    'COPY l b REPLACE',
    'EXPIRETIME b',
    'RPUSH b d',
    'LRANGE l 0 -1',
    'LRANGE b 0 -1',
    'SELECT 1',
    'MGET a b',
    'SELECT 2',
    'MGET a b',
    'DBSIZE',
  ])

  script('MOVE and SWAPDB', [
    'MOVE a 1',
    'SET a 1',
    `EXPIREAT a ${FUTURE}`,
    'MOVE a 0',
    'MOVE a 16',
    'MOVE a -1',
    'MOVE a x',
    'MOVE a 99999999999',
    'MOVE a 1',
    'EXISTS a',
    'SET a 2',
    'MOVE a 1',
    on('other', 'SELECT 1'),
    on('other', 'GET a'),
    on('other', 'EXPIRETIME a'),
    'SWAPDB 0 1',
    on('other', 'GET a'),
    'GET a',
    'SWAPDB 0 0',
    'SWAPDB x 0',
    'SWAPDB 0 x',
    'SWAPDB x x',
    'SWAPDB 99999999999 0',
    'SWAPDB 0 99999999999',
    'SWAPDB 0 16',
    'SWAPDB -1 0',
    'RPUSH l a b',
    'MOVE l 1',
    on('other', 'LRANGE l 0 -1'),
  ])

  script('DBSIZE, FLUSHDB, FLUSHALL', [
    'MSET a 1 b 2',
    'COPY a a DB 3',
    'FLUSHDB x',
    'FLUSHDB ASYNC SYNC',
    'FLUSHALL x',
    'DBSIZE',
    'FLUSHDB',
    'DBSIZE',
    'FLUSHDB async',
    on('other', 'SELECT 3'),
    on('other', 'DBSIZE'),
    'FLUSHALL SYNC',
    on('other', 'DBSIZE'),
    'FLUSHALL ASYNC',
    'FLUSHDB SYNC',
  ])

  script('KEYS', [
    'KEYS *',
    'MSET one 1 two 2 three 3 four 4 [x] 5 a*b 6 A 7',
    unordered('KEYS *', HASH_ORDER),
    unordered('KEYS t*', HASH_ORDER),
    unordered('KEYS ?', HASH_ORDER),
    unordered('KEYS ???', HASH_ORDER),
    unordered('KEYS [ot]*', HASH_ORDER),
    unordered('KEYS [^ot]*', HASH_ORDER),
    unordered('KEYS [n-p]*', HASH_ORDER),
    unordered('KEYS ""', HASH_ORDER),
    'KEYS \\[x\\]',
    'KEYS a\\*b',
    'KEYS nothing*',
    ['KEYS', '*\0'],
  ])

  script('SCAN', [
    'SCAN 0',
    'MSET one 1 two 2 three 3',
    'RPUSH list x',
    scanned('SCAN 0 COUNT 1000'),
    scanned('SCAN 0 COUNT 1000 MATCH t*'),
    scanned('SCAN 0 COUNT 1000 MATCH t* MATCH o*'),
    scanned('SCAN 0 match * count 1000 type string'),
    scanned('SCAN 0 TYPE LIST COUNT 1000'),
    'SCAN 0 TYPE hash COUNT 1000',
    'SCAN 0 TYPE nothing COUNT 1000',
    scanned(`SCAN 0 COUNT ${INT64_MAX}`),
    ...['0', '-1', 'x', '', '9223372036854775808', '1.5'].map((count) => ['SCAN', '0', 'COUNT', count]),
    'SCAN 0 COUNT',
    'SCAN 0 MATCH',
    'SCAN 0 TYPE',
    'SCAN 0 COUNT 5 MATCH',
    'SCAN 0 FOO',
    'SCAN 0 FOO x',
    'SCAN x FOO x',
    'FLUSHALL',
    ...[
      '',
      '00',
      '+0',
      '-0',
      '-',
      '+',
      ' 0',
      '0 ',
      '0x0',
      '1.0',
      'x',
      '-1',
      '18446744073709551615',
      '18446744073709551616',
      '-18446744073709551615',
      '-18446744073709551616',
      '0\0x',
      '\0',
    ].map((cursor) => ['SCAN', cursor]),
  ])

  script('RANDOMKEY', ['RANDOMKEY', 'SET only 1', 'RANDOMKEY', 'RANDOMKEY'])

  script('OBJECT', [
    'OBJECT HELP',
    'OBJECT help',
    'OBJECT WHAT',
    'OBJECT WHAT k',
    ...['ENCODING', 'REFCOUNT', 'IDLETIME', 'FREQ'].map((name) => `OBJECT ${name} nokey`),
    ...['0', '9999', '10000', '-1', '00', '1.0', '', INT64_MAX, '9223372036854775808', INT64_MIN].flatMap(
      (value): StepLike[] => [['SET', 'k', value], 'OBJECT ENCODING k', 'OBJECT REFCOUNT k'],
    ),
    ...[44, 45, 10_000].flatMap((length): StepLike[] => [
      ['SET', 'k', 'x'.repeat(length)],
      'OBJECT ENCODING k',
      'OBJECT REFCOUNT k',
    ]),
    'APPEND k y',
    'OBJECT ENCODING k',
    'OBJECT FREQ k',
    ['RPUSH', 'l', 'x'.repeat(20_000)],
    'OBJECT ENCODING l',
    'OBJECT REFCOUNT l',
  ])

  script(
    'OBJECT under an LFU policy',
    ['SET k v', 'OBJECT FREQ k', 'OBJECT FREQ nokey', 'OBJECT IDLETIME nokey', 'OBJECT IDLETIME k'],
    { config: { 'maxmemory-policy': 'allkeys-lfu' } },
  )

  random(
    'key commands',
    [
      (d) => ['SET', d.key(), d.value()],
      (d) => ['SET', d.key(), d.value(), 'EXAT', String(FUTURE + d.between(-2, 2))],
      (d) => ['RPUSH', d.key(), d.value(), d.value()],
      (d) => ['APPEND', d.key(), d.value()],
      (d) => [d.pick(['DEL', 'UNLINK', 'EXISTS', 'TOUCH']), ...d.many(1, 3, () => d.key())],
      (d) => [d.pick(['TYPE', 'GET']), d.key()],
      (d) => [d.pick(['EXPIREAT', 'PEXPIREAT']), d.key(), expireTime(d), ...d.many(0, 2, () => option(d))],
      (d) => [d.pick(['EXPIRETIME', 'PEXPIRETIME']), d.key()],
      (d) => (d.oneIn(2) ? remaining(['TTL', d.key()]) : ['PERSIST', d.key()]),
      (d) => [d.pick(['RENAME', 'RENAMENX']), d.key(), d.key()],
      (d) => [
        'COPY',
        d.key(),
        d.key(),
        ...d.pick([[], ['REPLACE'], ['DB', '1'], ['DB', '1', 'REPLACE'], ['DB', '0']]),
      ],
      (d) => ['MOVE', d.key(), d.pick(['0', '1', '1', '1', '99'])],
      (d) => (d.oneIn(3) ? 'SWAPDB 0 1' : 'DBSIZE'),
      () => unordered('KEYS *', HASH_ORDER),
      () => scanned('SCAN 0 COUNT 1000'),
      (d) => (d.oneIn(10) ? d.pick(['FLUSHDB', 'FLUSHALL']) : ['GET', d.key()]),
      (d) => ['LRANGE', d.key(), '0', '-1'],
      (d) => masked(['OBJECT', 'ENCODING', d.key()], /listpack|quicklist/, differences['list-listpack']),
    ],
    { streams: 8 },
  )
})

function expireTime(d: Dice): string {
  return d.oneIn(3) ? d.lifetime() : String(FUTURE + d.between(-2, 2))
}

function option(d: Dice): string {
  return d.case(d.pick(['NX', 'XX', 'GT', 'LT']))
}
