/** maxmemory-clients beside redis-server: which clients are closed, over TCP. */
import { expect, test } from 'vitest'
import { RawClient } from './raw-client.ts'
import { compat, type Suite } from './suite.ts'

const TENTH = 104_858

/** A client that has sent `bytes` of a request and is about to send the last ten. */
async function holding(admin: RawClient, port: number, bytes: number, noEvict = false): Promise<RawClient> {
  const client = await RawClient.open(port)
  if (noEvict) await client.call('CLIENT', 'NO-EVICT', 'ON')
  const before = await figure(admin, 'total_net_input_bytes')
  const head = `*2\r\n$4\r\nECHO\r\n$${bytes + 10}\r\n`
  client.write(head + 'x'.repeat(bytes))
  while (!client.isClosed && (await figure(admin, 'total_net_input_bytes')) < before + bytes);
  return client
}

async function figure(admin: RawClient, field: string): Promise<number> {
  const info = (await admin.call('INFO', 'stats')).toString('latin1')
  return Number(new RegExp(`${field}:(\\d+)`).exec(info)?.[1])
}

/** What becomes of clients of several sizes under a limit of 4 MiB; the last entry is evicted_clients. */
async function scene(port: number): Promise<(boolean | number)[]> {
  const admin = await RawClient.open(port)
  await admin.call('CLIENT', 'NO-EVICT', 'ON')
  await admin.call('CONFIG', 'SET', 'maxmemory-clients', '4mb')
  const clients = [
    await holding(admin, port, 13 * TENTH, true),
    await holding(admin, port, 3 * TENTH),
    await holding(admin, port, 7 * TENTH),
    await holding(admin, port, 11 * TENTH),
  ]
  clients.push(await holding(admin, port, 2 * TENTH))
  // The fourth is the largest that may go, and enough.
  clients.push(await holding(admin, port, 8 * TENTH))
  await clients[3].closed()
  const evicted = await figure(admin, 'evicted_clients')
  const closed = clients.map((client) => client.isClosed)
  await admin.call('CONFIG', 'SET', 'maxmemory-clients', '0')
  for (const client of [...clients, admin]) await client.hangUp()
  return [...closed, evicted]
}

compat('client eviction', ({ pair, script }: Suite) => {
  test('the largest that may go is closed', async () => {
    const theirs = await scene(pair().oracle.port)
    expect(theirs).toEqual([false, false, false, true, false, false, 1])
    expect(await scene(pair().respite.port)).toEqual(theirs)
  })

  script('the directive and CLIENT NO-EVICT', [
    'CONFIG SET maxmemory-clients 1mb',
    'CONFIG GET maxmemory-clients',
    'CONFIG SET maxmemory-clients 7%',
    'CONFIG GET maxmemory-clients',
    'CONFIG SET maxmemory-clients 101%',
    'CONFIG SET maxmemory-clients -3',
    'CONFIG SET maxmemory-clients 0',
    'CLIENT NO-EVICT ON',
    'CLIENT NO-EVICT off',
    'CLIENT NO-EVICT maybe',
    'CLIENT NO-EVICT',
  ])
})
