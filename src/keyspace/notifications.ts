/** The classes of keyspace events, as the letters of notify-keyspace-events select them. */

export const NOTIFY_GENERIC: number = 1 << 2 // g
export const NOTIFY_STRING: number = 1 << 3 // $
export const NOTIFY_LIST: number = 1 << 4 // l
export const NOTIFY_EXPIRED: number = 1 << 8 // x
