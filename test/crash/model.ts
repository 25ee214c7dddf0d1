/**
 * What one writer does to keys of its own, command by command, and which prefix of that a server shows after a crash.
 * It knows no sockets: writer.ts sends, crash.test.ts kills.
 */
import type { Dice } from '../compat/random.ts'

/** A key's value, and the moments between which it expires (null: never). */
interface Kept {
  readonly value: string | readonly string[]
  readonly deadline: { readonly earliest: number; readonly latest: number } | null
}

export type State = Map<string, Kept>

/** One step: commands that are sent together and happen together, a transaction if there is more than one. */
export interface Step {
  readonly commands: readonly (readonly string[])[]
  readonly effects: readonly Effect[]
  /** Milliseconds since the epoch. */
  readonly sentAt: number
  /** When the last reply came; null: it did not. */
  ackedAt: number | null
}

/** What becomes of one key. */
interface Effect {
  readonly key: string
  readonly change: (before: Kept | undefined, deadline: (lifetime: number) => Kept['deadline']) => Kept | null
}

/** A key as the server shows it; `deadline` is PEXPIRETIME's reply. */
export interface Shown {
  readonly value: string | readonly string[]
  readonly deadline: number
}

const LIST_MAX = 40
/** A server looks at the clock once per turn. */
const CLOCK_MS = 5
const BIG = 100_000

/** Keys of writer `id`, by what is done to them: all known beforehand, so that any other key is a stranger. */
export function keysOf(id: number): { texts: string[]; lists: string[]; fleeting: string[]; all: string[] } {
  const named = (name: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `writer:${id}:${name}:${i}`)
  const texts = named('text', 4)
  const lists = named('list', 3)
  const fleeting = named('fleeting', 3)
  return { texts, lists, fleeting, all: [...texts, ...lists, ...fleeting] }
}

/** A random step numbered `sequence` of writer `id`, sent now. */
export function randomStep(dice: Dice, id: number, sequence: number): Step {
  const count = dice.oneIn(4) ? dice.between(2, 5) : 1
  const parts = Array.from({ length: count }, () => randomPart(dice, id, sequence))
  const commands = parts.map((part) => part.command)
  return {
    commands: count === 1 ? commands : [['MULTI'], ...commands, ['EXEC']],
    effects: parts.map(({ key, change }) => ({ key, change })),
    sentAt: Date.now(),
    ackedAt: null,
  }
}

interface Part extends Effect {
  readonly command: readonly string[]
}

function randomPart(dice: Dice, id: number, sequence: number): Part {
  const { texts, lists, fleeting } = keysOf(id)
  const kind = dice.below(10)
  if (kind < 4) return textPart(dice, dice.pick(texts), `${sequence}`)
  if (kind < 8) return listPart(dice, dice.pick(lists), `${sequence}`)
  return fleetingPart(dice, dice.pick(fleeting), `${sequence}`)
}

const text = (before: Kept | undefined): string => (before === undefined ? '' : String(before.value))
const lasting = (value: string | readonly string[]): Kept => ({ value, deadline: null })

function textPart(dice: Dice, key: string, number: string): Part {
  switch (dice.below(6)) {
    case 0:
      return { key, command: ['DEL', key], change: () => null }
    case 1:
      return {
        key,
        command: ['SETRANGE', key, '0', number],
        change: (before) => lasting(number + text(before).slice(number.length)),
      }
    case 2: {
      const big = `${number} `.repeat(dice.oneIn(10) ? BIG / number.length : 50)
      return { key, command: ['SET', key, big], change: () => lasting(big) }
    }
    case 3:
      return {
        key,
        command: ['APPEND', key, number],
        change: (before) => lasting(text(before) + number),
      }
    default:
      return { key, command: ['SET', key, number], change: () => lasting(number) }
  }
}

const items = (before: Kept | undefined): readonly string[] =>
  before === undefined ? [] : (before.value as readonly string[])
const list = (elements: readonly string[]): Kept | null => (elements.length === 0 ? null : lasting(elements))

function listPart(dice: Dice, key: string, number: string): Part {
  switch (dice.below(7)) {
    case 0:
      return { key, command: ['LPOP', key], change: (before) => list(items(before).slice(1)) }
    case 1:
      return { key, command: ['RPOP', key, '2'], change: (before) => list(items(before).slice(0, -2)) }
    case 2:
      return {
        key,
        command: ['LTRIM', key, `-${LIST_MAX}`, '-1'],
        change: (before) => list(items(before).slice(-LIST_MAX)),
      }
    case 3:
      return { key, command: ['LPUSH', key, number], change: (before) => list([number, ...items(before)]) }
    case 4:
      return {
        key,
        command: ['LMOVE', key, key, 'LEFT', 'RIGHT'],
        change: (before) => list([...items(before).slice(1), ...items(before).slice(0, 1)]),
      }
    default:
      return {
        key,
        command: ['RPUSH', key, number, `and ${number}`],
        change: (before) => list([...items(before), number, `and ${number}`]),
      }
  }
}

/** Nothing here depends on what the key had, since it may or may not have expired by then. */
function fleetingPart(dice: Dice, key: string, number: string): Part {
  const lifetime = dice.pick([10, 50, 200, 1000, 100_000])
  switch (dice.below(4)) {
    case 0:
      return { key, command: ['SET', key, number], change: () => lasting(number) }
    case 1:
      return { key, command: ['DEL', key], change: () => null }
    case 2:
      return {
        key,
        command: ['SETEX', key, '1', number],
        change: (_before, deadline) => ({ value: number, deadline: deadline(1000) }),
      }
    default:
      return {
        key,
        command: ['SET', key, number, 'PX', `${lifetime}`],
        change: (_before, deadline) => ({ value: number, deadline: deadline(lifetime) }),
      }
  }
}

/** Does the step to `state`; what is not answered may have happened until `end`. */
function perform(state: State, step: Step, end: number): void {
  const deadline = (lifetime: number): Kept['deadline'] => ({
    earliest: step.sentAt + lifetime - CLOCK_MS,
    latest: (step.ackedAt ?? end) + lifetime + CLOCK_MS,
  })
  for (const { key, change } of step.effects) {
    const after = change(state.get(key), deadline)
    if (after === null) state.delete(key)
    else state.set(key, after)
  }
}

function agrees(kept: Kept | undefined, shown: Shown | undefined, now: number): boolean {
  if (kept === undefined) return shown === undefined
  const { value, deadline } = kept
  if (shown === undefined) return deadline !== null && deadline.earliest <= now
  if (JSON.stringify(value) !== JSON.stringify(shown.value)) return false
  if (deadline === null) return shown.deadline === -1
  return shown.deadline >= deadline.earliest && shown.deadline <= deadline.latest
}

/**
 * How many of `steps`, done from `before` on, lead to what is `shown`: the least and the greatest such number that is
 * at least `least`; null when none does. `end` is when the server ended, `now` when it was asked afterwards.
 */
export function stepsShown(
  before: State,
  steps: readonly Step[],
  keys: readonly string[],
  shown: ReadonlyMap<string, Shown>,
  times: { readonly end: number; readonly now: number },
  least: number,
): { first: number; last: number; state: State } | null {
  const state: State = new Map(before)
  const wrong = new Set(keys.filter((key) => !agrees(state.get(key), shown.get(key), times.now)))
  let first = -1
  let last = -1
  let found: State | null = null
  for (let done = 0; ; done++) {
    if (done >= least && wrong.size === 0) {
      if (found === null) first = done
      last = done
      found = new Map(state)
    }
    if (done === steps.length) break
    perform(state, steps[done], times.end)
    for (const { key } of steps[done].effects) {
      if (agrees(state.get(key), shown.get(key), times.now)) wrong.delete(key)
      else wrong.add(key)
    }
  }
  if (found === null) return null
  // What may have been is now known.
  for (const [key, kept] of found) {
    if (kept.deadline === null) continue
    const now = shown.get(key)?.deadline
    if (now === undefined) found.delete(key)
    else found.set(key, { ...kept, deadline: { earliest: now, latest: now } })
  }
  return { first, last, state: found }
}
