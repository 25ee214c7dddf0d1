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
  /** When the key goes, milliseconds since the epoch; null when no option says so. */
  deadline: number | bigint | null
  /** The deadline was given as a point in time (EXAT, PXAT), which may be past. */
  absolute: boolean
}

interface ExpiryWord {
  readonly seconds: boolean
  readonly absolute: boolean
}

const EXPIRY_WORDS: Readonly<Record<string, ExpiryWord>> = {
  EX: { seconds: true, absolute: false },
  PX: { seconds: false, absolute: false },
  EXAT: { seconds: true, absolute: true },
  PXAT: { seconds: false, absolute: true },
}

/** Reads the options from argument `from` on. Throws SYNTAX_ERROR, NOT_AN_INTEGER or the expire-time error. */
export function readStringOptions(
  client: Client,
  args: Arguments,
  from: number,
  command: 'set' | 'getex',
): StringOptions {
  const options: StringOptions = {
    condition: null,
    get: false,
    keepTtl: false,
    persist: false,
    deadline: null,
    absolute: false,
  }
  let expiry: string | null = null
  let expiryAt = 0
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
      expiryAt = ++i
    } else throw SYNTAX_ERROR
  }
  if (expiry !== null) {
    const { seconds, absolute } = EXPIRY_WORDS[expiry]
    options.absolute = absolute
    options.deadline = deadlineArgument(client, args, expiryAt, seconds, absolute)
  }
  return options
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
