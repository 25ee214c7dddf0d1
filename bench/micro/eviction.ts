/**
 * What eviction costs: SETs of new keys in a pipeline into a full server, without the system calls, beside SETs into one
 * without a limit. Reports CPU time per SET, which a busy machine disturbs less than elapsed time.
 */
import { families } from '../../src/commands/families.ts'
import { Configuration } from '../../src/config/configuration.ts'
import { Engine } from '../../src/engine/engine.ts'
import { LocalConnection } from '../../src/network/local-connection.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { silentLog } from '../../src/platform/log.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { SystemTimers } from '../../src/platform/timers.ts'

const DEPTH = 16
const CHUNKS = 20_000
const ROUNDS = 5
const NO_LIMIT = 'no limit'

const value = 'x'.repeat(32)

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

/** A pipeline of SETs; the digits of its keys are written anew each time, all at the same places. */
const SET = `*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$${value.length}\r\n${value}\r\n`
const DIGITS_AT = SET.indexOf('key:') + 4
const pipeline = Buffer.from(SET.repeat(DEPTH))

function setRandomKeys(connection: LocalConnection): void {
  for (let i = 0; i < DEPTH; i++) {
    let number = Math.floor(Math.random() * 1e9)
    const first = i * SET.length + DIGITS_AT
    for (let at = first + 11; at > first + 2; at--) {
      pipeline[at] = 48 + (number % 10)
      number = Math.floor(number / 10)
    }
  }
  connection.send(pipeline)
  connection.client.reply.release()
}

/** Nanoseconds of CPU a SET, the making of its key included: the least of the rounds. */
function measure(connection: LocalConnection, rounds: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage().user
    for (let i = 0; i < CHUNKS; i++) setRandomKeys(connection)
    least = Math.min(least, process.cpuUsage().user - start)
  }
  return (least * 1000) / (CHUNKS * DEPTH)
}

const [wanted = `${NO_LIMIT},allkeys-lru,allkeys-lfu,allkeys-random`, keyCounts = '200000,2000000'] =
  process.argv.slice(2)
for (const keys of keyCounts.split(',').map(Number)) {
  for (const policy of wanted.split(',')) {
    const connection = newConnection()
    const { keyspace } = connection.client.engine
    while (keyspace.keyCount < keys) setRandomKeys(connection)
    if (policy !== NO_LIMIT) {
      connection.call('CONFIG', 'SET', 'maxmemory-policy', policy)
      // No turn comes in which a client that has to wait could go on.
      connection.call('CONFIG', 'SET', 'maxmemory-eviction-tenacity', '100')
      connection.call('CONFIG', 'SET', 'maxmemory', `${keyspace.usedBytes}`)
    }
    const ns = measure(connection, policy === NO_LIMIT ? 1 : ROUNDS)
    console.log(`${policy.padEnd(16)} ${keys} keys: ${ns.toFixed(0)} ns`)
  }
}
