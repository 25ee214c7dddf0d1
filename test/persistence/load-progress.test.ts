/** Progress of a load: when the loop gets its turn, how far it is over several files, what the log says, how it ends. */
import { expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { LoadProgress, LoadStopped } from '../../src/persistence/load-progress.ts'
import { ManualClock } from '../../src/platform/clock.ts'
import { LineLog } from '../../src/platform/log.ts'
import { SeededRandom } from '../../src/platform/random.ts'
import { ManualTimers } from '../../src/platform/timers.ts'

interface Fixture {
  readonly progress: LoadProgress
  readonly clock: ManualClock
  readonly timers: ManualTimers
  readonly configuration: Configuration
  readonly lines: string[]
}

function fixture(total: number): Fixture {
  const configuration = new Configuration({ 'loading-process-events-interval-bytes': '1024' })
  const clock = new ManualClock()
  const timers = new ManualTimers(clock)
  const lines: string[] = []
  const log = new LineLog('notice', (line) => void lines.push(line.replace(/^.* \* /, '')))
  const { settings } = configuration
  const progress = new LoadProgress(total, { settings, clock, timers, random: new SeededRandom(1), log })
  return { progress, clock, timers, configuration, lines }
}

async function paused({ progress, timers }: Fixture, position: number): Promise<void> {
  const pause = progress.pause(position)
  timers.run()
  await pause
}

test('due after each interval, as it is set now', async () => {
  const f = fixture(10_000)
  expect([f.progress.due(1023), f.progress.due(1024), f.progress.nextPause]).toEqual([false, true, 1024])
  await paused(f, 1100)
  expect([f.progress.due(2123), f.progress.due(2124)]).toEqual([false, true])
  f.configuration.set([['loading-process-events-interval-bytes', '5000']], false)
  await paused(f, 2124)
  expect(f.progress.nextPause).toBe(7124)
})

test('a pause lasts until the loop has turned', async () => {
  const f = fixture(10_000)
  let over = false
  const pause = f.progress.pause(1024).then(() => (over = true))
  await Promise.resolve()
  expect(over).toBe(false)
  f.timers.run()
  await pause
  expect(over).toBe(true)
})

test('shares and seconds over two files', async () => {
  const f = fixture(8000)
  const { progress, clock } = f
  expect([progress.loaded, progress.percent, progress.secondsLeft]).toEqual([0, 0, 1])
  clock.advance(2000)
  await paused(f, 2000)
  expect([progress.loaded, progress.percent, progress.secondsLeft]).toEqual([2000, 25, 5])
  progress.endFile(3000)
  expect([progress.loaded, progress.nextPause]).toEqual([3000, 1024])
  clock.advance(2000)
  await paused(f, 3000)
  expect([progress.loaded, progress.percent, progress.secondsLeft]).toEqual([6000, 75, 1])
  await paused(f, 5000)
  expect([progress.percent, progress.secondsLeft]).toEqual([100, 0])
})

test('nothing to load is no division by zero', () => {
  expect(fixture(0).progress.percent).toBe(0)
})

test('the log says how far it is every five seconds', async () => {
  const f = fixture(10_000)
  for (let i = 1; i <= 11; i++) {
    f.clock.advance(1000)
    await paused(f, i * 500)
  }
  expect(f.lines).toEqual([
    'Loading: 25.00% (2500 of 10000 bytes), 14 seconds left\n',
    'Loading: 50.00% (5000 of 10000 bytes), 9 seconds left\n',
  ])
})

test('stop() ends it at the next pause', async () => {
  const f = fixture(10_000)
  await paused(f, 1024)
  f.progress.stop()
  await expect(paused(f, 2048)).rejects.toBeInstanceOf(LoadStopped)
})
