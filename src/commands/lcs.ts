/** LCS: the longest common subsequence of two strings. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { keyRange } from '../engine/key-specs.ts'
import { Entry, TYPE_STRING } from '../keyspace/entry.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { err, SYNTAX_ERROR } from '../protocol/error-replies.ts'
import { EMPTY_BLOCK } from '../structures/block.ts'
import { type LcsMatch, lcsBytes, lcsLength, lcsMatches, lcsTableBytes } from '../values/lcs.ts'

interface LcsOptions {
  length: boolean
  indexes: boolean
  minimum: number
  withLengths: boolean
}

function readOptions(args: Arguments): LcsOptions {
  const options = { length: false, indexes: false, minimum: 0, withLengths: false }
  for (let i = 3; i < args.count; i++) {
    if (args.is(i, 'IDX')) options.indexes = true
    else if (args.is(i, 'LEN')) options.length = true
    else if (args.is(i, 'WITHMATCHLEN')) options.withLengths = true
    else if (args.is(i, 'MINMATCHLEN') && i + 1 < args.count) options.minimum = Math.max(0, args.integer(++i))
    else throw SYNTAX_ERROR
  }
  if (options.length && options.indexes) {
    throw err('If you want both the length and indexes, please just use IDX.')
  }
  return options
}

function lcs(client: Client, args: Arguments): void {
  const { db, reply } = client
  const a = db.read(args, 1, new Entry())
  const b = db.read(args, 2, new Entry())
  if ((a !== null && a.type !== TYPE_STRING) || (b !== null && b.type !== TYPE_STRING)) {
    throw err('The specified keys must contain string values')
  }
  const options = readOptions(args)
  const aBlock = a?.block ?? EMPTY_BLOCK
  const bBlock = b?.block ?? EMPTY_BLOCK
  const aOffset = a?.valueOffset ?? 0
  const bOffset = b?.valueOffset ?? 0
  const aLength = a?.valueLength ?? 0
  const bLength = b?.valueLength ?? 0
  if (lcsTableBytes(aLength, bLength) > client.engine.settings.protoMaxBulkLen) {
    throw err('Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len')
  }
  if (options.length) {
    reply.integer(lcsLength(aBlock, aOffset, aLength, bBlock, bOffset, bLength))
    return
  }
  const matches = lcsMatches(aBlock, aOffset, aLength, bBlock, bOffset, bLength)
  if (options.indexes) replyMatches(client, matches, options)
  else reply.bulkBytes(lcsBytes(matches, aBlock, aOffset))
}

function replyMatches(client: Client, matches: readonly LcsMatch[], options: LcsOptions): void {
  const { reply } = client
  const shown = matches.filter((match) => match.aEnd - match.aStart + 1 >= options.minimum)
  reply.mapHeader(2)
  reply.bulkText('matches')
  reply.arrayHeader(shown.length)
  for (const { aStart, aEnd, bStart, bEnd } of shown) {
    reply.arrayHeader(options.withLengths ? 3 : 2)
    reply.arrayHeader(2)
    reply.integer(aStart)
    reply.integer(aEnd)
    reply.arrayHeader(2)
    reply.integer(bStart)
    reply.integer(bEnd)
    if (options.withLengths) reply.integer(aEnd - aStart + 1)
  }
  reply.bulkText('len')
  reply.integer(matches.reduce((sum, match) => sum + match.aEnd - match.aStart + 1, 0))
}

export const lcsCommands: Family = family('string', {
  LCS: {
    summary: 'Finds the longest common substring.',
    since: '7.0.0',
    complexity: 'O(N*M) where N and M are the lengths of s1 and s2, respectively',
    syntax: 'key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]',
    flags: ['readonly'],
    keys: [keyRange(1, 1, 1, 'RO', 'access')],
    run: lcs,
  },
})
