/** An engine with a few commands of its own, a listener on a free port, and a client that counts bytes. */
import { connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Configuration } from '../../src/config/configuration.ts'
import type { DirectiveName } from '../../src/config/directives.ts'
import { HELD_BY_BLOCK } from '../../src/engine/client.ts'
import { family } from '../../src/engine/command.ts'
import { Engine } from '../../src/engine/engine.ts'
import { Listener } from '../../src/network/listener.ts'
import { type Clock, SystemClock } from '../../src/platform/clock.ts'
import { silentLog } from '../../src/platform/log.ts'
import { SeededRandom } from '../../src/platform/random.ts'
import { SystemTimers } from '../../src/platform/timers.ts'
import type { Arguments } from '../../src/protocol/arguments.ts'

export type Config = Readonly<Partial<Record<DirectiveName, string>>>

const spec = { summary: '', since: '', complexity: '', flags: [] }

/**
 * ECHO answers its argument, COUNT how many it has, SLOW takes its time, HOLD makes the client wait, BYE closes it, TELL
 * sends all others its argument.
 */
const commands = family('connection', {
  PING: { ...spec, syntax: '', run: (client) => client.reply.simple('PONG') },
  ECHO: {
    ...spec,
    syntax: 'message',
    run: (client, args: Arguments) => client.reply.bulk(args.block, args.offsets[1], args.lengths[1]),
  },
  COUNT: { ...spec, syntax: '[x [x ...]]', run: (client, args) => client.reply.integer(args.count) },
  SLOW: {
    ...spec,
    syntax: 'milliseconds',
    run: (client, args) => {
      client.engine.clock.hold(Number(args.text(1)))
      client.reply.ok()
    },
  },
  HOLD: {
    ...spec,
    syntax: '',
    run: (client) => {
      client.held |= HELD_BY_BLOCK
    },
  },
  BYE: {
    ...spec,
    syntax: '',
    run: (client) => {
      client.reply.ok()
      client.closeAfterReply = true
    },
  },
  TELL: {
    ...spec,
    syntax: 'message',
    run: (client, args) => {
      const { clients, pushes } = client.engine
      const others = [...clients.values()].filter((other) => other !== client)
      pushes.sendAll(new Set(others), (reply) => reply.simple(args.text(1)))
    },
  },
  KILL: { ...spec, syntax: '', run: (client) => client.link.destroy() },
})

export function newEngine(config: Config = {}, clock: Clock = new SystemClock()): Engine {
  const engine = new Engine({
    configuration: new Configuration(config),
    clock,
    timers: new SystemTimers(),
    random: new SeededRandom(1),
    log: silentLog(),
    families: [commands],
    shutdown: () => {},
  })
  engine.onFault = (where, error) => {
    throw new Error(`fault in ${where}`, { cause: error })
  }
  return engine
}

export interface Harness {
  readonly engine: Engine
  readonly listener: Listener
  /** A new connection; all of them are gone after close(). */
  client(): Promise<RawClient>
  close(): Promise<void>
}

export async function listen(config: Config = {}, plainReads = false): Promise<Harness> {
  const engine = newEngine({ bind: '127.0.0.1', ...config })
  const listener = new Listener(engine, { plainReads })
  const [address] = await listener.listen({ ephemeral: true })
  const clients: RawClient[] = []
  return {
    engine,
    listener,
    client: async () => {
      const client = new RawClient(connect(address.port, '127.0.0.1'))
      clients.push(client)
      await client.connected
      return client
    },
    close: async () => {
      for (const client of clients) client.socket.destroy()
      await listener.close()
    },
  }
}

export class RawClient {
  readonly socket: Socket
  readonly connected: Promise<void>
  received: Buffer = Buffer.alloc(0)
  /** The server has ended or reset the connection. */
  closed: boolean = false
  #chunks: Buffer[] = []
  #size: number = 0

  constructor(socket: Socket) {
    this.socket = socket
    this.connected = new Promise((resolve, reject) => {
      socket.once('connect', () => resolve())
      socket.once('error', reject)
    })
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#size += chunk.length
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
    })
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes)
  }

  /** Takes the next `size` bytes of reply; fewer when the server closes first. */
  async read(size: number): Promise<Buffer> {
    await until(() => this.#size >= size || this.closed)
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all.subarray(size)]
    this.#size = Math.max(0, all.length - size)
    return all.subarray(0, size)
  }

  async readText(size: number): Promise<string> {
    return (await this.read(size)).toString('latin1')
  }

  /** Everything until the server closes. */
  async readAll(): Promise<string> {
    return this.readText(Number.POSITIVE_INFINITY)
  }
}

/** Lets the event loop turn until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn > 5_000_000) throw new Error('waited too long')
    await nextTurn()
  }
}

export function request(...words: (string | Uint8Array)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = Buffer.from(word as string)
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

export function bulk(bytes: string | Uint8Array): Buffer {
  const body = Buffer.from(bytes as string)
  return Buffer.concat([Buffer.from(`$${body.length}\r\n`), body, Buffer.from('\r\n')])
}
