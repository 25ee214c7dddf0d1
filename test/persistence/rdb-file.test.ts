/** Whole RDB files: datasets there and back, files made by hand, damage of every byte, and saves that fail. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/platform/clock.ts'
import { Block } from '../../src/structures/block.ts'
import { Crc64 } from '../../src/structures/crc64.ts'
import { type Session, session } from '../commands/session.ts'
import { rdbString } from './payloads.ts'

const directory = mkdtempSync(join(tmpdir(), 'rdb-'))
afterAll(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'dump.rdb')
const NOW = 1_700_000_000_000

function server(config: Record<string, string> = {}): Session {
  return session({ config: { dir: directory, 'enable-debug-command': 'yes', ...config } })
}

/** A server that has loaded the file. */
function loaded(config: Record<string, string> = {}): Session {
  const s = server(config)
  s.engine.dataset.loadAtOnce()
  return s
}

/** A file of this version with a right checksum. */
function rdb(parts: readonly (Uint8Array | string)[], version = '0010'): Buffer {
  const magic = version.startsWith('V') ? version : `REDIS${version}`
  const body = Buffer.concat([magic, ...parts, 'ff'].map((part, i) => bytesOf(part, i === 0)))
  const bytes = Buffer.concat([body, Buffer.alloc(8)])
  const crc = new Crc64()
  crc.update(new Block(bytes), 0, body.length)
  crc.write(new Block(bytes), body.length)
  return bytes
}

function bytesOf(part: Uint8Array | string, text: boolean): Buffer {
  return typeof part === 'string' ? Buffer.from(part, text ? 'latin1' : 'hex') : Buffer.from(part)
}

function pair(k: string, v: string): Buffer {
  return Buffer.concat([Buffer.from([0]), rdbString(k), rdbString(v)])
}

function faultOf(bytes: Uint8Array): string {
  writeFileSync(file, bytes)
  const before = readFileSync(file)
  try {
    loaded()
  } catch (error) {
    expect(readFileSync(file).equals(before)).toBe(true)
    const { message } = error as Error
    expect(message.startsWith(`Fatal error loading the DB, ${file}: `)).toBe(true)
    return message.slice(`Fatal error loading the DB, ${file}: `.length)
  }
  return 'nothing'
}

const key = fc.oneof(fc.string({ unit: 'binary-ascii', maxLength: 10 }), fc.constant('k'.repeat(300)))
const text = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  fc.nat(3e5).map((n) => 'x'.repeat(n)),
)
const write = fc.oneof(
  fc.tuple(fc.constant('SET'), key, text),
  fc
    .tuple(key, fc.array(text, { minLength: 1, maxLength: 9 }))
    .map(([k, texts]) => ['RPUSH', k].concat(texts)),
  fc.tuple(fc.constant('PEXPIRE'), key, fc.constantFrom('1', '100000', '9000000000')),
  fc.tuple(fc.constant('SELECT'), fc.constantFrom('0', '3', '15')),
)

test('what is saved is loaded: values, deadlines, databases', () => {
  fc.assert(
    fc.property(fc.array(write, { maxLength: 30 }), fc.constantFrom('yes', 'no'), (writes, yes) => {
      const s = server({ rdbcompression: yes, rdbchecksum: yes })
      for (const command of writes) s.call(...command)
      s.run('SELECT 0')
      expect(s.run('SAVE')).toBe('+OK\r\n')
      const other = loaded({ rdbchecksum: yes })
      expect(other.run('DEBUG DIGEST')).toBe(s.run('DEBUG DIGEST'))
      for (const id of [0, 3, 15]) {
        for (const k of s.bulks('KEYS *')) expect(other.call('PEXPIRETIME', k)).toBe(s.call('PEXPIRETIME', k))
        for (const side of [s, other]) side.run(`SELECT ${id}`)
      }
      expect(other.engine.keyspace.dirty).toBe(0)
    }),
    { numRuns: 60 },
  )
  expect(readdirSync(directory)).toEqual(['dump.rdb'])
})

test('keys past their deadline are left out, others keep how old they are', () => {
  const clock = new ManualClock(NOW)
  const config = { dir: directory, 'maxmemory-policy': 'allkeys-lru' }
  const s = session({ config, clock })
  s.run('SET gone 1 PX 1000')
  s.run('SET stays 1 PX 5000')
  s.run('SET old 1')
  clock.advance(2000)
  s.run('SET new 1')
  s.run('SAVE')
  const other = session({ config, clock })
  other.engine.dataset.loadAtOnce()
  expect(other.run('DBSIZE')).toBe(':3\r\n')
  expect(other.run('PTTL stays')).toBe(':3000\r\n')
  expect(other.run('OBJECT IDLETIME old')).toBe(':2\r\n')
  expect(other.run('OBJECT IDLETIME new')).toBe(':0\r\n')
  expect(other.engine.dataset.lastExpired).toBe(1)
  other.run('CONFIG SET maxmemory-policy allkeys-lfu')
  other.run('SAVE')
  const third = session({ config: { ...config, 'maxmemory-policy': 'allkeys-lfu' }, clock })
  third.engine.dataset.loadAtOnce()
  expect(third.run('OBJECT FREQ new')).toBe(other.run('OBJECT FREQ new'))
})

describe('files made by hand', () => {
  test('everything that may stand between values', () => {
    const seconds = Buffer.alloc(5, 0xfd)
    seconds.writeInt32LE(NOW / 1000 + 100, 1)
    writeFileSync(
      file,
      rdb([
        Buffer.concat([Buffer.from([0xfa]), rdbString('redis-ver'), rdbString('9.9.9')]),
        'f4050102',
        'f7810000000000000001020201070300000041040000000000000000050361626300',
        'fe00fb0201',
        seconds,
        pair('a', '1'),
        'f805',
        pair('b', '2'),
        'fe01',
        'f907',
        pair('a', '3'),
      ]),
    )
    const s = loaded()
    expect(s.engine.dataset.lastLoaded).toBe(3)
    expect(s.run('TTL a')).toBe(':100\r\n')
    expect(s.run('TTL b')).toBe(':-1\r\n')
    expect(s.run('OBJECT IDLETIME b')).toBe(':5\r\n')
    s.run('SELECT 1')
    expect(s.run('GET a')).toBe('$1\r\n3\r\n')
  })

  test('versions from 2 on, without a checksum before 5, and of Valkey', () => {
    for (const version of ['0005', '0009', '0012', 'VALKEY080']) {
      writeFileSync(file, rdb([pair('a', '1')], version))
      expect(loaded().run('GET a')).toBe('$1\r\n1\r\n')
    }
    writeFileSync(file, rdb([pair('a', '1')], '0003').subarray(0, -8))
    expect(loaded().run('GET a')).toBe('$1\r\n1\r\n')
    const unsigned = rdb([pair('a', '1')])
    writeFileSync(file, Buffer.concat([unsigned.subarray(0, -8), Buffer.alloc(8)]))
    expect(loaded().run('GET a')).toBe('$1\r\n1\r\n')
  })

  test('what is refused, by name and place', () => {
    expect(faultOf(Buffer.from(''))).toBe(
      'Unexpected EOF reading RDB file: expected 1 bytes at byte 0, where 0 are left',
    )
    expect(faultOf(Buffer.from('*1\r\n$4\r\nPING\r\n'))).toBe(
      'Wrong signature trying to load DB from file: "*1\\r\\n$4\\r\\nP"',
    )
    expect(faultOf(rdb([], '0013'))).toBe("Can't handle RDB format version 13")
    expect(faultOf(rdb(['fe10']))).toBe(
      'database 16 at byte 9: the file was created with a server configured to handle more than 16 databases',
    )
    expect(faultOf(rdb([pair('a', '1'), pair('a', '2')]))).toBe(
      'RDB has duplicated key "a" in DB 0 at byte 22',
    )
    const set = Buffer.concat([Buffer.from([2]), rdbString('tags'), rdbString('x')])
    expect(faultOf(rdb([set]))).toBe(
      'key "tags" at byte 9: value of type set (RDB type 2), which is not supported yet',
    )
    const far = rdb([pair('a', 'y'.repeat(600_000)), set])
    expect(faultOf(far)).toBe(
      'key "tags" at byte 600021: value of type set (RDB type 2), which is not supported yet',
    )
    const library = Buffer.concat([Buffer.from([0xf5]), rdbString('#!lua name=mylib\nredis.call()')])
    expect(faultOf(rdb([library]))).toBe(
      'function library "mylib" at byte 9: functions are not supported yet',
    )
    expect(faultOf(rdb(['f700010107']))).toBe('unknown module opcode 7 in the module data at byte 9')
    const good = rdb([pair('a', '1')])
    expect(faultOf(Buffer.concat([good, Buffer.from('x')]))).toBe(
      `1 bytes at byte ${good.length}, behind the end`,
    )
    good[good.length - 1] ^= 1
    expect(faultOf(good)).toMatch(
      /^RDB CRC error: Wrong RDB checksum expected: \([\da-f]{16}\) but got \([\da-f]{16}\)$/,
    )
  })
})

test('cut anywhere or changed anywhere: refused, and the file is left as it is', () => {
  const s = server()
  s.run('SET a 12345')
  s.run('SET b hello PX 100000')
  s.call('SET', 'c', 'abc'.repeat(50))
  s.run('RPUSH l a b 1 2')
  s.run('SAVE')
  const good = readFileSync(file)
  for (let size = 0; size < good.length; size++) expect(faultOf(good.subarray(0, size))).not.toBe('nothing')
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good)
    bad[at] ^= 1 << (at % 8)
    expect(faultOf(bad)).not.toBe('nothing')
  }
})

test('a file larger than what is read at once', () => {
  const s = server({ rdbcompression: 'no' })
  for (let i = 0; i < 3000; i++) s.call('SET', `key:${i}`, `${i}`.repeat(1 + (i % 100)))
  s.call('SET', 'large', 'y'.repeat(1_000_000))
  for (let i = 0; i < 3000; i++) s.call('RPUSH', 'list', 'z'.repeat(i % 500), i)
  s.run('SAVE')
  expect(readFileSync(file).length).toBeGreaterThan(2_000_000)
  expect(loaded().run('DEBUG DIGEST')).toBe(s.run('DEBUG DIGEST'))
})

describe('a save that fails leaves what was there', () => {
  test('no such directory', () => {
    const gone = join(directory, 'gone')
    mkdirSync(gone)
    const s = session({ config: { dir: gone } })
    s.run('SET a 1')
    rmSync(gone, { recursive: true })
    expect(s.run('SAVE')).toBe('-ERR SAVE failed: No such file or directory\r\n')
    expect(s.engine.keyspace.dirty).toBe(1)
  })

  test('the rename fails', () => {
    const name = join(directory, 'taken.rdb')
    mkdirSync(name)
    const s = server({ dbfilename: 'taken.rdb' })
    expect(s.run('SAVE')).toMatch(/^-ERR SAVE failed: /)
    expect(readdirSync(directory).filter((entry) => entry.startsWith('temp-'))).toEqual([])
    rmSync(name, { recursive: true })
  })
})

test('no file is no dataset', () => {
  rmSync(file, { force: true })
  const s = server()
  expect(s.engine.dataset.loadAtOnce()).toBe(false)
  expect(existsSync(file)).toBe(false)
})
