/**
 * What the log says when the server crashes: version, where it happened, the last command's name and INFO. No keys,
 * values or arguments: our errors never quote clients, those of JavaScript name code, and Node's are left without text.
 */
import { infoText } from '../commands/info.ts'
import type { Engine } from '../engine/engine.ts'
import { faultFrames, faultName } from '../engine/fault-text.ts'
import { OS_NAME } from '../platform/process.ts'
import { NODE_VERSION, REDIS_VERSION, RESPITE_VERSION } from '../platform/version.ts'

/** Lines for the log; one with crash-log-enabled no. */
export function crashReport(engine: Engine, error: unknown): string[] {
  const what = `Respite ${RESPITE_VERSION} crashed by ${faultName(error)}`
  if (!engine.settings.crashLogEnabled) return [what]
  return [
    '=== RESPITE BUG REPORT START: Cut & paste starting from here ===',
    what,
    `Speaking Redis ${REDIS_VERSION}, on Node ${NODE_VERSION}, ${OS_NAME}`,
    `Last command: ${engine.dispatcher.lastCommand?.name ?? 'none'}`,
    '------ STACK TRACE ------',
    ...faultFrames(error),
    '------ INFO OUTPUT ------',
    ...figures(engine),
    '=== RESPITE BUG REPORT END. Report it with all of the above, please ===',
  ]
}

/** Nothing can be relied on any more, not even that INFO works. */
function figures(engine: Engine): string[] {
  try {
    return infoText(engine, new Set(['default', 'commandstats']))
      .split('\r\n')
      .filter((line) => line !== '')
  } catch {
    return ['INFO fails too']
  }
}
