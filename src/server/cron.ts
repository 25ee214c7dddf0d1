/**
 * What the server does by itself, hz times a second: the expire cycle, freeing in slices, sampling of rates.
 * Work that one slice does not finish goes on after a pause three times as long as the slice, so it takes a
 * quarter of the loop at most and nobody waits longer than a slice.
 */
import type { Engine } from '../engine/engine.ts'
import { SAMPLE_MILLIS } from '../engine/stats.ts'
import { SLICE_MICROS } from '../keyspace/expiry.ts'
import type { Timer } from '../platform/timers.ts'

/** The pause after a slice that left work undone, milliseconds. */
const REST_MILLIS = (SLICE_MICROS / 1000) * 3

export class Cron {
  private readonly engine: Engine
  /** Other work of a tick, which the server's parts add. */
  private readonly jobs: (() => void)[]
  private tickTimer: Timer | null
  private sampleTimer: Timer | null
  private sliceTimer: Timer | null

  constructor(engine: Engine, jobs: readonly (() => void)[]) {
    this.engine = engine
    this.jobs = [...jobs]
    this.tickTimer = null
    this.sampleTimer = null
    this.sliceTimer = null
    engine.configuration.onChange('hz', () => {
      this.stop()
      this.start()
      return undefined
    })
  }

  start(): void {
    const { timers, settings } = this.engine
    this.tickTimer = timers.interval(() => this.tick(), Math.max(1, Math.round(1000 / settings.hz)))
    this.sampleTimer = timers.interval(() => this.sample(), SAMPLE_MILLIS)
  }

  stop(): void {
    this.tickTimer?.cancel()
    this.sampleTimer?.cancel()
    this.sliceTimer?.cancel()
    this.sliceTimer = null
  }

  /** One tick: also callable by tests that own the time. */
  tick(): void {
    if (this.engine.cronPaused) return
    this.engine.clock.refresh()
    if (this.sliceTimer === null) this.slice()
    for (const job of this.jobs) job()
  }

  private slice(): void {
    const { keyspace, expireCycle, timers } = this.engine
    this.engine.clock.refresh()
    let more = expireCycle.run(SLICE_MICROS)
    if (!more && keyspace.lazyFree.pending) {
      keyspace.lazyFree.run(SLICE_MICROS)
      more = keyspace.lazyFree.pending
    }
    this.sliceTimer = more ? timers.timeout(() => this.nextSlice(), REST_MILLIS) : null
  }

  private nextSlice(): void {
    this.sliceTimer = null
    this.slice()
  }

  private sample(): void {
    const { clock, stats } = this.engine
    const now = clock.monotonicMicros() / 1000
    stats.commandRate.sample(now, stats.commandsProcessed)
    stats.inputRate.sample(now, stats.netInputBytes)
    stats.outputRate.sample(now, stats.netOutputBytes)
  }
}
