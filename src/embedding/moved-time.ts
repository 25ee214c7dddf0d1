/**
 * Time that is moved by hand, with all that follows from time in the order in which it would have followed.
 *
 * Time is moved in steps from one thing that falls due to the next. After each step the event loop turns, so that
 * whoever was answered, in this process, acts before time goes on: a worker whose BLPOP timed out after five seconds
 * blocks again at that moment, not at the end. Work that does not depend on time is waited for at the moment at which
 * it began, as a save is.
 */
import type { Engine } from '../engine/engine.ts'
import { DeadlineOrder } from '../keyspace/deadline-order.ts'
import type { ManualClock } from '../platform/clock.ts'
import { type Agenda, type ManualTimers, SystemTimers } from '../platform/timers.ts'
import type { Server } from '../server/server.ts'

/** Turns of the loop after which a client on a socket of this process has its reply and has sent its next command. */
const TURNS_FOR_SOCKETS = 4

const loop = new SystemTimers()

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => void loop.immediate(resolve))
}

/** What moves the time of a server that was started with `clock` and `timers`. */
export class MovedTime implements Agenda {
  private readonly clock: ManualClock
  private readonly timers: ManualTimers
  private readonly engine: Engine
  private readonly server: Server
  private readonly deadlines: DeadlineOrder
  /** There were clients on sockets at the last look. */
  private sockets: boolean

  constructor(server: Server, clock: ManualClock, timers: ManualTimers) {
    this.clock = clock
    this.timers = timers
    this.server = server
    this.engine = server.engine
    this.deadlines = new DeadlineOrder(this.engine.keyspace, () => this.engine.stats.commandsProcessed)
    this.sockets = false
    timers.agenda = this
  }

  async advance(milliseconds: number): Promise<void> {
    // What clients of this process have sent is taken first.
    await this.others()
    const end = this.clock.now + milliseconds
    this.deadlines.look(end)
    this.timers.run()
    const { clients } = this.engine
    let { size } = clients
    for (let step = this.timers.step(end); step !== 'done'; step = this.timers.step(end)) {
      // Who was cut off by an interval may come back at that moment.
      if (step === 'event' || this.working || clients.size !== size) await this.others()
      size = clients.size
    }
    await this.others()
  }

  async set(moment: number): Promise<void> {
    if (moment >= this.clock.now) return this.advance(moment - this.clock.now)
    await this.others()
    this.clock.set(moment)
  }

  /** The data was replaced. */
  dataReplaced(): void {
    this.deadlines.forget()
  }

  next(): number {
    const { expireCycle, cronPaused, keyspace, pause } = this.engine
    const off = !expireCycle.enabled || cronPaused || pause.state !== 'none'
    if (off || keyspace.loading) return Number.POSITIVE_INFINITY
    return Math.max(this.deadlines.next(), this.clock.now)
  }

  run(): void {
    this.deadlines.expireDue()
  }

  idleUntil(): number {
    return this.server.idleUntil()
  }

  /** Replies leave in pieces, or a file is being written. One that is slowed down on purpose needs time to pass. */
  private get working(): boolean {
    const { faults, snapshots, settings } = this.engine
    if (faults.leaving) return true
    return snapshots.current !== null && settings.rdbKeySaveDelay <= 0
  }

  /** Others in this process, and the disk, have their turn. */
  private async others(): Promise<void> {
    const { clients } = this.engine
    const sockets = [...clients.values()].some(({ link }) => link.fd !== -1)
    await turns(sockets || this.sockets ? TURNS_FOR_SOCKETS : 1)
    this.sockets = sockets
    while (this.working) await turns(1)
    this.timers.run()
  }
}
