/** Finds a command by the bytes of its name, whatever their case, without making a string of them. */

import { ConfigError } from '../config/config-error.ts'
import type { Rename } from '../config/configuration.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { Command, type Family } from './command.ts'

/** Slots per command: sparse, so that a probe rarely meets another name. */
const SPARSENESS = 8

export class CommandTable {
  /** The top-level commands that clients can call, in the order of declaration. */
  readonly commands: readonly Command[]
  /** With them those that rename-command took away. */
  readonly all: readonly Command[]
  private readonly slots: (Command | null)[]
  private readonly mask: number
  private last: Command
  private readonly byName: ReadonlyMap<string, Command>

  /** `renames`, in their order, are rename-command's; throws a ConfigError for one that cannot be. */
  constructor(families: readonly Family[], renames: readonly Rename[] = []) {
    this.all = families.flatMap(({ group, specs }) =>
      Object.entries(specs).map(([name, spec]) => new Command(name, group, spec, null)),
    )
    const byName = new Map(this.all.map((command) => [command.name, command]))
    if (byName.size !== this.all.length) throw new Error('a command is declared twice')
    let id = 0
    for (const command of this.all) {
      command.id = id++
      for (const child of command.subcommands?.values() ?? []) child.id = id++
    }
    for (const rename of renames) applyRename(byName, rename)
    this.byName = byName
    const commands = this.all.filter((command) => command.calledAs !== '')
    this.commands = commands
    const size = 2 ** Math.ceil(Math.log2(Math.max(1, commands.length) * SPARSENESS))
    this.mask = size - 1
    this.last = commands[0]
    this.slots = Array.from({ length: size }, () => null)
    for (const command of commands) {
      const name = Buffer.from(command.calledAs, 'latin1')
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
    if (sameName(this.last.calledAs, bytes, offset, length)) return this.last
    for (let slot = hashName(bytes, offset, length) & this.mask; ; slot = (slot + 1) & this.mask) {
      const command = this.slots[slot]
      if (command === null) return null
      if (sameName(command.calledAs, bytes, offset, length)) {
        this.last = command
        return command
      }
    }
  }

  /** The command or subcommand that the arguments name; a container when they end with its name; or null. */
  resolve(args: Arguments): Command | null {
    const command = this.find(args)
    if (command === null || command.subcommands === null || args.count === 1) return command
    return command.subcommands.get(args.text(1).toLowerCase()) ?? null
  }

  /** A command by what clients call it, in any case; a subcommand is "container|name". */
  get(name: string): Command | undefined {
    const [top = '', child, ...more] = name.toLowerCase().split('|')
    if (more.length > 0) return undefined
    const command = this.byName.get(top)
    return child === undefined ? command : command?.subcommands?.get(child)
  }

  /** Zeroes every command's counters (CONFIG RESETSTAT). */
  resetCounters(): void {
    for (const command of this.all) {
      command.resetCounters()
      for (const child of command.subcommands?.values() ?? []) child.resetCounters()
    }
  }
}

function applyRename(byName: Map<string, Command>, { from, to, place }: Rename): void {
  const command = byName.get(from.toLowerCase())
  if (command === undefined) throw new ConfigError('No such command in rename-command', place)
  const name = to.toLowerCase()
  if (name !== '' && byName.has(name)) throw new ConfigError('Target command name already exists', place)
  byName.delete(command.calledAs)
  command.calledAs = name
  if (name !== '') byName.set(name, command)
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
