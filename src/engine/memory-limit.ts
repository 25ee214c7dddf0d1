/**
 * Holds commands to maxmemory: has keys evicted before one runs, refuses those that would need more memory when
 * that does not help, and goes on between turns with what takes longer. How keys are chosen is keyspace/eviction.ts.
 *
 * A request that may add data counts with its own size, as it does for Redis, where it lies in a query buffer that
 * is part of used_memory: so a value larger than maxmemory is refused, and nobody's keys go for it. Clients' buffers
 * count for used_memory but not for the limit (INFO mem_not_counted_for_evict): they have limits of their own, and a
 * slow reader should not cost the dataset keys.
 *
 * A megabyte into a server full of small values means evicting ten thousand of them, which is more than one turn
 * may take. Redis then lets the command run and is above maxmemory until it has caught up. Here its client waits,
 * while keys go in slices between turns and nobody else is held up; the room is reserved for it meanwhile.
 */
import { EVICTING, OUT_OF_ROOM } from '../keyspace/eviction.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { type Client, HELD_BY_MEMORY } from './client.ts'
import { type Command, FLAG } from './command.ts'
import type { Engine } from './engine.ts'
import { GATE_MEMORY } from './gates.ts'

/** What admits() says of a command: it may run, it is refused, or its client waits until there is room. */
export const ADMITTED = 0
export const REFUSED = 1
export const WAITS = 2

export class MemoryLimit {
  private readonly engine: Engine
  private readonly held: Set<Client>
  /** The next slice is scheduled. */
  private goingOn: boolean

  constructor(engine: Engine) {
    this.engine = engine
    this.goingOn = false
    this.held = new Set()
    const { configuration, keyspace } = engine
    this.setGate(engine.settings.maxmemory)
    configuration.onChange('maxmemory', (bytes) => {
      keyspace.eviction.configure()
      this.setGate(bytes)
      this.lowered(bytes)
      return undefined
    })
    configuration.onChange('maxmemoryPolicy', (policy) => {
      keyspace.lfu = policy.endsWith('lfu')
      keyspace.eviction.configure()
      return undefined
    })
  }

  /** Whether admits() has to be asked about a request; false for nearly all, at the cost of a comparison. */
  concerns(args: Arguments): boolean {
    return this.engine.keyspace.eviction.isTight(requestBytes(args))
  }

  /** Evicts as needed before a command with these FLAG bits. Says whether it may run, or be queued. */
  admits(client: Client, command: Command, flags: number, args: Arguments): number {
    const { eviction } = this.engine.keyspace
    const { transaction } = client
    const grows = (flags & FLAG.denyoom) !== 0
    let bytes = 0
    if (grows) bytes = command.runsQueue && transaction !== null ? transaction.bytes : requestBytes(args)
    if (!eviction.isTight(bytes) || this.standsStill) return ADMITTED
    const result = this.evict(bytes)
    if (result === EVICTING) {
      this.goOnSoon()
      if (!eviction.wouldExceed(bytes)) return ADMITTED
      this.hold(client, bytes)
      return WAITS
    }
    if (result !== OUT_OF_ROOM) return ADMITTED
    // Whatever it is, queueing it takes memory; and Redis refuses all but what ends MULTI.
    return !grows && (transaction === null || command.leavesMulti) ? ADMITTED : REFUSED
  }

  /** A client that is gone. */
  forget(client: Client): void {
    this.held.delete(client)
  }

  private hold(client: Client, bytes: number): void {
    const { eviction } = this.engine.keyspace
    client.held |= HELD_BY_MEMORY
    this.held.add(client)
    eviction.reserved = Math.max(eviction.reserved, bytes)
  }

  /** Has those who wait try again: there is room for one of them, or will be for none. */
  private release(): void {
    this.engine.keyspace.eviction.reserved = 0
    const clients = [...this.held]
    this.held.clear()
    for (const client of clients) {
      client.held &= ~HELD_BY_MEMORY
      client.link.resume()
    }
  }

  /** The dataset does while clients are paused, and while it is only coming to be. */
  private get standsStill(): boolean {
    return this.engine.pause.state !== 'none' || this.engine.keyspace.loading
  }

  private evict(bytes: number): number {
    const { eviction, latency } = this.engine.keyspace
    const begun = latency.begin()
    const result = eviction.run(bytes)
    latency.end('eviction-cycle', begun)
    return result
  }

  private setGate(maxmemory: number): void {
    if (maxmemory > 0) this.engine.gates |= GATE_MEMORY
    else this.engine.gates &= ~GATE_MEMORY
  }

  /** CONFIG SET: what is above the new limit goes in slices. */
  private lowered(maxmemory: number): void {
    const { keyspace, log } = this.engine
    const used = keyspace.usedBytes
    if (maxmemory === 0 || used <= maxmemory) return
    log.warning(
      `WARNING: the new maxmemory value set via CONFIG SET (${maxmemory}) is smaller than the current memory usage (${used}). This will result in key eviction and/or the inability to accept new write commands depending on the maxmemory-policy.`,
    )
    this.goOnSoon()
  }

  private goOnSoon(): void {
    if (this.goingOn) return
    this.goingOn = true
    this.engine.timers.immediate(() => {
      const { clock, keyspace } = this.engine
      this.goingOn = false
      clock.refresh()
      if (!this.standsStill && keyspace.eviction.goOn() === EVICTING) this.goOnSoon()
      else this.release()
    })
  }
}

/** Bytes of a request's arguments, which follow each other in its block. */
function requestBytes({ count, offsets, lengths }: Arguments): number {
  return offsets[count - 1] + lengths[count - 1] - offsets[0]
}
