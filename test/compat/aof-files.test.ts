/**
 * Append-only files beside redis-server and redis-check-aof: what it writes is read, manifests are the same text, every
 * prefix of a short file is taken as it takes it, and the checker says what its checker says.
 *
 * AOF_PREFIXES=all tries every byte for an end instead of some.
 *
 * Known differences, on purpose: a file that ends inside a command of a transaction is cut before the MULTI (Redis
 * leaves the MULTI), one that ends inside an annotation is cut before that (Redis leaves half of it), a file that is
 * truncated and not the last stays as it was (Redis has cut it by the time it refuses).
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { loadAppendOnlyFile } from '../../src/engine/replay.ts'
import { checkAof } from '../../src/persistence/aof-check.ts'
import { AofManifest, loadManifest, saveManifest } from '../../src/persistence/aof-manifest.ts'
import { session } from '../commands/session.ts'
import { aof, resp, temporaryDirectory } from '../persistence/aof-files.ts'
import { oracle, startOracle } from './oracle.ts'
import { RawClient } from './raw-client.ts'
import type { ServerProcess } from './server-process.ts'

const NAME = 'appendonly.aof'
const checker = oracle === null ? '' : join(dirname(oracle), 'redis-check-aof')
const home = temporaryDirectory()

/** A new directory with a directory of parts in it. */
function newDirectory(
  files: Readonly<Record<string, Uint8Array | string>> = {},
  parts = 'appendonlydir',
): string {
  const directory = join(home, `d${readdirSync(home).length}`)
  mkdirSync(join(directory, parts), { recursive: true })
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(directory, parts, name), bytes)
  return directory
}

async function startOn(directory: string, ...directives: string[]): Promise<ServerProcess> {
  return startOracle(['--dir', directory, '--appendonly', 'yes', ...directives])
}

async function run(server: ServerProcess, ...lines: string[]): Promise<string> {
  const client = await RawClient.open(server.port)
  let reply = ''
  for (const line of lines) reply = (await client.call(...line.split(' '))).toString('latin1')
  client.close()
  return reply
}

/** Loads the parts here: why that is refused, or '', and the digest of the dataset. */
async function loadHere(
  directory: string,
  appenddirname = 'appendonlydir',
  appendfilename = NAME,
): Promise<{ error: string; digest: string }> {
  const s = session({
    config: { dir: directory, appenddirname, appendfilename, 'enable-debug-command': 'yes' },
  })
  let error = ''
  try {
    s.engine.aof.directory.settleUpgrading()
    await loadAppendOnlyFile(s.engine)
  } catch (thrown) {
    expect((thrown as Error).constructor).toBe(Error)
    error = (thrown as Error).message
  }
  return { error, digest: s.run('DEBUG DIGEST') }
}

describe.skipIf(oracle === null)('compat: append-only files of redis-server', () => {
  const traffic = [
    'SET a 1',
    'APPEND a 2',
    'SET gone 1 PX 1',
    'SET late 1 EX 100000',
    'SELECT 3',
    'RPUSH l a b c d e',
    'MULTI',
    'LPOP l',
    'INCR n',
    'SELECT 15',
    'INCRBYFLOAT f 3.25',
    'EXEC',
    'LMOVE l l LEFT RIGHT',
    'COPY f g DB 2',
    'SELECT 0',
    'RENAME a b',
  ]

  test.each([
    ['with an RDB base', []],
    ['of commands', ['--aof-use-rdb-preamble', 'no']],
    ['with timestamps', ['--aof-timestamp-enabled', 'yes']],
    ['with names to be quoted', ['--appendfilename', 'my "aof" é', '--appenddirname', 'a b']],
  ])('%s', async (_, directives) => {
    const [name, parts] =
      directives[0] === '--appendfilename' ? [directives[1], directives[3]] : [NAME, undefined]
    const directory = newDirectory({}, parts)
    const server = await startOn(directory, ...directives)
    await run(server, ...traffic)
    await run(server, 'BGREWRITEAOF')
    for (let i = 0; i < 500; i++) {
      if (/aof_rewrite_in_progress:0/.test(await run(server, 'INFO persistence'))) break
      await sleep(10)
    }
    await run(server, ...traffic)
    const digest = await run(server, 'DEBUG DIGEST')
    await server.stop()
    const where = join(directory, parts ?? 'appendonlydir')
    const text = readFileSync(join(where, `${name}.manifest`), 'latin1')
    expect(loadManifest(where, name).text()).toBe(text)
    const loaded = await loadHere(directory, parts, name)
    expect(loaded.error).toBe('')
    expect(loaded.digest).toBe(digest)
    if (!existsSync(checker)) return
    expect(await checked(join(where, `${name}.manifest`))).toBe(theirVerdict(join(where, `${name}.manifest`)))
  })

  test('each file begins in database 0', async () => {
    const directory = newDirectory({
      [`${NAME}.manifest`]: 'file a seq 1 type b\nfile b seq 1 type i\nfile c seq 2 type i\n',
      a: aof('SELECT 3', 'SET a 1'),
      b: aof('SET b 1', 'MULTI', 'SELECT 4', 'SET c 1', 'EXEC', 'SET d 1'),
      c: aof('SET e 1'),
    })
    const ours = await loadHere(directory)
    const server = await startOn(directory)
    expect(ours.digest).toBe(await run(server, 'DEBUG DIGEST'))
    await server.stop()
  })

  test('our manifest and files are loaded there, whatever they are called', async () => {
    const names = ['plain.aof', 'with blank', 'quo"te', 'é', 'tab\t']
    for (const name of names) {
      const directory = newDirectory()
      const where = join(directory, 'appendonlydir')
      let manifest = AofManifest.empty
      manifest = manifest.withBase(manifest.nextBase(name, false), 0)
      manifest = manifest.withIncrement(manifest.nextIncrement(name))
      manifest = manifest.withIncrement(manifest.nextIncrement(name))
      writeFileSync(join(where, manifest.files[0].name), aof('SET a 1'))
      writeFileSync(join(where, manifest.files[1].name), resp('SET', 'b', 'with\r\nbreaks\0'))
      writeFileSync(join(where, manifest.files[2].name), aof('#TS:12', 'MULTI', 'SET c 3', 'EXEC'))
      saveManifest(where, name, manifest)
      const server = await startOn(directory, '--appendfilename', name)
      expect(await run(server, 'DBSIZE')).toBe(':3\r\n')
      await server.stop()
    }
  })
})

describe.skipIf(oracle === null)('compat: a short append-only file that ends at any byte', () => {
  const bytes = aof('SET a 1', 'MULTI', 'RPUSH l x', 'EXEC', 'SET b 22', '#TS:1')
  const beforeMulti = aof('SET a 1').length
  const behindMulti = aof('SET a 1', 'MULTI').length
  const beforeExec = aof('SET a 1', 'MULTI', 'RPUSH l x').length
  const behindExec = aof('SET a 1', 'MULTI', 'RPUSH l x', 'EXEC').length
  const beforeAnnotation = bytes.length - '#TS:1\r\n'.length
  const borders = [beforeMulti, behindMulti, beforeExec, behindExec, beforeAnnotation, bytes.length]
  const step = process.env.AOF_PREFIXES === 'all' ? 1 : 7
  const sizes = Array.from(bytes, (_, i) => i + 1).filter(
    (size) => size % step === 0 || borders.some((border) => Math.abs(size - border) <= 1),
  )
  const manifest = new AofManifest({ name: 'base', seq: 1 }, [], []).text()

  async function compareAt(size: number): Promise<void> {
    const files = { [`${NAME}.manifest`]: manifest, base: bytes.subarray(0, size) }
    const [theirs, ours] = [newDirectory(files), newDirectory(files)]
    const server = await startOn(theirs)
    const digest = await run(server, 'DEBUG DIGEST')
    await server.stop()
    const loaded = await loadHere(ours)
    expect(loaded.error).toBe('')
    expect(loaded.digest, `digest at ${size}`).toBe(digest)
    const theirSize = readFileSync(join(theirs, 'appendonlydir', 'base')).length
    const ourSize = readFileSync(join(ours, 'appendonlydir', 'base')).length
    let expected = ourSize
    if (size >= behindMulti && size < behindExec) {
      expect(ourSize).toBe(beforeMulti)
      if (size > behindMulti && size !== beforeExec) expected = size < beforeExec ? behindMulti : beforeExec
    } else if (size > beforeAnnotation && size < bytes.length) {
      expect(ourSize).toBe(beforeAnnotation)
      expected = size
    }
    expect(`${size}: ${theirSize}`).toBe(`${size}: ${expected}`)
    rmSync(theirs, { recursive: true })
    mkdirSync(theirs)
  }

  test('gives the same dataset and, but for what is said above, the same file', {
    timeout: 240_000,
  }, async () => {
    const queue = [...sizes]
    const worker = async (): Promise<void> => {
      for (let size = queue.pop(); size !== undefined; size = queue.pop()) await compareAt(size)
    }
    await Promise.all([worker(), worker(), worker()])
  })

  test('is refused where that is not allowed', () => {
    for (const size of [1, 20, 40, behindMulti, beforeExec + 3, beforeAnnotation - 1]) {
      const files = { [`${NAME}.manifest`]: manifest, base: bytes.subarray(0, size) }
      const theirs = newDirectory(files)
      expect(refusal(theirs, '--aof-load-truncated', 'no')).toMatch(
        /Unexpected end of file reading the append only/,
      )
    }
  })
})

/** Why redis-server does not start on these files; what it says. */
function refusal(directory: string, ...directives: string[]): string {
  const port = `${20_000 + (process.pid % 10_000)}`
  const words = [
    '--port',
    port,
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--appendonly',
    'yes',
    '--save',
    '',
  ]
  const { stdout, status } = spawnSync(oracle ?? '', [...words, ...directives], {
    timeout: 10_000,
    encoding: 'latin1',
  })
  expect(status).toBe(1)
  return stdout
}

describe.skipIf(oracle === null)('compat: refused by both', () => {
  test.each<[string, Record<string, Uint8Array | string>, RegExp]>([
    [
      'a file that is not there',
      { [`${NAME}.manifest`]: 'file a seq 1 type b\n' },
      /Unable to obtain the AOF file a length\. stat: No such/,
    ],
    ['an empty manifest', { [`${NAME}.manifest`]: '' }, /Found an empty AOF manifest/],
    ['a broken manifest', { [`${NAME}.manifest`]: 'file a seq 1 type x\n' }, /Unknown AOF file type/],
    [
      'a long line',
      { [`${NAME}.manifest`]: `file a seq 1 type b ${'x'.repeat(1024)}\n` },
      /contains too long line/,
    ],
    [
      'junk',
      { [`${NAME}.manifest`]: 'file a seq 1 type i\n', a: 'xyz' },
      /Bad file format reading the append only file a: make a backup/,
    ],
    [
      'junk behind a command',
      { [`${NAME}.manifest`]: 'file a seq 1 type i\n', a: `${aof('SET a 1').toString()}*1\r\n:1\r\n` },
      /Bad file format reading/,
    ],
    [
      'a command that nobody knows',
      { [`${NAME}.manifest`]: 'file a seq 1 type i\n', a: aof('NONESUCH 1') },
      /Unknown command 'NONESUCH' reading the append only file a/,
    ],
    [
      'a truncated file that is not the last',
      { [`${NAME}.manifest`]: 'file a seq 1 type b\nfile b seq 1 type i\n', a: '*1\r\n', b: aof('SET a 1') },
      /Fatal error: the truncated file is not the last file/,
    ],
    [
      'a broken RDB base',
      { [`${NAME}.manifest`]: 'file a seq 1 type b\n', a: 'REDIS0099\xfa' },
      /Error reading the RDB base file a, AOF loading aborted/,
    ],
  ])('%s', async (_, files, reason) => {
    expect(refusal(newDirectory(files))).toMatch(reason)
    const ours = newDirectory(files)
    expect((await loadHere(ours)).error).toMatch(reason)
    for (const [name, bytes] of Object.entries(files)) {
      expect(readFileSync(join(ours, 'appendonlydir', name))).toEqual(Buffer.from(bytes as string))
    }
  })
})

/** What our checker says, and the exit code. */
async function checked(
  path: string,
  options: { fix?: boolean; timestamp?: number; yes?: boolean } = {},
): Promise<string> {
  let text = ''
  const code = await checkAof(path, {
    fix: options.fix ?? false,
    timestamp: options.timestamp ?? 0,
    print: (part) => {
      text += part
    },
    confirm: () => Promise.resolve(options.yes ?? false),
  })
  return withoutDetails(`${text}code ${code}`)
}

/** The same of redis-check-aof. */
function theirVerdict(
  path: string,
  options: { fix?: boolean; timestamp?: number; yes?: boolean } = {},
): string {
  const words = options.fix ? ['--fix'] : []
  if (options.timestamp) words.push('--truncate-to-timestamp', `${options.timestamp}`)
  const input = options.yes ? 'y\n' : 'n\n'
  const { stdout, stderr, status } = spawnSync(checker, [...words, path], {
    input,
    encoding: 'utf8',
    timeout: 10_000,
  })
  return withoutDetails(`${stdout}${stderr}code ${status}`)
}

/**
 * Without the directory, without what is told of the RDB part while it is read, and without the byte behind the end of a
 * line that is cut short: theirs shows what was in its buffer before.
 */
function withoutDetails(text: string): string {
  return text
    .replaceAll(/got: 00..$/gm, 'got: 00')
    .replaceAll(/\/\S*\/(?=[^/\s]+)/g, '')
    .replaceAll(/^\[(?:offset|info|additional info).*\n/gm, '')
}

describe.skipIf(!existsSync(checker))('compat: check-aof', () => {
  const files: Record<string, Uint8Array | string> = {
    good: aof('SET a 1', 'MULTI', 'SET b 1', 'EXEC', '#TS:5'),
    empty: '',
    short: Buffer.concat([aof('PING'), aof('SET a 1').subarray(0, 20)]),
    header: `${aof('PING').toString()}*2\r\n$3`,
    count: `${aof('PING').toString()}*2`,
    body: aof('PING', 'SET a 12345').subarray(0, -4),
    junk: `${aof('PING').toString()}xyz`,
    dollar: `${aof('PING').toString()}*1\r\n:4\r\nPING\r\n`,
    ending: '*1\r\n$4\r\nPINGxy*1\r\n$4\r\nPING\r\n',
    multi: aof('PING', 'MULTI', 'PING'),
    nested: aof('PING', 'MULTI', 'PING', 'multi'),
    half: aof('PING', 'MULTI', 'PING').subarray(0, -3),
    exec: aof('PING', 'EXEC', 'PING'),
    stamped: aof('#TS:100', 'PING', '#TS:200', 'PING'),
    'm1.manifest': 'file good seq 1 type b\nfile short seq 1 type i\n',
    'm2.manifest': 'file short seq 1 type b\nfile good seq 1 type i\n',
    'm3.manifest': '# parts\nfile good seq 1 type b\nfile empty seq 1 type i\nfile stamped seq 2 type i\n',
    'm4.manifest': 'file good seq 1 type i\nfile none seq 2 type i\n',
    'm5.manifest': 'file none seq 1 type b\n',
  }
  const names = [...Object.keys(files), 'none']
  const [theirs, ours] = ['theirs', 'ours'].map((name) => join(home, `check-${name}`))

  test.each([
    ['', {}],
    ['fix, no', { fix: true }],
    ['fix, yes', { fix: true, yes: true }],
    ['to a moment', { timestamp: 150 }],
    ['to a moment before all', { timestamp: 50 }],
    ['to a moment after all', { timestamp: 500 }],
  ])('says the same, ends the same, leaves the same: %s', async (_, options) => {
    for (const name of names) {
      for (const directory of [theirs, ours]) {
        rmSync(directory, { recursive: true, force: true })
        mkdirSync(directory)
        for (const [file, bytes] of Object.entries(files)) writeFileSync(join(directory, file), bytes)
      }
      const expected = theirVerdict(join(theirs, name), options)
      expect(await checked(join(ours, name), options), name).toBe(expected)
      for (const file of Object.keys(files)) {
        expect(readFileSync(join(ours, file)), `${file} after ${name}`).toEqual(
          readFileSync(join(theirs, file)),
        )
      }
    }
  })

  test('of a file with an RDB part', async () => {
    const s = session({ config: { dir: home } })
    s.run('SET a 1')
    s.run('SAVE')
    const rdb = readFileSync(join(home, 'dump.rdb'))
    rmSync(join(home, 'dump.rdb'))
    rmSync(theirs, { recursive: true, force: true })
    mkdirSync(theirs)
    const path = join(theirs, 'a')
    for (const tail of [aof(), aof('PING'), aof('PING').subarray(0, -1)]) {
      writeFileSync(path, Buffer.concat([rdb, tail]))
      cpSync(path, join(theirs, 'b'))
      expect(await checked(path)).toBe(theirVerdict(path))
      expect(await checked(path, { fix: true, yes: true })).toBe(
        theirVerdict(join(theirs, 'b'), { fix: true, yes: true }).replaceAll(/\bb\b/g, 'a'),
      )
      expect(readFileSync(path)).toEqual(readFileSync(join(theirs, 'b')))
    }
  })
})
