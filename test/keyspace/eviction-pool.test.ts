/** The pool of candidates: what gets in, what order it keeps, against a sorted array. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/keyspace/database.ts'
import { EvictionPool, POOL_SIZE } from '../../src/keyspace/eviction-pool.ts'

const db = {} as Database

/** Takes all scores out, best first. */
function drain(pool: EvictionPool): number[] {
  const scores: number[] = []
  for (let one = pool.take(); one !== null; one = pool.take()) scores.push(one.score)
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
            expect(pool.take()?.score).toBe(model.shift())
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
    expect(pool.take()).toMatchObject({ address: 1, hash: 7, score: 9 })
    expect(pool.take()).toMatchObject({ address: 2, score: 6 })
  })

  test('tells keys of other databases, and other keys at an address used again, apart', () => {
    const pool = new EvictionPool()
    pool.add(db, 1, 7, 5)
    pool.add({} as Database, 1, 7, 5)
    pool.add(db, 1, 8, 5)
    expect(pool.size).toBe(3)
  })
})
