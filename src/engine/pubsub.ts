/**
 * Who subscribes to what, and the delivery of messages: channels, patterns, shard channels. The commands are
 * commands/pubsub.ts's, and where a message stands in a client's output is pushes.ts's.
 *
 * Names are kept as latin1 strings: one character for each byte, so every name is told from every other.
 */
import type { Arguments } from '../protocol/arguments.ts'
import { ReplyWriter } from '../protocol/reply-writer.ts'
import { type Block, blockOf } from '../structures/block.ts'
import type { Client } from './client.ts'
import { GATE_PUSHES, GATE_SUBSCRIBED } from './gates.ts'
import { type Pattern, PatternIndex } from './pattern-index.ts'
import { PatternRoutes, type Routes } from './pattern-routes.ts'
import type { Pushes } from './pushes.ts'

/** How messages begin. */
const MESSAGE = blockOf('*3\r\n$7\r\nmessage\r\n')
const SHARD_MESSAGE = blockOf('*3\r\n$8\r\nsmessage\r\n')

/** What can be subscribed to. */
export type SubscriptionKind = 'channels' | 'patterns' | 'shardChannels'

/** One client's subscriptions, in the order they were made. */
export class Subscriptions {
  readonly channels: Set<string> = new Set()
  readonly patterns: Set<string> = new Set()
  readonly shardChannels: Set<string> = new Set()
}

/** The subscribers to each name of one kind; a name nobody subscribes to has no entry. */
export type Directory = ReadonlyMap<string, ReadonlySet<Client>>

export class PubSub {
  private readonly pushes: Pushes
  private readonly directories: Readonly<Record<SubscriptionKind, Map<string, Set<Client>>>>
  private readonly patterns: PatternIndex
  private readonly routes: PatternRoutes
  // Of the message on its way. Functions made once read them: none is made for every message.
  private args: Arguments | null
  private channel: number
  private text: number
  private pattern: Pattern | null
  private matching: readonly Pattern[]
  /** The channel and the text, encoded once for all patterns that match; empty before the first. */
  private readonly rest: ReplyWriter
  private receivers: number
  private readonly writeMessage: (reply: ReplyWriter) => void
  private readonly writeShardMessage: (reply: ReplyWriter) => void
  private readonly writeMatch: (reply: ReplyWriter, which: number) => void
  private readonly writeOne: (reply: ReplyWriter) => void
  private readonly tryPattern: (pattern: Pattern) => void

  constructor(pushes: Pushes) {
    this.pushes = pushes
    this.directories = { channels: new Map(), patterns: new Map(), shardChannels: new Map() }
    this.patterns = new PatternIndex()
    this.routes = new PatternRoutes((channel, routes) => this.search(channel, routes))
    this.args = null
    this.channel = 0
    this.text = 0
    this.pattern = null
    this.matching = []
    this.rest = new ReplyWriter()
    this.receivers = 0
    this.writeMessage = (reply) => this.write(reply, MESSAGE)
    this.writeShardMessage = (reply) => this.write(reply, SHARD_MESSAGE)
    this.writeMatch = (reply, which) => this.writePatternMessage(reply, this.matching[which])
    this.writeOne = (reply) => this.writePatternMessage(reply, this.pattern)
    this.tryPattern = (pattern) => {
      if (this.matches(pattern)) this.sendMatch(pattern)
    }
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
    if (kind === 'patterns') this.routes.forget()
    if (subscribers !== undefined) subscribers.add(client)
    else {
      const first = new Set([client])
      directory.set(name, first)
      if (kind === 'patterns') this.patterns.add(name, first)
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

  /**
   * Sends argument `text` to the subscribers of the channel that argument `channel` names and of patterns that
   * match it. Returns to how many.
   */
  publish(args: Arguments, channel: number, text: number): number {
    const name = args.name(channel)
    this.begin(args, channel, text)
    const subscribers = this.directories.channels.get(name)
    if (subscribers !== undefined) this.sendMessage(subscribers, this.writeMessage)
    if (this.directories.patterns.size > 0) this.sendByPatterns(name)
    return this.end()
  }

  /** The same for the subscribers of a shard channel, which no pattern matches. */
  publishToShard(args: Arguments, channel: number, text: number): number {
    this.begin(args, channel, text)
    const subscribers = this.directories.shardChannels.get(args.name(channel))
    if (subscribers !== undefined) this.sendMessage(subscribers, this.writeShardMessage)
    return this.end()
  }

  private begin(args: Arguments, channel: number, text: number): void {
    this.args = args
    this.channel = channel
    this.text = text
    this.receivers = 0
  }

  private end(): number {
    this.args = null
    this.pattern = null
    if (this.rest.length > 0) this.rest.release()
    return this.receivers
  }

  private sendByPatterns(name: string): void {
    const routes = this.routes.find(name)
    if (routes === null) {
      this.patterns.eachCandidate(name, this.tryPattern)
      return
    }
    for (const [client, patterns] of routes.ofClient) {
      this.matching = patterns
      this.receivers += patterns.length
      this.pushes.sendSeries(client, patterns.length, this.writeMatch)
    }
    for (const pattern of routes.crowded) this.sendMatch(pattern)
  }

  private search(name: string, routes: Routes): void {
    this.patterns.eachCandidate(name, (pattern) => {
      if (this.matches(pattern)) routes.add(pattern)
    })
  }

  /** Whether the message's channel matches. */
  private matches(pattern: Pattern): boolean {
    const { args, channel } = this
    return args !== null && pattern.matches(args.block, args.offsets[channel], args.lengths[channel])
  }

  private sendMatch(pattern: Pattern): void {
    this.pattern = pattern
    this.receivers += pattern.subscribers.size
    this.pushes.sendAll(pattern.subscribers, this.writeOne)
  }

  private sendMessage(subscribers: ReadonlySet<Client>, write: (reply: ReplyWriter) => void): void {
    this.receivers += subscribers.size
    this.pushes.gather(subscribers, write)
  }

  private write(reply: ReplyWriter, head: Block): void {
    reply.rawPush(head, head.bytes.length)
    this.writeRest(reply)
  }

  /** Put together from what its pattern keeps and what all of this message share (bench/pubsub.ts). */
  private writePatternMessage(reply: ReplyWriter, pattern: Pattern | null): void {
    const { rest } = this
    if (pattern === null) return
    if (rest.length === 0) this.writeRest(rest)
    reply.rawPush(pattern.head, pattern.head.bytes.length)
    reply.rawBlock(rest.block, rest.length)
  }

  private writeRest(reply: ReplyWriter): void {
    const { args, channel, text } = this
    if (args === null) return
    reply.bulk(args.block, args.offsets[channel], args.lengths[channel])
    reply.bulk(args.block, args.offsets[text], args.lengths[text])
  }

  private remove(client: Client, kind: SubscriptionKind, name: string): void {
    const directory = this.directories[kind]
    const subscribers = directory.get(name)
    subscribers?.delete(client)
    if (kind === 'patterns') this.routes.forget()
    if (subscribers?.size !== 0) return
    directory.delete(name)
    if (kind === 'patterns') this.patterns.remove(name)
  }
}
