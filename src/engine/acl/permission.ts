/**
 * Judges a whole request by its user's selectors. One selector has to allow all of it: the command, each key
 * for what the command does to it, each channel.
 */
import type { Arguments } from '../../protocol/arguments.ts'
import { type Command, FLAG } from '../command.ts'
import { type KeyFlag, type KeyReference, keyIndexes } from '../key-specs.ts'
import { MAY_READ, MAY_WRITE, type Selector } from './selector.ts'
import type { User } from './user.ts'

export type DenialReason = 'command' | 'key' | 'channel'

/** What is refused; `index` is that of the argument at fault, 0 when it is the command. */
export interface Denial {
  readonly reason: DenialReason
  readonly index: number
}

/** When selectors disagree, the one that came farthest is worth telling of. */
const WEIGHTS: Readonly<Record<DenialReason, number>> = { command: 0, key: 1, channel: 2 }
const NOT_ALLOWED: Denial = { reason: 'command', index: 0 }

/** Why `user` may not run the command; null when it may. */
export function denialOf(user: User, command: Command, args: Arguments): Denial | null {
  const keys = user.selectors.every(({ allKeys }) => allKeys) ? [] : keysOf(command, args)
  let told = NOT_ALLOWED
  for (const selector of user.selectors) {
    const denial = denialBy(selector, command, args, keys)
    if (denial === null) return null
    const further = WEIGHTS[denial.reason] - WEIGHTS[told.reason]
    if (further > 0 || (further === 0 && denial.index > told.index)) told = denial
  }
  return told
}

/** Whether a selector that allows the command allows `access` (MAY_* bits) to all keys there can be too. */
export function allowsAnyKey(user: User, command: Command, args: Arguments, access: number): boolean {
  const keys = keysOf(command, args)
  return user.selectors.some(
    (selector) => selector.allowsAnyKey(access) && denialBy(selector, command, args, keys) === null,
  )
}

function denialBy(
  selector: Selector,
  command: Command,
  args: Arguments,
  keys: readonly KeyReference[],
): Denial | null {
  if (!selector.allowsCommand(command) && (command.flags & FLAG.no_auth) === 0) {
    const at = command.parent === null ? 1 : 2
    if (args.count <= at || !selector.allowsFirstArgument(command, args.text(at))) return NOT_ALLOWED
  }
  const { block, offsets, lengths } = args
  for (const { index, flags } of keys) {
    if (!selector.allowsKey(block.bytes, offsets[index], lengths[index], accessOf(flags))) {
      return { reason: 'key', index }
    }
  }
  const { channels } = command.spec
  if (channels === undefined) return null
  const last = channels.several ? args.count - 1 : channels.first
  for (let index = channels.first; index <= last; index++) {
    if (!selector.allowsChannel(args.text(index), channels.patterns)) return { reason: 'channel', index }
  }
  return null
}

/** Every key that can be made out: arguments that do not fit all specifications are judged by those they fit. */
function keysOf({ spec }: Command, args: Arguments): readonly KeyReference[] {
  if (spec.findKeys !== undefined) return spec.findKeys(args)
  const found: KeyReference[] = []
  for (const keySpec of spec.keys ?? []) {
    if (keySpec.flags.includes('not_key')) continue
    for (const index of keyIndexes(keySpec, args) ?? []) found.push({ index, flags: keySpec.flags })
  }
  return found
}

/** MAY_* bits for what is done to a key's value. What only asks for its type or presence needs neither. */
function accessOf(flags: readonly KeyFlag[]): number {
  let access = 0
  for (const flag of flags) {
    if (flag === 'access') access |= MAY_READ
    else if (flag === 'insert' || flag === 'update' || flag === 'delete') access |= MAY_WRITE
  }
  return access
}
