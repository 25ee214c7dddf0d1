/** Shows on stderr how far a run has come: a bar on a terminal, a plain line per step elsewhere. */

const BAR_WIDTH = 30

export class Progress {
  private readonly total: number
  private readonly startedAt = Date.now()
  private done = 0

  /** `total` steps are expected. */
  constructor(total: number) {
    this.total = total
  }

  /** Says that the step called `label` begins now; the step before it is done. */
  begin(label: string): void {
    const line = progressLine(this.done, this.total, (Date.now() - this.startedAt) / 1000, label)
    this.done++
    if (process.stderr.isTTY) {
      const room = (process.stderr.columns || 80) - 1
      process.stderr.write(`\r\x1b[K${line.slice(0, room)}`)
    } else {
      process.stderr.write(`${line}\n`)
    }
  }

  /** Removes the bar, so that what is printed next starts on a line of its own. */
  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  }
}

/** One line of progress: a bar, the count, the time left judged by the time so far, and `label`. */
export function progressLine(done: number, total: number, seconds: number, label: string): string {
  const filled = Math.round((done / Math.max(1, total)) * BAR_WIDTH)
  const bar = '#'.repeat(filled) + '.'.repeat(BAR_WIDTH - filled)
  const left = done === 0 ? '' : ` about ${duration((seconds / done) * (total - done))} left`
  return `[${bar}] ${done}/${total}${left}  ${label}`
}

function duration(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`
}
