/** Files of every version and encoding, loaded in one go and in the smallest steps; and what is left out on the way. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { RdbLoad } from '../../src/persistence/rdb-load.ts'
import type { RdbReaderOptions } from '../../src/persistence/rdb-reader.ts'
import { LineLog, type Log } from '../../src/platform/log.ts'
import { bulk, bulks, type Session, session } from '../commands/session.ts'
import { fileOf, rdbSize, rdbString } from './payloads.ts'
import { type HandMade, handMadeFile, lzfString } from './rdb-files.ts'

const directory = mkdtempSync(join(tmpdir(), 'rdb-load-'))
afterAll(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'dump.rdb')

// What the deadlines in handMadeFile() say: milliseconds, and seconds.
const INT8_DEADLINE = 0x3a4a6c94000
const INT16_DEADLINE = 0x7fffc900

/** A key whose value is "1", with opcodes before it. */
function pair(key: string, ...before: number[]): Buffer {
  return Buffer.concat([Buffer.from([...before, 0]), rdbString(key), rdbString('1')])
}

/** A key with a deadline and a value of type and body in hexadecimal. */
function timed(key: string, type: string, body: string): Buffer {
  const deadline = Buffer.from([0xfc, 0, 0, 0, 0, 0, 1, 0, 0])
  return Buffer.concat([deadline, Buffer.from(type, 'hex'), rdbString(key), Buffer.from(body, 'hex')])
}

/** A key of this RDB type with the parts as its value. */
function typed(type: number, key: string, ...body: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([type]), rdbString(key), ...body])
}

interface Loaded {
  readonly server: Session
  readonly load: RdbLoad
  readonly steps: number
  readonly log: string
}

/** Loads the bytes, `step` more in each step. */
function load(bytes: Uint8Array, step = Number.POSITIVE_INFINITY, options: RdbReaderOptions = {}): Loaded {
  writeFileSync(file, bytes)
  const server = session({ config: { 'enable-debug-command': 'yes', 'maxmemory-policy': 'allkeys-lru' } })
  let log = ''
  const lines: Log = new LineLog('debug', (line) => {
    log += line
  })
  const rdb = new RdbLoad(server.engine.keyspace, lines, file, options)
  let steps = 1
  try {
    for (let border = step; rdb.step(border); border = rdb.position + step) steps++
  } finally {
    rdb.close()
  }
  return { server, load: rdb, steps, log }
}

function check(server: Session, { key, value }: HandMade): void {
  if (typeof value === 'string') expect(server.call('GET', key)).toBe(bulk(value))
  else expect(server.call('LRANGE', key, '0', '-1')).toBe(bulks(...value))
}

describe.each([2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 80])('version %i', (version) => {
  const { bytes, content } = handMadeFile(version)

  test('every encoding it may hold', () => {
    const { server, load: rdb, log } = load(bytes)
    if (version >= 9) expect(server.run('OBJECT IDLETIME lzf')).toBe(':5\r\n')
    for (const one of content) check(server, one)
    expect(rdb.loaded).toBe(content.length)
    if (version >= 3) expect(server.run('PEXPIRETIME int8')).toBe(`:${INT8_DEADLINE}\r\n`)
    expect(server.run('EXPIRETIME int16')).toBe(`:${INT16_DEADLINE}\r\n`)
    if (version >= 7) expect(log).toContain('Loading RDB produced by version 1.2.3')
    expect(log).toContain(`Done loading RDB, keys loaded: ${content.length}, keys expired: 0.`)
  })

  test('in the smallest steps', () => {
    const whole = load(bytes)
    const { server, steps } = load(bytes, 1)
    expect(steps).toBeGreaterThan(content.length + 5)
    expect(server.run('DEBUG DIGEST')).toBe(whole.server.run('DEBUG DIGEST'))
  })
})

test('a long list is loaded in many steps, and abandoned without a trace', () => {
  const elements = Array.from({ length: 5000 }, (_, i) => rdbString(`element ${i}`))
  const list = Buffer.concat([Buffer.from([1]), rdbString('long'), rdbSize(5000), ...elements])
  const bytes = fileOf([list])
  const { server, steps } = load(bytes, 1024)
  expect(server.run('LLEN long')).toBe(':5000\r\n')
  expect(server.run('LINDEX long 4999')).toBe(bulk('element 4999'))
  expect(steps).toBeGreaterThan(bytes.length / 1024 - 2)

  writeFileSync(file, bytes)
  const other = session()
  const { keyspace, log } = other.engine
  const rdb = new RdbLoad(keyspace, log, file)
  expect(rdb.step(10_000)).toBe(true)
  expect(keyspace.arena.bytesUsed).toBeGreaterThan(5000)
  expect(other.run('DBSIZE')).toBe(':0\r\n')
  rdb.close()
  expect(keyspace.arena.bytesUsed).toBe(0)
})

test('long strings come in pieces, whatever they are part of', () => {
  const packed = lzfString(randomBytes(1_500_000))
  const bytes = fileOf([
    typed(0, 'raw', rdbString(randomBytes(3_000_000))),
    typed(1, 'list', rdbSize(2), rdbString(randomBytes(2_000_000)), rdbString('a')),
    typed(
      18,
      'nodes',
      rdbSize(2),
      Buffer.from([1]),
      rdbString(randomBytes(2_500_000)),
      Buffer.from([1]),
      packed,
    ),
    typed(0, 'packed', packed),
  ])
  const whole = load(bytes)
  expect(whole.server.run('STRLEN raw')).toBe(':3000000\r\n')
  for (const step of [1, 1000, 1 << 20]) {
    const { server, steps } = load(bytes, step)
    expect(server.run('DEBUG DIGEST')).toBe(whole.server.run('DEBUG DIGEST'))
    expect(steps).toBeGreaterThan(5)
  }
  // The last string ends where the checksum begins.
  bytes[bytes.length - 20] ^= 1
  expect(() => load(bytes, 1)).toThrow('RDB CRC error')
})

test('nobody is told of what is loaded, but of everything else in between', () => {
  const { bytes } = handMadeFile(10)
  writeFileSync(file, bytes)
  const server = session()
  server.events()
  const rdb = new RdbLoad(server.engine.keyspace, server.engine.log, file)
  expect(rdb.step(60)).toBe(true)
  server.run('SET a 1')
  while (rdb.step(rdb.position + 1));
  rdb.close()
  expect(server.events()).toEqual(['set a 0'])
})

describe('left out', () => {
  const past = [0xfc, 1, 0, 0, 0, 0, 0, 0, 0]

  test('keys past their deadline, unless commands that change them may follow', () => {
    const bytes = fileOf([pair('gone', ...past), pair('here')])
    const { server, load: rdb, log } = load(bytes)
    expect(server.run('KEYS *')).toBe(bulks('here'))
    expect([rdb.loaded, rdb.expired]).toEqual([1, 1])
    expect(log).toContain('Done loading RDB, keys loaded: 1, keys expired: 1.')
    expect(load(bytes, 1, { keepExpired: true }).load.loaded).toBe(2)
  })

  test('lists without elements, with what was said about them', () => {
    const kinds = [
      timed('a', '01', '00'),
      timed('b', '0e', '00'),
      timed('c', '12', '00'),
      timed('d', '12', '010207070000000000ff'),
    ]
    const { server, load: rdb, log } = load(fileOf([...kinds, pair('here')]), 1)
    expect(rdb.loaded).toBe(1)
    expect(server.run('TTL here')).toBe(':-1\r\n')
    expect(log).toContain('rdbLoadObject skipping empty key: a')
    expect(log).toContain('keys loaded: 1, keys expired: 0, empty keys skipped: 4.')
  })

  test('a checksum of zeros, with a line that says so', () => {
    const bytes = fileOf([pair('here')])
    bytes.fill(0, bytes.length - 8)
    expect(load(bytes).log).toContain('RDB file was saved with checksum disabled: no check performed.')
  })

  test('what stands behind the end, where something may', () => {
    const bytes = Buffer.concat([fileOf([pair('here')]), Buffer.from('*1\r\n')])
    expect(() => load(bytes)).toThrow('4 bytes at byte 34, behind the end')
    expect(load(bytes, 1, { open: true }).load.position).toBe(34)
  })
})

test('more keys announced than there are: no more memory than the file could fill', () => {
  const announced = Buffer.concat([Buffer.from([0xfb]), rdbSize(4_000_000_000), rdbSize(0)])
  const one = Buffer.concat([Buffer.from([0]), rdbString('a'), rdbString('1')])
  const { server } = load(fileOf([announced, one]))
  expect(server.engine.keyspace.databases[0].index.bucketCount).toBe(1)
})
