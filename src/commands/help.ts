/** The HELP subcommands: one text shape for all containers. */
import type { Client } from '../engine/client.ts'

/** Replies as Redis's HELP does: a heading, the lines, and HELP itself. */
export function replyHelp(client: Client, container: string, lines: readonly string[]): void {
  const { reply } = client
  reply.arrayHeader(lines.length + 3)
  reply.simple(`${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`)
  for (const line of lines) reply.simple(line)
  reply.simple('HELP')
  reply.simple('    Prints this help.')
}
