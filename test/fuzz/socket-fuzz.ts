/**
 * Sends random bytes and mutated traffic to a running server while a healthy client checks that it is served
 * and that memory stays bounded. Usage: tsx test/fuzz/socket-fuzz.ts PORT [SECONDS] [SEED]
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { SeededRandom } from '../../src/platform/random.ts'
import { Traffic } from './traffic.ts'

const HOSTILE_CLIENTS = 20
/** Growth of the resident set beyond this fails the run, bytes. */
const GROWTH_MAX = 400 * 1024 * 1024
/** A healthy client that waits longer than this is not being served, milliseconds. */
const PATIENCE = 2000

const [portText, secondsText = '600', seedText = '1'] = process.argv.slice(2)
const port = Number(portText)
const end = Date.now() + Number(secondsText) * 1000
const counts = { connections: 0, writes: 0, bytes: 0, healthy: 0, slowest: 0 }

async function open(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** Connects, misbehaves for a while, goes away in one of several manners; until the time is up. */
async function misbehave(traffic: Traffic): Promise<void> {
  while (Date.now() < end) {
    const socket = await open()
    counts.connections++
    socket.on('error', () => {})
    // Some never read what they are answered.
    if (traffic.below(5) > 0) socket.resume()
    for (let writes = 1 + traffic.below(30); writes > 0 && !socket.destroyed && Date.now() < end; writes--) {
      const bytes = traffic.next()
      const cut = traffic.cut(bytes)
      socket.write(bytes.subarray(0, cut))
      if (traffic.below(3) === 0) await wait(traffic.below(5))
      socket.write(bytes.subarray(cut))
      counts.writes++
      counts.bytes += bytes.length
      await wait(0)
    }
    if (traffic.below(3) === 0) socket.resetAndDestroy()
    else if (traffic.below(2) === 0) socket.end()
    else socket.destroy()
    if (traffic.below(2) === 0) await wait(traffic.below(20))
    socket.destroy()
  }
}

class HealthyClient {
  #socket: Socket
  #received: string = ''

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#received += text
    })
  }

  /** Sends `line` and returns the reply that ends with `ending`. */
  async ask(line: string, ending: string): Promise<string> {
    const started = performance.now()
    this.#received = ''
    this.#socket.write(`${line}\r\n`)
    while (!this.#received.endsWith(ending)) {
      if (performance.now() - started > PATIENCE) {
        throw new Error(
          `no answer to ${line} within ${PATIENCE} ms: ${JSON.stringify(this.#received.slice(0, 200))}`,
        )
      }
      await once(this.#socket, 'data', { signal: AbortSignal.timeout(PATIENCE) })
    }
    counts.healthy++
    counts.slowest = Math.max(counts.slowest, performance.now() - started)
    return this.#received
  }

  async memory(): Promise<number> {
    const info = await this.ask('INFO memory', '\r\n')
    return Number(/used_memory_rss:(\d+)/.exec(info)?.[1])
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1048576).toFixed(0)} MiB`
}

async function check(): Promise<void> {
  const client = new HealthyClient(await open())
  const atStart = await client.memory()
  let most = atStart
  for (let round = 0; Date.now() < end; round++) {
    await client.ask('PING', '+PONG\r\n')
    await client.ask(`SET healthy ${round}`, '+OK\r\n')
    const value = await client.ask('GET healthy', `${round}\r\n`)
    if (value !== `$${String(round).length}\r\n${round}\r\n`) throw new Error(`GET healthy answered ${value}`)
    most = Math.max(most, await client.memory())
    if (most - atStart > GROWTH_MAX) throw new Error(`memory grew from ${atStart} to ${most} bytes`)
    await wait(10)
  }
  await client.ask('FLUSHALL', '+OK\r\n')
  console.log(`memory: ${mebibytes(atStart)} at start, ${mebibytes(most)} at most`)
}

const seed = Number(seedText)
const hostile = Array.from({ length: HOSTILE_CLIENTS }, (_, index) =>
  misbehave(new Traffic(new SeededRandom(seed * 1000 + index))),
)
await Promise.all([check(), ...hostile])
console.log(
  `${counts.connections} hostile connections, ${counts.writes} writes, ${counts.bytes} bytes; ` +
    `${counts.healthy} healthy requests, the slowest ${counts.slowest.toFixed(0)} ms`,
)
