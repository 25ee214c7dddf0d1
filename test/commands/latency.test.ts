/** LATENCY and INFO latencystats at a time that only moves when a command takes some. */
import { expect, test } from 'vitest'
import { bulk, type Session, session } from './session.ts'

const ON = { 'latency-monitor-threshold': '10' }

/** The next call of DBSIZE takes so many milliseconds. */
function slow(s: Session, millis: number, name = 'DBSIZE'): void {
  const command = s.engine.commands.get(name) as { run: (...given: unknown[]) => void }
  const { run } = command
  command.run = (...given) => {
    run(...given)
    s.clock.advance(millis)
    command.run = run
  }
  s.run(name)
}

test('spikes of commands, the last and the worst', () => {
  const s = session({ config: ON })
  slow(s, 9.9)
  expect(s.run('LATENCY LATEST')).toBe('*0\r\n')
  slow(s, 50.7, 'LOLWUT')
  s.clock.advance(2000)
  slow(s, 20)
  const time = 1_700_000_002
  expect(s.run('LATENCY LATEST')).toBe(`*1\r\n*4\r\n${bulk('fast-command')}:${time}\r\n:20\r\n:50\r\n`)
  expect(s.run('LATENCY HISTORY fast-command')).toBe(
    `*2\r\n*2\r\n:1700000000\r\n:50\r\n*2\r\n:${time}\r\n:20\r\n`,
  )
  expect(s.run('LATENCY HISTORY command')).toBe('*0\r\n')
  expect(s.run('LATENCY RESET command FAST-command')).toBe(':1\r\n')
  expect(s.run('LATENCY RESET')).toBe(':0\r\n')
})

test('within a second the worst stands for all, and 160 are kept', () => {
  const { engine, clock } = session({ config: ON })
  const { latency } = engine.keyspace
  latency.add('command', 20)
  latency.add('command', 40)
  latency.add('command', 30)
  expect(latency.series.get('command')?.samples).toEqual([{ time: 1_700_000_000, latency: 40 }])
  for (let i = 0; i < 200; i++) {
    clock.advance(1000)
    latency.add('command', 10)
  }
  const series = latency.series.get('command')
  expect(series?.samples).toHaveLength(160)
  expect(series?.max).toBe(40)
})

test('off, nothing is recorded', () => {
  const s = session()
  slow(s, 1000)
  expect(s.run('LATENCY LATEST')).toBe('*0\r\n')
  expect(s.run('LATENCY DOCTOR')).toContain('Latency monitoring is off')
})

test('the graph', () => {
  const s = session({ config: ON })
  for (const millis of [10, 13, 20, 40]) {
    slow(s, millis)
    s.clock.advance(65_000 - millis)
  }
  const rows = [
    'fast-command - high 40 ms, low 10 ms (all time high 40 ms)',
    '-'.repeat(80),
    '   #',
    '   |',
    '  o|',
    '_o||',
    '    ',
    '4321',
    'mmmm',
    '',
  ]
  expect(s.run('LATENCY GRAPH fast-command')).toBe(bulk(rows.join('\n')))
  expect(s.run('LATENCY GRAPH x')).toBe("-ERR No samples available for event 'x'\r\n")
})

test('the doctor gives figures and advice', () => {
  const s = session({ config: ON })
  expect(s.run('LATENCY DOCTOR')).toContain('No latency spike')
  slow(s, 30)
  s.clock.advance(10_000)
  slow(s, 50)
  s.engine.keyspace.latency.add('expire-cycle', 12)
  const report = s.run('LATENCY DOCTOR')
  expect(report).toContain(
    'fast-command: 2 latency spikes (average 40ms, mean deviation 10ms, period 5.00 sec). Worst all time event 50ms.',
  )
  expect(report).toContain('CONFIG SET hz 100')
})

test('histograms and percentiles', () => {
  const s = session()
  for (const millis of [1, 1, 1, 3]) slow(s, millis)
  expect(s.run('LATENCY HISTOGRAM dbsize nosuch')).toBe(
    `*2\r\n${bulk('dbsize')}*4\r\n${bulk('calls')}:4\r\n${bulk('histogram_usec')}*4\r\n:1056\r\n:3\r\n:4227\r\n:4\r\n`,
  )
  const info = s.run('INFO latencystats')
  expect(info).toContain('\r\nlatency_percentiles_usec_dbsize:p50=1003.519,p99=3014.655,p99.9=3014.655\r\n')
  s.run('CONFIG SET latency-tracking-info-percentiles 0')
  expect(s.run('INFO latencystats')).toContain('dbsize:p0=999.424\r\n')
  s.run('CONFIG RESETSTAT')
  expect(s.run('INFO latencystats')).not.toContain('dbsize')
  s.run('CONFIG SET latency-tracking no')
  slow(s, 1)
  expect(s.run('LATENCY HISTOGRAM dbsize')).toBe('*0\r\n')
})

test('EXEC takes as long as all it runs', () => {
  const s = session()
  s.run('MULTI')
  s.run('DBSIZE')
  const command = s.engine.commands.get('dbsize') as { run: (...given: unknown[]) => void; micros: number }
  const { run } = command
  command.run = (...given) => {
    run(...given)
    s.clock.advance(8)
  }
  s.run('EXEC')
  expect(command.micros).toBe(8000)
  expect(s.engine.commands.get('exec')?.micros).toBe(8000)
  expect(s.run('INFO latencystats')).toContain('usec_exec:p50=8028.159')
})

test('eviction', () => {
  const s = session({ config: { ...ON, maxmemory: '2mb' } })
  const { eviction, latency } = s.engine.keyspace
  const evict = eviction.run.bind(eviction)
  eviction.run = (bytes) => {
    s.clock.advance(11)
    return evict(bytes)
  }
  eviction.isTight = () => true
  s.run('SET k v')
  expect([...latency.series.keys()]).toEqual(['eviction-cycle'])
})

test('a blocked client that is answered slowly', () => {
  const s = session({ config: { ...ON, 'slowlog-log-slower-than': '1000' } })
  const other = s.another()
  s.run('BLMOVE from to LEFT RIGHT 0')
  other.run('MULTI')
  other.run('RPUSH from v')
  const { propagation } = s.engine
  const enter = propagation.enter.bind(propagation)
  propagation.enter = () => {
    s.clock.advance(15)
    enter()
  }
  other.run('EXEC')
  expect([...s.engine.keyspace.latency.series.keys()]).toContain('command-unblocking')
  expect(s.engine.slowLog.latest().map(({ args }) => String(args[0]))).toContain('BLMOVE')
})
