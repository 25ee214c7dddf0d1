/**
 * Holds back commands that would touch certain keys, while what becomes of those is being decided elsewhere (a
 * migration waits for the other server's answer). Redis stands still for as long; here only those commands wait.
 */
import type { Arguments } from '../protocol/arguments.ts'
import { type Client, HELD_BY_GUARD } from './client.ts'
import { type Command, FLAG } from './command.ts'
import type { Engine } from './engine.ts'
import { GATE_GUARD } from './gates.ts'
import { keysBySpecs } from './key-specs.ts'

const ON_KEYSPACE = FLAG.write | FLAG.readonly

export class KeyGuard {
  private readonly engine: Engine
  /** The guarded names, in whatever database, as latin1. */
  private names: ReadonlySet<string>
  private readonly held: Set<Client>

  constructor(engine: Engine) {
    this.engine = engine
    this.names = new Set()
    this.held = new Set()
  }

  /** Guards the arguments that `keys` numbers, in place of any keys before. */
  guard(args: Arguments, keys: readonly number[]): void {
    this.names = new Set(keys.map((key) => args.text(key)))
    this.engine.gates |= GATE_GUARD
  }

  /** Guards nothing any more; whoever was held back goes on. */
  release(): void {
    this.names = new Set()
    this.engine.gates &= ~GATE_GUARD
    const clients = [...this.held]
    this.held.clear()
    for (const client of clients) {
      client.held &= ~HELD_BY_GUARD
      client.link.resume()
    }
  }

  /**
   * Whether the command has to wait: one that names a guarded key, or one on the keyspace of which the keys are not
   * known beforehand (FLUSHALL, SCAN, SORT, EXEC, another MIGRATE). `flags` are those of all it will run.
   */
  holds(command: Command, flags: number, args: Arguments): boolean {
    if ((flags & ON_KEYSPACE) === 0) return false
    const { keys, findKeys } = command.spec
    if (keys === undefined || command.runsQueue) return true
    if (keys.some((spec) => spec.incomplete || spec.begin.type === 'unknown')) return true
    const found = findKeys === undefined ? keysBySpecs(keys, args) : findKeys(args)
    return found === null || found.some(({ index }) => this.names.has(args.text(index)))
  }

  hold(client: Client): void {
    client.held |= HELD_BY_GUARD
    this.held.add(client)
  }

  forget(client: Client): void {
    this.held.delete(client)
  }
}
