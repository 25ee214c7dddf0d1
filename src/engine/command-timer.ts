/**
 * How long commands take: for INFO commandstats, for the latency histograms, and to find the slow ones for SLOWLOG
 * and LATENCY. It measures; what it finds is kept by slow-log.ts, latency-monitor.ts and the command's histogram.
 *
 * A reading of the clock costs 40 ns, a tenth of a short command in a deep pipeline, and two for each command would
 * be a fifth. So the end of one command is the start of the next, and a run of equal commands shares readings: so
 * many that a reading costs some 1 % of the time between two (`BUDGET_MICROS` over the command's usual time). Whatever
 * takes more than 2.5 µs is therefore measured one by one; so is everything that a client sends without a
 * pipeline, and everything while the threshold of SLOWLOG is so low that short commands count. Exact in all cases are
 * the sums and the counts. A slow command is found in a group too, since the group as a whole is slow then; it is
 * missed only if it exceeds the threshold by less than its neighbours usually take. What is a guess is which one of at
 * most 16 equal neighbours in one pipeline it was: the one with the longest request and reply, since that is what
 * makes a short command long. The others of the group then
 * count with the usual time, and without a slow one each counts with the group's mean.
 *
 * The time between two commands (decoding, gates) counts for one of them; Redis leaves it out.
 * bench/micro/pipeline.ts shows the cost: its second column is without all this.
 */
import type { Settings } from '../config/settings.ts'
import type { LatencyEvent } from '../keyspace/latency-monitor.ts'
import type { Clock } from '../platform/clock.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { LatencyHistogram } from '../structures/latency-histogram.ts'
import type { Client } from './client.ts'
import { BEGUN_AT, type Command, FLAG, MICROS, PACE } from './command.ts'
import type { Engine } from './engine.ts'

/** Most commands that share a reading; no more than an intake reads ahead, so that their arguments are still there. */
const GROUP_MAX = 16
/** Time between two readings that makes their cost small, microseconds. */
const BUDGET_MICROS = 5
/** The usual time follows what is measured with this weight, up to this many microseconds. */
const PACE_WEIGHT = 1 / 8
const PACE_MAX = 16
/** A group that takes so many times its usual time has one in it that is to blame. */
const OUTLIER = 4
/**
 * After so many microseconds, what some 8000 short commands take or a slow one, a batch gives way to others, behind the
 * requests that were read ahead with the last.
 */
const BATCH_MICROS = 4000
/** Below this threshold for slow commands, microseconds, a group may exceed it without holding one. */
const GROUPS_FROM = 100

/** In CommandTimer.times, which is one for the reason that Command.times is. */
const SINCE = 0
const BEGAN = 1
const NOW = 2

export class CommandTimer {
  /** What is being measured; null: nothing. */
  command: Command | null
  /** What was measured last, still or not. */
  last: Command | null
  private readonly engine: Engine
  private readonly clock: Clock
  private readonly settings: Settings
  /** Readings of the clock: that from which on commands are measured, the first of this batch, the last. */
  private readonly times: Float64Array
  /** The last is the first, and no command has begun since. */
  private fresh: boolean
  /** The batch has taken its time: others wait for theirs. As of the last reading. */
  late: boolean
  /** The commands that ran since the last reading, and the length of the client's reply when each began. */
  private count: number
  private readonly args: (Arguments | null)[]
  private readonly marks: Int32Array
  private client: Client | null
  /** So many of them share a reading. */
  private most: number
  /** From here on a command is slow, microseconds. */
  private slowMicros: number

  constructor(engine: Engine) {
    this.command = null
    this.last = null
    this.engine = engine
    this.clock = engine.clock
    this.settings = engine.settings
    this.times = new Float64Array(3)
    this.fresh = false
    this.late = false
    this.count = 0
    this.args = Array.from({ length: GROUP_MAX }, () => null)
    this.marks = new Int32Array(GROUP_MAX)
    this.client = null
    this.most = 1
    this.slowMicros = 0
    this.configure()
    const { configuration } = engine
    configuration.onChange('slowlogLogSlowerThan', () => this.configure())
    configuration.onChange('latencyMonitorThreshold', () => this.configure())
  }

  /** A batch begins, for which this reads both clocks: nothing of it has run yet. */
  beginBatch(): void {
    const { times } = this
    const now = this.clock.tick()
    times[BEGAN] = now
    times[NOW] = now
    this.fresh = true
    this.late = false
    this.begin()
  }

  /** What has been done since the batch began is not its first command's: a gate may evict, or tell others. */
  discount(): void {
    this.fresh = false
  }

  private begin(): void {
    this.command = null
    this.count = 0
  }

  private read(): void {
    const { times } = this
    const now = this.clock.monotonicMicros()
    times[NOW] = now
    if (now - times[BEGAN] > BATCH_MICROS) this.late = true
  }

  /** Another command begins. One that runs others (EXEC) goes on when they have run. */
  change(command: Command): void {
    const { times } = this
    if (this.fresh) this.fresh = false
    else this.read()
    if (this.count > 0) this.take()
    times[SINCE] = times[NOW]
    command.times[BEGUN_AT] = times[NOW]
    this.command = command
    this.last = command
    this.most = this.groupOf(command)
  }

  /** A command has run, and its arguments stay as they are until settle(). `mark` is where its reply begins. */
  ran(client: Client, command: Command, args: Arguments, mark: number): void {
    if (command !== this.command) {
      this.returned(client, command, args)
      return
    }
    const { count } = this
    this.args[count] = args
    this.marks[count] = mark
    this.client = client
    this.count = count + 1
    if (count + 1 >= this.most) this.settle()
  }

  /** Reads the clock for what has run: call before its arguments go. */
  settle(): void {
    if (this.count === 0) return
    this.read()
    this.take()
    this.times[SINCE] = this.times[NOW]
  }

  /** A command that had blocked has been answered; `args` is null when it was not served. */
  unblocked(client: Client, command: Command, args: Arguments | null): void {
    this.read()
    const elapsed = this.times[NOW] - this.times[SINCE]
    this.begin()
    command.times[MICROS] += elapsed
    if (args !== null) this.note(client, command, args, elapsed, 'command-unblocking')
  }

  /** A command that ran others has run: its time is all of it. */
  private returned(client: Client, command: Command, args: Arguments): void {
    this.settle()
    this.read()
    const elapsed = this.times[NOW] - command.times[BEGUN_AT]
    this.begin()
    command.times[MICROS] += elapsed
    this.note(client, command, args, elapsed, eventOf(command))
  }

  /** Takes account of the commands that ran up to the last reading. */
  private take(): void {
    const { command, client } = this
    if (command === null || client === null) return
    const { times } = command
    const elapsed = this.times[NOW] - this.times[SINCE]
    times[MICROS] += elapsed
    // One that blocked has yet to be answered, and counts then.
    const count = client.held === 0 ? this.count : this.count - 1
    if (count > 0) {
      const usual = times[PACE]
      let each = elapsed / count
      times[PACE] = usual + ((each < PACE_MAX ? each : PACE_MAX) - usual) * PACE_WEIGHT
      let worst = each
      if (count > 1 && each > usual * OUTLIER) {
        each = usual
        worst = elapsed - usual * (count - 1)
      }
      if (this.settings.latencyTracking) {
        command.latency ??= new LatencyHistogram()
        if (worst === each) command.latency.record(each * 1000, count)
        else {
          command.latency.record(each * 1000, count - 1)
          command.latency.record(worst * 1000, 1)
        }
      }
      if (worst >= this.slowMicros) {
        this.noteSlow(client, command, this.largest(client, count), worst, eventOf(command))
      }
    }
    this.count = 0
    this.most = this.groupOf(command)
  }

  /** Takes account of one command. */
  private note(client: Client, command: Command, args: Arguments, micros: number, event: LatencyEvent): void {
    if (this.settings.latencyTracking) {
      command.latency ??= new LatencyHistogram()
      command.latency.record(micros * 1000, 1)
    }
    if (micros >= this.slowMicros) this.noteSlow(client, command, args, micros, event)
  }

  private noteSlow(
    client: Client,
    command: Command,
    args: Arguments,
    micros: number,
    event: LatencyEvent,
  ): void {
    const { keyspace, slowLog } = this.engine
    const { slowlogLogSlowerThan, slowlogMaxLen } = this.settings
    if (slowlogLogSlowerThan >= 0 && micros >= slowlogLogSlowerThan) {
      slowLog.add(client, command, args, micros, slowlogMaxLen)
    }
    keyspace.latency.add(event, micros / 1000)
  }

  /** The arguments of the one with the most bytes in its request and reply, of the first `count` of the group. */
  private largest(client: Client, count: number): Arguments {
    let found = this.args[0] as Arguments
    let most = -1
    for (let i = 0; i < count; i++) {
      const args = this.args[i] as Arguments
      const replyEnd = i + 1 < this.count ? this.marks[i + 1] : client.reply.length
      const request = args.offsets[args.count - 1] + args.lengths[args.count - 1] - args.offsets[0]
      const bytes = request + replyEnd - this.marks[i]
      if (bytes < most) continue
      most = bytes
      found = args
    }
    return found
  }

  private groupOf(command: Command): number {
    if (this.slowMicros < GROUPS_FROM) return 1
    if (!this.settings.latencyTracking) return GROUP_MAX
    const group = Math.floor(BUDGET_MICROS / command.times[PACE])
    return group < GROUP_MAX ? group : GROUP_MAX
  }

  private configure(): undefined {
    const { slowlogLogSlowerThan, latencyMonitorThreshold } = this.settings
    this.slowMicros = Math.min(
      slowlogLogSlowerThan < 0 ? Number.POSITIVE_INFINITY : slowlogLogSlowerThan,
      latencyMonitorThreshold === 0 ? Number.POSITIVE_INFINITY : latencyMonitorThreshold * 1000,
    )
  }
}

function eventOf(command: Command): LatencyEvent {
  return (command.flags & FLAG.fast) === 0 ? 'command' : 'fast-command'
}
