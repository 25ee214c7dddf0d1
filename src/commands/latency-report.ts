/** LATENCY GRAPH and DOCTOR: an event's spikes as a picture, and all of them with advice, as text for people. */
import type { Settings } from '../config/settings.ts'
import type { LatencySample, LatencySeries } from '../keyspace/latency-monitor.ts'

const COLUMNS = 80
const ROWS = 4
/** How far a column reaches into its topmost row: a third, two thirds, all of it. */
const TOPS = '_o#'

/** A column for each spike, the oldest first, and below it how long ago it was. `now` in seconds. */
export function latencyGraph(event: string, { samples, max }: LatencySeries, now: number): string {
  const latencies = samples.map(({ latency }) => latency)
  const high = Math.max(...latencies)
  const low = Math.min(...latencies)
  const lines = [`${event} - high ${high} ms, low ${low} ms (all time high ${max} ms)`, '-'.repeat(COLUMNS)]
  for (let start = 0; start < samples.length; start += COLUMNS) {
    if (start > 0) lines.push('')
    lines.push(...panel(samples.slice(start, start + COLUMNS), low, high, now))
  }
  return `${lines.join('\n')}\n`
}

function panel(samples: readonly LatencySample[], low: number, high: number, now: number): string[] {
  const levels = ROWS * TOPS.length
  const range = Math.max(1, high - low)
  const heights = samples.map(({ latency }) =>
    Math.min(levels - 1, Math.floor(((latency - low) * levels) / range)),
  )
  const lines: string[] = []
  for (let row = ROWS - 1; row >= 0; row--) {
    lines.push(heights.map((height) => cell(height - row * TOPS.length)).join(''))
  }
  lines.push(' '.repeat(samples.length))
  // The labels are written downwards.
  const labels = samples.map(({ time }) => age(now - time))
  const longest = Math.max(...labels.map((label) => label.length))
  for (let at = 0; at < longest; at++) lines.push(labels.map((label) => label[at] ?? ' ').join(''))
  return lines
}

/** One character of a column that reaches `height` levels above the row's bottom. */
function cell(height: number): string {
  if (height < 0) return ' '
  return height < TOPS.length ? TOPS[height] : '|'
}

function age(seconds: number): string {
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`
}

interface Advice {
  /** Names of events, or what they begin with. */
  readonly events: readonly string[]
  /** '' when the settings leave nothing to be advised. */
  readonly text: (settings: Settings) => string
}

const ADVICE: readonly Advice[] = [
  {
    events: ['command'],
    text: ({ slowlogLogSlowerThan, latencyMonitorThreshold }) => {
      const wanted = Math.max(1, latencyMonitorThreshold) * 1000
      if (slowlogLogSlowerThan >= 0 && slowlogLogSlowerThan <= wanted) {
        return 'SLOWLOG GET tells which commands were slow. Give them smaller values or ranges to work on: SCAN for KEYS, LRANGE by pages.'
      }
      return `Some commands were slow and the slow log does not show them. Have it do so with CONFIG SET slowlog-log-slower-than ${wanted}.`
    },
  },
  {
    events: ['fast-command', 'loop-stall'],
    text: () =>
      'Commands that are always short took long, or nothing ran for a while although there was something to run: the machine had no processor time for this process. Look for other programs on it, for a limit on its processor share, for swapping, and for noisy neighbours of a virtual machine.',
  },
  {
    events: ['aof-'],
    text: () =>
      'Writing to the disk took long. Use a local SSD, keep other programs off it, and look at the kernel settings for writing back dirty pages.',
  },
  {
    events: ['aof-fsync-always'],
    text: () =>
      'With appendfsync always every turn of the event loop waits for the disk. With everysec at most the last second of writes is at risk.',
  },
  {
    events: ['expire-cycle'],
    text: ({ hz }) =>
      hz >= 100
        ? ''
        : 'Expired keys are removed in more and smaller steps with CONFIG SET hz 100, and sooner with a higher active-expire-effort.',
  },
  {
    events: ['eviction-'],
    text: () =>
      'Many keys had to be evicted at once: lower maxmemory in steps, give the server more memory, or lower maxmemory-eviction-tenacity.',
  },
]

/** All events with their figures, and what might help. `now` in seconds. */
export function latencyDiagnosis(
  all: ReadonlyMap<string, LatencySeries>,
  settings: Settings,
  now: number,
): string {
  if (all.size === 0) {
    return settings.latencyMonitorThreshold === 0
      ? 'Latency monitoring is off. CONFIG SET latency-monitor-threshold <milliseconds> turns it on.\n'
      : 'No latency spike has been observed since the start, or since LATENCY RESET.\n'
  }
  const lines = ['Latency spikes have been observed:', '']
  for (const [index, [event, series]] of [...all].entries()) {
    lines.push(`${index + 1}. ${event}: ${figures(series, now)}`)
  }
  const names = [...all.keys()]
  const advice = ADVICE.filter(({ events }) => names.some((name) => events.some((one) => isOf(name, one))))
    .map(({ text }) => text(settings))
    .filter((text) => text !== '')
  if (advice.length > 0) lines.push('', 'What may help:', '', ...advice.map((text) => `- ${text}`))
  return `${lines.join('\n')}\n`
}

function isOf(name: string, events: string): boolean {
  return events.endsWith('-') ? name.startsWith(events) : name === events
}

function figures({ samples, max }: LatencySeries, now: number): string {
  const latencies = samples.map(({ latency }) => latency)
  const mean = Math.floor(average(latencies))
  const deviation = Math.floor(average(latencies.map((latency) => Math.abs(latency - mean))))
  const period = Math.max(1, now - samples[0].time) / samples.length
  return `${samples.length} latency spikes (average ${mean}ms, mean deviation ${deviation}ms, period ${period.toFixed(2)} sec). Worst all time event ${max}ms.`
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
