/** maxmemory as clients meet it: what is refused with which bytes, what is evicted, who is told. */
import { describe, expect, test } from 'vitest'
import { usedBytes } from '../../src/keyspace/memory.ts'
import { argumentsOf, type Session, session } from '../commands/session.ts'

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
const ABORTED = '-EXECABORT Transaction discarded because of'

/** A server that holds `keys` small keys and has room for `room` more bytes. */
function filled(policy: string, keys: number, room: number): Session {
  const s = session({ config: { 'maxmemory-policy': policy } })
  for (let i = 0; i < keys; i++) s.run(`SET k${i} value`)
  s.clock.advance(10)
  setRoom(s, room)
  return s
}

function setRoom(s: Session, room: number): void {
  expect(s.run(`CONFIG SET maxmemory ${usedBytes(s.engine.keyspace) + room}`)).toBe('+OK\r\n')
  s.timers.run()
}

function info(s: Session, field: string): number {
  return Number(new RegExp(`${field}:(.*)\r`).exec(s.run('INFO everything'))?.[1])
}

/** Bytes of the replies and pushes a client has been sent beside its own commands. */
function sent(s: Session): string {
  const text = s.client.reply.block.bytes.toString('latin1', 0, s.client.reply.length)
  s.client.reply.release()
  return text
}

describe('-OOM', () => {
  test('meets commands that may add data, and no others', () => {
    const s = filled('noeviction', 50, -100)
    for (const line of [
      'SET a b',
      'SET k1 other',
      'APPEND k1 x',
      'RPUSH l x',
      'INCR n',
      'MSET a b',
      'SETBIT b 1 1',
    ])
      expect(s.run(line), line).toBe(OOM)
    expect(s.run('GET k1')).toBe('$5\r\nvalue\r\n')
    expect(s.run('EXPIRE k1 100')).toBe(':1\r\n')
    expect(s.run('RENAME k1 k0')).toBe('+OK\r\n')
    expect(s.run('DEL k2 k3 k4 k5 k6 k7 k8 k9 k10 k11')).toBe(':10\r\n')
    expect(s.run('SET a b')).toBe('+OK\r\n')
  })

  test('counts as an error reply and a rejected call', () => {
    const s = filled('noeviction', 50, -100)
    s.run('SET a b')
    const text = s.run('INFO everything')
    expect(text).toContain('errorstat_OOM:count=1')
    expect(text).toMatch(/cmdstat_set:calls=50,.*rejected_calls=1,failed_calls=0/)
  })

  test('in MULTI whatever would be queued is refused, and EXEC with it', () => {
    const s = filled('noeviction', 50, -100)
    expect(s.run('MULTI')).toBe('+OK\r\n')
    expect(s.run('GET k1')).toBe(OOM)
    expect(s.run('SET a b')).toBe(OOM)
    expect(s.run('EXEC')).toBe(`${ABORTED} previous errors.\r\n`)
    s.run('MULTI')
    expect(s.run('DISCARD')).toBe('+OK\r\n')
    s.run('MULTI')
    expect(s.run('EXEC')).toBe('*0\r\n')
  })

  test('EXEC is judged by what was queued', () => {
    const s = filled('noeviction', 50, 10_000)
    const other = s.another()
    for (const line of ['MULTI', 'SET a b']) s.run(line)
    for (const line of ['MULTI', 'GET k1']) other.run(line)
    setRoom(s.another(), -100)
    expect(s.run('EXEC')).toBe(`${ABORTED}: OOM command not allowed when used memory > 'maxmemory'.\r\n`)
    expect(s.run('EXEC')).toBe('-ERR EXEC without MULTI\r\n')
    expect(other.run('EXEC')).toBe('*1\r\n$5\r\nvalue\r\n')
  })

  test('EXEC runs through once it has begun', () => {
    const s = filled('noeviction', 50, 10_000)
    const low = usedBytes(s.engine.keyspace) - 100
    for (const line of ['MULTI', `CONFIG SET maxmemory ${low}`, 'SET a b']) s.run(line)
    expect(s.run('EXEC')).toBe('*2\r\n+OK\r\n+OK\r\n')
    expect(s.run('SET a b')).toBe(OOM)
  })

  test('a value larger than maxmemory is refused, and no key goes for it', () => {
    const s = filled('allkeys-lru', 50, 10_000)
    expect(s.call('SET', 'huge', 'x'.repeat(2_000_000))).toBe(OOM)
    expect(s.run('DBSIZE')).toBe(':50\r\n')
    expect(s.run('SET a b')).toBe('+OK\r\n')
  })

  test('the size of a request counts: room is made for it first', () => {
    const s = filled('allkeys-lru', 2000, 1000)
    expect(s.call('SET', 'large', 'x'.repeat(30_000))).toBe('+OK\r\n')
    expect(usedBytes(s.engine.keyspace)).toBeLessThan(s.engine.settings.maxmemory + 2000)
    const queue = filled('noeviction', 10, 3000)
    for (let i = 0; i < 3; i++) {
      if (i === 0) queue.run('MULTI')
      expect(queue.call('SET', `large${i}`, 'x'.repeat(2000))).toBe('+QUEUED\r\n')
    }
    expect(queue.run('EXEC')).toContain(`${ABORTED}: OOM`)
  })

  test.each(['volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl'])(
    '%s with no deadline anywhere refuses like noeviction',
    (policy) => {
      const s = filled(policy, 50, -100)
      expect(s.run('SET a b')).toBe(OOM)
      expect(s.run('DBSIZE')).toBe(':50\r\n')
    },
  )

  test('maxmemory 0 ends it', () => {
    const s = filled('noeviction', 50, -100)
    s.run('CONFIG SET maxmemory 0')
    expect(s.run('SET a b')).toBe('+OK\r\n')
    expect(s.engine.gates).toBe(0)
  })
})

describe('eviction', () => {
  test('writes go on for ever within the limit', () => {
    const s = filled('allkeys-lru', 1000, 0)
    const { keyspace, settings } = s.engine
    // Indexes are counted by whole pages of 4 KiB.
    for (let i = 0; i < 3000; i++) {
      expect(s.run(`SET new${i} value`)).toBe('+OK\r\n')
      expect(usedBytes(keyspace)).toBeLessThan(settings.maxmemory + 4096 + 300)
    }
    expect(keyspace.keyCount).toBeGreaterThan(800)
    expect(info(s, 'evicted_keys')).toBe(4000 - keyspace.keyCount)
  })

  test('the most that was in use is told to the byte, by a look before every command', () => {
    const s = session({ config: { 'maxmemory-policy': 'noeviction' } })
    s.run('SET before value')
    expect(info(s, 'mem_counted_for_evict_peak')).toBe(0)
    setRoom(s, 1_000_000)
    s.run('CONFIG RESETSTAT')
    s.call('SET', 'large', 'x'.repeat(100_000))
    const most = usedBytes(s.engine.keyspace)
    s.run('DEL large')
    expect(usedBytes(s.engine.keyspace)).toBeLessThan(most)
    expect(info(s, 'mem_counted_for_evict_peak')).toBe(most)
    s.run('CONFIG RESETSTAT')
    s.run('PING')
    expect(info(s, 'mem_counted_for_evict_peak')).toBe(usedBytes(s.engine.keyspace))
  })

  test('one command that makes the index grow is noticed by the next', () => {
    const pairs = Array.from({ length: 40_000 }, (_, i) => [`k${i}`, 'value']).flat()
    const probe = filled('noeviction', 10, 0)
    const { arena } = probe.engine.keyspace
    const before = [usedBytes(probe.engine.keyspace), arena.bytesUsed]
    probe.run('CONFIG SET maxmemory 0')
    probe.call('MSET', ...pairs)
    const all = usedBytes(probe.engine.keyspace) - before[0]
    const index = all - (arena.bytesUsed - before[1])
    const s = filled('allkeys-random', 10, all - index / 2)
    s.call('MSET', ...pairs)
    expect(info(s, 'evicted_keys')).toBeGreaterThan(1000)
  })

  test('CONFIG SET maxmemory below the use evicts by itself', () => {
    const s = filled('allkeys-lru', 3000, -20_000)
    expect(usedBytes(s.engine.keyspace)).toBeLessThanOrEqual(s.engine.settings.maxmemory)
    expect(info(s, 'current_eviction_exceeded_time')).toBe(0)
  })

  test('what one slice does not evict the next ones do, with nobody asking', () => {
    const s = session({ config: { 'maxmemory-policy': 'allkeys-lru' } })
    for (let i = 0; i < 3000; i++) s.run(`SET k${i} value`)
    let micros = 0
    s.clock.monotonicMicros = () => (micros += 100)
    s.run(`CONFIG SET maxmemory ${usedBytes(s.engine.keyspace) - 20_000}`)
    expect(s.engine.keyspace.stats.evictedKeys).toBe(0)
    s.timers.run()
    expect(s.engine.keyspace.stats.evictedKeys).toBeGreaterThan(500)
    expect(usedBytes(s.engine.keyspace)).toBeLessThanOrEqual(s.engine.settings.maxmemory)
  })

  test('a large value among small ones waits for its room, and nobody else does', () => {
    const s = filled('allkeys-lru', 3000, 0)
    const other = s.another()
    const { keyspace, settings, dispatcher } = s.engine
    // The large one is not to be among the idlest.
    s.clock.advance(2000)
    let micros = 0
    s.clock.monotonicMicros = () => (micros += 100)
    const large = argumentsOf(['SET', 'large', 'x'.repeat(100_000)])
    expect(dispatcher.dispatch(s.client, large)).toBe(false)
    expect(s.client.held).not.toBe(0)
    const waiting = keyspace.usedBytes
    for (let i = 0; i < 200; i++) expect(other.run(`SET other${i} value`)).toBe('+OK\r\n')
    // The room made for the one who waits is not filled up by those who do not.
    expect(keyspace.usedBytes).toBeLessThanOrEqual(waiting)
    s.timers.run()
    expect(s.client.held).toBe(0)
    expect(dispatcher.dispatch(s.client, large)).toBe(true)
    s.client.reply.release()
    expect(s.run('STRLEN large')).toBe(':100000\r\n')
    expect(keyspace.usedBytes).toBeLessThanOrEqual(settings.maxmemory)
    expect(keyspace.eviction.reserved).toBe(0)
  })

  test('who waits when nothing more may go is refused, and the others are not', () => {
    const s = session({ config: { 'maxmemory-policy': 'volatile-lru' } })
    const other = s.another()
    for (let i = 0; i < 1000; i++) s.run(`SET goes${i} value EX 1000`)
    for (let i = 0; i < 2000; i++) s.run(`SET stays${i} value`)
    setRoom(s, 0)
    let micros = 0
    s.clock.monotonicMicros = () => (micros += 100)
    const large = argumentsOf(['SET', 'large', 'x'.repeat(150_000)])
    expect(s.engine.dispatcher.dispatch(s.client, large)).toBe(false)
    s.timers.run()
    expect(other.run('SET small value')).toBe('+OK\r\n')
    expect(s.engine.dispatcher.dispatch(s.client, large)).toBe(true)
    expect(sent(s)).toBe(OOM)
  })

  test('reads evict too', () => {
    const s = session({ config: { 'maxmemory-policy': 'allkeys-random' } })
    for (let i = 0; i < 500; i++) s.run(`SET k${i} value`)
    s.run(`CONFIG SET maxmemory ${usedBytes(s.engine.keyspace) - 3000}`)
    s.run('PING')
    expect(info(s, 'evicted_keys')).toBeGreaterThan(30)
  })

  test('nothing goes while clients are paused', () => {
    const s = session({ config: { 'maxmemory-policy': 'allkeys-random' } })
    for (let i = 0; i < 500; i++) s.run(`SET k${i} value`)
    s.run('CLIENT PAUSE 1000 WRITE')
    s.run(`CONFIG SET maxmemory ${usedBytes(s.engine.keyspace) - 3000}`)
    s.timers.run()
    s.run('GET k1')
    expect(info(s, 'evicted_keys')).toBe(0)
    s.timers.advance(1001)
    s.run('GET k1')
    expect(info(s, 'evicted_keys')).toBeGreaterThan(30)
  })

  test('is an event, ends a WATCH, and is told to those who cache, before the reply', () => {
    const s = session({ config: { 'maxmemory-policy': 'volatile-ttl' } })
    const watcher = s.another()
    const cache = s.another()
    s.run('SET gone value EX 100')
    s.run('SET stays value')
    for (const line of ['HELLO 3', 'CLIENT TRACKING ON', 'GET gone']) cache.run(line)
    for (const line of ['WATCH gone', 'MULTI', 'GET stays']) watcher.run(line)
    s.events()
    s.run(`CONFIG SET maxmemory ${usedBytes(s.engine.keyspace) - 10}`)
    expect(s.run('GET stays')).toBe('$5\r\nvalue\r\n')
    expect(s.events()).toEqual(['evicted gone 0'])
    expect(watcher.run('EXEC')).toBe('*-1\r\n')
    expect(sent(cache)).toBe('>2\r\n$10\r\ninvalidate\r\n*1\r\n$4\r\ngone\r\n')
    expect(s.engine.keyspace.stats.expiredKeys).toBe(0)
  })

  test('the caching client itself has the invalidation before the reply of the command that evicted', () => {
    const s = session({ config: { 'maxmemory-policy': 'volatile-ttl' } })
    s.run('SET gone value EX 100')
    for (const line of ['HELLO 3', 'CLIENT TRACKING ON', 'GET gone']) s.run(line)
    s.another().run(`CONFIG SET maxmemory ${usedBytes(s.engine.keyspace) - 10}`)
    expect(s.run('PING')).toBe('>2\r\n$10\r\ninvalidate\r\n*1\r\n$4\r\ngone\r\n+PONG\r\n')
  })

  test('is appended to the command stream as DEL, before the write it made room for', () => {
    const s = session({ config: { 'maxmemory-policy': 'volatile-ttl', 'lazyfree-lazy-eviction': 'no' } })
    s.run('SELECT 2')
    s.run('SET gone value EX 100')
    s.run('SELECT 0')
    setRoom(s, 10)
    s.engine.propagation.activate(true)
    s.run('SET new value')
    const { stream } = s.engine.propagation
    expect(stream.block.bytes.toString('latin1', 0, stream.length).split(/\r\n(?=\*)/)).toEqual([
      expect.stringMatching(/SELECT\r\n\$1\r\n2$/),
      expect.stringMatching(/DEL\r\n\$4\r\ngone$/),
      expect.stringMatching(/SELECT\r\n\$1\r\n0$/),
      expect.stringMatching(/SET\r\n\$3\r\nnew\r\n\$5\r\nvalue\r\n$/),
    ])
  })

  test('the time above the limit is told, and CONFIG RESETSTAT forgets it', () => {
    const s = filled('noeviction', 50, -100)
    s.run('SET a b')
    s.clock.advance(3000)
    expect(info(s, 'current_eviction_exceeded_time')).toBe(3000)
    expect(info(s, 'total_eviction_exceeded_time')).toBe(3000)
    s.run('DEL k1 k2 k3 k4 k5 k6 k7')
    s.run('PING')
    s.clock.advance(500)
    expect(info(s, 'current_eviction_exceeded_time')).toBe(0)
    expect(info(s, 'total_eviction_exceeded_time')).toBe(3000)
    s.run('CONFIG RESETSTAT')
    expect(info(s, 'total_eviction_exceeded_time')).toBe(0)
  })
})
