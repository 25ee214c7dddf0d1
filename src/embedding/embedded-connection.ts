/**
 * A client in the server's own process, without a socket: arguments in, JavaScript values out. What a request means and
 * when it runs is decided where every other client's is.
 */
import { inspect, types } from 'node:util'
import type { Engine } from '../engine/engine.ts'
import { GATE_ACL, GATE_AUTH } from '../engine/gates.ts'
import { LocalConnection } from '../network/local-connection.ts'
import { CommandError, type Reply, ReplyReader } from '../protocol/reply-reader.ts'
import { Subscription } from './subscription.ts'

/** Text is encoded as UTF-8, numbers in decimals. Anything else is refused with a TypeError. */
export type Argument = string | number | bigint | Uint8Array

export interface ConnectionOptions {
  /** Strings in replies and messages are Buffers. */
  readonly buffers?: boolean | undefined
  /** False: where a password is required, the client has to AUTH itself as any other. */
  readonly authenticate?: boolean | undefined
  /** No user's rules hold for it: for what the server's owner does, whoever the default user may be. */
  readonly privileged?: boolean | undefined
  /** False: server.faults leave it alone. */
  readonly faults?: boolean | undefined
}

/** A push as it comes: its kind ('message', 'invalidate', …) and what belongs to it. */
export type PushListener = (push: readonly Reply[]) => void

interface Pending {
  readonly buffers: boolean
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

/** It speaks RESP3, whatever HELLO says. */
export class EmbeddedConnection {
  private readonly local: LocalConnection
  private readonly buffers: boolean
  private readonly pending: Pending[]
  private readonly listeners: Set<PushListener>
  private readonly closings: Set<() => void>
  /** Those that are open. @internal */
  readonly subscriptions: Set<Subscription>

  /** @internal */
  constructor(engine: Engine, options: ConnectionOptions = {}) {
    this.local = new LocalConnection(engine)
    this.buffers = options.buffers ?? false
    this.pending = []
    this.listeners = new Set()
    this.closings = new Set()
    this.subscriptions = new Set()
    // Logging in is not its owner's to do again.
    engine.faults.spare(this.local.client, true)
    const { requirepass } = engine.settings
    if (requirepass !== '' && options.authenticate !== false) this.local.call('AUTH', requirepass)
    if (options.faults !== false) engine.faults.spare(this.local.client, false)
    if (options.privileged === true) this.local.client.gates &= ~(GATE_AUTH | GATE_ACL)
    this.local.client.reply.resp = 3
    this.local.onOutput = () => this.deliver()
    this.local.onClosed = () => this.deliver()
  }

  /** As CLIENT ID tells it. */
  get id(): number {
    return this.local.client.id
  }

  get closed(): boolean {
    return this.local.closed
  }

  /** A call would be run at once. */
  get idle(): boolean {
    return this.pending.length === 0 && !this.closed
  }

  /**
   * Runs a command at once, or when those before it let it, and resolves to its reply; to null where it has none
   * (SUBSCRIBE, CLIENT REPLY OFF). Rejects with a CommandError, and with an Error whose code is 'CLOSED' when the
   * connection closes first. One whose command blocks lets the others on it wait.
   */
  call<T = Reply>(command: string, ...args: readonly Argument[]): Promise<T> {
    return this.run(command, args, this.buffers) as Promise<T>
  }

  /** call() with Buffers for strings. */
  callBuffer<T = Reply>(command: string, ...args: readonly Argument[]): Promise<T> {
    return this.run(command, args, true) as Promise<T>
  }

  /** Subscribes to channels: iterate over what this resolves to. */
  subscribe(...channels: readonly string[]): Promise<Subscription> {
    return Subscription.open(this, 'SUBSCRIBE', channels)
  }

  /** The same for all channels that match a pattern. */
  psubscribe(...patterns: readonly string[]): Promise<Subscription> {
    return Subscription.open(this, 'PSUBSCRIBE', patterns)
  }

  /** Has `listener` told of every push, and of what MONITOR shows. Returns what ends that. */
  onPush(listener: PushListener): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /** Calls `listener` once when the connection has closed. */
  onClosed(listener: () => void): void {
    this.closings.add(listener)
  }

  close(): void {
    this.local.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  private run(command: string, args: readonly Argument[], buffers: boolean): Promise<Reply> {
    return new Promise((resolve, reject) => {
      // Before anything is expected: what cannot be sent has no reply.
      const words = [command, ...args].map(wordOf)
      this.pending.push({ buffers, resolve, reject })
      this.local.send(words)
      this.deliver()
    })
  }

  /** Hands out what has been replied and pushed. */
  private deliver(): void {
    const { local, pending } = this
    const reader = new ReplyReader(local.take())
    while (!reader.ended) {
      if (reader.isPush || pending.length === 0) this.tell(reader.next(this.buffers))
      else settle(pending.shift() as Pending, reader)
    }
    // Whatever HELLO or RESET says: in RESP2 a message could not be told from a reply.
    local.client.reply.resp = 3
    if (local.closed) {
      for (const { reject } of pending.splice(0)) reject(closedError())
      for (const listener of this.closings) queueMicrotask(listener)
      this.closings.clear()
    } else if (pending.length > 0 && local.idle) {
      for (const { resolve } of pending.splice(0)) resolve(null)
    }
  }

  /** Not at once: it is the server's turn, and what a listener throws is not the server's. */
  private tell(push: Reply): void {
    const elements = Array.isArray(push) ? push : ['monitor', push]
    for (const listener of this.listeners) queueMicrotask(() => listener(elements))
  }
}

function settle({ buffers, resolve, reject }: Pending, reader: ReplyReader): void {
  const reply = reader.next(buffers)
  if (reply instanceof CommandError) reject(reply)
  else resolve(reply)
}

/** A mistake that a library for Redis would send as "undefined" or "[object Object]" is none that a test should miss. */
function wordOf(argument: Argument, index: number): string | Uint8Array {
  if (typeof argument === 'string' || types.isUint8Array(argument)) return argument
  if (typeof argument === 'number' || typeof argument === 'bigint') return String(argument)
  const what = index === 0 ? 'the command' : `argument ${index}`
  throw new TypeError(`${what} is neither text nor a number nor bytes: ${inspect(argument)}`)
}

/**
 * What there is to say after the end.
 * @internal
 */
export function closedError(): Error {
  return Object.assign(new Error('the connection is closed'), { code: 'CLOSED' })
}
