/** What a server shows after a crash against what its writers did: passes or says what is wrong. */
import { expect } from 'vitest'
import { RawClient } from '../compat/raw-client.ts'
import { keysOf, type Shown, type State, type Step, stepsShown } from './model.ts'

/** What is known of one writer's keys. */
export interface Expectation {
  readonly id: number
  /** What they held before the steps. */
  readonly before: State
  readonly steps: readonly Step[]
  /** So many of the steps must be there. */
  readonly least: number
}

export interface Crash {
  /** Milliseconds since the epoch. */
  readonly endedAt: number
  /** Keys that are nobody's, and all there. */
  readonly fillers: number
  /** For the message. */
  readonly situation: string
}

/** Every writer's keys are as after some of its steps, none of them half; and no other keys are there. Resolves with what they hold. */
export async function verdict(
  port: number,
  expectations: readonly Expectation[],
  { endedAt, fillers, situation }: Crash,
): Promise<State[]> {
  const client = await RawClient.open(port)
  const lost: Step[] = []
  const there: Step[] = []
  const states: State[] = []
  let keysShown = fillers
  let expiring = 0
  for (const { id, before, steps, least } of expectations) {
    const keys = keysOf(id).all
    const shown = await show(client, keysOf(id))
    keysShown += shown.size
    expiring += [...shown.values()].filter(({ deadline }) => deadline !== -1).length
    const times = { end: endedAt, now: Date.now() }
    const found = stepsShown(before, steps, keys, shown, times, least)
    if (found === null) {
      const anywhere = stepsShown(before, steps, keys, shown, times, 0)
      const what = anywhere === null ? 'no whole number of steps' : `${anywhere.last} steps`
      throw new Error(
        `writer ${id} sent ${steps.length} steps, of which ${least} are promised; there is ${what}; ${situation}`,
      )
    }
    there.push(...steps.slice(0, found.first))
    lost.push(...steps.slice(found.last))
    states.push(found.state)
  }
  // Nothing that nobody sent, and all that lay there; some may have expired since they were looked at.
  const size = Number((await client.call('DBSIZE')).toString('latin1').slice(1))
  expect(size, situation).toBeLessThanOrEqual(keysShown)
  expect(size, situation).toBeGreaterThanOrEqual(keysShown - expiring)
  checkOrder(there, lost, situation)
  client.close()
  return states
}

/** What was answered before another step was sent precedes it: if it is lost, so is the other, whoever sent it. */
function checkOrder(there: readonly Step[], lost: readonly Step[], situation: string): void {
  const lastThere = there.reduce((latest, step) => Math.max(latest, step.sentAt), 0)
  const firstLost = lost.reduce((first, { ackedAt }) => Math.min(first, ackedAt ?? Infinity), Infinity)
  expect(lastThere, situation).toBeLessThanOrEqual(firstLost)
}

/** What the server has under the keys. */
async function show(
  client: RawClient,
  { texts, lists, fleeting }: ReturnType<typeof keysOf>,
): Promise<Map<string, Shown>> {
  const shown = new Map<string, Shown>()
  for (const key of [...texts, ...fleeting]) {
    const reply = (await client.call('GET', key)).toString('latin1')
    if (!reply.startsWith('$-1'))
      shown.set(key, { value: reply.slice(reply.indexOf('\n') + 1, -2), deadline: -1 })
  }
  for (const key of lists) {
    const reply = (await client.call('LRANGE', key, '0', '-1')).toString('latin1')
    const value = [...reply.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map((match) => match[1])
    if (value.length > 0) shown.set(key, { value, deadline: -1 })
  }
  for (const [key, { value }] of shown) {
    const deadline = Number((await client.call('PEXPIRETIME', key)).toString('latin1').slice(1))
    // It may have expired since.
    if (deadline === -2) shown.delete(key)
    else shown.set(key, { value, deadline })
  }
  return shown
}
