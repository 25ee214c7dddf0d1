/** The intake fed like a socket feeds it, in chunks of every size, with requests of every size. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Client, HELD_BY_BLOCK, type Link } from '../../src/engine/client.ts'
import { CHUNK, HEADROOM, Intake, newSharedInput } from '../../src/network/intake.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { bulk, newEngine, request } from './harness.ts'

const shared = newSharedInput(CHUNK)

/** A link that goes nowhere, and the intake of its client. */
class Feeder implements Link {
  readonly remoteAddress: string = ''
  readonly localAddress: string = ''
  readonly fd: number = -1
  readonly inputBytes: number = 0
  readonly inputRoom: number = 0
  readonly unsentBytes: number = 0
  readonly client: Client
  readonly intake: Intake
  #target: Buffer = Buffer.alloc(0)
  #replies: Buffer[] = []

  /** `early` takes large replies between two commands, as a connection does. */
  constructor(limit = '1gb', early = false) {
    this.client = newEngine({ 'client-query-buffer-limit': limit }, new ManualClock()).connect(this)
    this.intake = new Intake(this.client, shared, early ? () => this.take() : null)
  }

  /** What libuv does with `bytes` on hand: reads as much as fits, reports it, reads on. */
  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      this.#target = this.intake.target() ?? this.#target
      const length = Math.min(bytes.length - at, this.#target.length)
      expect(length).toBeGreaterThan(0)
      this.#target.set(bytes.subarray(at, at + length))
      this.intake.filled(length)
      at += length
      this.go()
    }
  }

  /** Takes replies and goes on where the intake stopped to let others have their turn. */
  go(): void {
    for (;;) {
      this.take()
      if (!this.intake.more) break
      this.intake.run()
    }
  }

  private take(): void {
    const { reply } = this.client
    this.#replies.push(Buffer.from(reply.bytes))
    reply.release()
  }

  release(): void {
    this.client.held = 0
    this.intake.run()
    this.go()
  }

  get replies(): Buffer {
    return Buffer.concat(this.#replies)
  }

  flushSoon(): void {}
  flushNow(): void {}
  destroy(): void {}
  resume(): void {}
}

interface Exchange {
  readonly bytes: Buffer
  readonly reply: Buffer
}

const size = fc.oneof(
  { weight: 6, arbitrary: fc.nat(120) },
  { weight: 2, arbitrary: fc.nat(5000) },
  { weight: 1, arbitrary: fc.integer({ min: HEADROOM - 50, max: HEADROOM + 50 }) },
  { weight: 1, arbitrary: fc.integer({ min: CHUNK - 50, max: 3 * CHUNK }) },
)
const exchange: fc.Arbitrary<Exchange> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(size, fc.nat(255)).map(([length, byte]) => echo(Buffer.alloc(length, byte))),
  },
  {
    weight: 2,
    arbitrary: fc.oneof(fc.nat(5), fc.integer({ min: 900, max: 1200 }), fc.constant(30_000)).map((count) => ({
      bytes: request('COUNT', ...Array.from({ length: count }, () => 'argument')),
      reply: Buffer.from(`:${count + 1}\r\n`),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.constant({ bytes: Buffer.from('\r\nECHO "a b"\r\n*0\r\n'), reply: bulk('a b') }),
  },
)

function echo(body: Buffer): Exchange {
  return { bytes: request('ECHO', body), reply: bulk(body) }
}

/** `bytes` in pieces of the given sizes, used in turn. */
function* pieces(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = sizes[turn % sizes.length]
    yield bytes.subarray(at, at + length)
    at += length
  }
}

const sizes = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 40, max: 70_000 }), fc.constant(2 * CHUNK)),
  { minLength: 1, maxLength: 6 },
)

describe('any requests in any chunks', () => {
  test('are answered in order', () => {
    fc.assert(
      fc.property(fc.array(exchange, { minLength: 1, maxLength: 8 }), sizes, (exchanges, sizes) => {
        const feeder = new Feeder()
        const bytes = Buffer.concat(exchanges.map((one) => one.bytes))
        const steps = bytes.length > 50_000 ? sizes.map((size) => size + 500) : sizes
        for (const piece of pieces(bytes, steps)) feeder.feed(piece)
        expect(feeder.replies.equals(Buffer.concat(exchanges.map((one) => one.reply)))).toBe(true)
        expect([feeder.intake.kept, feeder.intake.room]).toEqual([0, 0])
      }),
      { numRuns: 120 },
    )
  })

  test('wait while the client is held, and are answered in order after it', () => {
    fc.assert(
      fc.property(
        fc.array(exchange, { minLength: 1, maxLength: 5 }),
        sizes,
        fc.array(fc.nat(5), { minLength: 1, maxLength: 5 }),
        (exchanges, sizes, waits) => {
          const feeder = new Feeder()
          const bytes = Buffer.concat(exchanges.flatMap((one) => [request('HOLD'), one.bytes]))
          const steps = bytes.length > 50_000 ? sizes.map((size) => size + 500) : sizes
          let turn = 0
          for (const piece of pieces(bytes, steps)) {
            feeder.feed(piece)
            if (feeder.client.held !== 0 && waits[turn++ % waits.length] === 0) feeder.release()
          }
          for (let i = 0; i < exchanges.length && feeder.client.held !== 0; i++) feeder.release()
          expect(feeder.replies.equals(Buffer.concat(exchanges.map((one) => one.reply)))).toBe(true)
          expect([feeder.intake.kept, feeder.intake.room]).toEqual([0, 0])
        },
      ),
      { numRuns: 120 },
    )
  })
})

test('bytes that come while the target is in the own block, and the input before them has run, are not lost', () => {
  const feeder = new Feeder()
  feeder.client.held = HELD_BY_BLOCK
  const before = echo(Buffer.alloc(HEADROOM + 100, 1))
  feeder.feed(before.bytes)
  const target = feeder.intake.target() as Buffer
  feeder.release()
  const after = echo(Buffer.from('after'))
  target.set(after.bytes)
  feeder.intake.filled(after.bytes.length)
  feeder.go()
  expect(feeder.replies.equals(Buffer.concat([before.reply, after.reply]))).toBe(true)
})

test('a header alone reserves nothing', () => {
  const feeder = new Feeder()
  feeder.feed(Buffer.from('*1000000\r\n$500000000\r\nabc'))
  expect(feeder.intake.room).toBeLessThanOrEqual(4096)
})

test('the own block grows with the bytes that came, and never beyond the end of the request', () => {
  const feeder = new Feeder()
  const { bytes } = echo(Buffer.alloc(10_000_000))
  for (const piece of pieces(bytes.subarray(0, -1), [65_536])) {
    feeder.feed(piece)
    expect(feeder.intake.room).toBeLessThanOrEqual(
      Math.min(3 * feeder.intake.kept + HEADROOM + CHUNK, bytes.length),
    )
  }
  feeder.feed(bytes.subarray(-1))
  expect(feeder.intake.room).toBe(0)
})

describe('client-query-buffer-limit', () => {
  test('ends a request that exceeds it', () => {
    const feeder = new Feeder('1mb')
    feeder.feed(request('ECHO', Buffer.alloc(1_000_000)))
    expect(feeder.intake.overflowed).toBe(false)
    feeder.feed(request('ECHO', Buffer.alloc(1_100_000)).subarray(0, 1_060_000))
    expect(feeder.intake.overflowed).toBe(true)
  })

  test('ends a request that one read takes over the limit and completes', () => {
    const feeder = new Feeder('1mb')
    const { bytes } = echo(Buffer.alloc(1_100_000))
    feeder.feed(bytes.subarray(0, 600_000))
    feeder.feed(bytes.subarray(600_000))
    expect(feeder.intake.overflowed).toBe(true)
    expect(feeder.replies.length).toBe(0)
  })

  test('counts the table of arguments', () => {
    const feeder = new Feeder('1mb')
    feeder.feed(Buffer.from(`*1000000\r\n${'$0\r\n\r\n'.repeat(80_000)}`))
    expect(feeder.intake.overflowed).toBe(true)
  })

  test('holds for input that waits for a held client', () => {
    const feeder = new Feeder('1mb')
    feeder.feed(request('HOLD'))
    feeder.feed(Buffer.concat(Array.from({ length: 80_000 }, () => request('PING'))))
    expect(feeder.intake.overflowed).toBe(true)
  })
})

test('many commands, and large replies, are spread over turns', () => {
  const feeder = new Feeder()
  const pings = Buffer.concat(Array.from({ length: 15_000 }, () => request('PING')))
  feeder.client.held = HELD_BY_BLOCK
  feeder.feed(pings)
  feeder.client.held = 0
  feeder.intake.run()
  expect(feeder.intake.more).toBe(true)
  expect(feeder.client.reply.length).toBe(10_000 * '+PONG\r\n'.length)
  feeder.go()
  expect(feeder.replies.length).toBe(15_000 * '+PONG\r\n'.length)

  feeder.client.held = HELD_BY_BLOCK
  for (let i = 0; i < 5; i++) feeder.feed(request('ECHO', Buffer.alloc(600_000)))
  feeder.client.held = 0
  feeder.intake.run()
  expect(feeder.intake.more).toBe(true)
  expect(feeder.client.reply.length).toBeLessThan(1_300_000)
  feeder.go()
  expect(feeder.replies.length).toBeGreaterThan(3_000_000)
})

test('slow commands are spread over turns, but for those read ahead together', () => {
  const feeder = new Feeder()
  const turns = (milliseconds: number, count: number): number[] => {
    feeder.client.held = HELD_BY_BLOCK
    for (let i = 0; i < count; i++) feeder.feed(request('SLOW', `${milliseconds}`))
    feeder.client.held = 0
    const ran: number[] = []
    do {
      feeder.intake.run()
      ran.push(feeder.client.reply.length / '+OK\r\n'.length)
      feeder.client.reply.release()
    } while (feeder.intake.more)
    return ran
  }
  expect(turns(1, 70)).toEqual([32, 32, 6])
  expect(turns(5, 15)).toEqual([15])
  expect(turns(0, 100)).toEqual([100])
})

test('large replies leave between commands, and are spread over turns too', () => {
  const feeder = new Feeder('1gb', true)
  const bodies = Array.from({ length: 40 }, (_, i) => Buffer.alloc(i % 5 === 0 ? 10 : 100_000, 65 + i))
  feeder.client.held = HELD_BY_BLOCK
  feeder.feed(Buffer.concat(bodies.map((body) => request('ECHO', body))))
  feeder.client.held = 0
  const replies = Buffer.concat(bodies.map((body) => bulk(body)))
  let turns = 0
  do {
    const before = feeder.replies.length
    feeder.intake.run()
    const left = feeder.replies.length - before
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThan(1_300_000)
    turns++
  } while (feeder.intake.more)
  expect(turns).toBe(3)
  feeder.go()
  expect(feeder.replies.equals(replies)).toBe(true)
})

test('nothing runs after a protocol error', () => {
  const feeder = new Feeder()
  feeder.feed(Buffer.from('PING\r\n*x\r\nPING\r\n'))
  expect(feeder.replies.toString()).toBe('+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n')
  expect(feeder.client.closeAfterReply).toBe(true)
})
