import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../../src/platform/clock.ts'
import { session } from '../commands/session.ts'

/** Lengths around what one block holds, and far beyond. */
const length = fc.oneof(
  { weight: 6, arbitrary: fc.nat(40) },
  { weight: 3, arbitrary: fc.integer({ min: 180, max: 600 }) },
  { weight: 1, arbitrary: fc.constantFrom(1024, 65_535, 65_536, 65_537, 200_000) },
)
const command = fc.record({
  list: fc.nat(2),
  byte: fc.integer({ min: 97, max: 122 }),
  lengths: fc.array(length),
})

/** A transaction: its commands, and how it ends. */
const transaction = fc.record({
  commands: fc.array(command, { maxLength: 20 }),
  ends: fc.constantFrom('EXEC', 'EXEC', 'DISCARD'),
})

test('EXEC runs what was queued, whatever others queue meanwhile and have run before', () => {
  fc.assert(
    fc.property(fc.array(transaction, { maxLength: 8 }), (transactions) => {
      const first = session()
      const clients = [first, first.another(), first.another()]
      const plain = session()
      // All three queue by turns before the first of them runs.
      for (let round = 0; round < transactions.length; round += 3) {
        const group = transactions.slice(round, round + 3)
        const queues = group.map(({ commands }) =>
          commands.map(({ list, byte, lengths }) => pushes(list, byte, lengths)),
        )
        for (const [i] of group.entries()) clients[i].run('MULTI')
        for (let at = 0; at < 20; at++) {
          for (const [i, queue] of queues.entries()) if (at < queue.length) clients[i].call(...queue[at])
        }
        for (const [i, { ends }] of group.entries()) {
          const replies = clients[i].run(ends)
          if (ends === 'DISCARD') continue
          const expected = queues[i].map((words) => plain.call(...words)).join('')
          expect(replies).toBe(`*${queues[i].length}\r\n${expected}`)
        }
      }
      for (const list of [0, 1, 2]) {
        expect(first.run(`LRANGE l${list} 0 -1`)).toBe(plain.run(`LRANGE l${list} 0 -1`))
      }
    }),
    { numRuns: 300 },
  )
})

function pushes(list: number, byte: number, lengths: readonly number[]): string[] {
  const values = lengths.map((size, i) => String.fromCharCode(97 + ((byte + i) % 26)).repeat(size))
  return ['RPUSH', `l${list}`, `${values.length}`, ...values]
}

/** As the system's clock: what has passed shows when it is read anew. */
class ReadClock extends ManualClock {
  private passed = 0

  override hold(milliseconds: number): void {
    this.passed += milliseconds
  }

  override refresh(): void {
    this.advance(this.passed)
    this.passed = 0
  }
}

// Not beside redis-server: that of 7.0 reads the time for each command.
test('time stands still inside EXEC, however long it takes', () => {
  const s = session({ clock: new ReadClock(), config: { 'enable-debug-command': 'yes' } })
  for (const line of ['MULTI', 'SET a 1 PX 100', 'DEBUG SLEEP 0.06', 'PTTL a']) s.run(line)
  expect(s.run('EXEC')).toBe('*3\r\n+OK\r\n+OK\r\n:100\r\n')
  expect(s.run('PTTL a')).toBe(':40\r\n')
})
