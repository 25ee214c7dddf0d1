/** The pool of candidates: what gets in, what order it keeps, against a sorted array. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/keyspace/database.ts'
import { EvictionPool, POOL_SIZE } from '../../src/keyspace/eviction-pool.ts'

const db = {} as Database

/** Takes all scores out, best first. */
function drain(pool: EvictionPool): number[] {
  const scores: number[] = []
  for (let place = pool.take(); place >= 0; place = pool.take()) scores.push(pool.scores[place])
  return scores
}

describe('the eviction pool', () => {
  test('keeps the sixteen best, best first', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 60 }), (scores) => {
        const pool = new EvictionPool()
        scores.forEach((score, i) => {
          if (pool.wants(score)) pool.add(db, i + 1, i, score)
        })
        const best = scores.toSorted((a, b) => b - a).slice(0, POOL_SIZE)
        expect(drain(pool)).toEqual(best)
      }),
    )
  })

  test('is the same when candidates are taken between', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 30 })), { maxLength: 80 }), (steps) => {
        const pool = new EvictionPool()
        let model: number[] = []
        steps.forEach((score, i) => {
          if (score === null) {
            const place = pool.take()
            expect(place < 0 ? undefined : pool.scores[place]).toBe(model.shift())
            return
          }
          expect(pool.wants(score)).toBe(model.length < POOL_SIZE || score > Math.min(...model))
          if (pool.wants(score)) pool.add(db, i + 1, i, score)
          model = [...model, score].sort((a, b) => b - a).slice(0, POOL_SIZE)
        })
        expect(drain(pool)).toEqual(model)
      }),
    )
  })

  test('holds a key once, with the score seen last', () => {
    const pool = new EvictionPool()
    pool.add(db, 1, 7, 5)
    pool.add(db, 2, 8, 6)
    pool.add(db, 1, 7, 9)
    expect(pool.size).toBe(2)
    const first = pool.take()
    expect([pool.addresses[first], pool.hashes[first], pool.scores[first]]).toEqual([1, 7, 9])
    expect(pool.dbs[first]).toBe(db)
    const second = pool.take()
    expect([pool.addresses[second], pool.scores[second]]).toEqual([2, 6])
    expect(pool.take()).toBe(-1)
  })

  test('tells keys of other databases, and other keys at an address used again, apart', () => {
    const pool = new EvictionPool()
    pool.add(db, 1, 7, 5)
    pool.add({} as Database, 1, 7, 5)
    pool.add(db, 1, 8, 5)
    expect(pool.size).toBe(3)
  })
})
