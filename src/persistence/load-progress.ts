/**
 * How far the loading of a dataset is, for INFO and the log, and when it gives the event loop a turn: every
 * loading-process-events-interval-bytes of input. Whatever loads files has one; it reads none itself.
 *
 *   for (;;) {
 *     …read something, synchronously…
 *     if (progress.due(position)) await progress.pause(position)
 *   }
 */
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { holdProcess } from '../platform/process.ts'
import type { Random } from '../platform/random.ts'
import type { Timers } from '../platform/timers.ts'

/** How often the log says how far it is, microseconds. */
const LOG_MICROS = 5e6

/** What pause() throws once the server is told to stop: nothing is wrong, and nobody needs the dataset any more. */
export class LoadStopped extends Error {}

export interface LoadParts {
  readonly settings: Settings
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
}

export class LoadProgress {
  /** Bytes of all files to load. */
  readonly total: number
  /** Bytes loaded of them, as of the last pause. */
  loaded: number
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** What the file says that its server used (INFO loading_rdb_used_mem); 0 when it does not. */
  usedMemory: number
  private readonly parts: LoadParts
  /** Bytes of the files before the one being read. */
  private before: number
  /** Position in the file being read at which the loop is to turn. */
  private border: number
  private stopping: boolean
  private loggedAt: number

  constructor(total: number, parts: LoadParts) {
    parts.clock.refresh()
    this.total = total
    this.loaded = 0
    this.startedAt = parts.clock.now
    this.usedMemory = 0
    this.parts = parts
    this.before = 0
    this.border = parts.settings.loadingProcessEventsIntervalBytes
    this.stopping = false
    this.loggedAt = parts.clock.monotonicMicros()
  }

  /** Position in the file being read up to which there is no need to ask due(). */
  get nextPause(): number {
    return this.border
  }

  /** Whether the loop is to turn now that `position` bytes of the file being read have been loaded. */
  due(position: number): boolean {
    return position >= this.border
  }

  /** Lets the loop turn once. Rejects with LoadStopped when the server is to stop. */
  async pause(position: number): Promise<void> {
    const { clock, timers, settings } = this.parts
    this.note(position)
    this.border = position + settings.loadingProcessEventsIntervalBytes
    await new Promise<void>((resume) => void timers.immediate(resume))
    clock.refresh()
    if (this.stopping) throw new LoadStopped('stopped while loading')
  }

  /** The file being read, `size` bytes of the total, is done: positions are of the next one from now on. */
  endFile(size: number): void {
    this.before += size
    this.loaded = this.before
    this.border = this.parts.settings.loadingProcessEventsIntervalBytes
  }

  /** Has the load end with LoadStopped at its next pause. */
  stop(): void {
    this.stopping = true
  }

  /** Call for each key or command that is loaded. */
  delay(): void {
    delayKey(this.parts.settings, this.parts.random)
  }

  /** Share of the total loaded, 0 to 100. */
  get percent(): number {
    return this.total === 0 ? 0 : (this.loaded / this.total) * 100
  }

  /** Seconds until it is done if it goes on as it did; 1 before a second has passed, as Redis says then. */
  get secondsLeft(): number {
    const elapsed = Math.floor(this.parts.clock.now / 1000) - Math.floor(this.startedAt / 1000)
    if (elapsed <= 0) return 1
    return Math.floor((elapsed * Math.max(0, this.total - this.loaded)) / (this.loaded + 1))
  }

  private note(position: number): void {
    const { clock, log } = this.parts
    this.loaded = this.before + position
    const now = clock.monotonicMicros()
    if (now - this.loggedAt < LOG_MICROS) return
    this.loggedAt = now
    clock.refresh()
    const bytes = `${this.loaded} of ${this.total} bytes`
    log.notice(`Loading: ${this.percent.toFixed(2)}% (${bytes}), ${this.secondsLeft} seconds left`)
  }
}

/** key-load-delay: holds up everything, for tests. Microseconds, or minus one over the chance of one. */
export function delayKey({ keyLoadDelay }: Settings, random: Random): void {
  // Less than the shortest sleep there is: a sleep now and then.
  if (keyLoadDelay > 0) holdProcess(keyLoadDelay / 1000)
  else if (keyLoadDelay < 0 && random.below(-keyLoadDelay) === 0) holdProcess(0.001)
}

/** How long something took, as the log says it. */
export function seconds(micros: number): string {
  return (micros / 1e6).toFixed(3)
}
