/**
 * The list over the arena: pushes, pops, ranges, edits, and the bytes an element costs.
 * Run: npx tsx bench/micro/list.ts
 */
import { bench, do_not_optimize, group, run } from 'mitata'
import { ReplyWriter } from '../../src/protocol/reply-writer.ts'
import { Arena } from '../../src/structures/arena.ts'
import { blockOf, newBlock } from '../../src/structures/block.ts'
import { afterShrinking, beforeGrowth } from '../../src/values/list-encoding.ts'
import { LIST_ROOT_SIZE } from '../../src/values/list-root.ts'
import { ListView } from '../../src/values/list-value.ts'

/** list-max-listpack-size as Redis ships it. */
const LIMIT = -2
const MILLION = 1_000_000

function listIn(arena: Arena): ListView {
  const list = new ListView(arena)
  list.point(newBlock(LIST_ROOT_SIZE), 0)
  list.initialize()
  return list
}

const element = blockOf('0123456789'.repeat(10))

for (const size of [10, 100]) {
  group(`${size}-byte elements`, () => {
    const tailed = listIn(new Arena())
    bench('push tail', () => {
      beforeGrowth(tailed, LIMIT, 1, size)
      tailed.pushTail(element, 0, size)
      if (tailed.length === MILLION) tailed.free()
    })
    const headed = listIn(new Arena())
    bench('push head', () => {
      beforeGrowth(headed, LIMIT, 1, size)
      headed.pushHead(element, 0, size)
      if (headed.length === MILLION) headed.free()
    })
    const full = listIn(new Arena())
    bench('pop head, of a list refilled a million at a time', () => {
      if (full.length === 0) for (let i = 0; i < MILLION; i++) full.pushTail(element, 0, size)
      full.peekHead()
      do_not_optimize(full.elementOffset)
      full.dropHead()
      if (full.length > 0) afterShrinking(full, LIMIT)
    })
    for (const length of [100, 10_000]) {
      const queue = listIn(new Arena())
      for (let i = 0; i < length; i++) {
        beforeGrowth(queue, LIMIT, 1, size)
        queue.pushTail(element, 0, size)
      }
      bench(`push head and pop tail, queue of ${length}`, () => {
        beforeGrowth(queue, LIMIT, 1, size)
        queue.pushHead(element, 0, size)
        queue.peekTail()
        queue.dropTail()
        afterShrinking(queue, LIMIT)
      })
    }
    const long = listIn(new Arena())
    for (let i = 0; i < MILLION; i++) long.pushTail(element, 0, size)
    bench('seek and walk 100', () => {
      let sum = 0
      long.seek(0)
      for (let i = 0; i < 100; i++) {
        sum += long.elementOffset + long.elementLength
        long.advance()
      }
      do_not_optimize(sum)
    })
    const reply = new ReplyWriter()
    bench('reply with the first 100', () => {
      long.seek(0)
      reply.arrayHeader(100)
      for (let left = 100; ; ) {
        reply.bulk(long.elementBlock, long.elementOffset, long.elementLength)
        if (--left === 0) break
        long.advance()
      }
      reply.rewind(0)
    })
    bench('seek to the middle of a million', () => long.seek(MILLION / 2))
    bench('remove and insert 100 from either end', () => {
      long.seek(100)
      long.removeAt()
      long.insertBefore(element, 0, size)
    })
  })
}

for (const size of [10, 100]) {
  const list = listIn(new Arena())
  const before = process.memoryUsage().rss
  for (let i = 0; i < MILLION; i++) list.pushTail(element, 0, size)
  const resident = (process.memoryUsage().rss - before) / MILLION
  const exact = (list.memoryBytes() / MILLION).toFixed(2)
  console.log(`${size}-byte elements: ${exact} B each in chunks, ${resident.toFixed(2)} B of RSS`)
}

await run()
