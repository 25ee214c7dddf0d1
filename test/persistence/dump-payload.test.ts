/** Values to payloads and back; payloads in every old form; payloads that somebody damaged and signed again. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { Entry, TYPE_LIST, TYPE_STRING } from '../../src/keyspace/entry.ts'
import { Keyspace } from '../../src/keyspace/keyspace.ts'
import { DumpReader, DumpWriter } from '../../src/persistence/dump-payload.ts'
import { RdbError } from '../../src/persistence/rdb-format.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { SeededRandom } from '../../src/platform/random.ts'
import { Block } from '../../src/structures/block.ts'
import { listEncoding } from '../../src/values/list-encoding.ts'
import { ListView } from '../../src/values/list-value.ts'
import { argumentsOf } from '../commands/session.ts'
import { type Element, payloadOf, rdbSize, rdbString, textsOf, ziplistOf } from './payloads.ts'

type Value = string | readonly string[]

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

class Fixture {
  readonly configuration = new Configuration()
  readonly keyspace = new Keyspace(this.configuration.settings, new ManualClock(), new SeededRandom(1))
  readonly writer = new DumpWriter(this.keyspace)
  readonly reader = new DumpReader(this.keyspace)
  readonly list = new ListView(this.keyspace.arena)
  encoding = ''

  /** The payload of a value, made in the keyspace for it. */
  dump(value: Value, compress = true): Buffer {
    const args = argumentsOf(['SET', 'key', ...(typeof value === 'string' ? [value] : value)])
    const [db] = this.keyspace.databases
    let entry: Entry
    if (typeof value === 'string') {
      entry = db.overwrite(args, 1, TYPE_STRING, value.length, false)
      Buffer.from(value, 'latin1').copy(entry.block.bytes, entry.valueOffset)
    } else {
      entry = db.overwrite(args, 1, TYPE_LIST, 29, false)
      this.list.point(entry.block, entry.valueOffset)
      this.list.initialize()
      for (let i = 2; i < args.count; i++) this.list.pushTail(args.block, args.offsets[i], args.lengths[i])
      this.list.isQuicklist = this.list.listpackBytes > 8000 || this.list.listpackBytes < 0
    }
    this.configuration.set([['rdbcompression', compress ? 'yes' : 'no']], false)
    this.writer.make(entry)
    const payload = Buffer.from(this.writer.output.block.bytes.subarray(0, this.writer.output.length))
    db.remove(entry)
    return payload
  }

  /** The value of a payload. */
  load(payload: Buffer): Value {
    const block = new Block(Buffer.concat([Buffer.from('ab'), payload, Buffer.from('cdefghijk')]))
    expect(this.reader.verify(block, 2, payload.length)).toBe(true)
    this.reader.read(block, 2, payload.length)
    const { value } = this.reader
    if (value.type === TYPE_STRING) {
      return value.valueBlock.bytes.toString(
        'latin1',
        value.valueOffset,
        value.valueOffset + value.valueLength,
      )
    }
    const elements: string[] = []
    const { list } = this
    list.point(value.valueBlock, value.valueOffset)
    this.encoding = listEncoding(list)
    for (let standing = list.seek(0); standing; standing = list.advance()) {
      const { elementBlock, elementOffset, elementLength } = list
      elements.push(elementBlock.bytes.toString('latin1', elementOffset, elementOffset + elementLength))
    }
    expect(elements).toHaveLength(list.length)
    value.discard()
    return elements
  }

  /** What is wrong with a body. */
  fault(body: Uint8Array): string {
    try {
      this.load(payloadOf(body))
    } catch (error) {
      if (error instanceof RdbError) return error.message
      throw error
    }
    return 'nothing'
  }
}

const element = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 60 }) },
  { weight: 3, arbitrary: fc.integer().map(String) },
  { weight: 1, arbitrary: fc.nat(20_000).map((n) => 'large '.repeat(n / 6)) },
)
const value: fc.Arbitrary<Value> = fc.oneof(
  element,
  fc.array(element, { minLength: 1, maxLength: 40 }),
  fc.integer({ min: 1, max: 3000 }).map((n) => Array.from({ length: n }, (_, i) => `element ${i * 7919}`)),
)

test('what is dumped is loaded, and memory is as it was', () => {
  const fixture = new Fixture()
  const before = fixture.keyspace.arena.bytesUsed
  fc.assert(
    fc.property(value, fc.boolean(), (original, compress) => {
      expect(fixture.load(fixture.dump(original, compress))).toEqual(original)
    }),
    { numRuns: 200 },
  )
  fixture.keyspace.lazyFree.run(1e9)
  expect(fixture.keyspace.arena.bytesUsed).toBe(before)
})

test('exact bytes of small values', () => {
  const fixture = new Fixture()
  const start = (v: Value): string => fixture.dump(v).subarray(0, -8).toString('hex')
  expect(start('abc')).toBe('00036162630a00')
  expect(start('12345')).toBe('00c139300a00')
  expect(start(['a', '1'])).toBe('1201020c0c00000002008161020101ff0a00')
  expect(fixture.dump('').toString('hex')).toBe(
    '00000a' +
      '00' +
      payloadOf(Buffer.from([0, 0]))
        .toString('hex')
        .slice(8),
  )
})

test('one node for what is a listpack, however many chunks it has here; else one for each chunk', () => {
  const fixture = new Fixture()
  const numbers = Array.from({ length: 1700 }, (_, i) => `${10_000 + i}`)
  for (const [elements, nodes, encoding] of [
    [numbers, 1, 'listpack'],
    [[...numbers, ...numbers], 3, 'quicklist'],
  ] as const) {
    const payload = fixture.dump(elements, false)
    expect(payload[1]).toBe(nodes)
    fixture.load(payload)
    expect(fixture.encoding).toBe(encoding)
  }
})

describe('forms that are only read', () => {
  const elements: readonly Element[] = ['a', 5, -3, 100_000, '', 'b'.repeat(300), 2n ** 62n]

  test('linked list', () => {
    const fixture = new Fixture()
    const strings = Buffer.concat(textsOf(elements).map(rdbString))
    const body = Buffer.concat([Buffer.from([1]), rdbSize(elements.length), strings])
    expect(fixture.load(payloadOf(body, 1))).toEqual(textsOf(elements))
    expect(fixture.encoding).toBe('listpack')
  })

  test('ziplist', () => {
    const fixture = new Fixture()
    const body = Buffer.concat([Buffer.from([10]), rdbString(ziplistOf(elements))])
    expect(fixture.load(payloadOf(body, 6))).toEqual(textsOf(elements))
    expect(fixture.encoding).toBe('listpack')
  })

  test('quicklist of ziplists, empty nodes in between', () => {
    const fixture = new Fixture()
    const nodes = [elements, [], ['c'], []].map((node) => rdbString(ziplistOf(node)))
    const body = (count: number): Buffer =>
      Buffer.concat([Buffer.from([14]), rdbSize(count), ...nodes.slice(0, count)])
    expect(fixture.load(payloadOf(body(4), 7))).toEqual([...textsOf(elements), 'c'])
    expect(fixture.encoding).toBe('quicklist')
    expect(fixture.load(payloadOf(body(2), 9))).toEqual(textsOf(elements))
    expect(fixture.encoding).toBe('listpack')
  })

  test('quicklist of listpacks and plain nodes', () => {
    const fixture = new Fixture()
    const packed = Buffer.from('0c00000002008161020101ff', 'hex')
    const body = [
      Buffer.from([18]),
      rdbSize(3),
      Buffer.from([2]),
      rdbString(packed),
      Buffer.from([1]),
      rdbString('x'),
    ]
    expect(fixture.load(payloadOf(Buffer.concat([...body, Buffer.from([1, 0xc0, 7])])))).toEqual([
      'a',
      '1',
      'x',
      '7',
    ])
  })
})

const fixture = new Fixture()

function accepted(payload: Buffer): boolean {
  return fixture.reader.verify(new Block(payload), 0, payload.length)
}

describe('refused', () => {
  test('versions that are not known, and wrong checksums', () => {
    const good = payloadOf(hex('0161'))
    expect(accepted(good)).toBe(true)
    expect([1, 6, 9, 11, 12, 80].map((v) => accepted(payloadOf(hex('0161'), v)))).not.toContain(false)
    expect([0, 13, 79, 81, 65_535].map((v) => accepted(payloadOf(hex('0161'), v)))).not.toContain(true)
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good)
      bad[at] ^= 0x10
      expect(accepted(bad)).toBe(false)
    }
    expect(accepted(good.subarray(0, 9))).toBe(false)
    expect(accepted(Buffer.alloc(0))).toBe(false)
  })

  test('types of value that are not here, by name', () => {
    expect(fixture.fault(hex('0b00'))).toBe(
      'value of type set (intset) (RDB type 11), which is not supported yet',
    )
    expect(fixture.fault(hex('0400'))).toBe('value of type hash (RDB type 4), which is not supported yet')
    expect(fixture.fault(hex('63'))).toBe('Invalid object type: 99')
  })

  test('bytes behind the value, none at all, lists of nothing, nodes of no kind', () => {
    expect(fixture.fault(hex(''))).toBe(
      'Unexpected EOF reading RDB file: expected 1 bytes at byte 0, where 0 are left',
    )
    expect(fixture.fault(hex('00016100'))).toBe('1 bytes behind the value')
    expect(fixture.fault(hex('0100'))).toBe('list without elements')
    expect(fixture.fault(hex('12010207070000000000ff'))).toBe('list without elements')
    expect(fixture.fault(hex('12010300'))).toBe('quicklist node at byte 2 is of kind 3: expected 1 or 2')
    expect(fixture.fault(hex('0181ffffffffffffffff0161'))).toBe(
      'Unexpected EOF reading RDB file: expected 1 bytes at byte 12, where 0 are left',
    )
  })
})

test('damaged and signed again: refused or loaded, and no memory is lost', () => {
  const fixture = new Fixture()
  const bodies = fc.oneof(
    value.map((v) => fixture.dump(v).subarray(0, -10)),
    fc
      .array(element, { maxLength: 5 })
      .map((e) => Buffer.concat([Buffer.from([10]), rdbString(ziplistOf(e))])),
    fc
      .array(fc.array(element, { maxLength: 4 }), { minLength: 1, maxLength: 4 })
      .map((nodes) =>
        Buffer.concat([
          Buffer.from([14]),
          rdbSize(nodes.length),
          ...nodes.map((n) => rdbString(ziplistOf(n))),
        ]),
      ),
  )
  const damage = fc.record({ at: fc.nat(), value: fc.nat(255), cut: fc.boolean() })
  const before = fixture.keyspace.arena.bytesUsed
  fc.assert(
    fc.property(bodies, fc.array(damage, { minLength: 1, maxLength: 3 }), (good, damages) => {
      let body = Buffer.from(good)
      for (const { at, value: byte, cut } of damages) {
        // Where headers are is worth more tries than the bytes of a long string.
        if (cut && at % 4 === 0) body = body.subarray(0, at % (body.length + 1))
        else if (body.length > 0) body[at % Math.min(body.length, 64)] = byte
      }
      try {
        const loaded = fixture.load(payloadOf(body))
        expect(fixture.load(fixture.dump(loaded))).toEqual(loaded)
      } catch (error) {
        if (!(error instanceof RdbError)) throw error
      }
    }),
    { numRuns: 1500 },
  )
  fixture.keyspace.lazyFree.run(1e9)
  expect(fixture.keyspace.arena.bytesUsed).toBe(before)
})
