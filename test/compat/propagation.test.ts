/** What commands leave in the append-only file, byte for byte beside redis-server's. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oracle, startOracle } from './oracle.ts'
import { RawClient } from './raw-client.ts'
import { startRespite } from './respite.ts'
import type { ServerProcess } from './server-process.ts'

const DIRECTIVES = ['--appendonly', 'yes', '--appendfsync', 'no']

let both: ServerProcess[]

/** The words that the lines, run by client 0 or as `n> line` by another, leave. Lines without a reply end in `…`. */
async function left({ port }: ServerProcess, lines: readonly string[]): Promise<string> {
  const clients: RawClient[] = []
  const client = async (n: number): Promise<RawClient> => (clients[n] ??= await RawClient.open(port))
  const control = await RawClient.open(port)
  await control.call('FLUSHALL')
  await control.call('SET', 'begin', 'here')
  for (const line of lines) {
    const [, n, text] = /^(?:(\d)> )?(.*)$/.exec(line) as unknown as [string, string | undefined, string]
    const of = await client(Number(n ?? 0))
    if (text.startsWith('wait ')) await new Promise((resolve) => setTimeout(resolve, Number(text.slice(5))))
    else if (text.endsWith(' …')) {
      of.write(`${text.slice(0, -2)}\r\n`)
      for (let tries = 0; tries < 200; tries++) {
        const info = (await control.call('INFO', 'clients')).toString('latin1')
        if (!info.includes('blocked_clients:0')) break
      }
    } else await of.call(...text.split(' '))
  }
  const dir = (await control.call('CONFIG', 'GET', 'dir')).toString('latin1').split('\r\n')[4]
  for (const one of clients) one?.close()
  control.close()
  const parts = join(dir, 'appendonlydir')
  const increment = readdirSync(parts)
    .filter((name) => name.endsWith('.incr.aof'))
    .toSorted()
    .at(-1) as string
  const text = readFileSync(join(parts, increment), 'latin1')
  const begin = '$5\r\nbegin\r\n$4\r\nhere\r\n'
  return text.slice(text.lastIndexOf(begin) + begin.length)
}

/** Moments differ by what passed between the two servers. */
const leveled = (text: string): string =>
  text.replaceAll(/\b\d{13}\b/g, (digits) => `${Math.round(Number(digits) / 60_000)} min`).toLowerCase()

describe.skipIf(oracle === null)('compat: propagation', () => {
  beforeAll(async () => {
    both = await Promise.all([
      startOracle([...DIRECTIVES, '--enable-debug-command', 'yes']),
      startRespite(DIRECTIVES),
    ])
    for (const { port } of both) {
      const client = await RawClient.open(port)
      await client.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0')
      client.close()
    }
  })

  afterAll(async () => {
    await Promise.all(both.map((server) => server.stop()))
  })

  const scenes: Record<string, readonly string[]> = {
    'strings with a time to live': [
      'SET k v EX 100',
      'SET k v PX 100000 GET',
      'SET k v EXAT 9999999999',
      'SET k v PXAT 99999999999999',
      'SET k w KEEPTTL',
      'SET k w GET',
      'SET k w get xx',
      'SET k w NX',
      'SETEX k 100 v',
      'PSETEX k 100000 v',
      'GETEX k',
      'GETEX k EX 100',
      'GETEX k PERSIST',
      'GETEX k PXAT 1',
      'GETSET k x',
      'GETDEL k',
      'GETDEL k',
    ],
    arithmetic: [
      'INCR n',
      'DECRBY n 5',
      'INCRBYFLOAT n 0.1',
      'APPEND n 1',
      'SETRANGE n 1 xx',
      'SETBIT b 7 1',
      'BITOP NOT c b',
      'BITFIELD b INCRBY u8 0 1',
      'BITFIELD b GET u8 0',
      'MSET a 1 b 2',
      'MSETNX a 1 z 2',
      'MSETNX y 1 z 2',
      'SETNX y 2',
    ],
    'times to live': [
      'SET k v',
      'EXPIRE k 100 NX',
      'EXPIRE k 100 NX',
      'PEXPIRE k 200000 gt',
      'EXPIREAT k 9999999999',
      'PEXPIREAT k 9999999999999 XX',
      'PERSIST k',
      'PERSIST k',
      'EXPIRE k -1',
      'EXPIRE k 10',
    ],
    lists: [
      'RPUSH l a b c d e f',
      'LMPOP 2 x l LEFT COUNT 2',
      'BLMPOP 0 1 l RIGHT',
      'BLMOVE l m LEFT RIGHT 0',
      'BRPOPLPUSH l m 0',
      'LMOVE l m left right',
      'RPOPLPUSH m m',
      'BLPOP m 0',
      'LPOP m 5',
      'LPOP m',
      'RPUSH l 3 1 2',
      'SORT l',
      'SORT l STORE s',
      'SORT none STORE s',
      'LTRIM l 1 1',
      'LREM l 0 none',
      'LSET l 0 x',
      'LINSERT l BEFORE x y',
      'LINSERT l BEFORE none y',
      'LPUSHX none a',
    ],
    keys: [
      'SET k v',
      'RENAME k j',
      'RENAMENX j k',
      'COPY k j',
      'COPY k j',
      'MOVE k 3',
      'SWAPDB 0 3',
      'SWAPDB 0 0',
      'SELECT 3',
      'DEL j none',
      'DEL none',
      'UNLINK k',
      'TOUCH k',
      'FLUSHDB',
      'FLUSHDB ASYNC',
      'FLUSHALL',
      'SET a 1',
      'flushall sync',
    ],
    transactions: [
      'MULTI',
      'SET a 1',
      'EXEC',
      'MULTI',
      'SET a 1',
      'SELECT 3',
      'INCR q',
      'GET q',
      'LPUSH q x',
      'EXEC',
      'MULTI',
      'GET a',
      'EXEC',
      'MULTI',
      'SET a 1',
      'FLUSHALL',
      'EXEC',
      'MULTI',
      'DISCARD',
      'MULTI',
      'EXPIRE none 1',
      'SET b 1 PX 100000',
      'INCR b',
      'EXEC',
    ],
    'keys that have expired': [
      'SET a 1 PX 5',
      'SET b 1 PX 5',
      'SET c 1 PX 5',
      'SET d 1 PX 5',
      'RPUSH l 1',
      'PEXPIRE l 5',
      'wait 30',
      'APPEND a x',
      'SET b 2',
      'GET c',
      'MGET c d none',
      'LPUSH l 2',
      'SET a 1 PX 5',
      'SET b 1 PX 5',
      'wait 30',
      'MULTI',
      'GET a',
      'SET c 1',
      'EXEC',
      'MULTI',
      'DEL b',
      'EXEC',
    ],
    'clients served after a wait': [
      '1> BLPOP l 0 …',
      'RPUSH l a b',
      '1> PING',
      '1> BLMOVE l2 m LEFT RIGHT 0 …',
      'MULTI',
      'RPUSH l2 a',
      'SET k v',
      'EXEC',
      '1> PING',
    ],
    'a chain of waits': ['1> BLMOVE a b LEFT RIGHT 0 …', '2> BLPOP b 0 …', 'LPUSH a x', 'PING'],
    'nothing to keep': ['PING', 'PUBLISH a b', 'GET k', 'SUBSCRIBE c', 'EXISTS k'],
  }

  for (const [name, lines] of Object.entries(scenes)) {
    test(name, async () => {
      const [theirs, ours] = [await left(both[0], lines), await left(both[1], lines)]
      expect(leveled(ours)).toBe(leveled(theirs))
    })
  }
})
