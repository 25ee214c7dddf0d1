/**
 * RDB files with mistakes in them, thousands of them: each is refused with an error that says what is wrong, or loads;
 * nothing else, and nothing is left in memory that belongs to nobody. RDB_MUTATIONS=100000 tries so many, RDB_SEED=n
 * other ones.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Entry } from '../../src/keyspace/entry.ts'
import { checkRdb } from '../../src/persistence/rdb-check.ts'
import { RdbError } from '../../src/persistence/rdb-format.ts'
import { RdbLoad } from '../../src/persistence/rdb-load.ts'
import { SeededRandom } from '../../src/platform/random.ts'
import { AddressList } from '../../src/structures/address-list.ts'
import { type Session, session } from '../commands/session.ts'
import { mutate } from '../fuzz/mutations.ts'
import { fileOf, rdbString, signed } from './payloads.ts'
import { handMadeFile } from './rdb-files.ts'

const MUTATIONS = Number(process.env.RDB_MUTATIONS ?? 3000)
const SEED = Number(process.env.RDB_SEED ?? 1)
const LONG_RUN = { timeout: 30_000 + MUTATIONS * 20 }

const directory = mkdtempSync(join(tmpdir(), 'rdb-fuzz-'))
afterAll(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'dump.rdb')

const FILES = [
  ...[2, 5, 7, 9, 10, 12, 80].map((version) => handMadeFile(version).bytes),
  fileOf([
    Buffer.from('f4050102f7810000000000000001020201070300000041040000000000000000050361626300', 'hex'),
    Buffer.concat([Buffer.from([0xfe, 3, 0xfb, 1, 0, 0]), rdbString('key'), rdbString('value')]),
  ]),
]

/** Loads the bytes, in steps of any size. Returns the error, null where there was none. */
function load(server: Session, bytes: Uint8Array, step: number): unknown {
  writeFileSync(file, bytes)
  const rdb = new RdbLoad(server.engine.keyspace, server.engine.log, file)
  try {
    while (rdb.step(rdb.position + step));
    return null
  } catch (error) {
    return error
  } finally {
    rdb.close()
  }
}

const found = new AddressList()
const entry = new Entry()

/** Removes every key, one by one: what they owned must be all there was. */
function clear(server: Session): void {
  const { keyspace } = server.engine
  for (const db of keyspace.databases) {
    found.clear()
    for (let bucket = 0; bucket < db.index.bucketCount; bucket++) db.index.collect(bucket, found)
    for (let i = 0; i < found.length; i++) db.remove(db.at(found.items[i], entry))
    expect(db.deadlines.count).toBe(0)
  }
  while (keyspace.lazyFree.pending) keyspace.lazyFree.run(1e6)
  expect(keyspace.arena.bytesUsed).toBe(0)
}

function isZero(bytes: Buffer): boolean {
  return bytes.subarray(-8).every((byte) => byte === 0)
}

describe('files with mistakes', LONG_RUN, () => {
  test('with the checksum they had: refused', () => {
    const random = new SeededRandom(SEED)
    const server = session()
    for (let i = 0; i < MUTATIONS / 2; i++) {
      const good = FILES[1 + random.below(FILES.length - 1)]
      const bytes = mutate(good, random)
      const error = load(server, bytes, 1 + random.below(300))
      if (error === null) {
        // Nothing was changed after all; or the checksum became zeros, which means that there is none.
        if (!bytes.equals(good) && !isZero(bytes)) throw new Error(`loaded: ${bytes.toString('hex')}`)
      } else if (!(error instanceof RdbError)) {
        throw new Error(`on ${bytes.toString('hex')}`, { cause: error })
      }
      clear(server)
    }
  })

  test('with a checksum that says that they are right: refused or loaded, within bounds', () => {
    const random = new SeededRandom(SEED, 2)
    const server = session({ config: { 'enable-debug-command': 'yes' } })
    let loaded = 0
    for (let i = 0; i < MUTATIONS / 2; i++) {
      const bytes = mutate(FILES[random.below(FILES.length)], random)
      if (bytes.length > 17) signed(bytes)
      const before = server.engine.keyspace.usedBytes
      const error = load(server, bytes, 1 + random.below(300))
      if (error === null) {
        loaded++
        server.run('DEBUG DIGEST')
      } else if (!(error instanceof RdbError)) {
        throw new Error(`on ${bytes.toString('hex')}`, { cause: error })
      }
      expect(server.engine.keyspace.usedBytes - before).toBeLessThan(100_000 + bytes.length * 300)
      clear(server)
    }
    expect(loaded).toBeGreaterThan(MUTATIONS / 100)
  })
})

test('the checker finds the same', () => {
  const random = new SeededRandom(SEED, 3)
  const server = session()
  for (let i = 0; i < 300; i++) {
    const bytes = mutate(FILES[1 + random.below(FILES.length - 1)], random)
    if (random.below(2) === 0 && bytes.length > 17) signed(bytes)
    const error = load(server, bytes, 1000)
    clear(server)
    let said = ''
    const code = checkRdb(file, (text) => {
      said += text
    })
    // It neither knows how many databases there are nor keeps keys to find them again.
    if (error instanceof RdbError && /duplicated key|more than 16 databases/.test(error.message)) continue
    expect({ said, code }).toEqual({ said, code: error === null ? 0 : 1 })
    if (error instanceof RdbError) expect(said).toContain(`] ${error.message}\n`)
  }
})
