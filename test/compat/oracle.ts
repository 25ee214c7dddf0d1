/**
 * The oracle: a real redis-server ($REDIS_SERVER, or the one on PATH) that our replies are compared with.
 * Without one the compat tests skip themselves and say so.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type ServerProcess, startServerProcess } from './server-process.ts'

/** Path of the redis-server to compare with; null when there is none. */
export const oracle: string | null = findOracle()

if (oracle === null) console.log('no redis-server found ($REDIS_SERVER or PATH): compat tests are skipped')

/** Starts the oracle; call it only when `oracle` is not null. */
export function startOracle(directives: readonly string[] = [], answer?: string): Promise<ServerProcess> {
  if (oracle === null) throw new Error('there is no redis-server to start')
  const given = ['--enable-debug-command', 'yes', ...directives]
  return startServerProcess('oracle', oracle, [], given, answer)
}

function findOracle(): string | null {
  const named = process.env.REDIS_SERVER
  const candidates = named
    ? [named]
    : (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, 'redis-server'))
  return candidates.find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
