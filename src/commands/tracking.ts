/** CLIENT's subcommands for client-side caching: what a client may ask for, and how it is refused. */
import type { Client } from '../engine/client.ts'
import type { CommandSpec } from '../engine/command.ts'
import type { TrackingOptions } from '../engine/tracking.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { type ErrorReply, err, SYNTAX_ERROR } from '../protocol/error-replies.ts'

const SINGLE_REDIRECTION = err('A client can only redirect to a single other client')
const NO_SUCH_CLIENT = err('The client ID you want redirect to does not exist')
const PREFIX_WITHOUT_BCAST = err('PREFIX option requires BCAST mode to be enabled')
const BCAST_SWITCHED = err(
  "You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
)
const BCAST_WITH_OPT = err('OPTIN and OPTOUT are not compatible with BCAST')
const OPTIN_WITH_OPTOUT = err("You can't specify both OPTIN mode and OPTOUT mode")
const OPT_SWITCHED = err(
  "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
)
const CACHING_WITHOUT_TRACKING = err(
  'CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
)
const YES_WITHOUT_OPTIN = err('CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.')
const NO_WITHOUT_OPTOUT = err('CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.')

function tracking(client: Client, args: Arguments): void {
  const options = readOptions(client, args)
  if (args.is(2, 'ON')) {
    checkModes(client, options)
    if (options.broadcast) checkPrefixes(client, options.prefixes)
    client.engine.tracking.enable(client, options)
  } else if (args.is(2, 'OFF')) client.engine.tracking.disable(client)
  else throw SYNTAX_ERROR
  client.reply.ok()
}

function readOptions(client: Client, args: Arguments): TrackingOptions {
  const prefixes: string[] = []
  let redirect = 0
  let broadcast = false
  let optIn = false
  let optOut = false
  let noLoop = false
  for (let i = 3; i < args.count; i++) {
    const more = i + 1 < args.count
    if (args.is(i, 'REDIRECT') && more) {
      if (redirect !== 0) throw SINGLE_REDIRECTION
      redirect = args.integer(++i)
      if (!client.engine.clients.has(redirect)) throw NO_SUCH_CLIENT
    } else if (args.is(i, 'BCAST')) broadcast = true
    else if (args.is(i, 'OPTIN')) optIn = true
    else if (args.is(i, 'OPTOUT')) optOut = true
    else if (args.is(i, 'NOLOOP')) noLoop = true
    else if (args.is(i, 'PREFIX') && more) prefixes.push(args.text(++i))
    else throw SYNTAX_ERROR
  }
  return { redirect, broadcast, prefixes, optIn, optOut, noLoop }
}

/** Refuses options that exclude each other, or the mode that the client is in. */
function checkModes(client: Client, options: TrackingOptions): void {
  const { broadcast, prefixes, optIn, optOut } = options
  const now = client.tracking?.options
  if (!broadcast && prefixes.length > 0) throw PREFIX_WITHOUT_BCAST
  if (now !== undefined && now.broadcast !== broadcast) throw BCAST_SWITCHED
  if (broadcast && (optIn || optOut)) throw BCAST_WITH_OPT
  if (optIn && optOut) throw OPTIN_WITH_OPTOUT
  if ((optIn && now?.optOut) || (optOut && now?.optIn)) throw OPT_SWITCHED
}

/** Refuses prefixes of which one begins another, those that the client has already included. */
function checkPrefixes(client: Client, prefixes: readonly string[]): void {
  const existing = [...(client.tracking?.prefixes ?? [])].sort()
  for (const [i, prefix] of prefixes.entries()) {
    const old = existing.find((other) => overlap(prefix, other))
    if (old !== undefined) throw overlapping(prefix, 'an existing', old)
    const other = prefixes.slice(i + 1).find((later) => overlap(prefix, later))
    if (other !== undefined) throw overlapping(prefix, 'another provided', other)
  }
}

const overlap = (one: string, other: string): boolean => one.startsWith(other) || other.startsWith(one)

function overlapping(prefix: string, which: string, other: string): ErrorReply {
  // Like a C string, what is quoted ends at a zero byte.
  const [a, b] = [prefix, other].map((text) => text.split('\0', 1)[0])
  return err(
    `Prefix '${a}' overlaps with ${which} prefix '${b}'. Prefixes for a single client must not overlap.`,
  )
}

function caching(client: Client, args: Arguments): void {
  if (client.tracking === null) throw CACHING_WITHOUT_TRACKING
  const { optIn, optOut } = client.tracking.options
  if (args.is(2, 'YES')) {
    if (!optIn) throw YES_WITHOUT_OPTIN
  } else if (args.is(2, 'NO')) {
    if (!optOut) throw NO_WITHOUT_OPTOUT
  } else throw SYNTAX_ERROR
  client.tracking.caching = true
  client.reply.ok()
}

function getredir(client: Client): void {
  client.reply.integer(client.tracking?.options.redirect ?? -1)
}

function trackinginfo(client: Client): void {
  const { reply } = client
  const flags = flagsOf(client)
  const prefixes = [...(client.tracking?.prefixes ?? [])].sort()
  reply.mapHeader(3)
  reply.bulkText('flags')
  reply.setHeader(flags.length)
  for (const flag of flags) reply.bulkText(flag)
  reply.bulkText('redirect')
  getredir(client)
  reply.bulkText('prefixes')
  reply.arrayHeader(prefixes.length)
  for (const prefix of prefixes) reply.bulkBytes(Buffer.from(prefix, 'latin1'))
}

function flagsOf({ tracking: state }: Client): string[] {
  if (state === null) return ['off']
  const { broadcast, optIn, optOut, noLoop } = state.options
  const flags: [string, boolean][] = [
    ['on', true],
    ['bcast', broadcast],
    ['optin', optIn],
    ['caching-yes', optIn && state.caching],
    ['optout', optOut],
    ['caching-no', optOut && state.caching],
    ['noloop', noLoop],
    ['broken_redirect', state.redirectBroken],
  ]
  return flags.filter(([, up]) => up).map(([flag]) => flag)
}

/** What CLIENT HELP says of them, beside the lines of the same command. */
export const CACHING_HELP: readonly string[] = [
  'CACHING (YES|NO)',
  '    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.',
  'GETREDIR',
  '    Return the client ID we are redirecting to when tracking is enabled.',
]
export const TRACKING_HELP: readonly string[] = [
  'TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]',
  '         [OPTIN] [OPTOUT] [NOLOOP]',
  '    Control server assisted client side caching.',
  'TRACKINGINFO',
  '    Report tracking status for the current connection.',
]

/** Subcommands of CLIENT, whose family declares them. */
export const trackingSubcommands: Readonly<Record<string, CommandSpec>> = {
  TRACKING: {
    summary: 'Controls server-assisted client-side caching for the connection.',
    since: '6.0.0',
    complexity: 'O(1). Some options may introduce additional complexity.',
    syntax:
      '<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]',
    flags: ['noscript', 'loading', 'stale'],
    run: tracking,
  },
  TRACKINGINFO: {
    summary: 'Returns information about server-assisted client-side caching for the connection.',
    since: '6.2.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['noscript', 'loading', 'stale'],
    run: trackinginfo,
  },
  CACHING: {
    summary: 'Instructs the server whether to track the keys in the next request.',
    since: '6.0.0',
    complexity: 'O(1)',
    syntax: '<YES | NO>',
    flags: ['noscript', 'loading', 'stale'],
    run: caching,
  },
  GETREDIR: {
    summary: "Returns the client ID to which the connection's tracking notifications are redirected.",
    since: '6.0.0',
    complexity: 'O(1)',
    syntax: '',
    flags: ['noscript', 'loading', 'stale'],
    run: getredir,
  },
}
