/**
 * Log lines in Redis's format, to standard output or appended to a file, at or above a level. It knows no
 * configuration: whoever reads `loglevel` and `logfile` makes the log.
 */
import { appendFileSync } from 'node:fs'

export type LogLevel = 'debug' | 'verbose' | 'notice' | 'warning' | 'nothing'

/** The process's part in Redis's line format: starting up or a helper, primary, replica. */
export type LogRole = 'C' | 'M' | 'S'

export interface Log {
  level: LogLevel
  role: LogRole
  debug(message: string): void
  verbose(message: string): void
  notice(message: string): void
  warning(message: string): void
}

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, verbose: 1, notice: 2, warning: 3, nothing: 4 }
const MARKS: readonly string[] = ['.', '-', '*', '#']
const MONTHS: readonly string[] = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

const two = (value: number): string => String(value).padStart(2, '0')

/** One line: `PID:ROLE DD Mon YYYY HH:MM:SS.mmm MARK message`, local time, with its line feed. */
export function formatLogLine(pid: number, role: LogRole, when: Date, rank: number, message: string): string {
  const day = `${two(when.getDate())} ${MONTHS[when.getMonth()]} ${when.getFullYear()}`
  const time = `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`
  const millis = String(when.getMilliseconds()).padStart(3, '0')
  return `${pid}:${role} ${day} ${time}.${millis} ${MARKS[rank]} ${message}\n`
}

/** A log whose lines go to `write`. */
export class LineLog implements Log {
  level: LogLevel
  role: LogRole = 'M'
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
    this.#write(formatLogLine(process.pid, this.role, new Date(), rank, text))
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
