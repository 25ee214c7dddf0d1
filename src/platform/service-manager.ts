/**
 * Messages to the service manager that started this process, by systemd's protocol. Node has no datagrams on unix
 * sockets, so the program systemd-notify carries them: the unit needs NotifyAccess=all.
 */
import { execFile } from 'node:child_process'

const PROGRAM = 'systemd-notify'

export class ServiceManager {
  /** How often it wants to hear of us, milliseconds; 0 for never. Half of what it waits. */
  readonly watchdogMillis: number
  private readonly environment: Record<string, string | undefined>
  private readonly onError: (text: string) => void
  /** The messages so far: they arrive in the order in which they are sent. */
  private sent: Promise<void>

  private constructor(environment: Record<string, string | undefined>, onError: (text: string) => void) {
    const { WATCHDOG_USEC, WATCHDOG_PID } = environment
    const ours = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid)
    this.watchdogMillis = ours ? Math.floor((Number(WATCHDOG_USEC) || 0) / 2000) : 0
    this.environment = environment
    this.onError = onError
    this.sent = Promise.resolve()
  }

  /** The one that waits to hear from this process; null without. `onError` is told why a message did not arrive. */
  static find(onError: (text: string) => void): ServiceManager | null {
    return process.env.NOTIFY_SOCKET ? new ServiceManager({ ...process.env }, onError) : null
  }

  /** Sends assignments such as READY=1. */
  tell(...assignments: string[]): void {
    this.sent = this.sent.then(() => this.send(assignments))
  }

  /** For RELOADING=1, which has to say when. */
  static now(): string {
    return `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`
  }

  private send(assignments: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      execFile(PROGRAM, assignments, { env: this.environment, timeout: 5000 }, (error) => {
        if (error !== null) this.onError(error.message.split('\n', 1)[0])
        resolve()
      })
    })
  }
}
