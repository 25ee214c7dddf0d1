import { afterEach, describe, expect, it } from 'vitest'
import { LoopDelay } from '../../src/platform/loop-delay.ts'
import { Cron } from '../../src/server/cron.ts'
import { type Session, session } from '../commands/session.ts'

const MEGABYTES = 1024 * 1024

const started: { cron: Cron; delay: LoopDelay }[] = []
afterEach(() => {
  for (const { cron, delay } of started.splice(0)) {
    cron.stop()
    delay.stop()
  }
})

/** A session whose server has its cron running, on the session's manual timers. */
function withCron(): { s: Session; seconds: () => number } {
  const s = session({ config: { 'enable-debug-command': 'yes' } })
  let seconds = 0
  const delay = new LoopDelay()
  const cron = new Cron(s.engine, delay, () => seconds++)
  cron.start()
  started.push({ cron, delay })
  return { s, seconds: () => seconds }
}

describe('cron', () => {
  it('removes expired keys that nobody asks for', () => {
    const { s } = withCron()
    for (let i = 0; i < 1000; i++) s.run(`SET key:${i} v PX 500`)
    s.timers.advance(400)
    expect(s.engine.keyspace.keyCount).toBe(1000)
    s.timers.advance(1100)
    // The cycle stops when few of its samples had expired: some may still be there, but not many.
    expect(s.engine.keyspace.keyCount).toBeLessThan(200)
  })

  it('leaves expired keys where they are while clients are paused', () => {
    const { s } = withCron()
    s.run('SET k v PX 500')
    s.run('CLIENT PAUSE 2000 WRITE')
    s.timers.advance(1900)
    expect(s.engine.keyspace.keyCount).toBe(1)
    s.timers.advance(300)
    expect(s.engine.keyspace.keyCount).toBe(0)
  })

  it('tells of slices that took long, and of stalls', () => {
    const { s } = withCron()
    s.run('CONFIG SET latency-monitor-threshold 10')
    const { expireCycle, clock, keyspace } = s.engine
    expireCycle.run = () => {
      s.clock.advance(12)
      return false
    }
    started[0].delay.takeMaxMicros = () => 250_700
    s.timers.advance(200)
    expect([...keyspace.latency.series].map(([event, { max }]) => `${event} ${max}`)).toEqual([
      'expire-cycle 12',
      'loop-stall 250',
    ])
    expect(keyspace.latency.series.get('loop-stall')?.samples[0].time).toBe(Math.floor(clock.now / 1000))
    expect(s.engine.stats.loopStallMaxMicros).toBe(250_700)
  })

  it('tells of slices that free and that defragment, without the expiry before them', () => {
    const { s } = withCron()
    s.run('CONFIG SET latency-monitor-threshold 10')
    const { expireCycle, keyspace } = s.engine
    const { lazyFree, defragmentation, latency } = keyspace
    expireCycle.run = () => {
      s.clock.advance(12)
      return false
    }
    let pending = true
    Object.defineProperties(lazyFree, { pending: { get: () => pending } })
    lazyFree.run = () => {
      s.clock.advance(15)
      pending = false
    }
    Object.defineProperties(defragmentation, { isRunning: { get: () => true } })
    defragmentation.run = () => {
      s.clock.advance(20)
      return false
    }
    s.timers.advance(500)
    for (const [event, millis] of [
      ['expire-cycle', 12],
      ['lazyfree-slice', 15],
      ['active-defrag-cycle', 20],
    ] as const)
      expect([event, latency.series.get(event)?.max]).toEqual([event, millis])
  })

  it('rests under DEBUG PAUSE-CRON', () => {
    const { s } = withCron()
    s.run('DEBUG PAUSE-CRON 1')
    s.run('SET key v PX 100')
    s.timers.advance(5000)
    expect(s.engine.keyspace.keyCount).toBe(1)
    s.run('DEBUG PAUSE-CRON 0')
    s.timers.advance(200)
    expect(s.engine.keyspace.keyCount).toBe(0)
  })

  it('frees a flushed database while another one is in use', () => {
    const { s } = withCron()
    s.run('DEBUG POPULATE 5000')
    s.run('SELECT 1')
    s.run('SET stays 1')
    s.run('FLUSHDB')
    s.run('SET stays 1')
    s.run('SELECT 0')
    s.run('FLUSHDB')
    expect(s.engine.keyspace.lazyFree.pending).toBe(true)
    s.timers.advance(2000)
    expect(s.engine.keyspace.lazyFree.pending).toBe(false)
    expect(s.engine.keyspace.arena.liveObjects).toBe(1)
  })

  it.each([1, 5, 25, 75])(
    'gives defragmentation %i percent of the time when the settings say so',
    (percent) => {
      const { s } = withCron()
      const { defragmentation } = s.engine.keyspace
      let worked = 0
      Object.defineProperties(defragmentation, {
        isRunning: { get: () => true },
        effort: { get: () => percent },
      })
      defragmentation.run = (micros) => {
        worked += micros / 1000
        return true
      }
      // The clock stands still while it works, so all that passes are the pauses.
      s.timers.advance(5000)
      expect((worked * 100) / (worked + 5000)).toBeCloseTo(percent, -1)
      expect((worked * 100) / (worked + 5000)).toBeGreaterThan(percent * 0.8)
    },
  )

  it('ticks as often as hz says, also after CONFIG SET', () => {
    const { s, seconds } = withCron()
    s.run('CONFIG SET hz 100')
    s.run('SET key v PX 15')
    s.timers.advance(40)
    expect(s.engine.keyspace.keyCount).toBe(0)
    s.timers.advance(3000)
    expect(seconds()).toBe(3)
  })

  it('gives memory back that nothing uses any more, although nobody asks for anything', async () => {
    const { s } = withCron()
    s.run('DEBUG POPULATE 400000 key 300')
    s.timers.advance(1000)
    const held = process.memoryUsage().arrayBuffers
    s.run('FLUSHALL')
    s.timers.advance(1000)
    // V8 frees buffers on a thread of its own.
    await expect
      .poll(() => process.memoryUsage().arrayBuffers, { timeout: 10_000 })
      .toBeLessThan(held - 64 * MEGABYTES)
  })
})
