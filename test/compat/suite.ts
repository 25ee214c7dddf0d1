/**
 * The frame of a compat test file: one oracle and one Respite for the file, scripts run in RESP2 and RESP3,
 * all skipped where there is no redis-server.
 *
 *   compat('lists', ({ script, random }) => {
 *     script('LPOP with a count', ['RPUSH k a b c', 'LPOP k 2', 'LPOP k -1', 'LPOP nokey 1'])
 *     script('packed lists', ['RPUSH k a', …], { config: { 'list-max-listpack-size': '2' } })
 *     random('list commands', [(d) => ['LPUSH', d.key(), d.value()], (d) => ['LRANGE', d.key(), d.index(), d.index()]])
 *   })
 *
 * steps.ts has the vocabulary of steps; differences.ts the known differences between the oracle and 7.2.
 * RESPITE_TARGET=oracle runs redis-server on both sides; COMPAT_SEED=n tries other random streams.
 */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { compare, configure, type Pair, type ScriptOptions } from './compare.ts'
import { oracle, startOracle } from './oracle.ts'
import { compareRandom, type RandomOptions, type Template } from './random.ts'
import { startRespite } from './respite.ts'
import type { ServerProcess } from './server-process.ts'
import type { StepLike } from './steps.ts'

export interface Suite {
  /** Registers one script as a test per protocol version. */
  readonly script: (name: string, steps: readonly StepLike[], options?: ScriptOptions) => void
  /** Registers random streams of commands made from the templates. */
  readonly random: (name: string, templates: readonly Template[], options?: RandomOptions) => void
  /** The two servers, for tests that go their own way; valid inside tests only. */
  readonly pair: () => Pair
}

/** A describe block with both servers running, started with `directives`. */
export function compat(name: string, body: (suite: Suite) => void, directives: readonly string[] = []): void {
  describe.skipIf(oracle === null)(`compat: ${name}`, () => {
    let running: { oracle: ServerProcess; respite: ServerProcess } | null = null
    beforeAll(async () => {
      const [theirs, ours] = await Promise.all([startOracle(directives), startRespite(directives)])
      running = { oracle: theirs, respite: ours }
    })
    afterAll(async () => {
      await Promise.all([running?.oracle.stop(), running?.respite.stop()])
    })
    const pair = (): Pair => {
      if (running === null) throw new Error('the servers are not running yet')
      return running
    }
    const within = async (options: ScriptOptions, run: () => Promise<void>): Promise<void> => {
      const restore = options.config === undefined ? null : await configure(pair(), options.config)
      try {
        await run()
      } finally {
        await restore?.()
      }
    }
    body({
      pair,
      script(title, steps, options = {}) {
        for (const protocol of options.protocols ?? ([2, 3] as const)) {
          test(`${title} (RESP${protocol})`, () => within(options, () => compare(pair(), steps, protocol)))
        }
      },
      random(title, templates, options = {}) {
        for (const protocol of options.protocols ?? ([2, 3] as const)) {
          test(`random: ${title} (RESP${protocol})`, () =>
            within(options, () => compareRandom(pair(), templates, options, protocol)))
        }
      },
    })
  })
}
