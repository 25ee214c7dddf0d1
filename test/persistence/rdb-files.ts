/** RDB files made by hand, byte for byte: every encoding in which a string or a list was ever written, each in a key. */
import { fileOf, listpackOf, rdbSize, rdbString, ziplistOf } from './payloads.ts'

/** A key, what GET or LRANGE is to say of it, and the version from which on files have it. */
export interface HandMade {
  readonly key: string
  readonly value: string | readonly string[]
  readonly since: number
  readonly bytes: Buffer
}

const byte = (...values: number[]): Buffer => Buffer.from(values)
const hex = (text: string): Buffer => Buffer.from(text, 'hex')

/** An LZF string: literal runs, and one back reference where the bytes begin with "aaaa". */
export function lzfString(bytes: Uint8Array | string): Buffer {
  const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes)
  const parts: Buffer[] = []
  let at = 0
  if (data.toString('latin1', 0, 4) === 'aaaa') {
    // One literal, then three bytes from one byte back.
    parts.push(byte(0, data[0]), byte(1 << 5, 0))
    at = 4
  }
  for (; at < data.length; at += 32) {
    const run = data.subarray(at, at + 32)
    parts.push(byte(run.length - 1), run)
  }
  const packed = Buffer.concat(parts)
  return Buffer.concat([byte(0xc3), rdbSize(packed.length), rdbSize(data.length), packed])
}

function pair(type: number, key: string, body: Buffer, value: HandMade['value'], since = 2): HandMade {
  return { key, value, since, bytes: Buffer.concat([byte(type), byte(key.length), Buffer.from(key), body]) }
}

const LONG = Array.from({ length: 40 }, (_, i) => `element ${i} of a list that is some bytes long`)
const NUMBERS = ['0', '12', '-1', '127', '-128', '32767', '-8388608', '2147483647', '-9223372036854775808']
const MIXED = [...NUMBERS, '', 'a', '1.5', '007', 'x'.repeat(300)]
const numbers = NUMBERS.map(BigInt)
const mixed = [...numbers, '', 'a', '1.5', '007', 'x'.repeat(300)]

/** The body of a linked list: a string for each element. */
function linked(...strings: Buffer[]): Buffer {
  return Buffer.concat([byte(strings.length), ...strings])
}

/** A quicklist's nodes behind their count. */
function nodes(...parts: Buffer[]): Buffer {
  return Buffer.concat([rdbSize(parts.length), ...parts])
}

export const HAND_MADE: readonly HandMade[] = [
  pair(0, 'raw', hex('0568656c6c6f'), 'hello'),
  pair(0, 'empty', hex('00'), ''),
  pair(0, 'raw14', Buffer.concat([hex('4064'), Buffer.alloc(100, 'x')]), 'x'.repeat(100)),
  pair(0, 'raw32', rdbString('thirty-two bits'), 'thirty-two bits'),
  pair(0, 'raw64', Buffer.concat([hex('810000000000000003'), Buffer.from('abc')]), 'abc', 7),
  pair(0, 'int8', hex('c0ff'), '-1'),
  pair(0, 'int16', hex('c10080'), '-32768'),
  pair(0, 'int32', hex('c2ffffff7f'), '2147483647'),
  pair(0, 'lzf', lzfString(`aaaa${'bcd'.repeat(30)}`), `aaaa${'bcd'.repeat(30)}`),
  pair(1, 'linked', linked(hex('0161'), hex('c005'), lzfString('aaaab'), rdbString('z')), [
    'a',
    '5',
    'aaaab',
    'z',
  ]),
  pair(10, 'ziplist', rdbString(ziplistOf(mixed)), MIXED),
  pair(10, 'ziplist:lzf', lzfString(ziplistOf(LONG)), LONG),
  pair(10, 'ziplist:long', rdbString(ziplistOf(['a', 'b', 'c'], { longPrevious: true })), ['a', 'b', 'c']),
  pair(
    14,
    'quicklist',
    nodes(rdbString(ziplistOf(mixed)), lzfString(ziplistOf(LONG)), rdbString(ziplistOf([1, 2]))),
    [...MIXED, ...LONG, '1', '2'],
    7,
  ),
  pair(
    18,
    'quicklist2',
    nodes(
      Buffer.concat([byte(2), rdbString(listpackOf(mixed))]),
      Buffer.concat([byte(1), rdbString('a plain node')]),
      Buffer.concat([byte(2), lzfString(listpackOf(LONG))]),
      Buffer.concat([byte(1), lzfString('aaaa, compressed')]),
    ),
    [...MIXED, 'a plain node', ...LONG, 'aaaa, compressed'],
    10,
  ),
]

/** All that a file of this version may hold, with what may stand between. */
export function handMadeFile(version: number): { bytes: Buffer; content: readonly HandMade[] } {
  const content = HAND_MADE.filter(({ since }) => since <= version)
  const between: Record<string, Buffer> = {
    raw: version >= 7 ? Buffer.concat([byte(0xfa), rdbString('redis-ver'), rdbString('1.2.3')]) : byte(),
    int8: version >= 3 ? Buffer.concat([byte(0xfc), hex('0040c9a6a4030000')]) : byte(),
    int16: Buffer.concat([byte(0xfd), hex('00c9ff7f')]),
    lzf: version >= 9 ? hex('f805') : byte(),
    linked: version >= 9 ? hex('f907') : byte(),
  }
  const resize = version >= 7 ? Buffer.concat([byte(0xfb, content.length, 2)]) : byte()
  const parts = content.flatMap(({ key, bytes }) => [between[key] ?? byte(), bytes])
  return { bytes: fileOf([byte(0xfe, 0), resize, ...parts], version), content }
}
