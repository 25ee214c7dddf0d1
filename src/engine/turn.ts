/**
 * The end of an event-loop turn, Redis's beforeSleep: everything read in the poll phase has run, and now its
 * effects leave the process, in an order that must not change: first work that clients wait for, then the
 * replies, so that a reply never precedes what it acknowledges; messages to clients that have not asked come last.
 * Only when all is written do clients go on with commands that were held back: what those say to whom is written to
 * in this turn would leave with it otherwise, and without what must precede it.
 */
import type { Timers } from '../platform/timers.ts'
import type { IdlePoll } from './idle-poll.ts'

export interface Flushable {
  /** Writes what there is to write. True: then there is more to do, which goOn() does. */
  flush(): boolean
  /** Called when all is written, of others too: may run commands. */
  goOn(): void
}

/** Who is to be flushed, in the order they came. */
interface Queue {
  readonly asking: Flushable[]
  readonly listening: Flushable[]
}

export class Turn {
  private readonly timers: Timers
  private readonly idlePoll: IdlePoll
  private waiting: Queue = { asking: [], listening: [] }
  private flushing: Queue = { asking: [], listening: [] }
  private readonly goingOn: Flushable[] = []
  private scheduled = false
  private halted = false
  private readonly run: () => void
  /** Run before the replies leave, in this order: invalidations by prefix, the AOF. */
  readonly beforeReplies: (() => void)[] = []
  /** Run between the replies and what goes to others. */
  readonly afterReplies: (() => void)[] = []

  constructor(timers: Timers, idlePoll: IdlePoll) {
    this.timers = timers
    this.idlePoll = idlePoll
    this.run = (): void => {
      this.end()
    }
  }

  /** Has `target.flush()` called at the end of this turn: it has asked. The caller adds a target once per turn. */
  answerSoon(target: Flushable): void {
    this.waiting.asking.push(target)
    this.endSoon()
  }

  /**
   * The same for what has not asked, and listens. Those who asked are answered first: while the messages to a hundred
   * subscribers are written, fifty publishers make their next requests, and the next turn has them all
   * (bench/pubsub.ts: a third fewer writes).
   */
  flushSoon(target: Flushable): void {
    this.waiting.listening.push(target)
    this.endSoon()
  }

  /** Has the turn end although there may be nothing to flush. */
  endSoon(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.timers.immediate(this.run)
  }

  /** Nothing more leaves: what it would acknowledge did not come about. */
  halt(): void {
    this.halted = true
  }

  /** Does what must precede replies that leave now. Returns false when none may. */
  prepare(): boolean {
    for (const step of this.beforeReplies) step()
    return !this.halted
  }

  private end(): void {
    this.idlePoll.end()
    const leave = this.prepare()
    // Not before: whom that has something for is flushed in this turn.
    this.scheduled = false
    if (!leave) return
    // Who comes from here on waits for the next turn, and for what must precede that one's replies.
    const ready = this.waiting
    this.waiting = this.flushing
    this.flushing = ready
    const asked = ready.asking.length
    this.flushAll(ready.asking)
    for (const step of this.afterReplies) step()
    this.flushAll(ready.listening)
    const { goingOn } = this
    for (let i = 0; i < goingOn.length; i++) goingOn[i].goOn()
    empty(goingOn)
    this.idlePoll.answered(asked)
  }

  private flushAll(targets: Flushable[]): void {
    for (let i = 0; i < targets.length; i++) if (targets[i].flush()) this.goingOn.push(targets[i])
    empty(targets)
  }
}

/** What `length = 0` does by a call out of the engine's code, which costs as much as ten of these. */
function empty(targets: Flushable[]): void {
  while (targets.length > 0) targets.pop()
}
