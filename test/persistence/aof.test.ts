/** The life of the append-only file's parts: begun, rewritten, switched on and off, and what a failure leaves. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { LatencyMonitor } from '../../src/keyspace/latency-monitor.ts'
import { Aof, type BaseWriter } from '../../src/persistence/aof.ts'
import { systemDisk } from '../../src/persistence/aof-log.ts'
import { loadManifest } from '../../src/persistence/aof-manifest.ts'
import { CommandStream } from '../../src/persistence/command-stream.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { LineLog } from '../../src/platform/log.ts'

/** Takes snapshots when the test says so; a snapshot is one word. */
class TestBase implements BaseWriter {
  busy = false
  dataset = 'empty'
  fails: Error | null = null
  private running: {
    path: string
    content: string
    done: (error: Error | null, preImageBytes: number) => void
  } | null = null

  begin(path: string, _saveId: string, done: (error: Error | null, preImageBytes: number) => void): void {
    if (this.fails !== null) throw this.fails
    this.busy = true
    this.running = { path, content: this.dataset, done }
  }

  write(path: string): void {
    writeFileSync(path, this.dataset)
  }

  abort(): void {
    this.busy = false
    this.running = null
  }

  end(error: Error | null = null): void {
    const { running } = this
    if (running === null) throw new Error('no snapshot is under way')
    this.abort()
    if (error === null) writeFileSync(running.path, running.content)
    running.done(error, 0)
  }
}

let dir: string
let base: TestBase
let stream: CommandStream
let clock: ManualClock
let configuration: Configuration
let active: boolean
let lines: string[]
let latency: LatencyMonitor
let aof: Aof

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'respite-aof-'))
  clock = new ManualClock(1_700_000_000_000)
  configuration = new Configuration({ dir, appendfsync: 'no' })
  lines = []
  aof = newAof()
})

afterEach(() => {
  aof.end()
  rmSync(dir, { recursive: true })
})

function newAof(): Aof {
  base = new TestBase()
  stream = new CommandStream()
  active = false
  return new Aof({
    configuration,
    clock,
    log: new LineLog('notice', (line) => void lines.push(line)),
    stream,
    latency: (latency = new LatencyMonitor(configuration.settings, clock)),
    base,
    activate: (on) => {
      active = on
    },
    halt: (error) => {
      throw error
    },
    onStatus: () => {},
  })
}

function begun(): Aof {
  aof.directory.settleUpgrading()
  aof.start()
  return aof
}

/** The server is gone and starts anew. */
function restarted(): Aof {
  aof = newAof()
  return begun()
}

function write(word: string): void {
  if (!active) throw new Error('nobody takes commands')
  stream.begin(0, 1)
  stream.word(word)
  aof.writer.flush()
}

const parts = (): string[] =>
  readdirSync(join(dir, 'appendonlydir'))
    .filter((name) => !name.endsWith('.manifest'))
    .toSorted()

/** What a server would load: the base's content, then the words of the increments. */
function dataset(): string {
  const { base: first, increments } = loadManifest(join(dir, 'appendonlydir'), 'appendonly.aof')
  const read = (name: string): string => readFileSync(join(dir, 'appendonlydir', name), 'latin1')
  const words = increments.flatMap(({ name }) =>
    [...read(name).matchAll(/\r\n([a-z]+)\r\n/g)].map(([, w]) => w),
  )
  return [first === null ? 'none' : read(first.name), ...words].join(' ')
}

describe('start', () => {
  test('the dataset there is becomes the first base', () => {
    base.dataset = 'loaded'
    begun()
    expect(parts()).toEqual(['appendonly.aof.1.base.rdb', 'appendonly.aof.1.incr.aof'])
    write('a')
    expect(dataset()).toBe('loaded a')
    expect(aof.size).toBe(
      'loaded'.length + statSync(join(dir, 'appendonlydir/appendonly.aof.1.incr.aof')).size,
    )
  })

  test('with parts already there it goes on in the last', () => {
    begun()
    write('a')
    const { size } = aof
    restarted()
    expect([aof.size, aof.rewrittenSize]).toEqual([size, 'empty'.length])
    write('b')
    expect(dataset()).toBe('empty a b')
    expect(parts()).toHaveLength(2)
  })

  test('a directory that cannot be made is said in one line', () => {
    writeFileSync(join(dir, 'appendonlydir'), 'a file')
    expect(() => begun()).toThrow(/^Can't open or create append-only dir .*appendonlydir: /)
    rmSync(join(dir, 'appendonlydir'))
  })
})

describe('rewrite', () => {
  test('the snapshot replaces base and increments before it; what was written since follows', () => {
    begun()
    write('a')
    base.dataset = 'snapshot'
    expect(aof.rewrite()).toBeNull()
    expect(aof.rewriting).toBe(true)
    write('b')
    expect(dataset()).toBe('empty a b')
    base.end()
    expect(aof.rewriting).toBe(false)
    expect(dataset()).toBe('snapshot b')
    write('c')
    expect(dataset()).toBe('snapshot b c')
    expect([aof.rewrites, aof.lastRewriteOk]).toEqual([1, true])
    expect(aof.size).toBe(
      statSync(join(dir, 'appendonlydir/appendonly.aof.2.base.rdb')).size + aof.writer.size,
    )
  })

  test('how long it holds the loop to take effect is LATENCY aof-rename', () => {
    configuration.set([['latency-monitor-threshold', '10']], true)
    begun()
    const { directory } = aof
    const save = directory.save.bind(directory)
    directory.save = (manifest) => {
      clock.advance(25)
      save(manifest)
    }
    aof.rewrite()
    expect([...latency.series.keys()]).toEqual([])
    base.end()
    expect(latency.series.get('aof-rename')?.max).toBe(25)
  })

  test('the parts that it made superfluous go', async () => {
    begun()
    aof.rewrite()
    base.end()
    for (let tries = 0; parts().length > 2 && tries < 100; tries++)
      await new Promise((resolve) => setTimeout(resolve, 5))
    expect(parts()).toEqual(['appendonly.aof.2.base.rdb', 'appendonly.aof.2.incr.aof'])
  })

  test('aof-disable-auto-gc keeps them, and the manifest names them', () => {
    configuration.set([['aof-disable-auto-gc', 'yes']], true)
    begun()
    aof.rewrite()
    base.end()
    expect(parts()).toHaveLength(4)
    expect(aof.directory.manifest.history).toHaveLength(2)
  })

  test('one that fails changes nothing, and nothing written meanwhile is lost', () => {
    begun()
    write('a')
    aof.rewrite()
    write('b')
    base.end(new Error('disk on fire'))
    expect(dataset()).toBe('empty a b')
    expect([aof.lastRewriteOk, aof.failures]).toEqual([false, 1])
    expect(lines.some((line) => line.includes('disk on fire'))).toBe(true)
    base.dataset = 'snapshot'
    aof.rewrite()
    base.end()
    expect(dataset()).toBe('snapshot')
    expect([aof.lastRewriteOk, aof.failures]).toEqual([true, 0])
  })

  test('does not begin while the disk takes no commands: they would stand behind a snapshot that has them', () => {
    begun()
    write('a')
    const refuse = vi.spyOn(systemDisk, 'write').mockImplementation(() => {
      throw Object.assign(new Error('ENOSPC'), { errno: -28, syscall: 'write' })
    })
    write('b')
    base.dataset = 'with b'
    expect(aof.rewrite()).toContain('not written yet')
    refuse.mockRestore()
    write('c')
    expect(dataset()).toBe('empty a b c')
    aof.rewrite()
    base.end()
    expect(dataset()).toBe('with b')
  })

  test('one cut short by the end of the server changes nothing', () => {
    begun()
    write('a')
    aof.rewrite()
    write('b')
    restarted()
    write('c')
    expect(dataset()).toBe('empty a b c')
  })

  test('a base that cannot be put in its place leaves the old one', () => {
    begun()
    write('a')
    aof.rewrite()
    const { manifest } = aof.directory
    rmSync(join(dir, 'appendonlydir'), { recursive: true })
    writeFileSync(join(dir, 'appendonlydir'), 'a file')
    base.end()
    expect(aof.lastRewriteOk).toBe(false)
    expect(aof.directory.manifest).toBe(manifest)
    rmSync(join(dir, 'appendonlydir'))
  })

  test('after three failures in a row the next waits, a minute and then longer', () => {
    configuration.set([['auto-aof-rewrite-min-size', '1']], true)
    begun()
    for (let i = 0; i < 100; i++) write('word')
    for (let i = 0; i < 3; i++) {
      aof.cron()
      expect(aof.rewriting).toBe(true)
      base.end(new Error('no'))
    }
    aof.cron()
    expect(aof.rewriting).toBe(false)
    clock.advance(60_000)
    aof.cron()
    expect(aof.rewriting).toBe(true)
    base.end(new Error('no'))
    clock.advance(60_000)
    aof.cron()
    expect(aof.rewriting).toBe(false)
  })

  test('begins by itself when the file has grown by auto-aof-rewrite-percentage', () => {
    configuration.set(
      [
        ['auto-aof-rewrite-min-size', '100'],
        ['auto-aof-rewrite-percentage', '50'],
      ],
      true,
    )
    base.dataset = 'x'.repeat(100)
    begun()
    aof.cron()
    expect(aof.rewriting).toBe(false)
    for (let i = 0; i < 5; i++) write('word')
    aof.cron()
    expect(aof.rewriting).toBe(true)
    base.end()
    aof.cron()
    expect(aof.rewriting).toBe(false)
  })

  test('without appendonly it makes a base for the next time', () => {
    base.dataset = 'snapshot'
    expect(aof.rewrite()).toBeNull()
    base.end()
    expect(dataset()).toBe('snapshot')
    expect(aof.state).toBe('off')
    expect(active).toBe(false)
  })
})

describe('switched on and off while running', () => {
  test('counts from the moment its base is there', () => {
    base.dataset = 'before'
    expect(aof.turnOn(false)).toBeNull()
    expect([aof.state, active]).toEqual(['waiting', true])
    write('a')
    expect(existsSync(join(dir, 'appendonlydir', 'appendonly.aof.directory.manifest'))).toBe(false)
    base.end()
    expect(aof.state).toBe('on')
    write('b')
    expect(dataset()).toBe('before a b')
  })

  test('waits while another snapshot is under way, and what is written meanwhile is in its own', () => {
    base.busy = true
    expect(aof.turnOn(false)).toBeNull()
    expect(aof.rewriteScheduled).toBe(true)
    write('a')
    base.busy = false
    base.dataset = 'with a'
    aof.cron()
    write('b')
    base.end()
    expect(dataset()).toBe('with a b')
  })

  test('a base begun before it was turned on is not the one for what is written since', () => {
    base.dataset = 'old'
    aof.rewrite()
    base.dataset = 'old and changed'
    aof.turnOn(false)
    write('a')
    base.end()
    expect([aof.state, aof.rewriteScheduled]).toEqual(['waiting', true])
    expect(dataset()).toBe('old')
    base.dataset = 'with a'
    aof.cron()
    write('b')
    base.end()
    expect(aof.state).toBe('on')
    expect(dataset()).toBe('with a b')
  })

  test('a base that fails is tried again', () => {
    aof.turnOn(false)
    write('a')
    base.end(new Error('no'))
    expect([aof.state, aof.rewriteScheduled]).toEqual(['waiting', true])
    base.dataset = 'with a'
    aof.cron()
    base.end()
    expect(dataset()).toBe('with a')
    expect(aof.state).toBe('on')
  })

  test('off ends it with everything written; on again begins anew', () => {
    begun()
    write('a')
    aof.turnOff()
    expect([aof.state, active]).toEqual(['off', false])
    expect(dataset()).toBe('empty a')
    base.dataset = 'later'
    aof.turnOn(false)
    write('b')
    base.end()
    expect(dataset()).toBe('later b')
  })

  test('off before its base was there leaves nothing', () => {
    aof.turnOn(false)
    write('a')
    aof.turnOff()
    expect(base.busy).toBe(false)
    expect(readdirSync(join(dir, 'appendonlydir'))).toEqual([])
    expect(readdirSync(dir)).toEqual(['appendonlydir'])
  })

  test('a directory that cannot be made refuses it', () => {
    writeFileSync(join(dir, 'appendonlydir'), 'a file')
    expect(aof.turnOn(false)).toBe('Unable to turn on AOF. Check server logs.')
    expect([aof.state, active]).toEqual(['off', false])
  })
})
