/** SORT and SORT_RO on lists: every option, valid and not. */
import type { Dice } from './random.ts'
import type { StepLike } from './steps.ts'
import { compat } from './suite.ts'

const INT64_MAX = '9223372036854775807'
const INT64_MIN = '-9223372036854775808'

compat('SORT', ({ script, random }) => {
  script('by the elements', [
    'SORT nokey',
    'SORT_RO nokey ALPHA',
    'RPUSH l 3 1 -2 10 1.5 -inf 1e1 0x10 1.0 01 +1 1',
    'SORT l',
    'SORT l DESC',
    'SORT l ALPHA',
    'SORT l ALPHA DESC',
    'SORT l asc desc ASC alpha',
    'SORT_RO l DESC',
    'SET s v',
    'SORT s',
    'SORT_RO s',
  ])

  // Not 1e400: Redis leaves errno set after it, and refuses numbers that follow.
  script(
    'what a number is',
    ['', ' ', ' 1', '1 ', '\t1', '\v1', '1\0x', '\0', 'x', '1x', 'nan', 'NaN', 'inf', 'INFINITY']
      .concat(['.5', '5.', '.', '-', '+', '--1', '0x', '0x1p3', '1e', '1e5', '9007199254740993', INT64_MAX])
      .flatMap((text): StepLike[] => [
        'DEL l m w1 w2',
        ['RPUSH', 'l', '0.7', text, '-3'],
        'SORT l',
        'SORT l LIMIT 0 0',
        'SORT l STORE d',
        'RPUSH m 1 2',
        ['MSET', 'w1', text, 'w2', '0.7'],
        'SORT m BY w*',
      ]),
  )

  const limits = [
    '0 2',
    '2 2',
    '5 5',
    '-1 2',
    '0 -1',
    '2 -1',
    '0 0',
    '1 0',
    '9 9',
    '-5 -5',
    '0',
    'a b',
    '0 b',
  ]
    .concat(['1.0 2', '9223372036854775808 1', `0 ${INT64_MAX}`, `2 ${INT64_MAX}`, `${INT64_MAX} 1`])
    .concat([`${INT64_MIN} ${INT64_MIN}`, `${INT64_MAX} ${INT64_MAX}`])
  for (const options of ['', ' DESC', ' BY nosort', ' BY nosort DESC', ' ALPHA', ' BY w*']) {
    script(
      `LIMIT${options}`,
      limits.flatMap((limit) => [
        'DEL l',
        'RPUSH l 3 1 2 5 4',
        `SORT l${options} LIMIT ${limit}`,
        `SORT l LIMIT ${limit}${options} STORE d`,
        'LRANGE d 0 -1',
        `SORT nokey${options} LIMIT ${limit}`,
      ]),
    )
  }

  script('BY', [
    'RPUSH l 1 2 3 4 5',
    'MSET w1 30 w2 10 w4 20 x1a c x2a b x3a a x5a b v1-> 5 v2-> 4 v3-> 3 v4-> 2 v5-> 1 w3->f 7 * star',
    'SORT l BY w*',
    'SORT l BY w* DESC',
    'SORT l BY w* ALPHA',
    'SORT l BY x*a',
    'SORT l BY x*a ALPHA',
    'SORT l BY x*a ALPHA DESC',
    'SORT l BY v*->',
    'SORT l BY v*-> DESC',
    'SORT l BY w*->f',
    'SORT l BY w->f*',
    'SORT l BY *',
    'SORT l BY **',
    'SORT l BY "" DESC',
    'SORT l BY # DESC',
    'SORT l BY nosort DESC GET #',
    'SORT l BY nosort BY w*',
    'SORT l BY w* BY nosort',
    'RPUSH w3 x',
    'SORT l BY w*',
    'SORT_RO l BY w* GET # GET w*',
  ])

  script('GET', [
    'RPUSH l 2 1 3',
    'MSET a1 x a2 y b2 z 1 one 2 two',
    'SORT l GET a*',
    'SORT l GET a* GET # GET b*',
    'SORT l GET *',
    'SORT l GET nostar',
    'SORT l GET ##',
    'SORT l GET #*',
    'SORT l GET a*->f',
    'SORT l GET a*->',
    'SORT l GET a->*',
    'SORT l GET ""',
    'RPUSH a3 list',
    'SORT l GET a* DESC',
    'SORT l GET a* GET # STORE d',
    'LRANGE d 0 -1',
    'SORT l LIMIT 1 1 GET a* GET #',
    'SORT nokey GET a* GET #',
  ])

  script('STORE', [
    'RPUSH l 3 1 2',
    'SET d x EX 1000',
    'SORT l STORE d',
    'TTL d',
    'TYPE d',
    'LRANGE d 0 -1',
    'SORT l STORE l',
    'LRANGE l 0 -1',
    'SORT l DESC STORE x STORE d',
    'EXISTS x',
    'LRANGE d 0 -1',
    'SORT nokey STORE d',
    'EXISTS d',
    'SORT nokey STORE d',
    'SET s x',
    'SORT s STORE l',
    'LRANGE l 0 -1',
    'SORT_RO l STORE d',
    'SORT_RO l store',
  ])

  script('syntax', [
    'SORT l BY',
    'SORT l GET',
    'SORT l LIMIT',
    'SORT l LIMIT 1',
    'SORT l STORE',
    'SORT l FOO',
    'SORT l ASC FOO',
    'SET s x',
    'SORT s FOO',
    'SORT s LIMIT a b',
  ])

  random(
    'SORT',
    [
      (d) => ['RPUSH', d.key(), ...d.many(1, 6, () => String(d.between(-9, 9)))],
      (d) => ['RPUSH', d.key(), d.value()],
      (d) => ['MSET', `w${d.between(-9, 9)}`, number(d), `w${d.between(-9, 9)}`, number(d)],
      (d) => ['SORT', d.key(), ...options(d)],
      (d) => ['SORT', d.key(), ...options(d), 'STORE', d.key()],
      (d) => ['SORT_RO', d.key(), ...options(d)],
      (d) => ['LRANGE', d.key(), '0', '-1'],
      (d) => ['DEL', d.oneIn(2) ? d.key() : `w${d.between(-9, 9)}`],
    ],
    { streams: 8 },
  )
})

function number(d: Dice): string {
  return d.oneIn(4) ? d.value() : String(d.between(-5, 5))
}

/** No LIMIT where texts of other keys are compared: with one, Redis leaves open which of equal texts comes first. */
function options(d: Dice): string[] {
  const kinds = d.many(0, 4, () => d.pick(['ASC', 'DESC', 'ALPHA', 'LIMIT', 'BY', 'GET']))
  const open = kinds.includes('ALPHA') && kinds.includes('BY')
  return kinds.flatMap((name) => {
    const word = d.case(name)
    if (name === 'LIMIT') return open ? [] : [word, d.index(), d.index()]
    if (name === 'BY') return [word, d.pick(['w*', 'w*', 'nosort', 'w*->f'])]
    if (name === 'GET') return [word, d.pick(['w*', '#', 'nostar', 'w*->f'])]
    return [word]
  })
}
