/**
 * A pipelined request from its bytes to its reply's, without the system calls: decoding, dispatch, command.
 * Reports CPU time, which a busy machine disturbs less than elapsed time; beside it, in brackets, that of a server
 * without slow log and latency tracking. `--deep` inlines as the program does; `--depth 1` has one request in a chunk,
 * where what is done for every chunk counts.
 */
import { parseArgs } from 'node:util'
import { families } from '../../src/commands/families.ts'
import { Configuration } from '../../src/config/configuration.ts'
import { Engine } from '../../src/engine/engine.ts'
import { LocalConnection } from '../../src/network/local-connection.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { inlineDeeply } from '../../src/platform/inlining.ts'
import { silentLog } from '../../src/platform/log.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { SystemTimers } from '../../src/platform/timers.ts'

const REQUESTS = 256_000
const ROUNDS = 7

/** Settings under which single commands are observed, and not. */
const OBSERVED = [
  'slowlog-log-slower-than',
  '10000',
  'latency-monitor-threshold',
  '100',
  'latency-tracking',
  'yes',
]
const BLIND = ['slowlog-log-slower-than', '-1', 'latency-monitor-threshold', '0', 'latency-tracking', 'no']

const value = 'x'.repeat(32)
const COMMANDS: Readonly<Record<string, (key: string) => string[]>> = {
  PING: () => ['PING'],
  HELLO: () => ['HELLO', '2'],
  SET: (key) => ['SET', key, value],
  GET: (key) => ['GET', key],
  LPUSH: () => ['LPUSH', 'list', value],
  LPOP: () => ['LPOP', 'list'],
  LRANGE_100: () => ['LRANGE', 'list100', '0', '99'],
  PUBLISH: () => ['PUBLISH', 'news:1', value],
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

function chunksOf(make: (key: string) => string[], keys: number, depth: number): Buffer[] {
  return Array.from({ length: REQUESTS / depth }, () =>
    Buffer.from(
      Array.from({ length: depth }, () =>
        encode(make(`key:${String(Math.floor(Math.random() * keys)).padStart(12, '0')}`)),
      ).join(''),
    ),
  )
}

function newConnection(): LocalConnection {
  const engine = new Engine({
    configuration: new Configuration(),
    clock: new SystemClock(),
    timers: new SystemTimers(),
    random: systemRandom(),
    log: silentLog(),
    families,
    shutdown: () => {},
  })
  return new LocalConnection(engine)
}

/** Nanoseconds of CPU a request, observed and not: the least of the rounds, which alternate. */
function measure(connection: LocalConnection, chunks: readonly Buffer[]): number[] {
  const subscriber = new LocalConnection(connection.client.engine)
  subscriber.call('SUBSCRIBE', 'news:1')
  const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let round = 0; round < ROUNDS * least.length; round++) {
    const mode = round % least.length
    connection.call('CONFIG', 'SET', ...(mode === 0 ? OBSERVED : BLIND))
    const start = process.cpuUsage().user
    for (const chunk of chunks) {
      connection.send(chunk)
      connection.client.reply.release()
      subscriber.client.reply.release()
    }
    least[mode] = Math.min(least[mode], process.cpuUsage().user - start)
  }
  subscriber.close()
  return least.map((micros) => (micros * 1000) / REQUESTS)
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { deep: { type: 'boolean', default: false }, depth: { type: 'string', default: '64' } },
})
if (options.deep) inlineDeeply()
const depth = Number(options.depth)
const [wanted = Object.keys(COMMANDS).join(','), keyCounts = '1000,100000,1000000'] = positionals
for (const keys of keyCounts.split(',').map(Number)) {
  const connection = newConnection()
  for (let i = 0; i < keys; i++) connection.call('SET', `key:${String(i).padStart(12, '0')}`, value)
  for (let i = 0; i < 100; i++) connection.call('RPUSH', 'list100', value)
  for (const name of wanted.split(',')) {
    const [ns, blind] = measure(connection, chunksOf(COMMANDS[name], keys, depth))
    console.log(`${name.padEnd(12)} ${keys} keys: ${ns.toFixed(0)} ns (${blind.toFixed(0)} ns)`)
  }
}
