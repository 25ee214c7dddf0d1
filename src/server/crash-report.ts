/**
 * What the log says when the server crashes: version, where it happened, the last command's name and INFO. No keys,
 * values or arguments: our errors never quote clients, those of JavaScript name code, and Node's are left without text.
 */
import { infoText } from '../commands/info.ts'
import type { Engine } from '../engine/engine.ts'
import { OS_NAME } from '../platform/process.ts'
import { NODE_VERSION, REDIS_VERSION, RESPITE_VERSION } from '../platform/version.ts'

const MESSAGE_MAX = 200

/** Lines for the log; one with crash-log-enabled no. */
export function crashReport(engine: Engine, error: unknown): string[] {
  const what = `Respite ${RESPITE_VERSION} crashed by ${nameOf(error)}`
  if (!engine.settings.crashLogEnabled) return [what]
  return [
    '=== RESPITE BUG REPORT START: Cut & paste starting from here ===',
    what,
    `Speaking Redis ${REDIS_VERSION}, on Node ${NODE_VERSION}, ${OS_NAME}`,
    `Last command: ${engine.dispatcher.lastCommand?.name ?? 'none'}`,
    '------ STACK TRACE ------',
    ...framesOf(error),
    '------ INFO OUTPUT ------',
    ...figures(engine),
    '=== RESPITE BUG REPORT END. Report it with all of the above, please ===',
  ]
}

/** The kind of the error and its message, unless it quotes values: Node's do, and a parser's what it has read. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}`
  const { name, message, code } = error as NodeJS.ErrnoException
  if (code?.startsWith('ERR_')) return `${name} ${code}`
  return error instanceof SyntaxError ? name : `${name}: ${message.slice(0, MESSAGE_MAX)}`
}

/** The lines of the stack that name places in code; the message before them may have any lines. */
function framesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const { message, stack = '' } = error
  const start = stack.indexOf(message)
  const lines = stack.slice(start === -1 ? 0 : start + message.length).split('\n')
  return lines.filter((line) => /^\s+at /.test(line))
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
