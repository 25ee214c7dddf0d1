/** RDB bytes made by hand for the tests: payloads with their footer, and the encodings that are only read. */
import { listpackAppend, listpackBegin, listpackEnd } from '../../src/persistence/listpack.ts'
import { RdbOutput } from '../../src/persistence/rdb-output.ts'
import { Block } from '../../src/structures/block.ts'
import { Crc64 } from '../../src/structures/crc64.ts'

/** A DUMP payload: the bytes with version and a right checksum behind them. */
export function payloadOf(body: Uint8Array, version: number = 10): Buffer {
  const bytes = Buffer.concat([body, Buffer.alloc(10)])
  bytes.writeUInt16LE(version, body.length)
  const block = new Block(bytes)
  const crc = new Crc64()
  crc.update(block, 0, bytes.length - 8)
  crc.write(block, bytes.length - 8)
  return bytes
}

/** A length in its 32-bit form, which is right for every number. */
export function rdbSize(size: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes[0] = 0x80
  bytes.writeUInt32BE(size, 1)
  return bytes
}

/** A string as it is. */
export function rdbString(bytes: Uint8Array | string): Buffer {
  const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes)
  return Buffer.concat([rdbSize(data.length), data])
}

/** A whole file: the header of this version (80 and more are Valkey's), the parts, and from 5 on a right checksum. */
export function fileOf(parts: readonly Uint8Array[], version: number = 10): Buffer {
  const magic =
    version < 80 ? `REDIS${String(version).padStart(4, '0')}` : `VALKEY${String(version).padStart(3, '0')}`
  const body = Buffer.concat([Buffer.from(magic), ...parts, Buffer.from([0xff])])
  return version < 5 ? body : signed(Buffer.concat([body, Buffer.alloc(8)]))
}

/** The file with a checksum in its last eight bytes that is right. */
export function signed(file: Buffer): Buffer {
  const block = new Block(file)
  const crc = new Crc64()
  crc.update(block, 0, file.length - 8)
  crc.write(block, file.length - 8)
  return file
}

export type Element = string | number | bigint

/**
 * A ziplist. Strings are strings in the shortest of their three forms, numbers are in the shortest integer form; a
 * number's text as a string is a string, which Redis would not write and reads.
 */
export function ziplistOf(elements: readonly Element[], { longPrevious = false } = {}): Buffer {
  const entries: Buffer[] = []
  let previous = 0
  for (const element of elements) {
    const entry = Buffer.concat([previousSize(previous, longPrevious), ziplistData(element)])
    entries.push(entry)
    previous = entry.length
  }
  const body = Buffer.concat(entries)
  const header = Buffer.alloc(10)
  header.writeUInt32LE(header.length + body.length + 1, 0)
  header.writeUInt32LE(header.length + body.length - previous, 4)
  header.writeUInt16LE(Math.min(elements.length, 65_535), 8)
  return Buffer.concat([header, body, Buffer.from([255])])
}

/** A listpack; texts of integers are integers in it. */
export function listpackOf(elements: readonly Element[]): Buffer {
  const output = new RdbOutput()
  listpackBegin(output)
  for (const element of elements) {
    const block = new Block(Buffer.from(`${element}`, 'latin1'))
    listpackAppend(output, block, 0, block.bytes.length)
  }
  listpackEnd(output, elements.length)
  return Buffer.from(output.block.bytes.subarray(0, output.length))
}

function previousSize(size: number, long: boolean): Buffer {
  if (size < 254 && !long) return Buffer.from([size])
  const bytes = Buffer.alloc(5)
  bytes[0] = 254
  bytes.writeUInt32LE(size, 1)
  return bytes
}

function ziplistData(element: Element): Buffer {
  if (typeof element !== 'string') return ziplistInteger(BigInt(element))
  const data = Buffer.from(element, 'latin1')
  const { length } = data
  if (length < 64) return Buffer.concat([Buffer.from([length]), data])
  if (length < 16_384) return Buffer.concat([Buffer.from([0x40 | (length >> 8), length & 255]), data])
  const header = Buffer.alloc(5)
  header[0] = 0x80
  header.writeUInt32BE(length, 1)
  return Buffer.concat([header, data])
}

function ziplistInteger(value: bigint): Buffer {
  if (value >= 0n && value <= 12n) return Buffer.from([0xf1 + Number(value)])
  const bytes = Buffer.alloc(9)
  bytes.writeBigInt64LE(value, 1)
  const forms = [
    [0xfe, 1],
    [0xc0, 2],
    [0xf0, 3],
    [0xd0, 4],
    [0xe0, 8],
  ] as const
  for (const [encoding, size] of forms) {
    const bits = BigInt(size * 8)
    if (BigInt.asIntN(Number(bits), value) !== value) continue
    bytes[0] = encoding
    return bytes.subarray(0, size + 1)
  }
  throw new RangeError(`${value} is no 64-bit integer`)
}

/** The texts of what ziplistOf() was given. */
export function textsOf(elements: readonly Element[]): string[] {
  return elements.map(String)
}
