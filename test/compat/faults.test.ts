/**
 * The refusals that server.faults can answer, beside a redis-server that is brought to refuse so: the same text, for the
 * same commands.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createServer, type FaultAnswer, type RespiteServer } from '../../src/index.ts'
import { oracle, startOracle } from './oracle.ts'
import { RawClient } from './raw-client.ts'
import type { ServerProcess } from './server-process.ts'

/** Each leaves the next ones as it found them, but for keys. */
const COMMANDS =
  `GET k|SET k v|APPEND k x|INCR n|DEL k|UNLINK k|EXPIRE k 100|PERSIST k|GETDEL k|GETEX k|SETRANGE k 0 x
GETRANGE k 0 1|STRLEN k|MGET k|MSET k v|LPUSH l a|LPUSHX l a|LPOP l|LLEN l|LRANGE l 0 -1|LSET l 0 a|LREM l 0 a|LTRIM l 0 9
LMOVE l l LEFT LEFT|BLPOP l 0.01|BLMOVE l m LEFT LEFT 0.01|LPOS l a|TYPE k|EXISTS k|TTL k|TOUCH k|KEYS *|SCAN 0|DBSIZE
RANDOMKEY|FLUSHDB|RENAME k j|RENAMENX k j|COPY k j|MOVE k 1|SORT l|SORT_RO l|OBJECT ENCODING k|OBJECT HELP|DUMP k
SETBIT b 1 1|GETBIT b 1|BITCOUNT b|BITOP NOT b b|BITPOS b 1|BITFIELD b GET u8 0|BITFIELD_RO b GET u8 0|LCS k j|PUBLISH c m
PUBSUB CHANNELS|PING|ECHO a|SELECT 0|INFO server|CONFIG GET port|CONFIG RESETSTAT|CLIENT ID|CLIENT LIST|COMMAND COUNT
COMMAND INFO get|TIME|LASTSAVE|WATCH k|UNWATCH|HELLO 2|SLOWLOG LEN|LATENCY HISTORY x|MEMORY USAGE k|ACL WHOAMI|ACL LIST
SWAPDB 0 1|SAVE|RESET`
    .split(/[|\n]/)
    .map((line) => line.split(' '))

/** How a real server comes to refuse; what is returned ends that. */
type State = (client: RawClient, other: RawClient) => Promise<(() => Promise<unknown>) | undefined>

const folder = mkdtempSync(join(tmpdir(), 'faults-'))

const states: Record<string, State> = {
  READONLY: async (client) => {
    await client.call('REPLICAOF', '127.0.0.1', '1')
    return () => client.call('REPLICAOF', 'NO', 'ONE')
  },
  MASTERDOWN: async (client) => {
    // Else writes are refused as READONLY.
    await client.call('CONFIG', 'SET', 'replica-serve-stale-data', 'no', 'replica-read-only', 'no')
    await client.call('REPLICAOF', '127.0.0.1', '1')
    return () => client.call('REPLICAOF', 'NO', 'ONE')
  },
  OOM: async (client) => {
    await client.call('CONFIG', 'SET', 'maxmemory', '1')
    return () => client.call('CONFIG', 'SET', 'maxmemory', '0')
  },
  MISCONF: async (client) => {
    const gone = mkdtempSync(join(folder, 'gone-'))
    await client.call('CONFIG', 'SET', 'save', '3600 1', 'dir', gone)
    rmSync(gone, { recursive: true })
    await client.call('BGSAVE')
    for (let i = 0; i < 100; i++) {
      const info = String(await client.call('INFO', 'persistence'))
      if (info.includes('rdb_last_bgsave_status:err')) break
      await wait(20)
    }
    return () => client.call('CONFIG', 'SET', 'save', '', 'dir', folder)
  },
  LOADING: async (client, other) => {
    const slow = ['loading-process-events-interval-bytes', '1024', 'rdbcompression', 'no']
    await client.call('DEBUG', 'POPULATE', '1000', 'key', '1100')
    await client.call('CONFIG', 'SET', 'key-load-delay', '10000', ...slow)
    const reloaded = other.call('DEBUG', 'RELOAD')
    await wait(200)
    return async () => {
      await client.call('CONFIG', 'SET', 'key-load-delay', '0')
      await reloaded
    }
  },
  BUSY: async (client, other) => {
    await client.call('CONFIG', 'SET', 'busy-reply-threshold', '1')
    const running = other.call('EVAL', 'while true do end', '0')
    await wait(200)
    return async () => {
      await client.call('SCRIPT', 'KILL')
      await running
    }
  },
}

/** What each command is refused with; '' where it is not. */
async function refusals(client: RawClient, code: string): Promise<string[]> {
  const found: string[] = []
  for (const words of COMMANDS) {
    const reply = String(await client.call(...words))
    found.push(`${words.join(' ')}: ${reply.startsWith(`-${code} `) ? reply.trim() : ''}`)
  }
  return found
}

describe.skipIf(oracle === null)('refusals', () => {
  let real: ServerProcess
  let ours: RespiteServer
  const clients: RawClient[] = []
  const open = async (port: number): Promise<RawClient> => {
    const client = await RawClient.open(port)
    clients.push(client)
    return client
  }
  beforeAll(async () => {
    real = await startOracle(['--dir', folder, '--save', '', '--enable-protected-configs', 'yes'])
    ours = await createServer()
  })
  afterEach(() => {
    ours.faults.clear()
    for (const client of clients.splice(0)) client.close()
  })
  afterAll(async () => {
    await real.stop()
    await ours.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test.each(Object.entries(states))('%s', async (code, bring) => {
    const client = await open(real.port)
    const end = await bring(client, await open(real.port))
    const expected = await refusals(client, code)
    await end?.()
    expect(expected.some((line) => line.includes(`: -${code} `))).toBe(true)
    ours.faults.answer(code as FaultAnswer)
    expect(await refusals(await open(ours.port), code)).toEqual(expected)
  })
})
