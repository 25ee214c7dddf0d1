/**
 * Snapshots are the keyspace as it was at one moment: random commands between slices, the file loaded by another server
 * and compared with what there was; long values changed while they are read; nothing left behind.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { EPOCH_MAX } from '../../src/keyspace/keyspace.ts'
import { RdbEncoder } from '../../src/persistence/rdb-encoder.ts'
import { type LongFrom, Snapshot, type SnapshotSink } from '../../src/persistence/snapshot.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { type Block, newBlock } from '../../src/structures/block.ts'
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

function begin({ engine: { keyspace } }: Session, longFrom = SHORT): Taken {
  keyspace.setEpoch((keyspace.epoch % EPOCH_MAX) + 1)
  const sink = new Memory()
  const encoder = new RdbEncoder(keyspace, false)
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
  test('is what there was, whatever comes between its slices', { timeout: 120_000 }, () => {
    const commands = fc.array(command, { maxLength: 60, size: 'max' })
    const pace = fc.constantFrom(0, 1, 2, 7)
    fc.assert(
      fc.property(commands, commands, pace, fc.nat(3), (before, during, slices, aborted) => {
        const s = server()
        for (const words of before) run(s, words)
        for (let i = 0; i < aborted; i++) {
          const given = begin(s)
          for (let n = 0; n < 5 * i; n++) slice(given)
          given.snapshot.abort()
          run(s, ['SET', `k${i}`, 'between'])
        }
        const then = contentOf(s)
        const taken = begin(s)
        for (const words of during) {
          run(s, words)
          for (let i = 0; i < slices; i++) slice(taken)
          if (s.engine.keyspace.lazyFree.pending) s.engine.keyspace.lazyFree.step()
        }
        const bytes = finish(taken)
        expect(taken.snapshot.keysProcessed).toBe(taken.snapshot.keysTotal)
        expect(loadedFrom(bytes)).toEqual(then)
        leavesNothing(s)
      }),
      { numRuns: 150 },
    )
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
