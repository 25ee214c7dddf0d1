/**
 * Compares the configuration with redis-server's: every directive's name and default, CONFIG SET's refusals
 * and accepted spellings, and CONFIG GET's patterns. It drives Configuration itself; no server of ours runs.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/config/config-error.ts'
import { Configuration } from '../../src/config/configuration.ts'
import { globMatches } from '../../src/structures/glob.ts'
import { oracle, startOracle } from './oracle.ts'
import { RawClient } from './raw-client.ts'
import type { ServerProcess } from './server-process.ts'

/** Names the oracle (7.0) does not have, and why we do. */
const LATER_NAMES: Readonly<Record<string, string>> = {
  'set-max-listpack-entries': 'since 7.2',
  'set-max-listpack-value': 'since 7.2',
  'locale-collate': 'since 7.2',
  'cluster-announce-human-nodename': 'since 7.2',
  'server-cpulist': 'spelling since 7.2',
  'bio-cpulist': 'spelling since 7.2',
  'aof-rewrite-cpulist': 'spelling since 7.2',
  'bgsave-cpulist': 'spelling since 7.2',
  'log-format': 'as in Valkey',
  'log-timestamp-format': 'as in Valkey',
  'idle-exit': 'ours',
  'idle-poll-time-us': 'ours, named as in Seastar',
  'self-check-interval': 'ours',
  'self-check-action': 'ours',
  'save-over-replaced': 'ours',
  'metrics-port': 'ours',
  'metrics-bind': 'ours',
}

/** Names whose value on the oracle is what the test started it with. */
const STARTED_WITH: readonly string[] = ['port', 'dir', 'bind', 'save', 'enable-debug-command']

/** CONFIG SET calls that both refuse alike. One directive a line, or several pairs. */
const REFUSED: readonly (readonly string[])[] = [
  ['port', 'abc'],
  ['port', '70000'],
  ['port', '-1'],
  ['port', '99999999999999999999'],
  ['hz', '1.5'],
  ['hz', ''],
  ['hz', '+5'],
  ['hz', '05'],
  ['hz', '-0'],
  ['hz', '0x10'],
  ['hz', '2147483648'],
  ['list-compress-depth', '-1'],
  ['maxclients', '0'],
  ['maxclients', '5000000000'],
  ['maxmemory-samples', '0'],
  ['active-expire-effort', '11'],
  ['lua-time-limit', '-1'],
  ['maxmemory', '1x'],
  ['maxmemory', '-1'],
  ['maxmemory', '1.5gb'],
  ['maxmemory', '12gb3'],
  ['client-query-buffer-limit', '1'],
  ['client-query-buffer-limit', '1x'],
  ['client-query-buffer-limit', '9223372036854775808'],
  ['proto-max-bulk-len', '1023kb'],
  ['maxmemory-clients', '101%'],
  ['maxmemory-clients', '-5%'],
  ['maxmemory-clients', '-1'],
  ['maxmemory-clients', '%'],
  ['maxmemory-clients', '050%'],
  ['maxmemory-policy', 'x'],
  ['appendfsync', ''],
  ['activerehashing', 'maybe'],
  ['shutdown-on-sigint', 'foo'],
  ['shutdown-on-sigint', ''],
  ['shutdown-on-sigint', 'force  now'],
  ['shutdown-on-sigint', 'save nosave'],
  ['notify-keyspace-events', 'q'],
  ['client-output-buffer-limit', 'foo'],
  ['client-output-buffer-limit', 'foo 1 2 3'],
  ['client-output-buffer-limit', 'normal 1 x 3'],
  ['client-output-buffer-limit', 'normal 1 2 -3'],
  ['client-output-buffer-limit', 'normal 1  2 3'],
  ['client-output-buffer-limit', 'normal 1 2 3 '],
  ['latency-tracking-info-percentiles', '101'],
  ['latency-tracking-info-percentiles', 'x'],
  ['latency-tracking-info-percentiles', 'nan'],
  ['latency-tracking-info-percentiles', '1  2'],
  ['oom-score-adj-values', '1'],
  ['oom-score-adj-values', '1 2 3000'],
  ['oom-score-adj-values', '1 2 a'],
  ['save', 'x'],
  ['save', '900 1 300'],
  ['save', '900 x'],
  ['save', '-1 1'],
  ['save', '0 1'],
  ['save', '900  1'],
  ['proc-title-template', '{foo}'],
  ['proc-title-template', '{title'],
  ['proc-title-template', ''],
  ['bind', Array.from({ length: 17 }, () => '127.0.0.1').join(' ')],
  ['databases', '5'],
  ['unixsocketperm', '700'],
  ['replicaof', 'a'],
  ['dir', '/'],
  ['dbfilename', 'x'],
  ['nonsense', '1'],
  ['user', 'x'],
  ['include', 'x'],
  ['list-max-ziplist-entries', '5'],
  ['hz', '5', 'hz', '6'],
  ['hz', '5', 'HZ', '6'],
  ['list-max-ziplist-size', '-1', 'nonsense', '1'],
  ['nonsense', '1', 'hz', '1', 'hz', '2'],
  ['hz', '1', 'hz', '2', 'nonsense', '1'],
  ['hz', 'abc', 'databases', '5'],
  ['dir', '/', 'hz', 'abc'],
  ['timeout', 'abc', 'hz', 'abc'],
  ['hz', '17', 'timeout', 'abc'],
  ['lua-time-limit', '1', 'busy-reply-threshold', 'x'],
]

/** Values both accept, to be shown alike afterwards. */
const ACCEPTED: readonly (readonly [string, string])[] = [
  ['hz', '0'],
  ['hz', '1000'],
  ['hz', '17'],
  ['activerehashing', 'YES'],
  ['loglevel', 'WARNING'],
  ['client-query-buffer-limit', '1mb'],
  ['client-query-buffer-limit', '0002m'],
  ['client-query-buffer-limit', '5G'],
  ['proto-max-bulk-len', '600MB'],
  ['list-max-ziplist-size', '-2147483648'],
  ['lua-time-limit', '9223372036854775807'],
  ['maxmemory-policy', 'ALLKEYS-lfu'],
  ['proc-title-template', '{title} {{ {port}'],
  ['maxmemory', ''],
  ['maxmemory', 'kb'],
  ['maxmemory-clients', '0%'],
  ['shutdown-on-sigint', 'default default'],
  ['client-output-buffer-limit', ''],
  ['client-output-buffer-limit', 'SLAVE 256mb 64mb 60'],
  ['latency-tracking-info-percentiles', '5e1 99.0 99.90'],
  ['save', ''],
]

const matches = (pattern: string, name: string): boolean => {
  const bytes = Buffer.from(pattern)
  return globMatches(bytes, 0, bytes.length, Buffer.from(name), 0, name.length, true)
}

function pairsOf(frame: Buffer): [string, string][] {
  const values = frame
    .toString()
    .split('\r\n')
    .slice(1, -1)
    .filter((_, index) => index % 2 === 1)
  return values.filter((_, index) => index % 2 === 0).map((name, index) => [name, values[index * 2 + 1]])
}

const sorted = (pairs: [string, string][]): [string, string][] =>
  pairs.toSorted(([one], [other]) => (one < other ? -1 : 1))

/** What our CONFIG SET would reply. */
function ours(configuration: Configuration, words: readonly string[]): string {
  const pairs: [string, string][] = []
  for (let index = 0; index < words.length; index += 2) pairs.push([words[index], words[index + 1]])
  try {
    configuration.set(pairs, false)
    return '+OK\r\n'
  } catch (error) {
    if (error instanceof ConfigError) return `-${error.message}\r\n`
    throw error
  }
}

describe.skipIf(oracle === null)('compat: configuration', () => {
  let server: ServerProcess
  let client: RawClient
  beforeAll(async () => {
    server = await startOracle()
    client = await RawClient.open(server.port)
  })
  afterAll(async () => {
    await server.stop()
  })

  const theirs = async (...args: string[]): Promise<string> =>
    (await client.call('CONFIG', ...args)).toString()

  test('every name and default', async () => {
    const expected = pairsOf(await client.call('CONFIG', 'GET', '*'))
    const mine = new Configuration().get(['*'], matches)
    const later = Object.keys(LATER_NAMES)
    expect(mine.map(([name]) => name).filter((name) => later.includes(name))).toHaveLength(later.length)
    const comparable = (pairs: [string, string][]): [string, string][] =>
      sorted(pairs.filter(([name]) => !later.includes(name) && !STARTED_WITH.includes(name)))
    expect(comparable(mine)).toEqual(comparable(expected))
    expect(expected.map(([name]) => name)).toEqual(expect.arrayContaining([...STARTED_WITH]))
  })

  test('hidden directives and their defaults', async () => {
    const hidden = [
      'watchdog-period',
      'rdb-key-save-delay',
      'key-load-delay',
      'use-exit-on-panic',
      'loading-process-events-interval-bytes',
    ]
    const expected = pairsOf(await client.call('CONFIG', 'GET', ...hidden))
    expect(sorted(new Configuration().get(hidden, matches))).toEqual(sorted(expected))
  })

  test.each(REFUSED.map((words) => [words.join(' '), words] as const))('refused: %s', async (_, words) => {
    const expected = await theirs('SET', ...words)
    expect(expected.startsWith('-')).toBe(true)
    expect(ours(new Configuration(), words)).toBe(expected)
  })

  test.each(ACCEPTED)('accepted: %s %j', async (name, text) => {
    const configuration = new Configuration()
    expect(await theirs('SET', name, text)).toBe('+OK\r\n')
    expect(ours(configuration, [name, text])).toBe('+OK\r\n')
    const shown = configuration.get([name], matches)
    expect(shown).toEqual(pairsOf(await client.call('CONFIG', 'GET', name)))
  })

  test('patterns', async () => {
    const parts = ['*', '?', 'HZ', 'save', '-', '[a-m]', '[^l]', 'MAX', '\\l', 'list', 's', 'e', '[Z-a]']
    const later = Object.keys(LATER_NAMES)
    let state = 7
    const below = (limit: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * limit)
    }
    const configuration = new Configuration()
    for (let count = 0; count < 300; count++) {
      const pattern = Array.from({ length: 1 + below(4) }, () => parts[below(parts.length)]).join('')
      const expected = pairsOf(await client.call('CONFIG', 'GET', pattern)).map(([name]) => name)
      const mine = configuration.get([pattern], matches).map(([name]) => name)
      expect({ pattern, names: mine.filter((name) => !later.includes(name)).sort() }).toEqual({
        pattern,
        names: expected.sort(),
      })
    }
  })
})
