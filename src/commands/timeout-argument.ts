/**
 * How long a command waits or holds others up at most: seconds with a fraction, as BLPOP and its relatives take them,
 * or milliseconds, as WAIT and CLIENT PAUSE do.
 */
import type { Client } from '../engine/client.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err } from '../protocol/error-replies.ts'
import { parseInteger } from '../structures/integers.ts'
import { addLongDouble, type LongDouble, parseLongDouble } from '../structures/long-double.ts'

const NOT_A_TIMEOUT = err('timeout is not a float or out of range')
const NOT_MILLISECONDS = err('timeout is not an integer or out of range')
const NEGATIVE_TIMEOUT = err('timeout is negative')
const TIMEOUT_OUT_OF_RANGE = err('timeout is out of range')

/** Redis counts milliseconds in 64 bits. */
const MILLISECONDS_MAX = 2 ** 63
/** So many seconds are in range whatever the time, and need no long double: nearly every timeout is such a one. */
const WHOLE_SECONDS_MAX = 1e12

/** Argument `index` in milliseconds, rounded up; 0 is for ever. Throws the error for what is no timeout. */
export function timeoutArgument(client: Client, args: Arguments, index: number): number {
  const whole = parseInteger(args.block, args.offsets[index], args.lengths[index])
  if (whole >= 0 && whole <= WHOLE_SECONDS_MAX) return whole * 1000
  const value = parseLongDouble(args.block, args.offsets[index], args.lengths[index])
  if (value === null || Number.isNaN(value.exponent)) throw NOT_A_TIMEOUT
  return inRange(client, ceiling(inMilliseconds(value)))
}

/** Argument `index`, whole milliseconds. Throws the error for what is no timeout. */
export function millisecondsArgument(client: Client, args: Arguments, index: number): number {
  return inRange(client, args.integerOr(index, NOT_MILLISECONDS))
}

function inRange(client: Client, milliseconds: number): number {
  if (milliseconds < 0) throw NEGATIVE_TIMEOUT
  if (milliseconds + client.engine.clock.now >= MILLISECONDS_MAX) throw TIMEOUT_OUT_OF_RANGE
  return milliseconds
}

/** Rounded as Redis's long doubles are: 0.009 s are 9 ms and 0.253 s 254, unlike in doubles. */
function inMilliseconds(seconds: LongDouble): LongDouble {
  const half = { ...seconds, mantissa: seconds.mantissa * 500n }
  return addLongDouble(half, half)
}

function ceiling({ negative, mantissa, exponent }: LongDouble): number {
  if (!Number.isFinite(exponent)) return negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  const signed = negative ? -mantissa : mantissa
  // A shift to the right rounds down.
  return Number(exponent < 0 ? -(-signed >> BigInt(-exponent)) : signed << BigInt(exponent))
}
