/** The header of an entry: what shares a byte stays apart, and sending for an entry leaves it as it is. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { DEADLINE_FIELD, Entry, entryBytes, fetchEntry, headerWord } from '../../src/keyspace/entry.ts'
import { Arena } from '../../src/structures/arena.ts'
import { blockOf } from '../../src/structures/block.ts'

/** The lowest four bits are an entry's flags or its type. */
const NIBBLE = 15

function created(arena: Arena, header: number, key: string, valueLength: number): Entry {
  const entry = new Entry()
  const field = ((header >> 4) & DEADLINE_FIELD) !== 0
  const address = arena.allocate(entryBytes(key.length, valueLength, field))
  entry.create(arena, address, 1, header, blockOf(key), 0, key.length, valueLength)
  return entry
}

test('type, flags, epoch and access clock are what they were set to, whatever the others are', () => {
  const nibble = fc.nat(NIBBLE)
  const epoch = fc.nat(0xffff)
  const access = fc.nat(0xffffff)
  fc.assert(
    fc.property(nibble, nibble, epoch, nibble, nibble, epoch, access, (t, f, e, type, flags, late, clock) => {
      const arena = new Arena()
      const entry = created(arena, headerWord(t, f, e), 'key', 5)
      expect([entry.type, entry.flags, entry.epoch, entry.access]).toEqual([t, f, e, 0])
      entry.type = type
      expect([entry.type, entry.flags, entry.epoch]).toEqual([type, f, e])
      entry.flags = flags
      expect([entry.type, entry.flags, entry.epoch]).toEqual([type, flags, e])
      entry.epoch = late
      entry.access = clock
      expect([entry.type, entry.flags, entry.epoch, entry.access]).toEqual([type, flags, late, clock])
      expect(entry.header).toBe(headerWord(type, flags, late))
      expect(entry.keyBytes().toString()).toBe('key')
    }),
  )
})

test('an entry that was sent for is as it was, in a page or with a buffer of its own', () => {
  const arena = new Arena()
  for (const length of [1, 20_000]) {
    const entry = created(arena, headerWord(NIBBLE, NIBBLE, 0xffff), 'k'.repeat(300), length)
    entry.access = 0xffffff
    entry.block.bytes.fill(0xff, entry.valueOffset, entry.valueOffset + length)
    const capacity = arena.capacity(entry.address)
    const bytes = (): string => entry.block.bytes.toString('hex', entry.base, entry.base + capacity)
    const before = bytes()
    fetchEntry(arena, entry.address)
    expect(bytes()).toBe(before)
  }
  fetchEntry(arena, 0)
})
