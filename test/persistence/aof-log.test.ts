/** When the append-only file is written and synced, and what happens when the disk refuses. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { LatencyMonitor } from '../../src/keyspace/latency-monitor.ts'
import { type AofDisk, AofLog, systemDisk } from '../../src/persistence/aof-log.ts'
import { CommandStream } from '../../src/persistence/command-stream.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { LineLog } from '../../src/platform/log.ts'

const NOW = 1_700_000_000_000

/** A disk whose calls are recorded and fail on demand; syncs in the background end when the test says so. */
class TestDisk implements AofDisk {
  readonly calls: string[] = []
  failWrite: NodeJS.ErrnoException | null = null
  failTruncate: NodeJS.ErrnoException | null = null
  failSync: NodeJS.ErrnoException | null = null
  /** Bytes a write takes at most. */
  most: number = Number.POSITIVE_INFINITY
  /** How long calls take. */
  writeMillis = 0
  syncMillis = 0
  /** Bytes that still fit. */
  space: number = Number.POSITIVE_INFINITY
  readonly pending: ((error: Error | null) => void)[] = []

  write(file: number, bytes: Uint8Array, offset: number, length: number): number {
    this.calls.push('write')
    clock.advance(this.writeMillis)
    if (this.failWrite !== null) throw this.failWrite
    const count = Math.min(length, this.most, this.space)
    if (count === 0) throw full()
    this.space -= count
    return systemDisk.write(file, bytes, offset, count)
  }

  truncate(file: number, size: number): void {
    this.calls.push(`truncate ${size}`)
    if (this.failTruncate !== null) throw this.failTruncate
    systemDisk.truncate(file, size)
  }

  sync(): void {
    this.calls.push('sync')
    clock.advance(this.syncMillis)
    if (this.failSync !== null) throw this.failSync
  }

  syncSoon(_file: number, done: (error: Error | null) => void): void {
    this.calls.push('sync soon')
    this.pending.push(done)
  }

  taken(): string[] {
    return this.calls.splice(0)
  }
}

function full(): NodeJS.ErrnoException {
  return Object.assign(new Error('ENOSPC'), { errno: -28, code: 'ENOSPC', syscall: 'write' })
}

let directory: string
let path: string
let disk: TestDisk
let stream: CommandStream
let clock: ManualClock
let latency: LatencyMonitor
let configuration: Configuration
let lines: string[]
let halted: Error[]
let saving: boolean

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'respite-aof-'))
  path = join(directory, 'incr')
  disk = new TestDisk()
  stream = new CommandStream()
  clock = new ManualClock(NOW)
  configuration = new Configuration()
  lines = []
  halted = []
  saving = false
})

afterEach(() => rmSync(directory, { recursive: true }))

function opened(policy: string): AofLog {
  configuration.set([['appendfsync', policy]], true)
  const log = new AofLog({
    settings: configuration.settings,
    clock,
    log: new LineLog('notice', (line) => void lines.push(line)),
    stream,
    latency: (latency = new LatencyMonitor(configuration.settings, clock)),
    disk,
    halt: (error) => void halted.push(error),
    saving: () => saving,
    onStatus: () => {},
  })
  log.open(path, 0)
  return log
}

function append(word: string): void {
  stream.begin(0, 1)
  stream.word(word)
}

const SELECT = '*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n'
const command = (word: string): string => `*1\r\n$${word.length}\r\n${word}\r\n`
const content = (): string => readFileSync(path, 'latin1')

describe('always', () => {
  test('one write and one sync for all of a turn', () => {
    const log = opened('always')
    append('A')
    append('B')
    log.flush()
    expect(disk.taken()).toEqual(['write', 'sync'])
    expect(content()).toBe(SELECT + command('A') + command('B'))
    expect([log.size, log.synced]).toEqual([content().length, content().length])
    log.flush()
    expect(disk.taken()).toEqual([])
  })

  test('slow writes and syncs are told', () => {
    configuration.set([['latency-monitor-threshold', '10']], true)
    const log = opened('always')
    disk.writeMillis = 15
    disk.syncMillis = 30
    append('A')
    log.flush()
    saving = true
    append('B')
    log.flush()
    expect([...latency.series].map(([event, { max }]) => `${event} ${max}`)).toEqual([
      'aof-write 15',
      'aof-write-alone 15',
      'aof-fsync-always 30',
      'aof-write-active-child 15',
    ])
  })

  test('a sync that fails ends the server', () => {
    const log = opened('always')
    disk.failSync = full()
    append('A')
    log.flush()
    expect(halted.map(({ message }) => message)).toEqual([
      "Can't persist AOF for fsync error when the AOF fsync policy is 'always': No space left on device. Exiting...",
    ])
  })

  test('so does a write that fails', () => {
    const log = opened('always')
    disk.failWrite = full()
    append('A')
    log.flush()
    expect(halted).toHaveLength(1)
    expect(log.failure).toBe('No space left on device')
    disk.taken()
    append('B')
    log.flush()
    log.close()
    expect(disk.taken()).toEqual([])
    expect(halted).toHaveLength(1)
  })
})

describe('everysec', () => {
  test('writes each turn and syncs once a second, in the background', () => {
    const log = opened('everysec')
    append('A')
    log.flush()
    expect(disk.taken()).toEqual(['write', 'sync soon'])
    disk.pending.pop()?.(null)
    append('B')
    log.flush()
    expect(disk.taken()).toEqual(['write'])
    expect(log.synced).toBeLessThan(log.size)
    clock.advance(1000)
    log.flush()
    expect(disk.taken()).toEqual(['sync soon'])
    disk.pending.pop()?.(null)
    expect(log.synced).toBe(log.size)
    clock.advance(5000)
    log.flush()
    expect(disk.taken()).toEqual([])
  })

  test('a sync that takes long puts writes off, two seconds at most', () => {
    const log = opened('everysec')
    append('A')
    log.flush()
    disk.taken()
    append('B')
    log.flush()
    clock.advance(1500)
    log.flush()
    expect(disk.taken()).toEqual([])
    clock.advance(600)
    log.flush()
    expect(disk.taken()).toEqual(['write'])
    expect(log.delayed).toBe(1)
    expect(content()).toBe(SELECT + command('A') + command('B'))
    expect(lines.at(-1)).toContain('Asynchronous AOF fsync is taking too long')
  })

  test('a write beside such a sync is a spike of its own kind', () => {
    configuration.set([['latency-monitor-threshold', '10']], true)
    const log = opened('everysec')
    append('A')
    log.flush()
    disk.writeMillis = 15
    append('B')
    clock.advance(1500)
    log.flush()
    clock.advance(2100)
    log.flush()
    expect([...latency.series.keys()]).toEqual(['aof-write', 'aof-write-pending-fsync'])
  })

  test('what a failed sync was for is refused until one succeeds', () => {
    const log = opened('everysec')
    append('A')
    log.flush()
    disk.pending.pop()?.(full())
    expect(log.failure).toBe('No space left on device')
    expect(halted).toEqual([])
    clock.advance(1000)
    log.flush()
    disk.pending.pop()?.(null)
    expect(log.failure).toBeNull()
  })

  test('no-appendfsync-on-rewrite leaves the disk to the snapshot', () => {
    configuration.set([['no-appendfsync-on-rewrite', 'yes']], true)
    const log = opened('everysec')
    saving = true
    append('A')
    log.flush()
    expect(disk.taken()).toEqual(['write'])
    saving = false
    log.flush()
    expect(disk.taken()).toEqual(['sync soon'])
  })
})

test('no: the system syncs when it likes', () => {
  const log = opened('no')
  append('A')
  log.flush()
  clock.advance(5000)
  log.flush()
  expect(disk.taken()).toEqual(['write'])
})

test('a write taken in parts goes on where it stopped', () => {
  const log = opened('no')
  disk.most = 5
  append('A')
  append('B')
  log.flush()
  expect(content()).toBe(SELECT + command('A') + command('B'))
  expect(log.size).toBe(content().length)
})

describe('a full disk', () => {
  test('takes back half a write, keeps the commands, and goes on when there is room', () => {
    const log = opened('everysec')
    append('A')
    log.flush()
    disk.pending.pop()?.(null)
    disk.taken()
    const before = content()
    disk.space = 3
    append('BBBBBBBB')
    log.flush()
    expect(disk.taken()).toEqual(['write', 'write', `truncate ${before.length}`])
    expect(content()).toBe(before)
    expect(log.failure).toBe('No space left on device')
    expect(halted).toEqual([])
    disk.space = Number.POSITIVE_INFINITY
    append('C')
    log.flush()
    expect(content()).toBe(before + command('BBBBBBBB') + command('C'))
    expect(log.failure).toBeNull()
    expect(lines.at(-1)).toContain('AOF write error looks solved')
  })

  test('half a write that cannot be taken back is completed later', () => {
    const log = opened('no')
    disk.space = 7
    disk.failTruncate = full()
    append('A')
    log.flush()
    expect(log.size).toBe(7)
    disk.space = Number.POSITIVE_INFINITY
    log.flush()
    expect(content()).toBe(SELECT + command('A'))
    expect(log.size).toBe(content().length)
  })

  test('is complained about now and then, not at each turn', () => {
    const log = opened('no')
    disk.failWrite = full()
    append('A')
    for (let i = 0; i < 10; i++) log.flush()
    expect(lines).toHaveLength(1)
    clock.advance(31_000)
    log.flush()
    expect(lines).toHaveLength(2)
  })
})

describe('another file', () => {
  test('begins with a SELECT, and the one left is synced', () => {
    const log = opened('no')
    append('A')
    log.flush()
    path = join(directory, 'next')
    log.open(path, 0)
    expect(disk.taken()).toEqual(['write', 'sync soon'])
    disk.pending.pop()?.(null)
    append('B')
    log.flush()
    expect(content()).toBe(SELECT + command('B'))
  })

  test('the one left is not closed under a sync of it', () => {
    const log = opened('everysec')
    append('A')
    log.flush()
    log.open(join(directory, 'next'), 0)
    expect(disk.taken()).toEqual(['write', 'sync soon'])
    disk.pending.shift()?.(null)
    expect(disk.taken()).toEqual(['sync soon'])
  })
})

test('close() writes and syncs whatever is left', () => {
  const log = opened('no')
  append('A')
  log.close()
  expect(disk.taken()).toEqual(['write', 'sync'])
  expect(content()).toBe(SELECT + command('A'))
  expect(log.isOpen).toBe(false)
  append('B')
  log.flush()
  expect(disk.taken()).toEqual([])
})
