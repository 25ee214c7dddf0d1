/**
 * A process of its own that sends requests at a fixed rate, however fast they are answered, and says how long the
 * answers took. At a fixed rate a server that stalls lets requests pile up, as it would with real clients.
 */
import { fork } from 'node:child_process'
import net from 'node:net'
import { fileURLToPath } from 'node:url'
import Parser from 'redis-parser'
import { keyTemplate, writeDigits } from './loader.ts'

/** What is sent: SETs of random ones of `keys` keys, or RPUSH and LPOP in turn on the list `list`. */
export interface OpenLoad {
  port: number
  perSecond: number
  keys: number
  list?: string
  /** Also tell the worst latencies in the course of time. */
  timeline?: boolean
}

/** Milliseconds from sending a request to its answer. */
export interface Latency {
  count: number
  p50: number
  p99: number
  p999: number
  max: number
  /** At each of QUANTILES. */
  curve: number[]
  /** The longest of what was sent in each TIMELINE_STEP_MS since the beginning; null where nothing was. */
  worst?: (number | null)[]
}

export const TIMELINE_STEP_MS = 20

/** Where the distribution is told: the finer, the nearer to the end that clients feel. */
export const QUANTILES: readonly number[] = [
  0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.9999,
]

export interface OpenLoop {
  /** Forgets the latencies so far. */
  begin: () => Promise<void>
  /** The latencies of what was answered since; it goes on sending. */
  end: () => Promise<Latency>
  stop: () => void
}

const CONNECTIONS = 20
const VALUE_BYTES = 32

/** Starts sending; resolves when all connections are open. */
export async function startOpenLoop(load: OpenLoad): Promise<OpenLoop> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(load)])
  const next = <Message>(): Promise<Message> =>
    new Promise((resolve, reject) => {
      child.once('message', (message) => resolve(message as Message))
      child.once('exit', () => reject(new Error('the load ended')))
    })
  const ask = <Message>(what: string): Promise<Message> => {
    const answer = next<Message>()
    child.send(what)
    return answer
  }
  await next()
  return {
    begin: () => ask('begin'),
    end: () => ask('end'),
    stop: () => child.kill(),
  }
}

function fail(error: Error): never {
  throw error
}

class Connection {
  readonly socket: net.Socket
  /** When each unanswered request was sent. */
  private readonly sent: number[] = []

  /** `answered` hears when a request was sent and how long its answer took, in milliseconds. */
  constructor(port: number, answered: (sent: number, took: number) => void) {
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    const parser = new Parser({
      returnReply: () => {
        const sent = this.sent.shift() as number
        answered(sent, performance.now() - sent)
      },
      returnError: fail,
      returnFatalError: fail,
    })
    this.socket.on('data', (chunk: Buffer) => parser.execute(chunk))
  }

  send(requests: readonly Buffer[]): void {
    const now = performance.now()
    for (let i = 0; i < requests.length; i++) this.sent.push(now)
    this.socket.write(Buffer.concat(requests))
  }
}

function requestMaker({ keys, list }: OpenLoad): (index: number) => Buffer {
  if (list !== undefined) {
    const push = Buffer.from(`*3\r\n$5\r\nRPUSH\r\n$${list.length}\r\n${list}\r\n$10\r\nabcdefghij\r\n`)
    const pop = Buffer.from(`*2\r\n$4\r\nLPOP\r\n$${list.length}\r\n${list}\r\n`)
    return (index) => (index % 2 === 0 ? push : pop)
  }
  const template = keyTemplate(VALUE_BYTES)
  return () => {
    const request = Buffer.from(template.bytes)
    writeDigits(request, template.digitsAt + 12, Math.floor(Math.random() * keys))
    return request
  }
}

async function send(load: OpenLoad): Promise<void> {
  process.once('disconnect', () => process.exit())
  let samples: number[] = []
  let worst: number[] = []
  let began = performance.now()
  const answered = (sent: number, took: number): void => {
    samples.push(took)
    const step = Math.floor((sent - began) / TIMELINE_STEP_MS)
    if (step >= 0 && !(worst[step] >= took)) worst[step] = took
  }
  const connections = Array.from({ length: CONNECTIONS }, () => new Connection(load.port, answered))
  await Promise.all(
    connections.map(({ socket }) => new Promise((resolve) => socket.once('connect', resolve))),
  )
  const make = requestMaker(load)
  process.on('message', (what) => {
    if (what === 'end') {
      const timeline = load.timeline === true ? { worst: Array.from(worst, (took) => took ?? null) } : {}
      process.send?.({ ...latencyOf(samples), ...timeline })
    }
    samples = []
    worst = []
    began = performance.now()
    if (what === 'begin') process.send?.('begun')
  })
  process.send?.('ready')
  const start = performance.now()
  let count = 0
  for (;;) {
    const due = Math.floor(((performance.now() - start) * load.perSecond) / 1000)
    const share = Math.ceil((due - count) / CONNECTIONS)
    for (let i = 0; count < due; i++) {
      const requests: Buffer[] = []
      for (; requests.length < share && count < due; count++) requests.push(make(count))
      connections[i].send(requests)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

function latencyOf(samples: readonly number[]): Latency {
  const sorted = Float64Array.from(samples).sort()
  const at = (share: number): number =>
    sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
  return {
    count: sorted.length,
    p50: at(0.5),
    p99: at(0.99),
    p999: at(0.999),
    max: at(1),
    curve: QUANTILES.map(at),
  }
}

const runAlone = process.argv[1] === fileURLToPath(import.meta.url) && process.send !== undefined
if (runAlone) await send(JSON.parse(process.argv[2]) as OpenLoad)
