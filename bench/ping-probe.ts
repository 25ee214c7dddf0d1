/**
 * A process of its own that pings a server every few milliseconds and says how long the answers took: the longest stall
 * as another client feels it. Apart from the loader's process, whose own work would count as latency.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ControlClient } from './control-client.ts'
import { percentile } from './statistics.ts'

export interface PingLatency {
  pings: number
  /** Milliseconds. */
  p50: number
  p99: number
  max: number
}

const PING_EVERY_MS = 5

/** Starts pinging 127.0.0.1:`port`, `every` ms after each answer; what it returns stops it and gives the latencies. */
export async function startPingProbe(
  port: number,
  every: number = PING_EVERY_MS,
): Promise<() => Promise<PingLatency>> {
  const child = fork(fileURLToPath(import.meta.url), [`${port}`, `${every}`])
  const next = <Message>(): Promise<Message> =>
    new Promise((resolve, reject) => {
      child.once('message', (message) => resolve(message as Message))
      child.once('exit', () => reject(new Error('the ping probe ended')))
    })
  await next<'ready'>()
  return () => {
    const latency = next<PingLatency>()
    child.send('stop')
    return latency
  }
}

async function probe(port: number, every: number): Promise<void> {
  process.once('disconnect', () => process.exit())
  const client = await ControlClient.connect(port)
  const samples: number[] = []
  const ping = async () => {
    const start = performance.now()
    await client.send('PING')
    samples.push(performance.now() - start)
  }
  for (let i = 0; i < 20; i++) await ping()
  samples.length = 0
  const stop = new AbortController()
  process.once('message', () => stop.abort())
  process.send?.('ready')
  while (!stop.signal.aborted) {
    await ping()
    await new Promise((resolve) => setTimeout(resolve, every))
  }
  client.close()
  const max = samples.reduce((most, sample) => Math.max(most, sample), 0)
  const latency: PingLatency = {
    pings: samples.length,
    p50: percentile(samples, 0.5),
    p99: percentile(samples, 0.99),
    max,
  }
  process.send?.(latency, () => process.disconnect())
}

const runAlone = process.argv[1] === fileURLToPath(import.meta.url) && process.send !== undefined
if (runAlone) await probe(Number(process.argv[2]), Number(process.argv[3]))
