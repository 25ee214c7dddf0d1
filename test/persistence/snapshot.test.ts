/**
 * Snapshots are the keyspace as it was at one moment: random commands between slices, the file loaded by another server
 * and compared with what there was; long values changed while they are read; nothing left behind.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { Replay } from '../../src/engine/replay.ts'
import { EPOCH_MAX } from '../../src/keyspace/entry.ts'
import { CommandEncoder } from '../../src/persistence/command-encoder.ts'
import { RdbEncoder } from '../../src/persistence/rdb-encoder.ts'
import { type LongFrom, Snapshot, type SnapshotSink } from '../../src/persistence/snapshot.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { COMPLETE, RequestReader } from '../../src/protocol/request-reader.ts'
import { Block, newBlock } from '../../src/structures/block.ts'
import { type Session, session } from '../commands/session.ts'

const directory = mkdtempSync(join(tmpdir(), 'snapshot-'))
afterAll(() => rmSync(directory, { recursive: true }))

function server(config: Record<string, string> = {}): Session {
  return session({ config: { dir: directory, 'enable-debug-command': 'yes', ...config } })
}

/** A file in memory. */
class Memory implements SnapshotSink {
  isFull = false
  private readonly pieces: Buffer[] = []

  put(block: Block, length: number): void {
    this.pieces.push(Buffer.from(block.bytes.subarray(0, length)))
    // Whoever still wrote to it would be found out.
    block.bytes.fill(0xee)
  }

  fresh(): Block {
    return newBlock(4096)
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces)
  }
}

/** What is long for these tests: little. */
const SHORT: LongFrom = { string: 17 * 1024, list: 1500 }

interface Taken {
  readonly snapshot: Snapshot
  readonly sink: Memory
}

type Form = 'RDB' | 'commands'

function begin({ engine: { keyspace } }: Session, longFrom = SHORT, form: Form = 'RDB'): Taken {
  keyspace.setEpoch((keyspace.epoch % EPOCH_MAX) + 1)
  const sink = new Memory()
  const encoder = form === 'RDB' ? new RdbEncoder(keyspace, false) : new CommandEncoder(keyspace)
  return { snapshot: new Snapshot(keyspace, encoder, sink, longFrom), sink }
}

/** The smallest slice there is. */
function slice({ snapshot }: Taken): void {
  snapshot.run(0, 1)
}

function finish(taken: Taken): Buffer {
  for (let i = 0; !taken.snapshot.isComplete; i++) {
    if (i === 1e6) throw new Error('the snapshot does not end')
    slice(taken)
  }
  return taken.sink.bytes
}

/** Every key of every database as one line: database, key, value and deadline; also those past it. */
function contentOf(s: Session): string[] {
  const { now } = s.clock
  s.clock.now = 0
  const reader = s.another()
  const lines: string[] = []
  for (const db of s.engine.keyspace.databases) {
    if (db.size === 0) continue
    reader.call('SELECT', db.id)
    for (const key of reader.bulks('KEYS *')) {
      lines.push(
        `${db.id} ${key} ${reader.call('DEBUG', 'DIGEST-VALUE', key)} ${reader.call('PEXPIRETIME', key)}`,
      )
    }
  }
  s.clock.now = now
  return lines.sort()
}

/** What a server finds that runs these commands, long ago. */
function replayedFrom(bytes: Buffer): string[] {
  const config = { dir: directory, 'enable-debug-command': 'yes' }
  const s = session({ config, clock: new ManualClock(0) })
  const replay = new Replay(s.engine)
  const reader = new RequestReader()
  const block = new Block(bytes)
  while (reader.at < bytes.length) {
    expect(reader.next(block, bytes.length, false)).toBe(COMPLETE)
    expect(replay.apply(reader.args)).toBeNull()
  }
  return contentOf(s)
}

/** What a server finds that loads these bytes, long ago. */
function loadedFrom(bytes: Buffer): string[] {
  writeFileSync(join(directory, 'dump.rdb'), bytes)
  const config = { dir: directory, 'enable-debug-command': 'yes' }
  const s = session({ config, clock: new ManualClock(0) })
  s.engine.dataset.loadAtOnce()
  return contentOf(s)
}

const key = fc.constantFrom(...Array.from({ length: 24 }, (_, i) => `k${i}`))
const database = fc.constantFrom('0', '1', '2', '9')
const text = fc.oneof(
  fc.nat(200).map(String),
  fc.nat(70_000).map(String),
  fc.tuple(fc.nat(4000), fc.nat(35)).map(([n, c]) => c.toString(36).repeat(n)),
  fc.tuple(fc.nat(90_000), fc.nat(35)).map(([n, c]) => c.toString(36).repeat(n)),
)
const few = fc.array(text, { minLength: 1, maxLength: 5 })
const position = fc.nat(40).map((n) => String(n - 20))
const command = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('SET'), key, text) },
  { weight: 4, arbitrary: fc.tuple(key, few).map(([k, texts]) => ['RPUSH', k].concat(texts)) },
  { weight: 2, arbitrary: fc.tuple(key, few).map(([k, texts]) => ['LPUSH', k].concat(texts)) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('SELECT'), database) },
  fc.tuple(fc.constantFrom('DEL', 'INCR', 'LPOP', 'RPOP', 'PERSIST', 'GETDEL'), key),
  fc.tuple(fc.constant('APPEND'), key, text),
  fc.tuple(fc.constant('GETEX'), key, fc.constant('PX'), fc.constantFrom('30', '100000')),
  fc.tuple(fc.constant('GETEX'), key, fc.constant('PERSIST')),
  fc.tuple(fc.constant('BITFIELD'), key, fc.constant('INCRBY'), fc.constant('u8'), position, position),
  fc.tuple(fc.constantFrom('INCRBYFLOAT', 'INCRBY'), key, fc.nat(9).map(String)),
  fc.tuple(fc.constantFrom('RPOPLPUSH', 'RENAME'), key, key),
  fc.tuple(key, key).map(([k, l]) => ['LMPOP', '2', k, l, 'LEFT', 'COUNT', '3']),
  fc.tuple(fc.constant('SETRANGE'), key, fc.nat(300).map(String), text),
  fc.tuple(fc.constant('SETBIT'), key, fc.nat(3000).map(String), fc.constantFrom('0', '1')),
  fc.tuple(fc.constant('PEXPIRE'), key, fc.constantFrom('1', '50', '100000')),
  fc.tuple(fc.constant('SET'), key, text, fc.constant('PX'), fc.constantFrom('30', '100000')),
  fc.tuple(fc.constant('LSET'), key, position, text),
  fc.tuple(key, position, text).map(([k, p, t]) => ['LINSERT', k, 'BEFORE', p, t]),
  fc.tuple(fc.constant('LREM'), key, position, fc.nat(100).map(String)),
  fc.tuple(fc.constant('LTRIM'), key, position, position),
  fc.tuple(key, key).map(([k, l]) => ['LMOVE', k, l, 'LEFT', 'RIGHT']),
  fc.tuple(fc.constantFrom('RENAME', 'COPY', 'RENAMENX'), key, key),
  fc.tuple(key, key).map(([k, l]) => ['SORT', k, 'ALPHA', 'STORE', l]),
  fc.tuple(fc.constant('MOVE'), key, database),
  fc.tuple(fc.constant('SWAPDB'), database, database),
  fc.constant(['DEBUG', 'POPULATE', '200', 'many']),
  fc.constantFrom(['FLUSHDB'], ['FLUSHALL'], ['*PASS']),
)

function run(s: Session, words: readonly string[]): void {
  if (words[0] === '*PASS') s.clock.advance(40)
  else s.call(...words)
}

describe('a snapshot', () => {
  test.each<[Form, (bytes: Buffer) => string[]]>([
    ['RDB', loadedFrom],
    ['commands', replayedFrom],
  ])('is what there was, whatever comes between its slices: %s', { timeout: 120_000 }, (form, found) => {
    const commands = fc.array(command, { maxLength: 60, size: 'max' })
    const pace = fc.constantFrom(0, 1, 2, 7)
    fc.assert(
      fc.property(commands, commands, pace, fc.nat(3), (before, during, slices, aborted) => {
        const s = server()
        for (const words of before) run(s, words)
        for (let i = 0; i < aborted; i++) {
          const given = begin(s, SHORT, form)
          for (let n = 0; n < 5 * i; n++) slice(given)
          given.snapshot.abort()
          run(s, ['SET', `k${i}`, 'between'])
        }
        const then = contentOf(s)
        const taken = begin(s, SHORT, form)
        for (const words of during) {
          run(s, words)
          for (let i = 0; i < slices; i++) slice(taken)
          if (s.engine.keyspace.lazyFree.pending) s.engine.keyspace.lazyFree.step()
        }
        const bytes = finish(taken)
        expect(taken.snapshot.keysProcessed).toBe(taken.snapshot.keysTotal)
        expect(found(bytes)).toEqual(then)
        leavesNothing(s)
      }),
      { numRuns: 100 },
    )
  })
  const LIST = 3000
  const edits: readonly (readonly [string, readonly string[]])[] = [
    ['LPUSH', ['LPUSH', 'l', 'x']],
    ['RPUSH', ['RPUSH', 'l', 'x', 'y'.repeat(9000)]],
    ['LPOP', ['LPOP', 'l', '700']],
    ['RPOP', ['RPOP', 'l', '700']],
    ['LSET', ['LSET', 'l', '1500', 'z'.repeat(300)]],
    ['LINSERT', ['LINSERT', 'l', 'AFTER', 'e1200', 'new']],
    ['LREM', ['LREM', 'l', '0', 'e1234']],
    ['LTRIM', ['LTRIM', 'l', '900', '1100']],
    ['LTRIM of all', ['LTRIM', 'l', '1', '0']],
    ['DEL', ['DEL', 'l']],
    ['RENAME', ['RENAME', 'l', 'm']],
    ['RENAME onto it', ['RENAME', 'other', 'l']],
    ['SET', ['SET', 'l', 'no list any more']],
    ['MOVE', ['MOVE', 'l', '3']],
    ['LMOVE', ['LMOVE', 'l', 'm', 'LEFT', 'RIGHT']],
    ['LMOVE onto itself', ['LMOVE', 'l', 'l', 'RIGHT', 'LEFT']],
    ['SORT', ['SORT', 'l', 'ALPHA', 'STORE', 'l']],
    ['COPY', ['COPY', 'l', 'm', 'REPLACE']],
    ['PEXPIRE', ['PEXPIRE', 'l', '1']],
    ['FLUSHDB', ['FLUSHDB']],
    ['SWAPDB', ['SWAPDB', '0', '3']],
  ]

  test.each(edits)('of a long list, before, while and after it is read: %s', (_name, words) => {
    for (let slices = 0; slices < 9; slices += 1 + (slices >> 1)) {
      const s = server()
      s.call('RPUSH', 'other', 'o')
      for (let i = 0; i < LIST; i += 500) {
        s.call('RPUSH', 'l', ...Array.from({ length: 500 }, (_, n) => `e${i + n}`))
      }
      s.run('PEXPIRE l 60000')
      const then = contentOf(s)
      const taken = begin(s)
      for (let i = 0; i < slices; i++) slice(taken)
      for (let i = 0; i < 4; i++) {
        s.call(...words)
        slice(taken)
        s.clock.advance(2)
        s.run('RPUSH l again')
        s.run('LSET l 0 changed')
      }
      expect(loadedFrom(finish(taken)), `${slices} slices`).toEqual(then)
      leavesNothing(s)
    }
  })

  const stringEdits: readonly (readonly string[])[] = [
    ['SETRANGE', 's', '69000', 'x'],
    ['SETBIT', 's', '5', '1'],
    ['APPEND', 's', 'x'.repeat(40)],
    ['APPEND', 's', 'x'.repeat(40_000)],
    ['BITFIELD', 's', 'SET', 'u32', '#3000', '7'],
    ['SET', 's', 'y'.repeat(150_000)],
    ['SET', 's', 'short'],
    ['SET', 's', 'y', 'KEEPTTL'],
    ['GETSET', 's', 'y'.repeat(150_000)],
    ['GETDEL', 's'],
    ['DEL', 's'],
    ['PEXPIRE', 's', '5'],
    ['PERSIST', 's'],
    ['RENAME', 's', 't'],
    ['MOVE', 's', '5'],
    ['BITOP', 'NOT', 's', 's'],
    ['LCS', 's', 's', 'LEN'],
    ['FLUSHDB'],
  ]

  const named = stringEdits.map((words) => [words.join(' ').slice(0, 30), words] as const)
  test.each(named)('of a long string, before, while and after it is read: %s', (_name, words) => {
    for (const order of [[words], [['PEXPIRE', 's', '70000'], words], [words, ['SETRANGE', 's', '9', 'z']]]) {
      for (let slices = 0; slices < 6; slices++) {
        const s = server()
        s.call(
          'SET',
          's',
          Array.from({ length: 25_000 }, (_, i) => `${i} `)
            .join('')
            .slice(0, 150_000),
        )
        const then = contentOf(s)
        const taken = begin(s)
        for (let i = 0; i < slices; i++) slice(taken)
        for (const edit of order) {
          s.call(...edit)
          slice(taken)
        }
        expect(loadedFrom(finish(taken)), `${slices} slices`).toEqual(then)
        leavesNothing(s)
      }
    }
  })

  test('of a long value is no longer in memory than what was changed', () => {
    const s = server()
    for (let i = 0; i < 200; i++) s.call('RPUSH', 'l', ...Array.from({ length: 100 }, () => 'x'.repeat(100)))
    const { arena } = s.engine.keyspace
    const before = arena.bytesUsed
    const taken = begin(s)
    for (let i = 0; i < 20; i++) s.call('LSET', 'l', `${10_000 + i}`, 'y'.repeat(100))
    expect(arena.bytesUsed - before).toBeLessThan(20_000)
    s.run('DEL l')
    s.engine.keyspace.lazyFree.run(1e9)
    expect(arena.bytesUsed).toBeGreaterThan(before - 1000)
    finish(taken)
    s.engine.keyspace.lazyFree.run(1e9)
    expect(arena.bytesUsed).toBe(0)
  })

  test('is walked although its indexes are flushed, and splits and removals go on', () => {
    const s = server()
    s.run('DEBUG POPULATE 5000 a')
    const then = contentOf(s)
    const taken = begin(s)
    for (let i = 0; i < 300; i++) slice(taken)
    s.run('DEBUG POPULATE 9000 b')
    for (let i = 0; i < 5000; i += 2) s.call('DEL', `a:${i}`)
    for (let i = 0; i < 300; i++) slice(taken)
    s.run('FLUSHALL')
    expect(s.engine.keyspace.lazyFree.pending).toBe(false)
    s.run('DEBUG POPULATE 300 c')
    expect(loadedFrom(finish(taken))).toEqual(then)
    expect(s.engine.keyspace.lazyFree.pending).toBe(true)
    expect(s.run('DBSIZE')).toBe(':300\r\n')
    leavesNothing(s)
  })

  test('finds all entries when its number comes round', () => {
    const s = server()
    const { keyspace } = s.engine
    s.run('SET a 1')
    keyspace.setEpoch(EPOCH_MAX - 4)
    for (let i = 0; i < 10; i++) {
      s.call('SET', `b${i >> 1}`, `${i}`)
      const then = contentOf(s)
      const taken = begin(s)
      s.call('SET', 'a', `${i}`)
      expect(loadedFrom(finish(taken))).toEqual(then)
    }
    expect(keyspace.epoch).toBe(6)
  })

  test('waits while the sink is full', () => {
    const s = server()
    s.run('DEBUG POPULATE 100')
    const taken = begin(s)
    taken.sink.isFull = true
    for (let i = 0; i < 10; i++) slice(taken)
    expect(taken.snapshot.keysProcessed).toBe(0)
    s.run('DEL key:1')
    expect(taken.snapshot.keysProcessed).toBe(1)
    taken.sink.isFull = false
    finish(taken)
    expect(taken.snapshot.keysProcessed).toBe(100)
  })

  test('of values as long as they come', () => {
    const s = server()
    s.call('SETRANGE', 's', '900000', 'end')
    s.call('RPUSH', 'l', 'x'.repeat(200_000), 'a', 'y'.repeat(70_000), 'b')
    for (let i = 0; i < 30; i++) s.call('RPUSH', 'm', ...Array.from({ length: 1000 }, (_, n) => `${i}:${n}`))
    for (const version of ['6', '8', '10']) {
      s.call('CONFIG', 'SET', 'rdb-version', version)
      const then = contentOf(s)
      expect(loadedFrom(finish(begin(s)))).toEqual(then)
      expect(loadedFrom(finish(begin(s, { string: 1e9, list: 1e9 })))).toEqual(then)
      s.run('SAVE')
      expect(loadedFrom(readFileSync(join(directory, 'dump.rdb')))).toEqual(then)
    }
  })
})

/** Nothing is held, kept or marked any more, and all memory is the keyspace's. */
function leavesNothing(s: Session): void {
  const { keyspace } = s.engine
  expect(keyspace.snapshot).toBe(null)
  expect(keyspace.freezes.open).toBe(0)
  for (const { index } of keyspace.databases) expect(index.holds).toBe(0)
  for (const db of keyspace.databases) {
    s.call('SELECT', db.id)
    for (const key of s.bulks('KEYS *')) s.call('DEL', key)
    db.detach()
  }
  keyspace.lazyFree.run(1e9)
  expect(keyspace.arena.liveObjects).toBe(0)
}
