/** The pub/sub commands: subscribing and its confirmations, publishing, and PUBSUB's questions. */
import type { Client } from '../engine/client.ts'
import { type CommandSpec, type Family, family } from '../engine/command.ts'
import { keyAt, keyRange } from '../engine/key-specs.ts'
import type { SubscriptionKind } from '../engine/pubsub.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err } from '../protocol/error-replies.ts'
import { globMatches } from '../structures/glob.ts'
import { replyHelp } from './help.ts'

/** [word, name, number of subscriptions]: how every change of a subscription is confirmed. */
function confirm(client: Client, word: string, name: string | null, kind: SubscriptionKind): void {
  const { pushes, pubsub } = client.engine
  const reply = pushes.confirmations(client)
  reply.pushHeader(3)
  reply.bulkText(word)
  if (name === null) reply.null()
  else reply.bulkBytes(Buffer.from(name, 'latin1'))
  reply.integer(pubsub.count(client, kind))
}

function subscribe(client: Client, args: Arguments, word: string, kind: SubscriptionKind): void {
  for (let i = 1; i < args.count; i++) {
    const name = args.name(i)
    client.engine.pubsub.subscribe(client, kind, name)
    confirm(client, word, name, kind)
  }
}

/** Unlike its two sisters it is refused inside a transaction, whose every command owes one reply. */
function ssubscribe(client: Client, args: Arguments): void {
  if (client.inTransaction) throw err("SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
  subscribe(client, args, 'ssubscribe', 'shardChannels')
}

/** Without names from everything of the kind. */
function unsubscribe(client: Client, args: Arguments, word: string, kind: SubscriptionKind): void {
  const names: string[] = []
  for (let i = 1; i < args.count; i++) names.push(args.text(i))
  if (args.count === 1 && client.subscriptions !== null) names.push(...client.subscriptions[kind])
  for (const name of names) {
    client.engine.pubsub.unsubscribe(client, kind, name)
    confirm(client, word, name, kind)
  }
  if (names.length === 0) confirm(client, word, null, kind)
}

function publish(client: Client, args: Arguments): void {
  client.reply.integer(client.engine.pubsub.publish(args, 1, 2))
}

function spublish(client: Client, args: Arguments): void {
  client.reply.integer(client.engine.pubsub.publishToShard(args, 1, 2))
}

/** PUBSUB CHANNELS and SHARDCHANNELS: the names somebody subscribes to, if given those that match a pattern. */
function listNames(client: Client, args: Arguments, kind: SubscriptionKind): void {
  if (args.count > 3) {
    throw err(
      `unknown subcommand or wrong number of arguments for '${args.text(1)}'. Try ${args.text(0).toUpperCase()} HELP.`,
    )
  }
  const { reply, engine } = client
  const pattern = args.count === 3 ? args.copy(2) : null
  const names: Buffer[] = []
  for (const text of engine.pubsub.directory(kind).keys()) {
    const name = Buffer.from(text, 'latin1')
    if (pattern === null || globMatches(pattern, 0, pattern.length, name, 0, name.length, false)) {
      names.push(name)
    }
  }
  reply.arrayHeader(names.length)
  for (const name of names) reply.bulkBytes(name)
}

/** PUBSUB NUMSUB and SHARDNUMSUB: name, number of subscribers, name, … */
function countSubscribers(client: Client, args: Arguments, kind: SubscriptionKind): void {
  const { reply, engine } = client
  const directory = engine.pubsub.directory(kind)
  reply.arrayHeader((args.count - 2) * 2)
  for (let i = 2; i < args.count; i++) {
    reply.bulk(args.block, args.offsets[i], args.lengths[i])
    reply.integer(directory.get(args.text(i))?.size ?? 0)
  }
}

const HELP: readonly string[] = [
  'CHANNELS [<pattern>]',
  "    Return the currently active channels matching a <pattern> (default: '*').",
  'NUMPAT',
  '    Return number of subscriptions to patterns.',
  'NUMSUB [<channel> ...]',
  '    Return the number of subscribers for the specified channels, excluding',
  '    pattern subscriptions(default: no channels).',
  'SHARDCHANNELS [<pattern>]',
  "    Return the currently active shard level channels matching a <pattern> (default: '*').",
  'SHARDNUMSUB [<shardchannel> ...]',
  '    Return the number of subscribers for the specified shard level channel(s)',
]

const pubsubSubcommands: Readonly<Record<string, CommandSpec>> = {
  CHANNELS: {
    summary: 'Returns the active channels.',
    since: '2.8.0',
    complexity:
      'O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)',
    syntax: '[pattern]',
    flags: ['pubsub', 'loading', 'stale'],
    run: (client, args) => listNames(client, args, 'channels'),
  },
  NUMPAT: {
    summary: 'Returns a count of unique pattern subscriptions.',
    since: '2.8.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['pubsub', 'loading', 'stale'],
    run: (client) => client.reply.integer(client.engine.pubsub.directory('patterns').size),
  },
  NUMSUB: {
    summary: 'Returns a count of subscribers to channels.',
    since: '2.8.0',
    complexity: 'O(N) for the NUMSUB subcommand, where N is the number of requested channels',
    syntax: '[channel [channel ...]]',
    flags: ['pubsub', 'loading', 'stale'],
    run: (client, args) => countSubscribers(client, args, 'channels'),
  },
  SHARDCHANNELS: {
    summary: 'Returns the active shard channels.',
    since: '7.0.0',
    complexity:
      'O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).',
    syntax: '[pattern]',
    flags: ['pubsub', 'loading', 'stale'],
    run: (client, args) => listNames(client, args, 'shardChannels'),
  },
  SHARDNUMSUB: {
    summary: 'Returns the count of subscribers of shard channels.',
    since: '7.0.0',
    complexity: 'O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels',
    syntax: '[shardchannel [shardchannel ...]]',
    flags: ['pubsub', 'loading', 'stale'],
    run: (client, args) => countSubscribers(client, args, 'shardChannels'),
  },
  HELP: {
    summary: 'Returns helpful text about the different subcommands.',
    since: '6.2.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['loading', 'stale'],
    run: (client) => replyHelp(client, 'PUBSUB', HELP),
  },
}

/** Subscribing, publishing, and PUBSUB. */
export const pubsubCommands: Family = family('pubsub', {
  SUBSCRIBE: {
    summary: 'Listens for messages published to channels.',
    since: '2.0.0',
    complexity: 'O(N) where N is the number of channels to subscribe to.',
    syntax: 'channel [channel ...]',
    flags: ['pubsub', 'noscript', 'loading', 'stale'],
    channels: { first: 1, several: true, patterns: false },
    whileSubscribed: true,
    run: (client, args) => subscribe(client, args, 'subscribe', 'channels'),
  },
  UNSUBSCRIBE: {
    summary: 'Stops listening to messages posted to channels.',
    since: '2.0.0',
    complexity: 'O(N) where N is the number of clients already subscribed to a channel.',
    syntax: '[channel [channel ...]]',
    flags: ['pubsub', 'noscript', 'loading', 'stale'],
    whileSubscribed: true,
    run: (client, args) => unsubscribe(client, args, 'unsubscribe', 'channels'),
  },
  PSUBSCRIBE: {
    summary: 'Listens for messages published to channels that match one or more patterns.',
    since: '2.0.0',
    complexity: 'O(N) where N is the number of patterns the client is already subscribed to.',
    syntax: 'pattern [pattern ...]',
    flags: ['pubsub', 'noscript', 'loading', 'stale'],
    channels: { first: 1, several: true, patterns: true },
    whileSubscribed: true,
    run: (client, args) => subscribe(client, args, 'psubscribe', 'patterns'),
  },
  PUNSUBSCRIBE: {
    summary: 'Stops listening to messages published to channels that match one or more patterns.',
    since: '2.0.0',
    complexity:
      'O(N+M) where N is the number of patterns the client is already subscribed and M is the number of total patterns subscribed in the system (by any client).',
    syntax: '[pattern [pattern ...]]',
    flags: ['pubsub', 'noscript', 'loading', 'stale'],
    whileSubscribed: true,
    run: (client, args) => unsubscribe(client, args, 'punsubscribe', 'patterns'),
  },
  PUBLISH: {
    summary: 'Posts a message to a channel.',
    since: '2.0.0',
    complexity:
      'O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).',
    syntax: 'channel message',
    flags: ['pubsub', 'loading', 'stale', 'fast', 'may_replicate'],
    channels: { first: 1, several: false, patterns: false },
    run: publish,
  },
  SSUBSCRIBE: {
    summary: 'Listens for messages published to shard channels.',
    since: '7.0.0',
    complexity: 'O(N) where N is the number of shard channels to subscribe to.',
    syntax: 'shardchannel [shardchannel ...]',
    flags: ['pubsub', 'noscript', 'loading', 'stale'],
    channels: { first: 1, several: true, patterns: false },
    keys: [keyRange(1, -1, 1, 'not_key')],
    whileSubscribed: true,
    run: ssubscribe,
  },
  SUNSUBSCRIBE: {
    summary: 'Stops listening to messages posted to shard channels.',
    since: '7.0.0',
    complexity: 'O(N) where N is the number of clients already subscribed to a shard channel.',
    syntax: '[shardchannel [shardchannel ...]]',
    flags: ['pubsub', 'noscript', 'loading', 'stale'],
    keys: [keyRange(1, -1, 1, 'not_key')],
    whileSubscribed: true,
    run: (client, args) => unsubscribe(client, args, 'sunsubscribe', 'shardChannels'),
  },
  SPUBLISH: {
    summary: 'Post a message to a shard channel',
    since: '7.0.0',
    complexity: 'O(N) where N is the number of clients subscribed to the receiving shard channel.',
    syntax: 'shardchannel message',
    flags: ['pubsub', 'loading', 'stale', 'fast', 'may_replicate'],
    channels: { first: 1, several: false, patterns: false },
    keys: [keyAt(1, 'not_key')],
    run: spublish,
  },
  PUBSUB: {
    summary: 'A container for Pub/Sub commands.',
    since: '2.8.0',
    complexity: 'Depends on subcommand.',
    syntax: '',
    flags: [],
    subcommands: pubsubSubcommands,
  },
})
