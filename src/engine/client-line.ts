/** One client as CLIENT LIST and CLIENT INFO print it. */
import type { Client } from './client.ts'
import { GATE_MONITORING } from './gates.ts'

/** What a client's own bookkeeping takes besides its buffers, measured over 10 000 idle connections. */
const CLIENT_BYTES = 2048
/** What a channel, pattern, prefix or watched key takes in the tables; long names take more. */
const NAME_BYTES = 200

/** Redis's client types; there are no replicas or masters yet. */
export type ClientType = 'normal' | 'replica' | 'pubsub' | 'master'

export function clientType(client: Client): ClientType {
  return client.subscriptions === null ? 'normal' : 'pubsub'
}

/** "id=3 addr=… cmd=get …" without a line break, fields in Redis 7.2's order. */
export function clientLine(client: Client): string {
  const { engine, link, reply } = client
  const seconds = (since: number): number => Math.max(0, Math.floor((engine.clock.now - since) / 1000))
  const outputRoom = reply.block.bytes.length
  return [
    `id=${client.id}`,
    `addr=${link.remoteAddress}`,
    `laddr=${link.localAddress}`,
    `fd=${link.fd}`,
    `name=${client.name}`,
    `age=${seconds(client.createdAt)}`,
    `idle=${seconds(client.lastInteraction)}`,
    `flags=${clientFlags(client)}`,
    `db=${client.db.id}`,
    `sub=${client.subscriptions?.channels.size ?? 0}`,
    `psub=${client.subscriptions?.patterns.size ?? 0}`,
    `ssub=${client.subscriptions?.shardChannels.size ?? 0}`,
    `multi=${client.transaction?.queue.length ?? -1}`,
    `qbuf=${link.inputBytes}`,
    `qbuf-free=${Math.max(0, link.inputRoom - link.inputBytes)}`,
    'argv-mem=0',
    `multi-mem=${client.transaction?.bytes ?? 0}`,
    `rbs=${outputRoom}`,
    `rbp=${outputRoom}`,
    `obl=${reply.length}`,
    'oll=0',
    `omem=${link.unsentBytes}`,
    `tot-mem=${clientBytes(client)}`,
    `events=${link.unsentBytes > 0 ? 'rw' : 'r'}`,
    `cmd=${client.lastCommand?.name ?? 'NULL'}`,
    `user=${Buffer.from(client.user.name, 'latin1').toString()}`,
    `redir=${client.tracking?.options.redirect ?? -1}`,
    `resp=${reply.resp}`,
    `lib-name=${client.libName}`,
    `lib-ver=${client.libVersion}`,
  ].join(' ')
}

/** Memory a client takes: bookkeeping, buffers, queued commands, and what it subscribes to, watches and tracks. */
export function clientBytes(client: Client): number {
  const { link, reply, transaction, subscriptions, watchList, tracking } = client
  let bytes = CLIENT_BYTES + link.inputRoom + reply.block.bytes.length + link.unsentBytes
  if (transaction !== null) bytes += transaction.bytes
  if (watchList !== null) bytes += watchList.keys.length * NAME_BYTES
  if (tracking !== null) bytes += tracking.prefixes.size * NAME_BYTES
  if (subscriptions !== null) {
    const { channels, patterns, shardChannels } = subscriptions
    bytes += (channels.size + patterns.size + shardChannels.size) * NAME_BYTES
  }
  return bytes
}

function clientFlags(client: Client): string {
  let flags = (client.gates & GATE_MONITORING) === 0 ? '' : 'O'
  if (client.subscriptions !== null) flags += 'P'
  if (client.transaction !== null) flags += 'x'
  if (client.held !== 0) flags += 'b'
  if (client.tracking !== null) flags += 't'
  if (client.tracking?.redirectBroken) flags += 'R'
  if (client.tracking?.options.broadcast) flags += 'B'
  if (client.watchList?.changed) flags += 'd'
  if (client.closeAfterReply) flags += 'c'
  if (client.noEvict) flags += 'e'
  if (client.noTouch) flags += 'T'
  return flags === '' ? 'N' : flags
}
