/**
 * Processor time of the slices of a snapshot, and of the changes between them: many short strings, one list of five
 * million elements, one string of 200 MB. Time on the wall would show what else the machine does; the largest figures
 * have the garbage collector's other threads in them. `npx tsx bench/micro/snapshot.ts`.
 */
import { performance } from 'node:perf_hooks'
import { RdbEncoder } from '../../src/persistence/rdb-encoder.ts'
import { Snapshot, type SnapshotSink } from '../../src/persistence/snapshot.ts'
import { type Block, newBlock } from '../../src/structures/block.ts'
import { type Session, session } from '../../test/commands/session.ts'

const SLICE_MICROS = 200

class Nowhere implements SnapshotSink {
  readonly isFull = false
  bytes = 0
  private readonly block: Block = newBlock(192 * 1024)

  put(_block: Block, length: number): void {
    this.bytes += length
  }

  fresh(): Block {
    return this.block
  }
}

function microsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start)
  return user + system
}

function at(list: readonly number[], share: number): string {
  return `${Math.round(list[Math.floor(list.length * share)])}`
}

function measure(name: string, s: Session, meanwhile: (slice: number) => void): void {
  const { keyspace } = s.engine
  // The session's clock stands still.
  const clock = keyspace.clock as { monotonicMicros: () => number }
  clock.monotonicMicros = () => performance.now() * 1000
  keyspace.setEpoch(keyspace.epoch + 1)
  const sink = new Nowhere()
  const from = process.cpuUsage()
  const snapshot = new Snapshot(keyspace, new RdbEncoder(keyspace, false), sink)
  const slices: number[] = [microsSince(from)]
  const changes: number[] = []
  while (!snapshot.isComplete) {
    const start = process.cpuUsage()
    snapshot.run(performance.now() * 1000 + SLICE_MICROS)
    slices.push(microsSince(start))
    const end = process.cpuUsage()
    meanwhile(slices.length)
    changes.push(microsSince(end))
  }
  slices.sort((a, b) => a - b)
  changes.sort((a, b) => a - b)
  const sum = slices.reduce((a, b) => a + b, 0)
  console.log(
    `${name}: ${snapshot.keysTotal} keys, ${sink.bytes} bytes in ${Math.round(sum / 1000)} ms of ${slices.length} slices; µs a slice: median ${at(slices, 0.5)}, 99 % ${at(slices, 0.99)}, 99.9 % ${at(slices, 0.999)}, most ${at(slices, 0.99999)}; µs a change: median ${at(changes, 0.5)}, 99.9 % ${at(changes, 0.999)}, most ${at(changes, 0.99999)}`,
  )
}

const strings = session({ config: { 'enable-debug-command': 'yes' } })
strings.run('DEBUG POPULATE 1000000 key 32')
measure('short strings', strings, () => {})
let next = 0
measure('short strings, overwritten', strings, () => {
  for (let i = 0; i < 20; i++) strings.call('SET', `key:${(next = (next + 7919) % 1_000_000)}`, `${next}`)
})

const list = session()
for (let i = 0; i < 5000; i++) {
  list.call('RPUSH', 'list', ...Array.from({ length: 1000 }, (_, n) => `${i * 1000 + n}`.padStart(10, '0')))
}
measure('long list', list, () => {})
measure('long list, used at its ends', list, () => {
  list.run('LPUSH list x')
  list.run('RPOP list')
})
measure('long list, set anywhere', list, (n) => {
  list.call('LSET', 'list', (n * 7919) % 4_900_000, 'y')
})
measure('long list, deleted', list, (n) => {
  if (n === 100) list.run('DEL list')
})

const large = session()
large.call('SETRANGE', 'large', 200_000_000, 'x')
measure('long string', large, () => {})
measure('long string, a bit set', large, (n) => {
  if (n === 50) large.run('SETBIT large 7 1')
})
measure('long string, deleted', large, (n) => {
  if (n === 50) large.run('DEL large')
})
