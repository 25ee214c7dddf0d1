/**
 * SLOWLOG: the last commands that took longer than slowlog-log-slower-than, with their arguments cut short. What
 * took how long is measured by command-timer.ts.
 */
import type { Arguments } from '../protocol/arguments.ts'
import type { Client } from './client.ts'
import { type Command, FLAG } from './command.ts'

/** Most arguments an entry keeps, and most bytes of each. */
const ARGUMENTS_MAX = 32
const ARGUMENT_BYTES_MAX = 128

export interface SlowLogEntry {
  /** Unique in the server's life, rising. */
  readonly id: number
  /** Seconds since the epoch. */
  readonly time: number
  readonly micros: number
  readonly args: readonly Uint8Array[]
  readonly address: string
  readonly clientName: string
}

export class SlowLog {
  /** The oldest first, and up to as many again that are too old: they go together, not one with each that comes. */
  private kept: SlowLogEntry[]
  private newest: SlowLogEntry | null
  private most: number
  private nextId: number

  constructor() {
    this.kept = []
    this.newest = null
    this.most = 0
    this.nextId = 0
  }

  get length(): number {
    return Math.min(this.kept.length, this.most)
  }

  /** The one added last; null when there is none. */
  get last(): SlowLogEntry | null {
    return this.newest
  }

  /** Up to `count` entries, the newest first. */
  latest(count: number = this.length): SlowLogEntry[] {
    const shown = Math.min(count, this.length)
    return shown === 0 ? [] : this.kept.slice(-shown).toReversed()
  }

  /** Adds a command that has just run and keeps the newest `length` entries. */
  add(client: Client, command: Command, args: Arguments, micros: number, length: number): void {
    if ((command.flags & FLAG.skip_slowlog) !== 0) return
    // What a smaller limit had put out of sight does not come back under a larger one.
    if (length > this.most) this.trim(this.most)
    this.newest = {
      id: this.nextId++,
      time: Math.floor(client.engine.clock.now / 1000),
      micros: Math.floor(micros),
      args: shortened(command, args),
      address: client.link.remoteAddress,
      clientName: client.name,
    }
    this.kept.push(this.newest)
    this.most = length
    if (length === 0) this.clear()
    else if (this.kept.length >= 2 * length) this.trim(length)
  }

  clear(): void {
    this.kept = []
    this.newest = null
  }

  private trim(length: number): void {
    if (this.kept.length > length) this.kept = this.kept.slice(this.kept.length - length)
  }
}

function shortened(command: Command, args: Arguments): Uint8Array[] {
  const secrets = command.spec.secrets?.(args) ?? []
  const shown = Math.min(args.count, ARGUMENTS_MAX)
  const texts: Uint8Array[] = []
  for (let i = 0; i < shown; i++) {
    const left = args.count - i
    if (i === ARGUMENTS_MAX - 1 && left > 1) texts.push(Buffer.from(`... (${left} more arguments)`))
    else if (secrets.includes(i)) texts.push(Buffer.from('(redacted)'))
    else texts.push(argument(args, i))
  }
  return texts
}

function argument(args: Arguments, index: number): Uint8Array {
  const start = args.offsets[index]
  const length = args.lengths[index]
  if (length <= ARGUMENT_BYTES_MAX) return args.copy(index)
  const head = args.block.bytes.toString('latin1', start, start + ARGUMENT_BYTES_MAX)
  return Buffer.from(`${head}... (${length - ARGUMENT_BYTES_MAX} more bytes)`, 'latin1')
}
