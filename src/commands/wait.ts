/** WAIT: until so many replicas have what the client wrote. There are no replicas, so only the time comes to an end. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { millisecondsArgument } from './timeout-argument.ts'

function wait(client: Client, args: Arguments): void {
  const replicas = args.integer(1)
  const timeout = millisecondsArgument(client, args, 2)
  if (replicas <= 0 || client.inTransaction) replyReplicas(client)
  else client.engine.blocking.hold(client, args, { timeout, inVain: replyReplicas })
}

/** How many have it. */
function replyReplicas(client: Client): void {
  client.reply.integer(0)
}

export const waitCommands: Family = family('generic', {
  WAIT: {
    summary:
      'Blocks until the asynchronous replication of all preceding write commands sent by the connection is completed.',
    since: '3.0.0',
    complexity: 'O(1)',
    syntax: 'numreplicas timeout',
    flags: ['blocking'],
    categories: ['connection'],
    tips: ['request_policy:all_shards', 'response_policy:agg_min'],
    run: wait,
  },
})
