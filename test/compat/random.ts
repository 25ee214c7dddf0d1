/**
 * Random command streams: seeded, pipelined to two servers, compared reply by reply; the first difference
 * is reported with the shortest stream found that still leads to one.
 */
import type { Pair, ScriptOptions } from './compare.ts'
import { printable, RawClient } from './raw-client.ts'
import { type Command, type Step, splitArguments, toStep } from './steps.ts'

/** Makes one command (or step: unordered(…), varies(…)) of a stream. */
export type Template = (dice: Dice) => Command | Step

export interface RandomOptions extends ScriptOptions {
  /** Commands per stream. Default 400. */
  readonly length?: number
  /** Streams, each from its own seed. Default 5. */
  readonly streams?: number
  /** How many commands of a hundred get their arguments damaged. Default 5. */
  readonly damaged?: number
}

/** A seeded source of choices, with the generators most templates need. */
export class Dice {
  private state: number

  constructor(seed: number) {
    this.state = (seed * 0x9e3779b1 + 1) >>> 0
  }

  /** 0 ≤ result < n. */
  below(n: number): number {
    let z = (this.state = (this.state + 0x9e3779b9) >>> 0)
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return ((z ^ (z >>> 16)) >>> 0) % n
  }

  /** Both ends included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]
  }

  oneIn(n: number): boolean {
    return this.below(n) === 0
  }

  /** Between low and high results of `make`. */
  many<T>(low: number, high: number, make: () => T): T[] {
    return Array.from({ length: this.between(low, high) }, make)
  }

  /** One of few keys, so that commands meet. */
  key(): string {
    return `k${this.below(5)}`
  }

  /** A short text, an integer, a float, something empty, binary or long. */
  value(): string {
    switch (this.below(8)) {
      case 0:
        return this.integer()
      case 1:
        return this.pick(['', '0', '-0', '1e3', '3.14', 'inf', 'nan', ' 1', '1 ', '+1', '01', '0x10'])
      case 2:
        return this.many(1, 12, () => String.fromCharCode(this.below(256))).join('')
      case 3:
        return this.pick(['a', 'b']).repeat(this.pick([1, 44, 45, 63, 64, 65, 300, 5000]))
      default:
        return this.pick(['a', 'b', 'c', 'd', 'hello', 'foobar'])
    }
  }

  /** Mostly small, sometimes at the edges of 64 bits or of other widths. */
  integer(): string {
    if (!this.oneIn(4)) return `${this.between(-20, 20)}`
    const edges = ['9223372036854775807', '-9223372036854775808', '9223372036854775806', '2147483647']
    return this.pick([...edges, '-2147483649', '4294967296', '127', '-129', '65536', '1000000', '3000000000'])
  }

  /** An integer for a time to live: never one that passes during a stream, on one server sooner than on the other. */
  lifetime(): string {
    const value = this.integer()
    return /^\d{1,5}$/.test(value) ? `-${value}` : value
  }

  /** An index into something of about ten elements, from either end. */
  index(): string {
    return `${this.between(-12, 12)}`
  }

  /** The word in some mixture of cases. */
  case(word: string): string {
    return this.pick([word, word.toLowerCase(), word.toUpperCase()])
  }
}

/** Compares `streams` random streams; rejects with the seed and the shortest failing stream found. */
export async function compareRandom(
  pair: Pair,
  templates: readonly Template[],
  options: RandomOptions,
  protocol: 2 | 3,
): Promise<void> {
  const first = Number(process.env.COMPAT_SEED ?? 1)
  for (let seed = first; seed < first + (options.streams ?? 5); seed++) {
    const stream = randomStream(seed, templates, options.length ?? 400, options.damaged ?? 5)
    const difference = await firstDifference(pair, stream, protocol)
    if (difference === null) continue
    const shortest = await shorten(pair, stream.slice(0, difference.index + 1), protocol)
    const last = (await firstDifference(pair, shortest, protocol)) ?? difference
    const lines = shortest.map((step) => `  ${step.title}`).join('\n')
    throw new Error(
      `replies differ (seed ${seed}, RESP${protocol}); shortest stream found, the last command differs:\n` +
        `${lines}\n  oracle:  ${last.oracle}\n  respite: ${last.ours}`,
    )
  }
}

function randomStream(seed: number, templates: readonly Template[], length: number, damaged: number): Step[] {
  const dice = new Dice(seed)
  return Array.from({ length }, () => {
    const like = dice.pick(templates)(dice)
    const whole = toStep(like)
    if (dice.below(100) >= damaged || (typeof like !== 'string' && 'kind' in like)) return whole
    const args = typeof like === 'string' ? splitArguments(like) : [...like]
    damage(dice, args)
    return toStep(args)
  })
}

/** Drops, doubles, adds, swaps or replaces an argument after the command's name. */
function damage(dice: Dice, args: (string | Buffer)[]): void {
  const at = Math.min(args.length, 1 + dice.below(args.length))
  const junk = dice.pick(['', 'x', '-1', '0', '1.5', 'NX', 'COUNT', '99999999999999999999', '\xff\x00'])
  const how = dice.below(4)
  if (how === 0) args.splice(at, 1)
  else if (how === 1) args.splice(at, 0, junk)
  else if (how === 2) args.splice(at, 1, junk)
  else args.push(junk)
}

interface Difference {
  readonly index: number
  readonly oracle: string
  readonly ours: string
}

/** Sends the stream to both, pipelined, after FLUSHALL; finds the first reply in which they differ. */
async function firstDifference(
  pair: Pair,
  stream: readonly Step[],
  protocol: 2 | 3,
): Promise<Difference | null> {
  const [oracle, ours] = await Promise.all([
    repliesOf(pair.oracle.port, stream, protocol),
    repliesOf(pair.respite.port, stream, protocol),
  ])
  for (const [index, step] of stream.entries()) {
    const normalize = step.normalize ?? ((frame: Buffer) => frame)
    const theirs = oracle[index]
    const mine = ours[index]
    if (theirs instanceof Buffer && mine instanceof Buffer) {
      const expected = step.ours ?? normalize(theirs)
      if (expected.equals(step.ours === null ? normalize(mine) : mine)) continue
    }
    return { index, oracle: show(theirs), ours: show(mine) }
  }
  return null
}

function show(frame: Buffer | string | undefined): string {
  return typeof frame === 'object' ? printable(frame) : (frame ?? '(nothing)')
}

/** The replies; after a failure to read one, the reason in its place and no more. */
async function repliesOf(
  port: number,
  stream: readonly Step[],
  protocol: 2 | 3,
): Promise<(Buffer | string)[]> {
  const client = await RawClient.open(port)
  const replies: (Buffer | string)[] = []
  try {
    await client.call('FLUSHALL')
    await client.call('HELLO', `${protocol}`)
    client.write(Buffer.concat(stream.map((step) => step.bytes)))
    for (let i = 0; i < stream.length; i++) replies.push(await client.frame())
  } catch (error) {
    replies.push((error as Error).message)
  } finally {
    client.close()
  }
  return replies
}

/** Drops ever smaller parts of the stream while some difference remains; bounded in tries and time. */
async function shorten(pair: Pair, stream: Step[], protocol: 2 | 3): Promise<Step[]> {
  const deadline = Date.now() + 8000
  let best = stream
  for (let size = best.length >> 1; size >= 1; size = size > 1 ? size >> 1 : 0) {
    for (let at = 0; at + size < best.length && Date.now() < deadline; ) {
      const candidate = [...best.slice(0, at), ...best.slice(at + size)]
      const difference = await firstDifference(pair, candidate, protocol)
      if (difference === null) at += size
      else best = candidate.slice(0, difference.index + 1)
    }
  }
  return best
}
