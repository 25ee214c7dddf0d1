import { expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { IdlePoll } from '../../src/engine/idle-poll.ts'
import { type Flushable, Turn } from '../../src/engine/turn.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { ManualTimers } from '../../src/platform/timers.ts'

function newTurn(): {
  turn: Turn
  timers: ManualTimers
  seen: string[]
  target: (name: string) => Flushable
} {
  const timers = new ManualTimers()
  const settings = new Configuration({}).settings
  const turn = new Turn(timers, new IdlePoll(settings, new ManualClock(), timers))
  const seen: string[] = []
  turn.beforeReplies.push(() => seen.push('before'))
  const target = (name: string): Flushable => ({
    flush: () => {
      seen.push(name)
      return false
    },
    goOn: () => seen.push(`${name} goes on`),
  })
  return { turn, timers, seen, target }
}

test('who asked is answered before who listens, each in the order they came', () => {
  const { turn, timers, seen, target } = newTurn()
  turn.flushSoon(target('subscriber 1'))
  turn.answerSoon(target('publisher 1'))
  turn.flushSoon(target('subscriber 2'))
  turn.answerSoon(target('publisher 2'))
  timers.run()
  expect(seen).toEqual(['before', 'publisher 1', 'publisher 2', 'subscriber 1', 'subscriber 2'])
})

test('who has more to do does it when all is written, and what that leads to waits for the next turn', () => {
  const { turn, timers, seen, target } = newTurn()
  turn.answerSoon({
    flush: () => {
      seen.push('asks on')
      return true
    },
    goOn: () => {
      seen.push('goes on')
      turn.answerSoon(target('answered'))
      turn.flushSoon(target('served'))
    },
  })
  turn.flushSoon(target('told'))
  turn.afterReplies.push(() => seen.push('replied'))
  timers.run()
  const next = ['before', 'answered', 'replied', 'served']
  expect(seen).toEqual(['before', 'asks on', 'replied', 'told', 'goes on', ...next])
})

test('nothing leaves once halted', () => {
  const { turn, timers, seen, target } = newTurn()
  turn.answerSoon(target('answer'))
  turn.flushSoon(target('message'))
  turn.halt()
  timers.run()
  expect(seen).toEqual(['before'])
})
