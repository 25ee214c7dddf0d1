/**
 * The faults that a test has set, and what they make of a client's commands and replies on their way.
 *
 * While there are any, GATE_FAULTS is up for the server, and every command is asked for at the gates: stops() draws its
 * fate. It may have to be answered otherwise, or not at all; else it runs, and replied() notes which bytes of the
 * client's output are its reply. When the output is to be written it passes through send(), where each reply is treated
 * as its fate says. GATE_FAULTS is up for a client as long as anything of it is on that way, be there faults or not.
 */
import type { ErrorReply } from '../protocol/error-replies.ts'
import { type Client, HELD_BY_BLOCK, HELD_BY_FAULT } from './client.ts'
import type { Command } from './command.ts'
import type { Engine } from './engine.ts'
import { Fault, type FaultSpec } from './fault.ts'
import { GATE_FAULTS } from './gates.ts'
import { HeldReplies, type Outlet, type Treatment, UNTREATED } from './held-replies.ts'

/** What is to become of a command and its reply. */
interface Fate {
  /** It does not run; it is given `answer` instead, or nothing. */
  readonly stopped: boolean
  readonly answer: ErrorReply | null
  readonly treatment: Treatment
}

/** The bytes of client.reply that are a reply of that fate. */
interface Mark {
  readonly from: number
  readonly to: number
  readonly treatment: Treatment
}

/** What a client has on the way. */
interface Traffic {
  /** Of the command that was asked for and has not replied. */
  fate: Fate | null
  /** In the order of the bytes, which have not been written. */
  readonly marks: Mark[]
  /** Null before the first write. */
  replies: HeldReplies | null
}

export class Faults {
  /** Of all draws: with the same seed the same clients meet the same faults. */
  seed: number
  /** What the command that was stopped last is answered; null: nothing. */
  answer: ErrorReply | null
  private readonly engine: Engine
  private readonly set: Set<Fault>
  private readonly traffic: Map<Client, Traffic>
  /** Clients that are not struck. */
  private readonly spared: WeakSet<Client>
  /** Faults are numbered, and clients counted, from the last clear() on. */
  private count: number
  private clientsBefore: number

  constructor(engine: Engine) {
    this.seed = 0
    this.answer = null
    this.engine = engine
    this.set = new Set()
    this.traffic = new Map()
    this.spared = new WeakSet()
    this.count = 0
    this.clientsBefore = 0
  }

  add(spec: FaultSpec): Fault {
    const fault = new Fault(spec, this.seed, this.count++)
    this.set.add(fault)
    this.engine.gates |= GATE_FAULTS
    return fault
  }

  /** It strikes no more, and lets go what it held back. */
  remove(fault: Fault): void {
    if (!this.set.delete(fault)) return
    if (this.set.size === 0) this.engine.gates &= ~GATE_FAULTS
    this.release(fault)
  }

  /** The same of all; those that are set from now on draw as if they were the first. */
  clear(): void {
    this.set.clear()
    this.engine.gates &= ~GATE_FAULTS
    this.count = 0
    this.clientsBefore = this.engine.lastClientId
    this.release(null)
  }

  /** Pieces of replies are leaving. */
  get leaving(): boolean {
    for (const { replies } of this.traffic.values()) if (replies?.leaving === true) return true
    return false
  }

  /** INFO is to tell that the dataset is being loaded. */
  get loading(): boolean {
    for (const fault of this.set) if (fault.spec.loading && fault.unlimited) return true
    return false
  }

  /** Whether no fault strikes `client`. */
  spare(client: Client, spared: boolean): void {
    if (spared) this.spared.add(client)
    else this.spared.delete(client)
  }

  /** Whether `command` may not run; then `answer` is its reply. */
  stops(client: Client, command: Command): boolean {
    if (this.set.size === 0 || this.spared.has(client)) return false
    const traffic = this.of(client)
    // One that another gate held back has been asked for before.
    traffic.fate ??= this.draw(client, command)
    this.answer = traffic.fate.answer
    return traffic.fate.stopped
  }

  /** The command has been run, or not: from `mark` on client.reply is its reply, unless it blocks. */
  replied(client: Client, mark: number): void {
    const traffic = this.traffic.get(client)
    const fate = traffic?.fate ?? null
    if (traffic === undefined || fate === null || (client.held & HELD_BY_BLOCK) !== 0) return
    const { treatment } = fate
    traffic.fate = null
    traffic.marks.push({ from: mark, to: client.reply.length, treatment })
    if (treatment.endsAfter !== Number.POSITIVE_INFINITY) client.held |= HELD_BY_FAULT
    client.link.flushSoon()
  }

  /** Takes all that `client` has replied and been sent, and has `outlet` deliver it when it may leave. */
  send(client: Client, outlet: Outlet): void {
    const { reply } = client
    const bytes = Buffer.from(reply.bytes)
    reply.release()
    // One that is gone has no more faults to meet.
    if (this.spared.has(client) || !this.engine.clients.has(client.id)) {
      if (bytes.length > 0) outlet.deliver(bytes)
      return
    }
    const traffic = this.of(client)
    traffic.replies ??= new HeldReplies(this.engine.timers, outlet, () => this.settle(client, traffic))
    const { replies } = traffic
    let at = 0
    for (const { from, to, treatment } of traffic.marks.splice(0)) {
      this.addUnasked(client, replies, bytes.subarray(at, from))
      replies.add(bytes.subarray(from, to), treatment)
      at = to
    }
    this.addUnasked(client, replies, bytes.subarray(at))
    if (client.closeAfterReply) {
      // It closes when these have left, not when they were made.
      client.closeAfterReply = false
      client.held |= HELD_BY_FAULT
      replies.add(Buffer.alloc(0), { ...UNTREATED, endsAfter: 0 })
    }
    replies.run()
  }

  /** Its link has closed. */
  forget(client: Client): void {
    this.traffic.get(client)?.replies?.drop()
    this.traffic.delete(client)
  }

  private of(client: Client): Traffic {
    let traffic = this.traffic.get(client)
    if (traffic === undefined) {
      traffic = { fate: null, marks: [], replies: null }
      this.traffic.set(client, traffic)
      client.gates |= GATE_FAULTS
    }
    return traffic
  }

  /** Nothing of a client's is held any more. */
  private settle(client: Client, { fate, marks }: Traffic): void {
    if (fate !== null || marks.length > 0) return
    this.traffic.delete(client)
    client.gates &= ~GATE_FAULTS
  }

  private release(fault: Fault | null): void {
    for (const { replies } of this.traffic.values()) replies?.release(fault)
  }

  /** What the faults make of a command, in the order in which they were set. Only one of them can stop it or end it. */
  private draw(client: Client, command: Command): Fate {
    const nth = client.id - this.clientsBefore
    let treatment = UNTREATED
    let end: FaultSpec | null = null
    for (const fault of this.set) {
      const { spec } = fault
      const ends = spec.answer !== null || spec.breaks !== null
      if ((ends && end !== null) || !fault.strikes(client, nth, command)) continue
      if (ends) end = spec
      else treatment = this.treat(treatment, fault, client, true)
    }
    if (end === null) return { stopped: false, answer: null, treatment }
    const { answer, breaks } = end
    if (breaks === null) return { stopped: true, answer, treatment }
    const { at, reset } = breaks
    const stopped = at === 'request'
    return { stopped, answer: null, treatment: { ...treatment, endsAfter: stopped ? 0 : at, reset } }
  }

  private addUnasked(client: Client, replies: HeldReplies, bytes: Buffer): void {
    let treatment = UNTREATED
    for (const fault of this.set)
      if (bytes.length > 0 && fault.strikesUnasked) treatment = this.treat(treatment, fault, client, false)
    replies.add(bytes, treatment)
  }

  /** Of several delays the longest counts, of several ways to split the first. */
  private treat(treatment: Treatment, fault: Fault, client: Client, asked: boolean): Treatment {
    const { delay, pieces } = fault.spec
    const nth = client.id - this.clientsBefore
    const milliseconds = delay === null ? 0 : fault.draw(delay, client, nth, asked)
    let treated = treatment
    if (milliseconds > treated.delay) treated = { ...treated, delay: milliseconds, delayedBy: fault }
    if (pieces !== null && treated.size === null)
      treated = { ...treated, size: fault.sizes(pieces, client, nth, asked), splitBy: fault }
    return treated
  }
}
