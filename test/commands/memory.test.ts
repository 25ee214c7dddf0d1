/** MEMORY and INFO memory: exact sizes, the replies' bytes and shapes, the doctor's findings. */
import { describe, expect, test } from 'vitest'
import { diagnosis, findings } from '../../src/commands/memory.ts'
import type { MemoryReport } from '../../src/engine/memory-report.ts'
import { bulk, type Session, session } from './session.ts'

/** Fields of an INFO section. */
function info(s: Session, section: string): Map<string, string> {
  const lines = s.run(`INFO ${section}`).split('\r\n')
  return new Map(
    lines.filter((line) => line.includes(':')).map((line) => line.split(':') as [string, string]),
  )
}

/** MEMORY STATS as name → value, from RESP2. */
function stats(s: Session): Map<string, number> {
  const flat = [...s.run('MEMORY STATS').matchAll(/\$\d+\r\n([^\r]*)\r\n(?::(-?\d+)|\$\d+\r\n([\d.]+))\r\n/g)]
  return new Map(flat.map(([, name, integer, double]) => [name, Number(integer ?? double)]))
}

describe('MEMORY USAGE', () => {
  test('is what the key takes: its slot in the arena, its share of the index, its deadline', () => {
    const s = session()
    s.run('SET key value')
    expect(s.run('MEMORY USAGE key')).toBe(`:${24 + 14}\r\n`)
    s.run('EXPIRE key 100')
    expect(s.run('MEMORY USAGE key')).toBe(`:${32 + 14 + 4}\r\n`)
    s.call('SET', 'large', 'x'.repeat(1_000_000))
    expect(s.run('MEMORY USAGE large')).toBe(`:${1_000_448 + 14}\r\n`)
  })

  test('counts all chunks of a list', () => {
    const s = session()
    const before = s.engine.keyspace.arena.bytesUsed
    for (let i = 0; i < 1000; i++) s.call('RPUSH', 'list', 'x'.repeat(100))
    const bytes = s.engine.keyspace.arena.bytesUsed - before
    expect(s.run('MEMORY USAGE list')).toBe(`:${bytes + 14}\r\n`)
    expect(s.run('MEMORY USAGE list SAMPLES 0')).toBe(`:${bytes + 14}\r\n`)
  })

  test('refuses what is no sample count', () => {
    const s = session()
    s.run('SET key value')
    const syntax = '-ERR syntax error\r\n'
    expect(s.run('MEMORY USAGE none')).toBe('$-1\r\n')
    expect(s.run('MEMORY USAGE key SAMPLES 3 SAMPLES 5')).toBe(':38\r\n')
    for (const rest of ['SAMPLES', 'SAMPLES -1', 'SAMPLE 1', 'SAMPLES 1 x']) {
      expect(s.run(`MEMORY USAGE key ${rest}`), rest).toBe(syntax)
    }
    expect(s.run('MEMORY USAGE key SAMPLES x')).toBe('-ERR value is not an integer or out of range\r\n')
    expect(s.run('MEMORY USAGE')).toBe("-ERR wrong number of arguments for 'memory|usage' command\r\n")
  })

  test('touches nothing, counts nothing, expires nothing', () => {
    const s = session()
    s.run('SET key value PX 100')
    s.clock.advance(50_000)
    expect(s.run('MEMORY USAGE key')).toBe(':50\r\n')
    expect(info(s, 'stats').get('keyspace_hits')).toBe('0')
    expect(info(s, 'stats').get('expired_keys')).toBe('0')
  })
})

describe('MEMORY STATS and INFO memory', () => {
  test('agree, and the parts make the whole', () => {
    const s = session()
    for (let i = 0; i < 500; i++) s.run(`SET k${i} value EX 100`)
    const figures = stats(s)
    const memory = info(s, 'memory')
    const field = (name: string): number => Number(memory.get(name))
    expect(figures.get('total.allocated')).toBe(field('used_memory'))
    expect(figures.get('startup.allocated')).toBe(field('used_memory_startup'))
    expect(figures.get('overhead.total')).toBe(field('used_memory_overhead'))
    expect(figures.get('clients.normal')).toBe(field('mem_clients_normal'))
    expect(figures.get('keys.count')).toBe(500)
    expect(field('used_memory_overhead') + field('used_memory_dataset')).toBe(field('used_memory'))
    expect(field('used_memory') - field('mem_not_counted_for_evict')).toBe(s.engine.keyspace.usedBytes)
    expect(field('used_memory_dataset')).toBe(s.engine.keyspace.arena.bytesUsed)
    expect(field('used_memory_peak')).toBeGreaterThanOrEqual(field('used_memory'))
    expect(figures.get('overhead.hashtable.main')).toBe(s.engine.keyspace.databases[0].index.bytes)
    expect(figures.get('overhead.hashtable.expires')).toBe(s.engine.keyspace.databases[0].deadlines.bytes)
  })

  test('a map in RESP3, with one map for each database in use', () => {
    const s = session()
    s.run('SET k v')
    s.run('SELECT 9')
    s.run('SET k v')
    s.run('HELLO 3')
    const reply = s.run('MEMORY STATS')
    expect(reply.startsWith(`%29\r\n${bulk('peak.allocated')}:`)).toBe(true)
    expect(reply).toContain(`${bulk('db.0')}%3\r\n${bulk('overhead.hashtable.main')}:512\r\n`)
    expect(reply).toContain(`${bulk('db.9')}%3\r\n`)
    expect(reply).toMatch(/\$18\r\ndataset\.percentage\r\n,\d/)
    // Names and values: 27 of the server's and two of databases, which hold three more each.
    expect([...reply.matchAll(/\$\d+\r\n[a-z]/g)]).toHaveLength(29 + 6)
  })

  test('maxmemory and the policy are told', () => {
    const s = session({ config: { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lfu' } })
    const memory = info(s, 'memory')
    expect(memory.get('maxmemory')).toBe('104857600')
    expect(memory.get('maxmemory_human')).toBe('100.00M')
    expect(memory.get('maxmemory_policy')).toBe('allkeys-lfu')
  })
})

describe('MEMORY DOCTOR', () => {
  const MIB = 1024 * 1024
  const healthy: MemoryReport = {
    used: 200 * MIB,
    peak: 210 * MIB,
    startup: MIB,
    aofBuffer: 0,
    clients: MIB,
    overhead: 30 * MIB,
    dataset: 170 * MIB,
    keys: 1_000_000,
    allocated: 170 * MIB,
    active: 192 * MIB,
    resident: 260 * MIB,
  }

  test.each([
    ['nothing', {}, 10, null],
    ['the peak', { peak: 400 * MIB }, 10, 'Peak memory'],
    ['fragmentation', { active: 300 * MIB }, 10, 'High allocator fragmentation'],
    ['a small slack', { allocated: 10 * MIB, active: 64 * MIB }, 10, null],
    ['resident memory', { resident: 400 * MIB }, 10, 'High total RSS'],
    ['client buffers', { clients: 50 * MIB }, 100, 'Big client buffers'],
  ])('finds %s', (_what, change, clients, expected) => {
    const found = findings({ ...healthy, ...change }, clients)
    expect(found.map((text) => text.split(':')[0])).toEqual(expected === null ? [] : [expected])
  })

  test('says so in words', () => {
    expect(diagnosis(healthy, 10)).toMatch(/^Hi Sam, I can't find any memory issue in your instance\./)
    expect(diagnosis({ ...healthy, used: MIB }, 10)).toMatch(/^Hi Sam, this instance is empty or is using/)
    expect(diagnosis({ ...healthy, peak: 400 * MIB, resident: 500 * MIB }, 10)).toMatch(
      /^Sam, I detected a few issues in this instance's memory:\n\n \* Peak memory: [^\n]+\n\n \* High total RSS: [^\n]+\n$/,
    )
  })
})

describe('the other subcommands', () => {
  test('PURGE gives the spare segment back', () => {
    const s = session()
    expect(s.run('MEMORY PURGE')).toBe('+OK\r\n')
  })
  test('MALLOC-STATS tells of the arena', () => {
    const s = session()
    s.run('SET key value')
    s.run('HELLO 3')
    const reply = s.run('MEMORY MALLOC-STATS')
    expect(reply).toMatch(/^=\d+\r\ntxt:___ Begin respite-arena statistics ___\n/)
    expect(reply).toContain('Live objects: 1, bytes: 24\n')
  })
  test('DOCTOR replies with text', () => {
    expect(session().run('MEMORY DOCTOR')).toMatch(/^\$\d+\r\nHi Sam, /)
  })
})
