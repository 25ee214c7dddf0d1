/** DUMP and RESTORE beside redis-server: values exchanged both ways, old encodings, refusals. */
import { expect, test } from 'vitest'
import { payloadOf, rdbSize, rdbString, ziplistOf } from '../persistence/payloads.ts'
import { Dice } from './random.ts'
import { type Argument, RawClient } from './raw-client.ts'
import { compat } from './suite.ts'

const string = payloadOf(Buffer.from('0003616263', 'hex'))
const list = payloadOf(
  Buffer.concat([Buffer.from([10]), rdbString(ziplistOf(['a', 5, 1000, 'b', '', -70_000]))]),
)
const now = Date.now()

compat('dump', ({ script, pair }) => {
  script('small values, byte for byte', [
    'DUMP none',
    ...[
      '',
      'a',
      'hello world',
      '0',
      '-1',
      '127',
      '128',
      '-129',
      '70000',
      '2147483648',
      '007',
      '9'.repeat(18),
    ].flatMap((value) => [
      ['SET', 'k', value],
      ['DUMP', 'k'],
    ]),
    ['SET', 'k', 'abcdefghijklmnopqrstuvwxyz'],
    'DUMP k',
    [
      'RPUSH',
      'l',
      'a',
      '',
      '1',
      '-1',
      '127',
      '128',
      '-4096',
      '4095',
      '4096',
      '-32769',
      '8388608',
      '2147483648',
    ],
    'DUMP l',
    ['LPUSH', 'l', '-9223372036854775808', '9223372036854775808', 'x'.repeat(70), '1.5'],
    'CONFIG SET rdbcompression no',
    'DUMP l',
    ['RPUSH', 'l', 'y'.repeat(5000), 'z'.repeat(130)],
    'DUMP l',
    ['SET', 'k', 'a'.repeat(20_000)],
    'DUMP k',
    'CONFIG SET rdbcompression yes',
  ])

  script('refusals', [
    'SET k v',
    ['RESTORE', 'k', '0', string],
    ['RESTORE', 'k', '0', string, 'REPLACE', 'REPLACE', 'absttl'],
    ['RESTORE', 'n', '0', string, 'REPLACE', 'XX'],
    ['RESTORE', 'n', '0', string, 'IDLETIME'],
    ['RESTORE', 'n', '0', string, 'IDLETIME', '1', 'FREQ', '1'],
    ['RESTORE', 'n', '0', string, 'FREQ', '1', 'IDLETIME', '1'],
    ['RESTORE', 'n', '0', string, 'IDLETIME', 'x'],
    ['RESTORE', 'n', '0', string, 'IDLETIME', '-1'],
    ['RESTORE', 'n', '0', string, 'FREQ', '256'],
    ['RESTORE', 'n', '0', string, 'FREQ', '-1'],
    ['RESTORE', 'n', 'x', string],
    ['RESTORE', 'n', '-1', string],
    ['RESTORE', 'n', '-1', 'junk'],
    ['RESTORE', 'n', '0', 'junk'],
    ['RESTORE', 'n', '0', ''],
    ['RESTORE', 'n', '0', string.subarray(0, -1)],
    ['RESTORE', 'n', '0', payloadOf(Buffer.from('003f61', 'hex'))],
    ['RESTORE', 'n', '0', payloadOf(Buffer.from('63', 'hex'), 11_000)],
    ['RESTORE', 'n', '0', payloadOf(Buffer.from([10, ...rdbString(ziplistOf([]))]))],
    ['RESTORE', 'n', '0', payloadOf(Buffer.from([14, 1, ...rdbString(ziplistOf(['a']).fill(9, 10, 11))]))],
    ['RESTORE', 'n', '0', payloadOf(Buffer.from('12010300', 'hex'))],
    ['RESTORE', 'n', '0', payloadOf(Buffer.from('00c4', 'hex'))],
    ['RESTORE', 'n', '0', payloadOf(Buffer.from('00c302ff0061', 'hex'))],
    'EXISTS n',
    'GET k',
  ])

  script('deadlines and access clocks', [
    ['RESTORE', 'k', '100000', string],
    'TTL k',
    ['RESTORE', 'k', `${now + 500_000}`, string, 'REPLACE', 'ABSTTL'],
    'PEXPIRETIME k',
    ['RESTORE', 'k', '0', string, 'REPLACE', 'ABSTTL'],
    'TTL k',
    ['RESTORE', 'n', '1', string, 'ABSTTL'],
    ['RESTORE', 'k', '1', string, 'REPLACE', 'ABSTTL'],
    'EXISTS n k',
    ['RESTORE', 'k', '9223372036854775807', string, 'ABSTTL'],
    'PEXPIRETIME k',
    ['RESTORE', 'k', '9223372036854775807', string, 'REPLACE'],
    'EXISTS k',
    ['RESTORE', 'k', '0', string, 'IDLETIME', '10000'],
    'OBJECT IDLETIME k',
    ['RESTORE', 'k', '0', string, 'REPLACE', 'FREQ', '10'],
    'OBJECT IDLETIME k',
    'CONFIG SET maxmemory-policy allkeys-lfu',
    ['RESTORE', 'k', '0', string, 'REPLACE', 'FREQ', '10'],
    'OBJECT FREQ k',
    ['RESTORE', 'k', '0', string, 'REPLACE', 'IDLETIME', '10'],
    'OBJECT FREQ k',
    'CONFIG SET maxmemory-policy noeviction',
    ['RESTORE', 'l', '0', list],
    'LRANGE l 0 -1',
    'RPUSH l x',
    'DUMP l',
  ])

  test('old encodings: both read the same', async () => {
    const elements = [
      'a',
      5,
      12,
      13,
      -128,
      3000,
      100_000,
      5_000_000_000,
      'b'.repeat(300),
      'c'.repeat(17_000),
      '',
    ]
    const nodes = [rdbString(ziplistOf(elements)), rdbString(ziplistOf([])), rdbString(ziplistOf(['x', 1]))]
    const strings = elements.map((element) => rdbString(String(element)))
    const bodies = [
      [Buffer.from([1]), rdbSize(elements.length), ...strings],
      [Buffer.from([10]), nodes[0]],
      [Buffer.from([14]), rdbSize(3), ...nodes],
      [Buffer.from([10]), rdbString(ziplistOf(elements, { longPrevious: true }))],
      [Buffer.from([18]), rdbSize(2), Buffer.from([1]), rdbString('plain'), Buffer.from([1, 0xc0, 7])],
      [Buffer.from([0]), Buffer.from('810000000000000003', 'hex'), Buffer.from('abc')],
    ]
    await withBoth(pair(), async (oracle, ours) => {
      for (const [index, body] of bodies.entries()) {
        const payload = payloadOf(Buffer.concat(body), 6)
        for (const side of [oracle, ours]) {
          expect([index, await text(side, 'RESTORE', 'k', '0', payload, 'REPLACE')]).toEqual([
            index,
            '+OK\r\n',
          ])
        }
        expect(await digest(ours, 'k')).toBe(await digest(oracle, 'k'))
      }
    })
  })

  test.each([1, 2, 3])('random values there and back again (seed %i)', async (seed) => {
    const dice = new Dice(seed)
    await withBoth(pair(), async (oracle, ours) => {
      for (const side of [oracle, ours]) await side.call('FLUSHALL')
      for (let round = 0; round < 60; round++) {
        const write = randomWrite(dice)
        await oracle.call(...write)
        await ours.call(...write)
        const theirs = await dumpOf(oracle, 'k')
        const own = await dumpOf(ours, 'k')
        expect(await text(ours, 'RESTORE', 'from-oracle', '0', theirs, 'REPLACE')).toBe('+OK\r\n')
        expect(await text(oracle, 'RESTORE', 'from-respite', '0', own, 'REPLACE')).toBe('+OK\r\n')
        const expected = await digest(oracle, 'k')
        expect(await digest(ours, 'from-oracle')).toBe(expected)
        expect(await digest(oracle, 'from-respite')).toBe(expected)
        // What the oracle makes of ours comes back as the same value, too.
        const back = await dumpOf(oracle, 'from-respite')
        expect(await text(ours, 'RESTORE', 'back', '0', back, 'REPLACE')).toBe('+OK\r\n')
        expect(await digest(ours, 'back')).toBe(expected)
        if (dice.oneIn(3)) for (const side of [oracle, ours]) await side.call('DEL', 'k')
      }
    })
  })
})

type Servers = { readonly oracle: { readonly port: number }; readonly respite: { readonly port: number } }

async function withBoth(
  servers: Servers,
  run: (oracle: RawClient, ours: RawClient) => Promise<void>,
): Promise<void> {
  const oracle = await RawClient.open(servers.oracle.port)
  const ours = await RawClient.open(servers.respite.port)
  try {
    await run(oracle, ours)
  } finally {
    oracle.close()
    ours.close()
  }
}

async function dumpOf(side: RawClient, key: string): Promise<Buffer> {
  const reply = await side.call('DUMP', key)
  return Buffer.from(reply.subarray(reply.indexOf('\n') + 1, -2))
}

async function text(side: RawClient, ...command: Argument[]): Promise<string> {
  return (await side.call(...command)).toString('latin1')
}

async function digest(side: RawClient, key: string): Promise<string> {
  return text(side, 'DEBUG', 'DIGEST-VALUE', key)
}

/** A write to `k`: a string of any kind, or pushes that make it a long or a wide list. */
function randomWrite(dice: Dice): string[] {
  const kind = dice.below(4)
  if (kind === 0) return ['SET', 'k', randomText(dice)]
  const push = dice.pick(['LPUSH', 'RPUSH'])
  if (kind === 1) return [push, 'k', ...dice.many(1, 600, () => `${dice.between(-70_000, 70_000)}`)]
  if (kind === 2) return [push, 'k', ...dice.many(1, 300, () => `element ${dice.below(50)}`)]
  return [push, 'k', ...dice.many(1, 12, () => randomText(dice))]
}

function randomText(dice: Dice): string {
  const text = dice.value()
  return dice.oneIn(2) ? text : text.repeat(dice.pick([3, 20, 400, 3000]))
}
