/**
 * What a command is: the declaration its family writes, and the record of fixed shape that the dispatcher
 * reads. Each fact is stated once, in the declaration; arity, gates, COMMAND INFO and DOCS follow from it.
 */
import type { Arguments } from '../protocol/arguments.ts'
import type { ErrorReply } from '../protocol/error-replies.ts'
import type { LatencyHistogram } from '../structures/latency-histogram.ts'
import type { Client } from './client.ts'
import type { KeyReference, KeySpec } from './key-specs.ts'
import { arityOf } from './syntax.ts'

/** Microseconds: long enough for a command to be measured one by one until more is known. */
const PACE_UNKNOWN = 16

/** Redis's command flags, by bit, in the order in which COMMAND INFO lists them. */
export const FLAG_NAMES = [
  'write',
  'readonly',
  'denyoom',
  'module',
  'admin',
  'pubsub',
  'noscript',
  'blocking',
  'loading',
  'stale',
  'skip_monitor',
  'skip_slowlog',
  'asking',
  'fast',
  'no_auth',
  'may_replicate',
  'no_mandatory_keys',
  'no_async_loading',
  'no_multi',
  'movablekeys',
  'allow_busy',
] as const

export type Flag = (typeof FLAG_NAMES)[number]

/** The bit of each flag in Command.flags: the gates test these and nothing else. */
export const FLAG: Record<Flag, number> = Object.fromEntries(
  FLAG_NAMES.map((name, bit) => [name, 1 << bit]),
) as Record<Flag, number>

export type Handler = (client: Client, args: Arguments) => void

/** The argument at `first` is a channel, with `several` also all behind it; with `patterns` they are patterns. */
export interface ChannelSpec {
  readonly first: number
  readonly several: boolean
  readonly patterns: boolean
}

/** One command as its family declares it. */
export interface CommandSpec {
  readonly summary: string
  readonly since: string
  readonly complexity: string
  /** The arguments after the name, in the notation of Redis's manual pages. */
  readonly syntax: string
  /** Only where the syntax line does not tell it: Redis's arity, the name included. */
  readonly arity?: number
  readonly flags: readonly Flag[]
  /** ACL categories beyond those that follow from group and flags. */
  readonly categories?: readonly string[]
  readonly keys?: readonly KeySpec[]
  /** Where the specifications do not tell: finds the keys among arguments that have the right count. */
  readonly findKeys?: (args: Arguments) => KeyReference[]
  /** Which arguments are channels the user must be allowed, or (`patterns`) patterns of them. */
  readonly channels?: ChannelSpec
  /** Indexes of arguments that MONITOR and SLOWLOG must not show, passwords. */
  readonly secrets?: (args: Arguments) => number[]
  readonly tips?: readonly string[]
  readonly history?: readonly (readonly [version: string, change: string])[]
  readonly deprecated?: { readonly since: string; readonly replacedBy: string }
  /** COMMAND DOCS calls it a system command, which applications have no business with. */
  readonly system?: true
  readonly subcommands?: Readonly<Record<string, CommandSpec>>
  /** A RESP2 client may run it while it subscribes to something. */
  readonly whileSubscribed?: true
  /** It asks whether the server is well, so it is refused while writes are. */
  readonly healthCheck?: true
  /** Runs at once inside MULTI instead of being queued. */
  readonly unqueued?: true
  /** Ends MULTI, one way or another: allowed where queueing more is not (-OOM). */
  readonly leavesMulti?: true
  /**
   * Why the settings keep the client from it; null when they don't. Asked behind gates only, before all else, so that
   * nobody queues it: `run` has to ask too.
   */
  readonly barred?: (client: Client) => ErrorReply | null
  /** Runs what MULTI queued, and is judged by it. */
  readonly runsQueue?: true
  /** Absent for a container, which only has subcommands. */
  readonly run?: Handler
}

/**
 * In Command.times: what its calls have taken, when the last began on the monotonic clock, how long one usually takes.
 * No fields: each store of a fraction would make a number on the heap (bench/micro/pipeline.ts, depth 1).
 */
export const MICROS = 0
export const BEGUN_AT = 1
export const PACE = 2

/** A command as the dispatcher meets it. All fields set once, in one order; only the counters change. */
export class Command {
  /** Lower case; a subcommand's is "container|name". */
  readonly name: string
  /** What clients call it, lower case: the name, unless rename-command says otherwise; '' when nobody can. */
  calledAs: string
  /** From 0, without gaps, subcommands included. The command table gives it. */
  id: number
  readonly group: string
  readonly spec: CommandSpec
  /** Redis's arity: the exact argument count, or minus the least one. The name counts. */
  readonly arity: number
  readonly minArguments: number
  readonly maxArguments: number
  readonly flags: number
  readonly whileSubscribed: boolean
  readonly healthCheck: boolean
  readonly unqueued: boolean
  readonly leavesMulti: boolean
  readonly runsQueue: boolean
  readonly run: Handler
  /** Lower-case name → subcommand; null when it has none. */
  readonly subcommands: ReadonlyMap<string, Command> | null
  readonly parent: Command | null
  // INFO commandstats
  calls: number
  rejected: number
  failed: number
  /** Of engine/command-timer.ts, microseconds, by MICROS and what follows it. */
  readonly times: Float64Array
  /** Null until latency-tracking has seen a call. */
  latency: LatencyHistogram | null

  constructor(name: string, group: string, spec: CommandSpec, parent: Command | null) {
    this.name = parent === null ? name.toLowerCase() : `${parent.name}|${name.toLowerCase()}`
    this.calledAs = this.name
    this.id = -1
    this.group = group
    this.spec = spec
    this.arity = spec.arity ?? arityOf(spec.syntax, parent === null ? 1 : 2, spec.subcommands !== undefined)
    this.minArguments = Math.abs(this.arity)
    this.maxArguments = this.arity > 0 ? this.arity : Number.MAX_SAFE_INTEGER
    let flags = 0
    for (const flag of spec.flags) flags |= FLAG[flag]
    if (
      spec.keys?.some((key) => key.begin.type === 'keyword' || key.find.type === 'keynum' || key.incomplete)
    )
      flags |= FLAG.movablekeys
    this.flags = flags
    this.whileSubscribed = spec.whileSubscribed === true
    this.healthCheck = spec.healthCheck === true
    this.unqueued = spec.unqueued === true
    this.leavesMulti = spec.leavesMulti === true
    this.runsQueue = spec.runsQueue === true
    this.run = spec.run ?? containerWithoutHandler
    this.parent = parent
    this.subcommands =
      spec.subcommands === undefined
        ? null
        : new Map(
            Object.entries(spec.subcommands).map(([child, childSpec]) => [
              child.toLowerCase(),
              new Command(child, group, childSpec, this),
            ]),
          )
    this.calls = 0
    this.rejected = 0
    this.failed = 0
    this.times = new Float64Array(3)
    this.times[PACE] = PACE_UNKNOWN
    this.latency = null
  }

  /** Microseconds that its calls have taken. */
  get micros(): number {
    return this.times[MICROS]
  }

  resetCounters(): void {
    this.calls = 0
    this.times[MICROS] = 0
    this.rejected = 0
    this.failed = 0
    this.latency = null
  }
}

function containerWithoutHandler(): never {
  throw new Error('a container command ran without its subcommand')
}

/** The commands of one group, as their file declares them: name in upper case → declaration. */
export interface Family {
  readonly group: string
  readonly specs: Readonly<Record<string, CommandSpec>>
}

/** Declares a family; the group is stated here once for all its commands. */
export function family(group: string, specs: Readonly<Record<string, CommandSpec>>): Family {
  return { group, specs }
}
