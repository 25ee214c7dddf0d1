/**
 * Holds the clients' own memory (buffers, queued commands, subscriptions) to maxmemory-clients: above it the
 * largest clients are closed first. What one client takes is client-line.ts's tot-mem; the dataset is memory-limit.ts's.
 *
 * As in Redis, clients stand in buckets by the power of two below their size, so that the largest are found without
 * sorting: 19 buckets, 32 KiB and less in the lowest. All of them count for the sum, those with CLIENT NO-EVICT too;
 * those are only never closed, so where they alone are above the limit everyone else goes.
 *
 * A client is measured when something came from it or goes to it, which costs nothing while the limit is off and
 * some 50 ns a turn and client while it is on. What a client gave back since (the system took its replies) is only
 * noticed then, so before anyone is closed all are measured anew: the decision is never on old figures.
 */
import type { Client } from './client.ts'
import { clientBytes, clientLine } from './client-line.ts'
import type { Engine } from './engine.ts'

const LOWEST_BITS = 15
const BUCKETS = 19
/** With less than this nobody could talk to the server, not even to raise the limit. */
const LIMIT_MIN = 128 * 1024

export class ClientEviction {
  private readonly engine: Engine
  /** What each client took when last looked at; empty while there is no limit. */
  private readonly measured: Map<Client, number>
  private readonly buckets: Set<Client>[]
  private sum: number
  /** Bytes all clients may take together; 0: no limit. */
  private limit: number
  private scheduled: boolean
  /** Still above the limit with nobody left to close: has been said. */
  private helpless: boolean

  constructor(engine: Engine) {
    this.engine = engine
    this.measured = new Map()
    this.buckets = Array.from({ length: BUCKETS }, () => new Set())
    this.sum = 0
    this.limit = 0
    this.scheduled = false
    this.helpless = false
    for (const name of ['maxmemoryClients', 'maxmemory'] as const) {
      engine.configuration.onChange(name, () => this.configure())
    }
    this.configure()
  }

  /** Something came from the client or goes to it: it is measured, and the limit held soon. */
  touched(client: Client): void {
    if (this.limit === 0) return
    this.measure(client)
    this.runSoon()
  }

  /** A client that is gone. */
  forget(client: Client): void {
    const bytes = this.measured.get(client)
    if (bytes === undefined) return
    this.measured.delete(client)
    this.buckets[bucketOf(bytes)].delete(client)
    this.sum -= bytes
  }

  private configure(): undefined {
    const { maxmemory, maxmemoryClients } = this.engine.settings
    const share = Math.floor((maxmemory * -maxmemoryClients) / 100)
    const limit = maxmemoryClients < 0 ? share : maxmemoryClients
    this.limit = limit === 0 ? 0 : Math.max(limit, LIMIT_MIN)
    this.helpless = false
    if (this.limit === 0) for (const client of this.measured.keys()) this.forget(client)
    else {
      this.measureAll()
      this.runSoon()
    }
  }

  private measureAll(): void {
    for (const client of this.engine.clients.values()) this.measure(client)
  }

  private measure(client: Client): void {
    const bytes = clientBytes(client)
    // Mostly it is as large as before.
    const bucket = this.buckets[bucketOf(bytes)]
    if (this.measured.get(client) === bytes && bucket.has(client) !== client.noEvict) return
    this.forget(client)
    // It may have been closed by what it sent.
    if (this.engine.clients.get(client.id) !== client) return
    this.measured.set(client, bytes)
    this.sum += bytes
    if (!client.noEvict) bucket.add(client)
  }

  /** Not at once: the caller is in the middle of a client's input, and its replies may be about to leave. */
  private runSoon(): void {
    if (this.sum < this.limit) this.helpless = false
    else if (!this.scheduled && this.buckets.some(({ size }) => size > 0)) {
      this.scheduled = true
      this.engine.timers.immediate(() => this.run())
    }
  }

  private run(): void {
    this.scheduled = false
    if (this.limit === 0) return
    this.measureAll()
    for (let bucket = BUCKETS - 1; bucket >= 0; bucket--) {
      for (const client of this.buckets[bucket]) {
        if (this.sum < this.limit) return
        this.evict(client)
      }
    }
    if (this.sum < this.limit || this.helpless) return
    // Once, not for every client that comes and goes meanwhile.
    this.helpless = true
    this.engine.log.warning('Over client maxmemory after evicting all evictable clients')
  }

  private evict(client: Client): void {
    this.engine.log.notice(`Evicting client: ${clientLine(client)}`)
    this.engine.stats.evictedClients++
    client.link.destroy()
    this.forget(client)
  }
}

function bucketOf(bytes: number): number {
  const bits = Math.floor(Math.log2(bytes))
  return Math.max(0, Math.min(BUCKETS - 1, bits - LOWEST_BITS))
}
