/**
 * The threads beside the one that runs every command: V8's, which compile and collect garbage, and libuv's, which write
 * and sync files. They are let wait where there is more to do than cores. In the first second of a heavy load V8
 * compiles with four threads: on two cores, one of them the load's, the loop stood still for 20 ms (bench/run.ts).
 */
import { readdirSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'

/** Steps of nice(1): a tenth of the loop's weight where both want the same core. */
const NICER = 10

/**
 * Lowers the priority of the process's other threads, for the program, not for embedders. On Linux, where a thread
 * can be asked for by its id as a process is; elsewhere it does nothing.
 */
export function lowerBackgroundThreads(): void {
  if (process.platform !== 'linux') return
  const nice = Math.min(constants.priority.PRIORITY_LOW, getPriority() + NICER)
  try {
    for (const thread of readdirSync('/proc/self/task')) {
      if (Number(thread) !== process.pid) setPriority(Number(thread), nice)
    }
  } catch {
    // No /proc, or a thread that has just ended: they share as before.
  }
}
