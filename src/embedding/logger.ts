/** The server's log as calls of a logger that the embedder brings. */
import type { Log, LogFormat, LogLevel, LogRole, TimestampFormat } from '../platform/log.ts'

/** Takes one line each, without time and level. Must not call the server back at once: a command may be running. */
export interface Logger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
}

const LEVELS: readonly LogLevel[] = ['debug', 'verbose', 'notice', 'warning', 'nothing']

/** Levels "debug" and "verbose" are the logger's debug, "notice" its info and "warning" its warn. */
export class LoggerLog implements Log {
  level: LogLevel
  role: LogRole = 'M'
  format: LogFormat = 'legacy'
  timestamps: TimestampFormat = 'legacy'
  private readonly logger: Logger

  constructor(level: LogLevel, logger: Logger) {
    this.level = level
    this.logger = logger
  }

  debug(message: string): void {
    if (this.shows('debug')) this.logger.debug(message)
  }

  verbose(message: string): void {
    if (this.shows('verbose')) this.logger.debug(message)
  }

  notice(message: string): void {
    if (this.shows('notice')) this.logger.info(message)
  }

  warning(message: string): void {
    if (this.shows('warning')) this.logger.warn(message)
  }

  private shows(level: LogLevel): boolean {
    return LEVELS.indexOf(level) >= LEVELS.indexOf(this.level)
  }
}
