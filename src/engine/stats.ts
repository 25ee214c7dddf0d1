/** The counters behind INFO stats and errorstats. CONFIG RESETSTAT clears them. */

/** Samples behind an instantaneous_* figure, one every SAMPLE_MILLIS. */
const SAMPLES = 16
export const SAMPLE_MILLIS = 100
/** More distinct error codes than this are the work of a hostile script; the rest is not told apart. */
const ERROR_CODES_MAX = 128

/** A rate over the last SAMPLES samples. */
export class Rate {
  private readonly perSecond: number[] = []
  private at = 0
  private lastTime = 0
  private lastTotal = 0

  /** Takes a sample of a counter that only grows. `now` in milliseconds. */
  sample(now: number, total: number): void {
    const elapsed = now - this.lastTime
    if (this.lastTime !== 0 && elapsed > 0) {
      this.perSecond[this.at] = (Math.max(0, total - this.lastTotal) * 1000) / elapsed
      this.at = (this.at + 1) % SAMPLES
    }
    this.lastTime = now
    this.lastTotal = total
  }

  get average(): number {
    if (this.perSecond.length === 0) return 0
    return this.perSecond.reduce((sum, value) => sum + value, 0) / this.perSecond.length
  }
}

export class Stats {
  commandsProcessed: number = 0
  connectionsReceived: number = 0
  rejectedConnections: number = 0
  netInputBytes: number = 0
  netOutputBytes: number = 0
  readsProcessed: number = 0
  writesProcessed: number = 0
  errorReplies: number = 0
  aclDeniedAuth: number = 0
  aclDeniedCommand: number = 0
  aclDeniedKey: number = 0
  aclDeniedChannel: number = 0
  queryBufferDisconnections: number = 0
  outputBufferDisconnections: number = 0
  evictedClients: number = 0
  /** Longest stall of the event loop seen, microseconds. */
  loopStallMaxMicros: number = 0
  readonly errorCodes: Map<string, number> = new Map()
  readonly commandRate: Rate = new Rate()
  readonly inputRate: Rate = new Rate()
  readonly outputRate: Rate = new Rate()

  countError(code: string): void {
    this.errorReplies++
    const seen = this.errorCodes.get(code)
    if (seen === undefined && this.errorCodes.size >= ERROR_CODES_MAX) return
    this.errorCodes.set(code, (seen ?? 0) + 1)
  }

  reset(): void {
    this.commandsProcessed = 0
    this.connectionsReceived = 0
    this.rejectedConnections = 0
    this.netInputBytes = 0
    this.netOutputBytes = 0
    this.readsProcessed = 0
    this.writesProcessed = 0
    this.errorReplies = 0
    this.aclDeniedAuth = 0
    this.aclDeniedCommand = 0
    this.aclDeniedKey = 0
    this.aclDeniedChannel = 0
    this.queryBufferDisconnections = 0
    this.outputBufferDisconnections = 0
    this.evictedClients = 0
    this.loopStallMaxMicros = 0
    this.errorCodes.clear()
  }
}
