/**
 * Has commands that change the dataset refused while it can't be written to disk, where the configuration asks for that:
 * whoever counts on it should find out before much is lost.
 */
import { ErrorReply, MISCONF_RDB } from '../protocol/error-replies.ts'
import type { Engine } from './engine.ts'
import { GATE_DISK } from './gates.ts'

export class DiskErrors {
  /** What refused commands are answered. */
  refusal: ErrorReply
  private readonly engine: Engine

  constructor(engine: Engine) {
    this.refusal = MISCONF_RDB
    this.engine = engine
    const { configuration, dataset } = engine
    dataset.onStatus = () => this.refresh()
    for (const name of ['stopWritesOnBgsaveError', 'save'] as const) {
      configuration.onChange(name, () => {
        this.refresh()
        return undefined
      })
    }
  }

  /** Looks anew whether writes are refused. */
  refresh(): void {
    const { engine } = this
    const { settings, dataset, aof } = engine
    engine.gates &= ~GATE_DISK
    if (settings.stopWritesOnBgsaveError && settings.save.length > 0 && !dataset.lastSaveOk) {
      this.refusal = MISCONF_RDB
    } else if (aof.failure !== null) {
      this.refusal = new ErrorReply(`MISCONF Errors writing to the AOF file: ${aof.failure}`)
    } else return
    engine.gates |= GATE_DISK
  }
}
