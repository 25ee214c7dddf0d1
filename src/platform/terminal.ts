/** The process as the program sees it: its streams, signals, variables and end. Only cli.ts uses it. */
import { readFileSync } from 'node:fs'

export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGBREAK'

/** The process as main() sees it. */
export interface Terminal {
  print(text: string): void
  printError(text: string): void
  readStandardInput(): Uint8Array
  /** What is typed next, at least up to the end of the line; '' at the end of the input. */
  readAnswer(): Promise<string>
  /** Returns what ends the listening. */
  onSignal(listener: (signal: StopSignal) => void): () => void
  /** Does work that holds the event loop, so that listeners hear nothing: SIGINT ends the process at once meanwhile. */
  interruptible<T>(work: () => T): T
  /** SIGHUP, where it is no stop signal. Returns what ends the listening. */
  onHangUp(listener: () => void): () => void
  /** An error was thrown that nobody caught, or a promise was rejected; nothing can be relied on any more. */
  onCrash(listener: (error: unknown) => void): () => void
  setTitle(title: string): void
  /** A variable of the environment; undefined when it is not set. */
  variable(name: string): string | undefined
  /** Ends the process at once. */
  exit(code: number): void
  readonly isTerminal: boolean
  readonly pid: number
}

/** On Windows SIGHUP says that the console was closed: seconds later the process ends in any case. */
const HAS_CONSOLE = process.platform === 'win32'
const STOP_SIGNALS: readonly StopSignal[] = HAS_CONSOLE
  ? ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGBREAK']
  : ['SIGTERM', 'SIGINT']

/** The real process. */
export function processTerminal(): Terminal {
  return {
    print: (text) => void process.stdout.write(text),
    printError: (text) => void process.stderr.write(text),
    readStandardInput: () => readFileSync(0),
    readAnswer: async () => {
      for await (const piece of process.stdin) return String(piece)
      return ''
    },
    onSignal: (listener) => {
      for (const signal of STOP_SIGNALS) process.on(signal, listener)
      return () => {
        for (const signal of STOP_SIGNALS) process.off(signal, listener)
      }
    },
    interruptible: (work) => {
      const listeners = process.listeners('SIGINT')
      for (const listener of listeners) process.off('SIGINT', listener)
      try {
        return work()
      } finally {
        for (const listener of listeners) process.on('SIGINT', listener)
      }
    },
    onHangUp: (listener) => {
      if (HAS_CONSOLE) return () => {}
      process.on('SIGHUP', listener)
      return () => process.off('SIGHUP', listener)
    },
    onCrash: (listener) => {
      process.on('uncaughtException', listener)
      return () => process.off('uncaughtException', listener)
    },
    setTitle: (title) => {
      process.title = title
    },
    variable: (name) => process.env[name],
    exit: (code) => process.exit(code),
    isTerminal: process.stdout.isTTY,
    pid: process.pid,
  }
}
