import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Session, session } from '../commands/session.ts'

/** Commands that may change a key, and when they do: judged by a model of keys with versions. */
const KEYS = ['a', 'b', 'c']
const CLIENTS = 4

type Action =
  | { readonly kind: 'watch'; readonly client: number; readonly key: number }
  | { readonly kind: 'unwatch' | 'exec'; readonly client: number }
  | { readonly kind: 'set' | 'del' | 'get' | 'persist'; readonly client: number; readonly key: number }
  | { readonly kind: 'pexpire'; readonly client: number; readonly key: number; readonly ms: number }
  | { readonly kind: 'rename'; readonly client: number; readonly key: number; readonly to: number }
  | { readonly kind: 'flush'; readonly client: number }
  | { readonly kind: 'advance'; readonly ms: number }

const client = fc.nat(CLIENTS - 1)
const key = fc.nat(KEYS.length - 1)
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('watch' as const), client, key }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('exec' as const), client }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unwatch' as const), client }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('set' as const, 'del' as const, 'get' as const, 'persist' as const),
      client,
      key,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pexpire' as const),
      client,
      key,
      ms: fc.integer({ min: 1, max: 50 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rename' as const), client, key, to: key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const), client }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 40 }) }),
  },
)

/** One key of the model: its deadline, or null when it is not stored. */
interface Stored {
  deadline: number
}

/**
 * The model: what is stored (expired or not), and for each client what it watches. Lost is what Redis calls
 * dirty; an expired flag marks a key that was past its deadline when watched.
 */
class Model {
  now = 0
  readonly stored: (Stored | null)[] = KEYS.map(() => null)
  readonly watches: Map<number, { expired: boolean }>[] = Array.from({ length: CLIENTS }, () => new Map())
  readonly lost: boolean[] = Array.from({ length: CLIENTS }, () => false)

  isExpired(key: number): boolean {
    const stored = this.stored[key]
    return stored !== null && stored.deadline <= this.now
  }

  isLive(key: number): boolean {
    return this.stored[key] !== null && !this.isExpired(key)
  }

  /** A command looked at the key: an expired one is removed. */
  look(key: number): void {
    if (!this.isExpired(key)) return
    this.stored[key] = null
    this.touch(key)
  }

  touch(key: number): void {
    for (let c = 0; c < CLIENTS; c++) {
      const watch = this.watches[c].get(key)
      if (watch === undefined) continue
      if (watch.expired && this.stored[key] === null) watch.expired = false
      else this.lose(c)
    }
  }

  lose(c: number): void {
    this.lost[c] = true
    this.watches[c].clear()
  }

  forget(c: number): void {
    this.lost[c] = false
    this.watches[c].clear()
  }

  aborts(c: number): boolean {
    return this.lost[c] || [...this.watches[c]].some(([key, { expired }]) => !expired && this.isExpired(key))
  }
}

function run(model: Model, sessions: readonly Session[], step: Action): void {
  if (step.kind === 'advance') {
    model.now += step.ms
    sessions[0].clock.advance(step.ms)
    return
  }
  const s = sessions[step.client]
  if (step.kind === 'exec') {
    const expected = model.aborts(step.client) ? '*-1\r\n' : '*1\r\n+PONG\r\n'
    s.run('MULTI')
    s.run('PING')
    expect(s.run('EXEC')).toBe(expected)
    model.forget(step.client)
  } else if (step.kind === 'unwatch') {
    s.run('UNWATCH')
    model.forget(step.client)
  } else if (step.kind === 'flush') {
    s.run('FLUSHALL')
    flush(model)
  } else if ('key' in step) onKey(model, s, step)
}

function flush(model: Model): void {
  for (let key = 0; key < KEYS.length; key++) {
    if (model.stored[key] === null) continue
    model.stored[key] = null
    model.touch(key)
  }
}

function onKey(model: Model, s: Session, step: Extract<Action, { key: number }>): void {
  const name = KEYS[step.key]
  if (step.kind === 'watch') {
    s.run(`WATCH ${name}`)
    const watches = model.watches[step.client]
    if (!model.lost[step.client] && !watches.has(step.key)) {
      watches.set(step.key, { expired: model.isExpired(step.key) })
    }
    return
  }
  if (step.kind === 'rename') {
    s.run(`RENAME ${name} ${KEYS[step.to]}`)
    rename(model, step.key, step.to)
    return
  }
  s.run(
    step.kind === 'set'
      ? `SET ${name} v`
      : step.kind === 'pexpire'
        ? `PEXPIRE ${name} ${step.ms}`
        : `${step.kind} ${name}`,
  )
  change(model, step)
}

function rename(model: Model, from: number, to: number): void {
  model.look(from)
  if (!model.isLive(from) || from === to) return
  model.look(to)
  model.stored[to] = model.stored[from]
  model.stored[from] = null
  model.touch(from)
  model.touch(to)
}

function change(model: Model, step: Extract<Action, { key: number }>): void {
  const { key } = step
  model.look(key)
  const live = model.isLive(key)
  if (step.kind === 'set') model.stored[key] = { deadline: Number.POSITIVE_INFINITY }
  else if (!live || step.kind === 'get') return
  else if (step.kind === 'del') model.stored[key] = null
  else if (step.kind === 'pexpire') model.stored[key] = { deadline: model.now + step.ms }
  else if (model.stored[key]?.deadline === Number.POSITIVE_INFINITY) return
  else model.stored[key] = { deadline: Number.POSITIVE_INFINITY }
  model.touch(key)
}

describe('WATCH', () => {
  it('aborts EXEC exactly when a watched key changed, whoever changed it and however', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 80 }), (steps) => {
        const first = session()
        const sessions = [first, ...Array.from({ length: CLIENTS - 1 }, () => first.another())]
        const model = new Model()
        for (const step of steps) run(model, sessions, step)
      }),
      { numRuns: 2000 },
    )
  })

  it('takes a hundred thousand keys, each compared with none of the others', () => {
    const s = session()
    const keys = Array.from({ length: 100_000 }, (_, i) => `k${i}`)
    s.call('WATCH', ...keys)
    s.call('WATCH', ...keys)
    expect(s.client.watchList?.keys.length).toBe(keys.length)
    s.another().run('SET k99999 1')
    s.run('MULTI')
    expect(s.run('EXEC')).toBe('*-1\r\n')
  })

  it('leaves nothing behind when its clients go', () => {
    const s = session()
    const { engine } = s
    for (let i = 0; i < 100; i++) {
      const other = s.another()
      other.run(`WATCH k${i % 7} l`)
      if (i % 3 === 0) s.run('SET l 1')
      if (i % 3 === 1) other.run('UNWATCH')
      engine.disconnect(other.client)
    }
    expect(engine.watches.following).toBe(false)
    expect(engine.keyspace.listener).toBeNull()
  })
})
