/** Numbers as redis.conf and CONFIG SET write them: whole, octal, with memory units, as a percentage. */

export class InvalidValue extends Error {}

export const LONG_MAX: bigint = 2n ** 63n - 1n
export const ULONG_MAX: bigint = 2n ** 64n - 1n

const UNITS: Readonly<Record<string, bigint>> = {
  '': 1n,
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000n ** 2n,
  mb: 1024n ** 2n,
  g: 1000n ** 3n,
  gb: 1024n ** 3n,
}

/** A whole 64-bit number in its only spelling: no plus sign, no leading zeros. */
export function parseInteger(text: string): bigint {
  const value = /^(?:0|-?[1-9]\d{0,18})$/.test(text) ? BigInt(text) : null
  if (value === null || value > LONG_MAX || value < -LONG_MAX - 1n) {
    throw new InvalidValue("argument couldn't be parsed into an integer")
  }
  return value
}

export function parseOctal(text: string): bigint {
  if (!/^[0-7]{1,21}$/.test(text)) throw new InvalidValue("argument couldn't be parsed as an octal number")
  return BigInt(`0o${text}`)
}

/** Digits and a unit; as in Redis, no digits are 0 and too many are the largest number. Null if neither. */
export function parseMemory(text: string): bigint | null {
  const [, digits = '', unit = ''] = /^(\d*)([a-z]*)$/i.exec(text) ?? ['', '', '?']
  const factor = UNITS[unit.toLowerCase()]
  if (factor === undefined) return null
  const bytes = BigInt(digits.slice(0, 100) || '0') * factor
  return bytes > ULONG_MAX ? ULONG_MAX : bytes
}

/** A memory value, or `N%` as -N. */
export function parseMemoryOrPercent(text: string): bigint {
  const percent = /^(0|[1-9]\d{0,17})%$/.exec(text)?.[1]
  if (percent !== undefined) {
    if (BigInt(percent) > 100n) throw new InvalidValue('percentage argument must be less or equal to 100')
    return -BigInt(percent)
  }
  const bytes = parseMemory(text)
  if (bytes === null) throw new InvalidValue('argument must be a memory or percent value')
  return bytes
}
