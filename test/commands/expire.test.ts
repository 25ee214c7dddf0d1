/** EXPIRE and its relatives, TTL and its relatives, PERSIST: exact to the limits of 64 bits. */
import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { bulk, type Session, session } from './session.ts'

let s: Session

beforeEach(() => {
  s = session()
  s.run('SET k v')
})

const now = (): bigint => BigInt(s.clock.now)
const MAX = 2n ** 63n - 1n
const MIN = -(2n ** 63n)
const invalid = (name: string): string => `-ERR invalid expire time in '${name}' command\r\n`

describe('setting a deadline', () => {
  test('relative and absolute, in seconds and milliseconds', () => {
    s.events()
    expect(s.run('EXPIRE k 100')).toBe(':1\r\n')
    expect(s.run('PTTL k')).toBe(':100000\r\n')
    expect(s.run('PEXPIRE k 1500')).toBe(':1\r\n')
    expect(s.run('PTTL k')).toBe(':1500\r\n')
    expect(s.run(`EXPIREAT k ${now() / 1000n + 7n}`)).toBe(':1\r\n')
    expect(s.run('TTL k')).toBe(':7\r\n')
    expect(s.run(`PEXPIREAT k ${now() + 7n}`)).toBe(':1\r\n')
    expect(s.run('PTTL k')).toBe(':7\r\n')
    expect(s.events()).toEqual(['expire k 0', 'expire k 0', 'expire k 0', 'expire k 0'])
    expect(s.run('EXPIRE nokey 100')).toBe(':0\r\n')
  })

  test('the key goes on time', () => {
    s.run('PEXPIRE k 100')
    s.clock.advance(99)
    expect(s.run('GET k')).toBe(bulk('v'))
    s.clock.advance(2)
    s.events()
    expect(s.run('GET k')).toBe('$-1\r\n')
    expect(s.events()).toEqual(['expired k 0'])
    expect(s.engine.keyspace.stats.expiredKeys).toBe(1)
  })

  test.each(['EXPIRE k 0', 'EXPIRE k -1', 'PEXPIRE k -100', 'EXPIREAT k 1', 'PEXPIREAT k -1'])(
    '%s deletes the key at once',
    (line) => {
      s.events()
      expect(s.run(line)).toBe(':1\r\n')
      expect(s.events()).toEqual(['del k 0'])
      expect(s.run('EXISTS k')).toBe(':0\r\n')
    },
  )

  test('options that contradict each other or are unknown', () => {
    const nx = '-ERR NX and XX, GT or LT options at the same time are not compatible\r\n'
    expect(s.run('EXPIRE k 1 NX XX')).toBe(nx)
    expect(s.run('EXPIRE k 1 GT nx')).toBe(nx)
    expect(s.run('EXPIRE k 1 NX GT LT')).toBe(nx)
    expect(s.run('EXPIRE k 1 GT LT')).toBe('-ERR GT and LT options at the same time are not compatible\r\n')
    expect(s.run('EXPIRE k x FOO')).toBe('-ERR Unsupported option FOO\r\n')
    expect(s.call('EXPIRE', 'k', 1, 'a\rb\0c')).toBe('-ERR Unsupported option a b\r\n')
    expect(s.run('EXPIRE k x')).toBe('-ERR value is not an integer or out of range\r\n')
    expect(s.run('EXPIRE k 10 XX GT XX')).toBe(':0\r\n')
  })

  test('NX, XX, GT and LT', () => {
    expect(s.run('EXPIRE k 10 XX')).toBe(':0\r\n')
    expect(s.run('EXPIRE k 10 GT')).toBe(':0\r\n')
    expect(s.run('EXPIRE k 10 XX LT')).toBe(':0\r\n')
    expect(s.run('EXPIRE k 10 LT')).toBe(':1\r\n')
    expect(s.run('EXPIRE k 20 NX')).toBe(':0\r\n')
    expect(s.run('EXPIRE k 10 GT')).toBe(':0\r\n')
    expect(s.run('EXPIRE k 10 LT')).toBe(':0\r\n')
    expect(s.run('PEXPIRE k 10001 GT')).toBe(':1\r\n')
    expect(s.run('PEXPIRE k 10000 XX LT')).toBe(':1\r\n')
    expect(s.run('EXPIRE k 5 GT')).toBe(':0\r\n')
    expect(s.run('PTTL k')).toBe(':10000\r\n')
    expect(s.run('PERSIST k')).toBe(':1\r\n')
    expect(s.run('EXPIRE k 20 NX')).toBe(':1\r\n')
    // A time in the past is compared before it deletes.
    expect(s.run('EXPIRE k -1 GT')).toBe(':0\r\n')
    expect(s.run('EXPIRE k -1 LT')).toBe(':1\r\n')
    expect(s.run('EXISTS k')).toBe(':0\r\n')
  })
})

describe('the limits of 64 bits', () => {
  test('PEXPIREAT up to the last millisecond', () => {
    expect(s.run(`PEXPIREAT k ${MAX}`)).toBe(':1\r\n')
    expect(s.run('PEXPIRETIME k')).toBe(`:${MAX}\r\n`)
    expect(s.run('PTTL k')).toBe(`:${MAX - now()}\r\n`)
    expect(s.run('EXPIRETIME k')).toBe(':9223372036854776\r\n')
    expect(s.run(`PEXPIREAT k ${MAX - 1n} GT`)).toBe(':0\r\n')
    expect(s.run(`PEXPIREAT k ${MAX - 1n} LT`)).toBe(':1\r\n')
    expect(s.run('PEXPIRETIME k')).toBe(`:${MAX - 1n}\r\n`)
    expect(s.run('COPY k c')).toBe(':1\r\n')
    expect(s.run('RENAME c d')).toBe('+OK\r\n')
    expect(s.run('MOVE d 1')).toBe(':1\r\n')
    s.run('SELECT 1')
    expect(s.run('PEXPIRETIME d')).toBe(`:${MAX - 1n}\r\n`)
    expect(s.run(`PEXPIREAT d ${MIN}`)).toBe(':1\r\n')
    expect(s.run('EXISTS d')).toBe(':0\r\n')
  })

  test.each(['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT'])('%s is exact everywhere', (name) => {
    const unit = name.startsWith('P') ? 1n : 1000n
    const base = name.endsWith('AT') ? 0n : now()
    const edges = [MAX, MAX / 1000n, MAX - base, (MAX - base) / unit, 2n ** 53n, 2n ** 53n / 1000n, 2n ** 32n]
    const near = fc
      .tuple(fc.constantFrom(...edges), fc.bigInt({ min: -3n, max: 3n }))
      .map(([edge, by]) => (edge + by > MAX ? MAX : edge + by))
    const any = fc.oneof(near, fc.bigInt({ min: 1n, max: MAX }))
    fc.assert(
      fc.property(any, (given) => {
        s.run('SET k v')
        const reply = s.run(`${name} k ${given}`)
        const deadline = given * unit + base
        if (given * unit > MAX || deadline > MAX) expect(reply).toBe(invalid(name.toLowerCase()))
        else if (deadline <= now()) expect(s.run('EXISTS k')).toBe(':0\r\n')
        else {
          expect(reply).toBe(':1\r\n')
          expect(s.run('PEXPIRETIME k')).toBe(`:${deadline}\r\n`)
          expect(s.run('EXPIRETIME k')).toBe(`:${(deadline + 500n) / 1000n}\r\n`)
          expect(s.run('PTTL k')).toBe(`:${deadline - now()}\r\n`)
          expect(s.run('TTL k')).toBe(`:${(deadline - now() + 500n) / 1000n}\r\n`)
        }
      }),
    )
  })

  test('negative overflow', () => {
    expect(s.run(`EXPIRE k ${MIN}`)).toBe(invalid('expire'))
    expect(s.run(`EXPIREAT k ${MIN / 1000n - 1n}`)).toBe(invalid('expireat'))
    expect(s.run(`PEXPIRE k ${MIN}`)).toBe(':1\r\n')
    expect(s.run('SET k v')).toBe('+OK\r\n')
    expect(s.run(`EXPIREAT k ${MIN / 1000n}`)).toBe(':1\r\n')
    expect(s.run('EXPIRE nokey 9223372036854775807')).toBe(invalid('expire'))
    expect(s.run(`PEXPIRE k ${MAX + 1n}`)).toBe('-ERR value is not an integer or out of range\r\n')
  })
})

describe('asking for it', () => {
  test('without a deadline or without the key', () => {
    for (const name of ['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']) {
      expect(s.run(`${name} k`)).toBe(':-1\r\n')
      expect(s.run(`${name} nokey`)).toBe(':-2\r\n')
    }
  })

  test('TTL rounds to the nearest second and does not touch', () => {
    s.run('PEXPIRE k 10499')
    expect(s.run('TTL k')).toBe(':10\r\n')
    s.run('PEXPIRE k 10500')
    expect(s.run('TTL k')).toBe(':11\r\n')
    s.clock.advance(10_001)
    expect(s.run('TTL k')).toBe(':0\r\n')
    expect(s.run('OBJECT IDLETIME k')).toBe(':10\r\n')
  })

  test('PERSIST', () => {
    s.run('EXPIRE k 10')
    s.events()
    expect(s.run('PERSIST k')).toBe(':1\r\n')
    expect(s.events()).toEqual(['persist k 0'])
    expect(s.run('PERSIST k')).toBe(':0\r\n')
    expect(s.run('PERSIST nokey')).toBe(':0\r\n')
    s.clock.advance(11_000)
    expect(s.run('GET k')).toBe(bulk('v'))
  })

  test('a large value gets a deadline where it lies', () => {
    s.call('SET', 'large', 'x'.repeat(1_000_000))
    const { arena } = s.engine.keyspace
    const used = arena.bytesUsed
    s.run('EXPIRE large 100')
    s.run('PERSIST large')
    s.run('EXPIRE large 200')
    expect(arena.bytesUsed).toBe(used)
    expect(s.run('TTL large')).toBe(':200\r\n')
    expect(s.run('STRLEN large')).toBe(':1000000\r\n')
  })
})
