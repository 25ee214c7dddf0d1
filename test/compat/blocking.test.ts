/** Blocking list commands beside redis-server: scenes of several clients, every byte that each receives. */
import { expect, test } from 'vitest'
import { type BlockingSceneOptions, compareBlockingScene } from './blocking-scene.ts'
import { Dice } from './random.ts'
import { differs } from './steps.ts'
import { compat } from './suite.ts'

compat('blocking', ({ script, pair }) => {
  const scene = (name: string, lines: readonly string[], options: BlockingSceneOptions = {}): void => {
    for (const protocol of [2, 3] as const) {
      test(`${name} (RESP${protocol})`, () => compareBlockingScene(pair(), lines, protocol, options))
    }
  }

  scene('BLPOP and BRPOP take at once what is there', [
    'a RPUSH k 1 2 3',
    'a BLPOP k 0',
    'a BRPOP k 0',
    'a BLPOP nokey k other 0',
    'a EXISTS k',
    'a RPUSH l a b c',
    'a BLMPOP 0 2 nokey l LEFT COUNT 2',
    'a BLMPOP 0 1 l RIGHT',
    'a RPUSH k x y',
    'a BLMOVE k l LEFT RIGHT 0',
    'a BRPOPLPUSH k l 0',
    'a LRANGE l 0 -1',
    'a BLMOVE l l LEFT RIGHT 0',
    'a LRANGE l 0 -1',
  ])

  scene('one waits, another pushes', [
    'a BLPOP k 0',
    'b LPUSH other 1',
    'b LPUSH k 1',
    'b EXISTS k',
    'a BRPOP k other 0',
    'a BRPOP k 0',
    'b RPUSH k 1 2 3',
    'b LRANGE k 0 -1',
    'a BLMPOP 0 2 k m RIGHT COUNT 2',
    'a BLMPOP 0 2 n m RIGHT COUNT 2',
    'b RPUSH m 1 2 3',
    'b LRANGE m 0 -1',
    'a BLMOVE src dst LEFT LEFT 0',
    'b RPUSH src e f',
    'a BRPOPLPUSH src2 dst 0',
    'b RPUSH src2 e f',
    'b LRANGE dst 0 -1',
    'a BLMOVE self self LEFT RIGHT 0',
    'b RPUSH self 1 2 3',
    'b LRANGE self 0 -1',
  ])

  scene('who waits longest is served first', [
    'a BLPOP k 0',
    'b BRPOP k 0',
    'c BLPOP k 0',
    'd RPUSH k 1',
    'd RPUSH k 2 3 4',
    'd LRANGE k 0 -1',
    'a BLPOP x k y 0',
    'd DEL k',
    'a PING',
    'b BLPOP y 0',
    'c BLPOP x y 0',
    'd LPUSH y 1 2 3 4',
    'd LRANGE y 0 -1',
  ])

  scene('the same key named twice', ['a BLPOP k l k 0', 'b BLPOP k 0', 'c RPUSH k 1 2 3', 'c LRANGE k 0 -1'])

  scene('keys are bytes, and case matters', [
    'a BLPOP "\\xff\\x00" K 0',
    'b RPUSH k 1',
    'b RPUSH "\\xff" 1',
    'b RPUSH "\\xc3\\xbf\\x00" 1',
    'b RPUSH "\\xff\\x00" "\\x00\\xfe"',
    'a BLPOP "" 0',
    'b RPUSH "" 1',
  ])

  scene('chains', [
    'a BLMOVE k1 k2 LEFT RIGHT 0',
    'b BLMOVE k2 k3 LEFT RIGHT 0',
    'c BLPOP k3 0',
    'd RPUSH k1 x',
    'd DBSIZE',
    'a BLMOVE a b LEFT LEFT 0',
    'b BLMOVE b a LEFT LEFT 0',
    'c BLMOVE a b RIGHT RIGHT 0',
    'd RPUSH a 1 2 3',
    'd LRANGE a 0 -1',
    'd LRANGE b 0 -1',
    'a BLMOVE r r LEFT RIGHT 0',
    'b BLMOVE r r LEFT RIGHT 0',
    'd RPUSH r 1 2',
    'd LRANGE r 0 -1',
  ])

  scene('a target of the wrong type: the error goes to the waiter, the element stays for the next', [
    'a SET str 1',
    'a BLMOVE k str LEFT LEFT 0',
    'b BRPOPLPUSH k str 0',
    'c BLPOP k 0',
    'd RPUSH k 1 2',
    'd LRANGE k 0 -1',
    'a BLMOVE k str LEFT LEFT 0',
    'd RPUSH k 1',
  ])

  scene('keys of another type: at once an error, later nothing', [
    'a SET k 1',
    'a BLPOP k 0',
    'a BLPOP nokey k 0',
    'a BLMPOP 0 2 nokey k LEFT',
    'a BLMOVE k l LEFT LEFT 0',
    'a BRPOPLPUSH k l 0',
    'a DEL k',
    'a BLPOP k 0',
    'b SET k 1',
    'b APPEND k 2',
    'b DEL k',
    'b SETBIT k 1 1',
    'b DEL k',
    'b RPUSH k 1',
  ])

  scene('keys that become ready otherwise', [
    'b RPUSH src 3 1 2',
    'a BLPOP k 0',
    'b RENAME src k',
    'b RENAME k src',
    'a BLPOP k 0',
    'b SORT src STORE k',
    'b LRANGE k 0 -1',
    'b DEL k',
    'a BLPOP k 0',
    'b COPY src k',
    'b LRANGE k 0 -1',
    'b DEL k',
    'a BLPOP k 0',
    'b SET k string',
    'b COPY src k REPLACE',
    'b DEL k',
    'a BLPOP k 0',
    'b SET k string',
    'b RENAME src k',
    'b DEL k',
    'a BLPOP k 0',
    'b SET k string',
    'b RPUSH src 1 2',
    'b SORT src STORE k',
    'b RPUSH k 9',
    'b RENAME k k2',
    'b RENAMENX k2 k',
    'b DEL k src',
    'b RPUSH src 1 2',
    'a BLPOP k 0',
    'b LMOVE src k LEFT LEFT',
    'a BLPOP k 0',
    'b RPOPLPUSH src k',
  ])

  scene('other databases', [
    'a BLPOP k 0',
    'b SELECT 1',
    'b RPUSH k 1 2',
    'b MOVE k 0',
    'b SELECT 0',
    'b LRANGE k 0 -1',
    'b DEL k',
    'a BLPOP k 0',
    'b SELECT 1',
    'b RPUSH k x',
    'c SELECT 1',
    'c BLPOP j 0',
    'b SELECT 0',
    'b RPUSH j y',
    'b SWAPDB 0 1',
    'b DBSIZE',
    'a BLPOP k 0',
    'b SELECT 9',
    'b RPUSH src 1 2',
    'b COPY src k DB 0',
    'c BLPOP swapped 0',
    'b SELECT 1',
    'b SWAPDB 1 2',
    'b SELECT 2',
    'b SET swapped 1',
    'b SWAPDB 1 2',
    'b FLUSHALL',
    'b RPUSH swapped 1',
    'b SWAPDB 2 1',
  ])

  scene('transactions wake at their end, and only for what is left', [
    'a BLPOP k 0',
    'b MULTI',
    'b RPUSH k 1',
    'b LPOP k',
    'b EXEC',
    'b MULTI',
    'b RPUSH k 1',
    'b DEL k',
    'b SET k 1',
    'b DEL k',
    'b EXEC',
    'b MULTI',
    'b RPUSH k 1',
    'b LPUSH k 0',
    'b EXEC',
    'b FLUSHALL',
    'a BLPOP x y 0',
    'b MULTI',
    'b LPUSH y 1',
    'b LPUSH x 2',
    'b EXEC',
    'b FLUSHALL',
    'a BLPOP x y 0',
    'b MULTI',
    'b LPUSH x 1',
    'b DEL x',
    'b LPUSH y 2',
    'b LPUSH x 3',
    'b EXEC',
    'b FLUSHALL',
    'a BLPOP x y 0',
    'b MULTI',
    'b SET x 1',
    'b DEL x',
    'b LPUSH y 2',
    'b LPUSH x 3',
    'b EXEC',
    'b FLUSHALL',
    'a BLPOP k 0',
    'b MULTI',
    'b RPUSH k 1',
    'b RPUSH',
    'b EXEC',
    'b RPUSH k 2',
  ])

  scene('in a transaction nothing blocks', [
    'a MULTI',
    'a BLPOP k 0',
    'a BRPOP k l 0',
    'a BLMPOP 0 1 k LEFT',
    'a BLMOVE k l LEFT RIGHT 0',
    'a BRPOPLPUSH k l 0',
    'a RPUSH k 1 2 3',
    'a BLPOP k 0',
    'a BLMPOP 0 1 k LEFT',
    'a BRPOPLPUSH k k 0',
    'a EXEC',
    'a BLPOP nokey 0',
    'b MULTI',
    'b RPUSH nokey 1',
    'b BLPOP nokey 0',
    'b BLPOP nokey 0',
    'b EXEC',
    'b RPUSH nokey 2',
  ])

  scene('WATCH sees what serving changes', [
    'c WATCH dst',
    'c MULTI',
    'c PING',
    'a BLMOVE src dst LEFT LEFT 0',
    'b RPUSH src 1',
    'c EXEC',
  ])

  scene('timeouts', [
    'a= BLPOP k 0.02',
    'a= BRPOP k l 0.02',
    'a= BLMPOP 0.02 1 k LEFT',
    'a= BLMOVE k l LEFT LEFT 0.02',
    'a= BRPOPLPUSH k l 1e-3',
    'a= BLPOP k 0x0.05',
    'a= BLPOP k 1e-9',
    'b RPUSH k 1',
    'b LRANGE k 0 -1',
  ])

  scene('WAIT: there are no replicas, so only the time comes to an end', [
    'a SET k 1',
    'a WAIT 0 0',
    'a WAIT -1 0',
    'a= WAIT 1 20',
    'a WAIT 1 0',
    'b CLIENT UNBLOCK {a}',
    'a WAIT 1 0',
    'b CLIENT UNBLOCK {a} ERROR',
    'a WAIT 1000 0',
    'b RPUSH l 1',
    'b LRANGE l 0 -1',
    'b CLIENT UNBLOCK {a} TIMEOUT',
    'b MULTI',
    'b SET k 2',
    'b WAIT 1 0',
    'b EXEC',
    'c WAIT 1 0',
    'c EXIT',
    'b CLIENT UNBLOCK {c}',
  ])

  script('arguments of WAIT that are refused', [
    'WAIT',
    'WAIT 1',
    'WAIT 0 0 0',
    'WAIT x -1',
    'WAIT 1.5 0',
    'WAIT 99999999999999999999 1',
    'WAIT 01 1',
    ['WAIT', '', '1'],
    'WAIT 0 -1',
    'WAIT 0 x',
    'WAIT 1 1.5',
    'WAIT 1 0x1',
    'WAIT 1 99999999999999999999',
    ['WAIT', '1', ''],
    'COMMAND GETKEYS WAIT 0 0',
  ])

  script('arguments that are refused', [
    'BLPOP k x',
    'BLPOP k',
    'BLPOP k -1',
    'BLPOP k -1.5',
    'BLPOP k ""',
    'BLPOP k " 1"',
    'BLPOP k nan',
    'BLPOP k -inf',
    'BLPOP k 1e5000',
    differs('timeout-overflow', 'BLPOP k inf', '-ERR timeout is out of range\r\n'),
    differs('timeout-overflow', 'BLPOP k 1e400', '-ERR timeout is out of range\r\n'),
    differs('timeout-overflow', 'BLPOP k 9223372036854776', '-ERR timeout is out of range\r\n'),
    'BRPOP k x',
    'BLMOVE k l LEFT 0',
    'BLMOVE k l LEFT x 0',
    'BLMOVE k l x LEFT y',
    'BLMOVE k l LEFT RIGHT x',
    'BLMOVE k l LEFT RIGHT -1',
    'BRPOPLPUSH k l x',
    'BRPOPLPUSH k l -1',
    'BRPOPLPUSH k 0',
    'BLMPOP x 0 k LEFT',
    'BLMPOP x 1 k MIDDLE',
    'BLMPOP x 1 k LEFT COUNT 0',
    'BLMPOP x 1 k LEFT',
    'BLMPOP 0 0 k LEFT',
    'BLMPOP 0 -1 k LEFT',
    'BLMPOP 0 x k LEFT',
    'BLMPOP 0 1 k LEFT COUNT',
    'BLMPOP 0 1 k LEFT COUNT 0',
    'BLMPOP 0 1 k LEFT COUNT 1 COUNT 1',
    'BLMPOP 0 1 k LEFT LIMIT 1',
    'BLMPOP -1 1 k LEFT COUNT 1',
    'BLMPOP 0 2 k LEFT',
    'BLMPOP 0 1 k MIDDLE',
    'SET str 1',
    'BLPOP str x',
    'BLPOP str 0',
    'RPUSH lst 1',
    'BLMOVE lst str LEFT LEFT 0',
    'BRPOPLPUSH lst str 0',
    'BLPOP str lst 0',
  ])

  scene('CLIENT UNBLOCK', [
    'a BLPOP k 0',
    'b CLIENT UNBLOCK {a}',
    'b CLIENT UNBLOCK {a}',
    'a BLMOVE k l LEFT LEFT 0',
    'b CLIENT UNBLOCK {a} TIMEOUT',
    'a BRPOPLPUSH k l 0',
    'b CLIENT UNBLOCK {a} timeout',
    'a BLMPOP 0 1 k LEFT',
    'b CLIENT UNBLOCK {a} error',
    'a BLPOP k 100',
    'b CLIENT UNBLOCK {a} ERROR',
    'b CLIENT UNBLOCK {b}',
    'b CLIENT UNBLOCK 99999999',
    'b CLIENT UNBLOCK {a} x',
    'b CLIENT UNBLOCK x',
    'b CLIENT UNBLOCK x y',
    'b CLIENT UNBLOCK {a} timeout z',
    'b CLIENT UNBLOCK',
    'b RPUSH k 1',
    'b LRANGE k 0 -1',
  ])

  scene('a client that goes while it waits takes nothing', [
    'a BLPOP k 0',
    'b BLPOP k 0',
    'c BLPOP k 0',
    'a EXIT',
    'd CLIENT KILL ID {b}',
    'd RPUSH k 1 2',
    'd LRANGE k 0 -1',
  ])

  scene('commands sent while waiting run when it is over, in order', [
    'a BLPOP k 0',
    'a PING one',
    'a BLPOP k 0',
    'a PING two',
    'b RPUSH k 1',
    'b RPUSH k 2',
    'a BLPOP k 0',
    'a RPUSH l 1',
    'c BLPOP l 0',
    'c PING three',
    'b CLIENT UNBLOCK {a} ERROR',
  ])

  scene('CLIENT REPLY', [
    'a! CLIENT REPLY SKIP',
    'a! BLPOP k 0',
    'b RPUSH k 1',
    'a PING',
    'a! CLIENT REPLY OFF',
    'a! BLPOP k 0',
    'b RPUSH k 1',
    'b EXISTS k',
    'a CLIENT REPLY ON',
    'a BLPOP k 0',
    'b! CLIENT REPLY OFF',
    'b! RPUSH k 1',
  ])

  scene('CLIENT PAUSE: a wait may end in it, by its timeout or by the transaction that began it', [
    'a PING',
    'a BLPOP k 0.5',
    'c BLPOP q 0',
    'b MULTI',
    'b CLIENT PAUSE 100000 WRITE',
    'b RPUSH q 1',
    'b EXEC',
    'd RPUSH later 1',
    'a=',
    'b CLIENT UNPAUSE',
    'd LRANGE later 0 -1',
  ])

  scene('keyspace events of serving', [
    's PSUBSCRIBE __key*',
    'a CONFIG SET notify-keyspace-events KEA',
    'a BLPOP k 0',
    'b RPUSH k 1',
    'a BRPOP k 0',
    'b RPUSH k 1 2',
    'b DEL k',
    'a BLMOVE k l LEFT RIGHT 0',
    'c BLMPOP 0 1 l LEFT COUNT 10',
    'b RPUSH k x',
    'a BLMOVE k k LEFT RIGHT 0',
    'b RPUSH k x y',
    'a CONFIG SET notify-keyspace-events ""',
  ])

  scene(
    'commandstats count a blocking command once',
    [
      'a= BLPOP k 0.01',
      'a BLPOP k 0',
      'b INFO commandstats',
      'b RPUSH k 1',
      'b INFO commandstats',
      'b SET str 1',
      'a BLMOVE k str LEFT LEFT 0',
      'b RPUSH k 1',
      'b DEL k',
      'a BLPOP k 0',
      'b CLIENT UNBLOCK {a}',
      'b INFO commandstats',
      'b INFO errorstats',
    ],
    { normalize: blockingStats },
  )

  test.each([2, 3] as const)('random scenes (RESP%i)', { timeout: 120_000 }, async (protocol) => {
    const first = Number(process.env.COMPAT_SEED ?? 1)
    for (let seed = first; seed < first + 6; seed++) {
      await compareBlockingScene(pair(), randomScene(new Dice(seed), 80), protocol)
    }
    expect(first).toBeGreaterThan(0)
  })
})

/** Of INFO the counts of blocking commands and of errors; other replies as they are. */
function blockingStats(text: string): string {
  if (!text.includes('stat_')) return text
  const counts = text.matchAll(/cmdstat_b\w+:.*?failed_calls=\d+|errorstat_\w+:count=\d+/g)
  return [...counts]
    .map(([count]) => count.replace(/usec.*,rejected/, ''))
    .sort()
    .join(' ')
}

/** Five clients on four keys; whoever is blocked may be sent more, and is unblocked now and then. */
function randomScene(d: Dice, length: number): string[] {
  const clients = ['a', 'b', 'c', 'd', 'e']
  const enter = clients.map((name) => `${name} SELECT 0`)
  const key = (): string => `k${d.below(4)}`
  const end = (): string => d.pick(['LEFT', 'RIGHT'])
  const keys = (): string => d.many(1, 3, key).join(' ')
  const commands: (() => string)[] = [
    () => `${d.pick(['BLPOP', 'BRPOP'])} ${keys()} 0`,
    () => `${d.pick(['BLPOP', 'BRPOP'])} ${keys()} 0`,
    () => `BLMOVE ${key()} ${key()} ${end()} ${end()} 0`,
    () => `BRPOPLPUSH ${key()} ${key()} 0`,
    () => `BLMPOP 0 2 ${key()} ${key()} ${end()} COUNT ${d.between(1, 3)}`,
    () => `${d.pick(['LPUSH', 'RPUSH'])} ${key()} ${d.many(1, 3, () => `e${d.below(100)}`).join(' ')}`,
    () => `${d.pick(['LPUSH', 'RPUSH'])} ${key()} ${d.many(1, 3, () => `e${d.below(100)}`).join(' ')}`,
    () => `RPUSH ${key()} ${d.below(100)}`,
    () => `RENAME ${key()} ${key()}`,
    () => `COPY ${key()} ${key()} REPLACE`,
    () => `SORT ${key()} ALPHA STORE ${key()}`,
    () => `LMOVE ${key()} ${key()} ${end()} ${end()}`,
    () => (d.oneIn(3) ? `SET ${key()} s` : `DEL ${key()} ${key()}`),
    () => `LRANGE ${key()} 0 -1`,
    () => (d.oneIn(2) ? 'MULTI' : 'EXEC'),
    () => `CLIENT UNBLOCK {${d.pick(clients)}} ${d.pick(['TIMEOUT', 'ERROR'])}`,
    () => `SELECT ${d.below(2)}`,
    () => `MOVE ${key()} ${d.below(2)}`,
  ]
  // One client never blocks, so that there is always somebody to push.
  const free = commands.slice(5)
  return [
    ...enter,
    ...Array.from({ length }, () =>
      d.oneIn(2) ? `e ${d.pick(free)()}` : `${d.pick(clients.slice(0, 4))} ${d.pick(commands)()}`,
    ),
  ]
}
