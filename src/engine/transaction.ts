/** MULTI's queue: the commands a client has queued, with their own copies of the arguments. */
import { Arguments } from '../protocol/arguments.ts'
import type { Client } from './client.ts'
import type { Command } from './command.ts'
import { GATE_MULTI } from './gates.ts'

interface QueuedCommand {
  readonly command: Command
  readonly args: Arguments
}

export class Transaction {
  readonly queue: QueuedCommand[]
  /** Something was refused while queueing: EXEC will refuse the whole. */
  aborted: boolean
  /** FLAG_* bits of any queued command: the gates judge EXEC by what it will run. */
  flags: number
  /** FLAG_* bits of all queued commands. */
  commonFlags: number
  /** Memory of the copied arguments (CLIENT LIST multi-mem). */
  bytes: number

  constructor() {
    this.queue = []
    this.aborted = false
    this.flags = 0
    this.commonFlags = -1
    this.bytes = 0
  }

  /** Queues a copy of the command. */
  add(command: Command, args: Arguments): void {
    const kept = Arguments.copyOf(args)
    this.queue.push({ command, args: kept })
    this.flags |= command.flags
    this.commonFlags &= command.flags
    this.bytes += kept.block.bytes.length + kept.offsets.byteLength + kept.lengths.byteLength
  }
}

/** Leaves MULTI, if the client is in it, and ends its watches. */
export function discardTransaction(client: Client): void {
  client.transaction = null
  client.gates &= ~GATE_MULTI
  client.engine.watches.unwatch(client)
}
