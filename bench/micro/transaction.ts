/** Queueing commands in MULTI: copies in shared blocks against one allocation for each. Run: npx tsx bench/micro/transaction.ts */
import { bench, do_not_optimize, group, run } from 'mitata'
import type { Command } from '../../src/engine/command.ts'
import { Transaction } from '../../src/engine/transaction.ts'
import { Arguments } from '../../src/protocol/arguments.ts'
import { blockOf } from '../../src/structures/block.ts'

const command = { flags: 0 } as Command
const args = new Arguments()
args.block = blockOf(Buffer.from('INCRcounter'))
args.count = 2
args.offsets.set([0, 4])
args.lengths.set([4, 7])

for (const count of [3, 100]) {
  group(`${count} commands`, () => {
    bench('a transaction', () => {
      const transaction = new Transaction()
      for (let i = 0; i < count; i++) transaction.add(command, args)
      transaction.finished()
      do_not_optimize(transaction)
    })
    bench('each with a block of its own', () => {
      const queue: Arguments[] = []
      for (let i = 0; i < count; i++) queue.push(Arguments.copyOf(args))
      do_not_optimize(queue)
    })
  })
}

await run()
