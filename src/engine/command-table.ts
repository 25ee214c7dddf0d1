/** Finds a command by the bytes of its name, whatever their case, without making a string of them. */
import type { Arguments } from '../protocol/arguments.ts'
import { Command, type Family } from './command.ts'

/** Slots per command: sparse, so that a probe rarely meets another name. */
const SPARSENESS = 8

export class CommandTable {
  /** Every top-level command, in the order of declaration. */
  readonly commands: readonly Command[]
  private readonly slots: (Command | null)[]
  private readonly mask: number
  private last: Command
  private readonly byName: ReadonlyMap<string, Command>

  constructor(families: readonly Family[]) {
    const commands: Command[] = []
    for (const { group, specs } of families) {
      for (const [name, spec] of Object.entries(specs)) commands.push(new Command(name, group, spec, null))
    }
    this.commands = commands
    this.byName = new Map(commands.map((command) => [command.name, command]))
    if (this.byName.size !== commands.length) throw new Error('a command is declared twice')
    const size = 2 ** Math.ceil(Math.log2(Math.max(1, commands.length) * SPARSENESS))
    this.mask = size - 1
    this.last = commands[0]
    this.slots = Array.from({ length: size }, () => null)
    for (const command of commands) {
      const name = Buffer.from(command.name, 'latin1')
      let slot = hashName(name, 0, name.length) & this.mask
      while (this.slots[slot] !== null) slot = (slot + 1) & this.mask
      this.slots[slot] = command
    }
  }

  /** The command that argument 0 names, or null. */
  find(args: Arguments): Command | null {
    const bytes = args.block.bytes
    const offset = args.offsets[0]
    const length = args.lengths[0]
    // In a pipeline the next command is mostly the last one again.
    if (sameName(this.last.name, bytes, offset, length)) return this.last
    for (let slot = hashName(bytes, offset, length) & this.mask; ; slot = (slot + 1) & this.mask) {
      const command = this.slots[slot]
      if (command === null) return null
      if (sameName(command.name, bytes, offset, length)) {
        this.last = command
        return command
      }
    }
  }

  /** A command by name in any case; a subcommand is "container|name". */
  get(name: string): Command | undefined {
    const [top = '', child] = name.toLowerCase().split('|')
    const command = this.byName.get(top)
    return child === undefined ? command : command?.subcommands?.get(child)
  }

  /** Zeroes every command's counters (CONFIG RESETSTAT). */
  resetCounters(): void {
    for (const command of this.commands) {
      command.resetCounters()
      for (const child of command.subcommands?.values() ?? []) child.resetCounters()
    }
  }
}

function hashName(bytes: Buffer, offset: number, length: number): number {
  let hash = length
  const end = offset + (length < 16 ? length : 16)
  for (let at = offset; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] | 0x20)) | 0
  return hash ^ (hash >>> 11)
}

function sameName(name: string, bytes: Buffer, offset: number, length: number): boolean {
  if (name.length !== length) return false
  for (let at = 0; at < length; at++) {
    let byte = bytes[offset + at]
    if (byte >= 0x41 && byte <= 0x5a) byte += 0x20
    if (name.charCodeAt(at) !== byte) return false
  }
  return true
}
