/** A bench as a program: whatever ends it, the servers that it started end too, and an error is one line. */
import { killAll } from './contestant.ts'

/** Runs `bench` to its end. */
export async function asProgram(bench: () => Promise<void>): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      killAll()
      process.exit(130)
    })
  }
  try {
    await bench()
  } catch (error) {
    killAll()
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
