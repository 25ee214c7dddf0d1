/**
 * The arena: allocate and free in a tight pair, in a churning dataset, and the two reads every access makes.
 * Run with `npx tsx bench/micro/arena.ts`.
 */
import { bench, do_not_optimize, run } from 'mitata'
import { Arena } from '../../src/structures/arena.ts'

for (const size of [16, 64, 200, 1000]) {
  const arena = new Arena()
  for (let i = 0; i < 100; i++) arena.allocate(size)
  bench(`allocate and free ${size} B`, () => arena.free(arena.allocate(size)))
}

for (const objects of [10_000, 1_000_000]) {
  const arena = new Arena()
  const live = new Int32Array(objects)
  for (let i = 0; i < objects; i++) live[i] = arena.allocate(40 + (i % 8) * 8)
  let at = 0
  bench(`replace one of ${objects} objects of 40 to 96 B`, () => {
    at = (at + 7919) % objects
    arena.free(live[at])
    live[at] = arena.allocate(40 + (at % 8) * 8)
  })
  bench(`read a word of one of ${objects} objects`, () => {
    at = (at + 7919) % objects
    const address = live[at]
    do_not_optimize(arena.block(address).view.getInt32(arena.offset(address), true))
  })
  bench(`fits and capacity of one of ${objects} objects`, () => {
    at = (at + 7919) % objects
    do_not_optimize(arena.fits(live[at], 64) ? 1 : arena.capacity(live[at]))
  })
}

bench('empty page opened and closed', () => {
  const arena = lone
  arena.free(arena.allocate(64))
})
const lone = new Arena()

await run()

const arena = new Arena()
const live: number[] = []
for (let i = 0; i < 1_000_000; i++) live.push(arena.allocate(80))
for (let i = 0; i < live.length; i++) if (i % 10 !== 0) arena.free(live[i])
let start = performance.now()
const pages = arena.beginEvacuation()
console.log(`\nplan of an evacuation of ${pages} pages: ${(performance.now() - start).toFixed(2)} ms`)
start = performance.now()
let moved = 0
for (let i = 0; i < live.length; i += 10) {
  if (!arena.shouldMove(live[i])) continue
  live[i] = arena.move(live[i])
  moved++
}
const took = performance.now() - start
console.log(`${moved} objects of 80 B moved: ${((took / moved) * 1e6).toFixed(0)} ns each`)
arena.endEvacuation()
