/** check-rdb beside redis-check-rdb: what both print of files made by hand, whole, cut and changed, and how they exit. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { checkRdb } from '../../src/persistence/rdb-check.ts'
import { fileOf, rdbString } from '../persistence/payloads.ts'
import { handMadeFile } from '../persistence/rdb-files.ts'
import { oracle, startOracle } from './oracle.ts'
import { RawClient } from './raw-client.ts'
import { startRespite } from './respite.ts'

const checker = oracle === null ? '' : join(dirname(oracle), 'redis-check-rdb')
const directory = mkdtempSync(join(tmpdir(), 'check-rdb-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const file = join(directory, 'dump.rdb')

interface Verdict {
  readonly code: number | null
  readonly text: string
}

function ours(): Verdict {
  let text = ''
  const code = checkRdb(file, (part) => {
    text += part
  })
  return { code, text }
}

function theirs(): Verdict {
  const { status, stdout } = spawnSync(checker, [file], { encoding: 'latin1' })
  // What its code says about itself.
  return { code: status, text: stdout.replaceAll(/^\d+:C .*\n/gm, '') }
}

/** The lines without places and words in which the two may differ about a broken file: where exactly, and why. */
function outline({ code, text }: Verdict): Verdict {
  return { code, text: text.replace(/(ERROR DETECTED ---\n)\[offset \d+\] .*\n/, '$1') }
}

/** A key whose value is "1", with opcodes before it. */
function pair(name: string, ...before: number[]): Buffer {
  return Buffer.concat([Buffer.from([...before, 0]), rdbString(name), rdbString('1')])
}

const good = handMadeFile(10).bytes

describe.skipIf(!existsSync(checker))('beside redis-check-rdb', () => {
  test.each([2, 3, 5, 6, 7, 8, 9, 10])('a good file of version %i', (version) => {
    writeFileSync(file, handMadeFile(version).bytes)
    expect(ours()).toEqual(theirs())
  })

  test('expired keys, several databases, remarks', () => {
    const past = [0xfc, 1, 0, 0, 0, 0, 0, 0, 0]
    const remark = Buffer.concat([Buffer.from([0xfa]), rdbString('used-mem'), rdbString('5000')])
    writeFileSync(file, fileOf([remark, pair('a', ...past), Buffer.from([0xfe, 5]), pair('b')]))
    expect(ours()).toEqual(theirs())
  })

  test('no checksum', () => {
    const bytes = Buffer.from(good)
    bytes.fill(0, bytes.length - 8)
    writeFileSync(file, bytes)
    expect(ours()).toEqual(theirs())
  })

  test('a wrong checksum, a wrong signature, a version that nobody has, no bytes at all', () => {
    const bytes = Buffer.from(good)
    bytes[bytes.length - 1] ^= 1
    const files = [bytes, Buffer.from('GARBAGE, no dataset'), fileOf([], 13), Buffer.from('')]
    for (const damaged of files) {
      writeFileSync(file, damaged)
      expect(outline(ours())).toEqual(outline(theirs()))
    }
  })

  test('cut anywhere', () => {
    for (let size = 1; size < good.length - 8; size += 61) {
      writeFileSync(file, good.subarray(0, size))
      const [found, expected] = [ours(), theirs()]
      expect(found.text).toContain('Unexpected EOF reading RDB file: ')
      expect({ size, ...outline(found) }).toEqual({ size, ...outline(expected) })
    }
  })
})

describe.skipIf(oracle === null)('files made by hand', () => {
  test.each([2, 7, 10])('of version %i mean the same to both servers', async (version) => {
    writeFileSync(file, handMadeFile(version).bytes)
    const digests: string[] = []
    for (const start of [startOracle, startRespite]) {
      const server = await start(['--dir', directory])
      const client = await RawClient.open(server.port)
      digests.push((await client.call('DEBUG', 'DIGEST')).toString())
      digests.push((await client.call('PEXPIRETIME', 'int16')).toString())
      client.close()
      await server.stop()
    }
    expect(digests[0]).toMatch(/^\+[\da-f]{40}\r\n$/)
    expect(digests.slice(2)).toEqual(digests.slice(0, 2))
  })
})
