/** Which subscribers a change of their user's channel rules cuts off. */
import type { Client } from '../client.ts'
import type { User } from './user.ts'

/**
 * Whether the client subscribes to something that `changed` may not have while `before` could. Any selector may
 * allow a channel.
 */
export function losesSubscription(client: Client, before: User, changed: User): boolean {
  const { subscriptions } = client
  if (subscriptions === null || covers(changed, before)) return false
  const allowed = (name: string, isPattern: boolean): boolean =>
    changed.selectors.some((selector) => selector.allowsChannel(name, isPattern))
  for (const name of subscriptions.patterns) if (!allowed(name, true)) return true
  for (const name of subscriptions.channels) if (!allowed(name, false)) return true
  for (const name of subscriptions.shardChannels) if (!allowed(name, false)) return true
  return false
}

/** Whether `changed` has all patterns of channels that `before` had. */
function covers(changed: User, before: User): boolean {
  if (changed.selectors.some(({ allChannels }) => allChannels)) return true
  if (before.selectors.some(({ allChannels }) => allChannels)) return false
  const patterns = new Set(changed.selectors.flatMap(({ channelPatterns }) => channelPatterns))
  return before.selectors.every(({ channelPatterns }) => channelPatterns.every((text) => patterns.has(text)))
}
