import { beforeEach, describe, expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { IdlePoll } from '../../src/engine/idle-poll.ts'
import { type Flushable, Turn } from '../../src/engine/turn.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import type { Timer, Timers } from '../../src/platform/timers.ts'

const NEVER: Timer = { cancel: () => {} }
const SILENT: Flushable = { flush: () => false, goOn: () => {} }

/** An event loop that goes round once when told to. */
class Rounds implements Timers {
  private queued: (() => void)[] = []

  /** Whether the loop would not sleep. */
  get awake(): boolean {
    return this.queued.length > 0
  }

  round(): void {
    for (const callback of this.queued.splice(0)) callback()
  }

  immediate(callback: () => void): Timer {
    this.queued.push(callback)
    return NEVER
  }

  timeout(): Timer {
    return NEVER
  }

  interval(): Timer {
    return NEVER
  }
}

const configuration = new Configuration({ 'idle-poll-time-us': '50' })
let clock: ManualClock
let rounds: Rounds
let poll: IdlePoll
let turn: Turn

beforeEach(() => {
  configuration.set([['idle-poll-time-us', '50']], false)
  clock = new ManualClock()
  rounds = new Rounds()
  poll = new IdlePoll(configuration.settings, clock, rounds)
  poll.enabled = true
  turn = new Turn(rounds, poll)
})

/** Somebody asks and is answered. */
function request(): void {
  turn.answerSoon(SILENT)
  rounds.round()
}

/** How long the loop stays awake when nothing comes, microseconds in steps of 10. */
function awakeFor(): number {
  let micros = 0
  while (rounds.awake && micros < 10_000) {
    clock.advance(0.01)
    micros += 10
    rounds.round()
  }
  return micros
}

describe('the loop stays awake', () => {
  test('for its time after an answer, and no longer', () => {
    request()
    expect(awakeFor()).toBe(50)
    expect(rounds.awake).toBe(false)
  })

  test('from the last answer on', () => {
    request()
    clock.advance(0.03)
    request()
    expect(awakeFor()).toBe(50)
  })

  test('from what is not answered on, a client that waits for instance', () => {
    request()
    for (let i = 0; i < 10; i++) {
      clock.advance(0.03)
      poll.renew()
      rounds.round()
      expect(rounds.awake).toBe(true)
    }
    expect(awakeFor()).toBe(50)
  })

  test('after every answer while something comes in time', () => {
    for (let i = 0; i < 100; i++) {
      request()
      expect(rounds.awake).toBe(true)
      clock.advance(0.04)
      rounds.round()
    }
  })
})

test('messages that leave between two answers are nobody else asking', () => {
  request()
  turn.flushSoon(SILENT)
  rounds.round()
  request()
  expect(awakeFor()).toBe(50)
})

describe('it sleeps at once', () => {
  test('after messages that nobody has asked for', () => {
    turn.flushSoon(SILENT)
    rounds.round()
    expect(rounds.awake).toBe(false)
  })

  test('after answers to several', () => {
    turn.answerSoon(SILENT)
    request()
    expect(rounds.awake).toBe(false)
  })

  test('after an answer to one of several who came in the turn before', () => {
    turn.answerSoon(SILENT)
    request()
    request()
    expect(rounds.awake).toBe(false)
    request()
    expect(rounds.awake).toBe(true)
  })

  test('when the loop is not ours', () => {
    poll.enabled = false
    request()
    expect(rounds.awake).toBe(false)
  })

  test('when it is set to 0, and again not when it is not', () => {
    configuration.set([['idle-poll-time-us', '0']], false)
    request()
    expect(rounds.awake).toBe(false)
    configuration.set([['idle-poll-time-us', '20']], false)
    request()
    expect(awakeFor()).toBe(20)
  })
})

/** For each of `count` requests that nothing follows in time: whether the loop stayed awake. */
function vainRequests(count: number): boolean[] {
  return Array.from({ length: count }, () => {
    request()
    return awakeFor() > 0
  })
}

test('where nothing comes in time it looks ever more rarely, one time in 32 at last', () => {
  const looked = vainRequests(1 + 2 + 4 + 8 + 16 + 32 + 32)
  const at = looked.flatMap((yes, i) => (yes ? [i] : []))
  expect(at).toEqual([0, 2, 6, 14, 30, 62, 94])
})

test('and more often again when something does', () => {
  vainRequests(1 + 2 + 4 + 8 + 16 + 32)
  /** Of requests that come at once after one another: whether the next is looked for. */
  const looks = Array.from({ length: 100 }, () => {
    request()
    rounds.round()
    return rounds.awake
  })
  // 31 are passed over, then 15, 7, 3, 1, and none.
  expect(looks.flatMap((yes, i) => (yes ? [i] : [])).slice(0, 8)).toEqual([31, 47, 55, 59, 61, 62, 63, 64])
})
