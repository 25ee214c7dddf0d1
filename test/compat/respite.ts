/**
 * Our server for the tests, as its own process: the built one under `npm test`, which builds first; from the
 * sources when vitest runs by itself; or as RESPITE_TARGET says ("dist", "source", or "oracle": redis-server
 * on both sides, which tries out the harness and the scripts).
 */
import { fileURLToPath } from 'node:url'
import { oracle } from './oracle.ts'
import { type ServerProcess, startServerProcess } from './server-process.ts'

const fromRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** What to run, and the arguments before the directives. */
export function respiteProgram(): { readonly program: string; readonly args: readonly string[] } {
  const target =
    process.env.RESPITE_TARGET ?? (process.env.npm_lifecycle_event === 'test' ? 'dist' : 'source')
  if (target === 'oracle') return { program: oracle ?? '', args: [] }
  const args = target === 'dist' ? [fromRoot('dist/cli.js')] : ['--import', 'tsx', fromRoot('src/cli.ts')]
  return { program: process.execPath, args }
}

/** Starts our server with these directives ("--hz", "100", …); `answer` is what it is to say to PING. */
export function startRespite(directives: readonly string[] = [], answer?: string): Promise<ServerProcess> {
  const { program, args } = respiteProgram()
  const name = program === process.execPath ? 'respite' : 'oracle'
  const given = ['--enable-debug-command', 'yes', ...directives]
  return startServerProcess(name, program, args, given, answer)
}
