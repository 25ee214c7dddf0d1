/** MEMORY, INFO's memory fields, -OOM and eviction beside redis-server: texts, shapes, and what stays. */
import { expect, test } from 'vitest'
import { RawClient } from './raw-client.ts'
import { on, varies } from './steps.ts'
import { compat, type Suite } from './suite.ts'

const sizes = "sizes are each server's own"
const server = 'figures and texts about the server itself'

compat('memory', ({ script, pair }: Suite) => {
  test('INFO memory has the fields of redis-server, in its order', async () => {
    const fields: string[][] = []
    for (const { port } of [pair().oracle, pair().respite]) {
      const client = await RawClient.open(port)
      const text = (await client.call('INFO', 'memory')).toString('latin1')
      fields.push([...text.matchAll(/^(\w+):/gm)].map((match) => match[1]))
      client.close()
    }
    // The peak of what counts for maxmemory is Respite's own.
    expect(fields[1].filter((name) => name !== 'mem_counted_for_evict_peak')).toEqual(fields[0])
  })

  test('MEMORY STATS has the fields of redis-server, in its order', async () => {
    const fields: string[][] = []
    for (const { port } of [pair().oracle, pair().respite]) {
      const client = await RawClient.open(port)
      await client.call('SET', 'k', 'v')
      const text = (await client.call('MEMORY', 'STATS')).toString('latin1')
      fields.push([...text.matchAll(/^([a-z][\w.-]+)\r$/gm)].map((match) => match[1]))
      client.close()
    }
    expect(fields[0]).toContain('db.0')
    expect(fields[1]).toEqual(fields[0])
  })

  script('MEMORY', [
    'SET k hello',
    varies('MEMORY USAGE k', sizes),
    varies('MEMORY USAGE k SAMPLES 0', sizes),
    varies('MEMORY USAGE k samples 3 SAMPLES 1', sizes),
    'MEMORY USAGE none',
    'MEMORY USAGE none SAMPLES x',
    'MEMORY USAGE k SAMPLES',
    'MEMORY USAGE k SAMPLES -1',
    'MEMORY USAGE k SAMPLES x',
    'MEMORY USAGE k SAMPLE 1',
    'MEMORY USAGE k SAMPLES 1 2',
    'MEMORY USAGE',
    'MEMORY DOCTOR',
    'MEMORY DOCTOR now',
    'MEMORY PURGE',
    varies('MEMORY MALLOC-STATS', server),
    varies('MEMORY STATS', server),
    'MEMORY HELP',
    'MEMORY NOSUCH',
    'MEMORY',
  ])
  script('-OOM', [
    'SET k v',
    'CONFIG SET maxmemory 1',
    'GET k',
    'SET k w',
    'APPEND k w',
    'SETRANGE k 0 w',
    'LPUSH l a',
    'DEL none',
    'EXPIRE k 100',
    'PERSIST k',
    'PUBLISH c m',
    'MULTI',
    'GET k',
    'PING',
    'NOSUCH',
    'EXEC',
    'MULTI',
    'DISCARD',
    'MULTI',
    'EXEC',
    'CONFIG SET maxmemory 0',
    'MULTI',
    'SET k w',
    on('other', 'CONFIG SET maxmemory 1'),
    'EXEC',
    'GET k',
    'CONFIG SET maxmemory 0',
    'MULTI',
    'GET k',
    on('other', 'CONFIG SET maxmemory 1'),
    'EXEC',
    'CONFIG SET maxmemory 0',
    'MULTI',
    'CONFIG SET maxmemory 1',
    'SET k w',
    'EXEC',
    'SET k x',
    'CONFIG SET maxmemory 0',
    'GET k',
  ])
  script('-OOM within MULTI: what ends it is allowed, nothing else', [
    'SET k v',
    'CONFIG SET maxmemory 1',
    'WATCH k',
    'MULTI',
    'WATCH k',
    'MULTI',
    'EXEC',
    'MULTI',
    'WATCH k',
    'EXEC',
    'MULTI',
    'MULTI',
    'DISCARD',
    'MULTI',
    'SUBSCRIBE c',
    'EXEC',
    'UNWATCH',
    'EXEC more',
    'CONFIG SET maxmemory 0',
    'MULTI',
    'SET k 1',
    on('other', 'CONFIG SET maxmemory 1'),
    'WATCH k',
    'EXEC',
    'MULTI',
    'GET k',
    on('other', 'CONFIG SET maxmemory 0'),
    'SET k 2',
    'EXEC',
    'CONFIG SET maxmemory 0',
  ])
  script('what each policy leaves when nothing fits', [
    'SET k v',
    'SET t v EX 100',
    'CONFIG SET maxmemory-policy volatile-ttl',
    'CONFIG SET maxmemory 1',
    'SET a b',
    'EXISTS k t',
    'TTL k',
    'CONFIG SET maxmemory 0',
    'CONFIG SET maxmemory-policy allkeys-random',
    'SELECT 3',
    'SET other v',
    'CONFIG SET maxmemory 1',
    'SET a b',
    'DBSIZE',
    'SELECT 0',
    'DBSIZE',
    'CONFIG SET maxmemory 0',
    'CONFIG SET maxmemory-policy noeviction',
  ])
  // At factor 0 every access counts, so chance has no part in it.
  script(
    'what counts as an access for LFU',
    [
      'CONFIG SET lfu-log-factor 0 lfu-decay-time 0',
      'SET k value',
      'OBJECT FREQ k',
      'GET k',
      'GET k',
      'OBJECT FREQ k',
      'OBJECT IDLETIME k',
      'STRLEN k',
      'EXISTS k',
      'TTL k',
      'TYPE k',
      'OBJECT FREQ k',
      'TOUCH k k',
      'OBJECT FREQ k',
      'SET k other',
      'OBJECT FREQ k',
      'APPEND k more',
      'GETRANGE k 0 1',
      'OBJECT FREQ k',
      'EXPIRE k 100',
      'PERSIST k',
      'OBJECT FREQ k',
      'RENAME k n',
      'OBJECT FREQ n',
      'COPY n c',
      'OBJECT FREQ c',
      'OBJECT FREQ n',
      'RPUSH l a b c',
      'LPOP l',
      'LRANGE l 0 -1',
      'LLEN l',
      'OBJECT FREQ l',
      'MGET n n c',
      'OBJECT FREQ n',
      'OBJECT ENCODING n',
      'OBJECT FREQ n',
      'INCR i',
      'INCR i',
      'OBJECT FREQ i',
      'SORT l ALPHA STORE s',
      'OBJECT FREQ s',
      'OBJECT FREQ none',
      'CONFIG SET lfu-log-factor 10 lfu-decay-time 1',
    ],
    { config: { 'maxmemory-policy': 'allkeys-lfu', maxmemory: '1gb' } },
  )
  script('the directives', [
    'CONFIG SET maxmemory 100kb',
    'CONFIG GET maxmemory',
    'CONFIG SET maxmemory 3GB',
    'CONFIG GET maxmemory',
    'CONFIG SET maxmemory 10%',
    'CONFIG SET maxmemory 1.5gb',
    'CONFIG SET maxmemory -1',
    'CONFIG SET maxmemory-samples 0',
    'CONFIG SET maxmemory-samples 10',
    'CONFIG SET maxmemory-eviction-tenacity 101',
    'CONFIG SET maxmemory-eviction-tenacity 100',
    'CONFIG GET maxmemory-samples',
    'CONFIG GET maxmemory-eviction-tenacity',
    'CONFIG SET maxmemory-samples 5 maxmemory-eviction-tenacity 10 maxmemory 0',
  ])
})
