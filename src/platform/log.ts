/**
 * Log lines in Redis's format, as logfmt or as JSON, to standard output or appended to a file, at or above a level. It
 * knows no configuration: whoever reads `loglevel` and `logfile` makes the log.
 */
import { appendFileSync } from 'node:fs'

export type LogLevel = 'debug' | 'verbose' | 'notice' | 'warning' | 'nothing'

/** The process's part in Redis's line format: starting up or a helper, primary, replica. */
export type LogRole = 'C' | 'M' | 'S'

/** Redis's line, Valkey's `name=value` pairs, or a JSON object a line. */
export type LogFormat = 'legacy' | 'logfmt' | 'json'
/** Redis's local time, ISO 8601 in UTC, or milliseconds since the epoch. */
export type TimestampFormat = 'legacy' | 'iso8601' | 'milliseconds'

export interface Log {
  level: LogLevel
  role: LogRole
  format: LogFormat
  timestamps: TimestampFormat
  debug(message: string): void
  verbose(message: string): void
  notice(message: string): void
  warning(message: string): void
}

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, verbose: 1, notice: 2, warning: 3, nothing: 4 }
const MARKS: readonly string[] = ['.', '-', '*', '#']
/** Valkey's names of levels and roles. */
const LEVEL_NAMES: readonly string[] = ['debug', 'info', 'notice', 'warning']
const ROLE_NAMES: Readonly<Record<LogRole, string>> = { C: 'RDB/AOF', M: 'primary', S: 'replica' }
const MONTHS: readonly string[] = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

const two = (value: number): string => String(value).padStart(2, '0')

export interface LogLine {
  readonly pid: number
  readonly role: LogRole
  readonly when: Date
  /** 0 debug, 1 verbose, 2 notice, 3 warning. */
  readonly rank: number
  readonly message: string
}

/**
 * One line with its line feed: `PID:ROLE DD Mon YYYY HH:MM:SS.mmm MARK message`, or the same as named values. JSON
 * times are ISO 8601 unless milliseconds are asked for: Redis's are local and tell no zone.
 */
export function formatLogLine(line: LogLine, format: LogFormat, timestamps: TimestampFormat): string {
  const { pid, role, when, rank, message } = line
  if (format === 'json') {
    const timestamp = timestamps === 'milliseconds' ? when.getTime() : when.toISOString()
    const names = { role: ROLE_NAMES[role], level: LEVEL_NAMES[rank] }
    return `${JSON.stringify({ timestamp, level: names.level, pid, role: names.role, message })}\n`
  }
  const time = timeText(when, timestamps)
  if (format === 'legacy') return `${pid}:${role} ${time} ${MARKS[rank]} ${message}\n`
  return `pid=${pid} role=${ROLE_NAMES[role]} timestamp="${time}" level=${LEVEL_NAMES[rank]} message=${JSON.stringify(message)}\n`
}

function timeText(when: Date, format: TimestampFormat): string {
  if (format === 'iso8601') return when.toISOString()
  if (format === 'milliseconds') return String(when.getTime())
  const day = `${two(when.getDate())} ${MONTHS[when.getMonth()]} ${when.getFullYear()}`
  const time = `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`
  const millis = String(when.getMilliseconds()).padStart(3, '0')
  return `${day} ${time}.${millis}`
}

/** A log whose lines go to `write`. */
export class LineLog implements Log {
  level: LogLevel
  role: LogRole = 'M'
  format: LogFormat = 'legacy'
  timestamps: TimestampFormat = 'legacy'
  readonly #write: (line: string) => void

  constructor(level: LogLevel, write: (line: string) => void) {
    this.level = level
    this.#write = write
  }

  debug(message: string): void {
    this.#log(0, message)
  }

  verbose(message: string): void {
    this.#log(1, message)
  }

  notice(message: string): void {
    this.#log(2, message)
  }

  warning(message: string): void {
    this.#log(3, message)
  }

  #log(rank: number, message: string): void {
    if (rank < RANKS[this.level]) return
    // Text from clients reaches the log; a line feed in it must not pass for a line of ours.
    const text = message.replaceAll(/[\r\n]+/g, ' ')
    const line = { pid: process.pid, role: this.role, when: new Date(), rank, message: text }
    this.#write(formatLogLine(line, this.format, this.timestamps))
  }
}

/** Logs to the file at `path`, or to standard output where it is ''. */
export function openLog(level: LogLevel, path: string): LineLog {
  if (path === '') return new LineLog(level, (line) => void process.stdout.write(line))
  return new LineLog(level, (line) => {
    // Opened for every line, as Redis does, so that logrotate needs to tell nobody. A full or vanished disk
    // must not stop the server.
    try {
      appendFileSync(path, line)
    } catch {}
  })
}

/** A log that keeps nothing, for embedders and tests. */
export function silentLog(): Log {
  return new LineLog('nothing', () => {})
}
