/** MULTI's queue: the commands a client has queued, with their own copies of the arguments. */
import { Arguments } from '../protocol/arguments.ts'
import { type Block, EMPTY_BLOCK, newBlock } from '../structures/block.ts'
import type { Client } from './client.ts'
import type { Command } from './command.ts'
import { GATE_MULTI } from './gates.ts'

/** The blocks that copies share: large enough for a short transaction, then twice the last, up to the second. */
const FIRST_BLOCK = 512
const LARGEST_BLOCK = 64 * 1024

/** The first block of a transaction that has run, for the next one. */
let spare: Block | null = null

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
  /**
   * Where the next copy goes: bytes outside the heap, allocated for every command by itself, cost more than the rest
   * of queueing it (bench/micro/transaction.ts).
   */
  private block: Block
  private used: number

  constructor() {
    this.queue = []
    this.aborted = false
    this.flags = 0
    this.commonFlags = -1
    this.bytes = 0
    this.block = EMPTY_BLOCK
    this.used = 0
  }

  /** Queues a copy of the command. */
  add(command: Command, args: Arguments): void {
    const bytes = args.byteLength
    if (this.used + bytes > this.block.bytes.length) {
      this.block = nextBlock(this.block.bytes.length, bytes)
      this.used = 0
    }
    const kept = new Arguments(args.count)
    kept.block = this.block
    kept.fill(args, this.used)
    this.used += bytes
    this.queue.push({ command, args: kept })
    this.flags |= command.flags
    this.commonFlags &= command.flags
    this.bytes += bytes + kept.offsets.byteLength + kept.lengths.byteLength
  }

  /** Its commands have run, and nobody looks at their arguments any more once EXEC has been measured. */
  finished(): void {
    if (this.block.bytes.length === FIRST_BLOCK) spare = this.block
  }
}

/** The block after one of `last` bytes (0: the first), with room for `bytes`. */
function nextBlock(last: number, bytes: number): Block {
  if (last > 0 || bytes > FIRST_BLOCK) return newBlock(Math.max(bytes, Math.min(last * 2, LARGEST_BLOCK)))
  const block = spare ?? newBlock(FIRST_BLOCK)
  spare = null
  return block
}

/** Leaves MULTI, if the client is in it, and ends its watches. */
export function discardTransaction(client: Client): void {
  client.transaction = null
  client.gates &= ~GATE_MULTI
  client.engine.watches.unwatch(client)
}
