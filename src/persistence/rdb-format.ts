/** The numbers of the RDB format, which files and DUMP payloads share, and the error for bytes that break it. */

/** What is written unless rdb-version asks for another: Redis from 7.0 on and every Valkey read it. */
export const RDB_VERSION = 10
/** Versions whose values can be read: Redis's up to 7.4, and the ones Valkey counts from 80 on. */
const OLDEST_VERSION = 1
const NEWEST_REDIS_VERSION = 12
const OLDEST_VALKEY_VERSION = 80
const NEWEST_VALKEY_VERSION = 80

/** Whether values of this RDB version can be read. */
export function isReadable(version: number): boolean {
  if (version >= OLDEST_VALKEY_VERSION) return version <= NEWEST_VALKEY_VERSION
  return version >= OLDEST_VERSION && version <= NEWEST_REDIS_VERSION
}

// The first byte of a length: two bits of form, six of value.
export const LENGTH_6_BITS = 0
export const LENGTH_14_BITS = 1
export const LENGTH_32_BITS = 0x80
export const LENGTH_64_BITS = 0x81
/** Not a length but a string in one of the encodings below, in the lower six bits. */
export const LENGTH_ENCODED = 3
export const ENCODED_INT8 = 0
export const ENCODED_INT16 = 1
export const ENCODED_INT32 = 2
export const ENCODED_LZF = 3

// Types of value that are read; only the first and the last are written.
export const RDB_STRING = 0
export const RDB_LIST = 1
export const RDB_LIST_ZIPLIST = 10
export const RDB_LIST_QUICKLIST = 14
export const RDB_LIST_QUICKLIST_2 = 18

// What stands between the values of a file, in place of a type.
export const OPCODE_SLOT_INFO = 244
export const OPCODE_FUNCTION2 = 245
export const OPCODE_FUNCTION_PRE_GA = 246
export const OPCODE_MODULE_AUX = 247
export const OPCODE_IDLE = 248
export const OPCODE_FREQ = 249
export const OPCODE_AUX = 250
export const OPCODE_RESIZEDB = 251
export const OPCODE_EXPIRETIME_MS = 252
export const OPCODE_EXPIRETIME = 253
export const OPCODE_SELECTDB = 254
export const OPCODE_EOF = 255

/** The first version whose files end with a checksum. */
export const CHECKSUM_SINCE = 5

// What a node of RDB_LIST_QUICKLIST_2 is: one element as it is, or a listpack.
export const NODE_PLAIN = 1
export const NODE_PACKED = 2

/** What each number of a value's type stands for, so that a refusal can name it. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'string',
  1: 'list',
  2: 'set',
  3: 'sorted set',
  4: 'hash',
  5: 'sorted set',
  6: 'module value',
  7: 'module value',
  9: 'hash (zipmap)',
  10: 'list (ziplist)',
  11: 'set (intset)',
  12: 'sorted set (ziplist)',
  13: 'hash (ziplist)',
  14: 'list (quicklist of ziplists)',
  15: 'stream',
  16: 'hash (listpack)',
  17: 'sorted set (listpack)',
  18: 'list (quicklist of listpacks)',
  19: 'stream',
  20: 'set (listpack)',
  21: 'stream',
  22: 'hash with field expiry',
  23: 'hash with field expiry (listpack)',
  24: 'hash with field expiry',
  25: 'hash with field expiry (listpack)',
  243: 'cluster slot import',
}

/** Bytes that are not what the format wants: what was found, where, and what was expected. */
export class RdbError extends Error {}

/** A value of nothing, which a key never has: some servers wrote it all the same. */
export class EmptyValueError extends RdbError {}

/** A value that is well-formed for all we know, of a type that this server does not have. */
export class UnsupportedTypeError extends RdbError {
  constructor(type: number) {
    const name = TYPE_NAMES[type]
    super(
      name === undefined
        ? `Invalid object type: ${type}`
        : `value of type ${name} (RDB type ${type}), which is not supported yet`,
    )
  }
}
