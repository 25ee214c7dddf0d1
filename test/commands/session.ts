/**
 * A client for command tests: an engine of its own with a clock that stands still, commands dispatched without
 * a socket, replies as the exact bytes.
 */
import { families } from '../../src/commands/families.ts'
import { Configuration } from '../../src/config/configuration.ts'
import type { DirectiveName } from '../../src/config/directives.ts'
import type { Client, Link } from '../../src/engine/client.ts'
import { Engine } from '../../src/engine/engine.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { silentLog } from '../../src/platform/log.ts'
import { SeededRandom } from '../../src/platform/random.ts'
import { ManualTimers } from '../../src/platform/timers.ts'
import { Arguments } from '../../src/protocol/arguments.ts'
import { Block } from '../../src/structures/block.ts'

export type Argument = string | number | Uint8Array

export interface SessionOptions {
  /** Directives as redis.conf would state them; unless they do, there are no save points. */
  readonly config?: Readonly<Partial<Record<DirectiveName, string>>>
  readonly clock?: ManualClock
  readonly seed?: number
}

/** A fresh server with one client. */
export function session(options: SessionOptions = {}): Session {
  const clock = options.clock ?? new ManualClock()
  const timers = new ManualTimers(clock)
  const engine = new Engine({
    configuration: new Configuration({ save: '', ...options.config }),
    clock,
    timers,
    random: new SeededRandom(options.seed ?? 1),
    log: silentLog(),
    families,
    shutdown: () => {},
  })
  engine.onFault = (where, error) => {
    throw new Error(`fault in ${where}`, { cause: error })
  }
  return new Session(engine, clock, timers)
}

export class Session {
  readonly engine: Engine
  readonly clock: ManualClock
  readonly timers: ManualTimers
  readonly client: Client
  private recorded: string[] | null = null

  constructor(engine: Engine, clock: ManualClock, timers: ManualTimers) {
    this.engine = engine
    this.clock = clock
    this.timers = timers
    this.client = engine.connect(nowhere)
  }

  /** Another client of the same server. */
  another(): Session {
    return new Session(this.engine, this.clock, this.timers)
  }

  /** Runs one command and returns its reply as latin1. Strings are latin1 too. */
  call(...args: readonly Argument[]): string {
    const { client, engine } = this
    engine.dispatcher.beginBatch()
    const ran = engine.dispatcher.dispatch(client, argumentsOf(args))
    engine.dispatcher.endBatch()
    if (!ran) throw new Error('the command is held back')
    const reply = client.reply.block.bytes.toString('latin1', 0, client.reply.length)
    client.reply.release()
    return reply
  }

  /** Runs a command line whose arguments have no blanks in them. */
  run(line: string): string {
    return this.call(...line.split(' '))
  }

  /** The bulk strings in the reply of a command line, nested ones too; for replies whose order is not known. */
  bulks(line: string): string[] {
    return [...this.run(line).matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map((match) => match[1])
  }

  /** The key changes since the last call, as "event key database"; the first call only starts recording. */
  events(): string[] {
    const before = this.recorded
    this.recorded = []
    if (before !== null) return before
    this.engine.keyChanges.add({
      following: true,
      keyChanged: (db, key, _type, event) => {
        this.recorded?.push(`${event} ${key.toString('latin1')} ${db.id}`)
      },
      keyEvent: () => {},
      databaseReplaced: () => {},
    })
    return []
  }
}

/** The arguments of a command, in a block of their own. */
export function argumentsOf(values: readonly Argument[]): Arguments {
  const parts = values.map((value) =>
    typeof value === 'object' ? Buffer.from(value) : Buffer.from(String(value), 'latin1'),
  )
  const args = new Arguments()
  args.block = new Block(Buffer.concat(parts))
  let offset = 0
  for (const part of parts) {
    if (args.count === args.offsets.length) args.grow()
    args.offsets[args.count] = offset
    args.lengths[args.count] = part.length
    args.count++
    offset += part.length
  }
  return args
}

const nowhere: Link = {
  flushSoon: () => {},
  flushNow: () => {},
  destroy: () => {},
  resume: () => {},
  remoteAddress: '127.0.0.1:50000',
  localAddress: '127.0.0.1:6379',
  fd: -1,
  inputBytes: 0,
  inputRoom: 0,
  unsentBytes: 0,
}

/** The reply of one bulk string. */
export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`
}

/** The reply of an array of bulk strings; null stands for an absent one. */
export function bulks(...texts: readonly (string | null)[]): string {
  return `*${texts.length}\r\n${texts.map((text) => (text === null ? '$-1\r\n' : bulk(text))).join('')}`
}
