/** One fault that a test has asked for: which commands it strikes and how hard, drawn from a seed. What follows is faults.ts's. */
import { type Random, SeededRandom } from '../platform/random.ts'
import type { ErrorReply } from '../protocol/error-replies.ts'
import type { Client } from './client.ts'
import type { Command } from './command.ts'

/** From and to, both included. */
export interface Range {
  readonly least: number
  readonly most: number
}

/** Where a connection breaks: before the command runs, or after so many bytes of its reply. */
export interface Break {
  readonly at: 'request' | number
  /** Its peer gets a reset in place of an end. */
  readonly reset: boolean
}

/** What a fault strikes, and what it does to what it strikes; null: that it leaves alone. */
export interface FaultSpec {
  /** Null: everything, and what is sent unasked too where neither chance nor number is limited. */
  readonly strikes: ((command: Command) => boolean) | null
  /** The chance that it strikes, 0 to 1. */
  readonly rate: number
  /** How often it strikes; Infinity for always. */
  readonly times: number
  /** How many commands it lets pass first. */
  readonly skip: number
  /** Is given in place of running the command. */
  readonly answer: ErrorReply | null
  /** While it is set for good INFO tells that the dataset is being loaded, as clients that ask before they begin expect. */
  readonly loading: boolean
  /** Milliseconds that the reply is held back for. */
  readonly delay: Range | null
  /** Bytes that leave at once. */
  readonly pieces: Range | null
  readonly breaks: Break | null
}

/** Draws of replies to commands and of what is sent unasked, which comes in whatever portions it comes. */
const ASKED = 0
const UNASKED = 1

export class Fault {
  readonly spec: FaultSpec
  /** How many commands it has struck. */
  hits: number
  private readonly seed: number
  private readonly number: number
  private skipped: number
  /** A client's draws depend on nothing but what the client does: other clients come and go between them. */
  private readonly randoms: readonly [WeakMap<Client, Random>, WeakMap<Client, Random>]

  /** Two faults of one `seed` have different numbers. */
  constructor(spec: FaultSpec, seed: number, number: number) {
    this.spec = spec
    this.hits = 0
    this.seed = seed
    this.number = number
    this.skipped = 0
    this.randoms = [new WeakMap(), new WeakMap()]
  }

  /** Whether it strikes this command, the client being the `nth`; then it has. */
  strikes(client: Client, nth: number, command: Command): boolean {
    const { strikes, rate, times, skip } = this.spec
    if (this.hits >= times || strikes?.(command) === false) return false
    if (this.skipped < skip) {
      this.skipped++
      return false
    }
    if (rate < 1 && this.random(client, nth, ASKED).fraction() >= rate) return false
    this.hits++
    return true
  }

  /** It strikes messages and pushes too. */
  get strikesUnasked(): boolean {
    return this.spec.strikes === null && this.unlimited
  }

  /** It strikes whatever it can. */
  get unlimited(): boolean {
    const { rate, times, skip } = this.spec
    return rate === 1 && times === Number.POSITIVE_INFINITY && skip === 0
  }

  /** A number out of `range` for what it strikes. */
  draw(range: Range, client: Client, nth: number, asked: boolean): number {
    if (range.least === range.most) return range.least
    return within(range, this.random(client, nth, asked ? ASKED : UNASKED))
  }

  /** The sizes of the pieces of one reply, one call each. They are drawn when they leave, so the draws are their own. */
  sizes(range: Range, client: Client, nth: number, asked: boolean): () => number {
    const { least, most } = range
    if (least === most) return () => least
    const random = new SeededRandom(this.random(client, nth, asked ? ASKED : UNASKED).uint32())
    return () => within(range, random)
  }

  private random(client: Client, nth: number, kind: typeof ASKED | typeof UNASKED): Random {
    const randoms = this.randoms[kind]
    let random = randoms.get(client)
    if (random === undefined) {
      random = new SeededRandom(this.seed, this.number * 2 + kind, nth)
      randoms.set(client, random)
    }
    return random
  }
}

function within({ least, most }: Range, random: Random): number {
  return least + random.below(most - least + 1)
}
