/**
 * What the server does by itself, hz times a second: the expire cycle, freeing and defragmentation in slices,
 * sampling of rates. Work that one slice does not finish goes on after a pause three times as long as the
 * slice, so it takes a quarter of the loop at most and nobody waits longer than a slice. Only the active-defrag-cycle
 * settings ask for other shares.
 */
import type { Engine } from '../engine/engine.ts'
import { SAMPLE_MILLIS } from '../engine/stats.ts'
import { SLICE_MICROS } from '../keyspace/expiry.ts'
import { collectGarbage } from '../platform/garbage.ts'
import type { LoopDelay } from '../platform/loop-delay.ts'
import type { Timer } from '../platform/timers.ts'

/** The pause after a slice that left work undone, milliseconds. */
const REST_MILLIS = (SLICE_MICROS / 1000) * 3
/** No pause after defragmentation is longer, milliseconds: expired keys would have to wait for its end. */
const LONGEST_REST = 50
const SECOND_MILLIS = 1000
/** Memory that the arena has let go of and Node has not, from which on it is worth asking for it: a segment. */
const RETURN_MIN = 32 * 1024 * 1024

export class Cron {
  private readonly engine: Engine
  private readonly loopDelay: LoopDelay
  /** What the server's other parts do once a second. */
  private readonly everySecond: () => void
  private timers: Timer[]
  private sliceTimer: Timer | null
  /** Most bytes the arena held since garbage was last collected for it. */
  private reservedPeak: number

  constructor(engine: Engine, loopDelay: LoopDelay, everySecond: () => void) {
    this.engine = engine
    this.loopDelay = loopDelay
    this.everySecond = everySecond
    this.timers = []
    this.sliceTimer = null
    this.reservedPeak = 0
    engine.configuration.onChange('hz', () => {
      if (this.timers.length === 0) return undefined
      this.stop()
      this.start()
      return undefined
    })
  }

  start(): void {
    const { timers, settings } = this.engine
    this.timers = [
      timers.interval(() => this.tick(), Math.max(1, Math.round(1000 / settings.hz))),
      timers.interval(() => this.sample(), SAMPLE_MILLIS),
      timers.interval(() => this.second(), SECOND_MILLIS),
    ]
  }

  stop(): void {
    for (const timer of this.timers) timer.cancel()
    this.timers = []
    this.sliceTimer?.cancel()
    this.sliceTimer = null
  }

  /** When it may have something to do, milliseconds since the epoch, but for expired keys; Infinity if only then. */
  idleUntil(): number {
    const { keyspace, clock, settings, backgroundSave, clients, aof } = this.engine
    const { now } = clock
    const { lazyFree, defragmentation } = keyspace
    if (lazyFree.pending || defragmentation.isRunning || keyspace.loading) return now
    let until = backgroundSave.nextDue()
    if (settings.appendonly || aof.busy || settings.activedefrag) until = Math.min(until, now + SECOND_MILLIS)
    if (settings.timeout === 0) return until
    for (const { lastInteraction } of clients.values()) {
      until = Math.min(until, Math.max(now, lastInteraction + settings.timeout * 1000 + 1))
    }
    return until
  }

  private tick(): void {
    const { aof, backgroundSave, cronPaused, keyspace } = this.engine
    aof.cron()
    backgroundSave.cron()
    if (!cronPaused && !keyspace.loading && this.sliceTimer === null) this.slice()
  }

  /** One piece of the work that comes in pieces: the first kind that has any. */
  private slice(): void {
    const { keyspace, expireCycle, timers, clock, pause } = this.engine
    const { latency } = keyspace
    clock.refresh()
    let begun = latency.begin()
    // While clients are paused the dataset stands still.
    let more = pause.state === 'none' && expireCycle.run(SLICE_MICROS)
    latency.end('expire-cycle', begun)
    begun = latency.begin()
    let rest = REST_MILLIS
    if (!more && keyspace.lazyFree.pending) {
      keyspace.lazyFree.run(SLICE_MICROS)
      latency.end('lazyfree-slice', begun)
      more = keyspace.lazyFree.pending
    } else if (!more && keyspace.defragmentation.isRunning) {
      const { effort } = keyspace.defragmentation
      const restPerWork = (100 - effort) / effort
      const micros = Math.min(SLICE_MICROS, (LONGEST_REST * 1000) / restPerWork)
      more = keyspace.defragmentation.run(micros)
      latency.end('active-defrag-cycle', begun)
      rest = (micros / 1000) * restPerWork
    }
    this.sliceTimer = more ? timers.timeout(() => this.nextSlice(), rest) : null
  }

  private nextSlice(): void {
    this.sliceTimer = null
    this.slice()
  }

  private second(): void {
    const { clock, keyspace, cronPaused } = this.engine
    clock.refresh()
    if (!cronPaused && !keyspace.lazyFree.pending) keyspace.defragmentation.begin()
    this.returnMemory()
    this.everySecond()
  }

  /** A dropped segment is garbage to Node, and a server that has little to do never collects it. */
  private returnMemory(): void {
    const { bytesReserved } = this.engine.keyspace.arena
    this.reservedPeak = Math.max(this.reservedPeak, bytesReserved)
    if (this.reservedPeak - bytesReserved < RETURN_MIN) return
    collectGarbage()
    this.reservedPeak = bytesReserved
  }

  private sample(): void {
    const { clock, stats } = this.engine
    const now = clock.monotonicMicros() / 1000
    this.engine.keyspace.notePeak()
    stats.commandRate.sample(now, stats.commandsProcessed)
    stats.inputRate.sample(now, stats.netInputBytes)
    stats.outputRate.sample(now, stats.netOutputBytes)
    const stall = this.loopDelay.takeMaxMicros()
    stats.loopStallMaxMicros = Math.max(stats.loopStallMaxMicros, stall)
    clock.refresh()
    this.engine.keyspace.latency.add('loop-stall', stall / 1000)
  }
}
