/** Replying with a string's bytes, and storing them: what every string command does. */
import type { Client } from '../engine/client.ts'
import type { Database } from '../keyspace/database.ts'
import { type Entry, TYPE_STRING } from '../keyspace/entry.ts'
import { NOTIFY_STRING } from '../keyspace/notifications.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { STRING_TOO_LONG } from '../protocol/error-replies.ts'
import { copyBytes } from '../structures/block.ts'

/** Replies with the whole value, or null when there is none. */
export function replyValue(client: Client, entry: Entry | null): void {
  if (entry === null) client.reply.null()
  else client.reply.bulk(entry.block, entry.valueOffset, entry.valueLength)
}

/** Makes argument `value` the value of the key that argument `key` names. */
export function storeArgument(
  db: Database,
  args: Arguments,
  key: number,
  value: number,
  keepDeadline: boolean,
): Entry {
  const length = args.lengths[value]
  const entry = db.overwrite(args, key, TYPE_STRING, length, keepDeadline)
  copyBytes(args.block, args.offsets[value], entry.block, entry.valueOffset, length)
  db.changed(args, key, NOTIFY_STRING, 'set')
  return entry
}

/** Throws STRING_TOO_LONG when a value of `length` bytes would pass proto-max-bulk-len. */
export function checkStringLength(client: Client, length: number): void {
  if (length > client.engine.settings.protoMaxBulkLen) throw STRING_TOO_LONG
}
