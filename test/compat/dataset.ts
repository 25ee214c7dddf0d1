/**
 * Datasets for files that servers exchange: seeded commands that lead to every encoding a string or a list has in a
 * file, and all of a server's content in a form that can be compared with another's.
 */
import { createHash } from 'node:crypto'
import type { Dice } from './random.ts'
import { type Argument, encodeCommand, frameEnd, RawClient } from './raw-client.ts'

type Command = readonly Argument[]

/** The databases that the datasets use. */
export const DATABASES: readonly number[] = [0, 1, 9, 15]

/** On both sides of the limits between integer encodings, and what only looks like an integer. */
const INTEGERS = [0, 1, 12, 13, 127, 128, 4095, 4096, 32_767, 32_768, 8_388_607, 8_388_608, 2_147_483_647]
const WIDE = [
  '2147483648',
  '-2147483649',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
]
const ALMOST = ['-0', '+1', '01', ' 1', '1 ', '1.0', '1e3', '0x10', '99999999999999999999']

function numbers(): string[] {
  return [...INTEGERS.flatMap((n) => [`${n}`, `${-n}`, `${-n - 1}`]), ...WIDE, ...ALMOST]
}

function binary(dice: Dice, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => dice.below(256)))
}

/** Repetitive in some way, so that LZF has something to find, near and far. */
function compressible(dice: Dice, length: number): Buffer {
  const words = dice.many(1, 6, () => binary(dice, dice.between(1, 40)))
  const parts: Buffer[] = []
  for (let size = 0; size < length; ) {
    const part = dice.pick(words)
    parts.push(part)
    size += part.length
  }
  return Buffer.concat(parts).subarray(0, length)
}

/** A string or element of any kind. */
function anyText(dice: Dice): Argument {
  const length = dice.pick([0, 1, 5, 19, 20, 21, 22, 40, 63, 64, 65, 255, 256, 1000, 4095, 4096, 5000])
  switch (dice.below(4)) {
    case 0:
      return dice.pick(numbers())
    case 1:
      return binary(dice, length)
    case 2:
      return compressible(dice, length)
    default:
      return Buffer.alloc(length, dice.pick(['a', '\0', '1']))
  }
}

/** A name of any length and any bytes; `index` makes it one of its own, except that one is empty. */
function anyKey(dice: Dice, index: number): Buffer {
  if (index === 0) return Buffer.alloc(0)
  const length = dice.pick([1, 4, 10, 10, 30, 63, 64, 254, 255, 256, 300, 16_383, 16_384, 70_000])
  const start = Buffer.from(`${index}:`)
  return Buffer.concat([
    start,
    dice.oneIn(2) ? Buffer.alloc(length, 'k') : binary(dice, Math.min(length, 300)),
  ])
}

function stringCommands(dice: Dice, key: Buffer): Command[] {
  switch (dice.below(5)) {
    case 0:
      return [
        ['SET', key, `${dice.between(-300, 300)}`],
        ['INCRBY', key, dice.pick(['1', '-1', '70000', '5000000000'])],
      ]
    case 1:
      return [
        ['APPEND', key, anyText(dice)],
        ['APPEND', key, 'more'],
      ]
    case 2:
      return [['SET', key, compressible(dice, dice.pick([100, 16_000, 17_000, 300_000]))]]
    case 3:
      return [['SETBIT', key, `${dice.below(5000)}`, '1']]
    default:
      return [['SET', key, anyText(dice)]]
  }
}

function listCommands(dice: Dice, key: Buffer): Command[] {
  const push = (): Argument => dice.pick(['LPUSH', 'RPUSH'])
  const integers = (low: number, high: number): string[] =>
    dice.many(low, high, () => `${dice.between(-9, 70_000)}`)
  switch (dice.below(7)) {
    case 0:
      return [[push(), key, anyText(dice)]]
    case 1:
      return [[push(), key, ...numbers()]]
    case 2:
      return Array.from({ length: 4 }, () => [push(), key, ...dice.many(1, 100, () => anyText(dice))])
    case 3: {
      const large = (): Buffer => compressible(dice, dice.pick([8000, 8191, 8192, 8193, 9000, 70_000]))
      return [
        [push(), key, ...dice.many(1, 4, large), 'between', ...integers(0, 5), ...dice.many(0, 2, large)],
        [push(), key, binary(dice, 20_000)],
      ]
    }
    case 4:
      return [
        [push(), key, ...integers(500, 4000)],
        [push(), key, ...integers(1, 500)],
        ['LTRIM', key, '100', '-50'],
        ['LINSERT', key, 'BEFORE', '7', compressible(dice, 300)],
        ['LREM', key, '3', '12'],
        ['LSET', key, '-1', anyText(dice)],
      ]
    case 5:
      return [
        [push(), key, ...dice.many(100, 300, () => compressible(dice, dice.between(1, 400)))],
        ['LPOP', key, '20'],
        ['LMOVE', key, key, 'LEFT', 'RIGHT'],
      ]
    default:
      return [
        [push(), key, ...Array.from({ length: 10_000 }, (_, i) => (i % 7 === 0 ? `text ${i}` : `${i * i}`))],
      ]
  }
}

/** Commands that make `keys` keys, over all of DATABASES, some with a deadline. */
export function datasetCommands(dice: Dice, keys: number): Command[] {
  const commands: Command[] = []
  for (let i = 0; i < keys; i++) {
    if (i % Math.ceil(keys / DATABASES.length) === 0) {
      commands.push(['SELECT', `${DATABASES[Math.floor((i * DATABASES.length) / keys)]}`])
    }
    const key = anyKey(dice, i)
    commands.push(...(dice.oneIn(3) ? listCommands(dice, key) : stringCommands(dice, key)))
    const kind = dice.below(20)
    if (kind < 5) commands.push(['EXPIREAT', key, `${4_000_000_000 + dice.below(1000)}`])
    else if (kind < 9) commands.push(['PEXPIREAT', key, `${4_000_000_000_000 + dice.below(100_000)}`])
    else if (kind < 10) commands.push(['PEXPIREAT', key, '9007199254740993'])
  }
  return commands
}

/** Changes to about a third of the keys that datasetCommands() made from the same dice's seed. */
export function changeCommands(dice: Dice, keys: readonly { database: number; key: Buffer }[]): Command[] {
  const commands: Command[] = []
  for (const { database, key } of keys) {
    if (!dice.oneIn(3)) continue
    commands.push(['SELECT', `${database}`])
    switch (dice.below(6)) {
      case 0:
        commands.push(['DEL', key])
        break
      case 1:
        commands.push(
          ['PERSIST', key],
          ['SET', `other ${key.subarray(0, 20).toString('latin1')}`, anyText(dice)],
        )
        break
      case 2:
        commands.push(
          ['MULTI'],
          ['DEL', key],
          ['RPUSH', key, 'a', 'b'],
          ['PEXPIRE', key, '100000000'],
          ['EXEC'],
        )
        break
      case 3:
        commands.push(['SET', key, anyText(dice), 'EX', '1000000'], ['GETEX', key, 'PX', '2000000'])
        break
      case 4:
        commands.push(['DEL', key], ['SETRANGE', key, '10', anyText(dice)], ['INCRBYFLOAT', 'float', '0.1'])
        break
      default:
        commands.push(
          ['DEL', key],
          ['LPUSH', key, ...numbers()],
          ['LPOP', key, '5'],
          ['LMOVE', key, 'moved', 'LEFT', 'RIGHT'],
        )
    }
  }
  return commands
}

/** Runs the commands in order, many at a time. Rejects at the first error reply. */
export async function runAll(client: RawClient, commands: readonly Command[]): Promise<void> {
  for (let at = 0; at < commands.length; at += 100) {
    const part = commands.slice(at, at + 100)
    client.write(Buffer.concat(part.map(encodeCommand)))
    for (const command of part) {
      const reply = await client.frame()
      // INCRBY of what has become a text is as good an error as any; what both refuse changes nothing.
      if (
        reply[0] === 0x2d &&
        !/WRONGTYPE|not an integer|no such key|not a valid float|overflow/.test(reply.toString())
      ) {
        throw new Error(`${String(command[0])}: ${reply.toString('latin1')}`)
      }
    }
  }
}

/** A key's place, and what is under it. */
export interface Content {
  readonly database: number
  readonly key: Buffer
  /** DUMP's payload; of a list, which need not be cut into the same pieces, the digest of its elements. */
  readonly value: string
  /** PEXPIRETIME. */
  readonly deadline: string
}

/** Everything that the server on `port` holds, by "database key". */
export async function contentOf(port: number): Promise<Map<string, Content>> {
  const client = await RawClient.open(port, 30_000)
  const content = new Map<string, Content>()
  // Two compressors need not find the same repetitions.
  await client.call('CONFIG', 'SET', 'rdbcompression', 'no')
  for (const database of DATABASES) {
    await client.call('SELECT', `${database}`)
    for (const key of bulksOf(await client.call('KEYS', '*'))) {
      const isList = (await client.call('TYPE', key)).toString('latin1') === '+list\r\n'
      const value = isList
        ? digestOf(await client.call('LRANGE', key, '0', '-1'))
        : await client.call('DUMP', key)
      const deadline = (await client.call('PEXPIRETIME', key)).toString('latin1')
      content.set(`${database} ${key.toString('latin1')}`, {
        database,
        key,
        value: value.toString('latin1'),
        deadline,
      })
    }
  }
  await client.call('CONFIG', 'SET', 'rdbcompression', 'yes')
  client.close()
  return content
}

/** What differs, in words short enough to be read; empty when nothing does. */
export function differencesOf(expected: Map<string, Content>, actual: Map<string, Content>): string[] {
  const found: string[] = []
  for (const [name, { value, deadline }] of expected) {
    const shown = JSON.stringify(name.slice(0, 60))
    const other = actual.get(name)
    if (other === undefined) found.push(`${shown} is missing`)
    else if (other.value !== value) found.push(`${shown}: ${brief(value)} became ${brief(other.value)}`)
    else if (other.deadline !== deadline)
      found.push(`${shown}: deadline ${deadline} became ${other.deadline}`)
  }
  for (const name of actual.keys()) if (!expected.has(name)) found.push(`${JSON.stringify(name)} is new`)
  return found.slice(0, 20)
}

function brief(value: string): string {
  return `${JSON.stringify(value.slice(0, 40))} (${value.length})`
}

function digestOf(reply: Buffer): string {
  const [count] = reply.toString('latin1', 0, 20).split('\r')
  return `${count} ${createHash('sha1').update(reply).digest('hex')}`
}

/** The bulk strings of an array reply. */
function bulksOf(reply: Buffer): Buffer[] {
  const bulks: Buffer[] = []
  for (let at = reply.indexOf('\n') + 1; at < reply.length; ) {
    const end = frameEnd(reply, at)
    bulks.push(reply.subarray(reply.indexOf('\n', at) + 1, end - 2))
    at = end
  }
  return bulks
}
