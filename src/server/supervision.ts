/** What a service manager hears of the server's life: `supervised systemd`, or `auto` where one listens. */
import type { Engine } from '../engine/engine.ts'
import { ServiceManager } from '../platform/service-manager.ts'
import type { Timer } from '../platform/timers.ts'

/** Milliseconds between messages while the dataset is being loaded, and what each asks for in microseconds. */
const LOADING_MILLIS = 10_000
const LOADING_EXTENSION = 60_000_000

export class Supervision {
  private readonly engine: Engine
  private readonly manager: ServiceManager
  private readonly watchdog: Timer | null
  private progress: Timer | null

  private constructor(engine: Engine, manager: ServiceManager) {
    const { watchdogMillis } = manager
    this.engine = engine
    this.manager = manager
    this.progress = null
    this.watchdog =
      watchdogMillis === 0
        ? null
        : engine.timers.interval(() => manager.tell('WATCHDOG=1'), Math.max(1, watchdogMillis))
  }

  /** Null where it is not asked for, and where nobody listens. */
  static begin(engine: Engine): Supervision | null {
    const { supervised } = engine.settings
    if (supervised === 'no') return null
    let told = false
    const manager = ServiceManager.find((text) => {
      if (!told) engine.log.warning(`The service manager can't be told: ${text}`)
      told = true
    })
    if (manager !== null && supervised !== 'upstart') {
      engine.supervisedBy = 'systemd'
      return new Supervision(engine, manager)
    }
    if (supervised !== 'auto') {
      engine.log.warning(`supervised ${supervised}: no service manager waits to hear of this process`)
    }
    return null
  }

  loading(): void {
    const tell = (): void => {
      const percent = this.engine.dataset.loading?.percent.toFixed(0) ?? '0'
      this.manager.tell(`STATUS=Loading the dataset: ${percent}%`, `EXTEND_TIMEOUT_USEC=${LOADING_EXTENSION}`)
    }
    tell()
    this.progress = this.engine.timers.interval(tell, LOADING_MILLIS)
  }

  ready(): void {
    this.progress?.cancel()
    this.manager.tell('STATUS=Ready to accept connections', 'READY=1')
  }

  reloading(): void {
    this.manager.tell('RELOADING=1', ServiceManager.now())
  }

  stopping(): void {
    this.progress?.cancel()
    this.watchdog?.cancel()
    this.manager.tell('STOPPING=1')
  }
}
