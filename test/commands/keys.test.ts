/** DEL, UNLINK, EXISTS, TOUCH, TYPE, RENAME, RENAMENX, COPY, MOVE: replies, events and what they leave behind. */
import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { bulk, bulks, type Session, session } from './session.ts'

let s: Session

beforeEach(() => {
  s = session()
})

const OK = '+OK\r\n'
const NULL = '$-1\r\n'
const SYNTAX = '-ERR syntax error\r\n'

describe('DEL and UNLINK', () => {
  test.each(['DEL', 'UNLINK'])('%s counts the keys it removed', (del) => {
    s.run('MSET a 1 b 2')
    s.run('RPUSH l x y')
    s.events()
    expect(s.run(`${del} a nokey l a`)).toBe(':2\r\n')
    expect(s.run('EXISTS a b l')).toBe(':1\r\n')
    expect(s.events()).toEqual(['del a 0', 'del l 0'])
  })

  test('an expired key was not there', () => {
    s.run('SET k v PX 100')
    s.clock.advance(101)
    s.events()
    expect(s.run('DEL k')).toBe(':0\r\n')
    expect(s.events()).toEqual(['expired k 0'])
  })

  test('all memory comes back', () => {
    const { arena } = s.engine.keyspace
    s.run(`SET string ${'x'.repeat(100_000)} EX 100`)
    for (let i = 0; i < 1000; i++) s.run(`RPUSH list ${'y'.repeat(100)}`)
    expect(arena.liveObjects).toBeGreaterThan(10)
    s.run('DEL string list')
    expect(arena.liveObjects).toBe(0)
  })
})

describe('EXISTS, TOUCH, TYPE', () => {
  test('EXISTS counts a key as often as it is named', () => {
    s.run('SET k v')
    expect(s.run('EXISTS k nokey k')).toBe(':2\r\n')
  })

  test('they count hits and misses; only TOUCH is an access', () => {
    s.run('SET k v')
    s.clock.advance(10_000)
    s.run('EXISTS k nokey')
    s.run('TYPE k')
    expect(s.run('OBJECT IDLETIME k')).toBe(':10\r\n')
    expect(s.run('TOUCH k nokey')).toBe(':1\r\n')
    expect(s.run('OBJECT IDLETIME k')).toBe(':0\r\n')
    expect(s.engine.keyspace.stats.hits).toBe(5)
    expect(s.engine.keyspace.stats.misses).toBe(2)
  })

  test('TYPE', () => {
    s.run('SET s v')
    s.run('RPUSH l v')
    expect(s.run('TYPE s')).toBe('+string\r\n')
    expect(s.run('TYPE l')).toBe('+list\r\n')
    expect(s.run('TYPE nokey')).toBe('+none\r\n')
  })
})

describe('RENAME and RENAMENX', () => {
  test('overwrites, and takes the deadline along', () => {
    s.run('SET a 1 PX 5000')
    s.run('SET b 2')
    s.events()
    expect(s.run('RENAME a b')).toBe(OK)
    expect(s.events()).toEqual(['rename_from a 0', 'rename_to b 0'])
    expect(s.run('GET b')).toBe(bulk('1'))
    expect(s.run('PTTL b')).toBe(':5000\r\n')
    expect(s.run('EXISTS a')).toBe(':0\r\n')
    s.run('RENAME b c')
    s.run('SET b 3 PX 10')
    s.run('PERSIST c')
    s.run('RENAME c b')
    expect(s.run('PTTL b')).toBe(':-1\r\n')
  })

  test('a list moves without being copied', () => {
    const { arena } = s.engine.keyspace
    for (let i = 0; i < 500; i++) s.run(`RPUSH l element:${i} ${'x'.repeat(i)}`)
    const objects = arena.liveObjects
    const before = s.run('LRANGE l 0 -1')
    s.run(`RENAME l ${'long'.repeat(80)}`)
    expect(arena.liveObjects).toBe(objects)
    s.run(`RENAME ${'long'.repeat(80)} m`)
    expect(arena.liveObjects).toBe(objects)
    expect(s.run('LRANGE m 0 -1')).toBe(before)
    s.run('RPUSH m more')
    expect(s.run('LINDEX m -1')).toBe(bulk('more'))
    s.run('DEL m')
    expect(arena.liveObjects).toBe(0)
  })

  test('keeps the access frequency and the encoding', () => {
    s.engine.keyspace.lfu = true
    s.run('SET a x')
    s.run('APPEND a y')
    for (let i = 0; i < 200; i++) s.run('GET a')
    const frequency = s.run('OBJECT FREQ a')
    expect(frequency).not.toBe(':5\r\n')
    s.run('RENAME a b')
    expect(s.run('OBJECT FREQ b')).toBe(frequency)
    expect(s.run('OBJECT ENCODING b')).toBe(bulk('raw'))
  })

  test('to itself', () => {
    s.run('SET a 1')
    s.events()
    expect(s.run('RENAME a a')).toBe(OK)
    expect(s.run('RENAMENX a a')).toBe(':0\r\n')
    expect(s.events()).toEqual([])
  })

  test('without a source', () => {
    s.run('SET b 2')
    expect(s.run('RENAME a b')).toBe('-ERR no such key\r\n')
    expect(s.run('RENAME a a')).toBe('-ERR no such key\r\n')
    expect(s.run('RENAMENX a b')).toBe('-ERR no such key\r\n')
    expect(s.run('GET b')).toBe(bulk('2'))
  })

  test('RENAMENX only to an absent key, and an expired one is absent', () => {
    s.run('MSET a 1 b 2')
    expect(s.run('RENAMENX a b')).toBe(':0\r\n')
    expect(s.run('GET b')).toBe(bulk('2'))
    s.run('PEXPIRE b 10')
    s.clock.advance(11)
    expect(s.run('RENAMENX a b')).toBe(':1\r\n')
    expect(s.run('GET b')).toBe(bulk('1'))
  })
})

describe('COPY', () => {
  test('to a new key, with its deadline', () => {
    s.run('SET a 1 PX 5000')
    s.events()
    expect(s.run('COPY a b')).toBe(':1\r\n')
    expect(s.events()).toEqual(['copy_to b 0'])
    s.run('SET a changed')
    expect(s.run('GET b')).toBe(bulk('1'))
    expect(s.run('PTTL b')).toBe(':5000\r\n')
  })

  test('only REPLACE overwrites', () => {
    s.run('SET a 1')
    s.run('RPUSH b x')
    expect(s.run('COPY a b')).toBe(':0\r\n')
    expect(s.run('COPY a b replace')).toBe(':1\r\n')
    expect(s.run('GET b')).toBe(bulk('1'))
  })

  test('a list is independent of its copy', () => {
    for (let i = 0; i < 300; i++) s.run(`RPUSH l element:${i} ${'x'.repeat(i)}`)
    const before = s.run('LRANGE l 0 -1')
    expect(s.run('COPY l m')).toBe(':1\r\n')
    s.run('LTRIM l 0 0')
    expect(s.run('LRANGE m 0 -1')).toBe(before)
    s.run('DEL m l')
    expect(s.engine.keyspace.arena.liveObjects).toBe(0)
  })

  test('to another database', () => {
    s.run('SET a 1')
    s.events()
    expect(s.run('COPY a a DB 3')).toBe(':1\r\n')
    expect(s.events()).toEqual(['copy_to a 3'])
    expect(s.run('COPY a a DB 3')).toBe(':0\r\n')
    s.run('SELECT 3')
    expect(s.run('GET a')).toBe(bulk('1'))
  })

  test('refusals', () => {
    s.run('SET a 1')
    const same = '-ERR source and destination objects are the same\r\n'
    expect(s.run('COPY a a')).toBe(same)
    expect(s.run('COPY a a DB 0 REPLACE')).toBe(same)
    expect(s.run('COPY nokey b')).toBe(':0\r\n')
    expect(s.run('COPY a b DB')).toBe(SYNTAX)
    expect(s.run('COPY a b REPLACE what')).toBe(SYNTAX)
    expect(s.run('COPY a b DB x')).toBe('-ERR value is not an integer or out of range\r\n')
    expect(s.run('COPY a b DB 16')).toBe('-ERR DB index is out of range\r\n')
    expect(s.run('COPY a b DB 2147483648')).toBe(
      '-ERR value is out of range, value must between -2147483648 and 2147483647\r\n',
    )
  })
})

describe('MOVE', () => {
  test('with value and deadline, nothing copied', () => {
    const { arena } = s.engine.keyspace
    s.run('RPUSH l a b c')
    s.run('PEXPIRE l 5000')
    const objects = arena.liveObjects
    s.events()
    expect(s.run('MOVE l 1')).toBe(':1\r\n')
    expect(s.events()).toEqual(['move_from l 0', 'move_to l 1'])
    expect(arena.liveObjects).toBe(objects)
    expect(s.run('EXISTS l')).toBe(':0\r\n')
    s.run('SELECT 1')
    expect(s.run('LRANGE l 0 -1')).toBe(bulks('a', 'b', 'c'))
    expect(s.run('PTTL l')).toBe(':5000\r\n')
    s.clock.advance(5001)
    expect(s.run('EXISTS l')).toBe(':0\r\n')
    expect(arena.liveObjects).toBe(0)
  })

  test('refusals', () => {
    s.run('SET a 1')
    s.run('COPY a a DB 1')
    expect(s.run('MOVE a 1')).toBe(':0\r\n')
    expect(s.run('MOVE nokey 1')).toBe(':0\r\n')
    expect(s.run('MOVE a 0')).toBe('-ERR source and destination objects are the same\r\n')
    expect(s.run('MOVE a 16')).toBe('-ERR DB index is out of range\r\n')
    expect(s.run('MOVE a -1')).toBe('-ERR DB index is out of range\r\n')
    expect(s.run('MOVE a x')).toBe('-ERR value is not an integer or out of range\r\n')
  })
})

/** A model of two databases: key → value and deadline in milliseconds, or no deadline. */
type Model = Map<string, { value: string; deadline: number }>

describe('a random life of keys', () => {
  const key = fc.constantFrom('a', 'b', 'c', `long${'g'.repeat(300)}`)
  const value = fc.oneof(fc.constantFrom('1', 'v', 'x'.repeat(50)), fc.constant('y'.repeat(20_000)))
  const command = fc.oneof(
    fc.record({ name: fc.constantFrom('SET', 'APPEND'), key, value }),
    fc.record({ name: fc.constantFrom('DEL', 'PERSIST', 'MOVE', 'GET'), key }),
    fc.record({ name: fc.constantFrom('RENAME', 'RENAMENX', 'COPY', 'COPY REPLACE'), key, other: key }),
    fc.record({ name: fc.constant('PEXPIRE'), key, time: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ name: fc.constant('wait'), key, time: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ name: fc.constantFrom('SWAPDB', 'FLUSHDB'), key }),
  )

  test('agrees with a model, and memory is accounted for', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const own = session()
        const models: [Model, Model] = [new Map(), new Map()]
        for (const step of commands) play(own, models, step)
        expect(own.run('DBSIZE')).toBe(`:${models[0].size}\r\n`)
        const { keyspace } = own.engine
        for (const [i, db] of keyspace.databases.slice(0, 2).entries()) {
          const timed = [...models[i].values()].filter(({ deadline }) => deadline < Infinity)
          expect(db.deadlines.count).toBe(timed.length)
          own.run(`SELECT ${i}`)
          for (const [name, { value }] of models[i]) expect(own.call('GET', name)).toBe(bulk(value))
        }
        keyspace.lazyFree.run(1e9)
        expect(keyspace.arena.liveObjects).toBe(models[0].size + models[1].size)
      }),
      { numRuns: 300 },
    )
  })
})

interface Step {
  readonly name: string
  readonly key: string
  readonly value?: string
  readonly other?: string
  readonly time?: number
}

function play(own: Session, models: [Model, Model], step: Step): void {
  const { name, key, value = '', other = '', time = 0 } = step
  const now = own.clock.now
  const model = models[0]
  const had = model.get(key)
  if (name === 'wait') {
    own.clock.advance(time)
    for (const each of models) {
      for (const [k, { deadline }] of each) if (deadline <= own.clock.now) each.delete(k)
    }
    // Whatever is past its deadline is asked for, so that both agree on what is there.
    for (const db of ['1', '0']) {
      own.run(`SELECT ${db}`)
      own.run('SCAN 0 COUNT 1000')
    }
  } else if (name === 'SET') {
    model.set(key, { value, deadline: Infinity })
    expect(own.call('SET', key, value)).toBe(OK)
  } else if (name === 'APPEND') {
    const appended = (had?.value ?? '') + value
    model.set(key, { value: appended, deadline: had?.deadline ?? Infinity })
    expect(own.call('APPEND', key, value)).toBe(`:${appended.length}\r\n`)
  } else if (name === 'GET') expect(own.call('GET', key)).toBe(had ? bulk(had.value) : NULL)
  else if (name === 'DEL') expect(own.call('DEL', key)).toBe(`:${model.delete(key) ? 1 : 0}\r\n`)
  else if (name === 'PERSIST') {
    expect(own.call('PERSIST', key)).toBe(`:${had && had.deadline < Infinity ? 1 : 0}\r\n`)
    if (had) had.deadline = Infinity
  } else if (name === 'PEXPIRE') {
    expect(own.call('PEXPIRE', key, time)).toBe(`:${had ? 1 : 0}\r\n`)
    if (had) had.deadline = now + time
  } else if (name === 'MOVE') {
    const moves = had !== undefined && !models[1].has(key)
    expect(own.call('MOVE', key, 1)).toBe(`:${moves ? 1 : 0}\r\n`)
    if (moves) {
      models[1].set(key, had)
      model.delete(key)
    }
  } else if (name === 'SWAPDB') {
    expect(own.run('SWAPDB 0 1')).toBe(OK)
    models.reverse()
  } else if (name === 'FLUSHDB') {
    expect(own.run('FLUSHDB')).toBe(OK)
    model.clear()
  } else playTwo(own, model, name, key, other)
}

function playTwo(own: Session, model: Model, name: string, key: string, other: string): void {
  const had = model.get(key)
  const [command, ...options] = name.split(' ')
  const reply = own.call(command, key, other, ...options)
  if (name.startsWith('RENAME')) {
    if (!had) expect(reply).toBe('-ERR no such key\r\n')
    else if (name === 'RENAMENX' && model.has(other)) expect(reply).toBe(':0\r\n')
    else {
      expect(reply).toBe(name === 'RENAME' ? OK : ':1\r\n')
      model.delete(key)
      model.set(other, had)
    }
  } else if (key === other) expect(reply).toContain('same')
  else {
    const copies = had !== undefined && (name === 'COPY REPLACE' || !model.has(other))
    expect(reply).toBe(`:${copies ? 1 : 0}\r\n`)
    if (copies) model.set(other, { ...had })
  }
}
