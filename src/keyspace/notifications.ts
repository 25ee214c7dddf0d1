/** The classes of keyspace events, as the letters of notify-keyspace-events select them. */

/** Not classes but ways to be told: a channel for each key, a channel for each event. */
export const NOTIFY_KEYSPACE: number = 1 << 0 // K
export const NOTIFY_KEYEVENT: number = 1 << 1 // E

export const NOTIFY_GENERIC: number = 1 << 2 // g
export const NOTIFY_STRING: number = 1 << 3 // $
export const NOTIFY_LIST: number = 1 << 4 // l
export const NOTIFY_SET: number = 1 << 5 // s
export const NOTIFY_HASH: number = 1 << 6 // h
export const NOTIFY_ZSET: number = 1 << 7 // z
export const NOTIFY_EXPIRED: number = 1 << 8 // x
export const NOTIFY_EVICTED: number = 1 << 9 // e
export const NOTIFY_STREAM: number = 1 << 10 // t
export const NOTIFY_KEY_MISS: number = 1 << 11 // m, not in A
export const NOTIFY_MODULE: number = 1 << 13 // d
export const NOTIFY_NEW: number = 1 << 14 // n, not in A

const LETTERS: Readonly<Record<string, number>> = {
  K: NOTIFY_KEYSPACE,
  E: NOTIFY_KEYEVENT,
  g: NOTIFY_GENERIC,
  $: NOTIFY_STRING,
  l: NOTIFY_LIST,
  s: NOTIFY_SET,
  h: NOTIFY_HASH,
  z: NOTIFY_ZSET,
  x: NOTIFY_EXPIRED,
  e: NOTIFY_EVICTED,
  t: NOTIFY_STREAM,
  m: NOTIFY_KEY_MISS,
  d: NOTIFY_MODULE,
  n: NOTIFY_NEW,
}

/** The NOTIFY_* bits of a setting of notify-keyspace-events, in which A has been spelled out. */
export function notifyClasses(letters: string): number {
  let classes = 0
  for (const letter of letters) classes |= LETTERS[letter] ?? 0
  return classes
}
