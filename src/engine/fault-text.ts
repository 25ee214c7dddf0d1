/** What the log may say of an error that is a mistake of ours: kind and place in the code, and nothing of clients' data. */

const MESSAGE_MAX = 200

/** The kind of the error and its message, unless it quotes values: Node's do, and a parser's what it has read. */
export function faultName(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}`
  const { name, message, code } = error as NodeJS.ErrnoException
  if (code?.startsWith('ERR_')) return `${name} ${code}`
  return error instanceof SyntaxError ? name : `${name}: ${message.slice(0, MESSAGE_MAX)}`
}

/** The lines of the stack that name places in code; the message before them may have any lines. */
export function faultFrames(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const { message, stack = '' } = error
  const start = stack.indexOf(message)
  const lines = stack.slice(start === -1 ? 0 : start + message.length).split('\n')
  return lines.filter((line) => /^\s+at /.test(line))
}
