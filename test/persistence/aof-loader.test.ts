/** Loading append-only files: every way in which one can end, transactions, several files, RDB bases, old files. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AofManifest, loadManifest, saveManifest } from '../../src/persistence/aof-manifest.ts'
import { upgradeSingleFile } from '../../src/persistence/aof-upgrade.ts'
import { LoadStopped } from '../../src/persistence/load-progress.ts'
import { silentLog } from '../../src/platform/log.ts'
import { session } from '../commands/session.ts'
import { aof, load, loadFiles, resp, temporaryDirectory } from './aof-files.ts'

const home = temporaryDirectory()
const directory = join(home, 'files')

const words = (...lines: string[]): string[][] => lines.map((line) => line.split(' '))

describe('one file', () => {
  test('commands in order, annotations left out', async () => {
    const run = await loadFiles(directory, { i: aof('SELECT 0', '#TS:1', 'SET a 1', 'SET b 2') })
    expect(run.commands).toEqual(words('SELECT 0', 'SET a 1', 'SET b 2'))
    expect(run.loaded).toEqual({ baseSize: 0, size: 84, cut: 0, keys: 0 })
    expect(run.log).toMatch(
      /^\* DB loaded from incr file i: [\d.]+ seconds\n\* DB loaded from append only file: [\d.]+ seconds\n$/,
    )
  })

  test('a transaction without its MULTI and EXEC; a file larger than what is read at once', async () => {
    const value = 'v'.repeat(10_000)
    const many = Array.from({ length: 100 }, (_, i) => `SET k${i} ${value}`)
    const run = await loadFiles(directory, { i: aof('SET a 1', 'multi', ...many, 'exec', 'SET b 2') })
    expect(run.commands).toEqual(words('SET a 1', ...many, 'SET b 2'))
    expect(run.loaded?.cut).toBe(0)
  })

  test('a transaction within one and an end without a beginning are left out, as in Redis', async () => {
    const run = await loadFiles(directory, { i: aof('EXEC', 'MULTI', 'SET a 1', 'MULTI', 'SET b 2', 'EXEC') })
    expect(run.error).toBe('')
    expect(run.commands).toEqual(words('SET a 1', 'SET b 2'))
    expect(run.log).toContain('# EXEC without MULTI: left out at offset 0 of the append only file i\n')
    expect(run.log).toContain(
      '# MULTI calls can not be nested, the first is at offset 14: left out at offset 56 of',
    )
  })

  test('a command that nobody knows', async () => {
    const run = await loadFiles(directory, { i: aof('SET a 1', 'NONE 1', 'SET b 1') })
    expect(run.error).toBe("Unknown command 'none' reading the append only file i at offset 27")
    expect(run.commands).toEqual(words('SET a 1', 'NONE 1'))
  })

  test('damage stops the load and leaves the file', async () => {
    const bytes = Buffer.concat([aof('SET a 1'), Buffer.from('*1\r\n!4\r\nPING\r\n'), aof('SET b 2')])
    const run = await loadFiles(directory, { i: bytes })
    expect(run.error).toBe(
      'Bad file format reading the append only file i: make a backup of your AOF file, then use respite check-aof ' +
        "--fix <filename.manifest> (at offset 31: Expected prefix '$', got: '!')",
    )
    expect(run.file('i')).toBe(bytes.toString('latin1'))
  })

  test('damage inside a transaction runs nothing of it', async () => {
    const bytes = Buffer.concat([aof('MULTI', 'SET a 1'), Buffer.from('junk'), aof('EXEC')])
    const run = await loadFiles(directory, { i: bytes })
    expect(run.error).toContain('Bad file format')
    expect(run.commands).toEqual([])
  })
})

describe('a file that ends too early', () => {
  const lines = ['SELECT 0', 'SET a 1', '#TS:1700000000', 'MULTI', 'SET b 22', 'RPUSH l x', 'EXEC', 'SET c 3']
  const bytes = aof(...lines)
  /** Positions at which it may end, each with the number of commands run by then. */
  const all = lines.filter((line) => !/^(?:#|MULTI|EXEC)/.test(line))
  const borders = new Map<number, number>([
    [0, 0],
    ...[1, 2, 3, 7, 8].map((count): [number, number] => {
      const before = lines.slice(0, count)
      return [aof(...before).length, before.filter((line) => all.includes(line)).length]
    }),
  ])

  test('at any byte: it is cut to its last whole command or transaction', async () => {
    let whole = 0
    for (let size = 1; size <= bytes.length; size++) {
      if (borders.has(size)) whole = size
      const run = await loadFiles(directory, { b: bytes.subarray(0, size) })
      expect(run.error).toBe('')
      expect(run.commands).toEqual(words(...all.slice(0, borders.get(whole))))
      expect(run.loaded).toEqual({ baseSize: whole, size: whole, cut: size - whole, keys: 0 })
      expect(run.file('b')).toBe(bytes.toString('latin1', 0, whole))
      if (whole === size) expect(run.log).not.toContain('!!!')
      else {
        expect(run.log).toContain(
          '# !!! Warning: short read while loading the AOF file b!!!\n' +
            `# !!! Truncating the AOF b at offset ${whole} !!! ${size - whole} of ${size} bytes are cut off\n` +
            '# AOF b loaded anyway because aof-load-truncated is enabled\n',
        )
      }
    }
  })

  test('is refused and left as it is where cutting is not allowed', async () => {
    for (let size = 1; size < bytes.length; size++) {
      if (borders.has(size)) continue
      const run = await loadFiles(directory, { b: bytes.subarray(0, size) }, { loadTruncated: false })
      expect(run.error).toMatch(
        /^Unexpected end of file reading the append only file b\. You can: 1\) .*\(at offset \d+: /,
      )
      expect(run.file('b')).toHaveLength(size)
    }
  })

  test('says where, inside a command and between the commands of a transaction', async () => {
    const inside = await loadFiles(directory, { i: bytes.subarray(0, 30) }, { loadTruncated: false })
    expect(inside.error).toContain('(at offset 27: Expected \\r\\n, got: 0d00)')
    const between = await loadFiles(directory, { i: aof('PING', 'MULTI', 'PING') }, { loadTruncated: false })
    expect(between.error).toContain('(at offset 43: Expected EXEC, got the end of the file)')
    const cut = await loadFiles(directory, { i: aof('PING', 'MULTI', 'PING') })
    expect(cut.log).toContain('# Revert incomplete MULTI/EXEC transaction in AOF file i\n')
  })

  test('that is not the last is refused and left as it is', async () => {
    const run = await loadFiles(directory, { b: bytes.subarray(0, 30), i: aof('SET d 4') })
    expect(run.error).toBe(
      'Fatal error: the truncated file is not the last file: b (at offset 27: Expected \\r\\n, got: 0d00)',
    )
    expect(run.file('b')).toHaveLength(30)
  })

  test('a length that no file has is damage or an end, and makes no room', async () => {
    const claim = await loadFiles(directory, { i: Buffer.from('*2147483647\r\n$2000000000\r\nx') })
    expect(claim.loaded).toMatchObject({ size: 0 })
    const more = await loadFiles(directory, { i: Buffer.from('*1\r\n$20000000000\r\nx') })
    expect(more.error).toContain('Bad file format')
  })
})

describe('several files', () => {
  test('base and increments, empty ones among them', async () => {
    const run = await loadFiles(directory, { b: aof('SET a 1'), i1: aof(), i2: aof('SET b 2'), i3: aof() })
    expect(run.commands).toEqual(words('SET a 1', 'SET b 2'))
    expect(run.loaded).toEqual({ baseSize: 27, size: 54, cut: 0, keys: 0 })
    expect(run.log.match(/DB loaded from [^:]*/g)).toEqual([
      'DB loaded from base file b',
      'DB loaded from incr file i2',
      'DB loaded from append only file',
    ])
  })

  test('none, only empty ones, one that is not there', async () => {
    expect((await load({ directory, manifest: AofManifest.empty })).loaded).toBeNull()
    const empty = await loadFiles(directory, { b: aof(), i: aof() })
    expect(empty.loaded).toEqual({ baseSize: 0, size: 0, cut: 0, keys: 0 })
    const manifest = new AofManifest({ name: 'b', seq: 1 }, [{ name: 'gone', seq: 1 }], [])
    const gone = await load({ directory, manifest })
    expect(gone.error).toBe('Unable to obtain the AOF file gone length. stat: No such file or directory')
    const folder = await load({ directory, manifest: new AofManifest({ name: '.', seq: 1 }, [], []) })
    expect(folder.error).toBe('Unrecoverable error reading the append only file .: Is a directory')
  })

  test('a transaction does not go on in the next file', async () => {
    const run = await loadFiles(directory, { b: aof('MULTI', 'SET a 1'), i: aof('EXEC') })
    expect(run.error).toContain('the truncated file is not the last file: b')
  })
})

describe('an RDB base', () => {
  const donor = session({ config: { dir: home } })
  donor.run('SET a 1')
  donor.run('RPUSH l x y')
  donor.run('SET late 1 PX 1')
  donor.run('SAVE')
  const rdb = readFileSync(join(home, 'dump.rdb'))

  test('and increments; keys past their deadline are kept for the commands that follow', async () => {
    const { engine, clock } = session()
    clock.advance(1000)
    const run = await loadFiles(directory, { b: rdb, i: aof('SET c 3') }, { keyspace: engine.keyspace })
    expect(run.error).toBe('')
    expect(run.loaded).toEqual({ baseSize: rdb.length, size: rdb.length + 27, cut: 0, keys: 3 })
    expect(run.commands).toEqual(words('SET c 3'))
    expect(engine.keyspace.databases[0].index.count).toBe(3)
    expect(run.log).toContain('* Reading RDB base file on AOF loading...\n')
  })

  test('with commands behind it in the same file, whose tail may be cut', async () => {
    const tail = aof('SET c 3')
    for (let size = 0; size <= tail.length; size++) {
      const run = await loadFiles(directory, { 'b.aof': Buffer.concat([rdb, tail.subarray(0, size)]) })
      expect(run.commands).toEqual(size === tail.length ? words('SET c 3') : [])
      expect(run.loaded?.size).toBe(size === tail.length ? rdb.length + size : rdb.length)
    }
  })

  test('that is cut short or damaged is refused and left as it is', async () => {
    const short = await loadFiles(directory, { b: rdb.subarray(0, -9) })
    expect(short.error).toMatch(/^Error reading the RDB base file b, AOF loading aborted: ./)
    expect(short.file('b')).toHaveLength(rdb.length - 9)
    const bytes = Buffer.from(rdb)
    bytes[20] ^= 1
    const damaged = await loadFiles(directory, { b: bytes })
    expect(damaged.error).toContain('AOF loading aborted: ')
    rmSync(directory, { recursive: true })
    mkdirSync(directory)
    writeFileSync(join(directory, 'old.aof'), rdb.subarray(0, -9))
    const old = await load({ directory, manifest: new AofManifest({ name: 'old.aof', seq: 1 }, [], []) })
    expect(old.error).toMatch(
      /^Error reading the RDB preamble of the AOF file old\.aof, AOF loading aborted: ./,
    )
  })

  test('gives the same dataset as the commands it stands for', async () => {
    const target = session()
    const apply = (args: Parameters<typeof target.engine.dispatcher.dispatch>[1]): null => {
      target.engine.dispatcher.dispatch(target.client, args)
      target.client.reply.release()
      return null
    }
    const tail = aof(
      'SELECT 0',
      'MULTI',
      'LPUSH l w',
      'APPEND a 2',
      'EXEC',
      'SELECT 3',
      'SET z 1',
      'UNLINK late',
    )
    const options = { keyspace: target.engine.keyspace, apply }
    const run = await loadFiles(directory, { b: rdb, i: tail }, options)
    expect(run.error).toBe('')
    for (const line of ['LPUSH l w', 'APPEND a 2', 'DEL late', 'SELECT 3', 'SET z 1', 'SELECT 0'])
      donor.run(line)
    target.run('SELECT 0')
    expect(target.run('DEBUG DIGEST')).toBe(donor.run('DEBUG DIGEST'))
    expect(target.run('LRANGE l 0 -1')).toBe(donor.run('LRANGE l 0 -1'))
  })
})

describe('the loop', () => {
  test('turns every so many commands, also inside a transaction', async () => {
    const many = Array.from({ length: 5000 }, (_, i) => `SET k${i} 1`)
    let turns = 0
    let running = true
    const turn = (): void => {
      turns++
      if (running) setImmediate(turn)
    }
    setImmediate(turn)
    const run = await loadFiles(directory, { i: aof('MULTI', ...many, 'EXEC') })
    running = false
    expect(run.commands).toHaveLength(5000)
    // Once around while the transaction is looked at, once while it runs.
    expect(turns).toBeGreaterThanOrEqual(9)
  })

  test('a load that is stopped ends so', async () => {
    const many = Array.from({ length: 5000 }, (_, i) => `SET k${i} 1`)
    const bytes = aof(...many)
    await expect(
      loadFiles(directory, { i: bytes }, { progress: (progress) => progress.stop() }),
    ).rejects.toThrow(LoadStopped)
    expect(readFileSync(join(directory, 'i'))).toEqual(bytes)
  })

  test('progress reaches the total', async () => {
    let progress: { loaded: number; total: number } = { loaded: 0, total: 0 }
    const files = { b: aof('SET a 1'), i1: aof(), i2: resp('SET', 'b', 'x'.repeat(1e6)) }
    await loadFiles(directory, files, {
      progress: (made) => {
        progress = made
      },
    })
    expect(progress.loaded).toBe(progress.total)
    expect(progress.total).toBe(files.b.length + files.i2.length)
  })
})

describe('an old single file', () => {
  const NAME = 'appendonly.aof'
  const parts = join(home, 'parts')
  const old = join(home, NAME)
  const reset = (): void => {
    rmSync(parts, { recursive: true, force: true })
    rmSync(old, { force: true })
  }
  const upgrade = (): AofManifest => upgradeSingleFile(parts, NAME, loadManifest(parts, NAME), silentLog())

  test('becomes the base', () => {
    reset()
    expect(upgrade()).toBe(AofManifest.empty)
    expect(existsSync(parts)).toBe(false)
    writeFileSync(old, 'x')
    const manifest = upgrade()
    expect(manifest.text()).toBe('file appendonly.aof seq 1 type b\n')
    expect(loadManifest(parts, NAME)).toEqual(manifest)
    expect(readdirSync(parts).sort()).toEqual([NAME, `${NAME}.manifest`])
    expect(existsSync(old)).toBe(false)
    expect(manifest.nextIncrement(NAME)).toEqual({ name: 'appendonly.aof.1.incr.aof', seq: 1 })
    expect(manifest.nextBase(NAME, true)).toEqual({ name: 'appendonly.aof.2.base.rdb', seq: 2 })
    // The next start finds nothing to do.
    expect(upgrade()).toEqual(manifest)
  })

  test('a crash in between is made up for', () => {
    reset()
    writeFileSync(old, 'x')
    mkdirSync(parts)
    expect(upgrade().files).toHaveLength(1)
    rmSync(join(parts, NAME))
    writeFileSync(old, 'y')
    expect(loadManifest(parts, NAME).files).toHaveLength(1)
    expect(upgrade().files).toHaveLength(1)
    expect(readFileSync(join(parts, NAME), 'latin1')).toBe('y')
  })

  test('the manifest is there before the file is moved', () => {
    reset()
    writeFileSync(old, 'x')
    // Nothing can be moved there.
    mkdirSync(join(parts, NAME, 'in the way'), { recursive: true })
    expect(upgrade).toThrow(`Error trying to move the old AOF file ${old} into dir ${parts}: `)
    expect(loadManifest(parts, NAME).base?.name).toBe(NAME)
    expect(readFileSync(old, 'latin1')).toBe('x')
    rmSync(join(parts, NAME), { recursive: true })
    upgrade()
    expect(readFileSync(join(parts, NAME), 'latin1')).toBe('x')
  })

  test('beside files that a manifest names is nothing to us', () => {
    reset()
    writeFileSync(old, 'x')
    mkdirSync(parts)
    const named = new AofManifest(null, [{ name: 'a', seq: 1 }], [])
    saveManifest(parts, NAME, named)
    expect(upgrade()).toEqual(named)
    expect(existsSync(old)).toBe(true)
  })

  test('that cannot be moved stops it', () => {
    reset()
    writeFileSync(old, 'x')
    writeFileSync(parts, 'a file')
    expect(upgrade).toThrow(`Can't open or create append-only dir ${parts}: File already exists`)
    expect(existsSync(old)).toBe(true)
  })
})
