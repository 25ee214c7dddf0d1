/** The machine that a bench ran on, for its report. */
import { execFileSync } from 'node:child_process'
import os from 'node:os'

/** Where and with what a run was made. Names neither the host nor its directories. */
export interface Machine {
  cpu: string
  cores: number
  memoryGiB: number
  kernel: string
  node: string
  loadGenerator: string
  date: string
  /** Processes that wanted to run in the minute before: anything near 1 or above makes the figures noisy. */
  loadBefore: number
}

/** Read when the bench begins: later it would be the bench's own. */
const loadBefore = os.loadavg()[0]

/** This machine, today. */
export function describeMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    loadGenerator: loadGenerator(),
    date: new Date().toISOString().slice(0, 10),
    loadBefore,
  }
}

/** The line of a report that says when and on what. */
export function machineLine(machine: Machine = describeMachine()): string {
  const { date, cpu, cores, memoryGiB, kernel, node } = machine
  const host = `${cpu}, ${cores} cores (shared by server and load), ${memoryGiB} GiB, ${kernel}`
  return `- ${date}, ${host}, node ${node}, load average before ${machine.loadBefore.toFixed(1)}`
}

/** The version of redis-benchmark, which not every bench needs. */
export function loadGenerator(): string {
  try {
    return execFileSync('redis-benchmark', ['--version'], { encoding: 'utf8' }).trim()
  } catch {
    return 'no redis-benchmark'
  }
}
