/**
 * The 24 bits per key that say how recently (LRU) or how often (LFU) it was used.
 *
 * LRU: seconds since the epoch, modulo 2^24 (194 days). An idle time is the distance to now, so a key not
 * touched for longer looks younger than it is: a price Redis pays too.
 *
 * LFU: 16 bits of minutes (when the counter last decayed) above an 8-bit counter that grows with the
 * logarithm of the accesses: the chance of an increment is 1 / ((counter − 5) · lfu-log-factor + 1), so one
 * byte tells a million hits from a thousand; it loses one per lfu-decay-time minutes. New keys start at 5,
 * or they would be the first to go. How far off it is: after the same hits two keys differ by some 10 % of their
 * counters, which are those of Redis's documentation (bench/results/eviction.md has the table for four factors).
 */
import type { Random } from '../platform/random.ts'

const LRU_MASK = 0xffffff
const MINUTES_MASK = 0xffff
const COUNTER_MAX = 255
const COUNTER_START = 5

/** Access value of the LRU clock at `now` milliseconds. */
export function lruAccess(now: number): number {
  return Math.floor(now / 1000) & LRU_MASK
}

/** Milliseconds since the access recorded in `access`, at a resolution of one second. */
export function idleMillis(access: number, now: number): number {
  return idleSeconds(access, lruAccess(now)) * 1000
}

/** The same in seconds, the access clock being at `clock` now. */
export function idleSeconds(access: number, clock: number): number {
  return (clock - access) & LRU_MASK
}

/** Access value of a key last used `seconds` before `now`; what the clock cannot tell looks half its range old. */
export function lruAccessBefore(now: number, seconds: number): number {
  const access = lruAccess(now) - seconds
  return access >= 0 ? access : (lruAccess(now) + (LRU_MASK >> 1)) % LRU_MASK
}

/** Access value of a key whose counter was `counter` (0 … 255) at `now`. */
export function lfuAccess(now: number, counter: number): number {
  return (minutes(now) << 8) | counter
}

/** Access value of a key just created under LFU. */
export function lfuStart(now: number): number {
  return (minutes(now) << 8) | COUNTER_START
}

/** The counter of `access` after its decay up to `now`. `decayTime` in minutes; 0: never. */
export function lfuCounter(access: number, now: number, decayTime: number): number {
  const counter = access & 0xff
  if (decayTime === 0) return counter
  const elapsed = (minutes(now) - (access >> 8)) & MINUTES_MASK
  const periods = Math.floor(elapsed / decayTime)
  return periods > counter ? 0 : counter - periods
}

/** Access value after one more access at `now`. */
export function lfuTouch(
  access: number,
  now: number,
  decayTime: number,
  logFactor: number,
  random: Random,
): number {
  let counter = lfuCounter(access, now, decayTime)
  if (counter < COUNTER_MAX) {
    const above = Math.max(0, counter - COUNTER_START)
    if (random.fraction() < 1 / (above * logFactor + 1)) counter++
  }
  return (minutes(now) << 8) | counter
}

function minutes(now: number): number {
  return Math.floor(now / 60_000) & MINUTES_MASK
}
