/** BGSAVE and save points: what clients are told, what is on disk afterwards, and what happens when the disk fails. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { EPOCH_MAX } from '../../src/keyspace/entry.ts'
import { RdbEncoder } from '../../src/persistence/rdb-encoder.ts'
import type { Snapshot } from '../../src/persistence/snapshot.ts'
import { SnapshotFile } from '../../src/persistence/snapshot-file.ts'
import { newBlock } from '../../src/structures/block.ts'
import { type Session, session } from '../commands/session.ts'

const directories: string[] = []
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

interface Server {
  readonly s: Session
  readonly directory: string
  readonly file: string
}

function server(config: Record<string, string> = {}): Server {
  const directory = mkdtempSync(join(tmpdir(), 'bgsave-'))
  directories.push(directory)
  const s = session({
    config: { dir: directory, save: '', 'enable-debug-command': 'yes', ...config },
  })
  return { s, directory, file: join(directory, 'dump.rdb') }
}

/** Lets the loop turn until the condition holds. */
async function until(s: Session, condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i === 10_000) throw new Error('it never came')
    s.timers.run()
    await (i < 100 ? turn() : sleep(1))
  }
}

async function saved(s: Session): Promise<void> {
  await until(s, () => s.engine.snapshots.current === null)
}

function reloaded(directory: string): Session {
  const s = session({ config: { dir: directory, 'enable-debug-command': 'yes' } })
  s.engine.dataset.loadAtOnce()
  return s
}

function field(s: Session, name: string): string {
  return new RegExp(`\n${name}:([^\r]*)`).exec(s.run('INFO persistence'))?.[1] ?? 'none'
}

function temporary(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.startsWith('temp-'))
}

const MISCONF = /^-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist/

describe('BGSAVE', () => {
  test('saves what there was when it was called', async () => {
    const { s, directory } = server()
    for (let i = 0; i < 500; i++) s.call('SET', `k${i}`, `v${i}`)
    s.run('RPUSH l a b c')
    s.clock.advance(7000)
    expect(s.run('BGSAVE')).toBe('+Background saving started\r\n')
    expect(field(s, 'rdb_bgsave_in_progress')).toBe('1')
    expect(field(s, 'current_save_keys_total')).toBe('501')
    for (let i = 0; i < 500; i += 3) s.call('SET', `k${i}`, 'later')
    s.run('LPUSH l later')
    s.run('SET new later')
    expect(field(s, 'rdb_changes_since_last_save')).toBe('672')
    await saved(s)
    expect(field(s, 'rdb_bgsave_in_progress')).toBe('0')
    expect(field(s, 'rdb_changes_since_last_save')).toBe('169')
    expect(field(s, 'rdb_last_bgsave_status')).toBe('ok')
    expect(field(s, 'rdb_last_bgsave_time_sec')).toBe('0')
    expect(field(s, 'rdb_saves')).toBe('1')
    expect(Number(field(s, 'rdb_last_cow_size'))).toBeGreaterThan(500)
    expect(s.run('LASTSAVE')).toBe(`:${Math.floor(s.clock.now / 1000)}\r\n`)
    expect(readdirSync(directory)).toEqual(['dump.rdb'])
    const found = reloaded(directory)
    expect(found.run('DBSIZE')).toBe(':501\r\n')
    expect(found.run('GET k3')).toBe('$2\r\nv3\r\n')
    expect(found.run('LLEN l')).toBe(':3\r\n')
  })

  test('its slices that take long are spikes of LATENCY', async () => {
    const { s } = server({ 'latency-monitor-threshold': '10' })
    s.run('SET a 1')
    s.run('BGSAVE')
    const { snapshot } = s.engine.snapshots.current as unknown as { snapshot: Snapshot }
    const run = snapshot.run.bind(snapshot)
    snapshot.run = (...given) => {
      s.clock.advance(17)
      run(...given)
    }
    await saved(s)
    expect(s.run('LATENCY LATEST')).toContain('snapshot-slice')
    expect(s.engine.keyspace.latency.series.get('snapshot-slice')?.max).toBe(17)
  })

  test('one at a time', async () => {
    const { s } = server()
    s.run('SET a 1')
    s.run('BGSAVE')
    const inProgress = '-ERR Background save already in progress\r\n'
    for (const command of ['BGSAVE', 'BGSAVE SCHEDULE', 'SAVE']) expect(s.run(command)).toBe(inProgress)
    await saved(s)
    expect(s.run('SAVE')).toBe('+OK\r\n')
    expect(s.run('BGSAVE NOW')).toBe('-ERR syntax error\r\n')
    expect(s.run('BGSAVE SCHEDULE x')).toMatch(/^-ERR /)
  })

  test('waits for another snapshot only when it is told to', async () => {
    const { s, directory, file } = server()
    s.run('SET a 1')
    let done = 0
    s.engine.snapshots.start({
      purpose: 'aof',
      temporary: join(directory, 'temp-base'),
      path: null,
      incrementalSync: true,
      onDone: (error) => {
        expect(error).toBe(null)
        done++
      },
    })
    expect(s.run('BGSAVE')).toMatch(
      /^-ERR Another child process is active \(AOF\?\): can't BGSAVE right now\./,
    )
    expect(s.run('BGSAVE SCHEDULE')).toBe('+Background saving scheduled\r\n')
    s.engine.backgroundSave.cron()
    await saved(s)
    expect(done).toBe(1)
    expect(readFileSync(join(directory, 'temp-base')).includes('aof-base\xc0\x01', 0, 'latin1')).toBe(true)
    expect(existsSync(file)).toBe(false)
    s.engine.backgroundSave.cron()
    expect(s.engine.backgroundSave.isRunning).toBe(true)
    await saved(s)
    expect(existsSync(file)).toBe(true)
    s.engine.backgroundSave.cron()
    expect(s.engine.backgroundSave.isRunning).toBe(false)
  })

  test('rdb-key-save-delay holds it up between keys, and nobody else', async () => {
    const { s } = server({ 'rdb-key-save-delay': '500000' })
    for (let i = 0; i < 5; i++) s.call('SET', `k${i}`, 'v')
    s.run('BGSAVE')
    for (let key = 1; key <= 5; key++) {
      s.timers.run()
      expect(field(s, 'current_save_keys_processed')).toBe(`${key}`)
      expect(field(s, 'current_fork_perc')).toBe(`${key * 20}.00`)
      s.timers.advance(key === 5 ? 500 : 499)
      if (key < 5) s.timers.advance(1)
    }
    await saved(s)
    expect(field(s, 'rdb_last_bgsave_time_sec')).toBe('2')
    expect(field(s, 'current_save_keys_processed')).toBe('0')
  })

  test('inside a transaction begins after it', async () => {
    const { s, directory } = server()
    for (const line of ['MULTI', 'SET a 1', 'BGSAVE', 'SET b 1']) s.run(line)
    expect(s.run('EXEC')).toContain('+Background saving scheduled\r\n')
    s.engine.backgroundSave.cron()
    await saved(s)
    expect(reloaded(directory).run('EXISTS a b')).toBe(':2\r\n')
  })

  test('FLUSHALL ends it, and an empty file follows where there are save points; FLUSHDB does not', async () => {
    const { s, file, directory } = server()
    s.run('SET a 1')
    s.run('BGSAVE')
    s.run('FLUSHDB')
    expect(s.engine.backgroundSave.isRunning).toBe(true)
    await saved(s)
    expect(reloaded(directory).run('DBSIZE')).toBe(':1\r\n')
    rmSync(file)
    s.run('SET b 1')
    s.run('BGSAVE')
    s.run('FLUSHALL')
    expect(s.engine.backgroundSave.isRunning).toBe(false)
    await until(s, () => temporary(directory).length === 0)
    expect(existsSync(file)).toBe(false)
    expect(field(s, 'rdb_last_bgsave_status')).toBe('ok')
    s.call('CONFIG', 'SET', 'save', '3600 1')
    s.run('SET c 1')
    s.run('BGSAVE')
    s.run('FLUSHALL')
    expect(s.engine.keyspace.dirty).toBe(0)
    expect(reloaded(directory).run('DBSIZE')).toBe(':0\r\n')
  })

  test('FLUSHALL does not end a snapshot for the append-only file', async () => {
    const { s, directory, file } = server({ save: '3600 1' })
    for (let i = 0; i < 300; i++) s.call('SET', `k${i}`, 'v')
    const temporary = join(directory, 'temp-base')
    s.engine.snapshots.start({
      purpose: 'aof',
      temporary,
      path: null,
      incrementalSync: false,
      onDone: (error) => expect(error).toBe(null),
    })
    expect(s.run('FLUSHALL')).toBe('+OK\r\n')
    expect(s.engine.snapshots.current?.purpose).toBe('aof')
    expect(reloaded(directory).run('DBSIZE')).toBe(':0\r\n')
    await saved(s)
    rmSync(file)
    renameSync(temporary, file)
    expect(reloaded(directory).run('DBSIZE')).toBe(':300\r\n')
  })

  test('SHUTDOWN ends it and saves by itself', async () => {
    const { s, directory } = server({ save: '3600 1' })
    s.run('SET a 1')
    s.run('BGSAVE')
    s.run('SET b 1')
    s.run('SHUTDOWN')
    await turn()
    expect(s.engine.snapshots.current).toBe(null)
    expect(reloaded(directory).run('EXISTS a b')).toBe(':2\r\n')
    await until(s, () => temporary(directory).length === 0)
  })

  test('DEBUG RELOAD meanwhile leaves the newer file', async () => {
    const { s, directory } = server()
    s.run('SET a 1')
    s.run('BGSAVE')
    s.run('SET b 1')
    expect(s.run('DEBUG RELOAD')).toBe('+OK\r\n')
    await saved(s)
    for (let i = 0; i < 20; i++) await turn()
    expect(reloaded(directory).run('EXISTS a b')).toBe(':2\r\n')
  })

  test('a server without a directory has none', () => {
    const { s } = server({ save: '1 1' })
    s.engine.dataset.enabled = false
    expect(s.run('BGSAVE')).toMatch(/^-ERR BGSAVE failed: this server keeps no file/)
    s.run('SET a 1')
    s.clock.advance(5000)
    s.engine.backgroundSave.cron()
    expect(s.engine.snapshots.current).toBe(null)
    s.run('FLUSHALL')
  })
})

describe('save points', () => {
  test('are due when as many changes are as old, and one is enough', async () => {
    const { s, file } = server({ save: '100 1 10 3' })
    const { backgroundSave } = s.engine
    const due = (seconds: number): boolean => {
      s.clock.advance(seconds * 1000)
      backgroundSave.cron()
      return backgroundSave.isRunning
    }
    expect(due(200)).toBe(false)
    s.run('SET a 1')
    expect(due(0)).toBe(true)
    await saved(s)
    expect(existsSync(file)).toBe(true)
    s.run('SET a 1')
    s.run('SET b 1')
    expect(due(100)).toBe(false)
    expect(due(1)).toBe(true)
    await saved(s)
    for (const key of ['a', 'b', 'c']) s.call('SET', key, '1')
    expect(due(10)).toBe(false)
    expect(due(1)).toBe(true)
    await saved(s)
    s.call('CONFIG', 'SET', 'save', '')
    s.run('SET a 1')
    expect(due(1e6)).toBe(false)
    s.call('CONFIG', 'SET', 'save', '5 1')
    expect(due(0)).toBe(true)
    await saved(s)
  })

  test('after a failure the next attempt waits, writes are refused, and all is well when it succeeds', async () => {
    const { s, directory, file } = server({ save: '1 1' })
    const other = s.another()
    mkdirSync(join(file, 'in the way'), { recursive: true })
    s.run('SET a 1')
    s.clock.advance(2000)
    s.engine.backgroundSave.cron()
    await saved(s)
    expect(field(s, 'rdb_last_bgsave_status')).toBe('err')
    expect(field(s, 'rdb_changes_since_last_save')).toBe('1')
    expect(temporary(directory)).toEqual([])
    for (const command of ['SET a 2', 'DEL a', 'FLUSHALL', 'PING']) expect(s.run(command)).toMatch(MISCONF)
    expect(s.run('GET a')).toBe('$1\r\n1\r\n')
    other.run('MULTI')
    expect(other.run('SET a 3')).toMatch(MISCONF)
    expect(other.run('EXEC')).toMatch(/^-EXECABORT /)
    s.call('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no')
    expect(s.run('SET a 4')).toBe('+OK\r\n')
    s.call('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'yes')
    expect(s.run('PING')).toMatch(MISCONF)
    s.call('CONFIG', 'SET', 'save', '')
    expect(s.run('PING')).toBe('+PONG\r\n')
    s.call('CONFIG', 'SET', 'save', '1 1')
    rmSync(file, { recursive: true })
    s.clock.advance(5000)
    s.engine.backgroundSave.cron()
    expect(s.engine.backgroundSave.isRunning).toBe(false)
    s.clock.advance(1000)
    s.engine.backgroundSave.cron()
    await saved(s)
    expect(field(s, 'rdb_last_bgsave_status')).toBe('ok')
    expect(s.run('SET a 5')).toBe('+OK\r\n')
    expect(reloaded(directory).run('GET a')).toBe('$1\r\n4\r\n')
  })
})

describe('a failure leaves the file that was there', () => {
  test('the directory is gone', async () => {
    const { s, directory } = server()
    s.run('SET a 1')
    rmSync(directory, { recursive: true })
    expect(s.run('BGSAVE')).toBe('+Background saving started\r\n')
    await saved(s)
    expect(field(s, 'rdb_last_bgsave_status')).toBe('err')
    expect(s.engine.keyspace.snapshot).toBe(null)
    expect(s.run('SET a 2')).toBe('+OK\r\n')
  })

  test('and nothing of the attempt in the keyspace', async () => {
    const { s, directory, file } = server({ 'rdb-key-save-delay': '1000000' })
    writeFileSync(file, 'before')
    for (let i = 0; i < 50; i++) s.call('RPUSH', `k${i}`, 'a', 'b')
    s.run('BGSAVE')
    rmSync(directory, { recursive: true })
    mkdirSync(directory)
    writeFileSync(file, 'before')
    s.engine.snapshots.abort()
    expect(s.engine.keyspace.snapshot).toBe(null)
    expect(s.engine.keyspace.databases[0].index.holds).toBe(0)
    await until(s, () => temporary(directory).length === 0)
    expect(readFileSync(file, 'utf8')).toBe('before')
  })

  test('a fault while it is written ends it, not the server', async () => {
    const { s, directory } = server()
    s.run('SET a 1')
    const encoder = new RdbEncoder(s.engine.keyspace, true)
    encoder.end = () => {
      throw new RangeError('no memory')
    }
    const temporaryFile = join(directory, 'temp-base')
    let told: Error | null = null
    s.engine.snapshots.start({
      purpose: 'aof',
      temporary: temporaryFile,
      path: null,
      incrementalSync: true,
      encoder,
      onDone: (error) => {
        told = error
      },
    })
    await saved(s)
    expect(told).toMatchObject({ message: 'no memory' })
    await until(s, () => temporary(directory).length === 0)
    s.run('BGSAVE')
    await saved(s)
    expect(reloaded(directory).run('GET a')).toBe('$1\r\n1\r\n')
  })

  test.skipIf(!existsSync('/dev/full'))('the disk is full', async () => {
    const { directory, file } = server()
    writeFileSync(file, 'before')
    const full = join(directory, 'temp-full')
    symlinkSync('/dev/full', full)
    const error = await new Promise<Error | null>((resolve) => {
      const onDone = resolve
      const options = { temporary: full, path: file, incrementalSync: true, onRoom: () => {}, onDone }
      const output = new SnapshotFile(options)
      output.put(newBlock(100), 100)
      output.end()
    })
    expect(error).toMatchObject({ code: 'ENOSPC' })
    expect(readFileSync(file, 'utf8')).toBe('before')
    expect(temporary(directory)).toEqual([])
  })
})

test('after as many failures as there are numbers, no entry is taken for seen', async () => {
  const { s, directory } = server()
  const { keyspace, snapshots } = s.engine
  keyspace.setEpoch(5)
  s.run('SET a 1')
  keyspace.setEpoch(4)
  s.run('SET b 1')
  Object.assign(snapshots, { incomplete: EPOCH_MAX - 2 })
  s.run('BGSAVE')
  expect(keyspace.epoch).toBe(5)
  await saved(s)
  expect(reloaded(directory).run('EXISTS a b')).toBe(':2\r\n')
})
