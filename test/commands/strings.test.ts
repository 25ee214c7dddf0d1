/** The string commands by their exact replies and events, and against a map of buffers with deadlines. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/platform/clock.ts'
import { bulk, bulks, type Session, session } from './session.ts'

const OK = '+OK\r\n'
const NULL = '$-1\r\n'
const WRONG_TYPE = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'
const SYNTAX = '-ERR syntax error\r\n'
const NOT_AN_INTEGER = '-ERR value is not an integer or out of range\r\n'
const integer = (n: number): string => `:${n}\r\n`

/** The events that a command line leads to. */
function eventsOf(s: Session, line: string): string[] {
  s.events()
  s.run(line)
  return s.events()
}

describe('SET and GET', () => {
  test('a value comes back byte for byte', () => {
    const s = session()
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    expect(s.call('SET', all, all)).toBe(OK)
    expect(s.call('GET', all)).toBe(bulk(all.toString('latin1')))
    expect(s.call('SET', '', '')).toBe(OK)
    expect(s.call('GET', '')).toBe('$0\r\n\r\n')
  })

  test('an absent value in RESP2 and RESP3', () => {
    const s = session()
    expect(s.run('GET k')).toBe(NULL)
    s.client.reply.resp = 3
    expect(s.run('GET k')).toBe('_\r\n')
  })

  test('NX and XX', () => {
    const s = session()
    expect(s.run('SET k v XX')).toBe(NULL)
    expect(s.run('SET k v nx')).toBe(OK)
    expect(s.run('SET k w NX')).toBe(NULL)
    expect(s.run('SET k w NX GET')).toBe(bulk('v'))
    expect(s.run('SET k w XX')).toBe(OK)
    expect(s.run('SET k w NX XX')).toBe(SYNTAX)
    expect(s.run('GET k')).toBe(bulk('w'))
  })

  test('GET refuses another type and stores nothing then', () => {
    const s = session()
    s.run('RPUSH l a')
    expect(s.run('SET l v GET')).toBe(WRONG_TYPE)
    expect(s.run('LLEN l')).toBe(integer(1))
    expect(s.run('SET l v')).toBe(OK)
    expect(s.run('GET l')).toBe(bulk('v'))
  })

  test.each([
    ['EX 100', 100_000],
    ['PX 1500', 1500],
    ['EXAT 1700000042', 42_000],
    ['PXAT 1700000000007', 7],
  ])('%s ends the key on the millisecond', (option, lives) => {
    const s = session()
    expect(s.run(`SET k v ${option}`)).toBe(OK)
    s.clock.advance(lives - 1)
    expect(s.run('GET k')).toBe(bulk('v'))
    s.clock.advance(1)
    expect(s.run('GET k')).toBe(NULL)
  })

  test('a new value takes the deadline off unless KEEPTTL', () => {
    const s = session()
    s.run('SET k v EX 100')
    s.run('SET k longer-than-before KEEPTTL')
    expect(s.run('TTL k')).toBe(integer(100))
    s.run('SET k v')
    expect(s.run('TTL k')).toBe(integer(-1))
    s.run('SET k v EX 100')
    s.run('SET k v XX')
    expect(s.run('TTL k')).toBe(integer(-1))
  })

  test.each([
    ['EX 0', "-ERR invalid expire time in 'set' command\r\n"],
    ['PX -1', "-ERR invalid expire time in 'set' command\r\n"],
    ['EX 9223372036854775807', "-ERR invalid expire time in 'set' command\r\n"],
    ['PX 9223372036854775807', "-ERR invalid expire time in 'set' command\r\n"],
    ['EX 1.5', NOT_AN_INTEGER],
    ['EX', SYNTAX],
    ['EX 1 PX 1', SYNTAX],
    ['KEEPTTL EX 1', SYNTAX],
    ['PERSIST', SYNTAX],
  ])('%s is refused', (option, reply) => {
    const s = session()
    expect(s.run(`SET k v ${option}`)).toBe(reply)
    expect(s.run('EXISTS k')).toBe(integer(0))
  })

  test('events', () => {
    const s = session()
    expect(eventsOf(s, 'SET k v')).toContain('set k 0')
    expect(eventsOf(s, 'SET k v EX 10')).toEqual(['set k 0', 'expire k 0'])
    expect(eventsOf(s, 'SET k v NX')).toEqual([])
    expect(eventsOf(s, 'MSET k 1 k 2')).toEqual(['set k 0', 'set k 0'])
    expect(eventsOf(s, 'APPEND k x')).toEqual(['append k 0'])
    expect(eventsOf(s, 'SETRANGE k 3 x')).toEqual(['setrange k 0'])
    expect(eventsOf(s, 'SETRANGE k 3 ')).toEqual([])
    expect(eventsOf(s, 'GETEX k EX 10')).toEqual(['expire k 0'])
    expect(eventsOf(s, 'GETEX k PERSIST')).toEqual(['persist k 0'])
    expect(eventsOf(s, 'GETEX k PERSIST')).toEqual([])
    expect(eventsOf(s, `GETEX k PXAT ${s.clock.now}`)).toEqual(['del k 0'])
    expect(eventsOf(s, 'GETDEL k')).toEqual([])
    s.run('SET k v')
    expect(eventsOf(s, 'GETDEL k')).toEqual(['del k 0'])
  })
})

describe('the others', () => {
  test('SETEX, PSETEX, SETNX, GETSET', () => {
    const s = session()
    expect(s.run('SETEX k 10 v')).toBe(OK)
    expect(s.run('PTTL k')).toBe(integer(10_000))
    expect(s.run('SETEX k 0 v')).toBe("-ERR invalid expire time in 'setex' command\r\n")
    expect(s.run('PSETEX k -5 v')).toBe("-ERR invalid expire time in 'psetex' command\r\n")
    expect(s.run('PSETEX k 77 w')).toBe(OK)
    expect(s.run('PTTL k')).toBe(integer(77))
    expect(s.run('SETNX k x')).toBe(integer(0))
    expect(s.run('GETSET k x')).toBe(bulk('w'))
    expect(s.run('PTTL k')).toBe(integer(-1))
    expect(s.run('SETNX n x')).toBe(integer(1))
  })

  test('GETEX looks at the key before it looks at the time', () => {
    const s = session()
    expect(s.run('GETEX k EX 0')).toBe(NULL)
    s.run('SET k v')
    expect(s.run('GETEX k EX 0')).toBe("-ERR invalid expire time in 'getex' command\r\n")
    expect(s.run('GETEX k EX 1 PERSIST')).toBe(SYNTAX)
  })

  test('MSET, MSETNX and MGET', () => {
    const s = session()
    expect(s.run('MSET a 1 b')).toBe("-ERR wrong number of arguments for 'mset' command\r\n")
    expect(s.run('MSETNX a 1 b 2')).toBe(integer(1))
    expect(s.run('MSETNX c 1 b 3')).toBe(integer(0))
    s.run('RPUSH l x')
    expect(s.run('MGET a b c l')).toBe(bulks('1', '2', null, null))
  })

  test('APPEND and SETRANGE change in place: OBJECT ENCODING says raw', () => {
    const s = session()
    s.run('SET k 12')
    expect(s.run('OBJECT ENCODING k')).toBe(bulk('int'))
    expect(s.run('APPEND k 3')).toBe(integer(3))
    expect(s.run('OBJECT ENCODING k')).toBe(bulk('raw'))
    s.run('SET k abc')
    expect(s.run('OBJECT ENCODING k')).toBe(bulk('embstr'))
    expect(s.run('SETRANGE k 5 x')).toBe(integer(6))
    expect(s.run('GET k')).toBe(bulk('abc\0\0x'))
    expect(s.run('OBJECT ENCODING k')).toBe(bulk('raw'))
  })

  test('the gap that SETRANGE leaves is zeros, whatever the memory held', () => {
    const s = session()
    for (let i = 0; i < 50; i++) s.call('SET', `used${i}`, '\xff'.repeat(90))
    for (let i = 0; i < 50; i++) s.run(`DEL used${i}`)
    s.run('SETRANGE a 1 x')
    expect(s.run('GET a')).toBe(bulk('\0x'))
    s.run('SETRANGE a 80 x')
    expect(s.run('GET a')).toBe(bulk(`\0x${'\0'.repeat(78)}x`))
    s.run('SETRANGE b 70 x')
    expect(s.run('GET b')).toBe(bulk(`${'\0'.repeat(70)}x`))
  })

  test('values stop at proto-max-bulk-len', () => {
    const s = session({ config: { 'proto-max-bulk-len': '1mb' } })
    const tooLong = '-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n'
    expect(s.run('SETRANGE k 1048575 x')).toBe(integer(1_048_576))
    expect(s.run('SETRANGE k 1048576 x')).toBe(tooLong)
    expect(s.run('APPEND k x')).toBe(tooLong)
    expect(s.run('STRLEN k')).toBe(integer(1_048_576))
  })

  test('GETRANGE counts from both ends', () => {
    const s = session()
    s.call('SET', 'k', 'This is a string')
    expect(s.run('GETRANGE k 0 3')).toBe(bulk('This'))
    expect(s.run('GETRANGE k -3 -1')).toBe(bulk('ing'))
    expect(s.run('GETRANGE k 0 -1')).toBe(bulk('This is a string'))
    expect(s.run('GETRANGE k 10 100')).toBe(bulk('string'))
    expect(s.run('GETRANGE k 5 2')).toBe(bulk(''))
    expect(s.run('SUBSTR k -100 -100')).toBe(bulk('T'))
  })
})

/** A key of the model: what it holds, and when it goes. */
interface Held {
  value: Buffer
  deadline: number
}

/** The same commands on a Map. */
class Model {
  readonly keys = new Map<string, Held>()
  readonly clock: ManualClock

  constructor(clock: ManualClock) {
    this.clock = clock
  }

  private find(key: string): Held | undefined {
    const held = this.keys.get(key)
    return held !== undefined && held.deadline > this.clock.now ? held : undefined
  }

  private put(key: string, value: Buffer, deadline: number): void {
    this.keys.set(key, { value, deadline })
  }

  /** The reply to one step. */
  run(step: Step): string {
    const { key, value, number } = step
    const held = this.find(key)
    const text = held === undefined ? NULL : bulk(held.value.toString('latin1'))
    switch (step.command) {
      case 'SET':
        this.put(key, value, Number.POSITIVE_INFINITY)
        return OK
      case 'SET PX':
        this.put(key, value, this.clock.now + number)
        return OK
      case 'SET KEEPTTL':
        this.put(key, value, held?.deadline ?? Number.POSITIVE_INFINITY)
        return OK
      case 'SET NX GET':
        if (held === undefined) this.put(key, value, Number.POSITIVE_INFINITY)
        return text
      case 'GET':
        return text
      case 'GETDEL':
        this.keys.delete(key)
        return text
      case 'GETEX PX':
        if (held !== undefined) held.deadline = this.clock.now + number
        return text
      case 'GETEX PERSIST':
        if (held !== undefined) held.deadline = Number.POSITIVE_INFINITY
        return text
      case 'APPEND':
        if (held === undefined) this.put(key, value, Number.POSITIVE_INFINITY)
        else held.value = Buffer.concat([held.value, value])
        return integer(this.find(key)?.value.length ?? 0)
      case 'SETRANGE':
        return integer(this.setRange(key, held, number, value))
      case 'GETRANGE':
        return bulk(held?.value.toString('latin1').slice(number, number * 2 + 1) ?? '')
      default:
        if (held === undefined) return integer(-2)
        return integer(held.deadline === Number.POSITIVE_INFINITY ? -1 : held.deadline - this.clock.now)
    }
  }

  private setRange(key: string, held: Held | undefined, offset: number, value: Buffer): number {
    const before = held?.value ?? Buffer.alloc(0)
    if (value.length === 0) return before.length
    const after = Buffer.alloc(Math.max(before.length, offset + value.length))
    before.copy(after)
    value.copy(after, offset)
    this.put(key, after, held?.deadline ?? Number.POSITIVE_INFINITY)
    return after.length
  }
}

const COMMANDS = [
  'SET',
  'SET PX',
  'SET KEEPTTL',
  'SET NX GET',
  'GET',
  'GETDEL',
  'GETEX PX',
  'GETEX PERSIST',
  'APPEND',
  'SETRANGE',
  'GETRANGE',
  'PTTL',
] as const

interface Step {
  readonly command: (typeof COMMANDS)[number]
  readonly key: string
  readonly value: Buffer
  /** Milliseconds, or an offset. */
  readonly number: number
  /** Time that passes before the command. */
  readonly pause: number
}

function argumentsFor({ command, key, value, number }: Step): (string | Buffer)[] {
  switch (command) {
    case 'SET PX':
      return ['SET', key, value, 'PX', `${number}`]
    case 'SET KEEPTTL':
      return ['SET', key, value, 'KEEPTTL']
    case 'SET NX GET':
      return ['SET', key, value, 'NX', 'GET']
    case 'GETEX PX':
      return ['GETEX', key, 'PX', `${number}`]
    case 'GETEX PERSIST':
      return ['GETEX', key, 'PERSIST']
    case 'SET':
    case 'APPEND':
      return [command, key, value]
    case 'SETRANGE':
      return [command, key, `${number}`, value]
    case 'GETRANGE':
      return [command, key, `${number}`, `${number * 2}`]
    default:
      return [command, key]
  }
}

const KEYS = ['a', 'b', '\xff\0', 'k'.repeat(300)]

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    command: fc.constantFrom(...COMMANDS),
    key: fc.constantFrom(...KEYS),
    value: fc
      .tuple(fc.constantFrom(0, 1, 43, 45, 100, 127, 128, 5000, 16_384, 20_000), fc.nat(255))
      .map(([size, byte]) => Buffer.alloc(size, byte)),
    number: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constantFrom(1000, 8192, 17_000)),
    pause: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(50)),
  }),
  { maxLength: 60 },
)

test('random commands answer as on a map of buffers', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const clock = new ManualClock()
      const s = session({ clock })
      const model = new Model(clock)
      for (const step of list) {
        clock.advance(step.pause)
        expect(s.call(...argumentsFor(step)), step.command).toBe(model.run(step))
      }
      s.call('DEL', ...KEYS)
      expect(s.run('DBSIZE')).toBe(integer(0))
      expect(s.engine.keyspace.arena.bytesUsed).toBe(0)
    }),
    { numRuns: 300 },
  )
})
