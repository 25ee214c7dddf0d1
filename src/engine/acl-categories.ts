/** The ACL categories of a command: most follow from its group and flags, the declaration adds the rest. */
import { type Command, FLAG } from './command.ts'

/** Every category, in the order in which Redis lists them. */
export const ACL_CATEGORIES = [
  'keyspace',
  'read',
  'write',
  'set',
  'sortedset',
  'list',
  'hash',
  'string',
  'bitmap',
  'hyperloglog',
  'geo',
  'stream',
  'pubsub',
  'admin',
  'fast',
  'slow',
  'blocking',
  'dangerous',
  'connection',
  'transaction',
  'scripting',
] as const

export type AclCategory = (typeof ACL_CATEGORIES)[number]

/** Groups whose commands share a category. The others have a flag for it, or say theirs one by one. */
const BY_GROUP: Readonly<Record<string, AclCategory>> = {
  bitmap: 'bitmap',
  connection: 'connection',
  geo: 'geo',
  hash: 'hash',
  hyperloglog: 'hyperloglog',
  list: 'list',
  scripting: 'scripting',
  set: 'set',
  'sorted-set': 'sortedset',
  stream: 'stream',
  string: 'string',
  transactions: 'transaction',
}

/** The categories of `command`, in Redis's order. */
export function categoriesOf(command: Command): AclCategory[] {
  const { flags, group, spec } = command
  const found = new Set<string>(spec.categories)
  // A mere container does nothing that a category would allow.
  const category = spec.run === undefined ? undefined : BY_GROUP[group]
  if (category !== undefined) found.add(category)
  if ((flags & FLAG.write) !== 0) found.add('write')
  if ((flags & FLAG.readonly) !== 0 && category !== 'scripting') found.add('read')
  if ((flags & FLAG.admin) !== 0) found.add('admin').add('dangerous')
  if ((flags & FLAG.pubsub) !== 0) found.add('pubsub')
  if ((flags & FLAG.blocking) !== 0) found.add('blocking')
  found.add((flags & FLAG.fast) !== 0 ? 'fast' : 'slow')
  return ACL_CATEGORIES.filter((name) => found.has(name))
}
