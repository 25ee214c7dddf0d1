/** The bitmap commands and BITFIELD beside redis-server. */
import type { Dice, Template } from './random.ts'
import { differs, masked, remaining } from './steps.ts'
import { compat } from './suite.ts'

const MAX = '9223372036854775807'
const MIN = '-9223372036854775808'
const LAST_BIT = '4294967295'

const NOT_AN_INTEGER = '-ERR value is not an integer or out of range\r\n'
const SYNTAX = '-ERR syntax error\r\n'

/** Around byte boundaries, around those of the size classes, and a few far out. */
const bit = (d: Dice): string =>
  `${d.oneIn(8) ? d.pick([351, 352, 1023, 1024, 65_535, 65_536, 131_071, 800_000]) : d.below(80)}`

function range(d: Dice): string[] {
  if (d.oneIn(5)) return []
  return [
    d.index(),
    d.pick([d.index(), '-1', '100']),
    ...(d.oneIn(2) ? [] : [d.pick(['BIT', 'BYTE', 'bit'])]),
  ]
}

const type = (d: Dice): string => {
  const signed = d.oneIn(2)
  const width = d.oneIn(2) ? d.between(1, signed ? 64 : 63) : d.pick([1, 2, 8, 16, 31, 32, 33, 62, 63])
  return `${signed ? 'i' : 'u'}${width}`
}

const fieldOffset = (d: Dice): string => (d.oneIn(4) ? `#${d.below(6)}` : `${d.below(100)}`)

const bitmaps: readonly Template[] = [
  (d) => ['SETBIT', d.key(), bit(d), `${d.below(2)}`],
  (d) => ['GETBIT', d.key(), bit(d)],
  (d) => ['BITOP', d.pick(['AND', 'OR', 'XOR']), d.key(), ...d.many(1, 4, () => d.key())],
  (d) => ['BITOP', 'NOT', d.key(), d.key()],
  (d) => ['SET', d.key(), d.value(), ...(d.oneIn(3) ? ['EX', '1000'] : [])],
  (d) => ['SET', d.key(), d.pick(['\x00', '\xff', '\xff\x00', 'ab']).repeat(d.between(1, 20))],
  (d) => ['SETRANGE', d.key(), `${d.below(100)}`, d.value()],
  (d) => ['GET', d.key()],
  (d) => ['STRLEN', d.key()],
  (d) => masked(['OBJECT', 'ENCODING', d.key()], /quicklist|listpack/, 'differences.ts, list-listpack'),
  (d) => remaining(['TTL', d.key()]),
  (d) => (d.oneIn(3) ? ['DEL', d.key()] : ['GET', d.key()]),
  (d) => (d.oneIn(4) ? ['LPUSH', d.key(), 'a'] : ['GET', d.key()]),
]

function operation(d: Dice): string[] {
  const field = [type(d), fieldOffset(d)]
  switch (d.below(5)) {
    case 0:
      return ['GET', ...field]
    case 1:
      return ['SET', ...field, d.integer()]
    case 2:
      return ['OVERFLOW', d.pick(['WRAP', 'SAT', 'FAIL', 'sat'])]
    default:
      return ['INCRBY', ...field, d.integer()]
  }
}

compat('bits', ({ script, random }) => {
  script('SETBIT and GETBIT', [
    'SETBIT k 7 1',
    'SETBIT k 7 1',
    'SETBIT k 7 0',
    'GET k',
    'OBJECT ENCODING k',
    'SETBIT k 100 1',
    'STRLEN k',
    'GET k',
    'GETBIT k 100',
    'GETBIT k 101',
    'GETBIT k 100000',
    'GETBIT nokey 0',
    'SETBIT k 50 0',
    'SETBIT zero 20 0',
    'GET zero',
    'SET n 123',
    'OBJECT ENCODING n',
    'SETBIT n 0 0',
    'OBJECT ENCODING n',
    'GET n',
    'SET t abc EX 1000',
    'SETBIT t 200 1',
    'TTL t',
    'GET t',
  ])

  script('SETBIT and GETBIT refuse', [
    'SETBIT',
    'SETBIT k',
    'SETBIT k 1',
    'SETBIT k 1 1 1',
    'SETBIT k -1 1',
    'SETBIT k x 1',
    'SETBIT k "" 1',
    'SETBIT k #1 1',
    'SETBIT k 4294967296 1',
    `SETBIT k ${MAX} 1`,
    'SETBIT k 1 2',
    'SETBIT k 1 -1',
    'SETBIT k 1 x',
    `SETBIT k 1 ${MAX}`,
    'SETBIT k -1 2',
    'GETBIT k',
    'GETBIT k -1',
    'GETBIT k 1 2',
    'GETBIT k #1',
    `GETBIT k ${LAST_BIT}`,
    'GETBIT k 4294967296',
    'LPUSH l a',
    'SETBIT l 1 1',
    'SETBIT l -1 1',
    'SETBIT l 1 2',
    'GETBIT l 1',
    'GETBIT l -1',
    'EXISTS k',
  ])

  script('BITCOUNT', [
    'SET k foobar',
    'BITCOUNT k',
    'BITCOUNT k 0 0',
    'BITCOUNT k 1 1',
    'BITCOUNT k 0 -1',
    'BITCOUNT k -2 -1',
    'BITCOUNT k -1 -2',
    'BITCOUNT k 5 2',
    'BITCOUNT k -100 100',
    'BITCOUNT k -100 -50',
    'BITCOUNT k 6 10',
    'BITCOUNT k 5 30 BIT',
    'BITCOUNT k 5 30 bit',
    'BITCOUNT k -9 -2 BIT',
    'BITCOUNT k 0 0 BYTE',
    'BITCOUNT k -1 -100 BIT',
    `BITCOUNT k ${MIN} ${MAX}`,
    `BITCOUNT k ${MIN} ${MAX} BIT`,
    'BITCOUNT k 0',
    'BITCOUNT k 0 1 BITS',
    'BITCOUNT k 0 1 BIT x',
    'BITCOUNT k x 1',
    'BITCOUNT k 0 x',
    differs('bit-range-absent', 'BITCOUNT k -1 -2 x', SYNTAX),
    'BITCOUNT',
    'BITCOUNT nokey',
    'BITCOUNT nokey 0 -1',
    differs('bit-range-absent', 'BITCOUNT nokey 0', SYNTAX),
    differs('bit-range-absent', 'BITCOUNT nokey x 1', NOT_AN_INTEGER),
    differs('bit-range-absent', 'BITCOUNT nokey 0 1 x', SYNTAX),
    'SET empty ""',
    'BITCOUNT empty',
    'BITCOUNT empty 0 -1',
    'BITCOUNT empty 0 0 BIT',
    'SET n 12345',
    'BITCOUNT n',
    'LPUSH l a',
    'BITCOUNT l',
    'BITCOUNT l 0 -1',
    ['SET', 'big', '\x01\xff'.repeat(50_000)],
    'BITCOUNT big',
    'BITCOUNT big 3 -4',
    'BITCOUNT big 12345 -4321 BIT',
  ])

  script('BITPOS', [
    ['SET', 'k', '\x00\xff\xf0'],
    'BITPOS k 1',
    'BITPOS k 0',
    'BITPOS k 1 1',
    'BITPOS k 0 1',
    'BITPOS k 0 1 1',
    'BITPOS k 1 2 -1',
    'BITPOS k 1 -1',
    'BITPOS k 0 9 14 BIT',
    'BITPOS k 1 7 15 BIT',
    'BITPOS k 0 8 -1 BIT',
    'BITPOS k 1 0 -1 BYTE',
    'BITPOS k 1 5',
    'BITPOS k 1 2 1',
    'BITPOS k 0 -1 -2',
    'BITPOS k 0 -100 -100',
    `BITPOS k 1 ${MIN} ${MAX}`,
    'BITPOS k 2',
    'BITPOS k -1',
    'BITPOS k x',
    'BITPOS k 1 x',
    'BITPOS k 1 0 x',
    'BITPOS k 1 0 1 BITS',
    'BITPOS k 1 x 1 BITS',
    'BITPOS k 1 0 x BITS',
    'BITPOS k 1 0 1 BIT x',
    'BITPOS k',
    ['SET', 'ones', '\xff\xff\xff'],
    'BITPOS ones 0',
    'BITPOS ones 0 1',
    'BITPOS ones 0 0 -1',
    'BITPOS ones 0 0 -1 BIT',
    'BITPOS ones 0 3',
    ['SET', 'zeros', '\x00'.repeat(20_000)],
    'BITPOS zeros 1',
    'BITPOS zeros 0 5',
    'SET empty ""',
    'BITPOS empty 0',
    'BITPOS empty 1',
    'BITPOS empty 0 0',
    'BITPOS empty 0 0 -1',
    'BITPOS nokey 0',
    'BITPOS nokey 1',
    'BITPOS nokey 0 5 6',
    'BITPOS nokey 2',
    differs('bit-range-absent', 'BITPOS nokey 0 x', NOT_AN_INTEGER),
    differs('bit-range-absent', 'BITPOS nokey 0 0 1 x', SYNTAX),
    differs('bit-range-absent', 'BITPOS nokey 0 0 1 BIT x', SYNTAX),
    'LPUSH l a',
    'BITPOS l 1',
    'BITPOS l 2',
    'BITPOS l 1 0 -1',
  ])

  script('BITOP', [
    'MSET a foobar b abcdef c xyz',
    'BITOP AND d a b c',
    'GET d',
    'OBJECT ENCODING d',
    'BITOP or d a b c',
    'GET d',
    'BITOP XOR d a b c nokey',
    'GET d',
    'BITOP NOT d c',
    'GET d',
    'BITOP NOT a a',
    'GET a',
    'BITOP AND b b c nokey',
    'GET b',
    'BITOP AND d nokey nokey2',
    'EXISTS d',
    'BITOP OR d nokey',
    'SET empty ""',
    'SET d x',
    'BITOP NOT d empty',
    'EXISTS d',
    'SET d x EX 1000',
    'BITOP OR d c',
    'TTL d',
    'LPUSH l a',
    'BITOP AND d l',
    'BITOP AND d c l',
    'BITOP OR l c',
    'TYPE l',
    'LPUSH l2 a',
    'BITOP OR l2 nokey',
    'EXISTS l2',
    'BITOP NOT d a b',
    'BITOP NOT d',
    'BITOP AND d',
    'BITOP NAND d a',
    'BITOP',
    ['SET', 'big', 'ab'.repeat(50_000)],
    ['SET', 'big2', 'xyz'.repeat(20_001)],
    'BITOP XOR d big big2',
    'GET d',
    'BITOP AND big big big2',
    'GET big',
  ])

  script('BITFIELD', [
    'BITFIELD k',
    'EXISTS k',
    'BITFIELD k GET u8 0',
    'EXISTS k',
    'BITFIELD k SET u8 0 255 GET u8 0 INCRBY u8 0 1 GET u4 2',
    'GET k',
    'OBJECT ENCODING k',
    'BITFIELD k SET i5 100 -16 GET i5 100 GET u5 100',
    'STRLEN k',
    'BITFIELD k SET u8 #3 200 GET u8 24',
    'BITFIELD k OVERFLOW SAT INCRBY u8 #3 100 INCRBY i8 #3 100 INCRBY i8 #3 -400',
    'BITFIELD k OVERFLOW FAIL INCRBY u8 #3 -200 OVERFLOW WRAP INCRBY u8 #3 -200',
    'BITFIELD k OVERFLOW FAIL SET u8 0 256 GET u8 0',
    'BITFIELD k OVERFLOW SAT SET u8 0 256 GET u8 0 SET u8 0 -1 GET u8 0',
    `BITFIELD k SET i64 0 ${MIN} GET i64 0 INCRBY i64 0 -1 OVERFLOW SAT INCRBY i64 0 1 INCRBY i64 0 1`,
    `BITFIELD k SET u63 1 ${MAX} GET u63 1 INCRBY u63 1 1`,
    'BITFIELD k OVERFLOW sat overflow fail incrby u2 0 9',
    'BITFIELD k OVERFLOW WRAP',
    'BITFIELD k GET u8 100000 GET i64 4294967295',
    'BITFIELD new OVERFLOW FAIL INCRBY u2 0 9',
    'GET new',
    ['BITFIELD', 'k', 'GET', 'u8\x00x', '0'],
    'SET n 100',
    'BITFIELD n GET u8 0 SET u8 8 49',
    'OBJECT ENCODING n',
    'GET n',
    'SET t abc EX 1000',
    'BITFIELD t SET u8 #10 7',
    'TTL t',
    'GET t',
  ])

  script('BITFIELD refuses', [
    'BITFIELD',
    'BITFIELD k x',
    'BITFIELD k GET',
    'BITFIELD k GET u8',
    'BITFIELD k SET u8 0',
    'BITFIELD k INCRBY u8 0',
    'BITFIELD k OVERFLOW',
    'BITFIELD k OVERFLOW x',
    'BITFIELD k OVERFLOW x GET',
    'BITFIELD k GET u64 0',
    'BITFIELD k GET i65 0',
    'BITFIELD k GET u0 0',
    'BITFIELD k GET i0 0',
    'BITFIELD k GET u08 0',
    'BITFIELD k GET U8 0',
    'BITFIELD k GET x8 0',
    'BITFIELD k GET u 0',
    'BITFIELD k GET "" 0',
    'BITFIELD k GET u-8 0',
    'BITFIELD k GET u8 -1',
    'BITFIELD k GET u8 x',
    'BITFIELD k GET u8 ""',
    'BITFIELD k GET u8 #',
    'BITFIELD k GET u8 #x',
    'BITFIELD k GET u8 #-1',
    'BITFIELD k GET u8 4294967296',
    `BITFIELD k GET u8 ${LAST_BIT}`,
    `BITFIELD k GET u8 #${MAX}`,
    'BITFIELD k GET u4 #4611686018427387904',
    'BITFIELD k GET u8 #536870911',
    'BITFIELD k GET u8 #536870912',
    'BITFIELD k SET u8 0 x',
    'BITFIELD k SET u8 0 9223372036854775808',
    'BITFIELD k SET u8 0 1 BLAH',
    'BITFIELD k SET u8 0 1 GET u64 0',
    'EXISTS k',
    'LPUSH l a',
    'BITFIELD l',
    'BITFIELD l GET u8 0',
    'BITFIELD l SET u8 0 1',
    'BITFIELD l SET u8 0 x',
    'BITFIELD_RO k',
    'BITFIELD_RO',
    'BITFIELD_RO k GET u8 0',
    'BITFIELD_RO l GET u8 0',
    'BITFIELD_RO k GET u8 0 SET u8 0 1',
    'BITFIELD_RO l SET u8 0 1',
    'BITFIELD_RO k INCRBY u8 0 1',
    'BITFIELD_RO k OVERFLOW SAT GET u8 0',
    'BITFIELD_RO k OVERFLOW WRAP',
    'SET k foobar',
    'BITFIELD_RO k GET u8 0 GET i7 9 GET u63 3',
  ])

  random('bitmaps', bitmaps)

  random(
    'counting and searching',
    [
      ...bitmaps,
      (d) => ['BITCOUNT', d.key(), ...range(d)],
      (d) => ['BITPOS', d.key(), `${d.below(2)}`, ...range(d)],
      (d) => ['BITPOS', d.key(), `${d.below(2)}`, d.index()],
    ],
    // Their refusals come in another order in 7.2 (differences.ts).
    { damaged: 0 },
  )

  random('bit fields', [
    (d) => ['BITFIELD', d.key(), ...d.many(1, 4, () => operation(d)).flat()],
    (d) => ['BITFIELD', d.key(), ...d.many(1, 4, () => operation(d)).flat()],
    (d) => ['BITFIELD_RO', d.key(), ...d.many(1, 3, () => ['GET', type(d), fieldOffset(d)]).flat()],
    (d) => ['GET', d.key()],
    (d) => ['SET', d.key(), d.value()],
    (d) => ['SETBIT', d.key(), bit(d), '1'],
    (d) => ['OBJECT', 'ENCODING', d.key()],
    (d) => ['DEL', d.key()],
  ])
})
