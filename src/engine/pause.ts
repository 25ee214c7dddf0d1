/** CLIENT PAUSE: commands of the paused kind wait, on their connections, until the pause ends. */
import type { Timer, Timers } from '../platform/timers.ts'
import { type Client, HELD_BY_PAUSE } from './client.ts'
import { FLAG } from './command.ts'
import type { Engine } from './engine.ts'
import { GATE_PAUSE } from './gates.ts'

export type PauseKind = 'all' | 'write'

export class Pause {
  private readonly engine: Engine
  private readonly timers: Timers
  private kind: PauseKind
  /** Milliseconds since the epoch; 0 when nothing is paused. */
  private end: number
  private timer: Timer | null
  private readonly held: Set<Client>

  constructor(engine: Engine, timers: Timers) {
    this.engine = engine
    this.timers = timers
    this.kind = 'write'
    this.end = 0
    this.timer = null
    this.held = new Set()
  }

  /** Starts a pause, or extends one: a later end and the stricter kind win, as in Redis. */
  start(kind: PauseKind, end: number): void {
    if (this.end === 0 || kind === 'all') this.kind = kind
    this.end = Math.max(this.end, end)
    this.engine.gates |= GATE_PAUSE
    this.arm()
  }

  /** Ends the pause and lets the held clients go on. */
  stop(): void {
    this.close()
    this.end = 0
    this.engine.gates &= ~GATE_PAUSE
    const clients = [...this.held]
    this.held.clear()
    for (const client of clients) {
      client.held &= ~HELD_BY_PAUSE
      client.link.resume()
    }
  }

  /** Nothing ends by itself any more: the server stops, and no timer may keep it in memory. */
  close(): void {
    this.timer?.cancel()
    this.timer = null
  }

  /** Whether the pause concerns a command with these FLAG bits. */
  holds(flags: number): boolean {
    return this.kind === 'all' || (flags & (FLAG.write | FLAG.may_replicate)) !== 0
  }

  hold(client: Client): void {
    client.held |= HELD_BY_PAUSE
    this.held.add(client)
  }

  forget(client: Client): void {
    this.held.delete(client)
  }

  /** What is paused, for INFO clients: "none", "write" or "all". */
  get state(): 'none' | PauseKind {
    return this.end === 0 ? 'none' : this.kind
  }

  /** Clients whose command waits. */
  get heldClients(): number {
    return this.held.size
  }

  /** Milliseconds left. */
  get remaining(): number {
    return this.end === 0 ? 0 : Math.max(0, this.end - this.engine.clock.now)
  }

  private arm(): void {
    const wait = Math.max(0, this.end - this.engine.clock.now)
    this.timer?.cancel()
    this.timer = this.timers.timeout(() => {
      this.engine.clock.refresh()
      if (this.engine.clock.now >= this.end) this.stop()
      else this.arm()
    }, wait)
  }
}
