import { describe, expect, it } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { Entry, TYPE_LIST, TYPE_STRING } from '../../src/keyspace/entry.ts'
import { Keyspace } from '../../src/keyspace/keyspace.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { SeededRandom } from '../../src/platform/random.ts'
import { Arguments } from '../../src/protocol/arguments.ts'
import { blockOf } from '../../src/structures/block.ts'
import { LIST_ROOT_SIZE } from '../../src/values/list-root.ts'

const KEYS = 300_000
const KEPT = 10
const LIST_ELEMENTS = 20_000

/** A clock whose monotonic time moves by a microsecond each time it is read, so that slices end. */
class TickingClock extends ManualClock {
  private micros = 0

  override monotonicMicros(): number {
    return ++this.micros
  }
}

function keyOf(name: string): Arguments {
  const args = new Arguments()
  args.block = blockOf(name)
  args.count = 1
  args.lengths[0] = name.length
  return args
}

/** Many keys, of which a tenth stays: every page is left sparse. */
function sparseKeyspace(): Keyspace & { configuration: Configuration } {
  const configuration = new Configuration()
  const keyspace = Object.assign(
    new Keyspace(configuration.settings, new TickingClock(), new SeededRandom(1)),
    { configuration },
  )
  const [db] = keyspace.databases
  for (let i = 0; i < KEYS; i++) {
    const name = `key:${i}`
    const entry = db.overwrite(keyOf(name), 0, TYPE_STRING, 200, false)
    entry.block.bytes.write(`value of ${name}`.padEnd(200), entry.valueOffset)
    if (i % 3 === 0) db.setDeadline(entry, keyspace.clock.now + 1000 + i)
    if (i === KEYS / 2) addList(keyspace)
  }
  for (let i = 0; i < KEYS; i++) {
    const entry = db.find(keyOf(`key:${i}`), 0)
    if (i % KEPT !== 0 && entry !== null) db.remove(entry)
  }
  return keyspace
}

function addList(keyspace: Keyspace): void {
  const [db] = keyspace.databases
  const args = keyOf('list')
  db.find(args, 0)
  const entry = db.create(args, 0, TYPE_LIST, LIST_ROOT_SIZE)
  keyspace.list.point(entry.block, entry.valueOffset)
  keyspace.list.initialize()
  for (let i = 0; i < LIST_ELEMENTS; i++) {
    const element = blockOf(`element ${i}`.padEnd(100))
    keyspace.list.pushTail(element, 0, element.bytes.length)
  }
}

function checkContent(keyspace: Keyspace): void {
  const [db] = keyspace.databases
  const entry = new Entry()
  for (let i = 0; i < KEYS; i += KEPT) {
    const name = `key:${i}`
    expect(db.find(keyOf(name), 0, entry)).not.toBeNull()
    expect(entry.valueText()).toBe(`value of ${name}`.padEnd(200))
    expect(entry.deadline).toBe(i % 3 === 0 ? keyspace.clock.now + 1000 + i : Number.POSITIVE_INFINITY)
    if (entry.hasDeadline) expect(db.deadlines.at(entry.deadlinePosition)).toBe(entry.address)
  }
  db.find(keyOf('list'), 0, entry)
  const { list } = keyspace
  list.point(entry.block, entry.valueOffset)
  expect(list.length).toBe(LIST_ELEMENTS)
  list.seek(0)
  for (let i = 0; i < LIST_ELEMENTS; i++) {
    const { elementBlock, elementOffset, elementLength } = list
    const text = elementBlock.bytes.toString('latin1', elementOffset, elementOffset + elementLength)
    expect(text).toBe(`element ${i}`.padEnd(100))
    list.advance()
  }
}

describe('defragmentation', () => {
  it('gives segments back after deletes and keeps every key, deadline and list as it was', () => {
    const keyspace = sparseKeyspace()
    const before = keyspace.arena.bytesReserved
    const used = keyspace.arena.bytesUsed
    let slices = 0
    for (let walks = 0; walks < 20 && keyspace.defragmentation.begin(); walks++) {
      while (keyspace.defragmentation.run(2)) slices++
    }
    expect(keyspace.defragmentation.isRunning).toBe(false)
    expect(keyspace.arena.bytesUsed).toBe(used)
    expect(keyspace.arena.bytesReserved).toBeLessThan(before * 0.6)
    // It came in slices: none held the loop for the whole walk.
    expect(slices).toBeGreaterThan(20)
    checkContent(keyspace)
  })

  it('goes on rightly when keys come, change and go between its slices', () => {
    const keyspace = sparseKeyspace()
    const [db] = keyspace.databases
    expect(keyspace.defragmentation.begin()).toBe(true)
    for (let i = 0; keyspace.defragmentation.run(2); i++) {
      const entry = db.overwrite(keyOf(`new:${i % 1000}`), 0, TYPE_STRING, (i % 300) + 1, false)
      entry.block.bytes.fill(i & 0xff, entry.valueOffset, entry.valueOffset + entry.valueLength)
      const victim = i % 2 === 0 ? db.find(keyOf(`new:${(i * 7) % 1000}`), 0) : null
      if (victim !== null) db.remove(victim)
    }
    checkContent(keyspace)
  })

  it('counts what it moves, looks at and how long it takes', () => {
    const keyspace = sparseKeyspace()
    const { stats, arena, defragmentation } = keyspace
    expect(defragmentation.begin()).toBe(true)
    while (defragmentation.run(50)) expect(defragmentation.currentMicros).toBeGreaterThan(0)
    expect(stats.defragHits).toBe(arena.moves)
    expect(stats.defragHits).toBeGreaterThan(1000)
    expect(stats.defragKeyHits + stats.defragKeyMisses).toBe(KEYS / KEPT + 1)
    expect(stats.defragKeyHits).toBeLessThanOrEqual(stats.defragHits)
    expect(stats.defragMicros).toBeGreaterThan(100)
    expect(defragmentation.currentMicros).toBe(0)
    stats.reset()
    expect(stats.defragHits + stats.defragKeyMisses + stats.defragMicros).toBe(0)
  })

  it('goes by the settings with activedefrag yes, and by its own rules without', () => {
    const keyspace = sparseKeyspace()
    const { configuration, defragmentation, arena } = keyspace
    // Fills a part of the gaps, since a threshold is 1000 % at most.
    for (let i = 0; i < KEYS / 6; i++)
      keyspace.databases[0].overwrite(keyOf(`more:${i}`), 0, TYPE_STRING, 200, false)
    const slack = arena.bytesReserved - arena.bytesUsed
    const percent = (slack * 100) / arena.bytesUsed
    const set = (...pairs: [string, string][]): void => configuration.set(pairs, false)
    expect(defragmentation.effort).toBe(25)
    set(['activedefrag', 'yes'], ['active-defrag-ignore-bytes', `${slack + 1}`])
    expect(defragmentation.begin()).toBe(false)
    set(['active-defrag-ignore-bytes', '1mb'], ['active-defrag-threshold-lower', '1000'])
    expect(defragmentation.begin()).toBe(false)
    set(['active-defrag-threshold-lower', '10'], ['active-defrag-threshold-upper', `${Math.ceil(percent)}`])
    set(['active-defrag-cycle-min', '5'], ['active-defrag-cycle-max', '60'])
    expect(Math.round(defragmentation.effort)).toBe(60)
    set(
      ['active-defrag-threshold-lower', `${Math.floor(percent)}`],
      ['active-defrag-threshold-upper', '1000'],
    )
    expect(Math.round(defragmentation.effort)).toBe(5)
    expect(defragmentation.begin()).toBe(true)
  })

  it('starts below every threshold when asked to', () => {
    const keyspace = sparseKeyspace()
    keyspace.configuration.set(
      [
        ['activedefrag', 'yes'],
        ['active-defrag-ignore-bytes', '10gb'],
      ],
      false,
    )
    expect(keyspace.defragmentation.begin()).toBe(false)
    expect(keyspace.defragmentation.begin(true)).toBe(true)
  })

  it('does not start when there is nothing to gain', () => {
    const keyspace = new Keyspace(new Configuration().settings, new TickingClock(), new SeededRandom(1))
    const [db] = keyspace.databases
    for (let i = 0; i < 1000; i++) db.overwrite(keyOf(`key:${i}`), 0, TYPE_STRING, 10, false)
    expect(keyspace.defragmentation.begin()).toBe(false)
  })
})
