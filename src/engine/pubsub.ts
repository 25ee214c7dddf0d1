/**
 * Who subscribes to what, and the delivery of messages: channels, patterns, shard channels. The commands are
 * commands/pubsub.ts's, and where a message stands in a client's output is pushes.ts's.
 *
 * Names are kept as latin1 strings: one character for each byte, so every name is told from every other.
 */
import { globMatches } from '../structures/glob.ts'
import type { Client } from './client.ts'
import { GATE_PUSHES, GATE_SUBSCRIBED } from './gates.ts'
import type { Pushes } from './pushes.ts'

/** What can be subscribed to. */
export type SubscriptionKind = 'channels' | 'patterns' | 'shardChannels'

/** One client's subscriptions, in the order they were made. */
export class Subscriptions {
  readonly channels: Set<string> = new Set()
  readonly patterns: Set<string> = new Set()
  readonly shardChannels: Set<string> = new Set()
}

interface Pattern {
  readonly bytes: Buffer
  readonly subscribers: Set<Client>
}

/** The subscribers to each name of one kind; a name nobody subscribes to has no entry. */
export type Directory = ReadonlyMap<string, ReadonlySet<Client>>

export class PubSub {
  private readonly pushes: Pushes
  private readonly directories: Readonly<Record<SubscriptionKind, Map<string, Set<Client>>>>
  /** The patterns as publish() goes through them; null when it has to be made anew. */
  private patterns: Pattern[] | null

  constructor(pushes: Pushes) {
    this.pushes = pushes
    this.directories = { channels: new Map(), patterns: new Map(), shardChannels: new Map() }
    this.patterns = []
  }

  /** Who subscribes to what of one kind. */
  directory(kind: SubscriptionKind): Directory {
    return this.directories[kind]
  }

  /** Whether a message could reach anyone. */
  get anyone(): boolean {
    return this.directories.channels.size > 0 || this.directories.patterns.size > 0
  }

  /** The number Redis confirms a subscription with: channels and patterns count together. */
  count(client: Client, kind: SubscriptionKind): number {
    const { subscriptions } = client
    if (subscriptions === null) return 0
    if (kind === 'shardChannels') return subscriptions.shardChannels.size
    return subscriptions.channels.size + subscriptions.patterns.size
  }

  /** Subscribes the client, unless it does already. */
  subscribe(client: Client, kind: SubscriptionKind, name: string): void {
    client.subscriptions ??= new Subscriptions()
    client.subscriptions[kind].add(name)
    const directory = this.directories[kind]
    const subscribers = directory.get(name)
    if (subscribers !== undefined) subscribers.add(client)
    else {
      directory.set(name, new Set([client]))
      if (kind === 'patterns') this.patterns = null
    }
    this.updateGates(client)
  }

  /** Ends a subscription, if there is one. */
  unsubscribe(client: Client, kind: SubscriptionKind, name: string): void {
    const { subscriptions } = client
    if (subscriptions === null || !subscriptions[kind].delete(name)) return
    this.remove(client, kind, name)
    const { channels, patterns, shardChannels } = subscriptions
    if (channels.size + patterns.size + shardChannels.size === 0) client.subscriptions = null
    this.updateGates(client)
  }

  /** Ends all the client's subscriptions without a word: it disconnects, or RESET. */
  unsubscribeAll(client: Client): void {
    const { subscriptions } = client
    if (subscriptions === null) return
    for (const name of subscriptions.channels) this.remove(client, 'channels', name)
    for (const name of subscriptions.patterns) this.remove(client, 'patterns', name)
    for (const name of subscriptions.shardChannels) this.remove(client, 'shardChannels', name)
    client.subscriptions = null
    this.updateGates(client)
  }

  /** Call when the client's subscriptions or its protocol have changed. */
  updateGates(client: Client): void {
    client.gates &= ~(GATE_SUBSCRIBED | GATE_PUSHES)
    if (client.subscriptions === null) return
    client.gates |= client.reply.resp === 2 ? GATE_SUBSCRIBED : GATE_PUSHES
  }

  /** Sends `message` to the subscribers of `channel` and of patterns that match it. Returns to how many. */
  publish(channel: Buffer, message: Buffer): number {
    let receivers = 0
    const subscribers = this.directories.channels.get(channel.toString('latin1'))
    if (subscribers !== undefined) {
      receivers += subscribers.size
      this.send(subscribers, '$7\r\nmessage\r\n', channel, message)
    }
    this.patterns ??= [...this.directories.patterns].map(([name, clients]) => ({
      bytes: Buffer.from(name, 'latin1'),
      subscribers: clients,
    }))
    // A subscriber closed on the way may take the last subscription to a pattern with it: this.patterns changes.
    const { patterns } = this
    for (const { bytes, subscribers: clients } of patterns) {
      if (!globMatches(bytes, 0, bytes.length, channel, 0, channel.length, false)) continue
      receivers += clients.size
      this.sendMatch(clients, bytes, channel, message)
    }
    return receivers
  }

  /** Sends `message` to the subscribers of a shard channel. Returns to how many. */
  publishToShard(channel: Buffer, message: Buffer): number {
    const subscribers = this.directories.shardChannels.get(channel.toString('latin1'))
    if (subscribers === undefined) return 0
    const receivers = subscribers.size
    this.send(subscribers, '$8\r\nsmessage\r\n', channel, message)
    return receivers
  }

  private send(clients: ReadonlySet<Client>, word: string, channel: Buffer, message: Buffer): void {
    this.pushes.sendAll(clients, (reply) => {
      reply.pushHeader(3)
      reply.raw(word)
      reply.bulkBytes(channel)
      reply.bulkBytes(message)
    })
  }

  private sendMatch(clients: ReadonlySet<Client>, pattern: Buffer, channel: Buffer, message: Buffer): void {
    this.pushes.sendAll(clients, (reply) => {
      reply.pushHeader(4)
      reply.raw('$8\r\npmessage\r\n')
      reply.bulkBytes(pattern)
      reply.bulkBytes(channel)
      reply.bulkBytes(message)
    })
  }

  private remove(client: Client, kind: SubscriptionKind, name: string): void {
    const directory = this.directories[kind]
    const subscribers = directory.get(name)
    subscribers?.delete(client)
    if (subscribers?.size !== 0) return
    directory.delete(name)
    if (kind === 'patterns') this.patterns = null
  }
}
