/**
 * What reading ahead saves: a pipeline of SET or GET of random keys, and one MSET of several, with and without it.
 */
import { Configuration } from '../../src/config/configuration.ts'
import { TYPE_STRING } from '../../src/keyspace/entry.ts'
import { Keyspace } from '../../src/keyspace/keyspace.ts'
import { LOOKAHEAD } from '../../src/keyspace/lookahead.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { Arguments } from '../../src/protocol/arguments.ts'
import { ReplyWriter } from '../../src/protocol/reply-writer.ts'
import { blockOf, copyBytes } from '../../src/structures/block.ts'

const BATCHES = 20_000
const KEY_BYTES = 16
const VALUE_BYTES = 32

/** One batch of requests over random keys, as a read chunk would hold them. */
function fill(requests: readonly Arguments[], chunk: ReturnType<typeof blockOf>, keys: number): void {
  for (const [i, args] of requests.entries()) {
    const at = i * (KEY_BYTES + VALUE_BYTES)
    chunk.bytes.write(`key:${String(Math.floor(Math.random() * keys)).padStart(12, '0')}`, at)
    args.block = chunk
    args.count = 3
    args.offsets[1] = at
    args.lengths[1] = KEY_BYTES
    args.offsets[2] = at + KEY_BYTES
    args.lengths[2] = VALUE_BYTES
    args.keyHash = 0
  }
}

function measure(keyspace: Keyspace, keys: number, write: boolean, ahead: boolean): number {
  const [db] = keyspace.databases
  const requests = Array.from({ length: LOOKAHEAD }, () => new Arguments())
  const chunk = blockOf(Buffer.alloc(LOOKAHEAD * (KEY_BYTES + VALUE_BYTES), 'x'))
  const reply = new ReplyWriter()
  let micros = 0
  for (let batch = 0; batch < BATCHES; batch++) {
    fill(requests, chunk, keys)
    const start = performance.now()
    if (ahead) keyspace.lookahead.run(db, requests, LOOKAHEAD)
    for (const args of requests) {
      if (write) {
        const entry = db.overwrite(args, 1, TYPE_STRING, VALUE_BYTES, false)
        copyBytes(args.block, args.offsets[2], entry.block, entry.valueOffset, VALUE_BYTES)
      } else {
        const entry = db.read(args, 1)
        if (entry !== null) reply.bulk(entry.block, entry.valueOffset, entry.valueLength)
      }
    }
    micros += (performance.now() - start) * 1000
    reply.rewind(0)
  }
  return (micros * 1000) / (BATCHES * LOOKAHEAD)
}

/** Keys of one MSET, as redis-benchmark sends it. */
const KEYS = 10

function measureMset(keyspace: Keyspace, keys: number, ahead: boolean): number {
  const [db] = keyspace.databases
  const args = new Arguments()
  const chunk = blockOf(Buffer.alloc(KEYS * KEY_BYTES + VALUE_BYTES, 'x'))
  args.block = chunk
  args.count = KEYS + 1
  let micros = 0
  for (let batch = 0; batch < BATCHES; batch++) {
    for (let i = 0; i < KEYS; i++) {
      const at = i * KEY_BYTES
      chunk.bytes.write(`key:${String(Math.floor(Math.random() * keys)).padStart(12, '0')}`, at)
      args.offsets[i + 1] = at
      args.lengths[i + 1] = KEY_BYTES
    }
    const start = performance.now()
    if (ahead) keyspace.lookahead.keys(db, args, 1, 1)
    for (let i = 1; i <= KEYS; i++) {
      const entry = db.overwrite(args, i, TYPE_STRING, VALUE_BYTES, false)
      copyBytes(chunk, KEYS * KEY_BYTES, entry.block, entry.valueOffset, VALUE_BYTES)
    }
    micros += (performance.now() - start) * 1000
  }
  return (micros * 1000) / (BATCHES * KEYS)
}

function median(values: number[]): string {
  return values.toSorted((a, b) => a - b)[values.length >> 1].toFixed(0)
}

for (const keys of [1000, 100_000, 1_000_000]) {
  const keyspace = new Keyspace(new Configuration().settings, new SystemClock(), systemRandom())
  const [db] = keyspace.databases
  const args = new Arguments()
  args.count = 1
  for (let i = 0; i < keys; i++) {
    args.block = blockOf(`key:${String(i).padStart(12, '0')}`)
    args.lengths[0] = KEY_BYTES
    db.overwrite(args, 0, TYPE_STRING, VALUE_BYTES, false)
  }
  for (const write of [false, true]) {
    const plain: number[] = []
    const ahead: number[] = []
    for (let round = 0; round < 7; round++) {
      plain.push(measure(keyspace, keys, write, false))
      ahead.push(measure(keyspace, keys, write, true))
    }
    console.log(
      `${write ? 'SET' : 'GET'} ${keys} keys: ${median(plain)} ns one by one, ${median(ahead)} ns reading ahead`,
    )
  }
  const plain: number[] = []
  const ahead: number[] = []
  for (let round = 0; round < 7; round++) {
    plain.push(measureMset(keyspace, keys, false))
    ahead.push(measureMset(keyspace, keys, true))
  }
  console.log(`MSET ${keys} keys: ${median(plain)} ns a key one by one, ${median(ahead)} ns reading ahead`)
}
