/** What SET, GETEX and their relatives share: the option words after the value, and expiry times. */
import type { Client } from '../engine/client.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { type ErrorReply, err, SYNTAX_ERROR } from '../protocol/error-replies.ts'
import { INT64_MAX } from '../structures/integers.ts'

/** No 64-bit limit is near below this many seconds or milliseconds, so plain numbers are exact. */
const PLAIN_MAX = 1e12

export interface StringOptions {
  /** NX: only if absent; XX: only if present. */
  condition: 'NX' | 'XX' | null
  get: boolean
  keepTtl: boolean
  persist: boolean
  /** The option that says when the key goes; null when there is none. */
  expiry: ExpiryWord | null
  /** The argument with its time, for optionDeadline(). */
  expiryAt: number
}

interface ExpiryWord {
  readonly seconds: boolean
  /** A point in time (EXAT, PXAT), which may be past. */
  readonly absolute: boolean
}

const EXPIRY_WORDS: Readonly<Record<string, ExpiryWord>> = {
  EX: { seconds: true, absolute: false },
  PX: { seconds: false, absolute: false },
  EXAT: { seconds: true, absolute: true },
  PXAT: { seconds: false, absolute: true },
}

/** Reads the options from argument `from` on, but no time yet. Throws SYNTAX_ERROR. */
export function readStringOptions(args: Arguments, from: number, command: 'set' | 'getex'): StringOptions {
  const options: StringOptions = {
    condition: null,
    get: false,
    keepTtl: false,
    persist: false,
    expiry: null,
    expiryAt: 0,
  }
  let expiry: string | null = null
  const isSet = command === 'set'
  for (let i = from; i < args.count; i++) {
    const word = args.text(i).toUpperCase()
    if (isSet && (word === 'NX' || word === 'XX') && (options.condition ?? word) === word)
      options.condition = word
    else if (isSet && word === 'GET') options.get = true
    else if (isSet && word === 'KEEPTTL' && expiry === null) options.keepTtl = true
    else if (!isSet && word === 'PERSIST' && expiry === null) options.persist = true
    else if (
      word in EXPIRY_WORDS &&
      (expiry ?? word) === word &&
      !options.keepTtl &&
      !options.persist &&
      i + 1 < args.count
    ) {
      expiry = word
      options.expiry = EXPIRY_WORDS[word]
      options.expiryAt = ++i
    } else throw SYNTAX_ERROR
  }
  return options
}

/**
 * When the options want the key to go, milliseconds since the epoch; null when they say nothing of it. Throws
 * NOT_AN_INTEGER or the expire-time error.
 */
export function optionDeadline(
  client: Client,
  args: Arguments,
  { expiry, expiryAt }: StringOptions,
): number | bigint | null {
  return expiry === null ? null : deadlineArgument(client, args, expiryAt, expiry.seconds, expiry.absolute)
}

/**
 * Argument `index` as the moment a key goes, milliseconds since the epoch. It must be above zero. Throws
 * NOT_AN_INTEGER, or the expire-time error with the running command's name.
 */
export function deadlineArgument(
  client: Client,
  args: Arguments,
  index: number,
  seconds: boolean,
  absolute: boolean,
): number | bigint {
  const value = args.integer(index)
  if (value <= 0) throw invalidExpireTime(client)
  const now = absolute ? 0 : client.engine.clock.now
  if (value <= PLAIN_MAX) return now + (seconds ? value * 1000 : value)
  const exact = args.int64(index) * (seconds ? 1000n : 1n) + BigInt(now)
  if (exact > INT64_MAX) throw invalidExpireTime(client)
  return exact
}

/** The refusal of an expire time that is zero, negative or past the 64-bit limit. */
export function invalidExpireTime(client: Client): ErrorReply {
  return err(`invalid expire time in '${client.lastCommand?.name}' command`)
}
