/** The compat harness tried on itself: two oracles must agree, and each kind of difference must be seen. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compare, type Pair } from './compare.ts'
import { oracle, startOracle } from './oracle.ts'
import { compareRandom } from './random.ts'
import { frameEnd, RawClient } from './raw-client.ts'
import type { ServerProcess } from './server-process.ts'
import {
  closed,
  masked,
  on,
  raw,
  read,
  send,
  shapeOf,
  sortElements,
  splitArguments,
  toStep,
  unordered,
  varies,
  wait,
} from './steps.ts'

describe('frameEnd', () => {
  const whole = [
    '+OK\r\n',
    ':1\r\n',
    '$-1\r\n',
    '$0\r\n\r\n',
    '$2\r\n\r\n\r\n',
    '*-1\r\n',
    '*0\r\n',
    '*2\r\n:1\r\n*1\r\n$1\r\na\r\n',
    '%1\r\n+a\r\n~2\r\n#t\r\n_\r\n',
    '=5\r\ntxt:a\r\n',
    '|1\r\n+k\r\n,1.5\r\n*1\r\n(12345678901234567890\r\n',
    '>2\r\n+a\r\n!3\r\nERR\r\n',
  ]
  test.each(whole)('%j', (text) => {
    const bytes = Buffer.from(text)
    expect(frameEnd(Buffer.concat([bytes, Buffer.from(':9\r\n')]), 0)).toBe(bytes.length)
    for (let cut = 0; cut < bytes.length; cut++) {
      expect(frameEnd(bytes.subarray(0, cut), 0)).toBeGreaterThan(cut)
    }
  })
  test('refuses what is not a reply', () => {
    expect(() => frameEnd(Buffer.from('hello\r\n'), 0)).toThrow('not a reply')
  })
})

test('splitArguments follows redis-cli', () => {
  expect(splitArguments(`SET k "a \\x00\\n\\"" 'b\\' c' ""`)).toEqual(['SET', 'k', 'a \0\n"', "b' c", ''])
})

test('sortElements and shapeOf', () => {
  expect(sortElements(Buffer.from('%2\r\n+b\r\n:1\r\n+a\r\n:2\r\n'), 1).toString()).toBe(
    '%2\r\n+a\r\n:2\r\n+b\r\n:1\r\n',
  )
  expect(shapeOf(Buffer.from('*3\r\n:1\r\n*1\r\n$1\r\na\r\n-ERR no\r\n')).toString()).toBe(
    '*3 [: *1 [$] -ERR]',
  )
})

describe.skipIf(oracle === null)('two oracles', () => {
  let first: ServerProcess
  let second: ServerProcess
  let pair: Pair
  beforeAll(async () => {
    ;[first, second] = await Promise.all([startOracle(), startOracle()])
    pair = { oracle: first, respite: second }
  })
  afterAll(async () => {
    await Promise.all([first.stop(), second.stop()])
  })

  test('agree on a script that uses every kind of step', async () => {
    const script = [
      'SET k "a b"',
      ['GET', 'k'],
      on('b', 'GET k'),
      raw('PING\r\nPING\r\n', 2),
      send('BLPOP l 0'),
      wait(20),
      on('b', 'RPUSH l x'),
      read(),
      varies('TIME', 'the time'),
      masked('CLIENT LIST', /(id|addr|laddr|fd|age|idle|rbs|rbp|\w*mem)=\S*/, 'ids and addresses'),
      'MSET a 1 b 2 c 3',
      unordered('KEYS *', 'hash order'),
      raw('*1\r\n+x\r\n', 1),
      closed(),
    ]
    await compare(pair, script, 2)
    await compare(pair, script, 3)
  })

  test('differ where their configuration does, with both replies reported', async () => {
    const client = await RawClient.open(second.port)
    await client.call('CONFIG', 'SET', 'list-max-listpack-size', '5')
    await expect(compare(pair, ['PING', 'CONFIG GET list-max-listpack-size'], 2)).rejects.toThrow(
      /step 2 {2}CONFIG GET[^]*oracle: .*\$2\\r\\n-2[^]*respite: .*\$1\\r\\n5/,
    )
    const maxed = [masked('CONFIG GET list-max-listpack-size', /-?\d+(?=\r\n$)/, 'set otherwise')]
    await compare(pair, maxed, 2)
    await client.call('CONFIG', 'SET', 'list-max-listpack-size', '-2')
    client.close()
  })

  test('a known difference states what ours must answer', async () => {
    await expect(compare(pair, [{ ...toStep('PING'), ours: Buffer.from('+PANG\r\n') }], 2)).rejects.toThrow(
      '7.2 says',
    )
  })

  test('a reply that does not come is reported', async () => {
    await expect(compare(pair, [raw('QUIT\r\n', 2)], 2)).rejects.toThrow('the connection ended')
  })

  test('random streams agree; a difference is shrunk to the commands that matter', async () => {
    await compareRandom(pair, [(d) => ['SET', d.key(), d.value()], (d) => ['GET', d.key()]], {}, 3)
    const client = await RawClient.open(second.port)
    await client.call('CONFIG', 'SET', 'hash-max-listpack-entries', '1')
    const found = compareRandom(
      pair,
      [
        (d) => ['HSET', d.key(), d.pick(['a', 'b']), '1'],
        (d) => ['GET', d.key()],
        (d) => ['OBJECT', 'ENCODING', d.key()],
      ],
      { damaged: 0 },
      2,
    )
    await expect(found).rejects.toThrow(
      /found, the last command differs:\n +"HSET".*\n +"HSET".*\n +"OBJECT".*\n +oracle/,
    )
    client.close()
  })
})
