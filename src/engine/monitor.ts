/**
 * MONITOR: sends every command that has run to the clients that asked to see them. Which commands it spares is
 * told by their flags, and which arguments are secret by their declarations.
 */
import { quoted } from '../config/split-args.ts'
import type { Arguments } from '../protocol/arguments.ts'
import type { Client } from './client.ts'
import { type Command, FLAG } from './command.ts'
import type { Engine } from './engine.ts'
import { GATE_MONITORED, GATE_MONITORING, GATE_REPLY } from './gates.ts'

export class Monitor {
  private readonly engine: Engine
  private readonly watchers: Set<Client>

  constructor(engine: Engine) {
    this.engine = engine
    this.watchers = new Set()
  }

  /** Shows the client all commands from now on. Returns false when it sees them already. */
  start(client: Client): boolean {
    if (this.watchers.has(client)) return false
    this.watchers.add(client)
    client.gates |= GATE_MONITORING
    this.engine.gates |= GATE_MONITORED
    return true
  }

  /** Harmless for a client that is shown none. */
  stop(client: Client): void {
    if (!this.watchers.delete(client)) return
    client.gates &= ~GATE_MONITORING
    if (this.watchers.size === 0) this.engine.gates &= ~GATE_MONITORED
  }

  /** Shows a command that has run. */
  show(client: Client, command: Command, args: Arguments): void {
    if ((command.flags & (FLAG.admin | FLAG.skip_monitor)) !== 0) return
    const targets = new Set<Client>()
    for (const watcher of this.watchers) if ((watcher.gates & GATE_REPLY) === 0) targets.add(watcher)
    if (targets.size === 0) return
    const line = this.lineOf(client, command, args)
    this.engine.pushes.sendAll(targets, (reply) => reply.raw(line))
  }

  /** `+1700000000.123456 [0 127.0.0.1:50123] "set" "key" "value"`, with the database after the command. */
  private lineOf(client: Client, command: Command, args: Arguments): string {
    const micros = this.engine.clock.epochMicros()
    const seconds = Math.floor(micros / 1e6)
    const rest = String(micros - seconds * 1e6).padStart(6, '0')
    const secrets = command.spec.secrets?.(args) ?? []
    let line = `+${seconds}.${rest} [${client.db.id} ${origin(client)}]`
    for (let i = 0; i < args.count; i++) {
      line += secrets.includes(i) ? ' "(redacted)"' : ` ${quoted(args.text(i))}`
    }
    return `${line}\r\n`
  }
}

/** The client's address; for a unix socket, whose peers have none, the socket's path. */
function origin({ link: { remoteAddress } }: Client): string {
  return remoteAddress.startsWith('/') ? `unix:${remoteAddress.replace(/:0$/, '')}` : remoteAddress
}
