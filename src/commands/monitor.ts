/** MONITOR: the command; what it shows is engine/monitor.ts's. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { err } from '../protocol/error-replies.ts'

/** Said again by one who sees the commands already, it is not even answered. */
function monitor(client: Client): void {
  if (client.inTransaction) throw err("MONITOR isn't allowed for DENY BLOCKING client")
  if (client.engine.monitor.start(client)) client.reply.ok()
}

export const monitorCommands: Family = family('server', {
  MONITOR: {
    summary: 'Listens for all requests received by the server in real-time.',
    since: '1.0.0',
    complexity: '',
    syntax: '',
    flags: ['admin', 'noscript', 'loading', 'stale'],
    run: monitor,
  },
})
