/**
 * From a decoded request to a handler's reply: lookup, gates, run, counters. The one place where errors are
 * caught. The gates read flags of the declaration; no command is known here by name.
 */
import type { Arguments } from '../protocol/arguments.ts'
import {
  ErrorReply,
  err,
  LOADING,
  NO_AUTH,
  NOT_IN_TRANSACTION,
  OUT_OF_MEMORY,
  wrongArguments,
} from '../protocol/error-replies.ts'
import type { Client } from './client.ts'
import { type Command, FLAG } from './command.ts'
import type { CommandTable } from './command-table.ts'
import { CommandTimer } from './command-timer.ts'
import type { Engine } from './engine.ts'
import {
  GATE_ACL,
  GATE_AUTH,
  GATE_DISK,
  GATE_FAULTS,
  GATE_GATHERED,
  GATE_GUARD,
  GATE_LOADING,
  GATE_MEMORY,
  GATE_MONITORED,
  GATE_MONITORING,
  GATE_MULTI,
  GATE_NO_TOUCH,
  GATE_PAUSE,
  GATE_REPLY,
  GATE_SUBSCRIBED,
  GATE_TRACKING,
  GATE_TRACKING_FULL,
} from './gates.ts'
import { REFUSED, WAITS } from './memory-limit.ts'
import { discardTransaction } from './transaction.ts'

/** Longest part of a client's bytes that an error text repeats. */
const QUOTED_MAX = 128
const ON_KEYSPACE = FLAG.write | FLAG.readonly | FLAG.may_replicate

export class Dispatcher {
  private readonly engine: Engine
  private readonly table: CommandTable
  private readonly timer: CommandTimer

  constructor(engine: Engine, table: CommandTable) {
    this.engine = engine
    this.table = table
    this.timer = new CommandTimer(engine)
  }

  /** The command that ran last, or is running. */
  get lastCommand(): Command | null {
    return this.timer.last
  }

  /** Call before the commands of one chunk of input: they share one reading of the time. */
  beginBatch(): void {
    this.timer.beginBatch()
  }

  /** Whether the batch has had its time, and should go on in another turn. */
  get late(): boolean {
    return this.timer.late
  }

  /** Call before the arguments of commands that have run are overwritten. */
  settle(): void {
    this.timer.settle()
  }

  /** Call after the last command of the chunk. */
  endBatch(): void {
    this.timer.settle()
  }

  /**
   * Runs one command and leaves its reply in client.reply. Returns false when the command may not run yet
   * (CLIENT PAUSE): nothing has happened, and the link runs it again when it is resumed.
   */
  dispatch(client: Client, args: Arguments): boolean {
    const gates = this.engine.gates | client.gates
    // Most commands under maxmemory find the use below it, and that is all they have to do with it.
    if (gates !== 0 && (gates !== GATE_MEMORY || this.engine.memoryLimit.concerns(args))) {
      return this.dispatchGated(client, args, gates)
    }
    const command = this.resolve(client, args)
    if (command !== null) this.run(client, command, args)
    if (this.engine.blocking.ready.length > 0) this.engine.blocking.serve()
    return true
  }

  private dispatchGated(client: Client, args: Arguments, gates: number): boolean {
    this.timer.discount()
    if ((gates & GATE_TRACKING_FULL) !== 0) this.engine.tracking.evict()
    if ((gates & GATE_GATHERED) !== 0 && client.subscriptions !== null) this.engine.pushes.distribute()
    const mark = client.reply.length
    const command = this.resolve(client, args)
    if (command !== null && !this.passGates(client, command, args, gates)) return false
    if ((gates & GATE_TRACKING) !== 0) this.engine.tracking.commandEnded(client, command)
    // CLIENT REPLY ON takes the gate down while it runs, and is answered.
    // A command that blocks has its reply, and what becomes of it, still to come.
    if ((client.gates & gates & GATE_REPLY) !== 0 && client.held === 0) silence(client, mark)
    this.engine.pushes.end(client)
    if ((gates & GATE_FAULTS) !== 0) this.engine.faults.replied(client, mark)
    if (this.engine.blocking.ready.length > 0) this.engine.blocking.serve()
    return true
  }

  /**
   * Has a command that blocked reply now, by `answer`, which may throw as handlers do. It is no new call. With its
   * arguments it counts as slow when the answer takes long; they are absent when the wait was in vain.
   */
  finishBlocked(client: Client, command: Command, answer: () => void, args: Arguments | null = null): void {
    const { keyspace } = this.engine
    const { noTouch } = keyspace
    const { pushes } = this.engine
    pushes.distribute()
    // CLIENT UNBLOCK answers from within another client's command, but changes nothing that would be pushed.
    const within = pushes.current !== null
    const mark = client.reply.length
    this.timer.change(command)
    if (!within) pushes.begin(client)
    keyspace.noTouch = client.noTouch
    this.engine.propagation.enter()
    try {
      answer()
    } catch (error) {
      client.reply.rewind(mark)
      this.answerError(client, command, error)
    }
    this.engine.propagation.end()
    keyspace.noTouch = noTouch
    this.timer.unblocked(client, command, args)
    if ((client.gates & GATE_REPLY) !== 0) silence(client, mark)
    if (!within) pushes.end(client)
    if ((client.gates & GATE_FAULTS) !== 0) this.engine.faults.replied(client, mark)
  }

  /** Runs a command that MULTI queued, past the gates, in the middle of EXEC's reply. */
  runQueued(client: Client, command: Command, args: Arguments): void {
    const refusal =
      (client.gates & GATE_ACL) === 0 ? null : this.engine.acl.refusalInExec(client, command, args)
    if (refusal !== null) {
      this.engine.stats.countError(refusal.code)
      client.reply.error(refusal)
      return
    }
    this.distributeFor(command)
    this.run(client, command, args)
    this.follow(client, command, args)
  }

  /** Other commands than PUBLISH and those on keys may look at what clients are to be sent, or change who gets it. */
  private distributeFor(command: Command): void {
    const { gates, pushes } = this.engine
    if ((gates & GATE_GATHERED) !== 0 && (command.flags & ON_KEYSPACE) === 0) pushes.distribute()
  }

  /** Tells those who follow commands of one that has run. */
  private follow(client: Client, command: Command, args: Arguments): void {
    const { engine } = this
    if ((client.gates & GATE_TRACKING) !== 0) engine.tracking.remember(client, command, args)
    if ((engine.gates & GATE_MONITORED) !== 0) engine.monitor.show(client, command, args)
  }

  private run(client: Client, command: Command, args: Arguments): void {
    const { timer } = this
    if (command !== timer.command) timer.change(command)
    const mark = client.reply.length
    client.lastCommand = command
    const { propagation, keyspace } = this.engine
    const { active } = propagation
    const { dirty } = keyspace
    if (active) propagation.enter()
    try {
      command.run(client, args)
    } catch (error) {
      client.reply.rewind(mark)
      this.answerError(client, command, error)
    }
    if (active) propagation.leave(client, command, args, keyspace.dirty !== dirty)
    // Counted when they have run: INFO does not see itself, and RESETSTAT leaves itself.
    command.calls++
    this.engine.stats.commandsProcessed++
    timer.ran(client, command, args, mark)
  }

  private answerError(client: Client, command: Command, error: unknown): void {
    command.failed++
    if (error instanceof ErrorReply) {
      this.engine.stats.countError(error.code)
      client.reply.error(error)
      return
    }
    // Ours, not the client's: told, logged, and this client's state is not to be trusted any further.
    this.engine.fault(`command '${command.name}'`, error)
    this.engine.stats.countError('ERR')
    client.reply.error(err('internal error'))
    client.closeAfterReply = true
  }

  /** The command or subcommand that the arguments name and fit; null when an error has been answered. */
  private resolve(client: Client, args: Arguments): Command | null {
    let command = this.table.find(args)
    if (command === null) {
      if (isHttp(args)) return this.hangUp(client)
      return this.reject(client, null, unknownCommand(args))
    }
    if (command.subcommands !== null && args.count > 1) {
      const child = command.subcommands.get(args.text(1).toLowerCase())
      if (child === undefined) return this.reject(client, command, unknownSubcommand(command, args))
      command = child
    }
    if (args.count < command.minArguments || args.count > command.maxArguments) {
      return this.reject(client, command, wrongArguments(command.name))
    }
    return command
  }

  /** A browser made to send a request here (cross-protocol scripting) gets no answer and no second try. */
  private hangUp(client: Client): null {
    const { remoteAddress } = client.link
    this.engine.log.warning(
      `Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. Connection from ${remoteAddress} aborted.`,
    )
    client.link.destroy()
    return null
  }

  private reject(client: Client, command: Command | null, error: ErrorReply): null {
    if (command !== null) command.rejected++
    this.engine.stats.countError(error.code)
    // Redis says so of any EXEC, in MULTI or not.
    if (command?.runsQueue) {
      discardTransaction(client)
      const reason = error.code === 'ERR' ? error.line.slice('ERR '.length) : error.line
      client.reply.error(new ErrorReply(`EXECABORT Transaction discarded because of: ${reason}`))
    } else {
      if (client.transaction !== null) client.transaction.aborted = true
      client.reply.error(error)
    }
    return null
  }

  private enqueue(client: Client, command: Command, args: Arguments): void {
    client.transaction?.add(command, args)
    client.reply.queued()
  }

  /** Why this client may not run the command at all; null when it may. */
  private refusalOf(client: Client, command: Command, args: Arguments, gates: number): ErrorReply | null {
    const barred = command.spec.barred?.(client) ?? null
    if (barred !== null) return barred
    if ((gates & GATE_AUTH) !== 0 && (command.flags & FLAG.no_auth) === 0) return NO_AUTH
    if ((gates & GATE_MULTI) !== 0 && (command.flags & FLAG.no_multi) !== 0) return NOT_IN_TRANSACTION
    return (gates & GATE_ACL) === 0 ? null : this.engine.acl.refusal(client, command, args)
  }

  private passGates(client: Client, command: Command, args: Arguments, gates: number): boolean {
    const refusal = this.refusalOf(client, command, args, gates)
    if (refusal !== null) {
      this.reject(client, command, refusal)
      return true
    }
    if ((gates & GATE_FAULTS) !== 0 && this.engine.faults.stops(client, command)) {
      const { answer } = this.engine.faults
      if (answer !== null) this.reject(client, command, answer)
      return true
    }
    if ((gates & GATE_MEMORY) !== 0) {
      const verdict = this.engine.memoryLimit.admits(client, command, flagsOf(client, command), args)
      if (verdict === WAITS) return false
      if (verdict === REFUSED) {
        this.reject(client, command, OUT_OF_MEMORY)
        return true
      }
    }
    if ((gates & GATE_DISK) !== 0 && (command.healthCheck || (flagsOf(client, command) & FLAG.write) !== 0)) {
      this.reject(client, command, this.engine.diskErrors.refusal)
      return true
    }
    if ((gates & GATE_SUBSCRIBED) !== 0 && !command.whileSubscribed) {
      this.reject(client, command, notWhileSubscribed(command))
      return true
    }
    if ((gates & GATE_LOADING) !== 0 && (commonFlagsOf(client, command) & FLAG.loading) === 0) {
      this.reject(client, command, LOADING)
      return true
    }
    if ((gates & GATE_MONITORING) !== 0 && (flagsOf(client, command) & ON_KEYSPACE) !== 0) {
      this.reject(client, command, err("Replica can't interact with the keyspace"))
      return true
    }
    // A monitor is exempt from pauses, as a replica is.
    if (
      (gates & (GATE_PAUSE | GATE_MONITORING)) === GATE_PAUSE &&
      this.engine.pause.holds(flagsOf(client, command))
    ) {
      this.engine.pause.hold(client)
      return false
    }
    if ((gates & GATE_MULTI) !== 0 && !command.unqueued) {
      this.enqueue(client, command, args)
      return true
    }
    if ((gates & GATE_GUARD) !== 0 && this.engine.keyGuard.holds(command, flagsOf(client, command), args)) {
      this.engine.keyGuard.hold(client)
      return false
    }
    this.distributeFor(command)
    const { keyspace } = this.engine
    keyspace.noTouch = (gates & GATE_NO_TOUCH) !== 0
    this.engine.pushes.begin(client)
    this.run(client, command, args)
    this.follow(client, command, args)
    keyspace.noTouch = false
    return true
  }
}

/** FLAG bits to judge a command by: EXEC stands for all it will run. */
function flagsOf(client: Client, command: Command): number {
  return command.runsQueue && client.transaction !== null ? client.transaction.flags : command.flags
}

/** FLAG bits to allow a command by: EXEC is only what all it will run are. */
function commonFlagsOf(client: Client, command: Command): number {
  if (!command.runsQueue || client.transaction === null) return command.flags
  return command.flags & client.transaction.commonFlags
}

/** Takes back the reply of a client that asked for none (CLIENT REPLY OFF, SKIP). */
function silence(client: Client, mark: number): void {
  client.reply.rewind(mark)
  if (client.skippedReplies > 0 && --client.skippedReplies === 0) client.gates &= ~GATE_REPLY
}

/** Argument `index` as error texts repeat it: like a C string it ends at a zero byte. */
function quote(args: Arguments, index: number, most: number): string {
  return args.text(index).split('\0', 1)[0].slice(0, most)
}

function notWhileSubscribed(command: Command): ErrorReply {
  const allowed = '(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET'
  return err(`Can't execute '${command.name}': only ${allowed} are allowed in this context`)
}

/** Whether the request is a line of HTTP: its method, or the header that every request has. */
function isHttp(args: Arguments): boolean {
  return args.is(0, 'POST') || args.is(0, 'HOST:')
}

function unknownCommand(args: Arguments): ErrorReply {
  let quoted = ''
  for (let i = 1; i < args.count && quoted.length < QUOTED_MAX; i++) {
    quoted += `'${quote(args, i, QUOTED_MAX - quoted.length)}' `
  }
  return err(`unknown command '${quote(args, 0, QUOTED_MAX)}', with args beginning with: ${quoted}`)
}

function unknownSubcommand(command: Command, args: Arguments): ErrorReply {
  const name = quote(args, 1, QUOTED_MAX)
  return err(`unknown subcommand '${name}'. Try ${command.name.toUpperCase()} HELP.`)
}
