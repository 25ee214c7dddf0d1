/**
 * What can go wrong between a client and its server, at a test's wish: late replies, broken connections, replies in
 * pieces, refusals. Checks and words only; what a fault does is the engine's.
 */
import { type Command, FLAG } from '../engine/command.ts'
import type { Engine } from '../engine/engine.ts'
import type { Break, Fault, FaultSpec, Range } from '../engine/fault.ts'
import {
  BUSY,
  ErrorReply,
  LOADING,
  MASTER_DOWN,
  MISCONF_RDB,
  OUT_OF_MEMORY,
  READ_ONLY,
} from '../protocol/error-replies.ts'

/** Which commands a fault strikes: all of them, always, unless these say less. */
export interface FaultOptions {
  /** By name ('GET', 'CONFIG', 'CONFIG SET') or by ACL category ('@write'), in any case. */
  readonly commands?: string | readonly string[] | undefined
  /** The chance, 0 to 1, that one is struck. */
  readonly rate?: number | undefined
  /** So many of them are struck, then no more. */
  readonly times?: number | undefined
  /** So many of them pass first. */
  readonly skip?: number | undefined
}

export interface DelayOptions extends FaultOptions {
  /** Milliseconds, or from–to. Infinity: until the fault is removed. */
  readonly ms: number | readonly [from: number, to: number]
}

export interface SplitOptions extends FaultOptions {
  /** Bytes in a piece, or from–to; 1 without. */
  readonly bytes?: number | readonly [from: number, to: number] | undefined
}

export interface BreakOptions extends FaultOptions {
  /**
   * When the connection breaks. 'request', as without: the command is not run. 'reply': it is, but not replied to. A
   * number: after so many bytes of its reply.
   */
  readonly at?: 'request' | 'reply' | number | undefined
}

/** Refusals in Redis's own words, or any error's whole text: 'MOVED 1 127.0.0.1:7000', 'ERR no'. */
export type FaultAnswer = FaultCode | `${string} ${string}`

export type FaultCode = 'LOADING' | 'OOM' | 'READONLY' | 'MISCONF' | 'MASTERDOWN' | 'BUSY'

/** A fault that is set. */
export interface SetFault {
  /** How many commands it has struck. */
  readonly hits: number
  /** Has it strike no more. Replies it holds back leave at once. */
  remove(): void
  /** The same, for `using`. */
  [Symbol.dispose](): void
}

interface Answer {
  readonly reply: ErrorReply
  /** Whether Redis would refuse the command so. */
  readonly strikes: (command: Command) => boolean
}

const ANSWERS: Readonly<Record<FaultCode, Answer>> = {
  LOADING: { reply: LOADING, strikes: ({ flags }) => (flags & FLAG.loading) === 0 },
  OOM: { reply: OUT_OF_MEMORY, strikes: ({ flags }) => (flags & FLAG.denyoom) !== 0 },
  READONLY: { reply: READ_ONLY, strikes: ({ flags }) => (flags & FLAG.write) !== 0 },
  MISCONF: {
    reply: MISCONF_RDB,
    strikes: ({ flags, healthCheck }) => healthCheck || (flags & FLAG.write) !== 0,
  },
  MASTERDOWN: { reply: MASTER_DOWN, strikes: ({ flags }) => (flags & FLAG.stale) === 0 },
  BUSY: { reply: BUSY, strikes: ({ flags }) => (flags & FLAG.allow_busy) === 0 },
}

export class ServerFaults {
  private readonly engine: Engine

  /** @internal */
  constructor(engine: Engine, seed: number) {
    this.engine = engine
    engine.faults.seed = seed
  }

  /**
   * What all draws follow from: createServer's `seed`, or a number by which to repeat a run. The nth client since the
   * start, or the last clear(), that sends the same commands meets the same faults, whatever other clients do.
   */
  get seed(): number {
    return this.engine.faults.seed
  }

  /**
   * Replies leave later; their commands run when they arrive. Nothing on a connection overtakes them, and it is the
   * server's clock that counts. Without more than `ms`, messages and pushes are late too.
   */
  delay(options: DelayOptions): SetFault {
    return this.set(options, { delay: rangeOf('ms', options.ms, 0) })
  }

  /**
   * Replies leave byte by byte, or in pieces of other sizes, of which a client reads each by itself: in this process
   * always, elsewhere mostly. Without more than `bytes`, so do messages and pushes. Replies of connection() stay whole.
   */
  split(options: SplitOptions = {}): SetFault {
    return this.set(options, { pieces: rangeOf('bytes', options.bytes ?? 1, 1) })
  }

  /** The connection is closed in place of a reply, or in the middle of it, after what was replied before. */
  drop(options: BreakOptions = {}): SetFault {
    return this.set(options, { breaks: breakOf(options, false) })
  }

  /** As drop(), but with a reset (ECONNRESET), which only TCP without TLS knows; elsewhere it is a drop. */
  reset(options: BreakOptions = {}): SetFault {
    return this.set(options, { breaks: breakOf(options, true) })
  }

  /**
   * Commands are answered with an error and do not run. Where no `commands` are given, those that Redis would refuse so:
   * for READONLY the ones that write, for LOADING nearly all, with INFO saying it too if nothing else limits it. In MULTI
   * what is refused is the queueing, so that EXEC fails.
   */
  answer(error: FaultAnswer, options: FaultOptions = {}): SetFault {
    if (Object.hasOwn(ANSWERS, error)) {
      const { reply, strikes } = ANSWERS[error as FaultCode]
      const loading = reply === LOADING && options.commands === undefined
      return this.set(options, { answer: reply, strikes, loading })
    }
    if (!/^[A-Z]+ ./.test(error)) throw new RangeError(`'${error}' is no error that could be answered`)
    return this.set(options, { answer: new ErrorReply(error.replaceAll(/[\r\n]/g, ' ')) })
  }

  /** Removes all faults: what they hold back leaves at once, and a next one draws as the first one did. */
  clear(): void {
    this.engine.faults.clear()
  }

  private set(options: FaultOptions, does: Partial<FaultSpec>): SetFault {
    const { faults } = this.engine
    const { commands, rate = 1, times = Number.POSITIVE_INFINITY, skip = 0 } = options
    if (!(rate >= 0 && rate <= 1)) throw new RangeError(`rate is 0 to 1, not ${rate}`)
    if (times !== Number.POSITIVE_INFINITY) checkWhole('times', times, 1)
    checkWhole('skip', skip, 0)
    const fault = faults.add({
      answer: null,
      loading: false,
      delay: null,
      pieces: null,
      breaks: null,
      ...does,
      strikes: commands === undefined ? (does.strikes ?? null) : this.among([commands].flat()),
      rate,
      times,
      skip,
    })
    return new Handle(fault, () => faults.remove(fault))
  }

  private among(names: readonly string[]): (command: Command) => boolean {
    const chosen = new Set(names.flatMap((name) => this.named(name)))
    return (command) => chosen.has(command)
  }

  /** A command with its subcommands, or a category's commands. Throws where there is none of that name. */
  private named(name: string): readonly Command[] {
    const { acl, commands } = this.engine
    if (name.startsWith('@')) {
      const category = acl.category(name.slice(1))
      if (category === undefined) throw new RangeError(`there is no category '${name}'`)
      return category
    }
    const [top, child] = name.toLowerCase().split(/[ |]/, 2)
    const command = commands.all.find((other) => other.name === top)
    const found = child === undefined ? command : command?.subcommands?.get(child)
    if (found === undefined) throw new RangeError(`there is no command '${name}'`)
    return [found, ...(found.subcommands?.values() ?? [])]
  }
}

class Handle implements SetFault {
  private readonly fault: Fault
  readonly remove: () => void

  constructor(fault: Fault, remove: () => void) {
    this.fault = fault
    this.remove = remove
  }

  get hits(): number {
    return this.fault.hits
  }

  [Symbol.dispose](): void {
    this.remove()
  }
}

function breakOf({ at = 'request' }: BreakOptions, reset: boolean): Break {
  if (at === 'request') return { at, reset }
  const bytes = at === 'reply' ? 0 : at
  checkWhole('at', bytes, 0)
  return { at: bytes, reset }
}

function rangeOf(name: string, given: number | readonly [number, number], least: number): Range {
  const [from, to] = typeof given === 'number' ? [given, given] : given
  if (from === Number.POSITIVE_INFINITY && to === from && name === 'ms') return { least: from, most: to }
  checkWhole(name, from, least)
  checkWhole(name, to, from)
  return { least: from, most: to }
}

function checkWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} is a whole number from ${least} on, not ${value}`)
}
