/**
 * Where a command's keys are among its arguments: Redis's key specifications, the constants that most
 * declarations need, and the extraction that COMMAND GETKEYS (and later ACL) does with them.
 */
import type { Arguments } from '../protocol/arguments.ts'

/** What a command does to the key: RO, RW, OW, RM, then ACCESS, UPDATE, INSERT, DELETE, … as Redis names them. */
export type KeyFlag =
  | 'RO'
  | 'RW'
  | 'OW'
  | 'RM'
  | 'access'
  | 'update'
  | 'insert'
  | 'delete'
  | 'not_key'
  | 'incomplete'
  | 'variable_flags'

/** A key among a command's arguments, and what the command does to it. */
export interface KeyReference {
  readonly index: number
  readonly flags: readonly KeyFlag[]
}

export interface KeySpec {
  readonly begin:
    | { readonly type: 'index'; readonly index: number }
    | { readonly type: 'keyword'; readonly keyword: string; readonly startFrom: number }
    | { readonly type: 'unknown' }
  readonly find:
    | { readonly type: 'range'; readonly last: number; readonly step: number; readonly limit: number }
    | { readonly type: 'keynum'; readonly keynum: number; readonly first: number; readonly step: number }
    | { readonly type: 'unknown' }
  readonly flags: readonly KeyFlag[]
  readonly incomplete?: boolean
  readonly notes?: string
}

/** One key at argument `index`. */
export function keyAt(index: number, ...flags: KeyFlag[]): KeySpec {
  return keyRange(index, 0, 1, ...flags)
}

/** Keys from argument `index` to `last` (relative to the first; -1 is the last argument), every `step`. */
export function keyRange(index: number, last: number, step: number, ...flags: KeyFlag[]): KeySpec {
  return { begin: { type: 'index', index }, find: { type: 'range', last, step, limit: 0 }, flags }
}

/** A count at argument `index`, followed by that many keys. */
export function keyCount(index: number, ...flags: KeyFlag[]): KeySpec {
  return { begin: { type: 'index', index }, find: { type: 'keynum', keynum: 0, first: 1, step: 1 }, flags }
}

/** Index of the first argument that `spec` points at, or -1. */
function beginOf(spec: KeySpec, args: Arguments): number {
  if (spec.begin.type === 'index') return spec.begin.index
  if (spec.begin.type === 'unknown') return -1
  const { keyword, startFrom } = spec.begin
  const step = startFrom > 0 ? 1 : -1
  let at = startFrom > 0 ? startFrom : args.count + startFrom
  for (; at > 0 && at < args.count; at += step) {
    if (args.is(at, keyword)) return at + 1
  }
  return -1
}

/** Indexes of the arguments that are keys by `spec`; null when the arguments do not fit it. */
export function keyIndexes(spec: KeySpec, args: Arguments): number[] | null {
  const begin = beginOf(spec, args)
  if (begin === -1) return spec.begin.type === 'keyword' ? [] : null
  let first = begin
  let last: number
  let step: number
  if (spec.find.type === 'range') {
    step = spec.find.step
    if (spec.find.last >= 0) last = begin + spec.find.last
    else if (spec.find.limit <= 1) last = args.count + spec.find.last
    else last = begin + Math.floor((args.count - begin) / spec.find.limit) + spec.find.last
  } else if (spec.find.type === 'keynum') {
    const at = begin + spec.find.keynum
    if (at >= args.count) return null
    // Redis reads the count with atoi here: digits followed by something else count.
    const count = Number.parseInt(args.text(at), 10)
    if (Number.isNaN(count)) return null
    step = spec.find.step
    first = begin + spec.find.first
    last = first + (count - 1) * step
  } else return null
  if (last >= args.count || last < first) return null
  const indexes: number[] = []
  for (let at = first; at <= last; at += step) indexes.push(at)
  return indexes
}

/**
 * The keys among `args` by all of `specs`; null when the arguments do not fit them, or when a specification
 * does not tell (unknown, incomplete).
 */
export function keysBySpecs(specs: readonly KeySpec[], args: Arguments): KeyReference[] | null {
  const keys: KeyReference[] = []
  for (const spec of specs) {
    if (spec.flags.includes('not_key')) continue
    const indexes = spec.incomplete ? null : keyIndexes(spec, args)
    if (indexes === null) return null
    for (const index of indexes) keys.push({ index, flags: spec.flags })
  }
  return keys
}
